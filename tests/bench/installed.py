"""Where the programs under measurement live: each installed as a user would, into a folder of its own."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BENCH = TOP / ".bench"


def con_duct() -> Path:
    """Return con-duct's program."""
    return _installed("con-duct", "con-duct>=0.23,<0.24", once=True) / "con-duct"


def evalprov() -> Path:
    """Return evalprov's program, of the code as it stands, with its bytecode compiled as any installed package has."""
    return _installed("evalprov", str(TOP), once=False) / "evalprov"


def _installed(name: str, what: str, *, once: bool) -> Path:
    folder = BENCH / name
    program = folder / "bin" / name
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
    elif once:
        return folder / "bin"
    again = ["--upgrade", "--force-reinstall", "--no-deps"] if program.exists() else []
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *again, what]
    subprocess.run(pip, check=True, env=environ)
    return folder / "bin"
