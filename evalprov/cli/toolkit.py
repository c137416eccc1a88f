"""The commands as typer knows them, for the shell's completion, which is all that it is used for."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalprov.cli.options import Subcommand, SubcommandGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.cli.options import Argument, Option


def run(commands: dict[str, Subcommand | SubcommandGroup], argv: list[str]) -> int:
    """Serve the shell's completion; return the exit code."""
    app = typer.Typer(name="evalprov", add_completion=True, pretty_exceptions_enable=False)
    for name, command in commands.items():
        if isinstance(command, SubcommandGroup):
            group = typer.Typer()
            for one, inner in command.commands.items():
                group.command(one)(_documented(inner))
            app.add_typer(group, name=name)
        else:
            app.command(name)(_documented(command))
    try:
        code = app(args=argv, prog_name="evalprov", standalone_mode=True)
    except SystemExit as end:
        code = end.code
    return code if isinstance(code, int) else 0


def _documented(command: Subcommand) -> Any:
    """Return a function that typer finds the command's options, arguments and help in."""

    def documented(**_: Any) -> None:
        pass

    parameters = [*map(_argument, command.arguments), *map(_option, command.options)]
    documented.__doc__ = command.function.__doc__
    documented.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    documented.__annotations__ = {one.name: one.annotation for one in parameters}
    return documented


def _option(option: Option) -> inspect.Parameter:
    kind: Any = bool if option.metavar is None else list[str] if option.repeatable else str
    flags = filter(None, (option.short, option.flag))
    shown = typer.Option(
        *flags, help=option.help, autocompletion=_beginning(option.choices) if option.choices else None
    )
    return _parameter(option.name, kind, shown, option.default or None)


def _beginning(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


def _argument(argument: Argument) -> inspect.Parameter:
    kind: Any = list[str] if argument.many else str
    return _parameter(argument.name, kind, typer.Argument(), ... if argument.required else argument.default)


def _parameter(name: str, kind: Any, shown: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, shown]
    default = inspect.Parameter.empty if default is ... else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
