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
from evalprov.capture.interpreter import which
from evalprov.capture.text import readable
from evalprov.errors import EvalprovError
from evalprov.record.manifest import Manifest, blank
from evalprov.secrets import Scrubber
from evalprov.settings import load, overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.store import Store

CANNOT_START = 125


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


def record_run(request: Request, cwd: str, environ: dict[str, str]) -> Done:
    """Run a command invisibly and leave a record, whatever happens."""
    scene = _scene(request, cwd, environ)
    with _stoppable(), start(scene, COLLECTORS) as capturing:
        # Loaded while git and the interpreter answer.
        from evalprov.attend import attend
        from evalprov.store import Store

        store = Store.open(scene.store)
        manifest = store.reserve(time.time(), lambda run_id, at: _asked(blank(run_id, at), request, scene))
        try:
            found = capturing.finish()
            _fill(manifest, found)
            _refuse_unclean(request, manifest)
            for name, data in found.blobs.items():
                store.put(name, data)
            store.begin(manifest)
            problems = attend(request, scene, store, manifest)
        except EvalprovError as problem:
            _give_up(store, manifest, problem)
    return Done(manifest["exit_code"] or 0, manifest, problems + store.finish(manifest))


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


def _give_up(store: Store, manifest: Manifest, problem: EvalprovError) -> NoReturn:
    """Record that the command was never started, and say why."""
    manifest["status"] = "not_started"
    manifest["exit_code"] = max(problem.exit_code, CANNOT_START)
    manifest["errors"].append(
        {"kind": "infra", "message": problem.message, "scenario": None, "stderr_tail": None},
    )
    store.finish(manifest)
    raise problem
