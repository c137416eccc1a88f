"""What a command line may say: each command's options and arguments, declared in tables, and the parser of them all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.errors import UsageError
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HELP = ("--help", "-h")


class Option(NamedTuple):
    """One option: its flag, what it takes (nothing, for a switch), and its help."""

    flag: str
    metavar: str | None
    help: str
    repeatable: bool = False
    choices: tuple[str, ...] = ()
    seconds: bool = False  # a number of them
    at_least: int | None = None  # a whole number, this or more
    short: str = ""
    into: str = ""  # the name its value goes by, where it is not the flag's

    @property
    def name(self) -> str:
        """The name its value goes by."""
        return self.into or self.flag.lstrip("-").replace("-", "_")

    @property
    def default(self) -> Any:
        """What it is where it is not given."""
        return () if self.repeatable else None if self.metavar else False


class Argument(NamedTuple):
    """One argument: the name its value goes by, how it is written in the help, and its help."""

    name: str
    metavar: str
    help: str
    default: str | None = None
    required: bool = False
    many: bool = False  # all words that are left


class Subcommand(NamedTuple):
    """One command: the function that is given every value by its name, and whose docstring is the help."""

    function: Callable[..., int]
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...] = ()
    wraps: bool = False  # the first word that is no option begins another command line
    behind: str = ""  # the name by which the words behind -- go, where they are no arguments
    shown_behind: str = "[-- WORDS...]"  # how these are written

    @property
    def flags(self) -> dict[str, Option]:
        """The options by each spelling of their flags."""
        return {flag: option for option in self.options for flag in (option.flag, option.short) if flag}


class SubcommandGroup(NamedTuple):
    """Commands under one name."""

    help: str
    commands: dict[str, Subcommand]


def wants_help(command: Subcommand, words: Sequence[str]) -> bool:
    """Say whether help is asked for, before `--` and before any word of a command that is to be run."""
    taking = {flag for flag, option in command.flags.items() if option.metavar}
    is_value = False
    for word in words:
        if word in HELP:
            return True
        if word == "--" or (command.wraps and not is_value and not _is_option(word)):
            return False
        is_value = not is_value and word in taking
    return False


def parse(name: str, command: Subcommand, words: Sequence[str]) -> dict[str, Any]:
    """Return the values of a command's options and arguments by their names."""
    values: dict[str, Any] = {option.name: option.default for option in command.options}
    given: list[str] = []
    behind: tuple[str, ...] | None = None
    rest = iter(words)
    for word in rest:
        if word == "--":
            behind = tuple(rest)
        elif _is_option(word):
            option, value = _option(name, command, word, rest)
            values[option.name] = (*values[option.name], value) if option.repeatable else value
        else:
            given += [word, *rest] if command.wraps else [word]
    if command.behind:
        values[command.behind] = behind
    else:
        given += behind or ()
    return values | _placed(name, command, given)


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _option(name: str, command: Subcommand, word: str, rest: Iterator[str]) -> tuple[Option, Any]:
    """Return the option that a word names, and its value, which may be the next word."""
    flags = command.flags
    flag, equals, attached = word.partition("=")
    if word[:2] in flags:  # -n5
        flag, attached = word[:2], word[2:].removeprefix("=")
        equals = attached
    option = flags.get(flag)
    if option is None:
        raise UsageError(f"{name} has no option {flag}", _suggestion(name, command, flag))
    if option.metavar is None:
        if equals:
            raise UsageError(f"{flag} takes no value", f"leave out ={attached}")
        return option, True
    if not equals:
        value = next(rest, "--")
        if value == "--":
            raise UsageError(f"{flag} needs a value: {flag} {option.metavar}", usage(name, command))
        attached = value
    return option, _value(option, attached)


def _value(option: Option, text: str) -> Any:
    if option.choices and text not in option.choices:
        raise UsageError(f"{option.flag} is {', '.join(option.choices[:-1])} or {option.choices[-1]}, not {text!r}")
    if option.at_least is not None:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= option.at_least):
            raise UsageError(f"{option.flag} must be a whole number, {option.at_least} or more, not {text!r}")
        return int(text)
    if not option.seconds:
        return text
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{option.flag} must be a number of seconds above 0, not {text!r}")
    return value


def _placed(name: str, command: Subcommand, given: list[str]) -> dict[str, Any]:
    """Return the arguments' values by their names."""
    values: dict[str, Any] = {}
    left = iter(given)
    for argument in command.arguments:
        value = tuple(left) if argument.many else next(left, argument.default)
        if argument.required and not value:
            raise UsageError(f"missing {argument.metavar}", usage(name, command))
        values[argument.name] = value
    if (more := next(left, None)) is not None:
        raise UsageError(f"{name}: unexpected argument {more!r}", usage(name, command))
    return values


def _suggestion(name: str, command: Subcommand, flag: str) -> str:
    tip = did_you_mean(flag, command.flags)
    if command.wraps:
        return f"{tip and tip + ' '}An option of your command goes behind --: {usage(name, command)}"
    return tip or usage(name, command)


def did_you_mean(word: str, known: Sequence[str] | dict[str, Any]) -> str:
    """Return the question whether the nearest of the known words is meant; nothing where none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else ""


def written(name: str, command: Subcommand) -> str:
    """Return how a command is written."""
    words = [f"evalprov {name} [options]"]
    for argument in command.arguments:
        shown = argument.metavar if argument.required else f"[{argument.metavar}]"
        words.append(f"-- {argument.metavar}..." if command.wraps else shown)
    if command.behind and "--" not in " ".join(words):
        words.append(command.shown_behind)
    return " ".join(words)


def usage(name: str, command: Subcommand) -> str:
    """Return how a command is written, with the first example of its help."""
    example = re.search(r"Examples?: ([^;]+?)\s*(?:;|$)", command.function.__doc__ or "", flags=re.MULTILINE)
    return written(name, command) + (f", for example: {example[1]}" if example else "")
