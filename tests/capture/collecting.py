"""How the tests run one collector: with real commands, and a context made of what matters to the test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.capture.ask import Running, wait_any
from evalprov.capture.collector import CaptureContext, Collector, Findings
from evalprov.secrets import Scrubber
from evalprov.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def context_of(
    root: Path,
    argv: Sequence[str] = ("true",),
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    config_paths: tuple[str, ...] = (),
    **settings: Any,
) -> CaptureContext:
    """Return a context in which this command runs."""
    environ = {"EVALPROV_TRUST": "1", **({"PATH": os.defpath} if environ is None else environ)}
    return CaptureContext(
        argv=tuple(argv),
        cwd=str(cwd or root),
        root=str(root),
        store=f"{root}/metrics",
        environ=environ,
        settings=Settings(str(root), **settings),
        scrub=Scrubber(environ, settings.get("env_secret", ())),
        config_paths=config_paths,
    )


def collected(collect: Collector, context: CaptureContext) -> Findings:
    """Run a collector to its end."""
    steps = collect(context)
    try:
        commands = next(steps)
        while True:
            running = [Running(command) for command in commands]
            while waiting := [one for one in running if one.answer is None]:
                wait_any(waiting)
            commands = steps.send([one.answer for one in running if one.answer])
    except StopIteration as stop:
        found = stop.value
        assert isinstance(found, Findings)
        return found


def settled(collect: Collector, context: CaptureContext) -> Findings:
    """Run a collector, and what it left for later; return all it found."""
    found = collected(collect, context)
    if found.later is None:
        return found
    later = found.later.find(lambda: False)
    facts = {name: dict(section) for name, section in found.facts.items()}
    for name, section in later.facts.items():
        facts.setdefault(name, {}).update(section)
    return found._replace(facts=facts, warnings=(*found.warnings, *later.warnings), reason=later.reason)
