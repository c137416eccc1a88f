"""How the present stands to a record, and how far each layer of that run can come back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from evalprov.errors import EvalprovError
from evalprov.judge.diff import Diff, diff
from evalprov.judge.metric_diff import Side
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.restore import code, packages
from evalprov.restore.git import GitFailed, git
from evalprov.run.present import present
from evalprov.store.calls import path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.record.manifest import Manifest

Way = Literal["full", "partial", "none"]
Rung = Literal["everything", "replayed answers", "model by name", "method", "record"]
RUNGS: Mapping[Rung, str] = {
    "everything": "all that is recorded can be brought back; no model is recorded that answers from elsewhere",
    "replayed answers": "all can be brought back, the models' recorded answers too: rerun --replay gives them again",
    "model by name": "all but the model can be brought back; under its name its provider may serve another",
    "method": "the method can be brought back, and not all that it ran on",
    "record": "the record is what is left: the code cannot be brought back",
}
_NO_MODEL = "no answers are recorded, and what a provider serves under a name is never bit for bit the same"


class Back(NamedTuple):
    """How far one layer can come back."""

    way: Way
    why: str


class Verified(NamedTuple):
    """How the present stands to a run, and how far that run can come back."""

    run_id: str
    diff: Diff  # of the run and the present
    back: dict[str, Back]
    rung: Rung
    exit_code: int  # 0 the same and can come back; 1 it differs; 3 not all of it is known

    @property
    def answer(self) -> str:
        """All of it in a line."""
        states = {state: [n for n, one in self.diff.layers.items() if one.state == state] for state in _WORDS}
        said = [f"{words}: {', '.join(states[state])}" for state, words in _WORDS.items() if states[state]]
        now = "; ".join(said) or "now is as then"
        short = [name for name, one in self.back.items() if one.way != "full" and name in _NEEDED]
        back = f"cannot come back whole: {', '.join(short)}" if short else "can be brought back"
        return f"{now}; the run {back}"


_WORDS = {"changed": "changed since", "unknown": "not known", "named": "the same by name alone"}
_NEEDED = ("prompts", "agent", "config", "code", "data", "grader", "software")


def verify(  # noqa: PLR0913 - what is asked, and where
    m: Manifest,
    store: str,
    root: str,
    environ: dict[str, str],
    *,
    deep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Hold the present state against a run, and look how far the run can come back."""
    now = present(m, root, environ, store=store, progress=progress)
    found = diff(Side((m,)), Side((now,)), present=True)
    back = ways(m, now, found, _Pieces(m, store, root), environ if deep else None)
    states = {one.state for one in found.layers.values()}
    short = any(back[name].way != "full" for name in _NEEDED)
    exit_code = 1 if "changed" in states else 3 if "unknown" in states or short else 0
    return Verified(m["run_id"], found, back, rung_of(back), exit_code)


def rung_of(back: Mapping[str, Back]) -> Rung:
    """Return how much of a run a rerun can have in common with it."""
    if back["code"].way == "none":
        return "record"
    if any(back[name].way != "full" for name in _NEEDED):
        return "method"
    if back["model"].way == "full" and back["model"] != _NOBODY:
        return "replayed answers"
    return "everything" if back["model"] == _NOBODY else "model by name"


class _Pieces:
    """What of a run's files is still to be had."""

    def __init__(self, m: Manifest, store: str, root: str) -> None:
        self.store = store
        self.problem: str | None = None
        self.gone: list[str] = []
        self.files: set[str] = set()  # by path from the top
        self.inside = ""  # where the project is, from there
        try:
            sources = code.sources_of(m, store, [root])
            saved = [*m["git"]["saved"].items(), *([("the patch", m["git"]["patch"])] if m["git"]["patch"] else [])]
            for name, one in saved:
                try:
                    code.kept(sources.store, one)
                except code.NoCode as why:
                    self.gone.append(f"{name}: {why}")
            self.gone += code.withheld_for_good(m, sources)
            if sources.source:
                if m["git_sha"]:
                    told = git(sources.source.top, "ls-tree", "-r", "-z", "--name-only", "--full-tree", m["git_sha"])
                    self.files = set(os.fsdecode(told).split("\0"))
                here = os.path.relpath(os.path.realpath(root), os.path.realpath(sources.source.top))
                self.inside = "" if here.startswith(".") else here
        except (code.NoCode, GitFailed) as why:
            self.problem = str(why)
        self.files |= {*m["git"]["staged"], *m["git"]["changed"], *m["git"]["saved"]}
        self.files -= {one["path"] for one in m["git"]["withheld"]}

    def has(self, path: str) -> bool:
        """Say whether a file by its path from the project root comes with the code."""
        return self.problem is None and os.path.normpath(os.path.join(self.inside, path)) in self.files


def ways(
    m: Manifest, now: Manifest, found: Diff, pieces: _Pieces, environ: Mapping[str, str] | None
) -> dict[str, Back]:
    """Say of each layer how far it can come back; with an environment, ask whether packages can still be had."""
    changed = {name for name, one in found.layers.items() if one.state == "changed"}
    known = _present_hashes(now)
    of_code = _of_code(m, pieces, known)

    def files(layer: str, hashes: Mapping[str, str | None]) -> Back | None:
        """Return the way of files; null where there are none."""
        lost = [path for path, sha256 in hashes.items() if not pieces.has(path) and known.get(path) != sha256]
        if lost:
            return Back("partial", f"not in the code, and no longer what it was: {listed(lost)}")
        if not hashes:
            return None
        with_code = all(pieces.has(path) for path in hashes)
        if with_code and layer in changed and of_code.way == "none":
            return of_code
        return Back("full", "comes with the code" if with_code else "its content is still here")

    prompts = {one["path"]: one["sha256"] for one in m["prompts"].values() if one["path"]}
    elsewhere = sorted({*m["prompt_versions"]} - {*m["prompts"]})
    back: dict[str, Back] = {
        "prompts": Back("partial", f"kept elsewhere, known by version: {listed(elsewhere)}")
        if elsewhere
        else files("prompts", prompts) or _NOBODY,
        "model": _model(m, pieces.store),
        "agent": of_code._replace(why="comes with the code")
        if of_code.way == "full" and (m["tools"] or any(m["agent"].values()))
        else of_code
        if m["tools"] or any(m["agent"].values())
        else _NOBODY,
        "config": files("config", {path: one["sha256"] for path, one in m["config"]["files"].items()})
        or Back("full", "the command's words are recorded"),
        "code": of_code,
        "data": _data(m, now, pieces),
        "grader": files("grader", m["grader"]["files"])
        or (Back("partial", "known by its version alone") if m["grader"]["version"] else _NOBODY),
        "software": _software(m, found.layers["software"].state, environ),
        "infra": _infra(m, found.layers["infra"].state),
    }
    return back


_NOBODY = Back("full", "nobody declared any")


def _model(m: Manifest, store: str) -> Back:
    """Return how far a model's answers come back: an API's model never does."""
    if not (m["model_config"] or m["observed"]["model"] or m["calls"]["count"]):
        return _NOBODY
    if not m["calls"]["count"]:
        return Back("none", _NO_MODEL)
    try:
        path_of(store, m)
    except EvalprovError as problem:
        return Back("none", problem.message)
    if not m["calls"]["complete"]:
        return Back("partial", f"not all of its answers are recorded: {m['calls']['reason'] or 'see evalprov calls'}")
    return Back("full", f"its {m['calls']['count']} answers are recorded: rerun --replay gives them again")


def _of_code(m: Manifest, pieces: _Pieces, known: Mapping[str, str | None]) -> Back:
    if pieces.problem:
        return Back("none", pieces.problem)
    beside = [path for path, sha256 in m["code"]["beside"].items() if known.get(path) != sha256]
    if pieces.gone:
        return Back("partial", f"not kept, or gone: {listed(pieces.gone)}")
    if beside:
        return Back("partial", f"git does not have it, and it is no longer what it was: {listed(beside)}")
    if m["git_dirty"]:
        return Back("full", "the commit and what was changed since are here")
    return Back("full", "the commit is here")


def _present_hashes(now: Manifest) -> dict[str, str | None]:
    found = {one["path"]: one["sha256"] for one in now["prompts"].values() if one["path"]}
    found |= now["code"]["beside"] | now["grader"]["files"]
    return found | {path: one["sha256"] for path, one in now["config"]["files"].items()}


def _data(m: Manifest, now: Manifest, pieces: _Pieces) -> Back:
    named = sorted(m["data"]["reported"])
    lost: list[str] = []
    by_dvc: list[str] = []
    for name, one in m["data"]["sets"].items():
        here = now["data"]["sets"].get(name)
        same = here is not None and here["sha256"] is not None and here["sha256"] == one["sha256"]
        if one["sha256"] is None and one["pointer"] is None:
            named.append(name)
        elif not same and not (one["kind"] == "file" and pieces.has(one["path"] or "")):
            (by_dvc if one["pointer"] else lost).append(name)
    if lost:
        return Back("partial", f"no longer what it was: {listed(lost)}")
    if named:
        return Back("partial", f"known by name or version alone: {listed(named)}")
    if by_dvc:
        return Back("partial", f"DVC may have it: {listed(by_dvc)}")
    return Back("full", "its content is still here") if m["data"]["sets"] else _NOBODY


def _software(m: Manifest, state: str, environ: Mapping[str, str] | None) -> Back:
    if state in ("equal", "named"):
        return Back("full", "it is what is installed here")
    executable = m["software"]["executable"]
    if m["software"]["packages"] is None and executable:
        return Back("partial", f"{executable['path']} is another now")
    if why := packages.why_no_packages(m):
        return Back("none", why)
    top = m["git"]["root"] or "/"
    pins = packages.pins_of(m, top)
    if pins.gone:
        return Back("partial", listed(pins.gone))
    count = f"{len(pins.lines)} packages"
    if environ is None:
        return Back("partial", f"{count} by exact version; --deep asks whether they can still be had")
    try:
        lack = packages.obtainable(m, top, environ)
    except packages.NoEnvironment as why:
        lack = str(why)
    return Back("partial", f"not all packages can be had: {lack}") if lack else Back("full", f"all {count} can be had")


def _infra(m: Manifest, state: str) -> Back:
    if state in ("equal", "named"):
        return Back("full", "this machine is alike")
    image = m["infra"]["image"]
    if image:
        return Back("partial", f"the container image is named: {image}")
    return Back("none", "a machine is not brought back; its limits are recorded")
