"""A run's identity in the real trackers, by the variables of our table; links back; and their runs, imported.

A tracker that renames a variable, or reads it otherwise, is noticed here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

from standins import StandInServer, Taken, serving

from peers.common import Peer, must
from peers.trackers import mlflow_server

CARRIES, PRINTED, WRITTEN, TOLD = (
    "carries our id",
    "printed by the command",
    "written during the run",
    "named by the environment",
)
TRACED = """
import mlflow
with mlflow.start_run():
    mlflow.log_metric("accuracy", 0.74)
    mlflow.log_param("lr", 0.1)
    with mlflow.start_span("call"):
        pass
"""
SOLVED = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import solver
@solver
def answers():
    async def solve(state, generate):
        state.output.completion = "4"
        return state
    return solve
@task
def sums():
    return Task(dataset=[Sample(input="2 + 2", target="4")], solver=answers(), scorer=match())
"""


def run(peer: Peer, code: str, *command: str, **env: str) -> dict[str, Any]:
    """Record a child that has its trackers told; return the record. What the user has set must be left to it."""
    (peer.folder / "child.py").write_text(code)
    words = command or (sys.executable, "child.py")
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false"}
    peer.evalprov("run", "--quiet", "--set", "handover.trackers=auto", "--", *words, **quiet, **env)
    record: dict[str, Any] = json.loads(peer.evalprov("show", "latest", "--json").stdout)
    return record


def linked(record: dict[str, Any], tool: str, rule: str) -> dict[str, Any]:
    """Return the only link to a tool."""
    found = [one for one in record["links"] if one["tool"] == tool]
    must(len(found) == 1 and found[0]["rule"] == rule, f"links: {record['links']}")
    one: dict[str, Any] = found[0]
    return one


def told(record: dict[str, Any], **how: str) -> None:
    """Fail unless the record says of these variables what became of them."""
    said = record["handover"]["variables"]
    must(said.items() >= how.items(), f"said: {said}")


def _mlflow_has(record: dict[str, Any], uri: str, own: str) -> None:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    tags = client.get_run(own).data.tags
    must(tags.get("evalprov.run_id") == record["run_id"], f"tags: {tags}")
    must(tags.get("team") == "evals", "the user's own tag is gone")
    must(tags.get("mlflow.source.name", "").endswith("child.py"), "MLflow's own tag is gone")


def mlflow_sqlite(peer: Peer) -> str:
    """Tags of a run and of a trace; a link by our id; an import that knows whose run it is."""
    record = run(peer, TRACED, MLFLOW_RUN_CONTEXT='{"team": "evals"}', OTEL_RESOURCE_ATTRIBUTES="team=evals")
    told(record, MLFLOW_RUN_CONTEXT="merged", OTEL_RESOURCE_ATTRIBUTES="merged")
    own = linked(record, "mlflow", CARRIES)["id"]
    uri = f"sqlite:///{peer.folder}/mlflow.db"
    _mlflow_has(record, uri, own)
    import mlflow

    mlflow.set_tracking_uri(uri)
    traces: list[Any] = mlflow.search_traces(locations=["0"], return_type="list")
    tags = traces[0].info.tags
    must(tags.get("evalprov.run_id") == record["run_id"] and tags.get("team") == "evals", f"trace: {tags}")
    found = json.loads(peer.evalprov("import", "mlflow.db", "--json").stdout)["runs"]
    must([(one["run_id"], one["found"]) for one in found] == [(record["run_id"], True)], str(found))
    (peer.folder / "alone.py").write_text(TRACED)
    subprocess.run([sys.executable, "alone.py"], cwd=peer.folder, check=True, capture_output=True)
    new = [one for one in json.loads(peer.evalprov("import", "mlflow.db", "--json").stdout)["runs"] if not one["found"]]
    must(len(new) == 1, str(new))
    imported = json.loads(peer.evalprov("show", new[0]["run_id"], "--json").stdout)
    must(imported["metric_summary"] == {"accuracy": 0.74}, str(imported["metric_summary"]))
    must(imported["config"]["reported"] == {"mlflow.lr": "0.1"}, str(imported["config"]))
    return "tags of run and trace, merged; link; import finds ours, takes another"


def mlflow_folder(peer: Peer) -> str:
    """The file store."""
    env = {"MLFLOW_TRACKING_URI": "mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"}
    record = run(peer, TRACED, **env)
    own = linked(record, "mlflow", CARRIES)["id"]
    found = json.loads(peer.evalprov("import", "mlruns", "--json").stdout)["runs"]
    must([(one["run_id"], one["found"]) for one in found] == [(record["run_id"], True)], str(found))
    must((peer.folder / "mlruns").is_dir() and own is not None, "no folder")
    return "link; import finds ours"


def mlflow_http(peer: Peer) -> str:
    """A server prints where the run is; a W&B form does not match that."""
    with mlflow_server(peer.folder / "server") as url:
        record = run(peer, TRACED, MLFLOW_TRACKING_URI=url, MLFLOW_RUN_CONTEXT='{"team": "evals"}')
        link = linked(record, "mlflow", PRINTED)
        must(link["where"].startswith(f"{url}/#/experiments/"), link["where"])
        _mlflow_has(record, url, link["id"])
    must(not [one for one in record["links"] if one["tool"] == "wandb"], str(record["links"]))
    return "tags; printed link"


def wandb_offline(peer: Peer) -> str:
    """Tags beside the user's, and a link by our id; where code names tags of its own, by the time."""
    code = "import wandb\nwandb.init(project='p', mode='offline'%s).finish()\n"
    record = run(peer, code % "", WANDB_TAGS="nightly,gpt")
    told(record, WANDB_TAGS="merged")
    folder = peer.folder / linked(record, "wandb", CARRIES)["where"]
    (file,) = folder.glob("*.wandb")
    data = file.read_bytes()
    must(all(tag in data for tag in (b"nightly", b"gpt", f"evalprov.run_id={record['run_id']}".encode())), "tags")
    other = run(peer, code % ", tags=['own']")
    must([one["rule"] for one in other["links"]] == [WRITTEN], str(other["links"]))
    return "tags, merged; link"


def opentelemetry(peer: Peer) -> str:
    """The resource of a program that makes one itself."""
    code = "from opentelemetry.sdk.resources import Resource\nprint(dict(Resource.create({'own': 'x'}).attributes))\n"
    record = run(peer, code, OTEL_RESOURCE_ATTRIBUTES="team=a%20b")
    said = (peer.folder / "metrics" / record["output"]["stdout"]["log"]).read_text()
    must(f"'evalprov.run_id': '{record['run_id']}'" in said and "'team': 'a b'" in said and "'own': 'x'" in said, said)
    return "resource attributes, merged"


def inspect(peer: Peer) -> str:
    """Metadata of a log that its command line makes, beside the user's, as text; and a link."""
    words = ("eval", "child.py", "--model", "mockllm/model", "--display", "none")
    record = run(peer, SOLVED, peer.program("inspect"), *words, INSPECT_EVAL_METADATA="team=evals n=3")
    told(record, INSPECT_EVAL_METADATA="merged")
    link = linked(record, "inspect", CARRIES)
    from inspect_ai.log import read_eval_log

    log = read_eval_log(str(peer.folder / link["where"]), header_only=True)
    metadata = log.eval.metadata or {}
    must(metadata.get("evalprov.run_id") == record["run_id"], f"metadata: {metadata}")
    must(metadata.get("team") == "evals" and metadata.get("n") == 3, f"metadata: {metadata}")
    must(log.eval.eval_id == link["id"], f"{log.eval.eval_id} is not {link['id']}")
    found = json.loads(peer.evalprov("import", link["where"], "--json").stdout)["runs"]
    must([(one["run_id"], one["found"]) for one in found] == [(record["run_id"], True)], str(found))
    return "metadata, merged; link; import finds ours"


def comet(peer: Peer) -> str:
    """Tags of an experiment that is kept offline."""
    code = "import comet_ml\ncomet_ml.start(online=False, project_name='p').end()\n"
    env = {"COMET_OFFLINE_DIRECTORY": str(peer.folder / "comet"), "COMET_START_EXPERIMENT_TAGS": "nightly"}
    record = run(peer, code, **env)
    told(record, COMET_START_EXPERIMENT_TAGS="merged")
    (file,) = (peer.folder / "comet").glob("*.zip")
    with zipfile.ZipFile(file) as archive:
        text = "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    must(f"evalprov.run_id={record['run_id']}" in text and "nightly" in text, "tags")
    return "tags, merged"


def langfuse(peer: Peer) -> str:
    """Release and resource of what is sent; a release that the CI names is left to it."""
    code = (
        "from langfuse import Langfuse\nclient = Langfuse()\n"
        "with client.start_as_current_observation(name='call'):\n    print(client.get_trace_url())\nclient.flush()\n"
    )

    def answer(taken: Taken) -> tuple[int, Any]:
        project = {"id": "p1", "name": "p", "organization": {"id": "o", "name": "o"}, "metadata": {}}
        return 200, {"data": [project]} if "projects" in taken.path else {}

    with serving(answer) as server:
        env = {"LANGFUSE_HOST": server.url, "LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
        record = run(peer, code, **env)
        sent = b"".join(one.body for one in server.at("traces"))
        told(record, LANGFUSE_RELEASE="set")
        must(sent.count(record["run_id"].encode()) >= 2, "neither release nor resource")
        must(linked(record, "langfuse", PRINTED)["where"].startswith(f"{server.url}/project/p1/traces/"), "link")
        of_ci = run(peer, code, **env, GITHUB_SHA="c" * 40)
        told(of_ci, LANGFUSE_RELEASE="left as it was: GITHUB_SHA is set")
        must(("c" * 40).encode() in b"".join(one.body for one in server.at("traces")), "the CI's release is gone")
    return "release, resource; printed link"


def _langsmith(server: StandInServer, **env: str) -> dict[str, str]:
    return {"LANGSMITH_ENDPOINT": server.url, "LANGSMITH_API_KEY": "lsv2_x", "LANGSMITH_TRACING": "true", **env}


def langsmith(peer: Peer) -> str:
    """Metadata of every run that is sent."""
    code = "from langsmith import Client, traceable\n@traceable\ndef f(x):\n    return x\nf(1)\n"
    code += "import langsmith.run_trees as t\nt.get_cached_client().flush()\n"
    with serving(lambda _: (200, {})) as server:
        record = run(peer, code, **_langsmith(server))
        told(record, LANGSMITH_EVALPROV_RUN_ID="set", LANGSMITH_EXPERIMENT_METADATA="set")
        sent = b"".join(one.body for one in server.taken)
        must(b"LANGSMITH_EVALPROV_RUN_ID" in sent and record["run_id"].encode() in sent, f"{server.taken[:3]}")
    return "metadata of runs"


def langsmith_pytest(peer: Peer) -> str:
    """Metadata of the experiment that its pytest plugin makes, beside the user's."""
    code = "import pytest\nfrom langsmith import testing as t\n"
    code += "@pytest.mark.langsmith\ndef test_a():\n    t.log_inputs({'q': 1})\n"
    (peer.folder / "test_child.py").write_text(code)
    thing, when = "11111111-1111-1111-1111-111111111111", "2026-09-20T00:00:00Z"
    made = {"id": thing, "name": "d", "created_at": when, "start_time": when, "tenant_id": thing}
    made |= {"reference_dataset_id": thing, "dataset_id": thing}

    def answer(taken: Taken) -> tuple[int, Any]:
        return (200, []) if taken.method == "GET" and "info" not in taken.path else (200, made)

    with serving(answer) as server:
        env = _langsmith(server, LANGSMITH_EXPERIMENT_METADATA='{"team": "evals"}', LANGSMITH_TEST_CACHE="")
        words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_child.py")
        record = run(peer, "", *words, **env)
        told(record, LANGSMITH_EXPERIMENT_METADATA="merged")
        sessions = b"".join(one.body for one in server.at("sessions") if one.method in ("POST", "PATCH"))
        must(record["run_id"].encode() in sessions and b'"team"' in sessions, repr(sessions))
    return "metadata of the experiment, merged"


def dvc(peer: Peer) -> str:
    """The experiment in which a command runs."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (peer.folder / ".gitignore").write_text("metrics/\n")
    (peer.folder / "child.py").write_text("print('{\"accuracy\": 0.5}')\n")
    command = f"{sys.executable} -m evalprov run --quiet -- {sys.executable} child.py"
    (peer.folder / "dvc.yaml").write_text(json.dumps({"stages": {"eval": {"cmd": command, "deps": ["child.py"]}}}))
    dvc_program, environ = peer.program("dvc"), dict(os.environ)
    for who in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"}
    commit = [*git, "commit", "-qm", "all"]
    for words in ([*git, "init", "-q"], [dvc_program, "init", "-q"], [*git, "add", "-A"], commit):
        subprocess.run(words, cwd=peer.folder, check=True, capture_output=True)
    words = [dvc_program, "exp", "run", "-n", "dull-fox"]
    done = subprocess.run(words, cwd=peer.folder, env=environ, capture_output=True, text=True)
    must(done.returncode == 0, done.stderr[-800:])
    record = json.loads(peer.evalprov("show", "latest", "--json").stdout)
    must(linked(record, "dvc", TOLD)["id"] == "dull-fox", "name")
    where = peer.folder / ".git" / record["links"][0]["where"]
    must(where.exists(), f"no such reference: {where}")
    return "link to its experiment"


CHECKS: dict[str, tuple[str, Callable[[Peer], str]]] = {
    "identity mlflow sqlite": ("mlflow", mlflow_sqlite),
    "identity mlflow folder": ("mlflow", mlflow_folder),
    "identity mlflow server": ("mlflow", mlflow_http),
    "identity wandb": ("wandb", wandb_offline),
    "identity otel": ("opentelemetry-sdk", opentelemetry),
    "identity inspect": ("inspect-ai", inspect),
    "identity comet": ("comet-ml", comet),
    "identity langfuse": ("langfuse", langfuse),
    "identity langsmith": ("langsmith", langsmith),
    "identity langsmith pytest": ("langsmith", langsmith_pytest),
    "identity dvc": ("dvc", dvc),
}
