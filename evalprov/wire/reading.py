"""What a call says of itself: which model, with what, how many tokens, and how it ended, whoever the provider is."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evalprov.named import NamedTuple
from evalprov.wire.asked import parsed
from evalprov.wire.cleaning import decoded
from evalprov.wire.events import event_stream, sse_events
from evalprov.wire.messages import parse_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalprov.wire.call import Call
    from evalprov.wire.messages import Head

# By OpenTelemetry's names, less `gen_ai.request.`.
PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "p": "top_p",
    "top_k": "top_k",
    "topK": "top_k",
    "k": "top_k",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "maxTokens": "max_tokens",
    "seed": "seed",
    "random_seed": "seed",
    "stop": "stop_sequences",
    "stop_sequences": "stop_sequences",
    "stopSequences": "stop_sequences",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "n": "choice.count",
    "candidateCount": "choice.count",
    "reasoning_effort": "reasoning_effort",
}
_SYSTEM = ("system", "systemInstruction", "system_instruction", "instructions", "preamble")
_SAID_TO = ("messages", "contents", "input", "prompt", "message")
_INSIDE = ("generationConfig", "generation_config", "inferenceConfig")
# What counts tokens, by the place it has among them.
_COUNTS = {
    name: place
    for place, names in enumerate(
        (
            ("prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens", "inputTokenCount"),
            ("completion_tokens", "output_tokens", "candidatesTokenCount", "outputTokens", "outputTokenCount"),
            ("cached_tokens", "cache_read_input_tokens", "cachedContentTokenCount", "cacheReadInputTokens"),
            ("cache_creation_input_tokens", "cacheWriteInputTokens"),
        )
    )
    for name in names
}
_FINISH = ("finish_reason", "finishReason", "stop_reason", "stopReason")
_REFUSED = frozenset(("refusal", "content_filter", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "guardrail_intervened"))
_OPERATIONS = (
    (re.compile(r"embed", re.IGNORECASE), "embeddings"),
    (re.compile(r"generateContent", re.IGNORECASE), "generate_content"),
    (re.compile(r"/chat|/messages|/converse|/responses|/invoke"), "chat"),
    (re.compile(r"/completions"), "text_completion"),
)


class Tokens(NamedTuple):
    """How many tokens a call took."""

    input: int = 0
    output: int = 0
    cached: int = 0  # of the input, read from the provider's cache
    written: int = 0  # to that cache


class CallFacts:
    """What a call says of itself."""

    __slots__ = (
        *("operation", "requested", "parameters", "system", "users", "tools"),
        *("served", "fingerprint", "tokens", "finish", "refused", "tool_calls", "limits"),
    )

    def __init__(self, path: str, body: dict[str, Any]) -> None:
        self.operation = _operation(path)
        self.requested = _requested(body, path)
        self.parameters = _parameters(body)
        self.system, self.users = _prompts(body)  # texts
        self.tools = _tools(body)  # name to description and schema, as JSON
        self.served: str | None = None
        self.fingerprint: str | None = None
        self.tokens: Tokens | None = None
        self.finish: tuple[str, ...] = ()
        self.refused = False
        self.tool_calls = 0
        self.limits: dict[str, str] = {}

    def answered(self, head: Head, values: Iterable[Any]) -> CallFacts:
        """Add what the answer says: one value, or one an event."""
        self.limits = {name: value for name, value in head.headers if "ratelimit" in name}
        for value in values:
            if isinstance(value, dict):
                _add(self, value)
        return self


def facts_of(call: Call) -> CallFacts:
    """Read a call."""
    body = call.question.body() if call.question.kind == "json" else None
    facts = CallFacts(call.question.path, body if isinstance(body, dict) else {})
    if call.answer is not None and call.answer.head:
        facts.answered(parse_head(call.answer.head), answer_values(call))
    return facts


@lru_cache(256)
def _operation(path: str) -> str | None:
    return next((name for pattern, name in _OPERATIONS if pattern.search(path)), None)


def _requested(body: dict[str, Any], path: str) -> str | None:
    model = body.get("model") or body.get("modelId")
    if isinstance(model, str):
        return model.removeprefix("models/")
    found = re.search(r"/(?:models?|deployments)/([^/:?]+(?:%3A\d+)?(?::\d+(?=/))?)", path)
    return found[1].replace("%3A", ":").replace("%3a", ":") if found else None


def _parameters(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for table in (body, *(body[name] for name in _INSIDE if isinstance(body.get(name), dict))):
        for name, value in table.items():
            if name in PARAMETERS and isinstance(value, int | float | str | list | bool):
                found[PARAMETERS[name]] = value
    return found


def _prompts(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    system = [_text(body[name]) for name in _SYSTEM if body.get(name)]
    users: list[str] = []
    for name in _SAID_TO:
        value = body.get(name)
        if isinstance(value, str):
            users.append(value)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict):
                role = item.get("role", "user")
                if role in ("system", "developer"):
                    system.append(_text(item))
                elif role == "user" and not users and (text := _text(item)):
                    users.append(text)
    return system, users[:1]


def _text(value: Any) -> str:
    """Return the text of a message, however it is wrapped."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        for name in ("content", "parts", "text"):
            if name in value:
                return _text(value[name])
    return ""


def _tools(body: dict[str, Any]) -> dict[str, tuple[str, str]]:
    offered = body.get("tools") or (body.get("toolConfig") or {}).get("tools") or body.get("functions") or []
    found: dict[str, tuple[str, str]] = {}
    for one in offered if isinstance(offered, list) else ():
        if not isinstance(one, dict):
            continue
        several = one.get("functionDeclarations") or one.get("function_declarations")
        for tool in several if isinstance(several, list) else [one.get("function") or one.get("toolSpec") or one]:
            if isinstance(tool, dict) and isinstance(name := tool.get("name") or tool.get("type"), str):
                schema = next((tool[key] for key in ("parameters", "input_schema", "inputSchema") if key in tool), None)
                found[name] = str(tool.get("description") or ""), json.dumps(schema, sort_keys=True)
    return found


def values_in(kind: str, plain: bytes) -> Iterator[Any]:
    """Yield what an answer of a kind holds as JSON."""
    if "amazon.eventstream" in kind:
        yield from event_stream(plain)
    elif "event-stream" in kind:
        yield from (one.value for one in sse_events(plain))
    elif plain[:1] in (b"{", b"["):
        try:
            value = parsed(plain)
        except (ValueError, RecursionError):
            return
        yield from value if isinstance(value, list) else (value,)


def _add(found: CallFacts, value: dict[str, Any]) -> None:
    """Add what one answer, or one event of a stream, says."""
    # Anthropic's and OpenAI's events wrap what they are of.
    wrapped = [value[name] for name in ("message", "response") if isinstance(value.get(name), dict)]
    for one in (value, *wrapped[:1]):
        served = one.get("model") or one.get("modelVersion")
        if isinstance(served, str) and served:
            found.served = served
        if isinstance(one.get("system_fingerprint"), str):
            found.fingerprint = one["system_fingerprint"]
        usage = one.get("usage") or one.get("usageMetadata") or one.get("amazon-bedrock-invocationMetrics")
        meta, delta = one.get("meta"), one.get("delta")
        if not usage and isinstance(meta, dict):
            usage = meta.get("tokens") or meta.get("billed_units")
        elif not usage and isinstance(delta, dict):
            usage = delta.get("usage")
        if isinstance(usage, dict):
            found.tokens = _tokens(usage, found.tokens or Tokens())
        finish, refused, calls = _ends(one)
        if finish:
            found.finish = tuple(dict.fromkeys((*found.finish, *finish)))
        found.refused = found.refused or refused
        found.tool_calls += calls


def _tokens(usage: dict[str, Any], known: Tokens) -> Tokens:
    found: dict[int, int] = {}
    for table in (usage, *(inner for inner in usage.values() if isinstance(inner, dict))):
        for name, value in table.items():
            place = _COUNTS.get(name)
            if place is not None and place not in found and isinstance(value, int | float):
                found[place] = int(value)
    return Tokens(*(max(before, found.get(place, 0)) for place, before in enumerate(known)))


def _ends(value: dict[str, Any]) -> tuple[list[str], bool, int]:
    reasons: list[str] = []
    refused, calls = False, 0
    delta = value.get("delta")
    parts = [
        value,
        *(value.get("choices") or value.get("candidates") or ()),
        *([delta] if isinstance(delta, dict) else ()),
    ]
    for part in parts:
        if not isinstance(part, dict):
            continue
        reasons += [str(part[name]) for name in _FINISH if part.get(name)]
        said = part.get("message") or part.get("delta") or part.get("content_block") or {}
        if isinstance(said, dict):
            refused = refused or bool(said.get("refusal"))
            tools = said.get("tool_calls")
            calls += (
                sum(isinstance(one, dict) and bool(one.get("id")) for one in tools) if isinstance(tools, list) else 0
            )
            calls += said.get("type") == "tool_use"
    blocks = value.get("content") or value.get("output")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            calls += block.get("type") in ("tool_use", "function_call")
            refused = refused or block.get("type") == "refusal"
    if value.get("status") in ("completed", "incomplete") and value.get("object") == "response":
        reasons.append(str(value["status"]))
    return reasons, refused or bool(_REFUSED.intersection(reasons)), calls


# Where providers put what a model says, whole or in pieces.
_SAID = ("content", "text", "delta", "arguments", "partial_json", "input", "refusal", "thinking", "reasoning_content")


def answer_values(call: Call) -> list[Any]:
    """Return an answer as JSON: one value, or one an event."""
    if call.answer is None:
        return []
    head = parse_head(call.answer.head)
    return list(values_in(head.get("content-type").lower(), decoded(head, call.answer.body) or b""))


def said_in(call: Call) -> str:
    """Return what a model said in an answer, less ids and times, its pieces put together."""
    texts: list[str] = []

    def gather(value: Any, key: str) -> None:
        if isinstance(value, str) and key in _SAID:
            texts.append(value)
        elif isinstance(value, dict):
            for name, inner in value.items():
                gather(inner, name)
        elif isinstance(value, list):
            for inner in value:
                gather(inner, key)

    for value in answer_values(call):
        # What OpenAI's last events say again, whole.
        if not (isinstance(value, dict) and str(value.get("type", "")).endswith((".done", ".completed"))):
            gather(value, "")
    return "".join(texts)
