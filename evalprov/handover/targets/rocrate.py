"""RO-Crate: a Process Run Crate 0.5, a folder with the record, the scenarios and what they were made by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.csv_text import table
from evalprov.handover.parcel import Parcel, document

if TYPE_CHECKING:
    from evalprov.handover.parcel import FileContent, SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CRATE = "https://w3id.org/ro/crate/1.1"
_STATUS = {"completed": "CompletedActionStatus"}  # all others failed


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the crate, a folder of the run's own."""
    run_id = m["run_id"]
    parts: dict[str, FileContent] = {f"{run_id}/record.json": document(m)}
    if m["metrics"]:
        columns = ["scenario", "group", *content.metric_names(m)]
        parts[f"{run_id}/scenarios.csv"] = table(columns, content.table(m))
    files = [name.partition("/")[2] for name in parts]
    parts[f"{run_id}/ro-crate-metadata.json"] = document(_metadata(m, files))
    return Parcel(run_id, content.uid(m), f"{options.folder}/{run_id}/ro-crate-metadata.json", parts)


def _metadata(m: Manifest, files: list[str]) -> Json:
    run_id = m["run_id"]
    named = m["scenario"] or "an eval"
    used = [_used(one) for one in content.materials(m)]
    values = [
        {"@id": f"#metric-{number}", "@type": "PropertyValue", "name": name, "value": value}
        for number, (name, value) in enumerate(content.summary(m).items())
    ]
    action = {
        "@id": f"#{content.as_uuid(content.uid(m))}",
        "@type": "CreateAction",
        "name": f"Run {run_id} of {named}",
        "description": " ".join(m["command"]["argv"]) or named,
        "startTime": content.spelled(content.began(m)),
        "endTime": content.spelled(content.ended(m)),
        "actionStatus": {"@id": f"http://schema.org/{_STATUS.get(m['status'], 'FailedActionStatus')}"},
        "instrument": {"@id": "#program"},
        "object": _refer(used),
        "result": [*_refer(values), *({"@id": name} for name in files)],
        "agent": {"@id": "#evalprov"},
    }
    if m["errors"]:
        action["error"] = m["errors"][0]["message"]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{named}: run {run_id}",
        "description": f"What was running, and what it scored: the record of {content.creator(m)}.",
        "datePublished": content.spelled(content.ended(m)),
        "license": {"@id": "#license"},
        "conformsTo": {"@id": _PROFILE},
        "hasPart": [{"@id": name} for name in files],
        "mentions": {"@id": action["@id"]},
    }
    about = {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"}}
    return {
        "@context": f"{_CRATE}/context",
        "@graph": [
            {**about, "conformsTo": {"@id": _CRATE}},
            root,
            {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
            {"@id": "#license", "@type": "CreativeWork", "name": "not stated", "description": "No license was stated."},
            {"@id": "#evalprov", "@type": "Organization", "name": content.creator(m), "url": "urn:evalprov"},
            _program(m, named),
            action,
            *({"@id": name, "@type": "File", "name": name, **_format(name)} for name in files),
            *used,
            *values,
        ],
    }


def _refer(entities: list[Json]) -> list[Json]:
    return [{"@id": one["@id"]} for one in entities]


def _format(name: str) -> Json:
    return {"encodingFormat": "text/csv" if name.endswith(".csv") else "application/json"}


def _program(m: Manifest, named: str) -> Json:
    said = {
        "softwareVersion": m["git_sha"],
        "codeRepository": content.remote(m),
        "identifier": m["identity"]["program"],
        "url": content.remote(m),
    }
    known = {name: value for name, value in said.items() if value}
    return {"@id": "#program", "@type": "SoftwareApplication", "name": f"the program of {named}", **known}


def _used(one: content.Material) -> Json:
    """Return something that was used: it is not in the crate, so it is no file of it."""
    said = {"sha256": one.sha256, "version": one.version, "contentSize": one.size, "identifier": one.canonical}
    return {
        "@id": f"#{one.layer}-{content.part_uid(one.layer, one.name)[:12]}",
        "@type": "CreativeWork",
        "name": one.path or one.name,
        "description": f"{one.layer} of the run",
        **{name: str(value) for name, value in said.items() if value is not None},
    }
