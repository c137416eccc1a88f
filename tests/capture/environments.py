"""Python environments for the tests, made of files: no installer is needed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ASK = """
import importlib.metadata, json, sys
sys.path[:1] = sys.argv[1:]
found = {}
for one in importlib.metadata.distributions():
    if one.metadata["Name"]:
        found.setdefault(one.metadata["Name"], one.version)
print(json.dumps(found))
"""


def make_venv(folder: Path) -> Path:
    """Make a virtual environment without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


def like_venv(folder: Path, name: str = "python") -> Path:
    """Make the mere shape of an environment: enough to be found, and never run."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    program(folder / "bin" / name, "#!/bin/sh\nexit 9\n")
    return folder


def program(path: Path, text: str) -> Path:
    """Write an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def site_of(venv: Path) -> Path:
    """Return where an environment has its packages."""
    return venv / "lib" / f"python{VERSION}" / "site-packages"


def install(site: Path, name: str, version: str, *, direct_url: object = None, installer: str = "pip") -> Path:
    """Install a package as a wheel's installer does."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(f"{head}\nVersion: 9 is only in the description\n")
    (info / "INSTALLER").write_text(f"{installer}\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return info


def install_files(site: Path, name: str, version: str, files: dict[str, str], **how: object) -> Path:
    """Install a package with files and their RECORD, which is written last."""
    info = install(site, name, version, **how)  # type: ignore[arg-type]
    lines = []
    for inside, text in files.items():
        path = site / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{inside},sha256={digest},{len(text.encode())}")
    lines += [f"../../../bin/{name},sha256=of-another-shebang,100", f"{info.name}/RECORD,,"]
    (info / "RECORD").write_text("\n".join(lines) + "\n")
    return info


def told_by_python(python: Path | str, first: str = "") -> dict[str, str]:
    """Ask an interpreter's own importlib.metadata what is installed."""
    command = [python, "-c", ASK, *([first] if first else [])]
    answer = subprocess.run(command, check=True, capture_output=True, env={"PATH": os.defpath})
    packages: dict[str, str] = json.loads(answer.stdout)
    return packages
