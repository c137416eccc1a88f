"""A function whose results are recorded and replayed beside the run's calls to providers; for code that has no HTTP.

Inside `evalprov run --record` each call is kept, inside `--replay` it is answered from the record, by the same rules as
any call: the same arguments get the same results, each once, in the order in which they came. Elsewhere the function is
called as if it stood alone. Standard library only: it runs in the eval's own process.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

VARIABLE = "EVALPROV_CALLS"  # where the run's proxy takes them


class NotRecordedError(LookupError):
    """A replay was asked for a call that the run did not make; the words name the nearest."""


def cached(function: Callable[P, R], *, name: str | None = None) -> Callable[P, R]:
    """Record what a function returns, or return what was recorded; arguments and results must be JSON.

    It goes by its module and name, or by the name that is given; a function may be a coroutine's.
    """
    called = name or f"{function.__module__}.{function.__qualname__}"
    import inspect

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: P.args, **kwargs: P.kwargs) -> Any:
            import asyncio

            found = await asyncio.to_thread(_ask, called, args, kwargs)
            if "value" in found:
                return found["value"]
            began = time.perf_counter()
            value = await function(*args, **kwargs)
            return await asyncio.to_thread(_keep, called, args, kwargs, value, time.perf_counter() - began)

        return cast("Callable[P, R]", later)

    @functools.wraps(function)
    def now(*args: P.args, **kwargs: P.kwargs) -> R:
        found = _ask(called, args, kwargs)
        if "value" in found:
            return cast("R", found["value"])
        began = time.perf_counter()
        value = function(*args, **kwargs)
        return cast("R", _keep(called, args, kwargs, value, time.perf_counter() - began))

    return now


def _ask(name: str, args: object, kwargs: object) -> dict[str, Any]:
    if not os.environ.get(VARIABLE):
        return {}
    try:
        found = _post({"name": name, "arguments": {"args": args, "kwargs": kwargs}})
    except OSError:
        if os.environ[VARIABLE].endswith("/replay"):
            raise
        return {}  # whoever recorded is gone, and the function is still to be called
    if "missing" in found:
        raise NotRecordedError(found["missing"])
    return found


def _keep(name: str, args: object, kwargs: object, value: object, seconds: float) -> object:
    """Have a result kept; return it as a replay would, so that both runs see the same."""
    if not os.environ.get(VARIABLE):
        return value
    told = {"name": name, "arguments": {"args": args, "kwargs": kwargs}, "value": value, "seconds": seconds}
    with contextlib.suppress(OSError):
        _post(told)
    return json.loads(json.dumps(value))


def _post(told: dict[str, Any]) -> dict[str, Any]:
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    place = urlsplit(os.environ[VARIABLE])
    try:
        body = json.dumps(told, allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise TypeError(f"{told['name']}: only what is JSON can be recorded: {problem}") from None
    connection = HTTPConnection(place.hostname or "", place.port)  # past any proxy
    try:
        connection.request("POST", place.path, body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer
