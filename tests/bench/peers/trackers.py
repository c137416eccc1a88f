"""Targets that are servers: their real clients, and real servers of theirs on this machine where there are any."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from standins import serving

from peers.common import CANARY, PROMPT, RUN, Peer, must, no_secret
from peers.wandb_server import answering


def _in_mlflow(peer: Peer, uri: str) -> str:
    """Look at what MLflow has, with its own client."""
    silent = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    os.environ.update({"MLFLOW_ALLOW_FILE_STORE": "true", **silent})
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tickets")
    runs = client.search_runs([experiment.experiment_id])
    must(len(runs) == 1, f"{len(runs)} runs")
    run = runs[0]
    must(run.info.run_name == RUN and run.info.status == "FINISHED", str(run.info))
    must(run.info.end_time - run.info.start_time == 12500, "times")
    must(run.data.metrics["accuracy_mean"] > 0.5, str(run.data.metrics))
    must(run.data.params["model_config.temperature"] == "0.2", str(run.data.params))
    must(run.data.tags["mlflow.source.git.commit"] == "c" * 40, "commit")
    must(run.inputs.dataset_inputs[0].dataset.name == "golden", "data set")
    mlflow.set_tracking_uri(uri)
    table = client.load_table(experiment.experiment_id, "evalprov/scenarios.json")
    must(len(table) == peer.scenarios, f"{len(table)} rows")
    record = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/evalprov/record.json")
    must(record["run_id"] == RUN, "the record")
    must(CANARY not in str(run.to_dictionary()) + str(record) + table.to_csv(), "the secret is told")
    prompt = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/evalprov/prompts/plan.txt")
    must(prompt == PROMPT, f"the prompt: {prompt!r}")
    return f"run, {len(run.data.params)} params, data set, table of {len(table)} rows, record, prompt"


def _twice(peer: Peer, target: str, *words: str, **env: str) -> None:
    texts = ("--prompts",) if target in ("mlflow", "wandb") else ()
    states = [peer.export(RUN, "--to", target, *texts, *words, **env)[0]["state"] for _ in range(2)]
    must(states == ["sent", "already there"], str(states))


def mlflow_sqlite(peer: Peer) -> str:
    """Into a database, whose files lie beside it; a try that was cut off is begun anew."""
    uri = f"sqlite:///{peer.folder}/db/mlflow.db"
    (peer.folder / "db").mkdir()
    _twice(peer, "mlflow", "--url", uri)
    said = _in_mlflow(peer, uri)
    must(not (peer.folder / "mlruns").exists(), "files in the project")
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("tickets").experiment_id
    client.set_tag(client.search_runs([experiment])[0].info.run_id, "evalprov.export.state", "begun")
    _twice(peer, "mlflow", "--url", uri)
    _in_mlflow(peer, uri)
    no_secret(peer.folder / "db")
    return f"{said}; a cut-off try begun anew"


def mlflow_folder(peer: Peer) -> str:
    """Into a folder, which MLflow takes with a switch alone; without it the switch is explained."""
    folder = str(peer.folder / "runs")
    done = peer.evalprov("export", RUN, "--to", "mlflow", "--url", folder, ok=False, MLFLOW_ALLOW_FILE_STORE="false")
    must(done.returncode == 1 and "MLFLOW_ALLOW_FILE_STORE=true" in done.stderr, done.stderr)
    _twice(peer, "mlflow", "--url", folder, MLFLOW_ALLOW_FILE_STORE="true")
    return _in_mlflow(peer, folder)


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run `mlflow server` on a free port of 127.0.0.1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    try:
        until = time.monotonic() + 240
        while True:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            must(server.poll() is None and time.monotonic() < until, "mlflow server did not start")
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def mlflow_http(peer: Peer) -> str:
    """To `mlflow server`."""
    with mlflow_server(peer.folder / "server") as url:
        _twice(peer, "mlflow", "--url", url)
        said = _in_mlflow(peer, url)
    no_secret(peer.folder / "server")
    return said


def otlp(peer: Peer) -> str:
    """Into MLflow's own `/v1/traces`: one trace with a span a scenario, also when it is sent once more."""
    with mlflow_server(peer.folder / "server") as url:
        import mlflow

        client = mlflow.MlflowClient(tracking_uri=url)
        experiment = client.create_experiment("traced")
        env = {"OTEL_EXPORTER_OTLP_HEADERS": f"x-mlflow-experiment-id={experiment}"}
        _twice(peer, "otlp", "--url", url, **env)
        (peer.folder / "metrics" / "export" / "otlp" / "sent.jsonl").unlink()
        peer.export(RUN, "--to", "otlp", "--url", url, **env)
        mlflow.set_tracking_uri(url)
        traces: list[Any] = mlflow.search_traces(locations=[experiment], return_type="list")
        must(len(traces) == 1, f"{len(traces)} traces")
        spans = traces[0].data.spans
        must(len(spans) == 1 + peer.scenarios, f"{len(spans)} spans")
        events = [event.name for span in spans for event in span.events]
        must(events.count("gen_ai.evaluation.result") > peer.scenarios, str(events))
    no_secret(peer.folder / "server")
    return f"one trace, {len(spans)} spans, {len(events)} evaluation events; sent twice it is the same"


def langfuse(peer: Peer) -> str:
    """By its own generated client, to a stand-in: one trace, a score for each value; a failure can be tried again."""
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-2"}
    with serving(lambda _: (500, {"message": "busy"})) as server:
        done = peer.evalprov("export", RUN, "--to", "langfuse", "--url", server.url, ok=False, **keys)
        must(done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr)
        server.answer = lambda taken: (200, {}) if "otel" in taken.path else (202, {"accepted": 1})
        server.taken.clear()
        _twice(peer, "langfuse", "--url", server.url, **keys)
        scores = [one for taken in server.at("/scores") for one in taken.document]
        spans = [span for taken in server.at("/otel/") for span in _spans(taken.document)]
        posts = len(server.taken)
        must(not any(CANARY.encode() in taken.body for taken in server.taken), "the secret is told")
    must(len({one["id"] for one in scores}) == len(scores) == _values(peer), f"{len(scores)} scores")
    must(len(spans) == 1 + peer.scenarios, f"{len(spans)} spans")
    must({one["traceId"] for one in scores} == {one["traceId"] for one in spans}, "scores of another trace")
    return f"{len(spans)} spans and {len(scores)} scores in {posts} posts"


def _values(peer: Peer) -> int:
    """Return how many values there are: two a scenario but for one that has no cost, and two of the whole."""
    return peer.scenarios * 2 - 1 + 2


def _spans(document: Any) -> list[Any]:
    return [
        span for resource in document["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]
    ]


def langsmith(peer: Peer) -> str:
    """By its own client, to a stand-in: a run a scenario, feedback for each value; a failure can be tried again."""
    keys = {"LANGSMITH_API_KEY": "lsv2_pt_x"}
    scale = {"scale_up_qsize_trigger": 1000, "scale_up_nthreads_limit": 16, "scale_down_nempty_trigger": 4}
    batches = {"use_multipart_endpoint": True, "size_limit": 100, "size_limit_bytes": 20_000_000}
    info = {"version": "0.12.0", "batch_ingest_config": {**batches, **scale}}
    with serving(lambda taken: (200, info) if "/info" in taken.path else (403, {"detail": "no"})) as server:
        done = peer.evalprov("export", RUN, "--to", "langsmith", "--url", server.url, ok=False, **keys)
        must(done.returncode == 1 and "LangSmith" in done.stderr, done.stderr)
        server.answer = lambda taken: (200, info)
        server.taken.clear()
        _twice(peer, "langsmith", "--url", server.url, **keys)
        body = b"".join(taken.body for taken in server.taken)
        posts = len(server.at("multipart"))
    runs, feedback = (set(re.findall(rb'name="%s\.([0-9a-f-]{36})"' % kind, body)) for kind in (b"post", b"feedback"))
    must(len(runs) == 1 + peer.scenarios, f"{len(runs)} runs")
    must(len(feedback) == _values(peer), f"{len(feedback)} feedbacks")
    must(CANARY.encode() not in body, "the secret is told")
    return f"{len(runs)} runs and {len(feedback)} feedbacks in {posts} posts"


def wandb(peer: Peer) -> str:
    """By its own client offline, then by the real `wandb sync` to a stand-in: config, summary, table, artifact."""
    _twice(peer, "wandb", WANDB_MODE="offline")
    folder = peer.folder / "metrics" / "export" / "wandb"
    (run,) = folder.glob("wandb/offline-run-*")
    no_secret(folder)
    env = {**os.environ, "WANDB_API_KEY": "a" * 40, "WANDB_ERROR_REPORTING": "false"}
    with serving() as server:
        server.answer = answering(server)
        done = subprocess.run(
            [peer.program("wandb"), "sync", str(run)],
            cwd=peer.folder,
            env={**env, "WANDB_BASE_URL": server.url},
            capture_output=True,
            text=True,
            timeout=300,
        )
        must(done.returncode == 0, done.stdout[-800:] + done.stderr[-800:])
        asked = [(one.document["query"].split("(")[0].split()[-1], one.document) for one in server.at("/graphql")]
        streamed = b"".join(one.body for one in server.at("/file_stream")).decode()
        uploaded = [one.path for one in server.at("/upload/")]
        told = b"".join(one.body for one in server.taken)
    buckets = [document["variables"] for name, document in asked if name == "UpsertBucket"]
    must("c" * 40 in [one.get("commit") for one in buckets], f"no commit in {[*buckets[0]]}")
    must("model_config.temperature" in str([one.get("config") for one in buckets]), "config")
    must("accuracy_mean" in streamed and "table-file" in streamed, f"summary and table: {streamed[:500]}")
    must(any("record.json" in path for path in uploaded) and "CommitArtifact" in dict(asked), f"artifact: {uploaded}")
    must(any("plan.txt" in path for path in uploaded) and PROMPT.encode() in told, f"prompt: {uploaded}")
    must(CANARY.encode() not in told, "the secret is told")
    return f"offline folder; synced: config, commit, summary, table, prompt, {len(uploaded)} files"


CHECKS = {
    "wandb": ("wandb", wandb),
    "mlflow sqlite": ("mlflow", mlflow_sqlite),
    "mlflow folder": ("mlflow", mlflow_folder),
    "mlflow server": ("mlflow", mlflow_http),
    "langfuse": ("langfuse", langfuse),
    "langsmith": ("langsmith", langsmith),
    "otlp to mlflow": ("mlflow", otlp),
}
