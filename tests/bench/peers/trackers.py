"""Targets that are servers: their real clients, and real servers of theirs on this machine where there are any."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peers.common import CANARY, RUN, Peer, must, no_secret


def _in_mlflow(peer: Peer, uri: str) -> str:
    """Look at what MLflow has, with its own client."""
    os.environ.update({"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"})
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
    return f"run, {len(run.data.params)} params, data set, table of {len(table)} rows, record"


def _twice(peer: Peer, target: str, *words: str, **env: str) -> None:
    states = [peer.export(RUN, "--to", target, *words, **env)[0]["state"] for _ in range(2)]
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


CHECKS = {
    "mlflow sqlite": ("mlflow", mlflow_sqlite),
    "mlflow folder": ("mlflow", mlflow_folder),
    "mlflow server": ("mlflow", mlflow_http),
    "otlp to mlflow": ("mlflow", otlp),
}
