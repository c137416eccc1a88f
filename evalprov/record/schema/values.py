"""What every section of the record is made of."""

from typing import Any

MetricValue = bool | int | float | None
Json = Any  # a JSON value; a recursive alias cannot be checked by the decoder
