"""What the command used over time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from launching import Launched

from evalprov.launch.series import MOST, UsageSeries

BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def used(series: UsageSeries) -> dict[str, Any]:
    """Return what the record has of a series."""
    return dict(series.facts() or {})


def spent(facts: dict[str, Any]) -> float:
    """Return the CPU seconds that the points of a series come to."""
    ends = facts["seconds"]
    spans = [end - begin for end, begin in zip(ends, [0.0, *ends], strict=False)]
    return sum(cores * span for cores, span in zip(facts["cpu"], spans, strict=True))


@pytest.mark.parametrize("looks", [1, 199, 201, 5_000, 20_000])
def test_a_series_stays_small_and_loses_nothing(looks: int) -> None:
    """However long a run takes there are at most 200 points; their CPU time, peaks and end are those of all looks."""
    series = UsageSeries()
    for number in range(1, looks + 1):
        series.add(number * 0.5, number * 0.25, 100 + (number == looks // 2), 1 + (number == looks))
    facts = used(series)
    assert len(facts["seconds"]) <= MOST
    assert len(facts["seconds"]) >= min(looks, MOST // 4)
    assert {len(facts[name]) for name in ("cpu", "memory_bytes", "processes")} == {len(facts["seconds"])}
    assert facts["seconds"][-1] == looks * 0.5
    assert spent(facts) == pytest.approx(looks * 0.25, rel=1e-3)
    assert max(facts["memory_bytes"]) == 100 + (looks > 1)
    assert facts["processes"][-1] == 2


def test_time_that_goes_with_a_process_is_not_given_back() -> None:
    """Where a process is gone with its CPU time no use is negative, and what the others use is still counted."""
    series = UsageSeries()
    for seconds, cpu in ((1.0, 1.0), (2.0, 5.0), (3.0, 2.0), (4.0, 3.0)):
        series.add(seconds, cpu, 1, 1)
    assert used(series)["cpu"] == [1.0, 4.0, 0.0, 1.0]


def test_nobody_looked() -> None:
    """Without a look there is no series, rather than an empty one."""
    assert UsageSeries().facts() is None


@pytest.mark.linux("orphans come to us")
def test_workers_count_while_they_run_and_after(tmp_path: Path) -> None:
    """The CPU time of workers shows when they use it, once: not again when their parent has waited for them."""
    worker = BURN.format(0.4) + "time.sleep(0.1)"
    code = (
        f"import subprocess, sys, time\nworker = subprocess.Popen([sys.executable, '-S', '-c', {worker!r}])\n"
        "time.sleep(1.2)\nworker.wait()\ntime.sleep(0.5)"
    )
    launched = Launched(tmp_path, [sys.executable, "-S", "-c", code])
    launched.run()
    resources = launched.outcome["resources"]
    facts = resources["series"]
    whole = resources["cpu_user_seconds"] + resources["cpu_system_seconds"]
    assert 0.35 < spent(facts) <= whole + 0.05
    assert facts["cpu"][-1] < 0.5
    assert max(facts["processes"]) == 2
    assert max(facts["memory_bytes"]) == resources["peak_memory_bytes"]
    assert facts["gpu"] is None
