"""The metrics/ folder: ids, atomic writes, the history, look-up, repair."""

from evalprov.store.write import Store

__all__ = ["Store"]
