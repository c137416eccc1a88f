"""evalprov: know for good what exactly was running when an experiment scored 0.74."""

__version__ = "0.1.0"
