"""A page put in its place, whole or not at all, and opened."""

from __future__ import annotations

import os
import stat

from evalprov.errors import EvalprovError
from evalprov.store.folder import Folder

FOLDER = "reports"  # of the store: git does not see it


def write(path: str, page: str) -> bool:
    """Write a page; what is there under that name gives way to it. Say whether it is a file and no stream."""
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    try:
        if _is_stream(path):  # /dev/stdout, or a pipe that somebody reads
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(page)
            return False
        os.makedirs(folder, exist_ok=True)
        with Folder(folder, follow=True) as place:
            place.write(name, page.encode())
    except OSError as error:
        hint = "-o names another file; what was there before is as it was"
        why = f"{folder} is no folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise EvalprovError(f"cannot write the page {path}: {why or error}", hint) from None
    return True


def _is_stream(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise OSError(0, "it is a folder")
    return not stat.S_ISREG(mode)


def show(path: str) -> bool:
    """Open a page in the user's browser; say whether there is one."""
    import webbrowser
    from urllib.parse import quote

    return webbrowser.open(f"file://{quote(os.path.abspath(path))}")
