"""What several commands share."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from evalprov import render
from evalprov.settings import load

StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="DIR", help="Where the records are; metrics/ at the project root otherwise."),
]


def counted(count: int) -> str:
    """Return a number of runs in words."""
    return "1 run" if count == 1 else f"{count} runs"


def open_store(given: str | None) -> str:
    """Return the path of the store that is meant."""
    if given:
        return os.path.abspath(given)
    settings = load(os.getcwd())
    return os.path.normpath(os.path.join(settings.root, settings.store))


def _shown(params: Any) -> Any:
    """Return parameters of which a switch has no type to be shown."""
    for one in params:
        if getattr(one, "is_flag", False):
            one.metavar = ""
    return params


class Command(TyperCommand):
    """A command whose help stands as it is written, brackets too."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters."""
        return _shown(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        self.help = render.literal(self.help)
        for one in self.params:
            one.help = render.literal(one.help)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


class Group(TyperGroup):
    """Several commands under one name."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters."""
        return _shown(super().get_params(ctx))
