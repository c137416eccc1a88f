"""Targets that are files, read by the tools that they are for, each by its own validator where it has one."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from peers.common import RUN, Peer, exported, must, one_file


def csv_(peer: Peer) -> str:
    """pandas reads both tables, with as many rows as there are scenarios."""
    import pandas as pd

    folder = exported(peer, "csv")
    run = pd.read_csv(folder / f"{RUN}.run.csv")
    rows = pd.read_csv(folder / f"{RUN}.scenarios.csv")
    must(run["run_id"][0] == RUN, "the run's row")
    must(list(rows["accuracy"]) == [bool(n % 3) for n in range(peer.scenarios)], "the scenarios' rows")
    return f"{len(rows)} rows, {len(run.columns)} columns of the run"


def parquet(peer: Peer) -> str:
    """pyarrow reads the folder of all runs as one data set."""
    import pyarrow.dataset as ds

    folder = exported(peer, "parquet")
    rows = ds.dataset(folder / "scenarios").to_table().to_pandas()
    runs = ds.dataset(folder / "runs").to_table().to_pylist()
    must(len(rows) == peer.scenarios * 2, "a row a value")
    must(rows[rows.metric == "accuracy"].value.sum() == sum(bool(n % 3) for n in range(peer.scenarios)), "values")
    must(dict(runs[0]["params"])["model_config.model"] == "gpt-4o-2024-08-06", "params")
    return f"{len(rows)} rows read as a data set"


def dvc(peer: Peer) -> str:
    """`dvc metrics diff`, `params diff`, `plots show` and `exp show` read the files of two commits."""
    project = peer.folder / "dvc-project"
    project.mkdir()

    def shell(*words: str) -> str:
        done = subprocess.run(words, cwd=project, capture_output=True, text=True)
        must(done.returncode == 0, f"{' '.join(words)}: {done.stderr[-400:]}")
        return done.stdout

    shell("git", "init", "-q", "-b", "main")
    shell(peer.program("dvc"), "init", "-q")
    for run in (peer.runs[0], peer.runs[1]):
        peer.evalprov("export", run, "--to", "dvc", "--out", str(project / "evals"))
        shell("git", "add", "-A")
        shell("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", run)
    metrics = json.loads(shell(peer.program("dvc"), "metrics", "diff", "HEAD~1", "--json"))
    must("accuracy_mean" in metrics["evals/metrics.json"], f"metrics diff: {metrics}")
    params = json.loads(shell(peer.program("dvc"), "params", "diff", "HEAD~1", "--json"))
    must(params["evals/params.json"]["model_config.temperature"]["new"] == 0.7, f"params diff: {params}")
    shown = json.loads(shell(peer.program("dvc"), "exp", "show", "--json"))
    must("accuracy_mean" in json.dumps(shown), "exp show")
    shell(peer.program("dvc"), "plots", "show", "--json")
    return "metrics diff, params diff, exp show, plots show"


def in_toto(peer: Peer) -> str:
    """The statements parse as in-toto's own messages and pass its `validate()`."""
    import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as slsa
    import in_toto_attestation.predicates.test_result.v0.test_result_pb2 as tested
    from google.protobuf import json_format
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement

    folder = exported(peer, "in-toto")
    for name, message in (("test-result", tested.TestResult()), ("provenance", slsa.Provenance())):
        said = json.loads((folder / f"{RUN}.{name}.intoto.json").read_text())
        subjects = [ResourceDescriptor(name=one["name"], digest=one["digest"]).pb for one in said["subject"]]
        Statement(subjects, said["predicateType"], said["predicate"]).validate()
        json_format.ParseDict(said["predicate"], message)  # an unknown field is an error
    must(len(said["predicate"]["buildDefinition"]["resolvedDependencies"]) > 3, "dependencies")
    return "two statements valid, predicates parse"


def rocrate(peer: Peer) -> str:
    """rocrate-validator finds nothing wrong in all REQUIRED checks of the Process Run Crate profile."""
    from rocrate_validator import models, services

    from peers.contexts import contexts_at_hand

    folder = exported(peer, "rocrate") / RUN
    with contexts_at_hand():
        settings = services.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="process-run-crate-0.5",
            requirement_severity=models.Severity.REQUIRED,
        )
        result = services.validate(settings)
    issues = [f"{one.check.identifier}: {one.message}" for one in result.get_issues()]
    must(not issues, "; ".join(issues))
    return f"{len(result.executed_checks)} REQUIRED checks passed"


def prov(peer: Peer) -> str:
    """The prov library reads it and writes the same relations again."""
    from prov.model import ProvDocument

    file = one_file(exported(peer, "prov"), "*.prov.json")
    read = ProvDocument.deserialize(file, format="json")
    again = ProvDocument.deserialize(content=read.serialize(format="json"), format="json")
    must(read == again, "it is another document when written again")
    kinds = sorted({type(one).__name__ for one in read.get_records()})
    must("ProvUsage" in kinds, str(kinds))
    return f"{len(read.get_records())} records"


def cyclonedx(peer: Peer) -> str:
    """The library's own strict JSON schema validation passes."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = one_file(exported(peer, "cyclonedx"), "*.cdx.json").read_text()
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    must(wrong is None, str(wrong)[:500])
    return f"{len(json.loads(text)['components'])} components, strict schema 1.6"


def croissant(peer: Peer) -> str:
    """mlcroissant reads the description and the rows behind it."""
    import mlcroissant

    folder = exported(peer, "croissant") / RUN
    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    rows = list(dataset.records("scenarios"))
    must(len(rows) == peer.scenarios, f"{len(rows)} rows")
    issues = dataset.metadata.ctx.issues
    must(not issues.errors, str(issues.errors))
    return f"{len(rows)} rows, {len(issues.warnings)} warnings"


def every_eval_ever(peer: Peer) -> str:
    """Its validator takes the file, and the place of the file."""
    from every_eval_ever.validator.validate import check_path_structure, validate_file

    folder = exported(peer, "every-eval-ever")
    file = one_file(folder, "data/*/*/*/*.json")
    report: Any = validate_file(file)
    must(report.valid, str(report.errors)[:600])
    wrong = check_path_structure(str(file.relative_to(folder)))
    must(not wrong, str(wrong))
    return "valid, in its place"


def hf(peer: Peer) -> str:
    """huggingface_hub reads the results and the model index, and writes the same again."""
    import yaml
    from huggingface_hub import ModelCard, eval_result_entries_to_yaml, parse_eval_result_entries

    folder = exported(peer, "hf")
    said = yaml.safe_load(one_file(folder, ".eval_results/*.yaml").read_text())
    entries = parse_eval_result_entries(said)
    must([one["value"] for one in eval_result_entries_to_yaml(entries)] == [one["value"] for one in said], "values")
    card = ModelCard.load(one_file(folder, "*.model-card.md"))
    results = card.data.eval_results
    must(results is not None and len(results) == len(entries), "model-index")
    return f"{len(entries)} entries, {len(results)} results of the model index"


CHECKS = {
    "csv": ("pandas", csv_),
    "parquet": ("pyarrow", parquet),
    "dvc": ("dvc", dvc),
    "in-toto": ("in-toto-attestation", in_toto),
    "rocrate": ("roc-validator", rocrate),
    "prov": ("prov", prov),
    "cyclonedx": ("cyclonedx-python-lib", cyclonedx),
    "croissant": ("mlcroissant", croissant),
    "every-eval-ever": ("every-eval-ever", every_eval_ever),
    "hf": ("huggingface-hub", hf),
}
