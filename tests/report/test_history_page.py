"""The page of a history: a mark a run, the shifts with what changed there, and what is not shown."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from reading_pages import ReadPage, complaints
from test_report_cli import called, keep

from evalprov.cli import main
from evalprov.record.form import RECIPE, blank, history_line
from evalprov.report.timeline import BaselineLine, Timeline, TimelineRun
from evalprov.store import ids

FIRST = 1789905600.0  # 2026-09-20T12:00:00Z
HOSTILE = "<script>alert(1)</script></script>\x1b[31m\u202e{{7*7}}\"'>"


def layers(at: int, count: int) -> dict[str, str]:
    """Return hashes by which prompts change in the middle, software at three quarters, and the machine all the time."""
    half = at >= count // 2
    states = {"prompts": "ab"[half], "software": "cd"[at >= count * 3 // 4], "infra": "01"[at % 2], "data": "e"}
    return {name: f"sha256:{digit * 64}" for name, digit in states.items()}


def enter(project: Project, count: int = 40, **more: Any) -> list[str]:
    """Enter runs whose accuracy falls where the prompts change."""
    chance = random.Random(count)
    run_ids = [ids.stamp(FIRST + 7200 * at) for at in range(count)]
    lines = []
    for at, run_id in enumerate(run_ids):
        record: Any = blank(run_id, ids.timestamp(run_id)) | {"status": "completed", "duration_seconds": 1.5}
        half = at >= count // 2
        record["metric_summary"] = {
            "latency_mean": chance.random(),
            "accuracy": round(chance.gauss(0.7 if half else 0.8, 0.02), 4),
            **more,
        }
        record["prompt_versions"] = {"plan": "v2" if half else "v1"}
        record["identity"] |= {"recipe": RECIPE, "layers": layers(at, count)}
        lines.append(history_line(record))
    project.write("metrics/eval_history.jsonl", b"".join(lines))
    return run_ids


def timeline(count: int, name: str = "accuracy") -> Timeline:
    """Return runs as they are drawn, everything about them called by this name; with a shift, and a baseline."""
    chance = random.Random(count)
    runs = [
        TimelineRun(
            ids.stamp(FIRST + at),
            ids.timestamp(ids.stamp(FIRST + at)),
            f"{name}{at * 5 // count}",
            (chance.gauss(0.8 - 0.1 * (at >= count // 2), 0.02), chance.random() < 0.5),
            layers(at, count),
        )
        for at in range(count)
    ]
    lines = [BaselineLine(name, "20260101T000000Z", (0.75, None))]
    return Timeline((name, "passed"), ("higher", None), name, runs, True, 2, lines, [name], name)


def page(project: Project, *words: str) -> tuple[str, ReadPage]:
    """Return the page that is written, which must be sound."""
    code, out, err = called(project, "--history", *words)
    assert code == 0, err
    text = Path(project.path, out.strip()).read_text()
    assert complaints(text) == []
    return text, ReadPage(text)


def classes(read: ReadPage, name: str) -> int:
    """Return how many shapes have a class."""
    return sum(name in (of.get("class") or "").split() for tag, of in read.elements if tag in ("path", "circle"))


def test_every_run_is_a_mark_and_shifts_are_told(project: Project) -> None:
    """Marks have the colour of their prompt version; the shift leads to its row, which says what changed there."""
    run_ids = enter(project)
    text, read = page(project, "--metric", "accuracy")
    assert (classes(read, "c0"), classes(read, "c1")) == (21, 21), "twenty runs each, and the legend"
    assert "plan v1 (20 runs) plan v2 (20 runs)" in read.said
    assert f"at {run_ids[20]}; changed there: prompts" in read.said
    assert 'id="shift:accuracy:1"' in text
    assert 'data-to="shift:accuracy:1"' in text
    assert "1 level shift" in read.said
    assert f"changed 1 time; newly seen at {run_ids[30]}" in read.said
    assert "changed 39 times" in read.said


def test_without_a_name_the_newest_runs_metrics_are_drawn(project: Project) -> None:
    """Those with a role that counts come first; what is not drawn is named."""
    enter(project, **{f"m{number}": number for number in range(6)})
    project.write("evalprov.toml", '[metrics.accuracy]\nrole = "primary"\n')
    text, read = page(project)
    assert read.said.count("its level did not shift") == 5
    assert text.index('id="-metric:accuracy"') < text.index('id="-metric:latency_mean"')
    assert "other metrics m4, m5; --metric draws them" in read.said


def test_it_is_of_the_runs_that_are_asked_for(project: Project) -> None:
    """Conditions, a number and a key to part by are as in the history; few runs do not tell a shift."""
    run_ids = enter(project)
    _, read = page(project, "-n", "10", "--by", "run_id", "--metric", "accuracy")
    assert "fewer than 20 runs do not tell" in read.said
    assert f"{run_ids[30]} (1 run)" in read.said
    assert "others (3 runs)" in read.said
    _, read = page(project, "--where", "prompt_versions.plan=v1", "--metric", "accuracy")
    assert "accuracy over 20 runs" in read.said
    assert "only those of which this holds: has prompt_versions.plan=v1" in read.said


def test_a_baseline_is_a_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands beside the runs with its name and value, also where it was recorded elsewhere."""
    enter(project)
    monkeypatch.chdir(project.path)
    record: Any = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
    record |= {"status": "completed", "exit_code": 0, "metric_summary": {"accuracy": 0.75}}
    keep(project, record)
    assert main(["baseline", "set", "main", record["run_id"], "--reason", "x", "--force"]) == 0
    text, _ = page(project, "--metric", "accuracy")
    assert re.search(r'class="tick halo"[^>]*>main 0.75<', text)


@pytest.mark.long
def test_very_many_runs_make_a_small_page(project: Project) -> None:
    """Each of so many runs is drawn, in one path a group, and a value far off does not press the others flat."""
    enter(project, 1600, odd=1e9)
    text, read = page(project, "--metric", "accuracy")
    assert len(text) < 60_000
    assert "accuracy over 1600 runs" in read.said
    assert classes(read, "strokes") == 4
    assert "1 level shift" in read.said


def test_hostile_names_stand_for_themselves(project: Project) -> None:
    """A metric, a group or a run's version that is markup or steers a terminal is only ever text."""
    enter(project, **{HOSTILE: 1, "x" * 5000: 2})
    _, read = page(project)
    assert "{{7*7}}" in read.said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--history", "latest"), "--history is of all runs"),
        (("latest", "--metric", "accuracy"), "--metric needs --history"),
        ((), "which run?"),
        (("--history", "--metric", "nothing"), "no run has a number at nothing"),
        (("--history", "--where", "accuracy>9"), "no run has accuracy>9"),
    ],
)
def test_what_cannot_be_drawn_is_said(project: Project, words: tuple[str, ...], why: str) -> None:
    """Wrong words are errors, and no page is written."""
    enter(project, 3)
    code, _, err = called(project, *words)
    assert code == 2
    assert why in err
    assert not (project.path / "metrics/reports").exists()
