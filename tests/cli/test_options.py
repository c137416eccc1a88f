"""What a command line may say: how its words are read, what wrong usage is told, and help and completion beside it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from gate_runs import called

from evalprov.cli import COMMANDS, load, selection
from evalprov.cli.options import Subcommand, SubcommandGroup, parse, usage, wants_help
from evalprov.run.request import Request


def every_command() -> dict[str, Subcommand]:
    """Return every command by the words that name it."""
    found: dict[str, Subcommand] = {}
    for name in COMMANDS:
        one = load(name)
        if isinstance(one, SubcommandGroup):
            found |= {f"{name} {inner}": command for inner, command in one.commands.items()}
        else:
            found[name] = one
    return found


EVERY = every_command()


def read(name: str, *words: str) -> dict[str, Any]:
    """Return what a command line says, without what it leaves out."""
    command = EVERY[name]
    values = parse(name, command, words)
    unsaid = {option.name: option.default for option in command.options}
    unsaid |= {argument.name: argument.default for argument in command.arguments}
    return {name: value for name, value in values.items() if value != unsaid.get(name, None)}


READ: tuple[tuple[str, dict[str, Any]], ...] = (
    ("history", {}),
    ("history -n 5", {"number": "5"}),
    ("history -n5", {"number": "5"}),
    ("history -n=5", {"number": "5"}),
    ("history --number=5 --number 6", {"number": "6"}),
    ("history --sort -accuracy", {"sort": "-accuracy"}),
    ("history --where a=1 --where=b>2", {"where": ("a=1", "b>2")}),
    ("history --where= --json", {"where": ("",), "as_json": True}),
    ("show latest~1 --json", {"run": "latest~1", "as_json": True}),
    ("show --json latest~1", {"run": "latest~1", "as_json": True}),
    ("show -- --json", {"run": "--json"}),
    ("show -", {"run": "-"}),
    ("diff a --all b --only metrics", {"a": "a", "b": "b", "everything": True, "only": "metrics"}),
    ("diff a --all -- b", {"a": "a", "b": "b", "everything": True}),
    ("gate --accept data x --accept grader", {"run": "x", "accept": ("data", "grader")}),
    (
        "baseline set --reason why main --force latest",
        {"name": "main", "run": "latest", "reason": "why", "force": True},
    ),
    ("noise latest --json", {"run": "latest", "as_json": True}),
    ("noise --repeat 3 -- cmd --json -- x", {"repeat": 3, "command": ("cmd", "--json", "--", "x")}),
    ("noise --", {"command": ()}),
    ("run --tag a --tag=b cmd --tag c -- d", {"tag": ("a", "b"), "argv": ("cmd", "--tag", "c", "--", "d")}),
    ("run --quiet -- --cmd -h", {"quiet": True, "argv": ("--cmd", "-h")}),
    ("run --timeout 1.5 -- -- x", {"timeout": 1.5, "argv": ("--", "x")}),
    ("run", {"argv": ()}),
)


@pytest.mark.parametrize(("line", "values"), READ)
def test_a_command_line_is_read(line: str, values: dict[str, Any]) -> None:
    """Options stand anywhere between arguments until `--`; what belongs to a command that is run is left to it."""
    first, *words = line.split()
    name = f"{first} {words.pop(0)}" if first == "baseline" else first
    assert read(name, *words) == values


WRONG = (
    ("history --foo", "history has no option --foo", "evalprov history [options], for example: evalprov history -n 5"),
    ("history --wher x", "history has no option --wher", "did you mean --where?"),
    ("history --wher=x=1", "history has no option --wher", "did you mean --where?"),
    ("history -x5", "history has no option -x5", "for example"),
    ("history --json=1", "--json takes no value", "leave out =1"),
    ("history --where", "--where needs a value: --where CONDITION", "for example"),
    ("history --where -- x", "--where needs a value", "for example"),
    ("history 5", "history: unexpected argument '5'", "evalprov history [options]"),
    ("history --status done", "--status is running, completed", "not 'done'"),
    ("diff", "missing A", "evalprov diff [options] A [B], for example: evalprov diff latest~1 latest"),
    ("diff a b c", "diff: unexpected argument 'c'", "A [B]"),
    ("baseline set main", "missing RUN", 'evalprov baseline set main latest --reason "release 1.2"'),
    ("noise --repeat 1 -- x", "--repeat must be a whole number, 2 or more, not '1'", ""),
    ("noise --repeat ² -- x", "--repeat must be a whole number, 2 or more, not '²'", ""),
    ("noise --jobs x -- y", "--jobs must be a whole number, 1 or more, not 'x'", ""),
    ("run --timeout nan -- x", "--timeout must be a number of seconds above 0, not 'nan'", ""),
    ("run --log x -- y", "--log is bounded, full or off, not 'x'", ""),
    ("run --scenaro x -- y", "run has no option --scenaro", "did you mean --scenario? An option of your command goes"),
    ("run --jobs 2 -- x", "--jobs needs --repeat", "evalprov run [options] -- CMD..., for example"),
    ("run --note why", "missing CMD: the command to run", "evalprov run [options] -- CMD..., for example"),
    ("histroy", "evalprov has no command 'histroy'", "did you mean history?"),
    ("python my_eval.py", "evalprov has no command 'python'", "to record a command: evalprov run -- python my_eval.py"),
    ("--foo history", "evalprov has no option --foo", "options go behind a command"),
    ("--store=x history", "evalprov has no option --store\n", "options go behind a command"),
    ("baseline lst", "evalprov baseline has no command 'lst'", "did you mean list?"),
    ("baseline --store x list", "evalprov baseline has no option --store", "evalprov baseline --help"),
)


@pytest.mark.parametrize(("line", "says", "hint"), WRONG)
def test_wrong_usage_is_told_with_what_would_do(tmp_path: Path, line: str, says: str, hint: str) -> None:
    """In our own words, with exit code 2, on stderr alone, before anything is read or written."""
    code, out, remarks = called(tmp_path, *line.split())
    assert (code, out) == (2, "")
    assert says in remarks
    assert hint in remarks
    assert not list(tmp_path.iterdir())


HELP = (
    ("history --help", True),
    ("history -n 5 -h", True),
    ("history --foo --help", True),
    ("history -- --help", False),
    ("noise --repeat 3 -- python -h", False),
    ("run -h", True),
    ("run --note why --help", True),
    ("run --note=why -- python --help", False),
    ("run --note why python --help", False),
    ("run python -h", False),
)


@pytest.mark.parametrize(("line", "wanted"), HELP)
def test_help_is_ours_until_the_command_begins(line: str, wanted: bool) -> None:
    """`--help` and `-h` anywhere mean ours, and behind `--`, or in a command that is run, they are its own."""
    name, *words = line.split()
    assert wants_help(EVERY[name], words) is wanted


PICKS = set(inspect.signature(selection.asked).parameters)
# Options that a command hands on together, and what takes them there.
BY_OTHERS = {
    "run": ("values", set(Request._fields)),
    "sweep": ("values", set(Request._fields)),
    "rerun": ("searched", {"bisect", "good", "bad", "repeat", "max_reruns", "yes"}),
    **dict.fromkeys(("annotate", "compare", "export", "history", "prune", "report"), ("picks", PICKS)),
}


@pytest.mark.parametrize("name", EVERY)
def test_a_command_takes_what_its_table_declares(name: str) -> None:
    """Every value has a parameter of its name and kind, and every parameter a value; the help has an example."""
    command = EVERY[name]
    declared = {
        argument.name: "str" if argument.required or argument.default else "str | None"
        for argument in command.arguments
    }
    for argument in command.arguments:
        if argument.many:
            declared[argument.name] = "tuple[str, ...]"
    if command.behind:
        declared[command.behind] = "tuple[str, ...] | None"
    for option in command.options:
        kind = "float" if option.seconds else "str" if option.at_least is None else "int"
        declared[option.name] = f"{kind} | None" if option.metavar else "bool"
        if option.repeatable:
            declared[option.name] = "Sequence[str]"
    assert len(declared) == len(command.options) + len(command.arguments) + bool(command.behind)
    taken = dict(inspect.signature(command.function).parameters)
    if name in BY_OTHERS:
        del taken[BY_OTHERS[name][0]]
        assert set(declared) - set(taken) <= BY_OTHERS[name][1]
        declared = {one: kind for one, kind in declared.items() if one in taken}
    assert {one.name: one.annotation for one in taken.values()} == declared
    assert f"for example: evalprov {name}" in usage(name, command)


def test_no_flag_stands_twice() -> None:
    """No two options of a command share a spelling, and none is that of the help."""
    for name, command in EVERY.items():
        flags = [flag for option in command.options for flag in (option.flag, option.short) if flag]
        assert len({*flags, "--help", "-h"}) == len(flags) + 2, name


def test_an_unfinished_command_line_is_completed(project: Project) -> None:
    """The shell is told the commands and the options that there are; asked to record, we record."""
    for line, wanted in (("baseline l", "list"), ("run --sc", "--scenario")):
        words = f"evalprov {line}"
        env = {"_EVALPROV_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        assert project.evalprov(env=env).stdout.decode().split() == [wanted], line
    ask = f"{sys.executable} -m evalprov --show-completion; true"
    shown = subprocess.run(["bash", "-c", ask], cwd=project.path, capture_output=True, check=True)
    assert b"_EVALPROV_COMPLETE=complete_bash" in shown.stdout
    done = project.run(
        sys.executable, "-c", "print(7)", options=("--quiet",), env={"_EVALPROV_COMPLETE": "complete_bash"}
    )
    assert done.stdout == b"7\n", "a run is never taken for the shell's question"


def _said(done: tuple[int, str, str]) -> tuple[int, str]:
    """Return an exit code and what was printed, less the empty line at its end."""
    return done[0], done[1].rstrip("\n")


def test_help_stands_behind_every_command(project: Project) -> None:
    """Alone, or on request; a command's help shows its options, and a group's its commands."""
    everything = called(project, "--help")
    assert everything[0] == 0
    assert _said(called(project)) == (2, _said(everything)[1])
    assert all(f" {name} " in everything[1] for name in COMMANDS)
    baseline = called(project, "baseline", "--help")
    assert _said(called(project, "baseline")) == (2, _said(baseline)[1])
    assert all(f" {name} " in baseline[1] for name in ("set", "list", "show", "rm"))
    for name, command in EVERY.items():
        code, out, err = called(project, *name.split(), "-h")
        assert (code, err) == (0, "")
        assert f"Usage: evalprov {name} " in out
        assert all(f" {option.flag} " in out for option in command.options), name


def test_our_own_errors_hold_no_secret(project: Project) -> None:
    """A wrong path or a wrong word may hold a key, and what we say of it is kept by a CI system."""
    env = {"SERVICE_TOKEN": "s3cr3t-Value-0123456789"}
    for words in (
        ["run", "--", "/x/s3cr3t-Value-0123456789"],
        ["show", "s3cr3t-Value-0123456789"],
        ["s3cr3t-Value-0123456789"],
    ):
        done = project.evalprov(*words, env=env)
        assert done.returncode in {2, 127}
        assert b"[secret]" in done.stderr
        assert b"s3cr3t" not in done.stderr
