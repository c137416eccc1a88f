"""MLflow: a run in an experiment, with params, metrics, tags, data sets, the table of scenarios and the record."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.files import ALREADY, SENT
from evalprov.handover.parcel import FileContent, Parcel, TargetRefused, document
from evalprov.handover.servers import from_settings, on_disk, quiet, refusing, shown_url, unless_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.handover.parcel import Rows, SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

RECORD, SCENARIOS = "evalprov/record.json", "evalprov/scenarios.json"
MARK, STATE, WHOLE = "evalprov.export.id", "evalprov.export.state", "whole"
_NOT_IN_A_KEY = re.compile(r"[^/\w.\- :]")
_SQLITE = re.compile(r"sqlite:///(.+?)(?:\?.*)?$")
_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG = 250, 6000, 5000  # what a server takes
_AT_ONCE = {"params": 100, "metrics": 1000, "tags": 100}
_STATUS = {"completed": "FINISHED", "interrupted": "KILLED", "killed": "KILLED"}  # all others failed
_HINTS = {
    "MLFLOW_ALLOW_FILE_STORE": "MLFLOW_ALLOW_FILE_STORE=true lets MLflow write to a folder; a database needs no such "
    "switch: --url sqlite:///mlflow.db",
}
_USUAL = ("mlflow.db", "mlruns")  # what MLflow takes where it is not told
_TOGETHER = 1000


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the run."""
    uid = content.uid(m)
    uri = options.url or from_settings(("MLFLOW_TRACKING_URI",))
    experiment = options.project or from_settings(("MLFLOW_EXPERIMENT_NAME",)) or m["scenario"] or "evalprov"
    tags = {
        **content.tags(m),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": " ".join(m["command"]["argv"]) or m["run_id"],
        MARK: uid,
    }
    if m["git_sha"]:
        tags |= {"mlflow.source.git.commit": m["git_sha"]}
        tags |= {f"mlflow.source.git.{key}": value for key, value in _git(m).items() if value}
    parts: Json = {
        "experiment": experiment,
        "run": {
            "run_name": m["run_id"],
            "start_time": round(content.began(m) * 1000),
            "end_time": round(content.ended(m) * 1000),
            "status": _STATUS.get(m["status"], "FAILED"),
        },
        "params": {_key(name): str(value)[:_LONGEST_PARAM] for name, value in content.params(m).items()},
        "metrics": {_key(name): float(value) for name, value in content.summary(m).items()},
        "tags": {_key(name): value[:_LONGEST_TAG] for name, value in tags.items()},
        "datasets": [
            {
                "name": one.name,
                "digest": (one.sha256 or one.canonical or "unknown")[:36],
                "source": one.path or one.name,
            }
            for one in content.materials(m)
            if one.layer == "data"
        ],
        RECORD: document(m, indent=None),
        **content.prompt_files(m, options, "evalprov/prompts"),
    }
    if m["metrics"]:
        parts[SCENARIOS] = _table(["scenario", "group", *content.metric_names(m)], content.table(m))
        parts["tags"]["mlflow.loggedArtifacts"] = json.dumps([{"path": SCENARIOS, "type": "table"}])
    where = f"{shown_url(uri) if uri else 'MLflow as it is set up'}, experiment {experiment}"
    return Parcel(m["run_id"], uid, where, parts)


def _git(m: Manifest) -> dict[str, str | None]:
    return {"branch": m["git"]["branch"], "repoURL": content.remote(m)}


def _key(name: str) -> str:
    return _NOT_IN_A_KEY.sub("_", name)[:_LONGEST_KEY]


def _table(columns: list[str], rows: Rows) -> FileContent:
    """Return rows as MLflow shows them: the columns, and a list of values a row."""

    def chunks() -> Iterator[bytes]:
        yield f'{{"columns": {json.dumps(columns)}, "data": ['.encode()
        before, piece = "", []
        for number, row in enumerate(rows.each(), 1):
            piece.append(json.dumps([row[name] for name in columns]))
            if number % _TOGETHER == 0:
                yield f"{before}{', '.join(piece)}".encode()
                before, piece = ", ", []
        yield f"{before if piece else ''}{', '.join(piece)}]}}".encode()

    return FileContent(chunks)


def send(parcel: Parcel, options: SendOptions) -> str:
    """Log the run, unless it is there; one that an earlier try left unfinished is deleted first."""
    unless_set(
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
    )
    if not (options.url or from_settings(("MLFLOW_TRACKING_URI",)) or any(map(os.path.exists, _USUAL))):
        hint = "--url or MLFLOW_TRACKING_URI names it: --url sqlite:///mlflow.db, or the address of a server"
        raise TargetRefused("it is not said where MLflow keeps its runs", hint)
    from mlflow import MlflowClient, get_tracking_uri

    with quiet("mlflow", "alembic", "urllib3"), refusing("MLflow", parcel.where, _HINTS):
        client = MlflowClient(tracking_uri=options.url)
        experiment = _experiment(client, parcel.parts["experiment"], options.url or get_tracking_uri())
        for run in client.search_runs([experiment], f"tags.`{MARK}` = '{parcel.id}'"):
            if run.data.tags.get(STATE) == WHOLE:
                return ALREADY
            client.delete_run(run.info.run_id)
        _log(client, experiment, parcel.parts)
    return SENT


def _experiment(client: Any, name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    database = _SQLITE.match(uri)
    # Else the files of a database without a server would go to wherever this command was called.
    beside = (
        f"{os.path.dirname(os.path.abspath(database[1]))}/mlruns/{_NOT_IN_A_KEY.sub('_', name)}" if database else None
    )
    return str(client.create_experiment(name, artifact_location=beside))


def _log(client: Any, experiment: str, parts: Json) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    about = parts["run"]
    run = client.create_run(
        experiment, start_time=about["start_time"], run_name=about["run_name"], tags={MARK: parts["tags"][MARK]}
    )
    run_id = run.info.run_id
    made = {
        "params": [Param(name, value) for name, value in parts["params"].items()],
        "metrics": [Metric(name, value, about["end_time"], 0) for name, value in parts["metrics"].items()],
        "tags": [RunTag(name, value) for name, value in parts["tags"].items()],
    }
    for kind, entities in made.items():
        size = _AT_ONCE[kind]
        for start in range(0, len(entities), size):
            client.log_batch(run_id, **{kind: entities[start : start + size]})
    inputs = [
        DatasetInput(
            Dataset(one["name"], one["digest"], "local", json.dumps({"uri": one["source"]})),
            [InputTag("mlflow.data.context", "evaluation")],
        )
        for one in parts["datasets"]
    ]
    if inputs:
        client.log_inputs(run_id, inputs)
    with on_disk({name: part for name, part in parts.items() if isinstance(part, FileContent)}) as folder:
        client.log_artifacts(run_id, os.path.join(folder, "evalprov"), "evalprov")
    client.set_terminated(run_id, about["status"], about["end_time"])
    client.set_tag(run_id, STATE, WHOLE)
