"""The commands as typer knows them: for help and the shell's completion, which is all that it is used for."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from evalprov import render
from evalprov.cli.options import HELP, Subcommand, SubcommandGroup

if TYPE_CHECKING:
    from evalprov.cli.options import Argument, Option


class CommandHelp(TyperCommand):
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


class GroupHelp(TyperGroup):
    """Several commands under one name."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters."""
        return _shown(super().get_params(ctx))


def _shown(params: Any) -> Any:
    """Return parameters of which a switch has no type to be shown."""
    for one in params:
        if getattr(one, "is_flag", False):
            one.metavar = ""
    return params


def run(commands: dict[str, Subcommand | SubcommandGroup], argv: list[str]) -> int:
    """Print the help that is asked for, or serve the shell's completion; return the exit code."""
    app = typer.Typer(
        name="evalprov",
        cls=GroupHelp,
        help="Know for good what exactly was running when an experiment scored 0.74.\n\n"
        "Prefix an eval: [bold]evalprov run -- python my_eval.py[/bold], then [bold]evalprov history[/bold].",
        rich_markup_mode="rich",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": HELP[::-1]},
    )

    @app.callback()
    def _options(*, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
        pass

    for name, command in commands.items():
        if isinstance(command, SubcommandGroup):
            group = typer.Typer(cls=GroupHelp, help=command.help, no_args_is_help=True)
            for one, inner in command.commands.items():
                group.command(one, cls=CommandHelp)(_documented(inner))
            app.add_typer(group, name=name)
        else:
            app.command(name, cls=CommandHelp)(_documented(command))
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
    # That a count is 1 or more goes without saying.
    least = option.at_least if option.at_least and option.at_least > 1 else None
    kind: Any = bool if option.metavar is None else list[str] if option.repeatable else int if least else str
    flags = filter(None, (option.short, option.flag))
    shown = typer.Option(*flags, help=option.help, metavar=option.metavar, min=least)
    return _parameter(option.name, kind, shown, option.default or None)


def _argument(argument: Argument) -> inspect.Parameter:
    kind: Any = list[str] if argument.many else str
    shown = typer.Argument(metavar=argument.metavar, help=argument.help)
    return _parameter(argument.name, kind, shown, ... if argument.required else argument.default)


def _parameter(name: str, kind: Any, shown: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, shown]
    default = inspect.Parameter.empty if default is ... else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
