"""What a command's own trackers have of the run, found after its end: a finder a tool; none writes or locks.

A finder is a module with `find(run)`, which yields what it found, each with the rule that found it.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING

from evalprov.handover.links.ended import CARRIES, MOST, PRINTED, WRITTEN, EndedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from evalprov.record.schema.outcome import RunLink
    from evalprov.secrets import Scrubber

# Each with a sign without which it is not even loaded.
FINDERS: tuple[tuple[str, Callable[[EndedRun], bool]], ...] = (
    ("mlflow", lambda run: "MLFLOW_TRACKING_URI" in run.environ or run.has("mlflow.db", "mlruns")),
    ("wandb", lambda run: "WANDB_DIR" in run.environ or run.has("wandb", ".wandb")),
    ("inspect", lambda run: "INSPECT_LOG_DIR" in run.environ or run.has("logs")),
    ("dvc", lambda run: "DVC_EXP_NAME" in run.environ or run.has_experiments()),
    ("hydra", lambda run: bool(run.composed)),
    ("printed", lambda run: any(b"://" in text for text in run.printed())),
)
SECONDS = 2.0  # for all of them
_RANK = (CARRIES, PRINTED, WRITTEN)  # which rule is believed before which


def find_links(run: EndedRun, scrub: Scrubber) -> tuple[list[RunLink], list[str]]:
    """Return what was found, without secrets, and what went wrong or was too much."""
    found: list[RunLink] = []
    problems: list[str] = []
    until = time.monotonic() + SECONDS
    for name, is_likely in FINDERS:
        if time.monotonic() > until:
            problems.append(f"there was no time to look for what {name} has of this run")
            continue
        try:
            for link in () if not is_likely(run) else import_module(f"evalprov.handover.links.{name}").find(run):
                found.append(link)
                if len(found) > MOST * len(FINDERS):
                    break
        except Exception as error:  # noqa: BLE001 - a file of another tool may be anything
            problems.append(f"what {name} has of this run is not known: {type(error).__name__}: {error}")
    links = []
    for tool, of_tool in _by_tool(found).items():
        if len(of_tool) > MOST:
            problems.append(f"{tool} has more of this run than the {MOST} entries that are linked")
        links += of_tool[:MOST]
    clean: list[RunLink] = [
        {**link, "id": link["id"] and scrub.text(link["id"]), "where": scrub.text(link["where"])} for link in links
    ]
    return clean, [scrub.text(problem) for problem in problems]


def _by_tool(found: Iterable[RunLink]) -> dict[str, list[RunLink]]:
    """Return the links by tool, the same thing once; what was merely written counts where nothing carries our id."""
    once: dict[tuple[str, str], RunLink] = {}
    for link in found:
        key = (link["tool"], link["id"] or link["where"])
        known = once.get(key)
        if known is None:
            once[key] = link
            continue
        better, other = sorted((known, link), key=_rank)
        is_address = other["where"].startswith("http") and not better["where"].startswith("http")
        once[key] = {**better, "where": other["where"]} if is_address else better
    tools: dict[str, list[RunLink]] = {}
    for link in once.values():
        tools.setdefault(link["tool"], []).append(link)
    for links in tools.values():
        if any(link["rule"] == CARRIES for link in links):
            links[:] = [link for link in links if link["rule"] != WRITTEN]
    return tools


def _rank(link: RunLink) -> int:
    return _RANK.index(link["rule"]) if link["rule"] in _RANK else 0
