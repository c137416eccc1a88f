"""Make a Python environment in which evalprov finds nothing that only Linux has.

Usage: environment.py FOLDER; to be run by the Python whose packages it is to have.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path


def main() -> None:
    """Make it, with the packages of the Python that runs this."""
    venv.create(sys.argv[1], symlinks=True, clear=True)
    (packages,) = Path(sys.argv[1]).glob("lib/python*/site-packages")
    (packages / "without_linux.py").symlink_to(Path(__file__).with_name("without_linux.py").resolve())
    theirs = sysconfig.get_path("purelib")
    (packages / "portable.pth").write_text(f"import site; site.addsitedir({theirs!r})\nimport without_linux\n")


if __name__ == "__main__":
    main()
