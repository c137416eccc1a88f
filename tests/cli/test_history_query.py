"""`evalprov history` with conditions, an order, columns, other forms, and trends."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.cli import main
from evalprov.record.form import RECIPE, blank, history_line
from evalprov.store import ids

NOON = 1789905600.0  # 2026-09-20T12:00:00Z


def entered(project: Project, *runs: dict[str, Any], apart: float = 60, first: float = NOON) -> list[str]:
    """Put runs into the history, oldest first; return their ids."""
    run_ids = [ids.stamp(first + number * apart) for number in range(len(runs))]
    lines = []
    for run_id, changes in zip(run_ids, runs, strict=True):
        record = blank(run_id, ids.timestamp(run_id)) | {"status": "completed", "duration_seconds": 1.5, **changes}
        lines.append(history_line(record))  # type: ignore[arg-type]
    project.write("metrics/eval_history.jsonl", b"".join(lines))
    return run_ids


@pytest.fixture
def past(project: Project) -> list[str]:
    """Six runs, oldest first: two plans, rising accuracy, one failure without metrics."""
    return entered(
        project,
        {"metric_summary": {"accuracy": 0.5, "judge.helpfulness": 0.9}, "prompt_versions": {"plan": "v1"}},
        {"metric_summary": {"accuracy": 0.6}, "prompt_versions": {"plan": "v1"}, "tags": ["nightly"]},
        {
            "metric_summary": None,
            "status": "failed",
            "note": 'out, of "memory"\nagain',
            "prompt_versions": {"plan": "v2"},
        },
        {"metric_summary": {"accuracy": 0.7}, "model_config": {"temperature": 0}, "prompt_versions": {"plan": "v2"}},
        {"metric_summary": {"accuracy": True}, "tags": ["nightly", "ci"]},
        {"metric_summary": {"accuracy": 0.8, "cost": 9007199254740993}, "scenario": "mails", "duration_seconds": 90.25},
    )


@pytest.fixture
def history(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Return the command as a function, for there are many ways to ask: its exit code and what it says on both."""
    monkeypatch.chdir(project.path)
    pipes = signal.getsignal(signal.SIGPIPE)

    def ask(*options: str) -> tuple[int, str, str]:
        code = main(["history", *options])
        return code, *capsys.readouterr()

    yield ask
    signal.signal(signal.SIGPIPE, pipes)


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (["--where", "accuracy>=0.6"], [5, 3, 1]),
        (["--where", "accuracy>=0.6", "--where", "accuracy<0.8"], [3, 1]),
        (["--where", "judge.helpfulness=0.9"], [0]),
        (["--where", "metric_summary=null"], [2]),
        (["--where", "model_config.temperature=0"], [3]),
        (["--where", "prompt_versions.plan=v1"], [1, 0]),
        (["--where", "accuracy=true"], [4]),
        (["--where", "cost=9007199254740993"], [5]),
        (["--where", "cost=9007199254740992"], []),
        (["--where", "note~memory"], [2]),
        (["--tag", "nightly"], [4, 1]),
        (["--tag", "nightly", "--tag", "ci"], [4]),
        (["--status", "failed"], [2]),
        (["--scenario", "mails", "--where", "accuracy>0"], [5]),
        (["--since", "2026-09-20T12:04"], [5, 4]),
        (["--since", "2026-09-20T12:03:01Z"], [5, 4]),
        (["--since", "2026-09-20"], [5, 4, 3, 2, 1, 0]),
        (["--sort", "accuracy"], [0, 1, 3, 5, 4, 2]),
        (["--sort", "-accuracy"], [5, 3, 1, 0, 4, 2]),
        (["--sort", "-took", "-n", "2"], [5, 4]),
        (["--sort", "prompt_versions.plan", "-n", "3"], [1, 0, 3]),
        (["-n", "2"], [5, 4]),
        (["-n", "all"], [5, 4, 3, 2, 1, 0]),
        (["-n", "1", "--where", "accuracy<0.7"], [1]),
    ],
)
def test_what_is_asked_for_is_listed(history: Any, past: list[str], options: list[str], places: list[int]) -> None:
    """All conditions must hold; the newest come first unless an order is asked for, those without a value last."""
    code, printed, _ = history("--ids", *options)
    assert (code, printed.split()) == (0, [past[place] for place in places])


def test_since_counts_back_from_now(project: Project, history: Any) -> None:
    """A span is one back from now."""
    old, new = entered(project, {}, {}, apart=7200, first=time.time() - 3 * 3600 + 60)
    for span, found in (("2h", [new]), ("120m", [new]), ("1d", [new, old]), ("9w", [new, old])):
        assert history("--ids", "--since", span)[1].split() == found


def test_columns_by_name_and_by_key_path(project: Project, past: list[str]) -> None:
    """A column is one of those with a name, or any key path; what is not there is a dash; numbers are whole."""
    done = project.evalprov("history", "--columns", "run,accuracy,cost,tags,model_config.temperature,took", "-n", "3")
    assert done.stdout.decode().splitlines() == [
        "run\taccuracy\tcost\ttags\tmodel_config.temperature\ttook",
        f"{past[5]}\t0.8\t9007199254740993\t[]\t-\t1m30s",
        f'{past[4]}\ttrue\t-\t["nightly", "ci"]\t-\t1.50s',
        f"{past[3]}\t0.7\t-\t[]\t0\t1.50s",
    ]


def test_csv_is_rfc_4180(project: Project, past: list[str]) -> None:
    """Rows end with CR and LF, quotes are doubled, numbers are plain, and what is not there is empty."""
    done = project.evalprov("history", "--csv", "--columns", "run,took,note,metrics,git", "-n", "4")
    assert done.stdout.count(b"\r\n") == 5
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
    assert [row["run"] for row in rows] == past[:1:-1]
    assert (rows[0]["took"], rows[0]["git"], rows[0]["note"]) == ("90.25", "", "")
    assert json.loads(rows[0]["metrics"]) == {"accuracy": 0.8, "cost": 9007199254740993}
    assert (rows[3]["note"], rows[3]["metrics"]) == ('out, of "memory"\nagain', "")


def test_json_is_the_whole_line(project: Project, past: list[str]) -> None:
    """With conditions too, --json prints the history's lines as they are."""
    done = project.evalprov("history", "--json", "--where", "accuracy<0.7")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [project.history()[1], project.history()[0]]


def test_a_trend_in_a_pipe_is_a_row_a_run(project: Project, past: list[str]) -> None:
    """A program gets run, time, group and value; what has no number is counted on stderr."""
    done = project.evalprov("history", "--trend", "accuracy", "--by", "prompt_versions.plan")
    heading, *rows = done.stdout.decode().splitlines()
    assert heading.split("\t") == ["run", "time", "group", "value"]
    assert [row.split("\t")[2:] for row in rows] == [
        ["-", "0.8"],
        ["-", "true"],
        ["v2", "0.7"],
        ["v1", "0.6"],
        ["v1", "0.5"],
    ]
    assert rows[-1].split("\t")[:2] == [past[0], "2026-09-20T12:00:00Z"]
    assert b"1 of 6 runs without a number" in done.stderr
    as_json = project.evalprov("history", "--trend", "accuracy", "--json", "-n", "1").stdout
    assert json.loads(as_json) == {
        "run_id": past[5],
        "timestamp": "2026-09-20T12:05:00Z",
        "group": None,
        "value": 0.8,
        "shift": None,
    }
    as_csv = project.evalprov("history", "--trend", "accuracy", "--csv", "--where", "prompt_versions.plan=v1").stdout
    assert as_csv.decode().split("\r\n")[1] == f"{past[1]},2026-09-20T12:01:00Z,,0.6"


def test_a_trend_on_a_terminal_is_bars(project: Project, past: list[str]) -> None:
    """A person gets the answer in the first line, then bars, one line a group, in colours."""
    seen = project.on_terminal("history", "--trend", "accuracy", "--where", "accuracy<=0.8").splitlines()
    assert seen[0] == "accuracy  0.5 -> 0.8 in 4 runs on 2026-09-20"
    assert seen[2:4] == ["▁▃▆█", "lowest 0.5, highest 0.8"]
    asked = ("--trend", "accuracy", "--by", "prompt_versions.plan", "--where", "accuracy<=0.8")
    seen = project.on_terminal("history", *asked, env={})
    lines = [line for line in seen.splitlines() if re.match(r"\x1b\[\d+m(v1|v2|\(none\))", line)]
    assert [re.sub(r"\x1b\[\d*m", "", line).split() for line in lines] == [
        ["v1", "▁▃", "2", "0.5", "0.6", "0.5", "0.6"],
        ["v2", "▆", "1", "0.7", "0.7", "0.7", "0.7"],
        ["(none)", "█", "1", "0.8", "0.8", "0.8", "0.8"],
    ]
    assert len({line[:5] for line in lines}) == 3


def test_a_narrow_terminal_gets_what_fits(project: Project, past: list[str]) -> None:
    """No line of the table is broken at 80 columns, and a column that was asked for is not left out unsaid."""
    for options in (
        [],
        ["--scenario", "mails"],
        ["--columns", "run,metrics,status,timestamp,prompt_versions.plan,tags"],
    ):
        for columns in (80, 200):
            seen = project.on_terminal("history", *options, columns=columns)
            table = [line for line in seen.splitlines() if re.match(r" \d{8}T", line)]
            assert len(table) == (1 if "--scenario" in options else 6)
            assert all(len(line) <= columns for line in table)
            assert ("no room for" in seen) == (columns == 80 and "--columns" in options)
    assert "took" in project.on_terminal("history", columns=200)


def test_nothing_found_says_why(history: Any, past: list[str]) -> None:
    """A wrong name gets the ones near it, a wrong kind of value the right one, and the exit code stays 0."""
    for options, words in (
        (["--where", "acuracy>0"], ["none of 6 runs has acuracy>0", "no run has metric acuracy; near it: accuracy"]),
        (
            ["--where", "model_config.temprature=0"],
            ["no run has model_config.temprature; near it: model_config.temperature"],
        ),
        (["--where", "prompt_versions.plan=1"], ["prompt_versions.plan is a string here, never a number"]),
        (["--scenario", "mail", "--status", "lost"], ["of scenario mail and has status lost; the scenarios are mails"]),
        (["--tag", "weekly", "--since", "2026-01-01"], ["none of 6 runs has tag weekly and began since 2026-01-01"]),
        (["--trend", "acuracy"], ["6 of 6 runs without a number there", "no run has metric acuracy"]),
    ):
        code, printed, said = history(*options)
        assert (code, len(printed.splitlines())) == (0, 1)
        assert all(word in said for word in words), said


def test_a_wrong_name_beside_what_is_found_is_said(project: Project, past: list[str]) -> None:
    """A path that no run has is named even where runs are listed."""
    done = project.evalprov(
        "history", "--where", "acuracy!=1", "--columns", "run,modelconfig", "--sort", "tok", "-n", "1"
    )
    assert len(done.stdout.splitlines()) == 2
    for name in ("acuracy", "modelconfig", "tok"):
        assert f"no run has metric {name}" in done.stderr.decode()
    assert project.evalprov("history", "--columns", "run,accuracy,cost").stderr == b""


def test_a_wrong_command_line_is_refused(history: Any, past: list[str]) -> None:
    """What makes no sense gets one clear line, what would, and exit code 2."""
    for options, words in (
        (["--where", "accuracy"], "not a condition: accuracy"),
        (["--where", "accuracy=~1"], "=~ is none of"),
        (["--where", "metrics.case=1"], "the history does not hold metrics"),
        (["--status", "done"], "--status is running, completed"),
        (["--since", "yesterday"], "not a time: yesterday"),
        (["--since", "2026-02-30"], "not a time"),
        (["-n", "-1"], "give 1 or more, or 0 for all"),
        (["-n", "many"], "give 1 or more, or 0 for all"),
        (["--json", "--csv"], "--json and --csv"),
        (["--csv", "--ids"], "--csv and --ids"),
        (["--json", "--columns", "run"], "--columns cannot be used with --json"),
        (["--columns", ","], "--columns names no column"),
        (["--by", "scenario"], "--by needs --trend"),
        (["--trend", "accuracy", "--ids"], "--trend cannot be used with --ids"),
        (["--trend", "accuracy", "--sort", "took"], "--trend cannot be used with --sort"),
        (["--trend", "a..b"], "not a key path"),
        (["--sort", "-"], "--sort is empty"),
        (["--columns", ""], "--columns is empty"),
    ):
        code, printed, said = history(*options)
        assert (code, printed) == (2, "")
        assert words in said
        assert len(said.splitlines()) <= 2


def test_odd_lines_are_said_beside_a_filter(project: Project, history: Any, past: list[str]) -> None:
    """What cannot be read is left out with a word on it, in every form."""
    file = project.path / "metrics" / "eval_history.jsonl"
    file.write_bytes(b"junk\n\xff\n" + file.read_bytes() + b'{"schema": 2, "run')
    for form in ([], ["--json"], ["--csv"], ["--ids"]):
        _, printed, said = history("--where", "accuracy>0.7", *form)
        assert past[5] in printed
        assert "2 lines of the history malformed" in said
        assert "last line of the history is not whole" in said


def test_names_cannot_steer_the_terminal(project: Project) -> None:
    """Control characters in what is shown are spelled out, in tables, CSV and trends."""
    entered(project, {"metric_summary": {"a": 1}, "scenario": "x\x1b[31m", "note": "\x1b]0;t\x07\x9b"})
    for options in (
        ["--columns", "run,note,scenario"],
        ["--csv", "--columns", "note"],
        ["--trend", "a", "--by", "note"],
    ):
        assert not re.search(rb"\x1b|\x07|\xc2\x9b", project.evalprov("history", *options).stdout)
        assert "\x1b]0" not in project.on_terminal("history", *options)


def test_help_says_how_conditions_are_written(project: Project) -> None:
    """The help has the operators, the rule for paths, and examples."""
    text = project.evalprov("history", "--help").stdout.decode()
    for word in (
        "--where",
        "regular expression",
        "metric_summary.accuracy",
        "null",
        "--sort -accuracy",
        "--trend accuracy --by",
    ):
        assert word in re.sub(r"[\s│]+", " ", text)


def test_the_store_may_be_empty(project: Project) -> None:
    """Where nothing ran yet a filter finds nothing, and says so without more."""
    Path(project.path, "metrics").mkdir()
    done = project.evalprov("history", "--where", "accuracy>0", "--sort", "accuracy")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr.decode().count("\n") == 1


def levels(project: Project, count: int = 15) -> list[str]:
    """Enter runs of two groups: of one the accuracy falls where its prompts change, of the other nothing does."""
    layers = [{"prompts": "sha256:" + "ab"[at >= count] * 64, "data": None} for at in range(2 * count)]
    runs = [
        {
            "scenario": scenario,
            "metric_summary": {"accuracy": (0.9 if scenario == "b" or at < count else 0.7) + at % 3 / 100},
            "identity": blank("", "")["identity"] | {"recipe": RECIPE, "layers": layers[at]},
        }
        for at in range(2 * count)
        for scenario in "ab"
    ]
    return entered(project, *runs)


def test_a_trend_says_where_the_level_shifted(project: Project, history: Any) -> None:
    """In a pipe beside the rows, in JSON in the row of the first run of the new level, each with what changed there."""
    run_ids = levels(project)
    code, out, err = history("--trend", "accuracy", "--where", "scenario=a")
    assert (code, len(out.splitlines())) == (0, 31)
    assert f"level shift at {run_ids[30]}: accuracy 0.91 -> 0.71; changed there: prompts; not known: data" in err
    code, out, _ = history("--trend", "accuracy", "--by", "scenario", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["run_id"]: row["shift"] for row in rows if row["shift"]} == {
        run_ids[30]: {
            "before": pytest.approx(0.91),
            "after": pytest.approx(0.71),
            "runs_before": 15,
            "runs_after": 15,
            "changed": ["prompts"],
            "unknown": ["data"],
            "undeclared": [],
            "often": [],
        }
    }
    assert "shift" not in history("--trend", "accuracy", "--where", "scenario=b")[2]


def test_a_person_sees_shifts_below_the_bars(project: Project) -> None:
    """A mark stands under the first run of the new level, and a line says what changed there."""
    run_ids = levels(project)
    seen = project.on_terminal("history", "--trend", "accuracy", "--where", "scenario=a", columns=120).splitlines()
    assert seen[3] == " " * 15 + "^"
    assert f"  {run_ids[30]}  0.91 -> 0.71; changed there: prompts; not known: data" in seen
    seen = project.on_terminal("history", "--trend", "accuracy", "--by", "scenario", columns=120).splitlines()
    assert f"  {run_ids[30]} a  0.91 -> 0.71; changed there: prompts; not known: data" in seen
