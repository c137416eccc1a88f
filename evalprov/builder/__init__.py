"""The Python API for eval scripts: say what the program is, and hand it to the surrounding run."""

from __future__ import annotations

from evalprov.builder.cached import cached
from evalprov.builder.layer import ConfigLayer, config_layer
from evalprov.builder.line import report
from evalprov.builder.source import NoSource
from evalprov.builder.values import CodeHash, hash_code

__all__ = ["CodeHash", "ConfigLayer", "NoSource", "cached", "config_layer", "hash_code", "report"]
