"""One recorded run, as a straight line: settings, capture, id, launch, finish."""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from evalprov.capture import Capturing, start
from evalprov.capture.collector import Capture, CaptureContext
from evalprov.errors import EvalprovError, local_only
from evalprov.platform.events import heed_children
from evalprov.run.request import Done
from evalprov.run.watching import looks_at_calls, watched_project
from evalprov.secrets import TellingScrubber
from evalprov.settings import load, overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.record.outputs import Row
    from evalprov.run.agreed import Expected
    from evalprov.run.request import Request
    from evalprov.run.wired import WiredRun
    from evalprov.store import Store


class Stopped(EvalprovError):  # noqa: N818 - it is a request and no error
    """A signal asked us to stop before the command was started."""

    def __init__(self, signum: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"stopped by {name} before the command was started", exit_code=128 + signum)


def record_run(
    request: Request,
    cwd: str,
    environ: dict[str, str],
    progress: Callable[[int, int], None] | None = None,
    cleaning: Callable[[int, int], None] | None = None,
) -> Done:
    """Run a command invisibly and leave a record, whatever happens.

    `progress` is told of long work before it, `cleaning` of a log that is still cleaned of secrets after it.
    """
    context = context_of(request, cwd, environ)._replace(progress=progress)
    manifest: Manifest | None = None
    problems: list[str] = []
    try:
        with (
            _stoppable(),
            _wired(request, context) as wired,
            watched_project(request, context) as project,
            start(context) as capturing,
        ):
            # Loaded while git and the interpreter answer.
            from evalprov.record.form import blank
            from evalprov.run.prepare import PreparedRun, fill, give_up, keep, opened, refuse_unclean
            from evalprov.run.supervise import supervise
            from evalprov.store import Store

            if context.settings.trackers != "off":
                _load_handover()
            store = Store.open(context.store, context.scrub)
            form = lambda run_id, at: opened(blank(run_id, at), request, context)  # noqa: E731 - of this run alone
            manifest = _reserved(store, capturing, form, request.run_id)
            try:
                found = _found(capturing)
                fill(manifest, found, context.scrub)
                refuse_unclean(request, manifest)
                if request.expected:
                    _refuse_other(request.expected, manifest)
                keep(store, manifest, found.blobs)
                identity = _handed_over(manifest, context)
                store.begin(manifest)
                prepared = PreparedRun(store, manifest, found, project, wired, identity, cleaning)
                problems = supervise(request, context, prepared)
            except EvalprovError as problem:
                give_up(store, manifest, problem, context.scrub)
    except Exception as error:
        if isinstance(error, EvalprovError) or manifest is None or manifest["exit_code"] is None:
            raise
        # The command has run: what it exited with is what counts.
        problems.append(
            context.scrub.text(f"not all that came after the command was done: {type(error).__name__}: {error}")
        )
    return Done(manifest["exit_code"] or 0, manifest, store.path, problems + _finish(store, manifest, context, request))


@contextmanager
def _wired(request: Request, context: CaptureContext) -> Iterator[WiredRun | None]:
    """Have a proxy start beside the capture, where calls are to be recorded, replayed or looked at; else none."""
    if not request.record and request.replay is None and not looks_at_calls(request, context):
        yield None
        return
    from evalprov.run.wired import WiredRun

    wired = WiredRun(request, context)
    try:
        yield wired
    finally:
        wired.abandon()


def _refuse_other(expected: Expected, manifest: Manifest) -> None:
    from evalprov.run.agreed import refuse_other  # most runs are asked for where they run

    refuse_other(expected, manifest)


def _reserved(store: Store, capturing: Capturing, form: Callable[[str, str], Manifest], run_id: str | None) -> Manifest:
    """Reserve a record, while things are captured or, where that takes all descriptors we may have, thereafter."""
    try:
        return store.reserve(time.time(), form, run_id)
    except EvalprovError as problem:
        if not isinstance(problem.__cause__, OSError) or problem.__cause__.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        _found(capturing)
        return store.reserve(time.time(), form, run_id)


def _finish(store: Store, manifest: Manifest, context: CaptureContext, request: Request) -> list[str]:
    """Complete the record, and leave one of each job where the command ran several; return what went wrong."""
    from evalprov.run.supervise import COMPOSED

    if sum(path.endswith(COMPOSED) for path in manifest["config"]["files"]) < 2:
        return store.finish(manifest)
    from evalprov.run.jobs import begun, record_jobs  # few commands run several

    before = begun(store, manifest["run_id"])
    return store.finish(manifest) or record_jobs(store, before, manifest, context, request.metrics_file)


def _found(capturing: Capturing) -> Capture:
    """Wait for what is captured; a fault in that is a warning and no reason not to run."""
    try:
        return capturing.finish()
    except EvalprovError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        warning = f"what was there before the command started is not known: {type(error).__name__}: {error}"
        return Capture({}, [warning], {}, {}, {})


def context_of(request: Request, cwd: str, environ: dict[str, str]) -> CaptureContext:
    """Return what a run would be captured with."""
    declared = (("--set", request.set), ("--prompt", request.prompt), ("--data", request.data))
    settings = overlay(load(cwd), [(option, text) for option, texts in declared for text in texts])
    settings = settings._replace(env_allow=(*settings.env_allow, *request.env))
    around: dict[str, str] = {}
    if "EVALPROV_RUN_ID" in environ:
        environ, around = _as_its_user_has_it(environ)
    base, store = (cwd, request.store) if request.store else (settings.root, settings.store)
    if "://" in store:
        raise local_only()
    return CaptureContext(
        argv=request.argv,
        written=request.written,
        cwd=cwd,
        root=settings.root,
        store=os.path.normpath(os.path.join(base, store)),
        environ=environ,
        settings=settings,
        scrub=TellingScrubber(environ, settings.env_secret),
        config_paths=request.config,
        outputs=(request.metrics_file,) if request.metrics_file else (),
        known=_known(os.path.normpath(os.path.join(base, store))),
        around=around,
        since=request.since,
        ran=[],
        strict=request.strict,
    )


def _as_its_user_has_it(environ: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Take out what a run around this one handed over to trackers, which is of no program; return that, too."""
    from evalprov.handover.identity import inherited  # most runs have none around them

    before = inherited(environ)
    kept = {name: value for name, value in environ.items() if name not in before}
    around = {name: environ[name] for name in before}
    return {**kept, **{name: value for name, value in before.items() if value is not None}}, around


def _load_handover() -> None:
    """Load what is needed before the command starts only where its trackers are told of the run."""
    for name in ("evalprov.handover.identity", "evalprov.record.identity"):
        __import__(name)


def _handed_over(manifest: Manifest, context: CaptureContext) -> dict[str, str]:
    """Return the variables that tell the command's trackers which run this is, and write down which these are."""
    trackers = context.settings.trackers
    if trackers == "off":
        return dict(context.around)
    from evalprov.handover.identity import hand_over, left_alone

    scripts = [os.path.join(context.cwd, word) for word in context.argv if word.endswith(".py")]
    places = [context.cwd, *(os.path.dirname(path) for path in scripts if os.path.isfile(path))]
    try:
        values, manifest["handover"] = hand_over(manifest, trackers, context.environ, places)
    except Exception as error:  # noqa: BLE001 - it is no reason not to run
        manifest["warnings"].append(context.scrub.text(f"no tracker was told: {type(error).__name__}: {error}"))
        return dict(context.around)
    manifest["warnings"] += left_alone(manifest["handover"])
    return {**context.around, **values}


def _known(store: str) -> Callable[[], Mapping[str, Row]]:
    """Return what asks, once and when it is needed, for the files that earlier runs wrote."""

    @cache
    def ask() -> Mapping[str, Row]:
        from evalprov.store.outputs import read_outputs

        return read_outputs(store)

    return ask


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn a stop signal into an exception until the command is started; an ignored one stays ignored."""

    def stop(signum: int, _frame: object) -> None:
        raise Stopped(signum)

    heed_children()
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
