"""The settings reference: the page beside this file is made of it and of what checks the settings.

After a change: python -m evalprov.settings.reference
"""

from __future__ import annotations

import os
from typing import Any

from evalprov.settings.shapes import SHAPE, Each, takes

# What each key is for. A star stands for a name of your own.
WORDS = {
    "scenario": "what the program is evaluated on",
    "golden_version": "version of the expected answers",
    "store": "the folder for the records (`metrics`)",
    "observe.mode": "which files of the project are opened; what Pythons use, if none can tell; or always (`project`)",
    "observe.wire": "true: look at the calls to model providers, and keep none (with `strict`)",
    "record.providers": "whose calls --record keeps: auto for all that are known, a provider's name, a host (`auto`)",
    "record.base_urls": "move clients by their variables for addresses, too: for a Node that knows no proxy (`auto`)",
    "record.prices": "a file of prices in place of ours",
    "replay.ignore": "patterns of what may differ in a request: dates, ids, temporary paths",
    "replay.timing": "true: a recorded answer takes as long as it took",
    "replay.errors": "true: recorded failures come again, those too that were mended by asking again",
    "replay.network": "closed: the command reaches nothing but the record, where the system can hold it (`closed`)",
    "remote.url": "the store that the team shares: `s3://bucket/team`, `gs://...`, `az://...`, `file:///folder`",
    "remote.push": "after-run: every run is sent there when it has ended, once you said `evalprov trust` (`never`)",
    "handover.trackers": "which trackers learn this run's id, by variables of theirs: auto for those installed (`off`)",
    "log.mode": "how much of what the command prints is kept (`bounded`)",
    "log.bytes": "how much that is, half for the head and half for the tail (1048576)",
    "report.text_bytes": "how much is kept of what the eval says for a scenario, each text of it; 0: nothing (2048)",
    "model.provider": "who serves the model",
    "model.model": "its name; a dated one, since an alias such as gpt-4o is warned about",
    "model.version": "its version",
    "model.temperature": "a parameter of the model",
    "model.top_p": "a parameter of the model",
    "model.top_k": "a parameter of the model",
    "model.max_tokens": "a parameter of the model",
    "model.seed": "a parameter of the model",
    "model.stop_sequences": "a parameter of the model; their order does not count",
    "model.extra.*": "any other parameter of the model",
    "prompts.*": "a prompt file, a folder or a glob of them; with a version if you like",
    "config.files": "configuration files and globs, recorded in every run",
    "data.*": "a data file, a folder, or a .dvc pointer; with a version if you like",
    "retrieval.embedding_model": "what embeds the documents",
    "retrieval.index": "a path is hashed, anything else is a name",
    "retrieval.top_k": "how many documents are retrieved",
    "retrieval.reranker": "what puts them in order",
    "retrieval.rerank_top_n": "how many are kept then",
    "retrieval.chunk_size": "how the documents were cut",
    "retrieval.chunk_overlap": "how the documents were cut",
    "retrieval.extra.*": "anything else about the retrieval",
    "agent.name": "the agent's name",
    "agent.version": "its version",
    "agent.graph": "its graph: text, or a path",
    "agent.config": "its configuration: text, or a path",
    "tools[].name": "a tool the agent may use",
    "tools[].version": "its version",
    "tools[].description": "its description: text, or a path",
    "tools[].schema": "its schema: text, or a path",
    "grader.files": "files and globs of what grades",
    "grader.version": "its version",
    "grader.metrics.*": "what a metric means",
    "grader.calibration": "a file of people's labels, one a line: scenario, label, and where needed rater, metric, run",
    "code.include": "globs of what counts as code (all of the repository)",
    "code.exclude": "globs of what does not: docs, say",
    "code.algorithms.*": "a function, `path.py:name`, hashed by its source and not imported",
    "infra.cpu_guaranteed": "processors you promise; measured limits are recorded anyway",
    "infra.cpu_hard_limit": "processors at most",
    "infra.memory_guaranteed_mb": "memory you promise",
    "infra.memory_hard_limit_mb": "memory at most",
    "infra.time_budget_seconds": "time the run may take",
    "infra.concurrency_level": "how many scenarios run at a time",
    "infra.runtime_platform": "docker, kubernetes, ...",
    "infra.sandbox_provider": "what keeps the program in",
    "infra.harness_version": "version of the harness",
    "versions.*": "a command that prints a tool's version; runs once you said `evalprov trust`",
    "env.record": "environment variables to record besides the usual ones: names or globs",
    "env.secret": "more names whose values are secrets: names or globs",
    "metrics.*.direction": "which is better",
    "metrics.*.unit": "the unit, for people",
    "metrics.*.tolerance": "a fall of up to so much passes the gate",
    "metrics.*.tolerance_relative": "or of such a share of the baseline; the larger counts",
    "metrics.*.noise_band": "what another machine alone may do to it",
    "metrics.*.min_n": "no verdict on fewer scenarios or trials",
    "metrics.*.blocking": "false: told, never decides; without it quality blocks, time and cost do not",
    "metrics.*.role": "info is told, and takes no part in the correction for the others; a guard must not fall",
    "metrics.*.aggregate": "what the summary's number is of its scenarios, where it is neither their mean nor sum",
    "metrics.*.of": "the scenarios' metrics that it takes",
    "gate.level": "how often it may fire where nothing is wrong, all metrics together (0.05)",
    "gate.noise_band": "for rates without their own (0.03)",
    "gate.max_errors": "share of scenarios that may fail in the task or be missing (0)",
    "gate.max_infra_errors": "share that may fail for want of memory, time or disk (0.05)",
    "gate.allow_failed": "judge runs whose command failed: false none, true each; without it those with metrics",
    "gate.require": "no_worse_than: pass only if a fall beyond the tolerance is excluded (no_proven_fall)",
    "gate.sequential": "true: the level holds for all looks at one baseline together, not for each",
}
_HEAD = """# Settings

None are needed. `evalprov init` writes an `evalprov.toml`; a `[tool.evalprov]` table in `pyproject.toml` serves as
well. The nearest one upward counts, and its folder is the project root. Paths are relative to it. An unknown key is an
error that names the nearest valid one. What the command line gives (`--set KEY=VALUE`, `--prompt`, `--data`) wins, and
the record says where each value came from. `[metrics]` and `[gate]` say how runs are judged, and are in no record.

A star is a name of your own; `[]` is one entry of a list of tables, as `[[tools]]` is; what holds without a key stands
in brackets.

| key | takes | what it is |
|---|---|---|
"""
EXAMPLE = "\n## An example with all of them\n"
PAGE = os.path.join(os.path.dirname(__file__), "README.md")


def keys() -> dict[str, Any]:
    """Return every key there is by its dotted name, with the shape of its value."""
    return dict(_keys(SHAPE, ""))


def page() -> str:
    """Return the reference as Markdown."""
    rows = [f"| `{key}` | {takes(shape)} | {WORDS[key]} |\n" for key, shape in keys().items()]
    return _HEAD + "".join(rows)


def _keys(shape: Any, name: str) -> list[tuple[str, Any]]:
    inner = _inside(shape, name)
    return [one for key, below in inner for one in _keys(below, key)] if inner else [(name, shape)]


def _inside(shape: Any, name: str) -> list[tuple[str, Any]]:
    """Return the keys of a table; nothing for a value."""
    if isinstance(shape, dict):
        return [(f"{name}.{key}".removeprefix("."), below) for key, below in shape.items()]
    if isinstance(shape, Each):
        return [(f"{name}.*", shape.shape)]
    if type(shape) is tuple and isinstance(shape[0], dict):
        return _inside(shape[0], f"{name}[]")
    return []


def write() -> None:
    """Write the table anew; the example below it stays."""
    with open(PAGE, encoding="utf-8") as file:
        example = file.read().partition(EXAMPLE)[2]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page() + EXAMPLE + example)


if __name__ == "__main__":
    write()
