"""From what a person writes to the second that is meant; the rule stands beside the ids that are compared with it."""

from evalprov.store.times import second

__all__ = ["second"]
