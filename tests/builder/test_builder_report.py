"""Report lines: handed to the surrounding run, or printed."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from evalprov import config_layer, hash_code, report
from evalprov.reported import Scanner, gather

PACKAGE = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a surrounding run would read."""
    path = tmp_path / "report.jsonl"
    monkeypatch.setenv("EVALPROV_REPORT", str(path))
    return path


def lines(file: Path) -> list[dict[str, Any]]:
    """Return the reports in a file."""
    text = file.read_text("ascii")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_metrics_reach_the_surrounding_run_as_they_are(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers and booleans stay distinct, null stays null, and nothing is printed."""
    report({"accuracy": 0.74, "solved": 37, "done": True, "none": None})
    report({"correct": False}, scenario="fälle")
    report(scenario="crashed", errors=["boom"])
    assert lines(file) == [
        {"metrics": {"accuracy": 0.74, "solved": 37, "done": True, "none": None}},
        {"metrics": {"correct": False}, "scenario": "fälle"},
        {"metrics": {}, "scenario": "crashed", "errors": ["boom"]},
    ]
    assert '"done": true' in file.read_text()
    found = gather(Scanner(), str(file), None)
    assert found.warnings == []
    assert found.facts["scenarios_run"] == ["fälle", "crashed"]
    assert found.facts["errors"][0]["scenario"] == "crashed"
    assert capfd.readouterr() == ("", "")


class Scalar:
    """What a scalar of numpy looks like."""

    shape = ()

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        """Return Python's own."""
        return self.value


def test_scalars_of_other_packages_are_numbers(file: Path) -> None:
    """A numpy float, whole number or boolean counts as Python's own, nested ones too."""
    report({"a": {"x": Scalar(0.5), "y": Scalar(3)}, "b": {"x": Scalar(True)}})
    assert lines(file) == [{"metrics": {"a": {"x": 0.5, "y": 3}, "b": {"x": True}}}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Scalar(float("-inf"))])
def test_what_is_not_finite_is_null_with_a_warning(file: Path, value: object) -> None:
    """The warning names the metric and points at the line that reported it."""
    with pytest.warns(UserWarning, match=r"the metric case\.loss is .*reported as null") as told:
        report({"case": {"loss": value}})
    assert lines(file) == [{"metrics": {"case": {"loss": None}}}]
    assert told[0].filename == __file__


@pytest.mark.parametrize("value", ["0.74", [0.74], b"1", 1j, object()])
def test_what_is_no_number_is_refused_by_name(file: Path, value: object) -> None:
    """The error names the metric, and nothing is reported."""
    with pytest.raises(TypeError, match=r"the metric accuracy is .*; a metric is a number"):
        report({"solved": 1, "accuracy": value})
    with pytest.raises(TypeError, match=r"the metric summary\.accuracy is "):
        report(metric_summary={"summary": {"accuracy": value}})
    with pytest.raises(TypeError, match="the metric name 3 is no string"):
        report({3: 1})  # type: ignore[dict-item]
    assert not file.exists()


def test_an_unknown_fact_is_refused_with_the_nearest_known_one(file: Path) -> None:
    """A slip of the pen is told, not lost."""
    with pytest.raises(TypeError, match="knows no 'golden_versions'; is 'golden_version' meant"):
        report({}, golden_versions="v7")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="knows no 'xyz'; it knows metric_summary, errors"):
        report({}, xyz=1)  # type: ignore[call-arg]
    assert not file.exists()


def test_facts_are_written_as_fields_are(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are sorted, code counts by its source, null is left out, a secret is replaced, NaN is refused."""
    monkeypatch.setenv("SERVICE_TOKEN", "tok-0123456789-abcdef")
    report(
        {"a": 1},
        tools=[{"name": "search"}],
        algorithms={"scalar": Scalar},
        config={"modes": {"b", "a"}, "url": "https://x.example/tok-0123456789-abcdef"},
        golden_version=None,
    )
    (line,) = lines(file)
    assert line["config"]["modes"] == ["a", "b"]
    assert "tok-0123456789" not in file.read_text()
    assert line["algorithms"] == {"scalar": hash_code(Scalar)}
    assert line.keys() == {"metrics", "tools", "algorithms", "config"}
    with pytest.raises(ValueError, match=r"config\.limit: nan is no JSON number"):
        report({"a": 1}, config={"limit": float("nan")})


def test_a_layer_hands_over_its_fields_and_what_each_is(file: Path) -> None:
    """Fields, hash and algorithms stand under layer; typed facts also under the keys that any language reports."""
    layer = config_layer(scenario="support-tickets").add_field("temperature", 0.2).add_field("judge", hash_code)
    layer.model(provider="p", model="m", temperature=0, thinking=True).prompt("system", "x", "v3").prompt("user", "y")
    layer.tool("search", version="1").agent(name="planner", graph="a->b").data("golden", "ab" * 32, "v7")
    layer.environment(build_id="77").infra(concurrency_level=4).seed(7)
    layer.report({"accuracy": 0.74})
    layer.report()
    first, second = lines(file)
    assert first["metrics"] == {"accuracy": 0.74}
    assert first["scenario"] == "support-tickets"
    assert second == {key: value for key, value in first.items() if key != "scenario"} | {"metrics": {}}
    assert first["layer"] == layer.to_dict()
    assert first["layer"]["hash"] == layer.hash()
    assert first["algorithms"] == {"judge": hash_code(hash_code)}
    assert first["model_config"] == {"provider": "p", "model": "m", "temperature": 0, "thinking": True}
    assert first["prompts"]["system"] == layer.fields["prompts"]["system"]
    assert first["prompt_versions"] == {"system": "v3"}
    assert first["tools"] == [{"name": "search", "version": "1"}]
    assert first["agent"].keys() == {"name", "graph_hash"}
    assert first["data"] == {"golden": {"sha256": f"sha256:{'ab' * 32}", "version": "v7"}}
    assert first["config"] == {"temperature": 0.2, "environment": {"build_id": "77"}, "global_seed": 7}
    assert first["infra"] == {"concurrency_level": 4}


def test_a_field_added_by_name_is_no_typed_fact(file: Path) -> None:
    """A field that is called model, as text, is told as configuration, and so is every other plain one."""
    config_layer().add_field("model", "claude-sonnet-4-6").report()
    (line,) = lines(file)
    assert line.keys() == {"metrics", "layer", "config"}
    assert line["config"] == line["layer"]["fields"] == {"model": "claude-sonnet-4-6"}


def test_code_is_told_as_an_algorithm_and_by_its_name_elsewhere(file: Path) -> None:
    """A function's text counts in one place: its field is no configuration, and inside one its name stands for it."""
    steps = [{"judge": hash_code}, 3]
    config_layer().add_field("judge", hash_code).add_field("steps", steps).report()
    (line,) = lines(file)
    assert line["algorithms"] == dict.fromkeys(("judge", "steps.0.judge"), hash_code(hash_code))
    assert line["config"] == {"steps": [{"judge": "hash_code"}, 3]}


def test_without_a_surrounding_run_the_line_is_printed(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of JSON on stdout, and no file anywhere."""
    monkeypatch.chdir(tmp_path)
    report({"accuracy": 0.74, "é": 1})
    out, err = capfd.readouterr()
    assert json.loads(out) == {"metrics": {"accuracy": 0.74, "é": 1}}
    assert (out.count("\n"), out.isascii(), err) == (1, True, "")
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_handed_over_is_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that is gone with its run never breaks the eval: a warning, and the line on stdout."""
    monkeypatch.setenv("EVALPROV_REPORT", str(tmp_path / "gone" / "report.jsonl"))
    with pytest.warns(UserWarning, match="No such file or directory; printed instead"):
        report({"accuracy": 0.74})
    assert json.loads(capfd.readouterr().out) == {"metrics": {"accuracy": 0.74}}


def test_a_report_that_a_full_disk_cut_off_takes_no_other_with_it(file: Path) -> None:
    """What did not fit is printed instead, and the next report stands on a line of its own."""
    program = (
        "import resource, warnings\n"
        "from evalprov import report\n"
        "warnings.simplefilter('ignore')\n"
        "report({'n': 1})\n"
        "free = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40, free[1]))\n"
        "report({'n': 2}, config={'bulk': 'x' * 100})\n"
        "report({'n': 3})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, free)\n"
        "report({'n': 4})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE, capture_output=True, text=True, check=True)
    assert [json.loads(line)["metrics"]["n"] for line in done.stdout.splitlines()] == [2, 3]
    first, torn, last = file.read_text().splitlines()
    assert (json.loads(first), json.loads(last)) == ({"metrics": {"n": 1}}, {"metrics": {"n": 4}})
    assert torn.startswith('{"metrics": {"n":')


def test_a_report_that_nobody_would_read_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound of a line there is an error instead of a loss."""
    monkeypatch.setattr("evalprov.builder.line._LINE_LIMIT", 1 << 20)
    with pytest.raises(ValueError, match="the bound is 256 MiB"):
        report({f"metric {n}": 0.123456789 for n in range(50_000)})
    assert not file.exists()


def test_threads_and_processes_report_at_once_and_no_line_is_torn(file: Path) -> None:
    """Four processes of four threads each: every report is there, whole, once."""
    program = (
        "import sys, threading\n"
        "from evalprov import report\n"
        "def work(who):\n"
        "    for n in range(50):\n"
        "        report({'n': n}, scenario=f'{sys.argv[1]}-{who}-{n}', config={'bulk': 'x' * 3000})\n"
        "threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]\n"
        "[one.start() for one in threads]; [one.join() for one in threads]\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", program, str(n)], cwd=PACKAGE) for n in range(4)]
    assert [worker.wait() for worker in workers] == [0, 0, 0, 0]
    names = [line["scenario"] for line in lines(file)]
    assert sorted(names) == sorted(f"{p}-{t}-{n}" for p in range(4) for t in range(4) for n in range(50))


def test_a_thread_may_report_while_another_does(file: Path) -> None:
    """Within one process too, each call adds one whole line."""
    threads = [threading.Thread(target=report, args=({"n": n},)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line["metrics"]["n"] for line in lines(file)) == list(range(32))


def test_the_record_of_a_run_has_what_the_script_reported(project: Any) -> None:
    """Through the real command line: metrics, model and prompt versions are recorded, and nothing is printed."""
    project.write(
        "my_eval.py",
        "from evalprov import config_layer, report\n"
        "layer = config_layer().model(provider='p', model='m-2026-01-01', temperature=0)\n"
        "layer.prompt('system', 'Terse.', version='v3').add_field('retry', {'times': 3}).report({'accuracy': 0.74})\n"
        "report({'correct': True}, scenario='case-1')\n",
    )
    done = project.run(sys.executable, "my_eval.py", env={"PYTHONPATH": str(PACKAGE)})
    assert (done.returncode, done.stdout) == (0, b"")
    record = project.record()
    assert record["metric_summary"] == {"accuracy": 0.74}
    assert record["metrics"] == {"case-1": {"correct": True}}
    assert record["model_config"] == {"provider": "p", "model": "m-2026-01-01", "temperature": 0}
    assert record["prompt_versions"] == {"system": "v3"}
    assert record["config"]["reported"] == {"retry.times": 3}
    assert record["output"]["metrics_source"]["channel"] == "report"


def test_an_eval_script_needs_no_other_package(tmp_path: Path) -> None:
    """Without any installed package at all the builder works, and the package alone loads nothing of it."""
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(PACKAGE)!r})\n"
        "import evalprov\n"
        "assert not [name for name in sys.modules if name.startswith('evalprov.')]\n"
        "class Judge: pass\n"
        "layer = evalprov.config_layer('s').add_field('f', evalprov.hash_code).add_field('t', {1, 2})\n"
        "layer.prompt('p', 'x').report({'a': 1})\n"
        "foreign = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(foreign - {'evalprov', '__main__'}))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert json.loads(first)["metrics"] == {"a": 1}
    assert second == "[]"


def test_importing_it_loads_little(tmp_path: Path) -> None:
    """What costs milliseconds (inspect, ast, dataclasses, tokenize ...) is not loaded until it is needed."""
    program = (
        "import sys, json, hashlib, typing, contextlib\n"
        f"sys.path.insert(0, {str(PACKAGE)!r})\n"
        "before = set(sys.modules)\n"
        "from evalprov import config_layer, hash_code, report\n"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('evalprov')))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == ["__future__"]


@pytest.mark.parametrize("name", ["record.canonical", "builder.layer", "builder.line", "builder.values"])
def test_every_example_in_the_documentation_holds(name: str) -> None:
    """The examples are run."""
    found = doctest.testmod(importlib.import_module(f"evalprov.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_a_secret_that_came_while_the_eval_ran_is_hidden_in_what_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said is held against the environment as it is then, not as it was when the first text was said."""
    word = "correct-horse-9f3c7d21"
    report({"ok": True}, scenario="a", output=f"before {word}")
    monkeypatch.setenv("LATE_API_KEY", word)
    report({"ok": True}, scenario="b", output=f"after {word}")
    first, second = (json.loads(line)["output"] for line in file.read_text().splitlines())
    assert (first, second) == (f"before {word}", "after [secret]")


def test_whatever_was_said_is_handed_over(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's words never end the eval: half a character, what is not finite, an object that nobody knows."""
    monkeypatch.setenv("API_TOKEN", "tok-3141592653589793")
    for said in (
        "Paris",
        {"a": [1]},
        "half \ud800",
        {"x": float("nan")},
        object,
        Path("nowhere"),
        "tok-3141592653589793",
    ):
        report({"ok": True}, scenario="s", output=said, explanation=None)
    told = [line["output"] for line in lines(file)]
    assert told[:4] == ["Paris", {"a": [1]}, "half ?", "{'x': nan}"]
    assert len(told) == 7
    assert told[6] == "[secret]"
    found = gather(Scanner(), str(file), None)
    assert found.texts
    assert [name for name, _ in found.texts.rows()] == ["s"]
