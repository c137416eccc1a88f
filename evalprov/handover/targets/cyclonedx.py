"""CycloneDX 1.6: a bill of materials with the model and its scores, the packages, and the data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.parcel import Parcel, document

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the one file."""
    uid = content.uid(m)
    program: Json = {"type": "application", "bom-ref": "program", "name": m["scenario"] or "program"}
    if m["git_sha"]:
        program["version"] = m["git_sha"]
    if remote := content.remote(m):
        program["externalReferences"] = [{"type": "vcs", "url": remote}]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{content.as_uuid(uid)}",
        "version": 1,
        "metadata": {
            "timestamp": content.spelled(content.ended(m)),
            "tools": {
                "components": [
                    {
                        "type": "application",
                        "name": "evalprov",
                        "version": m["system"].get("evalprov_version") or "unknown",
                    }
                ]
            },
            "component": program,
            "properties": [{"name": name, "value": value} for name, value in content.tags(m).items()],
        },
        "components": [*_model(m), *_packages(m), *_data(m)],
    }
    name = f"{m['run_id']}.cdx.json"
    return Parcel(m["run_id"], uid, f"{options.folder}/{name}", {name: document(bom)})


def _model(m: Manifest) -> list[Json]:
    name = content.model(m)
    metrics = [{"type": metric, "value": str(value)} for metric, value in content.summary(m).items()]
    if name is None and not metrics:
        return []
    card: Json = {"bom-ref": "model-card"}
    card["properties"] = [{"name": key, "value": str(value)} for key, value in content.params(m).items()]
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    sets = [{"ref": f"data-{number}"} for number in range(len(_sets(m)))]
    if sets:
        card["modelParameters"] = {"datasets": sets}
    provider = m["model_config"].get("provider")
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": "model",
            "name": name or "unknown",
            **({"publisher": provider} if isinstance(provider, str) else {}),
            "modelCard": card,
        }
    ]


def _packages(m: Manifest) -> list[Json]:
    packages = m["software"]["packages"] or {}
    return [
        {
            "type": "library",
            "bom-ref": f"pypi-{number}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version.replace('+', '%2B')}",
        }
        for number, (name, version) in enumerate(packages.items())
    ]


def _sets(m: Manifest) -> list[content.Material]:
    return [one for one in content.materials(m) if one.layer == "data"]


def _data(m: Manifest) -> list[Json]:
    """Return the data sets, with hashes where these are of a file's bytes."""
    found = []
    for number, one in enumerate(_sets(m)):
        component: Json = {"type": "data", "bom-ref": f"data-{number}", "name": one.name}
        component["data"] = [{"type": "dataset", "name": one.path or one.name}]
        if one.version:
            component["version"] = one.version
        if one.sha256:
            component["hashes"] = [{"alg": "SHA-256", "content": one.sha256}]
        if one.canonical:
            component["properties"] = [{"name": "evalprov.sha256", "value": one.canonical}]
        found.append(component)
    return found
