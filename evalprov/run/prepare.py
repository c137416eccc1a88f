"""The record of one run before the command starts: opened, filled, or given up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from evalprov import __version__
from evalprov.capture.software.way import which
from evalprov.capture.text import readable
from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.capture.collector import Capture, CaptureContext
    from evalprov.observe.project import ProjectWatch
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.code import Withheld
    from evalprov.run.request import Request
    from evalprov.run.wired import WiredRun
    from evalprov.secrets import Scrubber
    from evalprov.store import Store


class PreparedRun(NamedTuple):
    """A run whose command may start."""

    store: Store
    manifest: Manifest
    found: Capture
    project: ProjectWatch | None  # its folders, watched from before they were looked at
    wired: WiredRun | None = None  # its calls to model providers, where they are recorded or replayed
    identity: Mapping[str, str] = {}  # variables that tell its trackers which run this is
    cleaning: Callable[[int, int], None] | None = None  # told of a log that is cleaned after its command's end


def opened(manifest: Manifest, request: Request, context: CaptureContext) -> Manifest:
    """Put in what is known before anything is captured."""

    def clean(text: str | None) -> str | None:
        # Scrubbed before stray bytes are spelled out: a secret may have some.
        return None if text is None else readable(context.scrub.text(text))

    executable = which(request.argv[0], context.cwd, context.environ)
    manifest["command"] = {
        "argv": [readable(word) for word in context.scrub.argv(request.argv)],
        "cwd": clean(os.path.relpath(context.cwd, context.root)) or ".",
        "executable": clean(executable),
        "timeout_seconds": request.timeout,
    }
    manifest["scenario"] = clean(request.scenario or context.settings.scenario)
    manifest["sources"] = {clean(key) or "": origin for key, origin in context.settings.origins.items()}
    if request.scenario:
        manifest["sources"]["scenario"] = "--scenario"
    manifest["golden_version"] = clean(context.settings.golden_version)
    manifest["tags"] = [clean(tag) or "" for tag in request.tag]
    manifest["note"] = clean(request.note)
    manifest["repeat"] = request.repeat
    manifest["sweep"] = request.sweep
    manifest["warnings"] += [clean(warning) or "" for warning in request.warnings]
    manifest["engine"] = request.engine
    manifest["parent_run_id"] = clean(context.environ.get("EVALPROV_RUN_ID"))
    manifest["system"]["evalprov_version"] = __version__
    return manifest


def fill(manifest: Manifest, found: Capture, scrub: Scrubber) -> None:
    """Put in what was captured; the collectors have scrubbed their facts, not what an exception may say."""
    record: dict[str, Any] = manifest  # type: ignore[assignment]
    for name, value in found.facts.items():
        if isinstance(value, dict):
            record[name].update(value)
        else:
            record[name] = value
    manifest["warnings"] += [scrub.text(warning) for warning in found.warnings]
    for outcome in found.outcomes.values():
        outcome["reason"] = outcome["reason"] and scrub.text(outcome["reason"])
    git = found.outcomes.get("git")
    if git and git["status"] != "absent" and git["reason"] and manifest["code"]["tree"] is None:
        manifest["warnings"].append(f"which code ran is not known: {git['reason']}")
    manifest["capture"] = found.outcomes


def keep(store: Store, manifest: Manifest, blobs: Mapping[str, bytes]) -> None:
    """Keep what a dirty run needs to be brought back; what the store does not take is withheld, with the reason."""
    lost, unsure = store.keep(blobs)
    if unsure:
        manifest["warnings"].append(
            f"{unsure} of the files that differ from the commit were kept; a power cut just then may have taken them"
        )
    if not lost:
        return
    git = manifest["git"]
    withheld: list[Withheld] = []
    for path, saved in list(git["saved"].items()):
        if why := lost.get(saved["file"]):
            withheld.append({"path": path, "reason": f"it could not be kept: {why}", "blob": None})
            del git["saved"][path]
    if git["patch"] and (why := lost.get(git["patch"]["file"])):
        paths = dict.fromkeys([*git["staged"], *git["changed"]])
        reason = f"the patch could not be kept: {why}"
        withheld += [{"path": path, "reason": reason, "blob": None} for path in paths]
        git["patch"] = None
    git["withheld"] += withheld
    git["counts"]["withheld"] += len(withheld)
    manifest["warnings"].append(f"not all that differs from the commit could be kept: {next(iter(lost.values()))}")


def refuse_unclean(request: Request, manifest: Manifest) -> None:
    """Stop a run that was to be of committed work alone and is not known to be."""
    if not request.require_clean or manifest["git_dirty"] is False:
        return
    if manifest["git_dirty"] is None:
        why = manifest["capture"]["git"]["reason"] or "git did not say"
        raise EvalprovError("--require-clean: it is not known whether everything is committed", why, CANNOT_START)
    git = manifest["git"]
    names = [*git["staged"], *git["changed"], *git["untracked"]]
    shown = ", ".join(sorted(set(names))[:5]) or "a submodule"
    raise EvalprovError(
        f"--require-clean: not everything is committed: {shown}",
        "commit or stash it, then run again",
        CANNOT_START,
    )


def give_up(store: Store, manifest: Manifest, problem: EvalprovError, scrub: Scrubber) -> NoReturn:
    """Record that the command was never started, and say why."""
    manifest["status"] = "not_started"
    manifest["exit_code"] = max(problem.exit_code, CANNOT_START)
    message = scrub.text(problem.message)
    manifest["errors"].append({"kind": "infra", "message": message, "scenario": None, "stderr_tail": None})
    store.finish(manifest)
    raise problem
