"""`evalprov compare`: one row a program, only what differs, the best first; the same in every form."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from conftest import Project
from diffing import carried_out, put, record
from reading_pages import NASTY, complaints

from evalprov.record.form import encode, history_line
from evalprov.record.manifest import Manifest

FINGERPRINT = put("identity/fingerprint", None)


def scored(seed: int, right: float, of: int = 60) -> dict[str, dict[str, Any]]:
    """Return scenarios of a rate and what each cost."""
    draw, hard = random.Random(seed), random.Random(0)
    return {
        f"t{place}": {"cost_usd": 0.01 * (1 + right), "correct": draw.random() < right * (0.6 + 0.4 * hard.random())}
        for place in range(of)
    }


def point(number: int, right: float, trial: int = 1, **more: Any) -> Manifest:
    """Return a run of a point of a sweep over a temperature."""
    temperature = number / 10
    made: Any = record(
        put("model_config/temperature", temperature), put("duration_seconds", 1.5 * number),
        *(put(name, value) for name, value in more.items()), run=number, metrics=scored(number * 10 + trial, right),
    )  # fmt: skip
    made["run_id"] = f"2026092{number}T14300{trial}Z"
    made["sweep"] = {"id": "20260920T140000Z-0a1b2c3d", "point": number, "of": 4, "values": {"t": str(temperature)}}
    made["repeat"] = {"id": f"r-{number}", "trial": trial, "of": 2, "seed": trial}
    return made  # type: ignore[no-any-return]


@pytest.fixture
def swept(project: Project) -> Project:
    """A sweep of four points, two trials each, of which the last has no result."""
    for number, right in ((1, 0.5), (2, 1.0), (3, 0.6), (4, 0.9)):
        for trial in (1, 2):
            run: Any = point(number, right, trial)
            if number == 4:
                run["status"], run["metrics"], run["metric_summary"] = "killed", None, None
            keep(project, run)
    return project


def keep(project: Project, run: Manifest) -> None:
    """Put a run into the store, as if it had been recorded."""
    project.write(f"metrics/runs/{run['run_id']}.json", encode(run))
    with (project.path / "metrics/eval_history.jsonl").open("ab") as file:
        file.write(history_line(run))


def document(project: Project, *words: str) -> dict[str, Any]:
    """Return a comparison as JSON."""
    code, out, err = carried_out(project, "compare", *words, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_sweep_is_a_table_of_its_points(swept: Project) -> None:
    """Trials of a point are one row; the best is first, what has no result last; what was swept is told once."""
    code, out, err = carried_out(swept, "compare", "--sweep", "latest", "--pareto", "cost,correct")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert rows[0][:4] == ["point", "t", "runs", "correct_mean"]
    assert [(row[0], row[1], row[2]) for row in rows[1:]] == [
        ("2", "0.2", "2"), ("3", "0.3", "2"), ("1", "0.1", "2"), ("4", "0.4", "0"),
    ]  # fmt: skip
    verdicts = [row[rows[0].index("verdict")] for row in rows[1:]]
    assert verdicts == ["better", "within noise", "the first", "no result"]
    assert "point 2 has the best number" in err
    assert "each against point 1, corrected for 2 comparisons (Holm)" in err
    assert "point 4: 2 runs without a result left out" in err


def test_all_forms_say_the_same(swept: Project) -> None:
    """JSON, Markdown, terminal and page have the pipe's rows, sentence and verdicts."""
    _, out, err = carried_out(swept, "compare", "--sweep", "20260920T14", "--pareto", "cost_usd,correct")
    found = document(swept, "--sweep", "latest", "--pareto", "cost_usd,correct")
    assert found["version"] == 1
    assert found["answer"] in err
    assert [row["point"] for row in found["rows"]] == [2, 3, 1, 4]
    assert [row["on_front"] for row in found["rows"]] == [True, True, True, False]
    assert found["lead"]["level_with"] == [] or set(found["lead"]["level_with"]) < {
        row["name"] for row in found["rows"]
    }
    _, text, _ = carried_out(swept, "compare", "--sweep", "latest", "--markdown")
    assert text.startswith("## point 2 has the best number")
    assert text.count("\n| `") == 4
    assert carried_out(swept, "compare", "--sweep", "latest", "-o", "page.html")[:2] == (0, "page.html\n")
    page = (swept.path / "page.html").read_text()
    assert complaints(page) == []
    assert all(words in page for words in (found["answer"], "within noise", "the first", "no result"))
    for columns in (80, 200):
        _, screen, _ = carried_out(swept, "compare", "--sweep", "latest", columns=columns, env={"NO_COLOR": "1"})
        lines = re.sub(r"\x1b\[[0-9;]*m", "", screen).splitlines()
        assert max(map(len, lines)) <= columns
        assert lines[0].startswith("point 2 has the best number")
        assert ("no room for" in screen) == (columns == 80)
    assert out.count("\n") == 5


def test_runs_of_one_program_are_a_row_and_the_first_named_is_the_first(project: Project) -> None:
    """Runs that share a fingerprint are taken together; --against, or the order of names, says which is the first."""
    for number, right in ((1, 0.9), (2, 0.6)):
        for trial in (1, 2):
            run: Any = point(number, right, trial)
            run["sweep"] = run["repeat"] = None
            keep(project, run)
    found = document(project, "2026-09-22T14:30:01Z", "20260921T143001Z", "20260921T143002Z")
    assert [(row["name"], len(row["run_ids"])) for row in found["rows"]] == [
        ("20260921T143001Z", 2), ("20260922T143001Z", 1),
    ]  # fmt: skip
    assert found["first"] == "20260922T143001Z"
    assert [row["settings"] for row in found["rows"]] == [{"model temperature": "0.1"}, {"model temperature": "0.2"}]
    selected = document(project, "--where", "model_config.temperature<1")
    assert (selected["first"], [len(row["run_ids"]) for row in selected["rows"]]) == ("20260921T143001Z", [2, 2])
    against = document(project, "--where", "model_config.temperature<1", "--against", "20260922T143002Z")
    assert against["first"] == "20260922T143001Z"
    assert against["rows"][0]["verdict"] in ("better", "within noise")


def test_by_orders_and_judges_by_what_is_named(swept: Project) -> None:
    """Any metric may be asked for; one that is spent is better low; what nobody has is refused with what there is."""
    found = document(swept, "--sweep", "latest", "--by", "cost_usd")
    assert (found["metric"], found["direction"]) == ("cost_usd_mean", "lower")
    assert [row["point"] for row in found["rows"]] == [1, 3, 2, 4]
    for words, why in (
        (("--by", "zork"), "these runs have no such metric"),
        (("--pareto", "cost"), "takes two names"),
        (("--pareto", "cost,zork"), "these runs have no such metric"),
        (("--json", "--markdown"), "cannot be used together"),
        (("latest",), "name either runs"),
    ):
        code, _, err = carried_out(swept, "compare", "--sweep", "latest", *words)
        assert (code, why in err) == (2, True), err


def test_what_cannot_be_compared_is_said(project: Project) -> None:
    """Without runs, with one program, with a sweep that is not there: an error that says what to do."""
    keep(project, point(1, 0.5))
    for words, why in (
        ((), "which runs?"),
        (("latest",), "two programs with results are needed"),
        (("--sweep", "2031"), "no sweep 2031"),
        (("--where", "status=failed"), "and there are none"),
    ):
        code, out, err = carried_out(project, "compare", *words)
        assert (code, out, why in err) == (2, "", True), err


def test_hostile_names_stay_text(project: Project) -> None:
    """What a run calls its settings, metrics and scenario steers neither page, terminal, Markdown nor a pipe."""
    for number in (1, 2):
        run: Any = point(number, 0.5)
        run["sweep"]["values"] = {NASTY: f"{NASTY}{number}"}
        run["model_config"][NASTY] = f"{NASTY}{number}"
        run["metric_summary"] = {NASTY: 0.5 + number, "accuracy": 0.1 * number}
        keep(project, run)
    assert carried_out(project, "compare", "--sweep", "latest", "-o", "page.html")[0] == 0
    page = (project.path / "page.html").read_text()
    assert complaints(page) == []
    for words, columns in (((), 0), (("--markdown",), 0), ((), 100)):
        code, out, err = carried_out(project, "compare", "--sweep", "latest", *words, columns=columns)
        assert code == 0
        assert "\x07" not in out + err
        assert "\u202e" not in out + err
