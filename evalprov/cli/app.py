"""Every command but the fast path of `run`, on typer."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from evalprov import __version__, render
from evalprov.cli import audit, baseline, diff, doctor, gate, history, init, noise, show
from evalprov.cli.common import Command, Group
from evalprov.cli.options import OPTIONS, Option

app = typer.Typer(
    name="evalprov",
    cls=Group,
    help="Know for good what exactly was running when an experiment scored 0.74.\n\n"
    "Prefix an eval: [bold]evalprov run -- python my_eval.py[/bold], then [bold]evalprov history[/bold].",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        render.out(f"evalprov {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _help_only(**_: Any) -> None:
    """Run a command and record it.

    The command behaves as it does without us: same output, same exit code, same signals.
    The record goes to metrics/runs, and one line to metrics/eval_history.jsonl.
    If the last line it prints is a JSON object, such as {"accuracy": 0.74}, those are its metrics.

    Example: evalprov run --scenario support-tickets --config eval.yaml -- python my_eval.py

    Exit codes: the command's own; 128+n when signal n ended it; 124 timed out; 125 could not start the run;
    126 not executable; 127 not found; 2 wrong usage of evalprov.
    """


def _parameter(option: Option) -> inspect.Parameter:
    kind: Any = bool if option.metavar is None else list[str] if option.repeatable else str
    annotation = Annotated[kind, typer.Option(option.flag, help=option.help, metavar=option.metavar)]
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default or None, annotation=annotation
    )


_parameters = [
    *map(_parameter, OPTIONS),
    inspect.Parameter(
        "cmd",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[list[str], typer.Argument(metavar="CMD", help="The command and its arguments.")],
    ),
]
_help_only.__signature__ = inspect.Signature(_parameters)  # type: ignore[attr-defined]
_help_only.__annotations__ = {p.name: p.annotation for p in _parameters}

app.command("run", cls=Command)(_help_only)
app.command("show", cls=Command)(show.show)
app.command("history", cls=Command)(history.history)
app.command("diff", cls=Command)(diff.diff)
app.command("audit", cls=Command)(audit.audit)
app.command("gate", cls=Command)(gate.gate)
app.command("noise", cls=noise.WithCommand)(noise.noise)
app.add_typer(baseline.app, name="baseline")
app.command("init", cls=Command)(init.init)
app.command("doctor", cls=Command)(doctor.doctor)
