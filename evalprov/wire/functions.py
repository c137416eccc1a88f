"""Functions of the command's own, recorded and replayed beside its calls to providers, by the same keys."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from evalprov.wire.asked import CallQuestion, PartBook, canonical, parts_of, taken_apart
from evalprov.wire.call import EXACT, FUNCTION, REPLAYED, Call, RecordedAnswer
from evalprov.wire.keeper import KeptCall
from evalprov.wire.matching import Miss

if TYPE_CHECKING:
    from evalprov.wire.keeper import Keeper
    from evalprov.wire.replay import Replayer

HOST = "function"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


def ask(keeper: Keeper, replayer: Replayer | None, body: bytes) -> dict[str, Any] | Miss:
    """Answer what a function asks before it is called, or keep what it gave."""
    told = json.loads(body)
    book = PartBook(keeper.cleaner.value, json.loads)  # to a function 1.0 is not 1
    skeleton, pieces = taken_apart(parts_of(canonical(told["arguments"])), book)
    asked = CallQuestion(HOST, "CALL", told["name"], "", skeleton, pieces, "json")
    if "value" in told:
        value = json.dumps(keeper.cleaner.value(told["value"]), ensure_ascii=False).encode()
        _keep(keeper, asked, RecordedAnswer(_HEAD, value), told["seconds"], EXACT | FUNCTION)
        return {}
    if replayer is None:
        return {"call": True}
    found = replayer.answer(asked)
    if isinstance(found, Miss) or found.answer is None:
        return found if isinstance(found, Miss) else {"call": True}
    _keep(keeper, asked, found.answer, found.ended, found.flags | REPLAYED)
    return {"value": json.loads(found.answer.body)}


def _keep(keeper: Keeper, asked: CallQuestion, answer: RecordedAnswer, seconds: float, flags: int) -> None:
    number = keeper.next_number()
    call = Call(number, HOST, asked, 200, time.time() - seconds, seconds, seconds, flags, None, answer)
    keeper.put(KeptCall(number, call.began, HOST, HOST, ready=call))
