"""One recorded run, as a straight line: settings, capture, id, launch, finish."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from evalprov import __version__
from evalprov.capture import COLLECTORS, start
from evalprov.capture.collector import Capture, Scene
from evalprov.capture.hardware import oom_kills
from evalprov.capture.interpreter import which
from evalprov.capture.text import readable
from evalprov.capture.watch import Watch
from evalprov.errors import EvalprovError
from evalprov.launch import Launch, Outcome, StreamEnd, launch
from evalprov.launch.log import BoundedLog
from evalprov.metrics import Reported, Scanner, gather, merge_reported
from evalprov.metrics.reportfile import ReportFile
from evalprov.record.ending import Ending, errors_of, status_of
from evalprov.record.manifest import Manifest, Stream, blank
from evalprov.secrets import Scrubber
from evalprov.settings import load, overlay
from evalprov.store import Store
from evalprov.store.process import this_process

if TYPE_CHECKING:
    from collections.abc import Iterator

CANNOT_START = 125
STDERR_TAIL = 4096


class Request(NamedTuple):
    """What the user asked for on the command line."""

    argv: tuple[str, ...]
    scenario: str | None = None
    config: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    note: str | None = None
    metrics_file: str | None = None
    timeout: float | None = None
    store: str | None = None
    require_clean: bool = False
    log: str | None = None


class Done(NamedTuple):
    """A run that was launched: what to exit with, its record, and what went wrong in keeping it."""

    exit_code: int
    manifest: Manifest
    problems: list[str]


class Stopped(EvalprovError):  # noqa: N818 - it is a request and no error
    """A signal asked us to stop before the command was started."""

    def __init__(self, signum: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"stopped by {name} before the command was started", exit_code=128 + signum)


class _Child(NamedTuple):
    """The command's end and all that was collected from it."""

    outcome: Outcome
    out_of_memory: int | None
    stdout: BoundedLog
    stderr: BoundedLog
    log_names: tuple[str | None, str | None]  # in the store
    reported: Reported
    began: float  # Unix time


def record_run(request: Request, cwd: str, environ: dict[str, str]) -> Done:
    """Run a command invisibly and leave a record, whatever happens."""
    scene = _scene(request, cwd, environ)
    with _stoppable(), start(scene, COLLECTORS) as capturing:
        store = Store.open(scene.store)
        manifest = store.reserve(time.time(), lambda run_id, at: _asked(blank(run_id, at), request, scene))
        try:
            found = capturing.finish()
            _fill(manifest, found)
            _refuse_unclean(request, manifest)
            for name, data in found.blobs.items():
                store.put(name, data)
            watch = Watch(scene.root, manifest["config"]["files"])
            store.begin(manifest)
            child = _launch(request, scene, store, manifest)
        except EvalprovError as problem:
            _give_up(store, manifest, problem)
    manifest["warnings"] += watch.changed()
    _conclude(manifest, child, request, scene)
    return Done(child.outcome.exit_code, manifest, store.finish(manifest))


def _scene(request: Request, cwd: str, environ: dict[str, str]) -> Scene:
    declared = (("--set", request.set), ("--prompt", request.prompt), ("--data", request.data))
    settings = overlay(load(cwd), [(option, text) for option, texts in declared for text in texts])
    base, store = (cwd, request.store) if request.store else (settings.root, settings.store)
    return Scene(
        argv=request.argv,
        cwd=cwd,
        root=settings.root,
        store=os.path.normpath(os.path.join(base, store)),
        environ=environ,
        settings=settings,
        scrub=Scrubber(environ, settings.env_secret),
        config_paths=request.config,
    )


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn a stop signal into an exception until the command is started; an ignored one stays ignored."""

    def stop(signum: int, _frame: object) -> None:
        raise Stopped(signum)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {one: signal.getsignal(one) for one in signals}
    for one, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(one, stop)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _asked(manifest: Manifest, request: Request, scene: Scene) -> Manifest:
    """Put in what is known before anything is captured."""

    def clean(text: str | None) -> str | None:
        # Scrubbed before stray bytes are spelled out: a secret may have some.
        return None if text is None else readable(scene.scrub.text(text))

    executable = which(request.argv[0], scene.cwd, scene.environ)
    manifest["command"] = {
        "argv": [readable(word) for word in scene.scrub.argv(request.argv)],
        "cwd": clean(os.path.relpath(scene.cwd, scene.root)) or ".",
        "executable": clean(executable),
        "timeout_seconds": request.timeout,
    }
    manifest["scenario"] = clean(request.scenario or scene.settings.scenario)
    manifest["sources"] = {clean(key) or "": origin for key, origin in scene.settings.origins.items()}
    if request.scenario:
        manifest["sources"]["scenario"] = "--scenario"
    manifest["golden_version"] = clean(scene.settings.golden_version)
    manifest["tags"] = [clean(tag) or "" for tag in request.tag]
    manifest["note"] = clean(request.note)
    manifest["parent_run_id"] = clean(scene.environ.get("EVALPROV_RUN_ID"))
    manifest["system"]["evalprov_version"] = __version__
    manifest["observed"]["process"] = this_process()
    return manifest


def _fill(manifest: Manifest, found: Capture) -> None:
    record: dict[str, Any] = manifest  # type: ignore[assignment]
    for name, value in found.facts.items():
        if isinstance(value, dict):
            record[name].update(value)
        else:
            record[name] = value
    manifest["warnings"] += found.warnings
    manifest["capture"] = found.fared


def _refuse_unclean(request: Request, manifest: Manifest) -> None:
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


def _launch(request: Request, scene: Scene, store: Store, manifest: Manifest) -> _Child:
    """Start the command and stay with it to its end."""
    run_id = manifest["run_id"]
    mode = request.log or scene.settings.log
    limit = None if mode == "full" else scene.settings.log_bytes
    logs: list[BoundedLog] = []
    names: list[str | None] = []
    for end in ("out", "err"):
        fd = os.open(os.devnull, os.O_WRONLY) if mode == "off" else store.open_log(run_id, end)
        logs.append(BoundedLog(fd, scene.scrub, limit))
        names.append(None if mode == "off" else f"logs/{run_id}.{end}")
    scanner = Scanner()
    report = ReportFile(run_id)
    environ = {**scene.environ, "EVALPROV_RUN_ID": run_id}
    if report.path:
        environ["EVALPROV_REPORT"] = report.path
    kills = oom_kills()
    began = time.time()
    try:
        what = Launch(request.argv, environ, request.timeout, (logs[0], scanner), (logs[1],))
        outcome = launch(what)
        kills_after = oom_kills()
        metrics_file = request.metrics_file and os.path.join(scene.cwd, request.metrics_file)
        reported = gather(scanner, report.path, metrics_file, began)
    finally:
        for log in logs:
            log.close()
        report.remove()
    killed = None if kills is None or kills_after is None else kills_after - kills
    return _Child(outcome, killed, logs[0], logs[1], (names[0], names[1]), reported, began)


def _conclude(manifest: Manifest, child: _Child, request: Request, scene: Scene) -> None:
    """Write down how it ended and what it said."""
    from evalprov.record.identity import identify  # not needed before the command has started

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
    manifest["warnings"] += outcome.warnings
    _add_hydra(manifest, child.began, scene)
    merge_reported(manifest, _scrubbed(child.reported, scene.scrub))
    manifest["output"]["stdout"] = _stream(outcome.stdout, child.stdout, child.log_names[0])
    manifest["output"]["stderr"] = _stream(outcome.stderr, child.stderr, child.log_names[1])
    for name, log in (("stdout", child.stdout), ("stderr", child.stderr)):
        if log.problem:
            manifest["warnings"].append(f"the log of {name} is not whole: {log.problem}")
    manifest["identity"] = identify(manifest)
    manifest["system"]["config_hash"] = manifest["identity"]["config_hash"]


def _add_hydra(manifest: Manifest, began: float, scene: Scene) -> None:
    """Record the configuration that a program on Hydra composed for itself."""
    in_use = "hydra-core" in (manifest["software"]["packages"] or {})
    usual = any(os.path.isdir(os.path.join(scene.cwd, name)) for name in ("outputs", "multirun"))
    if not in_use and not usual:
        return
    from evalprov.capture.hydra import Look, hydra_outputs

    look = Look(scene.cwd, scene.root, scene.argv, began, scene.environ, everywhere=in_use)
    found = hydra_outputs(look, scene.scrub)
    manifest["config"]["files"] |= found.files
    manifest["warnings"] += found.warnings


def _scrubbed(reported: Reported, scrub: Scrubber) -> Reported:
    """Take secrets out of what the eval reported; a metric's name may hold one, its number never does."""
    cleaned: dict[str, str] = {}

    def names(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value.keys() - cleaned.keys():
            cleaned[name] = scrub.text(name)
        return {cleaned[name]: names(inner) for name, inner in value.items()}

    numbers = {"metrics", "metric_summary", "stages"}
    facts = {key: names(said) if key in numbers else scrub.value(said) for key, said in reported.facts.items()}
    return reported._replace(facts=facts, warnings=[scrub.text(warning) for warning in reported.warnings])


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


def _give_up(store: Store, manifest: Manifest, problem: EvalprovError) -> NoReturn:
    """Record that the command was never started, and say why."""
    manifest["status"] = "not_started"
    manifest["exit_code"] = max(problem.exit_code, CANNOT_START)
    manifest["errors"].append(
        {"kind": "infra", "message": problem.message, "scenario": None, "stderr_tail": None},
    )
    store.finish(manifest)
    raise problem
