"""What `--help` prints, of all commands and of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.cli.options import Subcommand, SubcommandGroup, written
from evalprov.views import help as view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.cli.options import Option

_HELP = ("-h, --help", "Print this.")
_ABOUT = """Know for good what exactly was running when an experiment scored 0.74.

Prefix an eval: evalprov run -- python my_eval.py, then: evalprov history."""


def print_all(commands: Mapping[str, str]) -> None:
    """Print what evalprov is, and what each of its commands does."""
    options = [
        ("--version", "Print the version."),
        ("--install-completion", "Complete words of evalprov in this shell from now on."),
        ("--show-completion", "Print the completion script of this shell."),
        _HELP,
    ]
    blocks = {"commands": list(commands.items()), "options": options}
    render.page(view.page("evalprov COMMAND [options]", _ABOUT, blocks, render.width()))


def print_one(name: str, command: Subcommand | SubcommandGroup) -> None:
    """Print what a command does and takes."""
    if isinstance(command, SubcommandGroup):
        text, usage = command.help, f"evalprov {name} COMMAND [options]"
        blocks = {"commands": [(inner, summary(one)) for inner, one in command.commands.items()], "options": [_HELP]}
    else:
        text, usage = command.function.__doc__ or "", written(name, command)
        arguments = [
            (one.metavar, one.help + (f" Without it: {one.default}" if one.default else ""))
            for one in command.arguments
        ]
        blocks = {"arguments": arguments, "options": [*map(_option, command.options), _HELP]}
    render.page(view.page(usage, text, blocks, render.width()))


def _option(option: Option) -> tuple[str, str]:
    spelled = f"{option.short}, {option.flag}" if option.short else option.flag
    unsaid = option.choices and not all(word in option.help for word in option.choices)
    more = f" One of: {', '.join(option.choices)}." if unsaid else ""
    text = option.help.removesuffix(".") + " (repeatable)." if option.repeatable else option.help
    return f"{spelled} {option.metavar}" if option.metavar else spelled, text + more


def summary(command: Subcommand | SubcommandGroup) -> str:
    """Return what a command does, in a sentence."""
    return view.summary(command.help if isinstance(command, SubcommandGroup) else command.function.__doc__ or "")
