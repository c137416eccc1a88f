"""in-toto: a test-result v0.1 and an SLSA provenance v1 statement, unsigned, for whoever signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.content import HEX
from evalprov.handover.parcel import Parcel, document
from evalprov.record.identity import hash_of

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

_STATEMENT = "https://in-toto.io/Statement/v1"
_TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
_PROVENANCE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:evalprov:run:v1"


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the two statements."""
    parts = {
        f"{m['run_id']}.test-result.intoto.json": document(_statement(_tested(m), _TEST_RESULT, _test_result(m))),
        f"{m['run_id']}.provenance.intoto.json": document(_statement(_results(m), _PROVENANCE, _provenance(m))),
    }
    return Parcel(m["run_id"], content.uid(m), f"{options.folder}/{next(iter(parts))}", parts)


def _statement(subject: list[Json], kind: str, predicate: Json) -> Json:
    return {"_type": _STATEMENT, "subject": subject, "predicateType": kind, "predicate": predicate}


def _tested(m: Manifest) -> list[Json]:
    """Return what was tested: the code, by content."""
    digest = {}
    if m["git_sha"] and m["git_dirty"] is False:
        digest["gitCommit"] = m["git_sha"]
    if m["git"]["tree"]:
        digest["gitTree"] = m["git"]["tree"]
    program = HEX.fullmatch(m["identity"]["program"] or "")
    if not digest and program:
        digest["evalprovProgram"] = program[1]
    name = content.remote(m) or m["scenario"] or "program"
    return [{"name": name, "digest": digest}] if digest else _results(m)


def _results(m: Manifest) -> list[Json]:
    """Return what came of it, by content."""
    stdout = m["output"]["stdout"]
    found = {path: file["sha256"] for path, file in m["outputs"]["files"].items()}
    found |= {"stdout": stdout["sha256"]} if stdout else {}
    subjects = [
        {"name": name, "digest": {"sha256": said[1]}}
        for name, sha256 in found.items()
        if (said := HEX.fullmatch(sha256 or ""))
    ]
    whole = hash_of({"metrics": m["metrics"], "metric_summary": m["metric_summary"]}).removeprefix("sha256:")
    return [*subjects, {"name": "metrics", "digest": {"canonicalJsonSha256": whole}}]


def _test_result(m: Manifest) -> Json:
    """Say how the scenarios fared: one passes whose metrics of true and false are all true; others tell nothing."""
    passed: list[str] = []
    failed: list[str] = []
    for name, _, values in content.scenarios(m).each():
        verdicts = [value for value in values.values() if isinstance(value, bool)]
        if verdicts:
            (passed if all(verdicts) else failed).append(name)
    sound = m["status"] == "completed"
    return {
        "result": "FAILED" if not sound else "WARNED" if failed else "PASSED",
        "configuration": _materials(m),
        "passedTests": passed,
        "failedTests": failed,
    }


def _provenance(m: Manifest) -> Json:
    packages = m["software"]["packages"] or {}
    return {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {
                "scenario": m["scenario"],
                "command": m["command"]["argv"],
                "parameters": content.params(m),
            },
            "internalParameters": {"identity": content.identity(m), "infra": m["infra"]},
            "resolvedDependencies": [
                *_code(m),
                *_materials(m),
                *({"uri": f"pkg:pypi/{name}@{version}"} for name, version in packages.items()),
            ],
        },
        "runDetails": {
            "builder": {
                "id": "urn:evalprov",
                "version": {"evalprov": m["system"].get("evalprov_version") or "unknown"},
            },
            "metadata": {
                "invocationId": f"{m['run_id']}/{content.uid(m)}",
                "startedOn": content.spelled(content.began(m)),
                "finishedOn": content.spelled(content.ended(m)),
            },
        },
    }


def _code(m: Manifest) -> list[Json]:
    if not m["git_sha"]:
        return []
    remote = content.remote(m)
    digest = {"gitCommit": m["git_sha"]} | ({"gitTree": m["git"]["tree"]} if m["git"]["tree"] else {})
    found: Json = {"name": "code", "digest": digest, "annotations": {"dirty": m["git_dirty"]}}
    return [found | ({"uri": f"git+{remote}@{m['git_sha']}"} if remote else {})]


def _materials(m: Manifest) -> list[Json]:
    found = []
    for one in content.materials(m):
        # A hash of what stands in a file is no hash of its bytes, and must not be taken for one.
        digest = (
            {"sha256": one.sha256} if one.sha256 else {"canonicalJsonSha256": one.canonical} if one.canonical else None
        )
        if digest:
            found.append({"name": one.path or one.name, "digest": digest, "annotations": {"layer": one.layer}})
    return found
