"""Files that were read before launch, looked at again after."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Watch:
    """Remembers how files stood, to say which were written to since."""

    def __init__(self, root: str, paths: Iterable[str]) -> None:
        self._root = root
        self._before = {path: self._stamp(path) for path in paths}

    def changed(self) -> list[str]:
        """Return one sentence for each file that is no longer as it was."""
        said = []
        for path, before in self._before.items():
            now = self._stamp(path)
            if now is None and before is not None:
                said.append(f"{path} was removed while the command ran; the record has it as it was before")
            elif now != before:
                said.append(f"{path} was written to while the command ran; the record has it as it was before")
        return said

    def _stamp(self, path: str) -> tuple[int, int, int] | None:
        try:
            found = os.stat(os.path.join(self._root, path))
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns, found.st_ino
