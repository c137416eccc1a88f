"""Real object stores on loopback for the benches, and a line to them that is slow, silent, refused or cut."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

KEY, SECRET = "bench-key", "bench-secret-0123456789"
BUCKET = "team"
PATIENCE = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def program(name: str) -> str | None:
    """Return a program beside this Python, in the folders of EVALPROV_ENGINES, or on the PATH; null for an old one."""
    places = [str(Path(sys.executable).parent), *os.environ.get("EVALPROV_ENGINES", "").split(os.pathsep)]
    found = shutil.which(name, path=os.pathsep.join([*filter(None, places), os.environ["PATH"]]))
    if found and name == "rclone":  # an old one has no S3
        serves = subprocess.run([found, "serve", "s3", "--help"], capture_output=True, text=True)
        return found if "--auth-key" in serves.stdout else None
    return found


@contextmanager
def seaweedfs(folder: Path) -> Iterator[dict[str, str]]:
    """Serve S3 by SeaweedFS."""
    ports = [free_port() for _ in range(4)]
    (folder / "data").mkdir(parents=True)
    identity = {"name": "a", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    words = [
        f"-dir={folder}/data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=64",
        "-s3.port.lance=0",
        "-s3.port.iceberg=0",
    ]
    for name, port in zip(("master", "volume", "filer", "s3"), ports, strict=True):
        words += [f"-{name}.port={port}", f"-{name}.port.grpc={free_port()}"]
    with _served(
        [str(program("weed")), "server", *words, "-filer", "-s3", f"-s3.config={folder}/s3.json"], ports[3], folder
    ):
        yield _environment(ports[3])


@contextmanager
def moto(folder: Path) -> Iterator[dict[str, str]]:
    """Serve S3 by moto, in memory."""
    port = free_port()
    with _served([str(program("moto_server")), "-H", "127.0.0.1", "-p", str(port)], port, folder):
        yield _environment(port)


@contextmanager
def rclone(folder: Path) -> Iterator[dict[str, str]]:
    """Serve S3 by rclone out of a folder; it takes no notice of conditions on a write."""
    port = free_port()
    (folder / "data" / BUCKET).mkdir(parents=True)
    words = ["serve", "s3", f"{folder}/data", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    with _served([str(program("rclone")), *words], port, folder):
        yield _environment(port)


ENGINES = {"seaweedfs": ("weed", seaweedfs), "moto": ("moto_server", moto), "rclone": ("rclone", rclone)}


def _environment(port: int) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }


@contextmanager
def _served(words: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE
        while not _made_bucket(port):
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{words[0]} does not serve: {(folder / 'server.log').read_text()[-500:]}")
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
        server.wait()


def _made_bucket(port: int) -> bool:
    """Make the bucket, by a signed request of its own: the library that is used otherwise makes none."""
    import hashlib
    import hmac
    import http.client

    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    empty = hashlib.sha256(b"").hexdigest()
    host = f"127.0.0.1:{port}"
    head = f"host:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{now}\n"
    names = "host;x-amz-content-sha256;x-amz-date"
    asked = hashlib.sha256(f"PUT\n/{BUCKET}\n\n{head}\n{names}\n{empty}".encode()).hexdigest()
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    sign = hmac.digest(key, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{asked}".encode(), "sha256").hex()
    said = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={sign}"
    try:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        line.request(
            "PUT", f"/{BUCKET}", headers={"x-amz-date": now, "x-amz-content-sha256": empty, "Authorization": said}
        )
        return line.getresponse().status in (200, 409)
    except OSError:
        return False


class Line:
    """A port that leads to another, in the way that `how` says: `pass`, `slow`, `silent` or `cut`."""

    def __init__(self, to: int) -> None:
        self._to = to
        self.how = "pass"
        self.delay = 0.02  # each way
        self.most = 20_000  # bytes, until a line is cut
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Refuse from now on."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                theirs, _ = self._listener.accept()
                if self.how == "silent":
                    self._held = [*getattr(self, "_held", []), theirs]
                    continue
                ours = socket.create_connection(("127.0.0.1", self._to))
                left = SimpleNamespace(bytes=self.most if self.how == "cut" else 1 << 60)
                for one, other in ((theirs, ours), (ours, theirs)):
                    threading.Thread(target=self._carry, args=(one, other, left), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, left: SimpleNamespace) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                if self.how == "slow":
                    time.sleep(self.delay)
                left.bytes -= len(data)
                if left.bytes < 0:
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
