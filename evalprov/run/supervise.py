"""The command itself: launched, listened to until it ends, and written down."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from evalprov.capture import Capturing
from evalprov.capture.afterwards import Afterwards
from evalprov.capture.code.outputs import OutputsLook
from evalprov.errors import EvalprovError
from evalprov.launch import Launch, Outcome, StreamEnd, launch
from evalprov.launch.log import BoundedLog
from evalprov.named import NamedTuple
from evalprov.observe import Observation, observe
from evalprov.platform.kernel import oom_kills
from evalprov.record.ending import Ending, errors_of, status_of
from evalprov.record.form import REPORTED
from evalprov.reported import Scanner, gather, look_before, merge_reported
from evalprov.reported.reportfile import ReportFile
from evalprov.run.cleaning import scrubbed
from evalprov.run.watching import mode_of
from evalprov.store.outputs import add_outputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.capture.collector import Capture, CaptureContext, Steps
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.outcome import Stream
    from evalprov.reported.open_results import Before
    from evalprov.run.gpu_use import GpuWatch
    from evalprov.run.prepare import PreparedRun
    from evalprov.run.request import Request
    from evalprov.store import Store

STDERR_TAIL = 4096
PRINTED_TAIL = 1 << 16  # bytes of a stream without a log in which addresses are looked for
COMPOSED = "/.hydra/config.yaml"


class _EndedCommand(NamedTuple):
    """The command's end and all that was collected from it."""

    outcome: Outcome
    out_of_memory: int | None
    stdout: BoundedLog
    stderr: BoundedLog
    log_names: tuple[str | None, str | None]  # in the store
    scanner: Scanner
    report: ReportFile
    began: float  # Unix time
    before: Before | None  # what stood where the metrics are expected
    seen: Observation


def supervise(request: Request, context: CaptureContext, prepared: PreparedRun) -> list[str]:
    """Run the command to its end and complete the record; what went wrong with that comes back as messages.

    Only what happens before the command starts is raised: later, nothing of ours may stand in its way.
    """
    store, manifest, found, project, wired, *_ = prepared
    look = OutputsLook(context, manifest, found.before)
    afterwards = Afterwards(found.later)
    child = _launch(request, context, prepared, afterwards)
    _conclude(manifest, child, request, context)
    if context.ran is not None:
        context.ran.extend(path for one in child.outcome.programs.found.values() for path in one.paths)
    problems: list[str] = []

    def tried(lost: str, step: Callable[[], object]) -> None:
        """Take a step that must not stand in the way of those after it."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - see above
            problems.append(context.scrub.text(f"{lost}: {type(error).__name__}: {error}"))

    with Capturing() as again:
        # While git answers, what the command said is read.
        untouched = project is not None and project.is_untouched
        steps = look.steps(
            _launched(store, child), child.outcome.seconds, read_outputs(store.path), untouched=untouched
        )
        tried("what the run wrote is not known", lambda: again.add("outputs", steps))
        tried("not all that was looked at is in the record", lambda: afterwards.finish(manifest, context.scrub))
        used = _used(context, store, manifest, child, found)
        tried("what the run used is not known", lambda: again.add("observe", used))
        tried("what Hydra composed is not in the record", lambda: _add_hydra(manifest, child.began, context, look))
        reported = "what the command reported is not all in the record"
        tried(reported, lambda: _interpret(prepared, child, request, context, look))
        tried("what other tools have of it is not in the record", lambda: _link(manifest, child, context, store))
        if wired is not None:
            tried("what was asked of models is not in the record", lambda: wired.finish(manifest))
        tried("what the run wrote is not in the record", lambda: _settle(manifest, look, again.finish(), context))
        if wired is not None:
            tried("what went past the proxy is not known", lambda: wired.look_past(manifest))
        tried("what the run wrote is not known to later runs", lambda: add_outputs(store.path, look.rows, context.root))
        tried("what the run was is not in the record", lambda: _identify(manifest))
    child.seen.remove()
    child.report.remove()
    manifest["warnings"] += problems
    return problems


def _used(context: CaptureContext, store: Store, manifest: Manifest, child: _EndedCommand, found: Capture) -> Steps:
    """Look at what was seen of the run."""
    from evalprov.run.used import UsedLook  # not needed before the command has started

    look = UsedLook(child.seen, child.outcome.programs, context, manifest, found.before)
    return (yield from look.steps(_launched(store, child)))


def _launched(store: Store, child: _EndedCommand) -> float:
    """Return when the command was started, by the clock of the file system where that is behind."""
    try:
        return min(child.began, os.stat(f"{store.path}/runs").st_mtime)
    except OSError:
        return child.began


def _settle(manifest: Manifest, look: OutputsLook, found: Capture, context: CaptureContext) -> None:
    """Write down what the run wrote, and take it out of what the run was made of."""
    outcome = found.outcomes["outputs"]
    if outcome["status"] != "captured":
        manifest["outputs"]["reason"] = context.scrub.text(outcome["reason"] or "")
    manifest["outputs"].update(found.facts.get("outputs", {}))
    manifest["observed"].update(found.facts.get("observed", {}))
    manifest["code"].update(found.facts.get("code", {}))
    manifest["warnings"] += found.warnings
    manifest["observed"]["looked"]["reason"] = _reason(manifest, found, context)
    for path in look.config:
        del manifest["config"]["files"][path]


def _reason(manifest: Manifest, found: Capture, context: CaptureContext) -> str | None:
    """Return why not all that was used is known; a look that failed is said there, too."""
    outcome = found.outcomes.get("observe")
    said = manifest["observed"]["looked"]["reason"]
    return said if outcome is None or outcome["status"] == "captured" else context.scrub.text(outcome["reason"] or "")


def _launch(request: Request, context: CaptureContext, prepared: PreparedRun, afterwards: Afterwards) -> _EndedCommand:
    """Start the command and stay with it to its end."""
    store, manifest, project, wired = prepared.store, prepared.manifest, prepared.project, prepared.wired
    run_id = manifest["run_id"]
    logs, names = _logs(request, context, store, run_id)
    scanner = Scanner(context.settings.text_bytes)
    report = ReportFile(run_id)
    environ = {**context.environ, **prepared.identity, "EVALPROV_RUN_ID": run_id}
    if report.path:
        environ["EVALPROV_REPORT"] = report.path
        if context.scrub.text(report.path) == report.path:
            store.tell_where(run_id, report.path)
    if request.repeat:
        environ["EVALPROV_TRIAL"] = str(request.repeat["trial"])
        environ["EVALPROV_SEED"] = str(request.repeat["seed"])
    interpreter, version = manifest["software"]["interpreter"], manifest["system"]["python_version"]
    seen = observe(mode_of(request, context), request.argv, environ, interpreter, version)._replace(project=project)
    argv = request.argv
    if wired is not None:
        environ |= wired.open(store, manifest)
        argv = wired.command(context, argv)
    before = look_before(_metrics_file(request, context))

    def started(pid: int) -> None:
        afterwards.begin(pid)
        if wired is not None:
            wired.started(pid)

    busy = _watch(manifest, environ)
    kills = _oom_kills()
    began = time.time()
    try:
        if project:
            project.begin()
        sinks: tuple[Any, ...] = (logs[0], scanner)
        outcome = launch(Launch(argv, environ, request.timeout, sinks, (logs[1],)), started)
    except EvalprovError:
        seen.remove()
        report.remove()
        raise
    finally:
        gpu = busy.end() if busy else None
        if project:
            project.end()
        for log in logs:
            log.close(prepared.cleaning)
    kills_after = _oom_kills()
    killed = None if kills is None or kills_after is None else kills_after - kills
    if series := outcome.resources["series"]:
        series["gpu"] = gpu
    return _EndedCommand(outcome, killed, logs[0], logs[1], (names[0], names[1]), scanner, report, began, before, seen)


def _logs(
    request: Request, context: CaptureContext, store: Store, run_id: str
) -> tuple[list[BoundedLog], list[str | None]]:
    """Open a log for each of the two outputs; return their names in the store, too."""
    mode = request.log or context.settings.log
    limit = None if mode == "full" else context.settings.log_bytes
    logs: list[BoundedLog] = []
    names: list[str | None] = []
    for end in ("out", "err"):
        fd = os.open(os.devnull, os.O_WRONLY) if mode == "off" else store.open_log(run_id, end)
        logs.append(BoundedLog(fd, context.scrub, limit))
        names.append(None if mode == "off" else f"logs/{run_id}.{end}")
    return logs, names


def _watch(manifest: Manifest, environ: Mapping[str, str]) -> GpuWatch | None:
    """Begin to watch how busy the cards are; on most machines there are none, and nothing of this is loaded."""
    gpu = manifest["infra"]["gpu"]
    if gpu is None or not any(card["uuid"] for card in gpu["devices"]):
        return None
    from evalprov.run.gpu_use import GpuWatch

    try:
        return GpuWatch(gpu["devices"], environ)
    except OSError:  # no process is to be had for it; that the command may yet have one is more important
        return None


def _oom_kills() -> int | None:
    try:
        return oom_kills()
    except OSError:
        return None


def _metrics_file(request: Request, context: CaptureContext) -> str | None:
    return request.metrics_file and os.path.join(context.cwd, request.metrics_file)


def _conclude(manifest: Manifest, child: _EndedCommand, request: Request, context: CaptureContext) -> None:
    """Write down how it ended."""
    outcome = child.outcome
    tail = child.stderr.tail(STDERR_TAIL).decode("utf-8", "backslashreplace")
    end = Ending(
        outcome.exit_code,
        outcome.signal,
        outcome.timed_out,
        outcome.stopped_by,
        child.out_of_memory,
        request.timeout,
        tail,
    )
    manifest["status"] = status_of(end)
    manifest["exit_code"] = outcome.exit_code
    manifest["signal"] = outcome.signal
    manifest["duration_seconds"] = round(outcome.seconds, 6)
    manifest["resources"] = outcome.resources
    manifest["errors"] += errors_of(end)
    manifest["warnings"] += [context.scrub.text(warning) for warning in outcome.warnings]
    manifest["output"]["stdout"] = _stream(outcome.stdout, child.stdout, child.log_names[0])
    manifest["output"]["stderr"] = _stream(outcome.stderr, child.stderr, child.log_names[1])
    for name, log in (("stdout", child.stdout), ("stderr", child.stderr)):
        if log.problem:
            manifest["warnings"].append(f"the log of {name} is not whole: {log.problem}")


def _interpret(
    prepared: PreparedRun, child: _EndedCommand, request: Request, context: CaptureContext, look: OutputsLook
) -> None:
    """Write down what it said, and what it read."""
    store, manifest = prepared.store, prepared.manifest

    def known() -> set[str]:
        from evalprov.store.earlier import metric_names  # asked for where several objects might be the result

        return metric_names(context.store, manifest)

    report = child.report.path
    reported = gather(child.scanner, report, _metrics_file(request, context), child.before, known)
    if reported.source is None and request.metrics_file is None:
        from evalprov.reported.hints import unread_results

        hint = unread_results(request.argv, context.cwd, child.began)
        reported = reported._replace(
            reason="; ".join(filter(None, (reported.reason, hint and context.scrub.text(hint))))
        )
    if reported.facts.get("data") or reported.facts.get("prompts"):
        from evalprov.capture.declared.told import held_by_content

        reported.warnings.extend(held_by_content(reported.facts, context, child.began))
    merge_reported(manifest, scrubbed(reported, context.scrub))
    if reported.texts:
        from evalprov.store.texts import keep_texts  # many evals say nothing for their scenarios

        manifest["texts"], problems = keep_texts(store, reported.texts, context.scrub)
        manifest["warnings"] += problems
    told = [*manifest["data"]["sets"].values(), *manifest["prompts"].values()]
    look.others |= {one["path"] for one in told if one["source"] == REPORTED and one["path"] and one["sha256"]}


def _identify(manifest: Manifest) -> None:
    """Write down what the run was."""
    from evalprov.record.identity import identify  # not needed before the command has started

    manifest["identity"] = identify(manifest)
    manifest["system"]["config_hash"] = manifest["identity"]["config_hash"]


def _add_hydra(manifest: Manifest, began: float, context: CaptureContext, look: OutputsLook) -> None:
    """Record the configuration that a program on Hydra composed for itself: what it composed that from is no code."""
    in_use = "hydra-core" in (manifest["software"]["packages"] or {})
    usual = any(os.path.isdir(os.path.join(context.cwd, name)) for name in ("outputs", "multirun"))
    if not in_use and not usual:
        return
    from evalprov.capture.declared import hydra

    outputs = hydra.HydraLook(context.cwd, context.root, context.argv, began, context.environ, everywhere=in_use)
    found = hydra.hydra_outputs(outputs, context.scrub)
    manifest["config"]["files"] |= found.files
    manifest["warnings"] += found.warnings
    for folder in found.folders:
        look.others |= hydra.composed_from(os.path.join(context.root, folder), context.root)


def _link(manifest: Manifest, child: _EndedCommand, context: CaptureContext, store: Store) -> None:
    """Write down where other tools have this run, too."""
    from evalprov.handover.links import find_links
    from evalprov.handover.links.ended import EndedRun

    @cache
    def printed() -> tuple[bytes, ...]:
        from evalprov.store.folder import ends_of_log

        both = zip(child.log_names, (child.stdout, child.stderr), strict=True)
        return tuple(ends_of_log(store.path, name) if name else log.tail(PRINTED_TAIL) for name, log in both)

    composed = [path.removesuffix(COMPOSED) for path in manifest["config"]["files"] if path.endswith(COMPOSED)]
    run = EndedRun(
        run_id=manifest["run_id"],
        cwd=context.cwd,
        root=context.root,
        environ=context.environ,
        began=child.began,
        ended=time.time(),
        printed=printed,
        composed=tuple(composed),
    )
    manifest["links"], problems = find_links(run, context.scrub)
    manifest["warnings"] += problems


def _stream(end: StreamEnd, log: BoundedLog, file: str | None) -> Stream:
    return {
        "bytes": end.bytes,
        "lines": end.lines,
        "sha256": end.sha256,
        "log": file,
        "log_omitted_bytes": log.omitted,
        "terminal": end.terminal,
        "complete": end.complete,
    }
