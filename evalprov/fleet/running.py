"""Trials on an engine: ids reserved here, records brought home, the lost done again, all of them ended at the end."""

from __future__ import annotations

import os
import re
import signal
import time
from calendar import timegm
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, cast

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.fleet.engines import CARRIED, Batch, Fate, Task, engine_of
from evalprov.fleet.home import Reception
from evalprov.fleet.look import look_at_home, our_python, refuse_secrets
from evalprov.fleet.order import FORM, words_of, written
from evalprov.fleet.parcel import BadParcel
from evalprov.fleet.resume import EarlierTrials
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.form import blank
from evalprov.run.prepare import opened
from evalprov.run.trials import Ended, Series
from evalprov.store import Store, ids
from evalprov.store.entering import put_in_their_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from evalprov.fleet.engines import EnginePlace, News, TrialEngine
    from evalprov.fleet.home import EnteredTrial
    from evalprov.fleet.look import HomeLook
    from evalprov.fleet.order import Order
    from evalprov.record.manifest import Engine, Manifest, Repeat, Status, Sweep
    from evalprov.run.request import Request
    from evalprov.run.trials import Plan, TrialRequest

FOLDER = "trials"  # below the store: what an engine needs that lets nodes read files
SETTLING = 30.0  # seconds for which records of trials that were called off may still come
WAITED = 3600.0  # seconds from here on a line of the history is put where the run's id belongs
_LOOK = 0.1
_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")


class _SentTrial(NamedTuple):
    """One trial that is under way elsewhere."""

    trial: TrialRequest
    reserved: Manifest
    left: int  # how often it may be done again


class Caller(NamedTuple):
    """Who asks for trials, and is told of them."""

    cwd: str
    environ: dict[str, str]
    told: Callable[[Series], None]  # how far they are
    note: Callable[[str], None]  # what is odd
    earlier: EarlierTrials | None = None


def run_on(place: EnginePlace, trials: Sequence[TrialRequest], plan: Plan, asked: Caller) -> Series:
    """Run each trial of a list on an engine."""
    home = look_at_home(trials[0].request, asked.cwd, asked.environ, plan.progress)
    driver = _Driver(home, engine_of(place), place, trials, asked.note)
    with _heeding(driver.series.stopped_by):
        try:
            driver.begin(plan.jobs, asked.earlier or EarlierTrials({}, {}))
            driver.follow(asked.told)
        finally:
            driver.end()
    return driver.series


class _Driver:
    """The trials under way on one engine."""

    def __init__(
        self,
        home: HomeLook,
        engine: TrialEngine,
        place: EnginePlace,
        trials: Sequence[TrialRequest],
        note: Callable[[str], None],
    ) -> None:
        self.series = Series([], [], [])
        self._home, self._engine, self._place, self._trials, self._note = home, engine, place, trials, note
        context = home.context
        self._store = Store.open(context.store, context.scrub)
        repository = home.manifest["git"] if home.tree is not None else None
        self._reception = Reception(self._store, context.scrub, repository)
        self._going: dict[str, _SentTrial] = {}
        self._called_off_at: float | None = None
        self._why_off = ""
        self._waited: set[str] = set()  # runs whose line stands behind those of much later ones

    def begin(self, jobs: int, earlier: EarlierTrials) -> None:
        """Give all trials to the engine."""
        home, environ = self._home, dict(self._home.context.environ)
        for one in home.said:
            self._note(f"does not travel: {one}")
        values = _values(home, self._place.send, environ)
        adopted = earlier.going
        fresh = [trial for trial in self._trials if trial.number not in adopted]
        refuse_secrets(home, fresh, [written(self._order(trial, None)) for trial in fresh])
        first = self._trials[0].request
        folder = os.path.join(self._store.path, FOLDER, series_name(first.sweep, first.repeat))
        python, package = our_python()
        if unsent := sorted(home.manifest["software"]["env"].keys() - values.keys() - CARRIED):
            self._note(f"variables that do not travel: {listed(unsent, 5)}; --send-env NAME has one go along")
        self._engine.open(Batch(folder, home.tree, python, package, environ, values, jobs or None))
        self._store.keep(home.blobs)
        if adopted:
            for trial in self._trials:
                if trial.number in adopted:
                    m = adopted[trial.number]
                    self._going[m["run_id"]] = _SentTrial(trial, m, self._place.retries)
            self._engine.adopt(list(adopted.values()))
        if fresh:
            self._send([(trial, earlier.lost.get(trial.number), self._place.retries) for trial in fresh])

    def follow(self, told: Callable[[Series], None]) -> None:
        """Wait until all have ended; a signal that asks us to stop has the engine end them."""
        while self._going:
            for news in self._engine.look():
                self._take(news)
            told(self.series)
            if self.series.stopped_by and self._called_off_at is None:
                self._call_off("it was called off")
            elif self.series.refused and self._called_off_at is None and self._going:
                self._call_off("another trial could not be started, and no more was tried")
            off = self._called_off_at
            if off is not None and (time.monotonic() > off + SETTLING or len(self.series.stopped_by) > 1):
                break
            if self._going:
                time.sleep(_LOOK)

    def end(self) -> None:
        """Leave no record open of a trial that is not under way any more."""
        if self._going and self._called_off_at is None:
            self._call_off("evalprov could not go on")
        for run_id, sent in list(self._going.items()):
            self._over(run_id, sent, self._reception.end(*self._ending(sent, Fate(self._why_off, cancelled=True))))
        self._engine.close()
        if self._waited and (problem := put_in_their_place(self._store.path, self._waited)):
            self._note(problem)

    # --- sending

    def _send(self, wanted: Sequence[tuple[TrialRequest, Manifest | None, int]]) -> None:
        """Reserve a record for each trial, and give it to the engine."""
        tasks = []
        for trial, lost, left in wanted:
            request = trial.request._replace(engine=_asked(self._place.engine, lost))

            m = self._store.reserve(time.time(), partial(self._opened, request))
            self._going[m["run_id"]] = _SentTrial(trial, m, left)
            tasks.append(Task(m["run_id"], written(self._order(trial, m))))
        try:
            self._engine.submit(tasks)
        except EvalprovError as problem:
            self._call_off(problem.message)
            raise
        for task in tasks:
            sent = self._going.get(task.run_id)
            if sent:
                sent.reserved["engine"] = _joined(sent.reserved["engine"], self._engine.known(task.run_id))
                self._store.begin(sent.reserved, elsewhere=self._engine.outlives)

    def _opened(self, request: Request, run_id: str, at: str) -> Manifest:
        return opened(blank(run_id, at), request, self._home.context._replace(argv=request.argv))

    def _order(self, trial: TrialRequest, m: Manifest | None) -> Order:
        home = self._home
        store = trial.request.store
        asked = trial.request._replace(store=store and (os.path.abspath(store) if home.tree is None else store))
        return {
            "form": FORM,
            "run_id": m["run_id"] if m else "",
            "request": words_of(asked),
            "tree": home.digest,
            "folder": home.folder,
            "top": home.manifest["git"]["root"] if home.tree is not None else None,
            "environ": dict(trial.environ),
            "path": home.context.environ.get("PATH", ""),
            "have": list(home.blobs),
            "expected": home.expected,
            "engine": (m and m["engine"]) or _asked(self._place.engine, None),
        }

    # --- what comes back

    def _take(self, news: News) -> None:
        sent = self._going.get(news.run_id)
        if sent is None:
            if news.fate:  # of no trial, but of the engine
                self._note(news.fate.words)
            return
        sent.reserved["engine"] = _joined(sent.reserved["engine"], news.engine)
        if news.parcel is None and news.fate is None:
            self.series.going.append(sent.trial.number)
            return
        fate = news.fate
        if news.parcel is not None:
            try:
                entered = self._reception.take(sent.reserved, news.parcel, news.engine)
            except BadParcel as why:
                fate = Fate(f"what came home of it is not its record: {why}")
            else:
                status = entered.manifest["status"]
                # Which of the two it is: whether its command or evalprov heard of it first.
                if status in ("interrupted", "killed") and self._called_off_at is None:
                    fate = self._engine.fate(news.run_id)
                if fate is None or not fate.again:
                    self._over(news.run_id, sent, entered)
                else:
                    self._again(news.run_id, sent, fate, entered)
                return
        assert fate is not None
        entered = self._reception.end(*self._ending(sent, fate))
        if fate.again and self._called_off_at is None:
            self._again(news.run_id, sent, fate, entered)
        else:
            self._over(news.run_id, sent, entered)

    def _ending(self, sent: _SentTrial, fate: Fate) -> tuple[Manifest, Status, str, int | None]:
        """Return how to end a record of which nothing came home."""
        if fate.cancelled or self._called_off_at is not None:
            words = self._why_off or fate.words
            if fate.begun is False and sent.trial.number not in self.series.going:
                return sent.reserved, "not_started", f"{words} before the command was started", _CODE
            return sent.reserved, "interrupted", f"{words}; how far its command came is not known", _CODE
        if fate.begun is False:
            return sent.reserved, "not_started", fate.words, CANNOT_START
        return sent.reserved, "lost", fate.words, None

    def _again(self, run_id: str, sent: _SentTrial, fate: Fate, entered: EnteredTrial) -> None:
        """Do a trial again, as often as may be."""
        if sent.left < 1 or self._called_off_at is not None:
            self._over(run_id, sent, entered, [f"trial {sent.trial.number}: {fate.words}"])
            return
        self._forget(run_id, sent)
        self._note(f"trial {sent.trial.number} is done again: {fate.words} (run {run_id})")
        self._send([(sent.trial, entered.manifest, sent.left - 1)])

    def _forget(self, run_id: str, sent: _SentTrial) -> None:
        del self._going[run_id]
        if sent.trial.number in self.series.going:
            self.series.going.remove(sent.trial.number)

    def _over(self, run_id: str, sent: _SentTrial, entered: EnteredTrial, more: Sequence[str] = ()) -> None:
        self._forget(run_id, sent)
        m = entered.manifest
        waited = time.time() - timegm(time.strptime(ids.timestamp(run_id), "%Y-%m-%dT%H:%M:%SZ"))
        if waited - (m["duration_seconds"] or 0) > WAITED:
            self._waited.add(run_id)
        refusal = None
        if m["status"] == "not_started":
            refusal = (m["errors"][-1]["message"] if m["errors"] else "it was not started", "")
        code = m["exit_code"] if m["exit_code"] is not None else CANNOT_START
        problems = [*more, *entered.problems]
        self.series.ended.append(Ended(sent.trial.number, code, run_id, self._store.path, problems, refusal))

    def _call_off(self, why: str) -> None:
        self._called_off_at, self._why_off = time.monotonic(), why
        self._engine.cancel()


_CODE = 128 + signal.SIGINT


def _asked(name: str, lost: Manifest | None) -> Engine:
    """Return what is known of a trial that is still to be sent, maybe in place of a lost one."""
    before = lost and lost["engine"]
    attempt = before["attempt"] + 1 if before else 1
    replaces = lost and lost["run_id"]
    nothing = {"job": None, "array": None, "node": None, "worker": None}
    return cast("Engine", {"name": name, **nothing, "attempt": attempt, "replaces": replaces})


def _joined(engine: Engine | None, known: Mapping[str, str | None]) -> Engine | None:
    told = {name: value for name, value in known.items() if value}
    return engine and cast("Engine", {**engine, **told})


def _values(home: HomeLook, names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that go along: those that the user names here or in the settings."""
    if unset := [name for name in names if name not in environ]:
        raise EvalprovError(f"--send-env: not set here: {listed(unset)}", "set it, or leave it out", CANNOT_START)
    patterns, scrub = home.context.settings.env_allow, home.context.scrub
    wanted = [name for name in environ if any(fnmatchcase(name, one) for one in patterns)]
    plain = [name for name in wanted if scrub.value({name: environ[name]}) == {name: environ[name]}]
    return {name: environ[name] for name in (*names, *plain)}


def series_name(sweep: Sweep | None, repeat: Repeat | None) -> str:
    """Return what all trials of a list are called."""
    name = sweep["id"] if sweep else repeat["id"] if repeat else ""
    return name if _NAME.fullmatch(name) else "one"


@contextmanager
def _heeding(got: list[int]) -> Iterator[None]:
    """Take notice of signals that ask us to stop; an ignored one stays ignored."""
    before = {one: signal.getsignal(one) for one in _STOP}
    try:
        for one, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(one, lambda number, _frame: got.append(number))
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
