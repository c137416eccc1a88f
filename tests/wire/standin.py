"""A stand-in for every model provider: a proxy on loopback that speaks TLS for any host, and answers as they would.

Led there by HTTPS_PROXY and SSL_CERT_FILE, a library talks to it as it would to the provider. Each answer is another,
as sampled ones are. It knows the shapes of OpenAI, Anthropic, Gemini, Mistral, Cohere and Bedrock; what a request says
in its text makes it fail, hang, stall or stream.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import http.server
import itertools
import json
import os
import re
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

from evalprov.wire.authority import Authority


class StandIn:
    """The server, its authority, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority()
        self.roots = folder / "roots.pem"
        self.roots.write_text(self.authority.certificate)
        self.asked: list[tuple[str, str]] = []  # host and path
        self.seen: list[dict[str, Any]] = []  # headers
        self.counter = itertools.count(1001)  # of one width, so that all answers come in as many pieces
        self.failures: dict[str, int] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        stand_in = self

        class Handler(_Handler):
            standin = stand_in

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def environ(self) -> dict[str, str]:
        """What leads a client here."""
        proxy = f"http://127.0.0.1:{self.port}"
        roots = dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(self.roots)
        )
        return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NODE_USE_ENV_PROXY": "1", "NO_PROXY": "127.0.0.1", **roots}

    def context(self, host: str) -> ssl.SSLContext:
        """Return how to speak for a host."""
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.set_alpn_protocols(["http/1.1"])
                place = self.folder / f"{host}.pem"
                place.write_text(self.authority.leaf(host))
                context.load_cert_chain(place)
                self._contexts[host] = context
            return self._contexts[host]

    def fails_first(self, what: str) -> bool:
        """Say whether this is the first time that something is asked."""
        with self._lock:
            self.failures[what] = self.failures.get(what, 0) + 1
            return self.failures[what] == 1

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what this is for."""


class _Handler(http.server.BaseHTTPRequestHandler):
    standin: StandIn
    protocol_version = "HTTP/1.1"
    host = ""

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: Any) -> None:
        return

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        self.send_response(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        try:
            secured = self.standin.context(host).wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.connection = self.request = secured
        self.rfile, self.wfile = secured.makefile("rb", 65536), secured.makefile("wb", 0)
        self.host = host
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()
        secured.close()

    def do_GET(self) -> None:
        self._answer({}, b"")

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            raw = b"".join(parts)
        else:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            body = json.loads(raw)
        except ValueError:
            body = {}
        self._answer(body if isinstance(body, dict) else {}, raw)

    def _answer(self, body: dict[str, Any], raw: bytes) -> None:
        self.standin.asked.append((self.host or self.headers.get("host", ""), self.path))
        self.standin.seen.append(dict(self.headers.items()))
        text = raw.decode("utf-8", "replace")
        number = next(self.standin.counter)
        if "[hang]" in text:
            time.sleep(60)
        if "[drop]" in text and self.standin.fails_first(text):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if "[busy]" in text and self.standin.fails_first(text):
            self._send({"error": {"message": "slow down", "type": "rate_limit"}}, 429, {"retry-after-ms": "10"})
            return
        if "[bad]" in text:
            self._send({"error": {"message": "no such thing", "type": "invalid_request_error"}}, 400)
            return
        shape = shape_of(self.host, self.path)
        said = said_by(text, number)
        streams = bool(body.get("stream")) or "stream" in self.path.lower()
        if streams and shape != "embeddings":
            self._stream(shape, body, said, number)
        elif "[gzip]" in text:
            self._send(whole(shape, body, said, number), 200, {"content-encoding": "gzip"})
        else:
            self._send(whole(shape, body, said, number), 200)

    def _send(self, value: Any, status: int, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        if (headers or {}).get("content-encoding") == "gzip":
            data = gzip.compress(data, mtime=0)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-request-id", f"req_{time.time_ns()}")
        self.send_header("openai-organization", "org-of-somebody")
        self.send_header("set-cookie", "__cf_bm=abcdefghijklmnop; path=/")
        self.send_header("x-ratelimit-remaining-requests", "99")
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, shape: str, body: dict[str, Any], said: str, number: int) -> None:
        pause = 0.02 if "[slow]" in json.dumps(body) else 0.0
        self.send_response(200)
        kind = "application/vnd.amazon.eventstream" if shape == "bedrock" else "text/event-stream"
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events(shape, body, said, number):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(pause)
        self.wfile.write(b"0\r\n\r\n")


def shape_of(host: str, path: str) -> str:
    """Return whose answers a request wants."""
    if "embed" in path:
        return "embeddings"
    if "/responses" in path:
        return "responses"
    for sign, shape in (
        ("anthropic", "anthropic"),
        ("googleapis", "gemini"),
        ("cohere", "cohere"),
        ("amazonaws", "bedrock"),
    ):
        if sign in host:
            return shape
    return "anthropic" if "/messages" in path else "cohere" if path.startswith("/v2/chat") else "openai"


def said_by(text: str, number: int) -> str:
    """Return what a model says: an echo that asks for one, else something new each time."""
    found = re.search(r"\[say ([^\]]*)\]", text)
    return found[1] if found else f"answer {number}: {'yes' if number % 3 else 'nay'}"


def whole(shape: str, body: dict[str, Any], said: str, number: int) -> dict[str, Any]:  # noqa: PLR0911 - a case a provider
    """Return an answer in one piece."""
    model = body.get("model", "")
    wants_tool = bool(body.get("tools")) and "[tool]" in json.dumps(body)
    arguments = {"city": said}
    if shape == "openai":
        message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
        if wants_tool:
            call = {"id": f"call_{number}", "type": "function"}
            message |= {
                "content": None,
                "tool_calls": [{**call, "function": {"name": "weather", "arguments": json.dumps(arguments)}}],
            }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": "tool_calls" if wants_tool else "stop",
        }
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1700000000 + number,
            "model": served(model),
            "choices": [choice],
            "system_fingerprint": "fp_44709d6fcb",
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        }
    if shape == "responses":
        part = {"type": "output_text", "text": said, "annotations": []}
        item = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        return {
            "id": f"resp_{number}", "object": "response", "created_at": 1700000000, "status": "completed",
            "model": served(model), "output": [item], "error": None, "incomplete_details": None, "instructions": None,
            "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [],
            "usage": {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25,
                      "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
        }  # fmt: skip
    if shape == "anthropic":
        block: dict[str, Any] = {"type": "text", "text": said}
        if wants_tool:
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": "weather", "input": arguments}
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": served(model),
            "content": [block],
            "stop_reason": "tool_use" if wants_tool else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 20, "output_tokens": 5},
        }
    if shape == "gemini":
        content = {"role": "model", "parts": [{"text": said}]}
        return {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 5, "totalTokenCount": 25},
            "modelVersion": "gemini-2.0-flash-001",
        }
    if shape == "cohere":
        return {
            "id": f"c{number}",
            "message": {"role": "assistant", "content": [{"type": "text", "text": said}]},
            "finish_reason": "COMPLETE",
            "usage": {
                "billed_units": {"input_tokens": 20, "output_tokens": 5},
                "tokens": {"input_tokens": 20, "output_tokens": 5},
            },
        }
    if shape == "bedrock":
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": said}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25},
            "metrics": {"latencyMs": 5},
        }
    many = body.get("input") or [""]
    count = len(many) if isinstance(many, list) else 1
    vector = base64.b64encode(struct.pack("<3f", number, 0.5, 0.25)).decode()
    data = [
        {
            "object": "embedding",
            "index": n,
            "embedding": vector if body.get("encoding_format") == "base64" else [number, 0.5, 0.25],
        }
        for n in range(count)
    ]
    return {"object": "list", "data": data, "model": served(model), "usage": {"prompt_tokens": 4, "total_tokens": 4}}


def served(model: str) -> str:
    """Return the dated name behind an alias."""
    return {"gpt-4o-mini": "gpt-4o-mini-2024-07-18", "gpt-4o": "gpt-4o-2024-08-06"}.get(model, model)


def events(shape: str, body: dict[str, Any], said: str, number: int) -> list[bytes]:
    """Return an answer in pieces, some letters at a time."""
    parts = [said[at : at + 4] for at in range(0, len(said), 4)]
    model = served(body.get("model", ""))
    if shape == "anthropic":
        start = {
            **whole("anthropic", body, "", number),
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 20, "output_tokens": 1},
        }
        found: list[dict[str, Any]] = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
                for part in parts
            ),
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 5},
            },
            {"type": "message_stop"},
        ]
        return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in found]
    if shape == "gemini":
        pieces = [whole("gemini", body, part, number) for part in parts]
        return [f"data: {json.dumps(one)}\r\n\r\n".encode() for one in pieces]
    if shape == "cohere":
        found = [
            {
                "type": "message-start",
                "id": f"c{number}",
                "delta": {
                    "message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
                },
            },
            {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
            *(
                {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": part}}}}
                for part in parts
            ),
            {"type": "content-end", "index": 0},
            {
                "type": "message-end",
                "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 20, "output_tokens": 5}}},
            },
        ]
        return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in found]
    if shape == "bedrock":
        told = [
            ("messageStart", {"role": "assistant"}),
            *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": part}}) for part in parts),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "end_turn"}),
            (
                "metadata",
                {"usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}, "metrics": {"latencyMs": 5}},
            ),
        ]
        return [frame(kind, value) for kind, value in told]
    if shape == "responses":
        done = whole("responses", body, said, number)
        item = done["output"][0]
        begun = {**done, "status": "in_progress", "output": [], "usage": None}
        where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        found = [
            {"type": "response.created", "response": begun},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {**item, "content": [], "status": "in_progress"},
            },
            {
                "type": "response.content_part.added",
                **where,
                "part": {"type": "output_text", "text": "", "annotations": []},
            },
            *({"type": "response.output_text.delta", **where, "delta": part, "logprobs": []} for part in parts),
            {"type": "response.output_text.done", **where, "text": said, "logprobs": []},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": done},
        ]
        for order, one in enumerate(found):
            one["sequence_number"] = order
        return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in found]
    base = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1700000000, "model": model}
    found = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        *({**base, "choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]} for part in parts),
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    if (body.get("stream_options") or {}).get("include_usage"):
        found.append(
            {**base, "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}}
        )
    return [*(f"data: {json.dumps(one)}\n\n".encode() for one in found), b"data: [DONE]\n\n"]


def frame(kind: str, value: dict[str, Any]) -> bytes:
    """Return a frame as AWS has them."""
    payload = json.dumps(value).encode()
    headers = b"".join(
        bytes((len(name),)) + name + b"\x07" + struct.pack(">H", len(text)) + text
        for name, text in (
            (b":event-type", kind.encode()),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack(">I", binascii.crc32(prelude))
    message = prelude + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


def main() -> None:
    """Serve until told to stop, for those who are no test."""
    standin = StandIn(Path(sys.argv[1]))
    print(json.dumps({"port": standin.port, "environ": standin.environ}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
