"""What targets that are servers have in common: where they are, and how their refusals are told."""

from __future__ import annotations

import io
import logging
import os
import re
import tempfile
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import islice
from typing import TYPE_CHECKING, Any

from evalprov.handover.parcel import TargetRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.handover.parcel import FileContent, Rows, SendOptions

_LONGEST = 300
_LOGIN = re.compile(r"(://)[^/@\s]*@")
_AWAY = re.compile(
    r"NewConnectionError|[Cc]onnection ?(?:refused|reset|Error)|Max retries exceeded|NameResolution|"
    r"[Nn]ame or service not known|[Tt]imed? ?out|nodename nor servname|No route to host|Network is unreachable|"
    r"All connection attempts failed"
)
_IS_IT = "is it running, and is that its address? --url names another"
_QUERY = re.compile(r"(://[^\s?]+)\?\S*")


def from_settings(names: tuple[str, ...]) -> str | None:
    """Return the first that is set of the tool's own variables."""
    return next((value for name in names if (value := os.environ.get(name))), None)


def shown_url(url: str) -> str:
    """Return an address without what opens it."""
    return _QUERY.sub(r"\1", _LOGIN.sub(r"\1", url))


@contextmanager
def refusing(tool: str, where: str, hints: Mapping[str, str] | None = None) -> Iterator[None]:
    """Say in one line what a client raised; a hint goes with it where its key is in what was raised."""
    try:
        yield
    except (TargetRefused, ImportError):
        raise
    except Exception as error:  # noqa: BLE001 - a client may raise whatever it likes
        said = " ".join(str(error).split()) or type(error).__name__
        hint = next((hint for key, hint in (hints or {}).items() if key in said), "")
        if _AWAY.search(said):
            raise TargetRefused(f"{tool} is not there ({where}): nobody answers", hint or _IS_IT) from None
        short = shown_url(said if len(said) <= _LONGEST else f"{said[:_LONGEST]}...")
        raise TargetRefused(f"{tool} ({where}): {short}", hint) from None


@contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """Let a client be silent: what matters is raised, and what is printed is ours to say."""
    for name in loggers:  # to the end of this process: some have threads that speak late
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def in_pieces(options: SendOptions, size: int, *parts: Rows) -> Iterator[tuple[Rows, list[Any]]]:
    """Yield what is to be sent in pieces, each with what it is of; one that was taken is shown as done."""
    done, total = 0, sum(part.total for part in parts)
    for part in parts:
        each = part.each()
        while piece := list(islice(each, size)):
            yield part, piece
            done += len(piece)
            if options.progress:
                options.progress(done, total)


@contextmanager
def on_disk(files: Mapping[str, FileContent]) -> Iterator[str]:
    """Give a folder with these files, for clients that take files from there."""
    with tempfile.TemporaryDirectory(prefix="evalprov-") as folder:
        for name, part in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.writelines(part.chunks())
        yield folder


def unless_set(**variables: str) -> None:
    """Set variables of a client's that the user has not set."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
