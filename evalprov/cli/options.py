"""The options of `evalprov run`: declared once, read without a toolkit on the fast path, shown by typer in the help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evalprov.errors import EvalprovError


class Option(NamedTuple):
    """One option: its flag, what it takes (nothing, for a switch), and its help."""

    flag: str
    metavar: str | None
    help: str
    repeatable: bool = False
    choices: tuple[str, ...] = ()
    number: bool = False
    whole: bool = False

    @property
    def name(self) -> str:
        """The name its value goes by."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def default(self) -> Any:
        """What it is where it is not given."""
        return () if self.repeatable else None if self.metavar else False


OPTIONS = (
    Option("--scenario", "NAME", "What the program is evaluated on, e.g. support-tickets."),
    Option("--config", "PATH", "A configuration file to record.", repeatable=True),
    Option("--set", "KEY=VALUE", "Declare a fact, as in the settings: model.temperature=0.2", repeatable=True),
    Option("--prompt", "NAME=PATH@V", "Declare a prompt file, with a version if you like.", repeatable=True),
    Option("--data", "NAME=PATH@V", "Declare a data set: a file, a folder or a .dvc pointer.", repeatable=True),
    Option("--tag", "TAG", "A word to find the run by.", repeatable=True),
    Option("--note", "TEXT", "Why you ran it."),
    Option(
        "--metrics-file",
        "PATH[:FORMAT]",
        "Read the metrics from this file when the command is done: JSON, or lm-eval, inspect, promptfoo ... results.",
    ),
    Option("--timeout", "SECONDS", "End the command and all it started after this time (exit 124).", number=True),
    Option(
        "--repeat",
        "N",
        "Run the command so many times, each a run of its own, and sum them up. {trial} in a word of the command or in "
        "--metrics-file stands for 1, 2 ...",
        whole=True,
    ),
    Option("--jobs", "J", "Run so many of them at a time; their output is kept, not shown.", whole=True),
    Option("--store", "DIR", "Where to keep the records; metrics/ at the project root otherwise."),
    Option("--require-clean", None, "Refuse to run unless everything is committed."),
    Option("--strict", None, "Refuse to run where a declared file is there and cannot be read."),
    Option(
        "--log",
        "MODE",
        "Keep the output's head and tail, all of it, or none.",
        choices=("bounded", "full", "off"),
    ),
    Option("--quiet", None, "Say nothing of our own, errors aside."),
)

_USAGE = "evalprov run [options] -- CMD..., for example: evalprov run -- python my_eval.py"


def parse(words: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Split `[options] [--] CMD...` into the options' values by name and the command."""
    known = {option.flag: option for option in OPTIONS}
    values: dict[str, Any] = {option.name: option.default for option in OPTIONS}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        flag, equals, attached = word.partition("=")
        option = known.get(flag)
        if option is None:
            raise EvalprovError(f"run has no option {flag}", _suggestion(flag, known))
        if option.metavar is None:
            if equals:
                raise EvalprovError(f"{flag} takes no value", f"leave out ={attached}")
            values[option.name] = True
            continue
        if not equals:
            if not rest or rest[0] == "--":
                raise EvalprovError(f"{flag} needs a value: {flag} {option.metavar}", _USAGE)
            attached = rest.pop(0)
        value = _value(option, attached)
        values[option.name] = (*values[option.name], value) if option.repeatable else value
    if not rest:
        raise EvalprovError("there is no command to run", _USAGE)
    if values["jobs"] and not values["repeat"]:
        raise EvalprovError("--jobs goes with --repeat: --repeat N --jobs J", _USAGE)
    return values, tuple(rest)


def _value(option: Option, text: str) -> Any:
    if option.choices and text not in option.choices:
        raise EvalprovError(f"{option.flag} is {', '.join(option.choices[:-1])} or {option.choices[-1]}, not {text!r}")
    if option.whole:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
            raise EvalprovError(f"{option.flag} wants a whole number above 0, not {text!r}")
        return int(text)
    if not option.number:
        return text
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise EvalprovError(f"{option.flag} wants a number of seconds above 0, not {text!r}")
    return value


def _suggestion(flag: str, known: dict[str, Option]) -> str:
    import difflib

    near = difflib.get_close_matches(flag, known, n=1)
    tip = f"did you mean {near[0]}? " if near else ""
    return f"{tip}An option of your command goes behind --: {_USAGE}"
