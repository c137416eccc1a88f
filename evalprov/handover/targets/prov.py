"""PROV-JSON: the run as an activity, what it used, what it generated, and who it was associated with."""

from __future__ import annotations

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
    run = f"run:{uid}"
    entities: Json = {f"run:{uid}-result": _attributes(content.summary(m), {"prov:type": "metrics"})}
    used: Json = {}
    if m["git_sha"]:
        code = {"commit": m["git_sha"], "tree": m["git"]["tree"], "dirty": m["git_dirty"], "remote": content.remote(m)}
        entities[f"run:{uid}-code"] = _attributes(code, {"prov:type": "code"})
        used["_:used-code"] = {"prov:activity": run, "prov:entity": f"run:{uid}-code"}
    for number, one in enumerate(content.materials(m)):
        said = {"path": one.path, "sha256": one.sha256, "canonical_sha256": one.canonical, "version": one.version}
        name = f"run:{uid}-{one.layer}-{number}"
        entities[name] = _attributes(said, {"prov:type": one.layer, "prov:label": one.name})
        used[f"_:used-{number}"] = {"prov:activity": run, "prov:entity": name}
    activity = {
        "prov:startTime": content.spelled(content.began(m)),
        "prov:endTime": content.spelled(content.ended(m)),
        "prov:label": m["run_id"],
        **_attributes({**content.tags(m), **content.params(m)}, {}),
    }
    whole: Json = {
        "prefix": {"run": "urn:evalprov:run:", "evalprov": "urn:evalprov:"},
        "entity": entities,
        "activity": {run: activity},
        "agent": {"evalprov:recorder": {"prov:type": "prov:SoftwareAgent", "prov:label": content.creator(m)}},
        "wasGeneratedBy": {"_:generated": {"prov:entity": f"run:{uid}-result", "prov:activity": run}},
        "wasAssociatedWith": {"_:associated": {"prov:activity": run, "prov:agent": "evalprov:recorder"}},
    }
    if used:
        whole["used"] = used
    name = f"{m['run_id']}.prov.json"
    return Parcel(m["run_id"], uid, f"{options.folder}/{name}", {name: document(whole)})


def _attributes(values: Json, more: Json) -> Json:
    """Return values under our prefix, by names that PROV takes."""
    named = {f"evalprov:{_local(name)}": value for name, value in values.items() if value is not None}
    return {**more, **named}


def _local(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name.removeprefix("evalprov."))
