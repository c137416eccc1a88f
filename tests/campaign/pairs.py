"""Rows that bring together what was only tried by itself: repository, surroundings, command, store, secret and terminal.

Each row is drawn so that it has as many pairs as can be that no row had before; the draw is the same every time.
"""

from __future__ import annotations

import random
import stat
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from campaign.children import CHILDREN, Child
from campaign.repositories import STATES, State, write
from campaign.row import Row
from campaign.surroundings import PLACES, SURROUNDINGS, Around, Place

COUNT = 540
TRIES = 40  # draws of which the best becomes a row
SEED = 20261121

CANARY = "sk-proj-Zt7Qw9Lm2Xc5Vb8Nn4Kj6Hg3Fd1Sa0Po"
SHORT = "corr3ct-h0rse"
HARM = "metrics/runs/$EVALPROV_RUN_ID.json"


class Secret(NamedTuple):
    """Where a secret of the user's is, that must not get into the store."""

    value: str = ""
    env: Mapping[str, str] = {}
    said: str = ""  # by a shell before its script
    words: tuple[str, ...] = ()  # behind it
    needs: Callable[[Path], object] = lambda folder: None


SECRETS: dict[str, Secret] = {
    "none": Secret(),
    "in a variable": Secret(CANARY, {"OPENAI_API_KEY": CANARY}),
    "printed": Secret(CANARY, {"OPENAI_API_KEY": CANARY}, 'echo "key $OPENAI_API_KEY"'),
    "printed to stderr in colour": Secret(CANARY, {"MY_TOKEN": CANARY}, 'printf "\\033[1m$MY_TOKEN\\033[0m\\n" >&2'),
    "short, in a variable and printed": Secret(SHORT, {"DB_PASSWORD": SHORT}, 'echo "login with $DB_PASSWORD"'),
    "printed with no line end": Secret(CANARY, {"MY_TOKEN": CANARY}, 'printf "$MY_TOKEN"'),
    "an argument": Secret(CANARY, words=("sh", "--api-key", CANARY)),
    "an argument with =": Secret(SHORT, words=("sh", f"--password={SHORT}")),
    "in a URL": Secret(SHORT, words=("sh", f"postgresql://user:{SHORT}@host/db")),
    "in .env": Secret(CANARY, needs=lambda f: write(f, ".env", f"OPENAI_API_KEY={CANARY}\n")),
    "in a new file": Secret(CANARY, needs=lambda f: write(f, "notes.py", f"API_KEY = '{CANARY}'\n")),
    "in a tracked file": Secret(CANARY, needs=lambda f: write(f, "eval.py", f"print(1)\ntoken = '{CANARY}'\n")),
    "in a report": Secret(
        CANARY,
        {"MY_TOKEN": CANARY},
        '[ -z "$EVALPROV_REPORT" ] || echo "{\\"metrics\\": {\\"a\\": 1}, \\"tools\\": [\\"$MY_TOKEN\\"]}" >>"$EVALPROV_REPORT"',
    ),
    "in a scenario's name": Secret(
        CANARY, {"MY_TOKEN": CANARY}, 'echo "{\\"scenario\\": \\"$MY_TOKEN\\", \\"metrics\\": {\\"a\\": 1}}"'
    ),
}

# What a command does to its own record; what we say of it is no output of the command's.
HARMFUL: dict[str, Child] = {
    name: Child(("/bin/sh", "-c", f"echo before; [ -z \"$EVALPROV_RUN_ID\" ] || {{ {script}; }}; echo after; exit 3"), same_output=False)
    for name, script in {
        "empties its record": f": >{HARM}",
        "removes its record": f"rm -f {HARM}",
        "makes its record a link": f"mv {HARM} metrics/x; ln -s ../x {HARM}",
        "makes its record a folder": f"rm -f {HARM}; mkdir {HARM}",
        "removes its logs": "rm -rf metrics/logs",
        "removes its marker": "rm -rf metrics/active",
        "removes what was kept": "rm -rf metrics/objects metrics/patches",
    }.items()
}  # fmt: skip
TERMINALS = ("none", "all", "out", "err")
# These take seconds each, and are tried by themselves.
HEAVY = {"10 MB", "10 MB of lines on both", "a thousand processes", "a line of 3 MB", "leaves a child with its output"}
SLOW = {"git that hangs", "with a thousand runs", "two thousand secrets", "ten thousand variables"}
# What a bare command does at a terminal, and with a terminal's end, that no two runs do alike.
NOT_AT_TERMINALS = {
    "is asked its group",
    "writes to both in turn",
    "stops and goes on",
    "leaves a daemon",
    "closes its output",
}

DIMENSIONS: dict[str, Mapping[str, Any]] = {
    "repository": STATES,
    "surroundings": {"plain": Around(), **SURROUNDINGS},
    "command": {name: child for name, child in {**CHILDREN, **HARMFUL}.items() if name not in HEAVY},
    "store": {"usual": Place(), **PLACES},
    "secret": SECRETS,
    "terminal": dict.fromkeys(TERMINALS),
}
Choice = dict[str, str]


def rows() -> Iterator[Row]:
    """Yield the rows."""
    for choice in drawn(COUNT):
        yield row(choice)


def drawn(count: int) -> Iterator[Choice]:
    """Yield choices that go together, each with as many new pairs as can be."""
    chance = random.Random(SEED)
    seen: set[tuple[tuple[str, str], ...]] = set()
    for _ in range(count):
        best, fresh = None, -1
        for _ in range(TRIES):
            choice = {name: chance.choice(list(values)) for name, values in DIMENSIONS.items()}
            new = sum(pair not in seen for pair in combinations(choice.items(), 2))
            if new > fresh and go_together(choice):
                best, fresh = choice, new
        if best:
            seen.update(combinations(best.items(), 2))
            yield best


def go_together(choice: Choice) -> bool:  # noqa: PLR0911 - one return a reason
    """Say whether these can be had at once, and what is expected of them is known."""
    state: State = STATES[choice["repository"]]
    around: Around = DIMENSIONS["surroundings"][choice["surroundings"]]
    place: Place = DIMENSIONS["store"][choice["store"]]
    child: Child = DIMENSIONS["command"][choice["command"]]
    secret = SECRETS[choice["secret"]]
    if place != Place() and (state.store != "metrics" or state.cwd != "." or around.cwd != "." or state.around):
        return False
    if (state.cwd != "." and around.cwd != ".") or _in_each_others_way(choice, child):
        return False
    if sum("exec " in lines and '"$@"' in lines for lines in (state.around, around.around, place.around)) > 1:
        return False
    if (around.refused or place.refused) and choice["secret"] != "none":
        return False
    if choice["command"] in HARMFUL and (
        place != Place() or around.refused or state.store != "metrics" or state.cwd != "." or around.cwd != "."
    ):
        return False
    if choice["terminal"] != "none" and (
        child.stdin is not None or around.stdin is not None or choice["command"] in NOT_AT_TERMINALS
        or "PYTHONINSPECT" in around.env  # there Python asks whoever sits at the terminal what to do next
        or any(sign in around.around for sign in ("<", ">", "setsid", "timeout", "SIG", "trap"))
    ):  # fmt: skip
        return False
    if (secret.said or secret.words) and child.argv[:2] != ("/bin/sh", "-c"):
        return False
    # A file of ours beside a state's own: only where the state is a plain one.
    if secret.needs is not SECRETS["none"].needs and (state.around or state.cwd != "." or state.env):
        return False
    return {choice["surroundings"], choice["store"]}.isdisjoint(SLOW)


def _in_each_others_way(choice: Choice, child: Child) -> bool:
    """Say whether one of these is set up where another is, or harms the bare command as well."""
    repository, surroundings, store = choice["repository"], choice["surroundings"], choice["store"]
    return (
        (surroundings == "a folder by a link" and store != "usual")
        or ("settings" in repository and store == "with settings")
        or (repository == "a pipe as .gitignore" and choice["command"] == "commits")  # git itself hangs
        or (repository == ".git a link" and store == "by a link")  # both make a folder of one name
        or (repository == "another's" and surroundings == "without privileges")  # there nothing can be written at all
        # It commits the store's own files, which are ignored once we have been there.
        or (choice["command"] == "commits" and store.startswith("with "))
        # The shell says by itself, and in its own words, what it did not find.
        or (surroundings == "PATH empty" and "/" not in child.argv[0])
        # setpriv finds and starts what the other user may not: a program in root's folders, or none on root's PATH.
        or (surroundings == "another user" and not child.argv[0].startswith("/bin/"))
    )


def row(choice: Choice) -> Row:
    """Put one row together."""
    state: State = STATES[choice["repository"]]
    around: Around = DIMENSIONS["surroundings"][choice["surroundings"]]
    place: Place = DIMENSIONS["store"][choice["store"]]
    child: Child = DIMENSIONS["command"][choice["command"]]
    secret = SECRETS[choice["secret"]]
    cwd = around.cwd if around.cwd != "." else state.cwd
    argv = list(child.argv)
    if secret.said:
        argv[2] = f"{secret.said}\n{argv[2]}"
    argv += secret.words

    def setup(folder: Path) -> None:
        state.setup(folder)
        for needs in (around.needs, place.needs, secret.needs):
            needs(folder)
        child.needs(folder / cwd)
        if choice["surroundings"] == "another user":
            around.needs(folder)  # all of it is that user's, not only what was there before
        if place.around and stat.S_IMODE(folder.stat().st_mode) != 0o755:
            folder.chmod(0o755)

    return Row(
        "combined",
        ", ".join(f"{name} {value}" for name, value in choice.items()),
        setup,
        tuple(argv),
        {**state.env, **around.env, **secret.env},
        child.stdin if around.stdin is None else around.stdin,
        "\n".join(filter(None, (around.around, place.around, state.around))),
        cwd,
        place.options or (("--store", "{folder}/kept") if state.store == "kept" else ()),
        None if around.refused else state.store if place == Place() else place.store,
        child.same_output,
        state.adds + around.adds,
        around.refused or place.refused,
        secret=secret.value,
        terminal=choice["terminal"],
    )
