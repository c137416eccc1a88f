"""Result files of other tools: what is read of real ones, how they are known, and what is said of others."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.adapters import ADAPTERS, HEAD
from evalprov.reported.open_results import Before

RESULTS = Path(__file__).parent.parent.parent / "fixtures" / "results"
SAMPLES = {
    "lm-eval": ("lm-eval/first", "lm-eval/second"),
    "inspect": ("inspect/older.eval", "inspect/first.json", "inspect/second.json"),
    "promptfoo": ("promptfoo/first.json", "promptfoo/second.json"),
    "openai-evals": ("openai-evals/first.jsonl", "openai-evals/second.jsonl"),
    "deepeval": ("deepeval/first.json", "deepeval/second.json", "deepeval/latest_test_run.json"),
    "junit": ("junit/first.xml", "junit/second.xml", "junit/node.xml"),
}
ZSTD = ("inspect/first.eval", "inspect/second.eval")


def read(path: str | Path, started: float | None = None) -> Reported:
    """Return what is made of a result file."""
    return gather(Scanner(), None, str(RESULTS / path), None if started is None else Before(started))


def known(reported: Reported, metric: str) -> tuple[Any, ...]:
    """Return a summary metric's value and what is known of it."""
    info = reported.facts["metric_info"][metric]
    assert info.keys() == {"stderr", "n", "direction", "unit"}
    return reported.facts["metric_summary"][metric], info["stderr"], info["n"], info["direction"], info["unit"]


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in SAMPLES.items() for path in paths])
def test_every_real_sample_is_known_by_its_content_and_by_name(name: str, path: str) -> None:
    """Without a word, and with the adapter named behind a colon, the same is read; the record says by which adapter."""
    found, asked = read(path), read(f"{path}:{name}")
    assert found.warnings == asked.warnings == []
    assert found.source is not None
    assert found.source == asked.source
    assert found.source["rule"] == name
    assert found.facts == asked.facts
    assert found.facts["metrics"]
    assert found.facts["metric_summary"]
    json.dumps(found.facts, allow_nan=False)


def test_the_page_about_reports_names_every_adapter() -> None:
    """The table of formats is complete."""
    page = (RESULTS.parent.parent / "evalprov" / "reported" / "README.md").read_text()
    assert [adapter.name for adapter in ADAPTERS if f"| `{adapter.name}` |" not in page] == []


def test_every_adapter_has_a_real_sample_and_no_sample_fits_two() -> None:
    """Detection does not hang on the order in which the adapters stand."""
    assert [adapter.name for adapter in ADAPTERS] == list(SAMPLES)
    for name, paths in SAMPLES.items():
        for path in paths:
            file = RESULTS / path
            file = next(file.rglob("results_*.json")) if file.is_dir() else file
            head = file.read_bytes()[:HEAD]
            assert [adapter.name for adapter in ADAPTERS if adapter.fits(head)] == [name], path


@pytest.mark.parametrize(
    ("first", "second"),
    [(paths[0], paths[1]) for name, paths in SAMPLES.items() if name != "inspect"]
    + [("inspect/first.json", "inspect/second.json")],
)
def test_a_sample_has_the_same_name_in_two_runs(first: str, second: str) -> None:
    """The second run had its data in another order; the names of the scenarios and their groups are the same."""
    one, other = read(first).facts, read(second).facts
    assert set(one["metrics"]) == set(other["metrics"])
    assert len(one["metrics"]) > 2
    assert one.get("scenario_groups") == other.get("scenario_groups")
    assert one["metrics"] != other["metrics"]
    assert one["metric_info"].keys() == other["metric_info"].keys()
    if "data" in one:
        assert one["data"] == other["data"]


def test_lm_eval() -> None:
    """Each task's metrics with standard error, samples and direction; a sample is known by its content."""
    told = read("lm-eval/first")
    assert known(told, "tiny_sums.acc") == (0.8333333333333334, 0.16666666666666669, 6, "higher", None)
    assert known(told, "tiny.acc") == (0.8333333333333334, 0.16666666666666669, 6, "higher", None)
    assert known(told, "tiny_words.exact_match.lower") == (0.6666666666666666, 0.33333333333333337, 3, "higher", None)
    assert known(told, "tiny_fill.perplexity") == (1.5260414916495941, 0.2469609090474061, 3, "lower", None)
    metrics = told.facts["metrics"]
    assert len(metrics) == 12
    assert metrics["tiny_sums/bf6c2702b9d6"] == {"tiny_sums.acc": 0.0, "tiny_sums.acc_norm": 0.0}
    assert metrics["tiny_words/54c1f9a0553a"] == {
        "tiny_words.exact_match.first": 0.0,
        "tiny_words.exact_match.lower": 0.0,
    }
    # A log-likelihood is no perplexity, whose mean the summary is not.
    assert metrics["tiny_fill/a5107f36cc0f"] == {"tiny_fill.perplexity.sample": -0.020052890304599336}
    assert told.facts["model_config"] == {"provider": "dummy", "model": "dummy"}
    assert told.facts["grader"] == {"lm-eval": "0.4.13"}
    assert told.facts["data"]["tiny_sums"]["version"] == "1.0"
    assert len(told.facts["data"]["tiny_sums"]["sha256"]) == 64
    assert told.facts["config"]["reported"]["lm-eval.random_seed"] == 3


def test_lm_eval_without_samples(tmp_path: Path) -> None:
    """The results alone give the summary; what has not been logged is not missed."""
    file = next((RESULTS / "lm-eval" / "first").rglob("results_*.json"))
    alone = shutil.copy(file, tmp_path)
    told = read(alone)
    assert known(told, "tiny_sums.acc")[2] == 6
    assert (told.facts["metrics"], told.warnings) == ({}, [])


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        (
            "pretrained=org/m,dtype=float32",
            {"provider": "hf", "model": "org/m", "pretrained": "org/m", "dtype": "float32"},
        ),
        ({"model": "m", "revision": None}, {"provider": "hf", "model": "m"}),
        ("", {"provider": "hf", "model": "hf"}),
        (None, {"provider": "hf", "model": "hf"}),
    ],
)
def test_the_model_that_lm_eval_names(tmp_path: Path, arguments: Any, model: dict[str, Any]) -> None:
    """Arguments come as text or as an object."""
    results = {"results": {"t": {"alias": "t", "acc,none": 0.5, "acc_stderr,none": "N/A"}}}
    file = tmp_path / "results_1.json"
    file.write_text(json.dumps({**results, "config": {"model": "hf", "model_args": arguments}}))
    told = read(file)
    assert told.facts["model_config"] == model
    assert known(told, "t.acc") == (0.5, None, None, None, None)


def test_of_a_folder_every_result_of_this_run_is_read(tmp_path: Path) -> None:
    """What another run left there is not looked at; of several the metrics and scenarios have a name in front."""
    for number, name in enumerate(("first", "second")):
        shutil.copytree(RESULTS / "lm-eval" / name, tmp_path / name)
        for file in (tmp_path / name).rglob("*.json*"):
            os.utime(file, (2000 + number, 2000 + number))
    assert read(tmp_path, started=2000.5).facts["metric_summary"]["tiny.acc"] == pytest.approx(1 / 3)
    assert read(tmp_path, started=2000.5).warnings == []
    both = read(f"{tmp_path}:lm-eval", started=1999.0)
    assert both.warnings == []
    assert both.source is not None
    assert (both.source["channel"], both.source["rule"]) == (f"{tmp_path.name}/ (2 results)", "lm-eval")
    one, other = read("lm-eval/first").facts, read("lm-eval/second").facts
    # Both are of the model "dummy", so a number tells them apart.
    expected = {f"dummy/{name}": value for name, value in one["metric_summary"].items()}
    expected |= {f"dummy#2/{name}": value for name, value in other["metric_summary"].items()}
    assert both.facts["metric_summary"] == expected
    assert both.facts["metric_info"]["dummy#2/tiny_sums.acc"] == other["metric_info"]["tiny_sums.acc"]
    assert len(both.facts["metrics"]) == 24
    scenario = both.facts["metrics"]["dummy#2/tiny_sums/bf6c2702b9d6"]
    assert scenario == {f"dummy#2/{name}": value for name, value in other["metrics"]["tiny_sums/bf6c2702b9d6"].items()}
    assert both.facts["model_config"] == one["model_config"]
    assert both.facts["config"]["reported"]["lm-eval.dummy#2.random_seed"] == 5
    (none,) = read(tmp_path, started=3000.0).warnings
    assert "the folder holds no file of this run that is called results_*.json or *.eval" in none
    (none,) = read(f"{tmp_path}:junit", started=1.0).warnings
    assert "was not used: the folder holds no file of this run that is called *.xml; wanted is JUnit XML" in none


def test_samples_of_another_run_are_not_read(tmp_path: Path) -> None:
    """Fresh results beside stale samples give the results, and a word on the samples."""
    folder = shutil.copytree(RESULTS / "lm-eval" / "first", tmp_path / "out")
    for file in folder.rglob("*.json*"):
        os.utime(file, (1000, 1000) if "tiny_sums" in file.name else (2000, 2000))
    told = read(folder, started=2000.0)
    assert told.facts["metric_summary"]["tiny_sums.acc"] == pytest.approx(5 / 6)
    assert not any(scenario.startswith("tiny_sums/") for scenario in told.facts["metrics"])
    (text,) = told.warnings
    assert "samples_tiny_sums_2026-11-21T08-55-41.065228.jsonl was not read: it was not written by this run" in text


@pytest.mark.parametrize("path", ["inspect/older.eval", *ZSTD[:1]])
def test_inspect(path: str) -> None:
    """Each epoch is a scenario of the sample's group; errors are its own; the standard error goes with its mean."""
    told = read(path)
    assert told.warnings == []
    assert known(told, "includes.accuracy") == (0.875, 0.125, 4, None, None)
    assert known(told, "polite.accuracy") == (0.25, 0.25, 4, None, None)
    assert known(told, "length.mean") == (4.25, None, 4, None, None)
    assert told.facts["metric_summary"].keys() == {
        "includes.accuracy",
        "length.mean",
        "length.std",
        "polite.accuracy",
    }
    metrics = told.facts["metrics"]
    assert len(metrics) == 10
    assert metrics["arithmetic/add-3"] == {"includes.accuracy": 0.0, "length.mean": 1, "polite.accuracy": False}
    assert metrics["arithmetic/add-3#2"]["includes.accuracy"] == 1.0
    assert metrics["arithmetic/boom"] == {}
    assert told.facts["scenario_groups"]["arithmetic/add-3#2"] == "arithmetic/add-3"
    assert told.facts["errors"] == [
        {
            "kind": "task",
            "message": "ValueError('division by zero in the sandbox')",
            "scenario": scenario,
            "stderr_tail": None,
        }
        for scenario in ("arithmetic/boom", "arithmetic/boom#2")
    ]
    assert told.facts["model_config"] == {"temperature": 0.2, "seed": 7, "model": "mockllm/model"}
    assert told.facts["data"] == {"arithmetic": {"version": 3}}
    assert told.facts["grader"]["inspect_ai"] in ("0.3.100", "0.3.285")
    assert told.facts["config"]["reported"]["inspect.epochs"] == 2


def repacked(source: Path, target: Path, **changed: bytes | None) -> Path:
    """Copy an archive, less some of its parts or with other content in them."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.namelist():
            content = changed.get(part.replace("/", "_").removesuffix(".json"), old.read(part))
            if content is not None:
                new.writestr(part, content)
    return target


def test_an_inspect_log_that_was_cut_short(tmp_path: Path) -> None:
    """A run that was killed has samples and no results; what there is counts, under names of its own, with a word."""
    older = RESULTS / "inspect" / "older.eval"
    for gone in ({"summaries": None}, {"summaries": None, "_journal_summaries_1": None}):
        told = read(repacked(older, tmp_path / "cut.eval", header=None, reductions=None, **gone))
        assert told.facts["metric_summary"]["includes_mean"] == 0.875
        assert len(told.facts["metrics"]) == 10
        assert told.facts["model_config"]["model"] == "mockllm/model"
        assert told.warnings == ["the log's status is null: the run did not end as it should"]


def test_an_inspect_log_of_another_version(tmp_path: Path) -> None:
    """It is read by inspect_ai itself where that is installed, and refused otherwise."""
    with zipfile.ZipFile(RESULTS / "inspect" / "older.eval") as archive:
        header = archive.read("header.json").replace(b'"version": 2', b'"version": 1', 1)
    told = read(repacked(RESULTS / "inspect" / "older.eval", tmp_path / "v1.eval", header=header))
    try:
        import inspect_ai  # noqa: F401
    except ImportError:
        assert (
            "was not used: it is version 1 of the log; wanted is version 2, or the package inspect_ai"
            in told.warnings[0]
        )
    else:
        assert told.facts["metrics"] == read("inspect/older.eval").facts["metrics"]


def test_promptfoo() -> None:
    """Providers and prompts have metrics of their own; a test is known by its variables, a repeat by its number."""
    told = read("promptfoo/first.json")
    assert known(told, "recite.plain.success_mean") == (0.0, None, 2, "higher", None)
    assert known(told, "echo.plain.score_mean") == (0.125, None, 4, "higher", None)
    assert known(told, "recite.polite.cost_mean") == (0.001, None, 2, "lower", "USD")
    assert known(told, "echo.polite.scores.brevity_mean") == (0.5, None, 2, "higher", None)
    assert known(told, "echo.polite.latency_ms_mean")[3:] == ("lower", "ms")
    metrics = told.facts["metrics"]
    assert list(metrics) == [
        "France/c49827a28217",
        "France/c49827a28217#2",
        "country=Atlantis/c386c943f338",
        "country=Atlantis/c386c943f338#2",
    ]
    assert metrics["France/c49827a28217"]["recite.plain.score"] == 0.5
    assert "recite.plain.success" not in metrics["country=Atlantis/c386c943f338"]
    assert told.facts["scenario_groups"]["France/c49827a28217#2"] == "France/c49827a28217"
    assert len(told.facts["errors"]) == 4
    assert told.facts["errors"][0]["message"] == "recite.plain: no connection to Atlantis"
    assert told.facts["model_config"]["providers"]["recite"] == {"temperature": 0.3, "model": "file://recite.js"}
    assert told.facts["prompts"].keys() == {"plain", "polite"}
    assert told.facts["grader"] == {"promptfoo": "0.121.20"}
    assert read("promptfoo/second.json").facts["metric_summary"]["recite.plain.success_mean"] == 1.0


def test_one_provider_and_one_prompt_need_no_prefix(tmp_path: Path) -> None:
    """So runs of two models can be held against each other, metric by metric."""
    said = json.loads((RESULTS / "promptfoo" / "first.json").read_text())
    results = said["results"]
    results["prompts"] = results["prompts"][2:3]
    results["results"] = [{**one, "promptIdx": 0} for one in results["results"] if one["promptIdx"] == 2]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(said))
    told = read(file)
    assert told.facts["metric_summary"]["success_mean"] == 0.0
    assert told.facts["model_config"] == {"temperature": 0.3, "model": "file://recite.js"}
    assert list(told.facts["metrics"]) == list(read("promptfoo/first.json").facts["metrics"])


def test_a_secret_among_the_variables_is_not_in_the_name(tmp_path: Path) -> None:
    """Neither itself nor in the hash: another key is not another test."""
    names = []
    for key in ("tok-1", "tok-2"):
        said = json.loads((RESULTS / "promptfoo" / "first.json").read_text())
        for one in said["results"]["results"]:
            one["testCase"]["vars"]["api_key"] = key
        file = tmp_path / "secret.json"
        file.write_text(json.dumps(said))
        names.append(list(read(file).facts["metrics"]))
    assert names[0] == names[1] == list(read("promptfoo/first.json").facts["metrics"])


def test_openai_evals() -> None:
    """The final report is the summary, its resampled deviation the standard error; a sample has its id."""
    told = read("openai-evals/first.jsonl")
    assert known(told, "accuracy") == (0.5, 0.2962055873882193, 4, "higher", None)
    assert told.facts["metric_summary"] == {"accuracy": 0.5, "usage_prompt_tokens": 20, "usage_completion_tokens": 4}
    assert told.facts["metrics"] == {
        "sums.dev.2": {"accuracy": True},
        "sums.dev.3": {"accuracy": False},
        "sums.dev.1": {"accuracy": False},
        "sums.dev.0": {"accuracy": True},
    }
    assert told.facts["model_config"] == {"model": "recite"}
    assert told.facts["observed"]["model"] == {"model": "recite-1"}
    assert told.facts["data"] == {"sums": {"version": "dev.v1", "path": "samples.jsonl"}}
    assert told.facts["grader"] == {"class": "evals.elsuite.basic.match:Match"}


def test_an_openai_log_with_errors_and_without_an_end(tmp_path: Path) -> None:
    """Errors are the sample's; without a final report the mean is made of what there is, with a word."""
    lines = (RESULTS / "openai-evals" / "first.jsonl").read_text().splitlines()
    error = {"sample_id": "sums.dev.9", "type": "error", "data": {"type": "RateLimitError", "message": "slow down"}}
    metrics = {"sample_id": "sums.dev.1", "type": "metrics", "data": {"score": 0.5, "choice": "A"}}
    file = tmp_path / "cut.jsonl"
    kept = [line for line in lines if "final_report" not in line]
    file.write_text(
        "\n".join(
            [*kept, json.dumps(error), json.dumps(metrics), '{"torn'],
        )
        + "\n"
    )
    told = read(file)
    assert told.facts["metric_summary"] == {"accuracy_mean": 0.5, "score_mean": 0.5}
    assert told.facts["metrics"]["sums.dev.1"] == {"accuracy": False, "score": 0.5}
    (only,) = told.facts["errors"]
    assert (only["kind"], only["scenario"], only["message"]) == ("infra", "sums.dev.9", "RateLimitError: slow down")
    assert len(told.warnings) == 2
    assert "the log line 12 was left out: " in told.warnings[0]
    assert told.warnings[1] == "the log has no final report: the run did not come to its end"


def test_deepeval() -> None:
    """A score a metric, which way is better from what passed; a metric that broke is an error and no score."""
    told = read("deepeval/first.json")
    assert known(told, "Contains_mean") == (pytest.approx(2 / 3), None, 3, "higher", None)
    assert known(told, "success_mean") == (pytest.approx(1 / 3), None, 3, "higher", None)
    assert known(told, "seconds_mean")[3:] == ("lower", "s")
    metrics = told.facts["metrics"]
    assert metrics["capital/ae49d3f68d9c"].keys() == {"Contains", "Brevity", "success", "seconds"}
    assert metrics["broken/b61a482277bf"].keys() == {"Brevity", "seconds"}
    (error,) = told.facts["errors"]
    assert error["message"] == "Contains: ValueError: the answer is empty"
    assert error["scenario"] == "broken/b61a482277bf"
    assert told.facts["model_config"] == {"model": "recite-1", "temperature": "0.2"}
    assert told.facts["config"]["reported"] == {"deepeval.prompt template": "short"}
    assert told.facts["grader"]["deepeval"]["Brevity"]["threshold"] == 0.4
    wrapped, plain = read("deepeval/latest_test_run.json"), read("deepeval/second.json")
    assert wrapped.facts == {**plain.facts, "output": wrapped.facts["output"]}


def test_a_deepeval_metric_that_must_stay_low(tmp_path: Path) -> None:
    """A score that passes below its threshold is better when lower; two that disagree leave it open."""
    base = {"input": "x", "success": True}
    low = {"name": "Bias", "threshold": 0.5, "success": True, "score": 0.1}
    cases = [{**base, "metricsData": [low]}, {**base, "metricsData": [{**low, "score": 0.9, "success": False}]}]
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"testCases": cases}))
    assert known(read(file), "Bias_mean") == (0.5, None, 2, "lower", None)
    assert read(file).facts["scenario_groups"].keys() == read(file).facts["metrics"].keys()
    cases[1]["metricsData"] = [{**low, "score": 0.9}]
    file.write_text(json.dumps({"testCases": cases}))
    assert known(read(file), "Bias_mean")[3] is None


def test_junit() -> None:
    """A test that passed or failed is true or false; one that was skipped or could not run has no such value."""
    told = read("junit/first.xml")
    assert known(told, "passed") == (0.75, None, 4, "higher", None)
    assert known(told, "skipped") == (2, None, None, "lower", None)
    assert known(told, "seconds")[2:] == (5, "lower", "s")
    metrics = told.facts["metrics"]
    assert metrics["test_support::test_routes[invoice]"] == {"passed": False, "seconds": 0.011}
    assert metrics["test_support.TestAnswers::test_politeness"]["passed"] is True
    assert "passed" not in metrics["test_support::test_needs_machine"]
    (error,) = told.facts["errors"]
    assert (error["kind"], error["scenario"]) == ("infra", "test_support::test_needs_machine")
    assert error["message"].startswith('failed on setup with "OSError: [Errno 28] No space left on device"')
    node = read("junit/node.xml")
    assert node.facts["metric_summary"]["passed"] == pytest.approx(2 / 3)
    assert list(node.facts["metrics"]) == [
        "test::refund goes to billing",
        "language::test::answers in Spanish",
        "language::test::answers in English",
    ]


def test_a_junit_error_of_the_code_is_a_failure_too(tmp_path: Path) -> None:
    """Other runners call an exception in the tested code an error; the same test twice is two of one group."""
    cases = '<testcase classname="C" name="t" time="1,001.5"><error type="ValueError" message="bad"/></testcase>'
    file = tmp_path / "r.xml"
    file.write_text(f'<testsuite name="C">{cases}<testcase classname="C" name="t" time="x"/></testsuite>')
    told = read(file)
    assert told.facts["metrics"] == {"C::t": {"passed": False, "seconds": 1001.5}, "C::t#2": {"passed": True}}
    assert told.facts["scenario_groups"] == {"C::t": "C::t", "C::t#2": "C::t"}
    assert [(one["kind"], one["message"]) for one in told.facts["errors"]] == [("task", "ValueError bad")]


@pytest.mark.parametrize("name", list(SAMPLES))
def test_a_wrong_adapter_named_is_one_clear_warning(name: str) -> None:
    """It says what was found and what is wanted; nothing of the file counts."""
    wanted = next(adapter.wanted for adapter in ADAPTERS if adapter.name == name)
    for other, paths in SAMPLES.items():
        if other not in (name, "lm-eval"):
            told = read(f"{paths[0]}:{name}")
            (text,) = told.warnings
            assert f"{RESULTS / paths[0]} was not used: it is " in text
            assert text.endswith(f"; wanted is {wanted}")
            assert (told.facts["metric_summary"], told.facts["metrics"]) == (None, None)


def test_an_unknown_adapter_and_a_colon_in_a_name(tmp_path: Path) -> None:
    """A path that is there counts as it stands; else what stands behind the colon must be an adapter."""
    told = read("junit/first.xml:pytest")
    (text,) = told.warnings
    assert "was not used: nothing is known of the format pytest; wanted is a JSON object" in text
    assert "lm-eval, inspect, promptfoo, openai-evals, deepeval, junit" in text
    file = tmp_path / "odd:inspect"
    file.write_text('{"accuracy": 0.5}')
    assert read(file).facts["metric_summary"] == {"accuracy": 0.5}
    (text,) = read(tmp_path / "none:junit").warnings
    assert "none was not used: No such file or directory" in text


def test_stale_results_are_refused_in_every_format(tmp_path: Path) -> None:
    """A file that another run wrote is not this run's result."""
    for number, paths in enumerate(SAMPLES.values()):
        if (RESULTS / paths[0]).is_file():
            file = tmp_path / f"{number}{Path(paths[0]).suffix}"
            shutil.copyfile(RESULTS / paths[0], file)
            os.utime(file, (1000, 1000))
            told = read(file, started=2000.0)
            assert told.facts["metric_summary"] is None
            assert "it was not written by this run" in told.warnings[0]


@pytest.mark.parametrize(
    ("sample", "option"),
    [
        ("lm-eval/first", "out"),
        ("lm-eval/first", "out:lm-eval"),
        ("inspect/first.json", "out"),
        ("promptfoo/second.json", "out"),
        ("openai-evals/first.jsonl", "out:openai-evals"),
        ("deepeval/first.json", "out"),
        ("junit/first.xml", "out:junit"),
    ],
)
def test_through_the_command_line(project: Project, sample: str, option: str) -> None:
    """A command that writes such a file is recorded with its metrics, what is known of them, and the groups."""
    done = project.run("cp", "-r", str(RESULTS / sample), "out", options=("--metrics-file", option))
    assert done.returncode == 0
    record = project.record()
    told = read(sample).facts
    for key in ("metric_summary", "metrics", "metric_info", "scenarios_run"):
        assert record[key] == told[key], key
    assert record["scenario_groups"] == told.get("scenario_groups", {})
    assert record["errors"] == told.get("errors", [])
    assert record["output"]["metrics_source"]["rule"] == sample.partition("/")[0]
    served = ['model_config.model was declared as "recite", and what was served is "recite-1"']
    assert record["warnings"] == (served if "openai" in sample else [])
    (line,) = project.history()
    assert line["metric_info"] == record["metric_info"]
    assert record["model_config"] == told.get("model_config", {})


def test_a_failed_run_whose_file_is_torn(project: Project) -> None:
    """The run is recorded as it ended, with one warning on the file, and no traceback."""
    done = project.run(
        "sh",
        "-c",
        f"head -c 3000 '{RESULTS}/promptfoo/first.json' > out.json; exit 3",
        options=("--metrics-file", "out.json"),
    )
    assert done.returncode == 3
    record = project.record()
    assert (record["status"], record["metrics"], record["metric_info"]) == ("failed", None, {})
    (text,) = record["warnings"]
    assert text.endswith(
        "out.json was not used: it ends in the middle; wanted is what promptfoo wrote to --output FILE.json"
    )
    assert b"Traceback" not in done.stderr
