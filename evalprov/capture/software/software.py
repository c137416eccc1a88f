"""What the command runs on: its Python with the packages, or another program, and the tools the project names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from evalprov import __version__
from evalprov.capture.ask import Question, Reply
from evalprov.capture.collector import CaptureContext, Findings, Later, Steps
from evalprov.capture.software.interpreter import ELSEWHERE, MANAGERS, choose, is_python
from evalprov.capture.text import first_line, readable
from evalprov.named import NamedTuple
from evalprov.numbers import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from evalprov.capture.software.packages import Installed
    from evalprov.capture.software.trees import Tree
    from evalprov.capture.software.way import PythonChoice
    from evalprov.record.manifest import FoundFacts
    from evalprov.record.schema.software import ExecutableFacts, LookedAgain, PackageFacts, PythonAndProgram, TreesFacts

TIMEOUT = 20.0
AGAIN = 5.0  # seconds for what is asked after the command's end
SHOWN = 5  # packages that a sentence names


class _SoftwareLook(NamedTuple):
    """What was found of the Python and its packages."""

    choice: PythonChoice
    facts: PackageFacts | None  # null where it did not tell its packages
    version: str | None = None
    installed: Installed | None = None
    trees: dict[str, Tree] = {}  # noqa: RUF012 - never changed
    warnings: tuple[str, ...] = ()
    reason: str | None = None


def collect(context: CaptureContext) -> Steps:
    """Ask the Python that the command will run on, or its other program, and the declared tools, all at once."""
    choice = choose(context.argv, context.cwd, context.environ, context.root)
    tools = _permitted(context)
    questions = [_probe(choice)] if choice.argv else []
    questions += [
        Question(("/bin/sh", "-c", line), _elsewhere(context.root), dict(context.environ), timeout=TIMEOUT)
        for line in tools.values()
    ]
    version = None
    if choice.program:
        from evalprov.capture.software.executable import question

        version = question(choice.program, context.environ)
    asked = [version] if version else []
    answers = (yield questions + asked) if questions or asked else []
    uname = os.uname()
    system: dict[str, str | None] = {
        "platform": f"{uname.sysname} {uname.release} {uname.machine}",
        "evalprov_version": __version__,
    }
    look = yield from _looked(context, choice, answers[0] if choice.argv else None)
    if look.version:
        system["python_version"] = look.version
    reasons = [look.reason]
    software: PackageFacts | ExecutableFacts | PythonAndProgram | None = look.facts
    if choice.program:
        from evalprov.capture.software.executable import executable_steps

        said = answers[-1] if version else None
        entry, problem = yield from executable_steps(choice.program, said, context.environ, context.store)
        program: ExecutableFacts = {"executable": {**entry, "path": context.scrub.text(readable(entry["path"]))}}
        software = {**look.facts, **program} if look.facts else program
        reasons.append(problem and context.scrub.text(readable(problem)))
    of_tools = dict(zip(tools, answers[len(questions) - len(tools) : len(questions)], strict=True))
    warnings = [*look.warnings, *_add_tools(context, system, of_tools)]
    reason = "; ".join(filter(None, reasons)) or None
    facts: FoundFacts = {"system": system}
    if software:
        facts["software"] = software
    return Findings(facts, tuple(warnings), reason=reason, later=_later(context, look, reason))


def _elsewhere(folder: str) -> str | None:
    """Return a folder to change to; null where we are there already, for then no shell is needed."""
    try:
        return None if os.getcwd() == folder else folder
    except OSError:
        return folder


def _probe(choice: PythonChoice, timeout: float | None = None) -> Question:
    from evalprov.capture.software.packages import PROBE

    # -B: the probe must not leave a .pyc file behind.
    argv = (*choice.argv, "-B", "-c", PROBE, choice.first)
    return Question(argv, _elsewhere(choice.cwd), dict(choice.environ), timeout=timeout or TIMEOUT)


def _permitted(context: CaptureContext) -> Mapping[str, str]:
    """Return the commands of the settings that may be run."""
    from evalprov.settings.trust import commands_of, is_trusted

    settings = context.settings
    if not settings.versions or is_trusted(settings, context.environ):
        return settings.versions
    theirs = commands_of(settings)
    return {name: line for name, line in settings.versions.items() if name not in theirs}


def _add_tools(context: CaptureContext, system: dict[str, str | None], answers: Mapping[str, Reply]) -> list[str]:
    """Put in the versions of the declared tools; return what is not known of them."""
    warnings = []
    if untrusted := [name for name in context.settings.versions if name not in answers]:
        for name in untrusted:
            system.setdefault(f"{name}_version", None)
        file = os.path.basename(context.settings.path or "")
        hint = f"{file} is not trusted to run commands; look at its [versions], then: evalprov trust"
        warnings.append(context.scrub.text(f"version of {', '.join(untrusted)} is not known: {hint}"))
    for name, answer in answers.items():
        key, line = f"{name}_version", context.settings.versions[name]
        if system.get(key) is not None:
            warnings.append(f"version of {name}: the measured {system[key]} is kept, `{line}` is not recorded")
            continue
        said = first_line(answer.out) or first_line(answer.err)
        fault = answer.problem or (f"exit {answer.code}: {said}" if answer.code else "")
        system[key] = None if fault or not said else context.scrub.text(said)
        if system[key] is None:
            fault = fault or "it printed nothing"
            warnings.append(context.scrub.text(f"version of {name} is not known: `{line}`: {fault}"))
    return warnings


def _looked(
    context: CaptureContext, choice: PythonChoice, answer: Reply | None
) -> Generator[list[Question], list[Reply], _SoftwareLook]:
    """Read what a Python said of itself, and ask about the folders that it uses packages from."""

    def clean(text: str) -> str:
        return context.scrub.text(readable(text))

    if answer is None:
        return _SoftwareLook(choice, None, reason=choice.reason)
    from evalprov.capture.software.packages import packages_hash, parse

    installed = parse(answer.out) if answer.problem is None else None
    if installed is None:
        words = answer.problem or f"exit {answer.code}: {first_line(answer.err) or 'no answer'}"
        reason = f"{choice.argv[0]} (found by {choice.found_by}) did not tell its packages: {words}"
        return _SoftwareLook(choice, None, reason=clean(reason))
    trees: dict[str, Tree] = {}
    if installed.folders:
        from evalprov.capture.software.trees import trees_steps

        trees = yield from trees_steps(installed, context.root, context.environ)
    sources = {name: context.scrub.text(source) for name, source in installed.sources.items()}
    facts: PackageFacts = {
        "interpreter": {
            "path": context.scrub.text(installed.executable or readable(choice.argv[0])),
            "prefix": context.scrub.text(installed.prefix),
            "implementation": installed.implementation,
            "found_by": choice.found_by,
            "certain": choice.certain,
        },
        "packages": installed.packages,
        "packages_hash": packages_hash(installed.packages, sources, context.root),
        "package_sources": sources,
        "package_trees": {name: tree.told(None, context.scrub.text) for name, tree in trees.items()},
    }
    warnings = tuple(context.scrub.text(one) for one in installed.warnings)
    doubt = clean(choice.reason) if choice.reason else None
    return _SoftwareLook(choice, facts, installed.version, installed, trees, warnings, doubt)


# --- once the command has started ---------------------------------------------------------------------------


def _later(context: CaptureContext, look: _SoftwareLook, reason: str | None) -> Later | None:
    """Return what is left to look at: the packages' content, after the end where they can have moved."""
    if _may_move(context, look.choice):
        return Later(lambda nobody_waits: _again(context, look, nobody_waits), after_end=True)
    installed = look.installed
    if installed is None:
        return None
    return Later(lambda nobody_waits: _with_content(context, look, reason, nobody_waits))


def _may_move(context: CaptureContext, choice: PythonChoice) -> bool:
    """Say whether what the command starts may be another Python, or have other packages by then."""
    manages = any(os.path.basename(word) in MANAGERS for word in context.argv[:4])
    return choice.found_by in MANAGERS or manages or not choice.certain


def _with_content(
    context: CaptureContext, look: _SoftwareLook, reason: str | None, nobody_waits: Callable[[], bool]
) -> Findings:
    """Add the hashes of what is installed and of the folders that packages are used from."""
    from evalprov.capture.code.beside import added_folders
    from evalprov.capture.software.installed import FILES, SIZE, content_of
    from evalprov.capture.software.trees import sum_of
    from evalprov.capture.sums import Bounds, NotRead

    installed = look.installed
    assert installed is not None
    reasons = [reason]
    content: str | None = None
    try:
        bounds = Bounds(FILES, SIZE, nobody_waits)
        content = content_of(installed, context.root, context.environ, bounds)
    except (NotRead, OSError) as error:
        reasons.append(f"packages are known by their versions alone: not read: {error}")
    trees = {}
    for name, tree in look.trees.items():
        sha256 = None
        if not tree.covered:
            try:
                sha256 = sum_of(tree, installed.entries[name], context.environ, Bounds(FILES, SIZE, nobody_waits))
            except (NotRead, OSError) as error:
                reasons.append(f"the sources of {name} are not known: {error}")
        trees[name] = tree.told(sha256, context.scrub.text)
    software: TreesFacts = {"packages_content": content, "package_trees": trees}
    facts: FoundFacts = {"software": software}
    beside, problem = added_folders(context, installed, nobody_waits)
    if beside:
        facts["code"] = {"beside": beside}
    reasons.append(problem)
    return Findings(facts, reason=context.scrub.text(readable("; ".join(filter(None, reasons)))) or None)


def _again(context: CaptureContext, before: _SoftwareLook, nobody_waits: Callable[[], bool]) -> Findings:
    """Look at the packages again: a manager, or what the command started, can have changed them."""
    choice = _really_ran(choose(context.argv, context.cwd, context.environ, context.root), context)
    if not choice.argv:
        return Findings({}, reason=choice.reason and context.scrub.text(readable(choice.reason)))
    look = _asked(_again_steps(context, choice))
    if look.facts is None:
        return Findings({"software": {"packages_content": None}}, reason=f"after the run: {look.reason}")
    reason = "; ".join(filter(None, (_settled(look.reason), "looked at again after the run")))
    found = _with_content(context, look, reason, nobody_waits)
    content = cast("TreesFacts", found.facts["software"])
    again: LookedAgain = {**look.facts, **content}
    found.facts["software"] = again
    found.facts["system"] = {"python_version": look.version}
    same = choice.found_by != "process" or choice.argv == before.choice.argv
    moved = _moved(before.facts and before.facts["packages"], look.facts["packages"] or {}) if same else []
    return found._replace(warnings=(*(one for one in look.warnings if one not in before.warnings), *moved))


def _really_ran(choice: PythonChoice, context: CaptureContext) -> PythonChoice:
    """Return the Python that was seen among the command's processes, where which one it would be was a guess."""
    seen = [path for path in dict.fromkeys(context.ran or ()) if is_python(os.path.basename(path))]
    elsewhere = choice.program is not None and os.path.basename(choice.program) in ELSEWHERE
    if choice.certain or elsewhere or not seen:
        return choice
    if len(seen) > 1:
        return choice._replace(
            reason="; ".join(filter(None, (choice.reason, f"several Pythons ran: {', '.join(seen)}")))
        )
    reason = f"{seen[0]} was seen running; another one that ended at once may have been missed"
    return choice._replace(argv=(seen[0],), certain=True, found_by="process", reason=reason)


def _again_steps(
    context: CaptureContext, choice: PythonChoice
) -> Generator[list[Question], list[Reply], _SoftwareLook]:
    [answer] = yield [_probe(choice, AGAIN)]
    return (yield from _looked(context, choice, answer))


def _asked(steps: Generator[list[Question], list[Reply], _SoftwareLook]) -> _SoftwareLook:
    """Run the steps to their end, here and now."""
    from evalprov.capture.ask import Running, wait_any

    answers: list[Reply] | None = None
    try:
        while True:
            # A generator not yet begun takes null.
            running = [Running(command) for command in steps.send(answers)]  # type: ignore[arg-type]
            while waiting := [one for one in running if one.answer is None]:
                wait_any(waiting)
            answers = [one.answer for one in running if one.answer]
    except StopIteration as stop:
        look: _SoftwareLook = stop.value
        return look


def _settled(reason: str | None) -> str | None:
    """Leave out a doubt that the second look has settled."""
    from evalprov.capture.software.managers import MAY_SYNC

    return "; ".join(one for one in (reason or "").split("; ") if one != MAY_SYNC) or None


def _moved(before: dict[str, str] | None, after: dict[str, str]) -> list[str]:
    """Say which packages are no longer as they were when the command was started."""
    if before is None or before == after:
        return []
    changed = [
        f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return [f"packages changed while the command ran, recorded as after it: {listed(changed, SHOWN)}"]
