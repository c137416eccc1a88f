"""evalprov: know for good what exactly was running when an experiment scored 0.74.

In an eval script:

    from evalprov import config_layer, report

    layer = config_layer(scenario="support-tickets").model(provider="anthropic", model="claude-sonnet-4-6")
    layer.add_field("orchestrator", fanout_critic)   # a function counts by its source
    print(layer.hash())
    layer.report({"accuracy": 0.74})                 # to the `evalprov run` around this script

    answer = evalprov.cached(my_model)("a question") # kept by `run --record`, given again by `run --replay`

Afterwards, anywhere in the project:

    run = evalprov.load("latest")                    # its record, its metrics
    print(run.verify().answer)                       # is all as it was, and can it be brought back?
    pandas.DataFrame(evalprov.history("accuracy>=0.7", since="30d"))   # a row a run, newest first
"""

# The command line passes through here before its search path is safe: nothing may be imported, typing included.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import Any

    from evalprov.builder import CodeHash, ConfigLayer, NoSource, cached, config_layer, hash_code, report

    def load(run: str = "latest", store: str | None = None) -> Any:
        """Return a recorded run, a RecordedRun of restore/door.py; its type would close a circle of imports."""

    def history(
        where: str | Iterable[str] = (), since: str | datetime | None = None, store: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Return the recorded runs, newest first, each as a flat table by key path; see handover/reading.py."""


__version__ = "0.1.0"
__all__ = [
    "CodeHash",
    "ConfigLayer",
    "NoSource",
    "__version__",
    "cached",
    "config_layer",
    "hash_code",
    "history",
    "load",
    "report",
]


def __getattr__(name: str) -> object:
    # The command line starts without the builder, and the builder without the command line.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = {"load": "restore.door", "history": "handover.reading"}.get(name, "builder")
    value = globals()[name] = getattr(__import__(f"{__name__}.{room}", fromlist=[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
