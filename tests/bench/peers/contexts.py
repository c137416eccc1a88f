"""What rocrate-validator would fetch: the JSON-LD context of RO-Crate, from the package of ro-crate-py."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.response import addinfourl

_WHERE = "w3id.org/ro/crate/"


def _context() -> bytes:
    package = find_spec("rocrate")
    assert package
    assert package.origin
    return (Path(package.origin).parent / "data" / "ro-crate.jsonld").read_bytes()


class _AtHand(urllib.request.BaseHandler):
    """Answers for the context's address where urllib asks."""

    handler_order = 100

    def https_open(self, request: urllib.request.Request) -> addinfourl | None:
        if _WHERE not in request.full_url:
            return None
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        answer = addinfourl(io.BytesIO(_context()), headers, request.full_url, 200)
        answer.msg = "OK"  # type: ignore[attr-defined]
        return answer


@contextmanager
def contexts_at_hand() -> Iterator[None]:
    """Give the context without a network, as the package of its authors has it."""
    import requests
    from urllib3 import HTTPResponse

    real = requests.adapters.HTTPAdapter.send

    def send(adapter: Any, request: Any, **how: Any) -> Any:
        if _WHERE not in request.url:
            return real(adapter, request, **how)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer.headers["Content-Type"] = "application/ld+json"
        answer.raw = HTTPResponse(
            io.BytesIO(_context()), status=200, preload_content=False, request_url=request.url, request_method="GET"
        )
        return answer

    before = urllib.request._opener  # type: ignore[attr-defined]
    urllib.request.install_opener(urllib.request.build_opener(_AtHand()))
    try:
        with mock.patch.object(requests.adapters.HTTPAdapter, "send", send):
            yield
    finally:
        urllib.request.install_opener(before)
