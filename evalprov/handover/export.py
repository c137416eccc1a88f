"""One run handed over to a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.handover.parcel import TargetRefused
from evalprov.store import read
from evalprov.store.gate import hide_secrets

if TYPE_CHECKING:
    from evalprov.handover.parcel import Receipt, SendOptions
    from evalprov.handover.targets import Target
    from evalprov.secrets import Scrubber


def hand_over(store: str, run: str, target: Target, options: SendOptions, scrub: Scrubber) -> Receipt:
    """Hand a run over; what the present environment makes a secret is hidden once more."""
    record = read.load_noted(store, run)
    if record["status"] == "running":
        raise TargetRefused(f"run {record['run_id']} is still running: its record is not whole", "wait for its end")
    hide_secrets(record, scrub)
    return target.send(record, options)
