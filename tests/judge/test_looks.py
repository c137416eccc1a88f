"""Many looks at one baseline: which one a run is, at which level it is judged, and what it says of that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gate_runs import Store, called, rate, record

from evalprov.judge.gate import judge
from evalprov.judge.looks import Look
from evalprov.judge.metric_diff import Side
from evalprov.judge.rules import NO_RULES
from evalprov.record.baseline import sealed
from evalprov.record.form import encode
from evalprov.stats.looks import FIRST, share_of

SET_AT = "2026-09-20T13:00:00Z"


def test_all_looks_share_one_level_and_the_first_of_them_equally() -> None:
    """However many there come, their shares make no more than 1."""
    assert len({share_of(look) for look in range(1, FIRST + 1)}) == 1
    assert all(share_of(look + 1) <= share_of(look) for look in range(1, 5000))
    assert 0.99 < sum(map(share_of, range(1, 5000))) <= 1


def test_a_look_calls_worse_what_it_would_if_it_had_its_share_of_the_level() -> None:
    """What a single look would have called worse is told beside."""
    a, b = (Side((record(f"2026092{day}T120000Z", {"accuracy": rate(right)}),)) for day, right in ((0, 100), (1, 93)))
    assert judge(a, b, NO_RULES).verdict == "regression"
    found = judge(a, b, NO_RULES, look=Look(3, is_whole=True))
    assert found.verdict == "pass"
    assert found.notes[-2:] == [
        "look 3 at this baseline, judged at 0.002: all looks together fire in 5 % at most where nothing is wrong",
        "accuracy_mean: worse for real in a single look (p = 0.003906), not as look 3",
    ]
    share = NO_RULES._replace(gate=NO_RULES.gate._replace(level=0.002))
    assert [one.diff for one in found.metrics] == [one.diff for one in judge(a, b, share).metrics]


def test_what_a_look_cannot_see_is_said_beside_what_a_single_one_can() -> None:
    """Both sizes are of the same metric."""
    a, b = (Side((record(f"2026092{day}T120000Z", {"accuracy": rate(right)}),)) for day, right in ((0, 60), (1, 59)))
    said = judge(a, b, NO_RULES, look=Look(30, is_whole=False)).notes
    assert any("is seen four times in five, in a single look one of" in one for one in said)
    assert any("looks made in other checkouts are not counted" in one for one in said)
    assert any("a new baseline starts anew" in one for one in said)


@pytest.fixture
def looked_at(tmp_path: Path) -> Path:
    """A store with a baseline and later runs: two of its scenario, another's, one that crashed, and a repeat of two."""
    store = Store(tmp_path / "metrics")

    def run(hour: int, **facts: Any) -> Mapping[str, Any]:
        return record(f"20260920T{hour}0000Z", {"accuracy": rate(90)}, **facts)

    repeat = {"id": "20260920T180000Z-1", "trial": 1, "of": 2, "seed": 1}
    base = run(10)
    store.put(
        base, run(12), run(14), run(15), run(16, scenario="other"), run(17, status="killed"),
        run(18, repeat=repeat), run(19, repeat={**repeat, "trial": 2}), run(20),
    )  # fmt: skip
    account: Any = {
        "name": "main", "set_at": SET_AT, "set_by": None, "reason": "shipped", "forced": [], "replaces": None,
        "sha256": "",
    }  # fmt: skip
    (store.path / "baselines").mkdir()
    (store.path / "baselines" / "main.json").write_bytes(encode(sealed(base, account)))  # type: ignore[arg-type]
    return tmp_path


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("20260920T140000Z",), 1),
        (("20260920T150000Z",), 2),
        (("20260920T200000Z",), 5),
        (("20260920T190000Z", "--trials"), 3),  # the trials of a repeat are one
        (("20260920T120000Z",), 1),  # older than the baseline was set
    ],
)
def test_which_look_a_run_is_follows_from_the_history(looked_at: Path, words: tuple[str, ...], number: int) -> None:
    """Every run that could have been held against the baseline since it was set was a look."""
    for _ in range(2):  # judged twice, it is one look
        found = json.loads(called(looked_at, "gate", *words, "--baseline", "main", "--sequential", "--json")[1])
        assert found["look"] == {"number": number, "is_whole": True}
    assert json.loads(called(looked_at, "gate", *words, "--baseline", "main", "--json")[1])["look"] is None


def test_the_settings_can_ask_for_it(looked_at: Path) -> None:
    """`[gate] sequential = true` is --sequential."""
    (looked_at / "evalprov.toml").write_text("[gate]\nsequential = true\n")
    found = json.loads(called(looked_at, "gate", "20260920T150000Z", "--baseline", "main", "--json")[1])
    assert found["look"]["number"] == 2
