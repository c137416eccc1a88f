"""A run's identity in its trackers' variables: merged under what the user has there, and in no hash."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from conftest import Project

from evalprov.handover.identity import AUTO, hand_over, inherited, left_alone
from evalprov.handover.merging import TAG, less_ours, merged
from evalprov.handover.variables import VARIABLES
from evalprov.record.form import blank
from evalprov.settings.shapes import TRACKERS

RUN_ID = "20260920T143000Z"
FACTS = {"evalprov.run_id": RUN_ID, "evalprov.scenario": "a, b = 50% é", "evalprov.dirty": "true"}
# Values as users have them: form, what is there, and what must still be read from it.
THEIRS = [
    ("json", None),
    ("json", '{"team": "evals", "n": 1.50}'),
    ("json", '{ "evalprov.run_id": "mine" }  '),
    ("json", "{}"),
    ("pairs", None),
    ("pairs", "service.name=my%20app,deployment.environment=ci"),
    ("pairs", "a=b,"),
    ("words", None),
    ("words", "team=evals n=3"),
    ("tags", None),
    ("tags", "nightly,gpt-4o"),
]


def read(form: str, value: str) -> Any:
    """Read a value as its tracker does."""
    if form == "json":
        return json.loads(value)
    if form == "tags":
        return value.split(",")
    items = [item.partition("=") for item in (value.split() if form == "words" else value.split(",")) if item]
    return {key: yaml.safe_load(said) if form == "words" else unquote(said) for key, _, said in items}


@pytest.mark.parametrize(("form", "theirs"), THEIRS)
def test_ours_is_added_and_theirs_stays(form: str, theirs: str | None) -> None:
    """What the user has is read as before, key for key; ours is beside it; and it can be taken out again."""
    value = merged(form, theirs, FACTS)
    now, before = read(form, value), read(form, theirs) if theirs else []
    if form == "tags":
        assert now[: len(before)] == before
        assert f"evalprov.run_id={RUN_ID}" in now
        assert not any("scenario" in tag for tag in now), "a comma would make two tags of it"
    else:
        assert {**now, **dict(before)} == now
        wanted = FACTS if form != "words" else {name: said for name, said in FACTS.items() if "," not in said}
        assert {**wanted, **dict(before)} == now
    if theirs not in ("{}", "a=b,"):
        assert less_ours(form, value, RUN_ID) == (
            theirs if theirs is None or "mine" not in theirs else less_ours(form, theirs, RUN_ID)
        )


@pytest.mark.parametrize(
    ("variable", "theirs", "why"),
    [
        ("MLFLOW_RUN_CONTEXT", "not json", "it is no JSON object"),
        ("MLFLOW_RUN_CONTEXT", "[1]", "it is no JSON object"),
        ("MLFLOW_RUN_CONTEXT", "[" * 100_000, "it is no JSON object"),
        ("MLFLOW_RUN_CONTEXT", "", "it is set to nothing"),
        ("MLFLOW_RUN_CONTEXT", json.dumps({"x": "y" * 40_000}), "it is too long for more"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,oops", "its parts are not all key=value"),
        ("WANDB_TAGS", "a,,b", "one of its tags is empty"),
        ("INSPECT_EVAL_METADATA", "a=b oops", "its words are not all key=value"),
        ("LANGFUSE_RELEASE", "v1", "it is set"),
    ],
)
def test_what_cannot_be_merged_stays_and_is_named(variable: str, theirs: str, why: str) -> None:
    """A value that its tracker could not read, or would read otherwise with ours, is left as it is."""
    values, told = hand_over(blank(RUN_ID, ""), TRACKERS, {variable: theirs}, ["/nowhere"])
    assert variable not in values
    assert told["variables"][variable] == f"left as it was: {why}"
    warned = [line for line in left_alone(told) if line.startswith(variable)]
    assert bool(warned) == (why not in ("it is set", "it is set to nothing"))


def test_what_the_user_says_elsewhere_is_not_outranked(tmp_path: Path) -> None:
    """A .env file, a tracker's own settings, and a release that the CI names win over a variable that nobody set."""
    below = tmp_path / "evals"
    below.mkdir()
    (tmp_path / ".env").write_text("# WANDB_TAGS=no\nexport WANDB_TAGS = nightly\nINSPECT_EVAL_METADATA_2=x\n")
    (below / ".comet.config").write_text("[comet_start]\nexperiment_tags = a\n")
    values, told = hand_over(blank(RUN_ID, ""), TRACKERS, {"GITHUB_SHA": "0" * 40}, [str(below)])
    assert told["variables"]["WANDB_TAGS"] == "left as it was: a .env file sets it"
    assert told["variables"]["COMET_START_EXPERIMENT_TAGS"] == "left as it was: .comet.config has experiment_tags"
    assert told["variables"]["LANGFUSE_RELEASE"] == "left as it was: GITHUB_SHA is set"
    assert told["variables"]["INSPECT_EVAL_METADATA"] == "set"
    assert set(values).isdisjoint(name for name, how in told["variables"].items() if how.startswith("left"))
    assert (told["trackers"], "wandb" in told["trackers"]) == (sorted({*TRACKERS} - {"wandb", "comet"}), False)


def test_only_installed_trackers_are_told() -> None:
    """`auto` sets the variables of what the command's Python has installed, and none where that is not known."""
    m = blank(RUN_ID, "")
    assert hand_over(m, AUTO, {}, ["/nowhere"]) == ({}, {"trackers": [], "variables": {}})
    m["software"]["packages"] = {"wandb": "0.31.0", "numpy": "2.0"}
    values, told = hand_over(m, AUTO, {}, ["/nowhere"])
    assert values == {"WANDB_TAGS": f"evalprov.run_id={RUN_ID}"}
    assert told == {"trackers": ["wandb"], "variables": {"WANDB_TAGS": "set"}}


def test_the_table_names_what_the_settings_take() -> None:
    """Every tracker of the settings has a row, and no row sets what changes what a tracker does."""
    assert {row.tracker for row in VARIABLES} == set(TRACKERS)
    assert not [
        row for row in VARIABLES if row.variable.endswith(("_RUN_ID", "_PATHS")) and "EVALPROV" not in row.variable
    ]


def test_a_tag_is_never_too_long() -> None:
    """A tag that W&B would refuse to start with is not handed over."""
    value = merged("tags", None, {"evalprov.run_id": RUN_ID, "evalprov.scenario": "s" * 100})
    assert all(len(tag) <= TAG for tag in value.split(","))


def test_handing_over_takes_no_time() -> None:
    """With everything to hand over and to every tracker, it takes less than 10 ms."""
    m = blank(RUN_ID, "")
    m |= {"scenario": "s", "git_sha": "a" * 40, "git_dirty": False}
    m["code"]["tree"] = "b" * 40
    took = []
    for _ in range(5):
        began = time.process_time()
        hand_over(m, TRACKERS, {}, ["/nowhere/at/all"])
        took.append(time.process_time() - began)
    assert min(took) < 0.01


def test_a_run_tells_its_trackers_and_is_the_same_run(project: Project) -> None:
    """The command gets the run's id under its own values, the record names the variables, and no hash has moved."""
    code = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k[:5] in ('WANDB', 'MLFLO')}))"
    project.write(".env", "MLFLOW_RUN_CONTEXT={}\n")
    project.write(".gitignore", "metrics/\n")
    project.commit_all()
    options = ("--set", 'env.record=["WANDB_*"]')
    env = {"WANDB_TAGS": "nightly"}
    project.python(code, options=options, env=env)
    done = project.python(code, options=(*options, "--set", 'handover.trackers=["wandb", "mlflow"]'), env=env)
    before, now = project.records()
    assert json.loads(done.stdout)["WANDB_TAGS"].split(",")[:2] == ["nightly", f"evalprov.run_id={now['run_id']}"]
    assert "MLFLOW_RUN_CONTEXT" not in json.loads(done.stdout)
    assert now["handover"]["variables"]["WANDB_TAGS"] == "merged"
    assert (before["handover"], now["handover"]["trackers"]) == ({"trackers": [], "variables": {}}, ["mlflow", "wandb"])
    assert now["software"]["env"]["WANDB_TAGS"] == "nightly"
    for record in (before, now):
        record["identity"]["unknown"] = None
    assert before["identity"] == now["identity"]


def test_a_run_within_a_run_has_its_own_id_and_the_same_hashes(project: Project) -> None:
    """What an outer run handed over is no fact of an inner one, which puts its own id in that place."""
    code = "import os; print(os.environ['OTEL_RESOURCE_ATTRIBUTES'])"
    ours = ("--set", 'handover.trackers=["opentelemetry"]')
    env = {"OTEL_RESOURCE_ATTRIBUTES": "team=evals"}
    project.python(code, options=ours, env=env)
    alone = project.record()
    inner = project.python(
        code,
        options=ours,
        env={
            "EVALPROV_RUN_ID": RUN_ID,
            "OTEL_RESOURCE_ATTRIBUTES": f"team=evals,evalprov.run_id={RUN_ID},evalprov.commit=abc",
            "LANGFUSE_RELEASE": RUN_ID,
        },
    )
    within = project.records()[1]
    assert inner.stdout.decode().startswith(f"team=evals,evalprov.run_id={within['run_id']}")
    assert within["software"]["env_rest"] == alone["software"]["env_rest"]
    assert within["identity"]["layers"]["software"] == alone["identity"]["layers"]["software"]


def test_a_run_within_a_run_that_hands_nothing_over_passes_the_outer_ones_on(project: Project) -> None:
    """The command of an inner run without the setting belongs, for its tracker, to the outer run."""
    env = {"EVALPROV_RUN_ID": RUN_ID, "WANDB_TAGS": f"evalprov.run_id={RUN_ID}"}
    assert inherited(env) == {"WANDB_TAGS": None}
    done = project.run("sh", "-c", "echo $WANDB_TAGS", env=env)
    assert done.stdout.decode().strip() == f"evalprov.run_id={RUN_ID}"
