"""What the eval reported of its program, without secrets; the store's gate sees to its names and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.store.gate import less_secrets

if TYPE_CHECKING:
    from evalprov.reported import Reported
    from evalprov.secrets import Scrubber


def scrubbed(reported: Reported, scrub: Scrubber) -> Reported:
    """Take out what is a secret by the key that it stands at."""
    return reported._replace(facts=less_secrets(reported.facts, scrub))
