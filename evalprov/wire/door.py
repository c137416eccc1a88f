"""The run's side: the proxy is started beside the capture, told what it is for, and asked at the end what it saw."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalprov.errors import CANNOT_START, EvalprovError
from evalprov.named import NamedTuple
from evalprov.platform.events import taking_no_signals
from evalprov.platform.network import IS_TRIED, SHUT_IN
from evalprov.platform.processes import APART
from evalprov.private import private_folder, remove_folder
from evalprov.wire.gateway import refused, set_one
from evalprov.wire.providers import PROVIDERS, Opened, from_environment, is_local, is_plain, provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOST = "127.0.0.1"
PLACEHOLDER_KEY = "evalprov-replay"
_LOOPBACK = ("localhost", HOST, "::1")
_BACKLOG = 1024
_FUNCTIONS = "EVALPROV_CALLS"  # where `evalprov.cached` looks; to load all that is beside it takes longer than the rest
_PATIENCE = 60.0  # seconds to wait for the proxy, which answers within tenths of one
_AGAIN = 20  # times that a proxy which was killed is started anew


class WirePlan(NamedTuple):
    """What is wanted of the proxy."""

    mode: str  # record, replay, replay-or-record, or observe: then nothing is kept
    providers: tuple[str, ...] = ("auto",)
    ignore: tuple[str, ...] = ()
    timing: bool = False
    errors: bool = False  # give recorded failures again that were mended by asking again
    source: str | None = None  # the file whose answers are given
    closed: bool = True  # a replay lets nothing out, where the system can hold it
    base_urls: bool = False  # move clients by their variables, too, where they know no proxy
    prices: str | None = None
    secret: tuple[str, ...] = ()  # names of further variables that hold secrets


class RunningProxy:
    """A proxy that runs, started anew should it be killed."""

    def __init__(self, plan: WirePlan, environ: Mapping[str, str]) -> None:
        if why := refused(environ):
            raise EvalprovError(
                f"--{plan.mode}: {why}", "unset it for this run, or name a proxy for http", CANNOT_START
            )
        self.plan = plan._replace(providers=(*plan.providers, *from_environment(environ)))
        self._environ = dict(environ)
        self._token = os.urandom(24).hex()
        self.restarts = 0
        self._listening = socket.socket()
        try:
            self._listening.bind((HOST, 0))  # the system picks one that nobody has
            self._listening.listen(_BACKLOG)
        except OSError as error:
            self._listening.close()
            raise EvalprovError(
                f"--{plan.mode}: no port to be had on {HOST}: {error.strerror}",
                "too many connections are open on this machine; without it the command can be run",
                CANNOT_START,
            ) from None
        self.port: int = self._listening.getsockname()[1]
        self._inside: socket.socket | None = None
        self._theirs: socket.socket | None = None
        if plan.mode == "replay" and plan.closed and IS_TRIED:
            self._inside, self._theirs = socket.socketpair()
        self._folder = _folder()
        self._key: str | None = None
        self._opened: dict[str, Any] = {}
        self._pid: int | None = None
        self._closing = False
        self._lock = threading.Lock()
        self._report: dict[str, Any] | None = None
        self._watching: threading.Thread | None = None
        self._process = self._start()
        if self._theirs is not None:
            self._theirs.close()

    def _start(self) -> subprocess.Popen[bytes]:
        """Start the process; it takes over the socket, so that nobody finds the door shut between two."""
        code = f"import sys; sys.path[:] = {sys.path!r}; from evalprov.wire.process import main; main()"
        handed = [one.fileno() for one in (self._listening, self._theirs) if one is not None]
        proxy = subprocess.Popen(
            [sys.executable, "-E", "-P", "-S", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("EVALPROV_DEBUG") else subprocess.DEVNULL,
            pass_fds=handed,
            start_new_session=True,
            env=self._environ,
            cwd="/",
        )
        APART.add(proxy.pid)  # the command runs already where this one takes the place of another
        told = {
            **self.plan._asdict(),
            "key": self._key,
            "token": self._token,
            "folder": self._folder,
            "listening": self._listening.fileno(),
            "inside": self._theirs and self._theirs.fileno(),
        }
        _tell(proxy, told)
        return proxy

    def open(self, run_id: str, file: str | None, prefixes: Iterable[str]) -> dict[str, str]:
        """Have it serve this run; return what the command's environment needs."""
        answer = self._answer()
        if "key" not in answer:
            self.abandon()
            what = answer.get("problem", "the proxy did not start")
            raise EvalprovError(f"--{self.plan.mode}: {what}", "", CANNOT_START)
        self._key = answer["key"]
        self._opened = {"run_id": run_id, "file": file, "prefixes": list(prefixes), "again": False}
        _tell(self._process, self._opened)
        answer = self._answer()
        if "environ" not in answer:
            self.abandon()
            raise EvalprovError(f"--{self.plan.mode}: the proxy ended at once", "nothing was started", CANNOT_START)
        self._watching = threading.Thread(target=self._watch, daemon=True)
        with taking_no_signals():
            self._watching.start()
        return self._variables(answer["environ"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = threading.Timer(_PATIENCE, self._process.kill)
        with taking_no_signals():
            timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            return {}
        return answer

    def _variables(self, trusted: dict[str, str]) -> dict[str, str]:
        """Return what leads a command's clients here, and has them trust what they meet."""
        address = f"http://evalprov:{self._token}@{HOST}:{self.port}"
        found = {"HTTPS_PROXY": address, "https_proxy": address, "NODE_USE_ENV_PROXY": "1", **trusted}
        opened = Opened(self.plan.providers)
        if is_plain(self.plan.providers):
            found |= {"HTTP_PROXY": address, "http_proxy": address}
        own = set_one(self._environ, "no_proxy").split(",")
        excepted = [word.strip() for word in own if word.strip() and not opened.covers(word)]
        if not is_local(self.plan.providers):
            excepted += [word for word in _LOOPBACK if word not in excepted]
        found["NO_PROXY"] = found["no_proxy"] = ",".join(excepted)
        if self.plan.base_urls:
            for one in PROVIDERS:
                variable, end = one.base_url
                if variable and variable not in self._environ:
                    found[variable] = f"http://{HOST}:{self.port}/{self._token}/{one.name}{end}"
        if self.plan.mode != "observe":
            found[_FUNCTIONS] = f"http://{HOST}:{self.port}/{self._token}/-/{self.plan.mode}"
        if self.plan.mode == "replay":
            found |= self._placeholders()
        return found

    def _placeholders(self) -> dict[str, str]:
        """Return keys for libraries that refuse to start without one; what they say reaches nobody."""
        from evalprov.wire.calls import CallReader

        assert self.plan.source is not None
        with CallReader(self.plan.source) as reader:
            names = [variable for name in reader.providers() if (one := provider(name)) for variable in one.keys]
        return {name: PLACEHOLDER_KEY for name in names if not self._environ.get(name)}

    @property
    def shut_in(self) -> tuple[str, ...]:
        """Words to put before a command, which shut it into a network of its own; none where that is not wanted."""
        if self._inside is None:
            return ()
        os.set_inheritable(self._inside.fileno(), True)  # noqa: FBT003 - as it is called
        return (sys.executable, "-I", "-S", SHUT_IN, str(self.port), str(self._inside.fileno()))

    def started(self, pid: int) -> None:
        """Tell it whom it serves, should we be killed."""
        self._pid = pid
        if self._inside is not None:
            self._inside.close()
        with self._lock:
            _tell(self._process, {"pid": pid})

    def _watch(self) -> None:
        """Hear what it says last; where it is gone before, start another with the same key, which takes over."""
        while True:
            process = self._process
            assert process.stdout is not None
            line = process.stdout.readline()
            with self._lock:
                # What a replay has given already only the one knew that was killed.
                if line or self._closing or self.plan.mode not in ("record", "observe") or self.restarts >= _AGAIN:
                    with suppress(ValueError):
                        self._report = json.loads(line).get("report")
                    # Nobody answers any more: who asks is refused, and does not wait for ever.
                    self._listening.close()
                    return
                self.restarts += 1
                process.stdout.close()
                try:
                    self._process = self._start()
                except OSError:
                    return
            self._answer()
            with self._lock:
                _tell(self._process, {**self._opened, "again": True})
                self._answer()
                if self._pid is not None:
                    _tell(self._process, {"pid": self._pid})

    def close(self) -> dict[str, Any]:
        """End it when the command has ended; return what it saw, or why that is not known."""
        with self._lock:
            self._closing = True
            _tell(self._process, {"close": True})
        self._listening.close()
        if self._watching is not None:
            self._watching.join(_PATIENCE)
        report = self._report or {"problem": "the proxy was killed before it could say what it had seen"}
        report["restarts"] = self.restarts
        self.abandon()
        return report

    def abandon(self) -> None:
        """Leave nothing of it behind."""
        self._closing = True
        for one in (self._listening, self._inside):
            if one is not None:
                one.close()
        with suppress(OSError):
            os.kill(self._process.pid, signal.SIGKILL) if self._process.poll() is None else None
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        remove_folder(self._folder)


def _folder() -> str:
    if folder := private_folder(os.environ.get("TMPDIR"), "wire-"):
        return folder
    raise EvalprovError("there is no place for temporary files", "set TMPDIR to a folder of yours", CANNOT_START)


def _tell(process: subprocess.Popen[bytes], value: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):  # it is gone, which whoever watches it sees
        assert process.stdin is not None
        process.stdin.write(json.dumps(value).encode() + b"\n")
        process.stdin.flush()
