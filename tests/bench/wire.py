"""What recording and replaying calls costs: beside no proxy at all, and beside mitmdump and vcrpy where they are there.

One client with a connection that stays open, then 32 of them; a stand-in that answers at once; 1.6 kB asked and 1.4 kB
answered. mitmdump is looked for on PATH or in MITMDUMP; vcrpy in this Python.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "tests" / "wire"))
WORDS = [
    f"{a}{b}{c}" for a in ("ba", "ke", "li", "mo", "nu") for b in ("ra", "se", "ti", "vo") for c in ("n", "st", "l")
]
LIMITS = {"p50 ms": 0.3, "cpu us": 240, "req/s": 2500, "first token ms": 1.2, "start ms": 60, "bytes a call": 1100}


SYSTEM = " ".join(random.Random(0).choices(WORDS, k=1000))  # the examples that every request shows


def body_of(number: int, words: int = 110) -> bytes:
    """Return a request of its own."""
    chance = random.Random(number)
    text = " ".join(chance.choices(WORDS, k=words))
    said = [{"role": "system", "content": SYSTEM[: 6 * words]}, {"role": "user", "content": f"{number} {text}"}]
    return json.dumps({"model": "gpt-4o-mini", "temperature": 0, "messages": said}).encode()


ANSWER = json.dumps(
    {
        "id": "chatcmpl-BqWnS3vVq8RkUgk0JmU4vMbD3",
        "object": "chat.completion",
        "created": 1751200000,
        "model": "gpt-4o-mini-2024-07-18",
        "system_fingerprint": "fp_34a54ae93c",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": " ".join(WORDS * 3)}}
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500},
    }
).encode()
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: %d\r\n\r\n%s" % (
    *(len(ANSWER), ANSWER),
)


def serve(folder: str) -> None:
    """Be a provider for any host, as lean as can be, until stdin closes."""
    from evalprov.wire.authority import Authority

    authority = Authority()
    (Path(folder) / "roots.pem").write_text(authority.certificate)
    (Path(folder) / "leaf.pem").write_text(authority.leaf("api.openai.com"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(folder) / "leaf.pem")
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], flush=True)

    def attend(plain: socket.socket) -> None:
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not plain.recv(65536).endswith(b"\r\n\r\n"):
                pass
            plain.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            secured = context.wrap_socket(plain, server_side=True)
            while data := request(secured):
                if b'"stream"' in data:
                    stream(secured)
                else:
                    secured.sendall(REPLY)
        except OSError:
            return

    def accept() -> None:
        while True:
            plain, _ = listening.accept()
            threading.Thread(target=attend, args=(plain,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


def request(secured: ssl.SSLSocket) -> bytes:
    """Read one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = secured.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))[15:])
    while len(rest) < length:
        rest += secured.recv(65536)
    return rest


def stream(secured: ssl.SSLSocket) -> None:
    """Answer in pieces, each with the time at which it left."""
    secured.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(20):
        event = b'data: {"choices": [{"delta": {"content": "word"}}], "left": %r}\n\n' % time.perf_counter()
        secured.sendall(b"%x\r\n%s\r\n" % (len(event), event))
        time.sleep(0.003)
    secured.sendall(b"0\r\n\r\n")


class Client:
    """One connection to the provider, as the environment leads there."""

    def __init__(self) -> None:
        from urllib.parse import urlsplit

        place = urlsplit(os.environ["HTTPS_PROXY"])
        plain = socket.create_connection((place.hostname, place.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        allowed = base64.b64encode(f"{place.username}:{place.password}".encode()).decode()
        plain.sendall(f"CONNECT api.openai.com:443 HTTP/1.1\r\nProxy-Authorization: Basic {allowed}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += plain.recv(4096)
        assert b" 200 " in answer, answer
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        self.secured = context.wrap_socket(plain, server_hostname="api.openai.com")

    def ask(self, body: bytes) -> bytes:
        """Ask once."""
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json\r\n"
        self.secured.sendall(head + b"authorization: Bearer k\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        data = self.secured.recv(65536)
        while len(data) < len(REPLY):
            piece = self.secured.recv(65536)
            if not piece:
                break
            data += piece
        return data

    def first(self) -> float:
        """Return by how much a stream's pieces are late, in the middle."""
        body = b'{"stream": true, "model": "gpt-4o"}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json\r\n"
        self.secured.sendall(head + b"content-length: %d\r\n\r\n%s" % (len(body), body))
        late, data = [], b""
        while not data.endswith(b"0\r\n\r\n"):
            data += (piece := self.secured.recv(65536))
            if b'"left": ' in piece:
                late.append(time.perf_counter() - float(piece.split(b'"left": ')[1].split(b"}")[0]))
        return statistics.median(late)


def load(calls: int, connections: int) -> None:
    """Ask as told, and print what it took."""
    bodies = [body_of(number) for number in range(calls)]
    clients = [Client() for _ in range(connections)]
    clients[0].ask(body_of(-1))
    took: list[float] = []

    def work(which: int) -> None:
        for body in bodies[which::connections]:
            began = time.perf_counter()
            answer = clients[which].ask(body)
            took.append(time.perf_counter() - began)
            assert answer.endswith(ANSWER[-20:]), answer[:200]

    before = proxy_seconds()
    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(which,)) for which in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - began
    time.sleep(0.5)  # what is kept in the background is counted, too
    cpu = (proxy_seconds() - before) / len(took)
    late = statistics.median(clients[0].first() for _ in range(5)) if os.environ.get("BENCH_STREAMS") else 0.0
    took.sort()
    said = {
        "p50": took[len(took) // 2],
        "p99": took[int(len(took) * 0.99)],
        "rate": len(took) / spent,
        "late": late,
        "cpu": cpu,
    }
    print(json.dumps(said))


def proxy_seconds() -> float:
    """Return the processor's seconds that the proxy of the run around us has used."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if b"evalprov.wire.process" in (place / "cmdline").read_bytes():
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == os.getppid():
                    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return 0.0


def main() -> int:
    """Measure each way, and hold ours against its limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--large", type=int, default=100_000, help="calls of the file whose size is looked at")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        provider = subprocess.Popen(
            [sys.executable, __file__, "serve", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        port = int(provider.stdout.readline())  # type: ignore[union-attr]
        live = {
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "SSL_CERT_FILE": f"{folder}/roots.pem",
            "OPENAI_API_KEY": "sk-proj-T3BlbkFJabcdefghijklmnopqrstuvwxyz0123456789AB",
            "BENCH_STREAMS": "1",
        }
        found = {"bare": _bare(live, told.calls), "recorded": _ours(live, told.calls, Path(folder) / "r", "--record")}
        found["replayed"] = _ours({}, told.calls, Path(folder) / "r", "--replay", "latest")
        if program := os.environ.get("MITMDUMP") or shutil.which("mitmdump"):
            found["mitmdump"] = _mitmdump(program, live, told.calls // 4, Path(folder))
        provider.stdin.close()  # type: ignore[union-attr]
        start = _start(Path(folder))
        each = _size(Path(folder), told.large)
    columns = ("p50 1", "req/s 1", "p50 32", "p99 32", "req/s 32", "late", "cpu us a call")
    print(f"{'':10}" + "".join(f"{name:>14}" for name in columns))
    for name, row in found.items():
        print(f"{name:10}" + "".join(f"{row.get(column, float('nan')):14.2f}" for column in columns))
    ours, bare = found["recorded"], found["bare"]
    told_now = {
        "p50 ms": ours["p50 1"] - bare["p50 1"],
        "cpu us": ours["cpu us a call"],
        "req/s": ours["req/s 32"],
        "first token ms": ours["late"] - bare["late"],
        "start ms": start,
        "bytes a call": each,
    }
    for name, value in told_now.items():
        good = value >= LIMITS[name] if name == "req/s" else value <= LIMITS[name]
        print(f"{name:16} {value:10.2f}  wanted {LIMITS[name]:8} {'' if good else '<-- not met on this machine'}")
    return 0


def _loads(environ: dict[str, str], calls: int, words: list[str], cwd: Path | None = None) -> dict[str, float]:
    """Run the load with one connection and with 32."""
    row: dict[str, float] = {}
    base = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    for connections in (1, 32):
        done = subprocess.run(
            [*words, sys.executable, __file__, "load", str(calls), str(connections)],
            env={**base, **environ}, cwd=cwd, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr)
        said = json.loads(done.stdout.splitlines()[-1])
        row |= {f"p50 {connections}": said["p50"] * 1e3, f"req/s {connections}": said["rate"]}
        row |= {"late": said["late"] * 1e3, "p99 32": said["p99"] * 1e3, "cpu us a call": said["cpu"] * 1e6}
    return row


def _bare(live: dict[str, str], calls: int) -> dict[str, float]:
    return _loads(live, calls, [])


def _ours(live: dict[str, str], calls: int, place: Path, *options: str) -> dict[str, float]:
    place.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "evalprov", "run", "--quiet", *options, "--"]
    return _loads(live, calls, words, place)


def _mitmdump(program: str, live: dict[str, str], calls: int, folder: Path) -> dict[str, float]:
    port = 18_000 + os.getpid() % 1000
    words = [program, "-q", "-p", str(port), "--mode", f"upstream:{live['HTTPS_PROXY']}", "-w", str(folder / "flows")]
    words += ["--set", f"confdir={folder}/mitm", "--set", f"ssl_verify_upstream_trusted_ca={live['SSL_CERT_FILE']}"]
    proxy = subprocess.Popen([*words, "--listen-host", "127.0.0.1"])
    try:
        roots = folder / "mitm" / "mitmproxy-ca-cert.pem"
        until = time.monotonic() + 30
        while not roots.exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(2)
        return _loads({**live, "HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": str(roots)}, calls, [])
    finally:
        proxy.terminate()
        proxy.wait()


def _start(folder: Path) -> float:
    """Return the processor's milliseconds that recording adds to a run, in the middle of several."""
    import resource

    def spent(*options: str) -> float:
        found = []
        for _ in range(9):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-m", "evalprov", "run", "--quiet", *options, "--", "true"], cwd=folder, check=True
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return statistics.median(found)

    return (spent("--record") - spent()) * 1e3


def _size(folder: Path, count: int) -> float:
    """Return the bytes that a call takes in a file of so many: 4.9 kB asked, 1.1 kB answered."""
    from evalprov.wire.asked import PartBook, question
    from evalprov.wire.call import EXACT, Call, RecordedAnswer
    from evalprov.wire.calls import CallWriter
    from evalprov.wire.messages import parse_head

    head = parse_head(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\n\r\n")
    book = PartBook(lambda value: value)
    path = folder / "large.sqlite"
    writer = CallWriter(str(path))
    chance = random.Random(1)
    began = time.process_time()

    def calls() -> Any:
        for number in range(count):
            asked = question("api.openai.com", head, body_of(number, 340), book)
            text = " ".join(chance.choices(WORDS, k=100)).encode()
            answer = RecordedAnswer(REPLY.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", ANSWER[:300] + text + b'"}}]}')
            yield Call(number + 1, "openai", asked, 200, 1.7e9 + number, 0.41234, 0.51234, EXACT, None, answer)

    batch = []
    for call in calls():
        batch.append(call)
        if len(batch) == 256:
            writer.write(batch)
            batch = []
    writer.write(batch)
    writer.seal({})
    spent = (time.process_time() - began) / count * 1e6
    print(f"{count} calls: {path.stat().st_size / 1e6:.1f} MB, {spent:.0f} us CPU each")
    return path.stat().st_size / count


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["load"]:
        load(int(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
