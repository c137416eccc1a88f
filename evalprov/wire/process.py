"""The proxy's own process: told by lines of JSON what to do, it tells the same way what it did."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from evalprov.private import remove_folder
from evalprov.regular import sha256_of
from evalprov.wire.authority import Authority
from evalprov.wire.trust import bundles

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.wire.listener import Listener
    from evalprov.wire.past import PastLook
    from evalprov.wire.replay import Replayer
    from evalprov.wire.summary import Summary

PATIENCE = 5.0  # seconds for calls that are under way when the command has ended
_LOOK = 0.5


def main() -> None:
    """Serve one run."""
    told = _hear()
    if told is None:
        return
    try:
        proxy = Proxy(told)
    except Exception as problem:  # noqa: BLE001 - said to who started us
        said = getattr(problem, "message", None) or f"{type(problem).__name__}: {problem}"
        _tell({"problem": said})
        return
    _tell({"key": proxy.authority.key})
    opened = _hear()
    if opened is None:  # the run ended before it began
        remove_folder(told["folder"])
        return
    _tell({"environ": proxy.open(opened)})
    pid: tuple[int, Any] | None = None
    while (line := _hear()) is not None:
        if "pid" in line:
            pid = line["pid"], _began(line["pid"])
            proxy.look_past(line["pid"])
        if line.get("close"):
            _tell({"report": proxy.close()})
            return
    # Whoever started us was killed: the command may go on, and so do we as long as it does.
    while pid is not None and _began(pid[0]) == pid[1] and pid[1] is not None:
        time.sleep(_LOOK)
    proxy.close()
    remove_folder(told["folder"])


class Proxy:
    """All parts of a proxy, put together when the first client comes: a run that calls nobody pays for none of them."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self._past: PastLook | None = None
        self._network: str | None = None
        self._making = threading.Lock()
        self._listener: Listener | None = None
        if told["mode"] == "replay" and told["inside"] is None:
            why = "this system has no network of a process's own" if told["closed"] else "the settings ask for it"
            self._network = f"open: {why}"
        self.authority = Authority(told["key"])
        self._replayer = self._replay(told["source"]) if told["source"] else None

    def _replay(self, source: str) -> Replayer:
        from evalprov.wire.calls import CallReader
        from evalprov.wire.replay import Replayer

        return Replayer(CallReader(source), self._told["ignore"], errors=self._told["errors"])

    def open(self, opened: dict[str, Any]) -> dict[str, str]:
        """Begin to serve a run; return the variables that name whom to trust."""
        told = self._told
        self._opened = opened
        _in_a_thread(self._serve, socket.socket(fileno=told["listening"]))
        if told["inside"] is not None:
            _in_a_thread(self._hear_inside, told["inside"])
        if opened["again"]:
            return {}
        return bundles(told["folder"], self.authority.certificate, dict(os.environ), opened["prefixes"])

    def _serve(self, listening: socket.socket) -> None:
        """Wait for the first client, and see to it that all are served."""
        listening.settimeout(None)
        poll = select.poll()
        poll.register(listening, select.POLLIN)
        poll.poll()
        self._all().serve(listening)

    def _all(self) -> Listener:
        """Return the parts, which are put together once."""
        with self._making:
            if self._listener is None:
                self._listener = self._made()
            return self._listener

    def _made(self) -> Listener:
        from evalprov.secrets import Scrubber
        from evalprov.wire.cleaning import CallCleaner
        from evalprov.wire.keeper import Keeper
        from evalprov.wire.listener import Listener, ProxyRules
        from evalprov.wire.providers import Opened
        from evalprov.wire.upstream import Upstream

        # What passes has to wait no longer than this for what is kept meanwhile.
        sys.setswitchinterval(0.0005)
        told, environ = self._told, dict(os.environ)
        live = told["mode"] != "replay"
        rules = ProxyRules(told["token"], live, not live and told["closed"], told["timing"], Opened(told["providers"]))
        cleaner = CallCleaner(Scrubber(environ, told["secret"]))
        keeper = Keeper(self._opened["file"], cleaner, self._summary())
        return Listener(rules, self.authority, Upstream(environ), keeper, self._replayer)

    def _summary(self) -> Summary:
        from evalprov.wire.prices import read_prices
        from evalprov.wire.summary import Summary

        return Summary(read_prices(self._told["prices"]))

    def _hear_inside(self, fd: int) -> None:
        """Serve the command in its closed network too, once it says where."""
        with socket.socket(fileno=fd) as inside:
            try:
                said, descriptors, _, _ = socket.recv_fds(inside, 4096, 1)
            except OSError as error:
                said, descriptors = str(error).encode(), []
        self._network = said.decode("utf-8", "replace") or "open: the command did not say"
        if descriptors:
            self._serve(socket.socket(fileno=descriptors[0]))

    def look_past(self, pid: int) -> None:
        """Look what the command opens past us, from now on."""
        from evalprov.wire.past import PastLook

        self._past = PastLook(pid)
        self._past.start()

    def close(self) -> dict[str, Any]:
        """End all of it; return what there is to say."""
        path = self._opened["file"]
        report: dict[str, Any] = {"passed": {}, "not_recorded": {}, "missed": [], "lost": 0, "problem": None}
        if self._listener is not None or (path is not None and os.path.exists(path)):  # one that was killed wrote it
            listener = self._all()
            keeper, summary = listener.keeper, listener.keeper.summary
            listener.close(PATIENCE)
            keeper.close({"run_id": self._opened["run_id"], "source": self._told["source"] or ""})
            report = {
                "passed": listener.passed,
                "not_recorded": dict(sorted(listener.not_recorded.items())),
                "missed": listener.missed,
                "lost": keeper.lost,
                "problem": keeper.problem,
            }
        else:
            summary = self._summary()
        report |= {
            "sums": summary.told(),
            "prompts": summary.prompts(),
            "tools": summary.tools(),
            "network": self._network,
            "past": self._past.stop() if self._past else {},
            "unused": self._replayer.unused() if self._replayer else None,
            "sha256": None,
            "bytes": None,
        }
        if path is not None and os.path.exists(path):
            report["sha256"], report["bytes"] = f"sha256:{sha256_of(path)}", os.path.getsize(path)
        return report


def _in_a_thread(step: Callable[[Any], None], given: object) -> None:
    threading.Thread(target=step, args=(given,), daemon=True).start()


def _began(pid: int) -> object:
    """Return when a process began, by which it is told from a later one of its number; null where there is none."""
    from evalprov.platform.processes import standing_of

    standing = standing_of(pid)
    return standing and standing[1]


def _hear() -> dict[str, Any] | None:
    line = sys.stdin.readline()
    return json.loads(line) if line.endswith("\n") else None


def _tell(value: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except OSError:  # nobody hears us any more
        return


if __name__ == "__main__":
    main()
