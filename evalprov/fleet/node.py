"""What runs on a node: one trial, recorded into a store of its own, whose record goes home as one parcel."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import stat
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from evalprov import __version__
from evalprov.errors import EvalprovError
from evalprov.fleet import order as orders
from evalprov.fleet.parcel import BadParcel, pack
from evalprov.named import NamedTuple
from evalprov.regular import reading
from evalprov.run.pipeline import Stopped, record_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evalprov.fleet.order import Order
    from evalprov.record.manifest import Engine, Manifest
    from evalprov.run.request import Request

_HASH = re.compile(r"[0-9a-f]{64}")
_KEPT_SECONDS = 7 * 86400.0  # an unpacked tree that nobody used for so long goes away
_LEFT_SECONDS = 86400.0 * 3  # a trial's folder whose process is gone


class UnpackedTree(NamedTuple):
    """The files of a run in a folder of their own."""

    top: str  # of the repository
    root: str  # of the project
    missing: list[str]  # what is not there, and why


def main(words: list[str], environ: dict[str, str]) -> int:
    """Do an order: of a shared folder, or told by standard input."""
    signal.signal(signal.SIGTERM, _stop)
    out = _quiet()
    if words[0] == "shared":
        return _from_folder(words[1], words[2], environ)
    return _from_pipe(out, environ)


def _stop(signum: int, _frame: object) -> None:
    raise Stopped(signum)


def _quiet() -> int:
    """Keep standard output for the parcel alone; the command's own goes to its logs."""
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    if nowhere > 2:
        os.close(nowhere)
    return out


# --- the ways an order comes --------------------------------------------------------------------------------


def _from_folder(folder: str, listed: str, environ: dict[str, str]) -> int:
    """Do an order that lies in a folder which home sees, too; the parcel is put there, whole or not at all."""
    with reading(f"{folder}/{listed}") as file:
        names = file.read().decode().split()
    run_id = names[int(environ["SLURM_ARRAY_TASK_ID"]) - 1]
    with reading(f"{folder}/{run_id}.order") as file:
        order = orders.read(file.read())

    def fetch() -> bytes:
        with reading(f"{folder}/tree") as file:
            return file.read()

    code, parcel = do(order, fetch, environ)
    temp = f"{folder}/.{run_id}.{os.getpid()}"
    with open(temp, "wb") as whole:
        whole.write(parcel)
        whole.flush()
        os.fsync(whole.fileno())
    os.rename(temp, f"{folder}/{run_id}.parcel")
    return code


def _from_pipe(out: int, environ: dict[str, str]) -> int:
    """Do an order from standard input, where also the files come from; that it ends calls the trial off."""
    source = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    order = orders.read(_block(source))
    values = orders.values(_block(source))
    over = threading.Event()
    fetched = threading.Event()

    def fetch() -> bytes:
        _write(out, orders.NEEDED)
        return _block(source)

    def listen() -> None:
        # What is sent to the process is for the one that waits for it, and not for us.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        fetched.wait()
        with suppress(OSError, ValueError):
            source.read()
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    code, parcel = do(order, fetch, {**environ, **values}, fetched.set)
    over.set()
    with suppress(BrokenPipeError):
        _write(out, parcel)
    os.close(out)
    # The thread may be reading still, and would hold up an ordinary end.
    os._exit(code)


def _block(source: Any) -> bytes:
    size = int(source.readline(20))
    data = source.read(size)
    if len(data) < size:
        raise EOFError("home went away")
    return cast("bytes", data)


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


# --- the trial ----------------------------------------------------------------------------------------------


def do(
    order: Order, fetch: Callable[[], bytes], environ: dict[str, str], started: Callable[[], None] = lambda: None
) -> tuple[int, bytes]:
    """Run one trial; return what it exits with, and its record as a parcel, or why there is none."""
    engine = _engine(order["engine"], environ)
    request = orders.request_of(order)._replace(engine=engine)
    try:
        try:
            with _workplace(order, fetch, environ) as (work, tree):
                started()
                return _recorded(order, request, environ, work, tree)
        finally:
            started()
    except (EvalprovError, OSError, BadParcel, EOFError, KeyError, ValueError) as problem:
        words = problem.message if isinstance(problem, EvalprovError) else f"the node was not ready: {_said(problem)}"
        code = max(problem.exit_code, 125) if isinstance(problem, EvalprovError) else 125
        facts = {"run_id": order["run_id"], "problem": words, "exit_code": code, "engine": engine}
        return code, pack(facts, {})


def _said(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return f"{problem.strerror or problem}: {problem.filename}" if problem.filename else str(problem)
    return str(problem) if isinstance(problem, BadParcel) else f"{type(problem).__name__}: {problem}"


def _engine(asked: Engine, environ: dict[str, str]) -> Engine:
    """Return what the engine says of where it has it run."""
    job, array = environ.get("SLURM_ARRAY_JOB_ID"), environ.get("SLURM_ARRAY_TASK_ID")
    if asked["name"] == "slurm" and job and array:
        node = environ.get("SLURMD_NODENAME") or os.uname().nodename
        return {**asked, "job": f"{job}_{array}", "array": job, "node": node, "worker": environ.get("SLURM_JOB_ID")}
    told = {name: environ.get(f"EVALPROV_ENGINE_{name.upper()}") or asked[name] for name in ("job", "node", "worker")}
    return cast("Engine", {**asked, **told, "node": told["node"] or os.uname().nodename})


def _recorded(
    order: Order, request: Request, environ: dict[str, str], work: str, tree: UnpackedTree | None
) -> tuple[int, bytes]:
    if tree is None:
        cwd = order["folder"]
        if not os.path.isdir(cwd):
            raise EvalprovError(f"there is no git repository at home, and no folder {cwd} on this node", exit_code=125)
        request = request._replace(store=f"{work}/store")
    else:
        cwd = os.path.normpath(os.path.join(tree.root, order["folder"]))
        os.makedirs(cwd, exist_ok=True)
        request = _placed(request, order, tree, work)
    os.chdir(cwd)
    environ = {**environ, **order["environ"], "PATH": _path(order["path"], environ), "PWD": cwd}
    for name in [name for name in environ if name.startswith("EVALPROV_ENGINE_")]:
        del environ[name]
    done = record_run(request, cwd, environ)
    m = done.manifest
    if tree is not None and tree.missing:
        m["warnings"] += [f"not on the node: {one}" for one in tree.missing]
    facts = {"run_id": m["run_id"], "record": m, "exit_code": done.exit_code, "problems": done.problems}
    return done.exit_code, pack(facts, dict(_pieces(m, done.store, order["have"])))


def _placed(request: Request, order: Order, tree: UnpackedTree, work: str) -> Request:
    """Return a request whose words name the files here, where they named files of the repository at home."""
    top = order["top"]
    store = request.store
    if store and os.path.isabs(store):
        store = f"{work}/store"
    if not top:
        return request._replace(store=store)
    old = re.compile(rf"(?<![\w./-]){re.escape(top)}(?=/|\Z)")

    def is_here(word: str) -> bool:
        new = old.sub(lambda _: tree.top, word)
        return new != word and os.path.lexists(new.rpartition("=")[2])

    # What was written has {trial} where a word has its number.
    pairs = list(zip(request.argv, request.written or request.argv, strict=True))
    moved = [
        tuple(old.sub(lambda _: tree.top, one) if is_here(word) else one for one in (word, as_written))
        for word, as_written in pairs
    ]
    argv, written = (tuple(words) for words in zip(*moved, strict=True))
    return request._replace(argv=argv, written=written if request.written else (), store=store)


def _path(home: str, environ: dict[str, str]) -> str:
    """Return the search path: the folders of home's that are here, then the node's own."""
    own = environ.get("PATH", os.defpath).split(os.pathsep)
    theirs = [one for one in home.split(os.pathsep) if one and os.path.isdir(one)]
    return os.pathsep.join(dict.fromkeys([*theirs, *own]))


def _pieces(m: Manifest, store: str, have: list[str]) -> Iterator[tuple[str, bytes]]:
    """Give what belongs to a record and home has not."""
    git = m["git"]
    names = [one["file"] for one in [*git["saved"].values(), *([git["patch"]] if git["patch"] else [])]]
    names += [m["texts"]["object"]] if m["texts"] else []
    names += [one["log"] for one in (m["output"]["stdout"], m["output"]["stderr"]) if one and one["log"]]
    names += [m["calls"]["file"]] if m["calls"]["file"] else []
    for name in dict.fromkeys(names):
        if name not in have:
            with suppress(OSError), reading(f"{store}/{name}") as file:
                yield name, file.read()


# --- the folders of a node ----------------------------------------------------------------------------------


@contextmanager
def _workplace(
    order: Order, fetch: Callable[[], bytes], environ: dict[str, str]
) -> Iterator[tuple[str, UnpackedTree | None]]:
    """Make a folder for one trial, with its files; it goes away afterwards."""
    place = _place()
    work = f"{place}/work/{order['run_id']}-{os.urandom(4).hex()}"
    os.makedirs(work, 0o700)
    try:
        digest = order["tree"]
        if digest is None:
            yield work, None
        else:
            yield work, _copied(_settled(place, digest, fetch, environ), work)
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)


def _place() -> str:
    """Return the folder of all that is ours on this node: nobody else's, and of this version."""
    name = f"evalprov-node-{os.getuid()}"
    place = os.path.join(tempfile.gettempdir(), name)
    with suppress(FileExistsError):
        os.mkdir(place, 0o700)
    found = os.lstat(place)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EvalprovError(f"{place} is not a folder of this user alone", "remove it", 125)
    for inner in ("trees", "work"):
        os.makedirs(f"{place}/{inner}", 0o700, exist_ok=True)
    return place


def _copied(settled_at: str, work: str) -> UnpackedTree:
    """Copy the files for one trial: what it writes among them is no other's."""
    with reading(f"{settled_at}/unpacked.json") as file:
        told = json.loads(file.read())
    shutil.copytree(f"{settled_at}/files", f"{work}/files", symlinks=True)
    (name,) = os.listdir(f"{work}/files")
    if told["environment"]:
        inside, there = told["environment"]
        link = os.path.normpath(f"{work}/files/{name}/{inside}")
        if os.path.isdir(there) and link.startswith(f"{work}/files/") and not os.path.lexists(link):
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(there, link)
    return UnpackedTree(f"{work}/files/{name}", os.path.normpath(f"{work}/{told['root']}"), told["missing"])


def _settled(place: str, digest: str, fetch: Callable[[], bytes], environ: dict[str, str]) -> str:
    """Return where a tree is unpacked; the first trial on a node does that, and the others wait for it."""
    if not _HASH.fullmatch(digest):
        raise BadParcel("its name is no hash")
    there = f"{place}/trees/{digest}-{__version__}"
    with open(f"{there}.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f"{there}/whole"):
            _clear(place)
            _settle(fetch(), digest, there, environ)
    os.utime(there)
    return there


def _settle(parcel: bytes, digest: str, there: str, environ: dict[str, str]) -> None:
    import hashlib  # only the first trial on a node does this

    from evalprov.fleet.tree import settled
    from evalprov.restore.git import GitFailed

    if hashlib.sha256(parcel).hexdigest() != digest:
        raise BadParcel("the files are not those that were sent")
    shutil.rmtree(there, ignore_errors=True)
    try:
        # Not under another name first: the files have its place in git's own list of where objects are.
        settled(parcel, there, environ)
        with open(f"{there}/whole", "x", encoding="ascii"):
            pass
    except GitFailed as why:
        raise BadParcel(f"the files could not be unpacked: {why}") from None


def _clear(place: str) -> None:
    """Take away what nobody used for long."""
    for folder, seconds in (("trees", _KEPT_SECONDS), ("work", _LEFT_SECONDS)):
        for entry in os.scandir(f"{place}/{folder}"):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime > time.time() - seconds:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif not entry.name.endswith(".lock"):
                    os.unlink(entry.path)
