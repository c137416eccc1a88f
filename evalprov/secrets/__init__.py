"""The one scrubber that everything written goes through: one decision for text and for hashes."""

from evalprov.secrets.names import is_secret_name, is_secret_variable
from evalprov.secrets.scrubber import Scrubber
from evalprov.secrets.stream import StreamScrubber
from evalprov.secrets.values import PLACEHOLDER

__all__ = ["PLACEHOLDER", "Scrubber", "StreamScrubber", "is_secret_name", "is_secret_variable"]
