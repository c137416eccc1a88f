"""Croissant 1.0: the run's scenarios as a data set, a table with its description."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.csv_text import table
from evalprov.handover.parcel import Parcel, TargetRefused, document

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            "column",
            "equivalentProperty",
            "extract",
            "field",
            "fileObject",
            "fileProperty",
            "fileSet",
            "format",
            "includes",
        )
    },
    **{name: f"cr:{name}" for name in ("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references")},
    **{
        name: f"cr:{name}"
        for name in ("regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform")
    },
    "citeAs": "cr:citeAs",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "isLiveDataset": "cr:isLiveDataset",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the table and its description, in a folder of the run's own."""
    if not m["metrics"]:
        raise TargetRefused(
            f"run {m['run_id']} has no scenarios: there is no table to describe", "evalprov show says why"
        )
    run_id, uid = m["run_id"], content.uid(m)
    columns = ["scenario", "group", *content.metric_names(m)]
    rows = table(columns, content.table(m))
    digest = hashlib.sha256()
    size = 0
    for chunk in rows.chunks():
        digest.update(chunk)
        size += len(chunk)
    kinds = {"scenario": "sc:Text", "group": "sc:Text", **_kinds(m)}
    whole = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{m['scenario'] or 'run'}-{run_id}",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": f"What each scenario scored in run {run_id}, recorded by {content.creator(m)}.",
        "version": "1.0.0",
        "datePublished": content.spelled(content.ended(m)),
        "url": f"urn:uuid:{content.as_uuid(uid)}",
        "keywords": [f"{name}={value}" for name, value in content.identity(m).items()],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "scenarios.csv",
                "name": "scenarios.csv",
                "contentUrl": "scenarios.csv",
                "contentSize": f"{size} B",
                "encodingFormat": "text/csv",
                "sha256": digest.hexdigest(),
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "scenarios",
                "name": "scenarios",
                "key": {"@id": "scenarios/scenario"},
                "field": [_field(name, kinds[name]) for name in columns],
            }
        ],
    }
    parts = {f"{run_id}/scenarios.csv": rows, f"{run_id}/croissant.json": document(whole)}
    return Parcel(run_id, uid, f"{options.folder}/{run_id}/croissant.json", parts)


def _kinds(m: Manifest) -> dict[str, str]:
    """Return what each metric's values are: true or false where all are, else numbers."""
    seen: dict[str, set[type]] = {}
    for values in (m["metrics"] or {}).values():
        for name, value in values.items():
            seen.setdefault(name, set()).add(type(value))
    return {name: "sc:Boolean" if kinds <= {bool, type(None)} else "sc:Float" for name, kinds in seen.items()}


def _field(name: str, kind: str) -> Json:
    return {
        "@type": "cr:Field",
        "@id": f"scenarios/{name}",
        "name": name,
        "dataType": kind,
        "source": {"fileObject": {"@id": "scenarios.csv"}, "extract": {"column": name}},
    }
