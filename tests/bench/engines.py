"""Small real engines of one's own, on loopback: two ssh servers, and a Ray of two nodes."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path


class Ssh:
    """Two ssh servers of asyncssh, with a key of their own that the user's known_hosts has."""

    name = "ssh"

    def __init__(self, folder: Path, known: bool = True) -> None:
        self.folder = folder
        self.why_not = None if importlib.util.find_spec("asyncssh") else "asyncssh is not installed"
        self.environ = {"HOME": str(folder / "home")}
        self.on = ""
        self._known = known
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[Any] = []

    def __enter__(self) -> Self:
        if self.why_not is None:
            self._thread.start()
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def alone(self, count: int) -> float:
        """Return the seconds that so many commands take on one connection a host."""

        async def all_of_them() -> None:
            import asyncssh

            async def some(host: str, times: int) -> None:
                user, _, rest = host.partition("@")
                name, _, port = rest.partition(":")
                keys, hosts = f"{self.environ['HOME']}/.ssh/id_ed25519", f"{self.environ['HOME']}/.ssh/known_hosts"
                async with asyncssh.connect(
                    name, int(port), username=user, client_keys=[keys], known_hosts=hosts
                ) as connection:
                    for _ in range(times):
                        await connection.run("true")

            hosts = self.on.removeprefix("ssh:").split(",")
            await asyncio.gather(*(some(host, count // len(hosts)) for host in hosts))

        began = time.monotonic()
        asyncio.run(all_of_them())
        return time.monotonic() - began

    async def _listen(self) -> None:
        import asyncssh

        home = self.folder / "home" / ".ssh"
        home.mkdir(parents=True)
        host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        user.write_private_key(str(home / "id_ed25519"))
        (home / "id_ed25519").chmod(0o600)
        user.write_public_key(str(self.folder / "authorized"))
        ports = []
        for _ in range(2):
            server = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[host],
                authorized_client_keys=str(self.folder / "authorized"),
                process_factory=self._serve,
                encoding=None,
            )
            self._servers.append(server)
            ports.append(server.get_port())
        public = host.export_public_key().decode().strip()
        lines = [f"[127.0.0.1]:{port} {public}\n" for port in ports] if self._known else []
        (home / "known_hosts").write_text("".join(lines))
        self.on = "ssh:" + ",".join(f"somebody@127.0.0.1:{port}" for port in ports)

    async def _serve(self, process: Any) -> None:
        child = await asyncio.create_subprocess_shell(
            process.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        feeding = asyncio.create_task(self._feed(process, child))
        await asyncio.gather(
            *(self._relay(*pair) for pair in ((child.stdout, process.stdout), (child.stderr, process.stderr)))
        )
        code = await child.wait()
        feeding.cancel()
        with suppress(BrokenPipeError):
            process.exit(code if code >= 0 else 128 - code)

    async def _feed(self, process: Any, child: Any) -> None:
        with suppress(OSError):
            while data := await process.stdin.read(1 << 16):
                child.stdin.write(data)
                await child.stdin.drain()
        child.stdin.close()

    async def _relay(self, source: Any, target: Any) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()


class Ray:
    """A Ray of two nodes, each with a port and a folder of its own."""

    name = "ray"
    on = "ray"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.why_not = None if importlib.util.find_spec("ray") else "Ray is not installed"
        self.environ: dict[str, str] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        if self.why_not:
            return self
        program = shutil.which("ray", path=os.path.dirname(sys.executable))
        port, client = _free_ports(2)
        common = ("--node-ip-address=127.0.0.1", "--num-cpus=2", "--object-store-memory=100000000", "--block")
        self.environ = {"RAY_ADDRESS": f"127.0.0.1:{port}", "RAY_USAGE_STATS_ENABLED": "0"}
        self.client = f"ray://127.0.0.1:{client}"
        head = ("--head", f"--port={port}", f"--ray-client-server-port={client}", "--include-dashboard=false")
        # The place of its sockets may be no longer than this.
        self._start(
            program, *head, *common, "--min-worker-port=21000", "--max-worker-port=21499", "--temp-dir=/tmp/ray-b"
        )
        self._until(2, 60)
        self._start(
            program, f"--address=127.0.0.1:{port}", *common, "--min-worker-port=21500", "--max-worker-port=21999"
        )
        self._until(4, 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        shutil.rmtree("/tmp/ray-b", ignore_errors=True)

    def alone(self, count: int) -> float:
        """Return the seconds that so many tasks take which start `true`, with the connection."""
        code = (
            "import ray, subprocess, sys\n"
            "ray.init(log_to_driver=False, logging_level='ERROR')\n"
            "task = ray.remote(lambda: subprocess.run(['true']).returncode)\n"
            f"assert ray.get([task.remote() for _ in range({count})]) == [0] * {count}\n"
        )
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **self.environ}, check=True)
        return time.monotonic() - began

    def _start(self, program: str | None, *words: str) -> None:
        started = subprocess.Popen(
            [str(program), "start", *words],
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._held.callback(self._end, started)

    def _end(self, started: subprocess.Popen[bytes]) -> None:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()

    def _until(self, cores: int, patience: float) -> None:
        code = (
            "import ray, sys, time\n"
            "ray.init(log_to_driver=False, logging_level='ERROR')\n"
            f"sys.exit(ray.cluster_resources().get('CPU') != {cores})\n"
        )
        end = time.monotonic() + patience
        while subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **self.environ}, capture_output=True
        ).returncode:
            if time.monotonic() > end:
                self.why_not = "its nodes do not come up"
                return
            time.sleep(1)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
