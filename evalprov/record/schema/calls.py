"""What the command asked of model providers, as it was seen on the wire."""

from typing import Literal, TypedDict

from evalprov.record.schema.values import Json


class CallTokens(TypedDict):
    """Tokens of all calls."""

    input: int
    output: int
    cached: int  # of the input, read from a provider's cache
    uncounted: int  # calls that were answered and did not say how many


class CallCost(TypedDict):
    """What all calls cost, by a table of prices."""

    usd: float | None  # null where a model is not in the table
    prices: str | None  # the table's date
    unpriced: list[str]  # models that it does not have


class PassedHost(TypedDict):
    """A host that was talked to and not listened to."""

    connections: int
    sent: int  # bytes
    received: int


class Calls(TypedDict):
    """The calls to model providers; names with dots are OpenTelemetry's."""

    # Observed is what was only looked at, and kept nowhere; null where nobody looked.
    mode: Literal["record", "replay", "replay-or-record", "observe"] | None
    file: str | None  # below the store
    sha256: str | None
    bytes: int | None
    source: str | None  # the run, or the file, whose answers were given
    source_sha256: str | None
    count: int | None
    errors: int | None  # calls that failed, those that were tried again too
    retries: int | None
    replayed: int | None  # answered from the record
    missed: list[str]  # what a replay was asked and had no answer to
    refusals: int | None
    models: list[dict[str, Json]]
    tokens: CallTokens | None
    cost: CallCost | None
    seconds: dict[str, float]  # p50, p90, p95 and p99 of what providers took
    first_token_seconds: dict[str, float]  # of answers that came in pieces
    finish_reasons: dict[str, int]
    problems: dict[str, int]  # failures: by status, or dropped, cancelled
    rate_limits: dict[str, str]  # as the last answer told them
    passed: dict[str, PassedHost]  # hosts that were not opened
    not_recorded: dict[str, int]  # what could not be seen, and how often
    network: str | None  # of a replay: closed, or open and why
    complete: bool  # all that passed is in the file
    reason: str | None  # why it is not


class SentPrompt(TypedDict):
    """What was sent first in a role, as it was seen on the wire."""

    sha256: str | None  # of the text, or of what all texts begin and end with; null where that is too little
    texts: int  # different ones
    calls: int


class OfferedTool(TypedDict):
    """A tool that was offered to a model, as it was seen on the wire."""

    description_hash: str | None
    schema_hash: str | None
    changed: bool  # it was offered in more than one form


class SentObserved(TypedDict):
    """What was seen to be sent to models."""

    prompts: dict[str, SentPrompt]  # by role
    tools: dict[str, OfferedTool]  # by name
    model: dict[str, Json]  # what was served: as the eval says it, or as it was seen
