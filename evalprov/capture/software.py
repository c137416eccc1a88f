"""The child's Python, its packages, and the versions of the tools that the project names."""

from __future__ import annotations

import os

from evalprov import __version__
from evalprov.capture.collector import Found, Scene, Steps
from evalprov.capture.commands import Answer, Command
from evalprov.capture.interpreter import Choice, choose
from evalprov.capture.text import first_line, readable

TIMEOUT = 20.0


def collect(scene: Scene) -> Steps:
    """Ask the Python that the command will run on, and the declared tools, all at once."""
    choice = choose(scene.argv, scene.cwd, scene.environ, scene.root)
    tools = scene.settings.versions
    questions = [_probe(choice)] if choice.argv else []
    questions += [
        Command(("/bin/sh", "-c", line), _elsewhere(scene.root), dict(scene.environ), timeout=TIMEOUT)
        for line in tools.values()
    ]
    answers = (yield questions) if questions else []
    uname = os.uname()
    system: dict[str, str | None] = {
        "platform": f"{uname.sysname} {uname.release} {uname.machine}",
        "evalprov_version": __version__,
    }
    found = Found({"system": system}, reason=choice.reason)
    if choice.argv:
        found = _installed(scene, choice, answers[0], system)
    warnings = list(found.warnings)
    for (name, line), answer in zip(tools.items(), answers[len(answers) - len(tools) :], strict=True):
        key = f"{name}_version"
        if system.get(key) is not None:
            warnings.append(f"version of {name}: the measured {system[key]} is kept, `{line}` is not recorded")
            continue
        said = first_line(answer.out) or first_line(answer.err)
        fault = answer.problem or (f"exit {answer.code}: {said}" if answer.code else "")
        system[key] = None if fault or not said else scene.scrub.text(said)
        if system[key] is None:
            fault = fault or "it printed nothing"
            warnings.append(scene.scrub.text(f"version of {name} is not known: `{line}`: {fault}"))
    return found._replace(warnings=tuple(warnings))


def _elsewhere(folder: str) -> str | None:
    """Return a folder to change to; null where we are there already, for then no shell is needed."""
    try:
        return None if os.getcwd() == folder else folder
    except OSError:
        return folder


def _probe(choice: Choice) -> Command:
    from evalprov.capture.packages import PROBE

    # -B: the probe must not leave a .pyc file behind.
    argv = (*choice.argv, "-B", "-c", PROBE, choice.first)
    return Command(argv, _elsewhere(choice.cwd), dict(choice.environ), timeout=TIMEOUT)


def _installed(scene: Scene, choice: Choice, answer: Answer, system: dict[str, str | None]) -> Found:
    from evalprov.capture.packages import packages_hash, parse

    installed = parse(answer.out) if answer.problem is None else None
    if installed is None:
        words = answer.problem or f"exit {answer.code}: {first_line(answer.err) or 'no answer'}"
        reason = f"{choice.argv[0]} (found by {choice.found_by}) did not tell its packages: {words}"
        return Found({"system": system}, reason=scene.scrub.text(readable(reason)))
    system["python_version"] = installed.version
    sources = {name: scene.scrub.text(source) for name, source in installed.sources.items()}
    software = {
        "interpreter": {
            "path": scene.scrub.text(installed.executable or readable(choice.argv[0])),
            "prefix": scene.scrub.text(installed.prefix),
            "implementation": installed.implementation,
            "found_by": choice.found_by,
            "certain": choice.certain,
        },
        "packages": installed.packages,
        "packages_hash": packages_hash(installed.packages, sources, scene.root),
        "package_sources": sources,
    }
    warnings = tuple(scene.scrub.text(one) for one in installed.warnings)
    doubt = scene.scrub.text(readable(choice.reason)) if choice.reason else None
    return Found({"system": system, "software": software}, warnings, reason=doubt)
