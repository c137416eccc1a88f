"""lm-evaluation-harness: its results file, and the samples it logged beside it."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from evalprov.reported.adapters.pieces import whole
from evalprov.reported.adapters.source import ROWS, Names, Samples, known, listed, local, number, numbers, table
from evalprov.reported.open_results import Unusable, words_of
from evalprov.reported.text import brief, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.reported.adapters.source import Source

_MODEL = ("pretrained", "model", "path", "engine", "peft", "delta")  # which of the model's arguments names it
_CONFIG = ("batch_size", "bootstrap_iters", "random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
_PROMPTS = ("system_instruction", "chat_template")
_UNFILTERED = "none"


def fits(head: bytes) -> bool:
    """Say whether this is a results file: results by task, whose metrics have a filter behind a comma."""
    results = re.match(rb'\s*\{\s*"results"\s*:\s*\{', head)
    return bool(results and re.search(rb'"[^",\n]+,[^"\n]+"\s*:', head) and b'"alias"' in head)


def read(source: Source) -> Iterator[dict[str, Any]]:
    """Yield the samples of each task, and at last the results of all."""
    said = whole(source.file)
    if not isinstance(said.get("results"), dict):
        raise Unusable("it has no results by task")
    results = {task: table(values) for task, values in said["results"].items()}
    summary: dict[str, Any] = {}
    info: dict[str, Any] = {}
    for task, values in results.items():
        better = table(table(said.get("higher_is_better")).get(task))
        for key, value in numbers(values).items():
            metric, comma, chosen = key.partition(",")
            if not comma or metric.endswith("_stderr"):
                continue
            called = _called(task, metric, chosen)
            summary[called] = value
            info[called] = {
                "stderr": number(values.get(f"{metric}_stderr,{chosen}")),
                "n": _count(said, task, key),
                "direction": {"True": "higher", "False": "lower"}.get(str(better.get(metric))),
            }
    hashes: dict[str, str] = {}
    for task in results:
        if task not in table(said.get("group_subtasks")):
            yield from _samples(source, task, summary, hashes)
    facts = _facts(said, hashes)
    source.is_of(facts["model_config"].get("model"), "+".join(results))
    yield {"metrics": {}, "metric_summary": summary, "metric_info": info, **facts}


def _called(task: str, metric: str, chosen: str) -> str:
    return f"{task}.{metric}" if chosen == _UNFILTERED else f"{task}.{metric}.{chosen}"


def _count(said: dict[str, Any], task: str, key: str) -> Any:
    """Return how many samples a value is of."""
    own = table(table(said.get("n-samples")).get(task))
    values = table(said["results"].get(task))
    return table(values.get("sample_count")).get(key) or own.get("effective") or values.get("sample_len")


def _samples(source: Source, task: str, summary: dict[str, Any], hashes: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a task's samples, if they were logged; keep the hash of them all."""
    stamp = os.path.basename(source.path).removeprefix("results_").removesuffix(".json")
    called = f"samples_{task}_{stamp}.jsonl"
    try:
        file = source.beside(called)
    except FileNotFoundError:
        return
    except (OSError, Unusable, ValueError) as why:
        source.notes.add("samples", f"{printable(called)} was not read: {words_of(why)}")
        return
    samples = Samples()
    names: dict[str, Names] = {}
    content: set[str] = set()
    with file:
        for said in source.lines(file, printable(called)):
            chosen = said.get("filter", _UNFILTERED)
            named = said.get("doc_hash") or said.get("doc_id")
            if not isinstance(chosen, str) or not isinstance(named, (str, int)):
                source.notes.add("odd sample", f"{printable(called)}: a line is no sample: {brief(sorted(said)[:5])}")
                continue
            content.add(f"{named} {said.get('target_hash')}")
            line = names.setdefault(chosen, Names()).line(f"{task}/{str(named)[:12]}")
            metrics = [one for one in listed(said.get("metrics")) if isinstance(one, str)]
            line["metrics"] = {
                _called(task, metric, chosen): value for metric, value in numbers(said).items() if metric in metrics
            }
            if not samples.add(line | source.said(_texts(said, chosen))):
                source.notes.add("many", f"{printable(called)} has more than {ROWS:,} lines; no more of them were read")
                break
    if content:
        hashes[task] = sha256("\n".join(sorted(content)).encode("utf-8", "replace")).hexdigest()
    yield from samples.lines(summary)


def _texts(said: dict[str, Any], chosen: str) -> dict[str, Any]:
    """Return what a sample asked and what was answered; a filter makes of that what is scored."""
    responses, filtered = listed(said.get("resps")), listed(said.get("filtered_resps"))
    answers = [one for response in responses for one in listed(response) if isinstance(one, str)]
    # Of choices there are likelihoods, and no words.
    output = None if not answers else answers[0] if len(set(answers)) == 1 else answers
    scored = filtered[0] if len(filtered) == 1 else filtered
    label = "" if chosen == _UNFILTERED else f"#{chosen}"
    return {
        "input": _asked(said.get("arguments")) or said.get("doc"),
        "expected": said.get("target"),
        "output": output or scored,
        f"explanation{label}": scored if output and scored != output else None,
    }


def _asked(arguments: Any) -> Any:
    """Return the prompt of a sample; of choices the beginning that they have in common."""
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else next(iter(listed(arguments)), None)
    return first.get("arg_0") if isinstance(first, dict) else next(iter(listed(first)), None)


def _facts(said: dict[str, Any], hashes: dict[str, str]) -> dict[str, Any]:
    """Return what the harness says of the model, of its own settings and of the tasks."""
    config = table(said.get("config"))
    arguments = _arguments(config.get("model_args"))
    named = next((arguments[key] for key in _MODEL if key in arguments), config.get("model"))
    model = {**arguments, **_arguments(config.get("gen_kwargs")), "provider": config.get("model"), "model": named}
    settings = known(config, _CONFIG) | known(said, ("fewshot_as_multiturn", "n-shot"))
    versions = {task: str(version) for task, version in table(said.get("versions")).items()}
    groups = table(said.get("group_subtasks"))
    data: dict[str, Any] = {task: {"version": versions[task]} for task in versions if task not in groups}
    for task, sha256_of in hashes.items():
        data[task] = {**data.get(task, {}), "sha256": sha256_of}
    for task, of in table(said.get("configs")).items():
        files = _files(table(of))
        for path in files:
            name = task if len(files) == 1 else f"{task}/{os.path.basename(path)}"
            data[name] = {"version": versions.get(task), "path": path}
    if selection := known(config, ("limit", "samples")):
        data["lm-eval"] = selection
    return {
        "model_config": {key: value for key, value in model.items() if value is not None},
        "prompts": {name: {"sha256": said[f"{name}_sha"]} for name in _PROMPTS if said.get(f"{name}_sha")},
        "config": {"lm-eval": settings},
        "data": data,
        "grader": known({"lm-eval": said.get("lm_eval_version")}, ("lm-eval",)),
    }


def _files(task: dict[str, Any]) -> list[str]:
    """Return the local files, or the folder, that a task's data come from."""
    files = table(task.get("dataset_kwargs")).get("data_files", task.get("dataset_path"))
    named = files if isinstance(files, dict) else {"": files}
    paths = [one for value in named.values() for one in (value if isinstance(value, list) else [value])]
    return sorted({found for one in paths if isinstance(one, str) and (found := local(one))})


def _arguments(given: Any) -> dict[str, Any]:
    """Return arguments that stand in an object, or in a text like `pretrained=gpt2,dtype=float32`."""
    if isinstance(given, dict):
        return given
    if not isinstance(given, str):
        return {}
    pairs = (one.partition("=") for one in given.split(",") if one)
    return {key.strip(): value for key, equals, value in pairs if equals}
