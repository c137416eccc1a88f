"""Ray: each trial is one task, which starts evalprov on its node; files and records go through the object store."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.fleet.engines import Batch, Fate, News, Task
from evalprov.fleet.order import NEEDED, block, start_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.record.manifest import Manifest

_OF_RAY = ("RAY_", "EVALPROV_")  # variables of a worker that are no command's


class RayEngine:
    """Tasks of a cluster, so many at a time as were asked for, or as it has room for."""

    outlives = False

    def __init__(self, address: str) -> None:
        self._address = address
        self._ray: Any = None
        self._waiting: deque[Task] = deque()
        self._going: dict[Any, str] = {}  # the reference of a task to its run
        self._over: list[News] = []
        self._called_off = False

    def open(self, batch: Batch) -> None:
        """Connect, and put the files where every node can have them."""
        if importlib.util.find_spec("ray") is None:
            hint = "pip install '.[ray]' in evalprov's checkout brings it"
            raise EvalprovError("--on ray needs Ray, which is not installed", hint, CANNOT_START)
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"  # it would send the folder that we are in
        import ray

        self._ray, self._batch = ray, batch
        address = self._address or batch.environ.get("RAY_ADDRESS") or "auto"
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", namespace="evalprov")
        except Exception as problem:  # noqa: BLE001 - what it raises is of many kinds
            said = str(problem).strip().splitlines() or [type(problem).__name__]
            hint = "start one: ray start --head; or name it: --on ray://HOST:PORT"
            raise EvalprovError(f"no Ray cluster answers at {address}: {said[0]}", hint, CANNOT_START) from None
        self._tree = [ray.put(batch.tree)] if batch.tree is not None else []
        self._values = json.dumps(dict(batch.values)).encode()
        self._do = ray.remote(max_retries=0)(trial_task)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take them; so many as may be are given to Ray at once."""
        self._waiting.extend(tasks)
        self._fill()

    def known(self, run_id: str) -> Mapping[str, str | None]:  # noqa: ARG002 - its task will say it
        """Return nothing: which task does it is told by that task."""
        return {}

    def adopt(self, manifests: Sequence[Manifest]) -> None:
        """Take nothing: what runs in Ray ends with us."""

    def look(self) -> list[News]:
        """Return what has ended."""
        news, self._over = self._over, []
        if not self._going:
            return news
        ready, _ = self._ray.wait(list(self._going), num_returns=len(self._going), timeout=0, fetch_local=False)
        news += [self._ended(reference, self._going.pop(reference)) for reference in ready]
        self._fill()
        return news

    def fate(self, run_id: str) -> Fate | None:  # noqa: ARG002 - it kills, and asks nobody
        """Return nothing: Ray interrupts no task by itself."""
        return None

    def cancel(self) -> None:
        """Have the tasks end: one that runs ends its command first."""
        self._called_off = True
        while self._waiting:
            self._over.append(
                News(self._waiting.popleft().run_id, fate=Fate("it was called off", cancelled=True, begun=False))
            )
        for reference in self._going:
            with suppress(Exception):
                self._ray.cancel(reference, force=False)

    def close(self) -> None:
        """Leave the cluster."""
        if self._ray is not None:
            with suppress(Exception):
                self._ray.shutdown()

    def _fill(self) -> None:
        if self._called_off:
            return
        most = self._batch.jobs or len(self._waiting) + len(self._going)
        while self._waiting and len(self._going) < most:
            task = self._waiting.popleft()
            reference = self._do.remote(task.order, self._values, self._tree, self._batch.python, self._batch.package)
            self._going[reference] = task.run_id

    def _ended(self, reference: Any, run_id: str) -> News:
        errors = self._ray.exceptions
        try:
            parcel, said = self._ray.get(reference)
        except (errors.TaskCancelledError, KeyboardInterrupt):
            return News(run_id, fate=Fate("it was called off", cancelled=True))
        except (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.ObjectLostError,
            errors.OutOfMemoryError,
        ) as lost:
            return News(run_id, fate=Fate(f"Ray lost it: {_first(lost)}", cancelled=self._called_off))
        except Exception as problem:  # noqa: BLE001 - what a task raises is of many kinds
            fate = Fate(f"Ray could not do it: {_first(problem)}", again=False, cancelled=self._called_off)
            return News(run_id, fate=fate)
        if parcel:
            return News(run_id, parcel=parcel)
        return News(run_id, fate=Fate(f"evalprov left no record on its node: {said}", cancelled=self._called_off))


def _first(problem: BaseException) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return f"{type(problem).__name__}: {lines[-1] if lines else ''}"[:300]


def trial_task(order: bytes, values: bytes, tree: list[Any], python: str, package: str) -> tuple[bytes, str]:
    """Do a trial on the node that this runs on; return its parcel, or what was said where there is none."""
    import ray

    told = ray.get_runtime_context()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_OF_RAY)}
    environ["EVALPROV_ENGINE_JOB"] = told.get_task_id() or ""
    environ["EVALPROV_ENGINE_NODE"] = told.get_node_id()
    environ["EVALPROV_ENGINE_WORKER"] = told.get_worker_id()
    python = python if os.access(python, os.X_OK) else sys.executable
    process = subprocess.Popen(
        start_of(python, package, "pipe"),
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    errors = process.stderr
    assert errors
    wrong: list[bytes] = []
    listening = threading.Thread(target=lambda: wrong.append(errors.read()[-2000:]), daemon=True)
    listening.start()
    process.stdin.write(block(order) + block(values))
    process.stdin.flush()
    said = b""
    while True:
        try:
            # Ray has an exception raised between two instructions: none may last.
            if not select.select([process.stdout], [], [], 0.2)[0]:
                continue
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                break
            said += piece
            if said.endswith(NEEDED) and tree:
                said = b""
                process.stdin.write(block(ray.get(tree[0])))
                process.stdin.flush()
        except KeyboardInterrupt:  # it is called off: without its input the trial ends, and says how far it came
            process.stdin.close()
    code = process.wait()
    listening.join(1)
    lines = b"".join(wrong).decode("utf-8", "replace").strip().splitlines()
    return said, f"exit {code}: {lines[-1][:300] if lines else 'it said nothing'}"


def engine(where: str) -> RayEngine:
    """Return the engine for a cluster."""
    return RayEngine(where)
