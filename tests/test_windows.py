"""On Windows nothing is begun, and what to do is said."""

from __future__ import annotations

import subprocess
import sys

import pytest

AS_ON_WINDOWS = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name in {"fcntl", "termios", "resource", "pwd", "grp", "_posixsubprocess", "select"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
for name in ("fcntl", "termios", "resource", "pwd", "grp", "_posixsubprocess", "select"):
    sys.modules.pop(name, None)
sys.platform = "win32"
from evalprov.__main__ import main
main()
"""


@pytest.mark.parametrize("words", [("run", "--", "echo", "started"), ("history",), ("--help",), ()])
def test_windows_is_refused_with_the_way_out(words: tuple[str, ...]) -> None:
    """Every command line says that it does not run there, names WSL and ends with 2, before anything is missed."""
    done = subprocess.run([sys.executable, "-c", AS_ON_WINDOWS, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert "does not run on Windows" in first
    assert "WSL" in second
