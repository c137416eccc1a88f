"""The table of the campaign: repositories, surroundings, commands and stores, each by itself and in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from campaign.children import CHILDREN, Child, sh
from campaign.repositories import STATES, State
from campaign.row import Row
from campaign.surroundings import PLACES, SURROUNDINGS, Around, Place

# What each repository, surroundings and store is tried with; the first of each list in `make test` as well.
BRIEF = {
    "a report": sh('echo \'{"metrics": {"accuracy": 0.74}}\'; echo words >&2; exit 3'),
    "reads stdin": Child(("/bin/cat", "/dev/stdin"), b"one\ntwo\n"),
    "by a signal": sh("echo before; kill -TERM $$"),
    "changes a file": sh("echo changed >> eval.py; echo new > made.txt; /bin/mkdir -p out; echo 1 > out/1"),
}
# Where every tenth row or so of a list goes, so that a broken state of each kind is met by `make test`.
QUICK_STATES = {
    "empty untracked file", "dirty", "conflict", "unborn", "worktree", "submodule", "odd names", "unreadable",
    "index spoilt", "filter that fails", "read-only",
}  # fmt: skip
QUICK_SURROUNDINGS = {
    "PYTHONPATH and all others", "PATH without git", "TMPDIR not there", "values that are no text", "ulimit -n 64",
    "umask 777", "all closed", "no environment at all",
}  # fmt: skip
QUICK_CHILDREN = {
    "SIGKILL", "bytes", "not found", "not executable", "no interpreter line", "leaves a child with its output",
    "removes its own folder", "over many lines",
}  # fmt: skip
QUICK_PLACES = {"elsewhere", "by a link", "where a file is", "with a history that is torn"}


def row(
    group: str,
    name: str,
    state: State = STATES["clean"],
    *,
    around: Around | None = None,
    child: Child = BRIEF["a report"],
    place: Place | None = None,
    quick: bool = False,
) -> Row:
    """Put one row together."""
    around, place = around or Around(), place or Place()
    cwd = around.cwd if around.cwd != "." else state.cwd

    def setup(folder: Path) -> None:
        state.setup(folder)
        for needs, where in ((around.needs, folder), (place.needs, folder), (child.needs, folder / cwd)):
            needs(where)

    return Row(
        group,
        name,
        setup,
        child.argv,
        {**state.env, **around.env},
        child.stdin if around.stdin is None else around.stdin,
        "\n".join(filter(None, (around.around, place.around, state.around))),
        cwd,
        place.options or (("--store", "{folder}/kept") if state.store == "kept" else ()),
        None if around.refused else state.store if place == Place() else place.store,
        child.same_output,
        max(state.adds, around.adds),
        around.refused or place.refused,
        quick,
    )


def rows() -> Iterator[Row]:
    """Yield every row."""
    for name, child in CHILDREN.items():
        yield row("command", name, child=child, quick=name in QUICK_CHILDREN)
        yield row("command, no repository", name, STATES["none"], child=child)
    for number, (with_what, child) in enumerate(BRIEF.items()):
        for name, state in STATES.items():
            quick = not number and name in QUICK_STATES
            yield row(f"repository, {with_what}", name, state, child=child, quick=quick)
    for number, with_what in enumerate(("a report", "changes a file")):
        child = BRIEF[with_what]
        for name, around in SURROUNDINGS.items():
            quick = not number and name in QUICK_SURROUNDINGS
            yield row(f"surroundings, {with_what}", name, around=around, child=child, quick=quick)
        for name, place in PLACES.items():
            quick = not number and name in QUICK_PLACES
            yield row(f"store, {with_what}", name, STATES["dirty"], child=child, place=place, quick=quick)
