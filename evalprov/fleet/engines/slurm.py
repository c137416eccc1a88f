"""Slurm: one array of jobs for all trials; orders and parcels lie in a folder that submitter and nodes share."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.fleet.engines import CARRIED, Batch, Fate, News, Task
from evalprov.fleet.order import start_of
from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evalprov.record.manifest import Manifest

LOCK = "followed"  # by a process of ours, which holds it
POLL = 3.0  # seconds between two questions to the controller
PATIENCE = 60.0  # seconds for an answer of its
COMPLETING = 15.0  # seconds that a job may take to be gone from its node
LATE = 5.0  # seconds for which a file of an ended job may not be seen here yet
_JOB = re.compile(r"(\d{1,12})_(\d{1,9})")
_NO_NODE = re.compile(r" NodeList=(\(null\))?\s")
_GOING = frozenset(
    (
        *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"),
        *("STAGE_OUT", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
    )
)
_NO_FAULT = {
    "PREEMPTED": "it was preempted",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "REVOKED": "it was revoked",
}
_OWN = {
    "TIMEOUT": "the time that Slurm gave it was up (SBATCH_TIMELIMIT gives it more)",
    "DEADLINE": "its deadline in Slurm was reached",
    "OUT_OF_MEMORY": "it used more memory than Slurm gave it (SBATCH_MEM_PER_NODE gives it more)",
}
_NOT_THERE = ("126", "127")  # exit codes of a shell that found no such program


class _Job(NamedTuple):
    """One trial as a job."""

    name: str  # as Slurm calls it: 12_3
    gone_at: float | None = None  # when it was first not to be seen any more


class SlurmEngine:
    """An array of jobs, and those that were submitted to replace some of it."""

    outlives = True

    def __init__(self, partition: str) -> None:
        self._partition = partition
        self._batch: Batch | None = None
        self._folder = ""
        self._environ: Mapping[str, str] = {}
        self._lock = -1
        self._jobs: dict[str, _Job] = {}  # by run
        self._arrays = 0
        self._asked = 0.0
        self._poll, self._late = POLL, LATE
        self._seen: dict[str, Mapping[str, str | None]] = {}

    def open(self, batch: Batch) -> None:
        """Put the files in the shared folder."""
        if shutil.which("sbatch", path=batch.environ.get("PATH")) is None:
            raise EvalprovError("--on slurm: sbatch is not on the path", "run it where Slurm is", CANNOT_START)
        self._batch = batch
        try:
            if not self.attach(batch.folder, batch.environ):
                raise EvalprovError("another evalprov follows these trials now", "wait for it, or end it", CANNOT_START)
            if batch.tree is not None:
                self._put("tree", batch.tree)
        except OSError as error:
            raise EvalprovError(f"cannot write {self._folder}: {error.strerror}", exit_code=CANNOT_START) from None

    def attach(self, folder: str, environ: Mapping[str, str]) -> bool:
        """Take the shared folder for us alone; say whether nobody else follows what lies in it."""
        os.makedirs(folder, 0o700, exist_ok=True)
        self._folder, self._environ = folder, environ
        self._lock = os.open(f"{folder}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = -1
        return self._lock >= 0

    def settle(self, manifests: Sequence[Manifest]) -> list[News]:
        """Return what became of trials that nobody follows any more, as far as it can be told at once."""
        self._poll = self._late = -1.0
        self.adopt(manifests)
        return [*self.look(), *self.look()]

    def submit(self, tasks: Sequence[Task]) -> None:
        """Submit one array of all of them."""
        assert self._batch is not None
        self._arrays += 1
        listed = f"array-{os.getpid()}-{self._arrays}"
        for task in tasks:
            self._put(f"{task.run_id}.order", task.order)
        self._put(listed, "\n".join(task.run_id for task in tasks).encode())
        words = start_of(self._batch.python, self._batch.package, "shared", self._folder, listed)
        at_a_time = f"%{self._batch.jobs}" if self._batch.jobs and self._batch.jobs < len(tasks) else ""
        names = ",".join(dict.fromkeys([*sorted(CARRIED), *self._batch.values]))
        done = self._ask(
            *("sbatch", "--parsable", "--job-name=evalprov", "--no-requeue", f"--array=1-{len(tasks)}{at_a_time}"),
            *(f"--output={self._folder}/%A_%a.said", f"--export={names}", "--chdir=/", "--open-mode=append"),
            *([f"--partition={self._partition}"] if self._partition else []),
            stdin=f"#!/bin/sh\nexec {shlex.join(words)}\n",
        )
        number = done.stdout.strip().partition(";")[0]
        if done.returncode or not number.isdigit():
            said = (done.stderr or done.stdout).strip().splitlines()
            raise EvalprovError(
                f"Slurm did not take the trials: {(said or ['sbatch said nothing'])[-1].removeprefix('sbatch: ')}",
                "sbatch takes what it needs beside from the environment: SBATCH_ACCOUNT, SBATCH_TIMELIMIT ...",
                CANNOT_START,
            )
        self._jobs |= {task.run_id: _Job(f"{number}_{index}") for index, task in enumerate(tasks, 1)}

    def known(self, run_id: str) -> Mapping[str, str | None]:
        """Return the job's name."""
        return _told(self._jobs[run_id].name)

    def adopt(self, manifests: Sequence[Manifest]) -> None:
        """Take notice of jobs that another process of ours submitted; their parcels lie in the folder."""
        for m in manifests:
            name = (m["engine"] and m["engine"]["job"]) or ""
            self._jobs[m["run_id"]] = _Job(name if _JOB.fullmatch(name) else "")

    def look(self) -> list[News]:
        """Look for parcels, and now and then ask the controller how the others are."""
        news = [*self._parcels()]
        if self._jobs and time.monotonic() > self._asked + self._poll:
            news += self._states()
            self._asked = time.monotonic()
        return news

    def fate(self, run_id: str) -> Fate | None:
        """Say whether Slurm took the node away; that is known when the job is gone from it."""
        name = self._seen.get(run_id, {}).get("job") or ""
        end = time.monotonic() + COMPLETING
        found = self._asked_of_controller(name)
        while found and found[0] in _GOING and time.monotonic() < end:
            time.sleep(0.5)
            found = self._asked_of_controller(name)
        found = found or self._asked_of_accounts(name)
        return self._fate(name) if found and found[0] in _NO_FAULT else None

    def cancel(self) -> None:
        """Cancel every job: those that run are told, and leave their records."""
        arrays = sorted({job.name.partition("_")[0] for job in self._jobs.values() if job.name})
        if arrays:  # as a whole: while they were cancelled one by one, others would begin
            self._ask("scancel", *arrays)
        self._poll = self._late = 1.0  # somebody waits, and it is to end soon

    def close(self) -> None:
        """Take the folder away."""
        if self._lock >= 0:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.detach()

    def detach(self) -> None:
        """Leave the shared folder to others."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- what became of them

    def _parcels(self) -> Iterator[News]:
        try:
            there = set(os.listdir(self._folder))
        except OSError:
            return
        for run_id in [run_id for run_id in self._jobs if f"{run_id}.parcel" in there]:
            with suppress(OSError), reading(f"{self._folder}/{run_id}.parcel") as file:
                parcel = file.read()
                job = self._jobs.pop(run_id)
                self._seen[run_id] = {**self._seen.get(run_id, {}), **_told(job.name)}
                yield News(run_id, self._seen[run_id], parcel)

    def _states(self) -> Iterator[News]:
        """Ask for all at once; a job that is not to be seen any more has ended."""
        arrays = sorted({job.name.partition("_")[0] for job in self._jobs.values() if job.name})
        states: dict[str, tuple[str, str]] = {}
        if arrays:
            done = self._ask("squeue", "-h", "-r", "-j", ",".join(arrays), "-o", "%i|%T|%N")
            if done.returncode and "Invalid job id" not in done.stderr:
                return  # it could not be asked: of the jobs that says nothing
            rows = (line.split("|") for line in done.stdout.splitlines())
            states = {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}
        now = time.monotonic()
        for run_id, job in list(self._jobs.items()):
            state, node = states.get(job.name, ("", ""))
            if state in _GOING:
                if state != "PENDING" and run_id not in self._seen:
                    self._seen[run_id] = {**_told(job.name), "node": node or None}
                    yield News(run_id, self._seen[run_id])
            elif job.gone_at is None:
                self._jobs[run_id] = job._replace(gone_at=now)
            elif now > job.gone_at + self._late:
                del self._jobs[run_id]
                yield News(run_id, self._seen.get(run_id, _told(job.name)), fate=self._fate(job.name))

    def _fate(self, name: str) -> Fate:
        """Ask what a job's end was: of the controller, which forgets it soon, then of the accounts."""
        found = self._asked_of_controller(name) or self._asked_of_accounts(name)
        state, code, begun = found or ("", "", None)
        what = f"job {name or 'of this trial'} of Slurm"
        if state in _NO_FAULT:
            return Fate(f"{what} is gone: {_NO_FAULT[state]}")
        if state in _OWN:
            return Fate(f"{what} was ended: {_OWN[state]}", again=False)
        if state.startswith("CANCELLED"):
            return Fate(f"{what} was cancelled", again=False, cancelled=True, begun=begun)
        said = self._said(name)
        tail = f": {said}" if said else ""
        if not state:
            return Fate(f"{what} is gone, and left no record; Slurm does not know any more how it ended{tail}")
        number, _, signal = code.partition(":")
        ended = f"signal {signal}" if signal.strip("0") else f"exit {number}"
        return Fate(f"{what} left no record ({state.lower()}, {ended}){tail}", again=number not in _NOT_THERE)

    def _asked_of_controller(self, name: str) -> tuple[str, str, bool | None] | None:
        if not name:
            return None
        done = self._ask("scontrol", "show", "job", "-o", name)
        state, code = re.search(r"\bJobState=(\w+)", done.stdout), re.search(r"\bExitCode=(\d+:\d+)", done.stdout)
        if state is None or done.returncode:
            return None
        return state[1], code[1] if code else "", not _NO_NODE.search(done.stdout)

    def _asked_of_accounts(self, name: str) -> tuple[str, str, bool | None] | None:
        if not name or shutil.which("sacct", path=self._environ.get("PATH")) is None:
            return None
        done = self._ask("sacct", "-n", "-P", "-X", "-j", name, "-o", "State,ExitCode")
        state, _, code = (done.stdout.splitlines() or [""])[0].partition("|")
        return (state, code, None) if state and not done.returncode else None

    def _said(self, name: str) -> str:
        """Return the last of what a job printed for itself."""
        with suppress(OSError), reading(f"{self._folder}/{name}.said") as file:
            lines = file.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""

    def _put(self, name: str, data: bytes) -> None:
        temp = f"{self._folder}/.{name}"
        with open(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        os.rename(temp, f"{self._folder}/{name}")

    def _ask(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environ = dict(self._environ)
        if self._batch:
            environ |= self._batch.values
        for name in [name for name in environ if name.startswith("SLURM_") and name != "SLURM_CONF"]:
            del environ[name]  # of a job that we may be in ourselves
        try:
            return subprocess.run(
                words,
                env=environ,
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
                start_new_session=True,  # Ctrl-C is meant for us
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return subprocess.CompletedProcess(words, 1, "", f"{words[0]}: {problem}")


def _told(name: str) -> dict[str, str | None]:
    return {"job": name, "array": name.partition("_")[0]} if name else {}


def engine(where: str) -> SlurmEngine:
    """Return the engine for a partition."""
    return SlurmEngine(where)
