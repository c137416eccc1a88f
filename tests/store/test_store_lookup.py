"""From what a person writes to the run that is meant."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_runs import NOON, begun, record

from evalprov.errors import EvalprovError
from evalprov.store.baselines import Wanted, keep
from evalprov.store.lookup import find, manifest_path
from evalprov.store.read import load

FIRST, AGAIN, NEXT, MUCH_LATER = (
    "20260920T120000Z",
    "20260920T120000Z_2",
    "20260920T120007Z",
    "20261105T120000Z",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with four runs, and a baseline."""
    path = str(tmp_path_factory.mktemp("project") / "metrics")
    for at in (NOON, NOON, NOON + 7, NOON + 46 * 86400):
        record(path, at)
    keep(path, load(path, AGAIN), Wanted("main", "a test", "A", force=True))
    os.symlink("/etc/hostname", f"{path}/baselines/link.json")
    return path


def problem(store: str, spec: str) -> EvalprovError:
    """Return why nothing was found."""
    with pytest.raises(EvalprovError) as refused:
        find(store, spec)
    assert refused.value.exit_code == 2
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 400
    return refused.value


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        (FIRST, FIRST),
        (AGAIN, AGAIN),
        ("2026-09-20T12:00:00Z", FIRST),
        ("2026-09-20T12:00:00Z_2", AGAIN),
        ("2026-09-20T12:00:07", NEXT),
        ("2026-11", MUCH_LATER),
        ("202611", MUCH_LATER),
        ("20260920T120000Z_", AGAIN),
        ("latest", MUCH_LATER),
        ("latest~0", MUCH_LATER),
        ("latest~1", NEXT),
        ("latest~2", AGAIN),
        ("latest~3", FIRST),
        ("baseline:main", AGAIN),
    ],
)
def test_a_run_is_found_by_every_spelling(store: str, spec: str, meant: str) -> None:
    """Ids in both spellings, unique beginnings, latest and baselines name their run, also for load."""
    assert find(store, spec) == meant
    assert load(store, spec)["run_id"] == meant


def test_a_run_is_found_by_its_manifest(store: str, tmp_path: Path) -> None:
    """The path of a manifest names its run, wherever the file is, through a link too."""
    copy = tmp_path / "artifact.json"
    copy.write_bytes(Path(store, f"runs/{NEXT}.json").read_bytes())
    (tmp_path / "link.json").symlink_to(copy)
    for path in (f"{store}/runs/{NEXT}.json", str(copy), str(tmp_path / "link.json")):
        assert find("/no/such/store", path) == NEXT
        assert manifest_path("/no/such/store", path) == path
    assert manifest_path(store, "latest") == f"{store}/runs/{MUCH_LATER}.json"


def test_an_ambiguous_beginning_lists_the_candidates(store: str) -> None:
    """A beginning of several runs is an error that names them."""
    said = problem(store, "202609").message
    assert said == f"202609 is the beginning of 3 runs: {NEXT}, {AGAIN}, {FIRST}"


@pytest.mark.parametrize("spec", ["2025", "20260920T120000Z_3", "latest~4", "baseline:other", "no.json", "1970-01-01"])
def test_what_is_not_there_is_an_error_with_a_hint(store: str, spec: str) -> None:
    """A run that does not exist is said not to exist."""
    assert "no" in problem(store, spec).message


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "..",
        "../../etc/passwd",
        "runs/..",
        "a/b",
        "latest~",
        "latest~-1",
        "latest~x",
        "latest~\u0661",
        "latest~" + "9" * 50,
        "latestx",
        "baseline:",
        "baseline:../main",
        "baseline:a/b",
        "baseline:.hidden",
        "\x1b[2J",
        "20260920T120000Z\n",
        "x\0.json",
        "x\x1b.json",
        "9" * 100_000,
        "a" * 100_000 + ".json",
        "2026*",
    ],
)
def test_what_is_no_run_is_refused(store: str, spec: str) -> None:
    """Paths in disguise, control characters and overlong words are refused in one short printable line."""
    problem(store, spec)


@given(st.text())
def test_no_text_breaks_a_look_up(store: str, spec: str) -> None:
    """Any text at all names a run or is a clear error."""
    try:
        outcome = find(store, spec)
    except EvalprovError as refused:
        outcome = refused.message
    assert outcome in {FIRST, AGAIN, NEXT, MUCH_LATER} or outcome.isprintable()


def test_a_baseline_that_is_a_link_is_refused(store: str) -> None:
    """Nothing follows a link out of the store."""
    assert "not a plain file" in problem(store, "baseline:link").message


def test_a_store_that_is_not_there_says_how_to_begin(tmp_path: Path) -> None:
    """Without a store every look-up says so and how to record a first run, and makes nothing."""
    for spec in ("latest", FIRST, "2026", "baseline:main"):
        refused = problem(str(tmp_path / "metrics"), spec)
        assert "no runs here yet" in refused.message
        assert "evalprov run --" in refused.hint
    assert os.listdir(tmp_path) == []


def test_latest_counts_runs_that_are_still_going_on(tmp_path: Path) -> None:
    """A run that has begun is the latest, before it is in the history."""
    path = str(tmp_path / "metrics")
    record(path)
    going = begun(path, NOON + 60)
    assert find(path, "latest") == going["run_id"]
    assert json.loads(Path(manifest_path(path, "latest")).read_text())["status"] == "running"
