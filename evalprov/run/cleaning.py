"""What the eval reported of its program, without secrets; the store's gate sees to its names and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.store.gate import texts

if TYPE_CHECKING:
    from evalprov.reported import Reported
    from evalprov.secrets import Scrubber

# What of a report grows with its scenarios, and is names and numbers alone.
_BY_NAME = frozenset(
    ("metrics", "metric_summary", "metric_info", "scenario_groups", "scenarios_run", "stages", "errors")
)


def scrubbed(reported: Reported, scrub: Scrubber) -> Reported:
    """Take out what is a secret by the key that it stands at."""
    rest = {key: said for key, said in reported.facts.items() if key not in _BY_NAME}
    told = scrub.knowing(texts(rest))
    return reported._replace(facts={**reported.facts, **{key: told.value(said) for key, said in rest.items()}})
