"""Which runs are meant: the options by which several commands pick from the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from evalprov.cli.options import Option
from evalprov.errors import EvalprovError, UsageError
from evalprov.named import NamedTuple
from evalprov.record.manifest import Status
from evalprov.store.parse_time import second
from evalprov.store.where import begins, condition, equals, tagged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalprov.store.where import Condition

STATUSES = get_args(Status)
OPTIONS = (
    Option("--where", "CONDITION", "Runs of which this holds; if given often, all must.", repeatable=True),
    Option("--scenario", "NAME", "Runs of this scenario only."),
    Option("--program", "HASH", "Runs of this program only, by the beginning of its hash."),
    Option("--tag", "TAG", "Runs with this tag; of several tags, with all of them.", repeatable=True),
    Option("--status", "STATUS", f"One of {', '.join(STATUSES)}.", choices=STATUSES),
    Option("--since", "WHEN", "Runs begun since then: 90m, 36h, 7d, 2026-11-01T10:00 (UTC)."),
)


class Asked(NamedTuple):
    """What is asked of the runs."""

    conditions: list[Condition]
    words: str  # of all that is asked, as what a run is or has
    since: str | None  # the second, spelled as in run ids


def asked(  # noqa: PLR0913 - one argument an option
    *,
    where: Sequence[str],
    scenario: str | None,
    program: str | None,
    tag: Sequence[str],
    status: str | None,
    since: str | None,
) -> Asked:
    """Return what these options ask."""
    of, having = [], []
    if scenario is not None:
        of.append(equals("scenario", scenario))
    if program is not None:
        digits = _digits(program)
        of.append(begins("identity.program", f"sha256:{digits}")._replace(text=f"program {digits}"))
    if status is not None:
        having.append(equals("status", status))
    having += [tagged(one) for one in tag]
    having += [condition(one) for one in where]
    words = []
    if of:
        words.append(f"is of {' and '.join(one.text for one in of)}")
    if having:
        words.append(f"has {' and '.join(one.text for one in having)}")
    if since is not None:
        words.append(f"began since {since}")
    return Asked([*of, *having], " and ".join(words), since and second(since))


def limit(number: str | None, usual: int | None) -> int | None:
    """Return how many runs are meant; null for all."""
    if number is None:
        return usual
    if number in ("0", "all"):
        return None
    if not (number.isascii() and number.isdigit() and len(number) < 10 and int(number) > 0):
        raise UsageError(f"not a number of runs: {number}", "give 1 or more, or 0 for all")
    return int(number)


def _digits(program: str) -> str:
    """Return the beginning of a hash, in any spelling of it."""
    digits = program.strip().lower().removeprefix("sha256:")
    if not 1 <= len(digits) <= 64 or not set(digits) <= set("0123456789abcdef"):
        raise EvalprovError(
            f"not the beginning of a program's hash: {program}", "evalprov show prints it: identity, program"
        )
    return digits
