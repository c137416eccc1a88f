"""The one scrubber that everything written goes through; for facts it also tells hidden values apart."""

from evalprov.record.hidden import PLACEHOLDER
from evalprov.secrets.names import is_secret_name, is_secret_variable
from evalprov.secrets.scrubber import Scrubber
from evalprov.secrets.stream import StreamScrubber
from evalprov.secrets.telling import TellingScrubber

__all__ = ["PLACEHOLDER", "Scrubber", "StreamScrubber", "TellingScrubber", "is_secret_name", "is_secret_variable"]
