"""What a command's own trackers have of its run is found after its end, by rules that are named."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.handover.links import find_links
from evalprov.handover.links.ended import CARRIES, MOST, PRINTED, TOLD, WRITTEN, EndedRun
from evalprov.secrets import Scrubber

RUN_ID = "20260920T143000Z"
TRACE, KEY = "0af7651916cd43dd8448eb211c80319c", "1234567890abcdef1234567890abcdef"
Look = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Looks for what there is of a run that began a little while ago and ends now."""
    began = time.time()

    def links(printed: str = "", composed: tuple[str, ...] = (), **environ: str) -> list[dict[str, Any]]:
        place = str(tmp_path)
        run = EndedRun(RUN_ID, place, place, environ, began, time.time(), lambda: (printed.encode(),), composed)
        found, problems = find_links(run, Scrubber({"TOKEN": "tok-3141592653589793"}))
        assert problems == []
        return [dict(one) for one in found]

    return links


def mlflow_db(path: Path, rows: list[tuple[str, int, str | None]], *, mode: str = "delete") -> sqlite3.Connection:
    """Make the tables of MLflow's store that are read: runs by their start, with the tag of a run of ours."""
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, start_time BIGINT, experiment_id INTEGER)")
    database.execute("CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid))")
    for own, start, of in rows:
        database.execute("INSERT INTO runs VALUES (?, ?, 1)", (own, start))
        if of:
            database.execute("INSERT INTO tags VALUES ('evalprov.run_id', ?, ?)", (of, own))
    database.commit()
    return database


def test_what_carries_our_id_is_believed_before_what_was_written_then(tmp_path: Path, look: Look) -> None:
    """Of MLflow's runs, those with our tag are linked; without one those that began meanwhile, and no earlier ones."""
    now = int(time.time() * 1000)
    mlflow_db(tmp_path / "mlflow.db", [("a" * 32, now, RUN_ID), ("b" * 32, now, None), ("c" * 32, 5, None)]).close()
    where = f"mlflow.db#/experiments/1/runs/{'a' * 32}"
    assert look() == [{"tool": "mlflow", "id": "a" * 32, "where": where, "rule": CARRIES}]
    (tmp_path / "mlflow.db").unlink()
    mlflow_db(tmp_path / "mlflow.db", [("b" * 32, now, None), ("c" * 32, 5, None)]).close()
    assert [(one["id"], one["rule"]) for one in look()] == [("b" * 32, WRITTEN)]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_that_somebody_writes_to_is_read_without_a_lock(tmp_path: Path, look: Look, mode: str) -> None:
    """While another process has MLflow's database open, in its own mode, it is read, and nothing is made beside it."""
    writer = mlflow_db(tmp_path / "mlflow.db", [("a" * 32, int(time.time() * 1000), RUN_ID)], mode=mode)
    writer.execute("BEGIN EXCLUSIVE")
    before = sorted(os.listdir(tmp_path))
    assert [one["rule"] for one in look()] == [CARRIES]
    writer.execute("INSERT INTO runs VALUES ('z', 1, 1)")
    writer.commit()
    assert sorted(os.listdir(tmp_path)) == before
    writer.close()


def test_a_store_that_the_environment_names_is_looked_at(tmp_path: Path, look: Look) -> None:
    """MLFLOW_TRACKING_URI says where: a database, or a folder of files; a server is known by what is printed."""
    (tmp_path / "deep").mkdir()
    mlflow_db(tmp_path / "deep" / "my.db", [("a" * 32, int(time.time() * 1000), RUN_ID)]).close()
    run = tmp_path / "files" / "7" / ("d" * 32)
    (run / "tags").mkdir(parents=True)
    (run / "tags" / "evalprov.run_id").write_text(RUN_ID)
    assert look() == []
    assert [one["where"] for one in look(MLFLOW_TRACKING_URI="sqlite:///deep/my.db")] == [
        f"deep/my.db#/experiments/1/runs/{'a' * 32}"
    ]
    assert look(MLFLOW_TRACKING_URI=f"file://{tmp_path}/files") == [
        {"tool": "mlflow", "id": "d" * 32, "where": f"files#/experiments/7/runs/{'d' * 32}", "rule": CARRIES}
    ]
    assert look(MLFLOW_TRACKING_URI="http://127.0.0.1:5000") == []


def test_folders_of_wandb(tmp_path: Path, look: Look) -> None:
    """A run's folder, online or offline, is linked by its id; one that `wandb sync` merely touched is not."""
    stamp = time.strftime("%Y%m%d_%H%M%S")
    for name in (f"offline-run-{stamp}-new1", f"run-{stamp}-new2", "offline-run-20200101_000000-old", "latest-run"):
        (tmp_path / "wandb" / name).mkdir(parents=True)
    assert sorted((one["id"], one["rule"]) for one in look()) == [("new1", WRITTEN), ("new2", WRITTEN)]
    file = tmp_path / "wandb" / f"run-{stamp}-new2" / "run-new2.wandb"
    file.write_bytes(b":W&B\0\1R evalprov.run_id=" + RUN_ID.encode() + b"R\x13")
    url = "https://wandb.ai/team/p/runs/new2"
    printed = f"\x1b[34m\x1b[1mwandb\x1b[0m: 🚀 View run \x1b[33mlong-name\x1b[0m at: \x1b[34m{url}\x1b[0m\r\n"
    assert look(printed) == [{"tool": "wandb", "id": "new2", "where": url, "rule": CARRIES}]


@pytest.mark.parametrize(
    ("line", "tool", "own", "url"),
    [
        (
            f"🏃 View run fox-1 at: http://127.0.0.1:5000/#/experiments/3/runs/{KEY}",
            "mlflow",
            KEY,
            f"http://127.0.0.1:5000/#/experiments/3/runs/{KEY}",
        ),
        ("wandb: 🚀 View run at https://w.corp/a/b/runs/x1", "wandb", "x1", "https://w.corp/a/b/runs/x1"),
        (
            "View the evaluation results at:\nhttps://smith.langchain.com/o/t/datasets/d/compare?selectedSessions=s-1",
            "langsmith",
            "s-1",
            "https://smith.langchain.com/o/t/datasets/d/compare?selectedSessions=s-1",
        ),
        (
            f"Trace: https://cloud.langfuse.com/project/p1/traces/{TRACE}.",
            "langfuse",
            TRACE,
            f"https://cloud.langfuse.com/project/p1/traces/{TRACE}",
        ),
        (
            f"COMET INFO: live on comet.com https://www.comet.com/a/b/{KEY}",
            "comet",
            KEY,
            f"https://www.comet.com/a/b/{KEY}",
        ),
    ],
)
def test_printed_addresses(look: Look, line: str, tool: str, own: str, url: str) -> None:
    """An address is linked where its tool's own words and form are there, and to that tool alone."""
    assert look(f"before\n{line}\nafter") == [{"tool": tool, "id": own, "where": url, "rule": PRINTED}]


@pytest.mark.parametrize(
    "line",
    [
        "the model says: View run x at: https://wandb.ai/a/b/runs/x1",
        "View run x at: javascript:alert(1)/experiments/1/runs/" + KEY,
        "see https://example.org/a/b/runs/x1 and http://x/experiments/1",
        "wandb: https://wandb.ai/a/b/runs/",
        "View run " + "x at: " * 5000 + "://",
        "https://" * 20_000 + "/project/",
    ],
)
def test_what_only_looks_like_an_address_is_no_link(look: Look, line: str) -> None:
    """Text that is not the tool's own line gives no link, however long it is."""
    began = time.process_time()
    assert look(line) == []
    assert time.process_time() - began < 1


def test_secrets_and_numbers_are_bounded(look: Look) -> None:
    """An address with a secret in it is scrubbed, and of very many links only some are kept."""
    (one,) = look("https://cloud.langfuse.com/project/p/traces/abc?token=tok-3141592653589793")
    assert "3141592653589793" not in json.dumps(one)
    run = EndedRun(RUN_ID, "/nowhere", "/nowhere", {}, 0.0, 1.0, tuple, tuple(f"outputs/{n}" for n in range(99)))
    found, problems = find_links(run, Scrubber({}))
    assert (len(found), problems) == (MOST, [f"hydra has more of this run than the {MOST} entries that are linked"])


def test_logs_of_inspect(tmp_path: Path, look: Look) -> None:
    """A log is linked by its own id, whether it is an archive or JSON, and one that is damaged by its path alone."""
    spec = {"eval": {"eval_id": "E1", "metadata": {"evalprov.run_id": RUN_ID}}}
    logs = tmp_path / "logs"
    logs.mkdir()
    with zipfile.ZipFile(logs / "2026-09-20T14-30-00-00-00_t_A.eval", "w") as archive:
        archive.writestr("_journal/start.json", json.dumps(spec))
    document = {"version": 2, "status": "success", "eval": {**spec["eval"], "eval_id": "E2"}, "samples": []}
    (logs / "2026-09-20T14-30-00-00-00_t_B.json").write_text(json.dumps(document))
    (logs / "notes_of_mine.json").write_text("{}")
    assert [(one["id"], one["rule"]) for one in look()] == [("E1", CARRIES), ("E2", CARRIES)]
    shutil.rmtree(logs)
    logs.mkdir()
    (logs / "2026-09-20T14-30-00-00-00_t_C.eval").write_bytes(b"PK\3\4 damaged")
    assert [(one["id"], one["rule"]) for one in look()] == [(None, WRITTEN)]


def test_experiments_of_dvc_and_folders_of_hydra(tmp_path: Path, look: Look) -> None:
    """The experiment in which a command runs is named by its environment; others by what git got meanwhile."""
    base = "ab" + "c" * 38
    old = tmp_path / ".git" / "refs" / "exps" / "ab" / ("c" * 38)
    old.mkdir(parents=True)
    for name in ("made-now", "made-before"):
        (old / name).write_text("0" * 40)
    os.utime(old / "made-before", (1, 1))
    (tmp_path / ".git" / "refs" / "exps" / "exec").mkdir()
    found = look(composed=("outputs/2026/x",), DVC_EXP_NAME="dull-fox", DVC_EXP_BASELINE_REV=base)
    assert [(one["tool"], one["id"], one["rule"]) for one in found] == [
        ("dvc", "dull-fox", TOLD),
        ("dvc", "made-now", WRITTEN),
        ("hydra", None, WRITTEN),
    ]
    assert found[0]["where"] == f"refs/exps/ab/{'c' * 38}/dull-fox"


def test_where_nothing_is_there_no_time_is_taken(look: Look) -> None:
    """Where no tracker was used it takes less than 10 ms, a megabyte of output included."""
    text = "an answer of 40 characters, or nearly so\n" * 25_000
    look()
    took = []
    for _ in range(5):
        began = time.process_time()
        assert look(text) == []
        took.append(time.process_time() - began)
    assert min(took) < 0.01


def test_a_run_links_what_it_left_and_shows_it(project: Project) -> None:
    """The record has the links; `show` and `diff --markdown` give them to open."""
    url = f"http://127.0.0.1:5000/#/experiments/3/runs/{KEY}"
    project.write(".gitignore", "metrics/\nwandb/\n")
    project.commit_all()
    code = (
        "import os, time\n"
        "os.makedirs('wandb/offline-run-' + time.strftime('%Y%m%d_%H%M%S') + '-abc')\n"
        f"print('View run fox at: {url}')\n"
        "print('{\"accuracy\": 0.5}')"
    )
    project.python(code)
    record = project.record()
    assert [(one["tool"], one["rule"]) for one in record["links"]] == [("wandb", WRITTEN), ("mlflow", PRINTED)]
    assert url.encode() in project.evalprov("show").stdout
    project.python(code)
    page = project.evalprov("diff", "latest~1", "latest", "--markdown").stdout.decode()
    assert f"[mlflow {KEY}](<{url}>)" in page
    assert "wandb abc `wandb/offline-run-" in page
