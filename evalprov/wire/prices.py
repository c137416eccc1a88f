"""What calls cost, by a table with a date, which a file of the user's own can take the place of."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.wire.reading import Tokens

FILE = os.path.join(os.path.dirname(__file__), "prices.json")
# What follows a name and makes it no other model: a date, a number as Google has them, a version as Bedrock has them.
_DATED = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{3}|latest)(-v\d+:\d+)?$")


class Price(NamedTuple):
    """Dollars for a million tokens."""

    input: float
    output: float
    cached: float | None = None  # read from the cache; as the input where it is not said
    written: float | None = None


class PriceTable(NamedTuple):
    """Prices by model, each good for those whose names begin so and go on with a date or a version."""

    date: str | None
    prices: Mapping[str, Price]


def read_prices(path: str | None) -> PriceTable:
    """Read a table: `{"date": "...", "usd_per_million_tokens": {"MODEL": {"input": 1, "output": 2}}}`."""
    with reading(path or FILE) as file:
        table = json.load(file)
    rows = table["usd_per_million_tokens"]
    prices = {
        name: Price(float(row["input"]), float(row["output"]), row.get("cached"), row.get("written"))
        for name, row in rows.items()
    }
    return PriceTable(str(table["date"]), prices)


def usd(table: PriceTable, provider: str, model: str, tokens: Tokens) -> float | None:
    """Return what a call cost; null where the table does not have its model."""
    price = _price(table, provider, model)
    if price is None:
        return None
    # Anthropic counts what the cache gave beside the input, the others within it.
    beside = provider in ("anthropic", "aws.bedrock")
    fresh = tokens.input if beside else max(0, tokens.input - tokens.cached)
    cached = price.input if price.cached is None else price.cached
    written = price.input if price.written is None else price.written
    spent = fresh * price.input + tokens.cached * cached + tokens.written * written + tokens.output * price.output
    return spent / 1e6


@lru_cache(512)
def _undated(name: str) -> str:
    return _DATED.sub("", name)


def _price(table: PriceTable, provider: str, model: str) -> Price | None:
    for name in (f"{provider}/{model}", model, model.rpartition("/")[2]):
        for spelled in (name, _undated(name)):
            if spelled in table.prices:
                return table.prices[spelled]
    return None
