"""What is handed out: built twice it is equal byte for byte, complete, and free of known holes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
WANTED = ("evalprov/py.typed", "evalprov/__main__.py", "evalprov/secrets/__init__.py")
PROBE = """
import socket, sys
def refused(*_): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refused
import evalprov, evalprov.cli
for name in evalprov.cli.COMMANDS: evalprov.cli.load(name)
print(evalprov.__version__)
"""


def built(folder: Path) -> dict[str, str]:
    """Build both forms; return the hash of each file."""
    words = [sys.executable, "-m", "build", "--outdir", folder, TOP]
    subprocess.run(words, check=True, capture_output=True)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def told(name: str, words: list[str | Path]) -> bool:
    """Carry out one check; say how it went."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    print(f"{'ok' if done.returncode == 0 else 'FAILED'}  {name}", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr)
    return done.returncode == 0


def audited(pins: Path) -> bool:
    """Ask whether a version has a known hole; what could not be asked is said, and is no failure of ours."""
    words = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "-f", "json"]
    done = subprocess.run([*words, "-r", pins], capture_output=True, text=True, check=False)
    known = json.loads(done.stdout)["dependencies"] if done.stdout.startswith("{") else []
    asked = [one for one in known if "vulns" in one]
    holes = [f"{one['name']} {one['version']}: {hole['id']}" for one in asked for hole in one["vulns"]]
    count = len(pins.read_text().splitlines())
    print(f"{'FAILED' if holes else 'ok' if asked else 'not asked'}  known holes: {', '.join(holes) or 'none'}", end="")
    print(f" in {len(asked)} of {count} packages; no service told of the others")
    return not holes


def main() -> int:
    """Build twice, compare, check, install into an empty environment, and audit what comes with it."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        first, second = built(here / "one"), built(here / "two")
        same = first == second and len(first) == 2
        print(f"{'ok' if same else 'FAILED'}  two builds are equal: {first}")
        wheel = next((here / "one").glob("*.whl"))
        inside = zipfile.ZipFile(wheel).namelist()
        whole = all(one in inside for one in WANTED) and not any(
            one.startswith(("tests", "fixtures")) for one in inside
        )
        print(f"{'ok' if whole else 'FAILED'}  the wheel holds the package with its types, and nothing else")
        fine = [same, whole, told("twine check", [sys.executable, "-m", "twine", "check", *(here / "one").iterdir()])]
        venv.create(here / "empty", with_pip=True)
        python = here / "empty" / "bin" / "python"
        fine += [
            told("installs into an empty environment", [python, "-m", "pip", "install", "--quiet", wheel]),
            told("imports without asking the network", [python, "-c", PROBE]),
            told("runs", [here / "empty" / "bin" / "evalprov", "run", "--store", here / "store", "--", "true"]),
        ]
        listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
        pins = here / "pins.txt"
        pins.write_text("".join(f"{line}\n" for line in listed.splitlines() if "==" in line))
        fine.append(audited(pins))
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
