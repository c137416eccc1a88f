"""The command line: options in, one call, result out. Only this folder prints results and decides exit codes."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from evalprov import __version__, render
from evalprov.cli.options import HELP, SubcommandGroup, did_you_mean, parse, wants_help
from evalprov.errors import CANNOT_START, EvalprovError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evalprov.cli.options import Subcommand

# Each is a module of this folder, which holds its COMMAND; only the one that is asked for is imported. What it does
# stands here as it does there, for the list of all.
COMMANDS = {
    "run": "Run a command and record it.",
    "sweep": "Run a command with every combination of some values, and record each run.",
    "show": "Show what exactly was running.",
    "inputs": "Say what a run used, which layer has it, what nobody declared, and the settings that would declare it.",
    "calls": "Say what a run asked of models: how often, which, tokens, cost, times, failures; or how "
    "two runs' calls differ.",
    "history": "Show the last runs, newest first.",
    "diff": "Say why the score moved from A to B, and whether it is real.",
    "compare": "Hold several programs against the first of them, and say which is the best, and whether that is more "
    "than luck.",
    "report": "Write a page to look at: two runs held against each other, one run, or the history.",
    "audit": "Find programs that disagree with themselves.",
    "gate": "Compare a run with a baseline, and say whether it may pass.",
    "noise": "Say how often the gate would fire although nothing changed.",
    "plan": "Say how many scenarios, and how many runs of them, show a move of a metric.",
    "verify": "Compare the present state with a record, and say how far that run can come back.",
    "restore": "Bring a run's files back to a folder of their own, and prove that they are what ran.",
    "rerun": "Bring a run back to a folder of its own, run its command there again, and judge what comes out.",
    "push": "Send runs to the store that a team shares: those that have ended and are not there yet.",
    "pull": "Fetch what is new in the store that a team shares into its mirror, which --store URL reads.",
    "store": "Keep the store that a team shares in order.",
    "export": "Hand runs over to another tool, whole: what they were, what they scored, scenario by scenario.",
    "import": "Make records of runs that were not made under evalprov.",
    "init": "Write an evalprov.toml that names this project's configs, prompts and data.",
    "doctor": "Repair the records: runs that died, history lines that are missing or torn, leftover files.",
    "baseline": "Keep runs that later ones are compared with: whole records under metrics/baselines, meant "
    "to be committed.",
    "annotate": "Add a note to runs, or give them tags and take tags away, after they ended.",
    "query": "Ask the history in SQL, with DuckDB; nothing can be changed by it.",
    "prune": "Remove old runs: records, history lines, logs, recorded calls, notes, and what no other run needs.",
    "cache": "Say which runs' calls are on disk and how much room they take; remove the oldest.",
    "trust": "Allow what the settings file found here would run, and where it would send records, as it is now.",
    "help": "Print a page about evalprov, or what a command takes; without a topic, name the pages.",
}
_COMPLETION = (["--install-completion"], ["--show-completion"])
_COMPLETED = "_EVALPROV_COMPLETE"  # what a shell sets that asks how a line may go on
_RECORDING = ("run", "sweep")  # what outlives a reader that goes away, and has an exit code for what could not start
_EXAMPLE = "to record a command: evalprov run -- python my_eval.py"


def main(argv: list[str]) -> int:
    """Carry out one command line and return the exit code."""
    try:
        if not argv or argv[0] not in _RECORDING:
            _end_with_the_reader()
        return _carry_out(argv)
    except EvalprovError as problem:
        _tell(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as bug:
        if os.environ.get("EVALPROV_DEBUG"):
            raise
        _tell(_in_words(bug))
        return CANNOT_START if argv[0] in _RECORDING else 2


def _tell(problem: EvalprovError) -> None:
    """Say what went wrong: a CI system keeps our words too, and a wrong path may hold a key."""
    from evalprov.secrets import Scrubber

    scrub = Scrubber(os.environ)
    problem.message, problem.hint = scrub.text(problem.message), problem.hint and scrub.text(problem.hint)
    render.error(problem)


def _end_with_the_reader() -> None:
    """Let a reader that goes away (`evalprov history | head`) end us quietly, as it does every Unix tool."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _in_words(bug: Exception) -> EvalprovError:
    if isinstance(bug, OSError):  # nearly always stdout, on a full disk: what else is read or written has its own words
        where = f": {bug.filename}" if bug.filename else ""
        return EvalprovError(f"cannot go on: {bug.strerror or bug}{where}", "what was recorded is safe")
    hint = "this is a fault in evalprov; EVALPROV_DEBUG=1 shows where"
    return EvalprovError(f"unexpected: {type(bug).__name__}: {bug}", hint)


def _carry_out(argv: list[str]) -> int:
    if argv[:1] in _COMPLETION or (not argv and _COMPLETED in os.environ):
        return _completion(argv)
    if not argv or argv[0] in HELP:
        return _print_help("", None, asked=bool(argv))
    first, *words = argv
    if first == "--version":
        render.out(f"evalprov {__version__}")
        return 0
    _must_be_known(first, COMMANDS, "evalprov", _EXAMPLE)
    command = load(first)
    name = first
    if isinstance(command, SubcommandGroup):
        if not words or words[0] in HELP:
            return _print_help(first, command, asked=bool(words))
        name = f"{first} {words[0]}"
        _must_be_known(words[0], command.commands, f"evalprov {first}", f"more: evalprov {first} --help")
        command = command.commands[words.pop(0)]
    if wants_help(command, words):
        return _print_help(name, command, asked=True)
    return command.function(**parse(name, command, words))


def load(name: str) -> Subcommand | SubcommandGroup:
    """Return what a command of this name does and takes."""
    module = __import__(f"{__name__}.{name}", fromlist=["COMMAND"])  # a run does without importlib
    command: Subcommand | SubcommandGroup = module.COMMAND
    return command


def _must_be_known(word: str, names: Iterable[str], of: str, hint: str) -> None:
    if word in names:
        return
    if word.startswith("-"):
        raise UsageError(f"{of} has no option {word.partition('=')[0]}", f"options go behind a command; {hint}")
    there = f"there are {', '.join(names)}; {hint}"
    raise UsageError(f"{of} has no command {word!r}", did_you_mean(word, tuple(names)) or there)


def _print_help(name: str, command: Subcommand | SubcommandGroup | None, *, asked: bool) -> int:
    """Print what a command takes, or without one which commands there are; unasked it is wrong usage."""
    from evalprov.cli import helping

    _end_with_the_reader()
    if command:
        helping.print_one(name, command)
    else:
        helping.print_all(COMMANDS)
    return 0 if asked else 2


def _completion(argv: list[str]) -> int:
    """Leave the shell's completion to the toolkit."""
    from evalprov.cli import toolkit

    code = toolkit.run({name: load(name) for name in COMMANDS}, argv)
    sys.stdout.flush()
    return code
