"""Settings that fit a project: which of its files belong into which table, and the text of a settings file."""

from __future__ import annotations

import os
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from evalprov.settings.shapes import FILE, SHAPE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

DEPTH = 4
FILES_LOOKED_AT = 20_000
LISTED = 50
SKIPPED = {
    "node_modules",
    "venv",
    "env",
    "site-packages",
    "__pycache__",
    "build",
    "dist",
    "metrics",
    "outputs",
    "multirun",
}
CONFIG_FOLDERS = {"config", "configs", "conf", "cfg", "settings"}
CONFIG_ENDS = (".yaml", ".yml", ".json", ".toml")
PROMPT_ENDS = (".txt", ".md", ".j2", ".jinja", ".jinja2", ".prompt", ".mustache", ".yaml", ".yml", ".json")
DATA_FOLDERS = {"data", "dataset", "datasets", "golden", "goldens", "evals_data", "benchmarks"}
DATA_ENDS = (".jsonl", ".csv", ".tsv", ".parquet", ".json", ".arrow")
NOT_CONFIG = {"package.json", "package-lock.json", "tsconfig.json", "composer.json", "pyproject.toml", FILE}
_ABOUT = {
    "scenario": "What the program is evaluated on. Every key: evalprov help settings",
    "config": "Read, hashed and recorded value by value.",
    "prompts": 'Recorded by content; a version may stand beside: {path = "...", version = "v3"}.',
    "data": "What the program is judged on.",
    "model": "What you declare here stands in every record.",
    "handover": "Lets MLflow, W&B, Langfuse and others, where installed, carry the run's id: by variables of theirs.",
    "env": "Variables whose values are recorded, but for those of credentials.",
}
_EXAMPLES = {
    "handover": '[handover]\ntrackers = "auto"\n',
    "model": '[model]\nprovider = "anthropic"\nmodel = "..."\ntemperature = 0.0\n',
    "versions": '[versions]\ncuda = "nvcc --version | tail -n 1"\n',
}
_ABOUT_VERSIONS = "Tools whose version matters: a command that prints it."


def survey(root: str) -> dict[str, Any]:
    """Look through a project for files that belong into its settings, and return the tables that declare them."""
    found: dict[str, list[str]] = {"config": [], "prompts": [], "data": []}
    for path in _files(root):
        if kind := kind_of(path):
            found[kind].append(path)
    tables = {kind: {"files": names[:LISTED]} if kind == "config" else named(names) for kind, names in found.items()}
    return {kind: table for kind, table in tables.items() if found[kind]}


def kind_of(path: str) -> str | None:
    """Return the table of the settings that a file looks as if it belonged to."""
    folders = [part.lower() for part in path.split(os.sep)[:-1]]
    name = os.path.basename(path).lower()
    if name.startswith("."):
        return None
    named_prompt = "prompt" in name.rpartition(".")[0] and not (name.endswith(CONFIG_ENDS) and _named_config(name))
    if (named_prompt or any("prompt" in part for part in folders)) and name.endswith(PROMPT_ENDS):
        return "prompts"
    if name.endswith(".dvc") or (DATA_FOLDERS & set(folders) and name.endswith(DATA_ENDS)):
        return "data"
    is_config = name.endswith(CONFIG_ENDS) and name not in NOT_CONFIG
    return "config" if is_config and (CONFIG_FOLDERS & set(folders) or _named_config(name)) else None


def _named_config(name: str) -> bool:
    stem = name.rsplit(".", 1)[0]
    named = stem in CONFIG_FOLDERS or any(word in stem for word in ("config", "eval", "params", "experiment"))
    return named and "lock" not in stem


def _files(root: str) -> Iterator[str]:
    seen = 0
    for folder, subfolders, names in os.walk(root):
        depth = os.path.relpath(folder, root).count(os.sep) + (folder != root)
        subfolders[:] = (
            sorted(n for n in subfolders if not n.startswith(".") and n not in SKIPPED) if depth < DEPTH else []
        )
        for name in sorted(names):
            seen += 1
            if seen > FILES_LOOKED_AT:
                return
            path = os.path.relpath(os.path.join(folder, name), root)
            if os.path.isfile(os.path.join(root, path)) and not os.path.islink(os.path.join(root, path)):
                yield path


def compose(tables: Mapping[str, Any], lost: Sequence[str] = ()) -> str:
    """Return a settings file's text: each table with a word about it, then what else could be declared.

    `lost` are keys that are to be filled in by hand.
    """
    import tomli_w

    keys = [name for name in SHAPE if name in tables]
    bare = {name: tables[name] for name in keys if not isinstance(tables[name], dict | list)}
    parts = [f"# {_ABOUT['scenario']}\n{tomli_w.dumps(bare)}"]
    for name in keys:
        if name not in bare:
            about = f"# {_ABOUT[name]}\n" if name in _ABOUT else ""
            parts.append(about + tomli_w.dumps({name: tables[name]}))
    if lost:
        parts.append(f"# Declared for that run too, and its record lacks the value: {', '.join(lost)}\n")
    for name, example in _EXAMPLES.items():
        if name not in tables:
            about = _ABOUT.get(name, _ABOUT_VERSIONS)
            parts.append(f"# {about}\n" + "".join(f"# {line}\n" for line in example.splitlines()))
    return "\n".join(parts)


def named(paths: list[str], taken: Container[str] = ()) -> dict[str, str]:
    """Give each path a name: its stem, or as much of the path as tells it apart."""
    found: dict[str, str] = {}
    for path in paths[:LISTED]:
        stem = os.path.basename(path).removesuffix(".dvc").rsplit(".", 1)[0]
        numbered = (f"{path} {number}" for number in count(2))
        names = chain((stem, path.removesuffix(".dvc").rsplit(".", 1)[0], path), numbered)
        found[next(name for name in names if name and name not in found and name not in taken)] = path
    return found
