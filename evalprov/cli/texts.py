"""The text differences between two runs: which are meant, where they are looked for, and how they are printed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.common import project_of
from evalprov.cli.options import Option
from evalprov.isolation import here
from evalprov.settings import load
from evalprov.views import text_edits as views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.explain.text_edits import TextEdits
    from evalprov.views.diff_words import FoundDifference

OPTIONS = (
    Option("--code", None, "Show the lines of the code that differ."),
    Option("--prompts", None, "Show those of prompts, configs and graders; with --all of data and lock files, too."),
)


def layers(*, code: bool, prompts: bool, everything: bool) -> list[str]:
    """Return the layers whose files are shown."""
    from evalprov.explain.text_edits import LAYERS

    asked = {"--code": code, "--prompts": prompts, "--all": everything and (code or prompts)}
    return [layer for layer in LAYERS if asked[views.ASK.get(layer, "--all")]]


def with_texts(found: FoundDifference, store: str, wanted: Sequence[str]) -> FoundDifference:
    """Return a comparison with how the files of these layers differ."""
    from evalprov.restore.edits import TextPlace, text_edits  # only here is it needed
    from evalprov.secrets import Scrubber

    settings = load(here())
    place = TextPlace(store, project_of(store, settings), Scrubber(os.environ, settings.env_secret))
    edits = text_edits(found.a.runs[0], found.b.runs[0], place, present=found.present, layers=wanted)
    return found._replace(texts=edits)


def print_texts(found: TextEdits) -> None:
    """Print them: a page for a person, a patch for a program, and beside either what it does not show."""
    if sys.stdout.isatty():
        from evalprov.cli.pager import paged

        paged(views.page(found))
        words = [f"not every file that differs is known: {found.problem}"] if found.problem else []
        words += views.elsewhere(found)
    else:
        patch = "".join(f"{line}\n" for line in views.unified(found))
        render.raw(patch.encode("utf-8", "surrogateescape"), sys.stdout)
        words = list(views.remarks(found))
    for one in words:
        render.note(one)
