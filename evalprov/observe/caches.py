"""Where models and data sets that were fetched once are kept: whose files a command opens there says what it used."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST = 200  # of a cache
_HUBS = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")
_KINDS = ("models--", "datasets--", "spaces--")
_PARTS = ("refs", "blobs")  # what a name stands for just now, and the files themselves, by their content
_SHA256 = 64


def cache_folders(environ: Mapping[str, str]) -> Iterator[str]:
    """Give the folders of files that caches of this environment have, as far as they are there."""
    home = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/", ".cache")
    hugging = environ.get("HF_HOME") or os.path.join(home, "huggingface")
    hubs = [environ[name] for name in _HUBS if environ.get(name)] or [os.path.join(hugging, "hub")]
    for hub in dict.fromkeys(map(os.path.realpath, hubs)):
        for name in islice(_names(hub), MOST):
            yield from filter(os.path.isdir, (os.path.join(hub, name, part) for part in _PARTS))
    torch = os.path.join(environ.get("TORCH_HOME") or os.path.join(home, "torch"), "hub", "checkpoints")
    if os.path.isdir(torch):
        yield os.path.realpath(torch)


def _names(hub: str) -> Iterator[str]:
    try:
        names = os.listdir(hub)
    except OSError:
        return
    yield from (name for name in names if name.startswith(_KINDS))


def content_in(path: str) -> str | None:
    """Return the hash that a file in a cache is called by; null for what is called otherwise."""
    folder, name = os.path.split(path)
    is_hash = len(name) == _SHA256 and not name.strip("0123456789abcdef")
    return f"sha256:{name}" if is_hash and os.path.basename(folder) == "blobs" else None
