"""A repeat that was not run to its end: what of it has a result, and what is still under way on its engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.errors import EvalprovError, UsageError
from evalprov.named import NamedTuple
from evalprov.record.result import has_result
from evalprov.run.pipeline import context_of
from evalprov.run.trials import Ended, of_trial
from evalprov.store import ids, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Manifest, Repeat
    from evalprov.run.request import Request

OUTLIVING = ("slurm",)  # engines whose jobs go on when we are gone


class EarlierTrials(NamedTuple):
    """What was there before of a list of trials that was not run to its end, by their numbers."""

    going: dict[int, Manifest]  # that the engine may still have
    lost: dict[int, Any]  # that are done again


class Resumed(NamedTuple):
    """What there is of a repeat."""

    id: str
    of: int
    ended: Mapping[int, Ended]  # trials that have a result, by number
    earlier: EarlierTrials


def resumed(  # noqa: PLR0913 - what is asked, and by whom
    request: Request, spec: str, times: int | None, cwd: str, environ: dict[str, str], *, on_engine: bool
) -> Resumed:
    """Return what there is of a repeat; what differs from it is refused."""
    context = context_of(request, cwd, environ)
    store = context.store
    lines = _lines(store, spec)
    repeat: Repeat = next(iter(lines.values()))["repeat"]
    if times is not None and times != repeat["of"]:
        raise UsageError(f"repeat {repeat['id']} is of {repeat['of']} trials, not {times}", "leave out --repeat")
    for number, line in lines.items():
        words = of_trial(request, line["repeat"]).argv
        asked = opened_words(context.scrub.argv(words))
        if line["command"]["argv"] and line["command"]["argv"] != asked:
            raise UsageError(
                f"trial {number} of repeat {repeat['id']} ran another command: {' '.join(line['command']['argv'])}",
                "give the command of that repeat, or begin a new one with --repeat",
            )
    ended = {
        number: Ended(number, line["exit_code"] or 0, line["run_id"], store)
        for number, line in lines.items()
        if has_result(line)
    }
    earlier = EarlierTrials({}, {})
    for number, line in lines.items():
        if line["status"] != "running":
            if line["engine"] and number not in ended:
                earlier.lost[number] = line
            continue
        engine = line["engine"]
        if engine and engine["name"] in OUTLIVING and on_engine:
            earlier.going[number] = read.load(store, line["run_id"])
        else:
            hint = "it is resumed with the same --on" if engine else "wait for it, or end it; evalprov doctor looks"
            raise EvalprovError(f"trial {number} is still running: {line['run_id']}", hint)
    return Resumed(repeat["id"], repeat["of"], ended, earlier)


def opened_words(words: list[str]) -> list[str]:
    """Return words as a record has them."""
    from evalprov.capture.text import readable

    return [readable(word) for word in words]


def _lines(store: str, spec: str) -> dict[int, Any]:
    """Return the last run of every trial, by number: of the repeat of this name, or of this run's."""
    name = spec if "-" in spec and ids.is_run_id(spec.partition("-")[0]) else None
    if name is None:
        repeat = read.load(store, spec)["repeat"]
        if repeat is None:
            raise EvalprovError(f"run {spec} is of no repeat: there is nothing to resume")
        name = repeat["id"]
    began = name.partition("-")[0]
    found: dict[int, Any] = {}
    lines = read.iterate(store, [])
    try:
        for line in lines:
            if ids.order(line["run_id"]) < ids.order(began):
                break
            if (said := line["repeat"]) is not None and said["id"] == name:
                known = found.get(said["trial"])
                if known is None or (has_result(line) and not has_result(known)):
                    found[said["trial"]] = line
    finally:
        lines.close()
    if not found:
        raise EvalprovError(f"there is no repeat {name}", "evalprov history --json tells each run's: repeat.id")
    return found
