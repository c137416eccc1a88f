"""every-eval-ever: the aggregate file of a run; its scenarios are not written, for they need the input's text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from evalprov.handover import content
from evalprov.handover.parcel import Parcel, TargetRefused, document
from evalprov.judge.direction import rule_of, way_of

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.outcome import MetricInfo

    Json = dict[str, Any]

SCHEMA = "0.3.0"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_GENERATION = {"temperature": float, "top_p": float, "top_k": float, "max_tokens": int}


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the file, at the place that a datastore has for it."""
    scores = content.scored(m)
    model = content.model(m) or "unknown"
    provider = str(m["model_config"].get("provider") or "unknown")
    developer, _, bare = model.rpartition("/") if "/" in model else (provider, "", model)
    uid, evaluation = content.uid(m), m["scenario"] or "unnamed"
    results, unknown = [], []
    for name, score in scores.items():
        info = m["metric_info"].get(name)
        way = way_of(name, rule_of(options.rules, name), [info] if info else [])
        if way.direction is None:
            unknown.append(name)
            continue
        guessed = way.source == "name"
        results.append(
            _result(m, name, score, lower=way.direction == "lower", guessed=guessed, unit=way.unit, info=info)
        )
    if not results:
        raise TargetRefused(
            f"of no metric of run {m['run_id']} it is known which way is better ({', '.join(unknown[:3])})",
            '[metrics.NAME] direction = "higher" in the settings says it',
        )
    details = {**content.tags(m), **({"evalprov.left_out": ", ".join(unknown)} if unknown else {})}
    whole = {
        "schema_version": SCHEMA,
        "evaluation_id": f"{evaluation}/{developer}/{bare}/{int(content.began(m))}",
        "evaluation_timestamp": m["timestamp"],
        "retrieved_timestamp": str(int(content.ended(m))),
        "source_metadata": {
            "source_name": "evalprov",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": details,
        },
        "eval_library": {"name": "evalprov", "version": m["system"].get("evalprov_version") or "unknown"},
        "model_info": {
            "name": model,
            "id": f"{developer}/{bare}",
            "developer": developer,
            "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
        },
        "evaluation_results": results,
    }
    folders = "/".join(_UNSAFE.sub("_", part) for part in (evaluation, developer, bare))
    name = f"data/{folders}/{content.as_uuid(uid, 4)}.json"
    return Parcel(m["run_id"], uid, f"{options.folder}/{name}", {name: document(whole)})


def _result(  # noqa: PLR0913 - what is known of a metric
    m: Manifest, name: str, score: float, *, lower: bool, guessed: bool, unit: str | None, info: MetricInfo | None
) -> Json:
    known = {key: str(value) for key, value in content.params(m).items()}
    of = next(iter(m["data"]["sets"].items()), None)
    uncertainty: Json = {}
    if info and info["stderr"] is not None:
        uncertainty["standard_error"] = {"value": info["stderr"]}
    if info and info["n"] is not None:
        uncertainty["num_samples"] = info["n"]
    args = {key: kind(value) for key, kind in _GENERATION.items() if _is_number(value := m["model_config"].get(key))}
    digest = of and of[1]["sha256"]
    config = {
        "metric_id": name,
        "metric_name": name,
        "lower_is_better": lower,
        **({"metric_unit": unit} if unit else {}),
    }
    config["additional_details"] = {"lower_is_better": "guessed from the name" if guessed else "known"}
    return {
        "evaluation_result_id": f"{m['run_id']}/{name}",
        "evaluation_name": m["scenario"] or "unnamed",
        "source_data": {
            "dataset_name": of[0] if of else m["scenario"] or "unknown",
            "source_type": "other",
            **({"additional_details": {"sha256": digest}} if digest else {}),
        },
        "evaluation_timestamp": m["timestamp"],
        "metric_config": config,
        "score_details": {"score": score, **({"uncertainty": uncertainty} if uncertainty else {})},
        "generation_config": {
            "generation_args": {**args, "execution_command": " ".join(m["command"]["argv"])},
            "additional_details": known,
        },
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
