"""A real Chromium without a screen, told what to do over a pipe of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WORDS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync"),
    *("--disable-dev-shm-usage", "--force-device-scale-factor=1", "--remote-debugging-pipe"),
)
PATIENCE = 60.0


def found() -> str | None:
    """Return the path of a Chromium; null where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One browser with one tab."""

    def __init__(self) -> None:
        path = found()
        assert path
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        (theirs_in, self._out), (self._in, theirs_out) = os.pipe(), os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]  # neither is 3 or 4 itself
        null = os.open(os.devnull, os.O_RDWR)
        places = [(null, 0), (null, 1), (null, 2), (high[0], 3), (high[1], 4)]
        actions = [(os.POSIX_SPAWN_DUP2, fd, place) for fd, place in places]
        words = [path, *WORDS, f"--user-data-dir={self._folder.name}", "about:blank"]
        self._pid = os.posix_spawn(path, words, os.environ, file_actions=actions, setsid=True)
        for fd in (theirs_in, theirs_out, null, *high):
            os.close(fd)
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session = None
        with suppress(OSError, AssertionError):
            self.call("Browser.close")
        for fd in (self._in, self._out):
            os.close(fd)
        until = time.monotonic() + 10
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.killpg(self._pid, signal.SIGKILL)
            time.sleep(0.01)
        self._folder.cleanup()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer; what is told meanwhile is kept."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            told = self._next()
            if told.get("id") == number:
                assert "error" not in told, told["error"]
                result: dict[str, Any] = told["result"]
                return result
            self.events.append(told)
        raise AssertionError(f"no answer to {method}")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._in, 1 << 16)
            assert piece, "the browser went away"
            self._rest += piece
        told, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(told)
        return found

    def open(self, path: Path | str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Open a page and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media="", features=scheme)
        self.events.clear()
        loader = self.call("Page.navigate", url=path if isinstance(path, str) else path.as_uri())["loaderId"]
        loaded = {"name": "load", "loaderId": loader}.items()
        until = time.monotonic() + PATIENCE
        while not any(loaded <= one["params"].items() for one in self._told("Page.lifecycleEvent")):
            assert time.monotonic() < until, "the page did not load"
            self.events.append(self._next())

    def _told(self, *methods: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("method") in methods]

    def ask(self, expression: str) -> Any:
        """Return what a line of JavaScript gives in the page."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        """Press a key and let it go."""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}.get(key, ord(key[0].upper()))
        of = {"key": key, "code": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self.call("Input.dispatchKeyEvent", type="keyDown", **of)
        self.call("Input.dispatchKeyEvent", type="keyUp", **of)

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        return [one["params"]["request"]["url"] for one in self._told("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """Return what went wrong in the page: errors of scripts, what the policy refused, dialogs."""
        kinds = (
            "Runtime.exceptionThrown",
            "Page.javascriptDialogOpening",
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
        )
        return [json.dumps(one["params"])[:400] for one in self._told(*kinds)]

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Take a picture of the page."""
        from base64 import b64decode

        shown = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(b64decode(shown["data"]))


if __name__ == "__main__":
    print(f"Chromium: {found() or 'none is here'}")
    sys.exit(0 if found() else 1)
