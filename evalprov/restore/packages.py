"""The packages of a run, installed anew: exact pins, nothing resolved; proven afterwards by their hash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from evalprov.capture.software.packages import EDITABLE
from evalprov.named import NamedTuple
from evalprov.numbers import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Manifest

PATIENCE = 1800.0  # seconds
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]*")
_PYTHON = re.compile(r"\d+\.\d+(\.\d+)?([ab]|rc)?\d*\+?")
_SHOWN = 5
_OF_ANOTHER = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")


class NoEnvironment(Exception):  # noqa: N818 - it is a finding
    """The packages cannot be had; the words say why."""


class Pins(NamedTuple):
    """What is to be installed."""

    lines: list[str]
    elsewhere: list[str]  # those that come from no package index, as they will be asked for
    gone: list[str]  # those that cannot come back, and why


def pins_of(m: Manifest, top: str) -> Pins:
    """Return every package of a run as an exact requirement."""
    pins = Pins([], [], [])
    for name, version in (m["software"]["packages"] or {}).items():
        source = m["software"]["package_sources"].get(name)
        if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
            pins.gone.append(f"{name[:80]} {version[:80]} is no package's name and version")
        elif source is None:
            pins.lines.append(f"{name}=={version}")
        elif line := _from_elsewhere(name, source, m, top):
            pins.lines.append(line)
            pins.elsewhere.append(line)
        else:
            kind = "is editable" if source.endswith(EDITABLE) else f"came from {source}"
            pins.gone.append(f"{name} {kind}, and that is not here any more")
    return pins


def _from_elsewhere(name: str, source: str, m: Manifest, top: str) -> str | None:
    """Return the requirement of a package that came from no index; null where it cannot be had."""
    if re.search(r"[\s;\x00-\x1f]", source.removesuffix(EDITABLE)):
        return None
    if not source.startswith("file:"):
        return f"{name} @ {source}" if re.match(r"(git|hg|svn|bzr)\+\w+://|https?://", source) else None
    path = unquote(urlsplit(source.removesuffix(EDITABLE)).path)
    root = m["git"]["root"]
    if root and f"{path}/".startswith(f"{root}/"):
        path = os.path.normpath(top + path[len(root) :])
    if not os.path.exists(path):
        return None
    return f"-e {path}" if source.endswith(EDITABLE) else f"{name} @ file://{path}"


def why_no_packages(m: Manifest) -> str | None:
    """Say why a record rules out that its packages come back; null where it does not."""
    if m["software"]["packages"] is None:
        outcome = m["capture"].get("software")
        return (outcome and outcome["reason"]) or "which packages there were is not known"
    version = m["system"].get("python_version") or ""
    return (
        None if _PYTHON.fullmatch(version) else f"its Python, {version or 'of unknown version'}, is none that is made"
    )


def obtainable(m: Manifest, top: str, environ: Mapping[str, str]) -> str | None:
    """Ask whether all packages can still be had, installing none; return what cannot, or null."""
    pins = pins_of(m, top)
    if pins.gone:
        return listed(pins.gone, _SHOWN, between="; ")
    uv = shutil.which("uv", path=environ.get("PATH"))
    if uv is None:
        return "uv, which can tell, is not installed here"
    version = (m["system"].get("python_version") or "").rstrip("+")
    words = [uv, "pip", "install", "--dry-run", "--no-deps", "--python-version", version, "--target", "/nonexistent"]
    done = _asked([*words, "-r", "-"], environ, stdin="\n".join(pins.lines))
    return None if done.returncode == 0 else _words(done)


def make_environment(m: Manifest, top: str, place: str, environ: Mapping[str, str]) -> str:
    """Make an environment with the packages of a run; return what made it. NoEnvironment where that fails."""
    if why := why_no_packages(m):
        raise NoEnvironment(why)
    pins = pins_of(m, top)
    if pins.gone:
        raise NoEnvironment(listed(pins.gone, _SHOWN, between="; "))
    version = (m["system"]["python_version"] or "").rstrip("+")
    environ = {name: value for name, value in environ.items() if name not in _OF_ANOTHER}
    uv = shutil.which("uv", path=environ.get("PATH"))
    wanted = "\n".join(pins.lines)
    if uv:
        _run([uv, "venv", "--quiet", "--no-project", "--python", version, place], environ)
        if wanted:
            install = ("pip", "install", "--quiet", "--python", f"{place}/bin/python", "--no-deps", "-r", "-")
            _run([uv, *install], environ, wanted)
        return "uv"
    _run([_python(m, version, environ), "-m", "venv", place], environ)
    pip = [f"{place}/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    if wanted:
        _run([*pip, "install", "--no-deps", "-r", "/dev/stdin"], environ, wanted)
    packages = m["software"]["packages"] or {}
    if strangers := [name for name in ("setuptools", "wheel", "pip") if name not in packages]:
        _run([*pip, "uninstall", "--yes", *strangers], environ)
    return "venv and pip"


def _python(m: Manifest, version: str, environ: Mapping[str, str]) -> str:
    """Return a Python of just this version."""
    interpreter = m["software"]["interpreter"]
    minor = ".".join(version.split(".")[:2])
    found = [shutil.which(name, path=environ.get("PATH")) for name in (f"python{minor}", "python3", "python")]
    for python in dict.fromkeys([interpreter and interpreter["path"], *found]):
        if python and os.access(python, os.X_OK):
            done = _asked([python, "-c", "import sys; print(sys.version.split()[0])"], environ, "")
            if done.stdout.strip().rstrip("+") == version:
                return python
    raise NoEnvironment(f"there is no Python {version} here, and uv, which gets one, is not installed")


def _words(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program said of its failure, in one line."""
    lines = [" ".join(line.split()) for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines)[:400] or f"exit {done.returncode}"


def _run(words: list[str], environ: Mapping[str, str], stdin: str = "") -> None:
    done = _asked(words, environ, stdin)
    if done.returncode:
        raise NoEnvironment(f"{os.path.basename(words[0])}: {_words(done)}")


def _asked(words: list[str], environ: Mapping[str, str], stdin: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            env=dict(environ),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NoEnvironment(f"{os.path.basename(words[0])}: {problem}") from None
