"""`evalprov init`: write a settings file fitted to what the repository has."""

from __future__ import annotations

import os
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from evalprov import render
from evalprov.cli.common import open_store
from evalprov.cli.options import Option, Subcommand
from evalprov.errors import EvalprovError
from evalprov.isolation import here
from evalprov.named import NamedTuple
from evalprov.settings import FILE, load, project_root

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

DEPTH = 4
FILES_LOOKED_AT = 20_000
LISTED = 50
RUNS = 5  # whose metrics are looked at
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


class Layout(NamedTuple):
    """What a project has that can move a score; paths relative to its root."""

    configs: list[str]
    prompts: list[str]
    data: list[str]


def init(*, scenario: str | None) -> int:
    """Write an evalprov.toml that names this project's configs, prompts and data.

    Of metrics that were recorded here before, it writes which way is better, as a guess for you to confirm.
    An existing file is never overwritten. Example: evalprov init --scenario support-tickets
    """
    root = project_root(here())
    existing = load(here()).path
    if existing:
        raise EvalprovError(f"there are settings already: {existing}", "edit that file; nothing was written")
    path = os.path.join(root, FILE)
    layout = survey(root)
    text = compose(layout, scenario or os.path.basename(root)) + ways(_metrics())
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise EvalprovError(f"{path} cannot be written: {problem.strerror}") from None
    for what, names in (("config", layout.configs), ("prompt", layout.prompts), ("data", layout.data)):
        render.out(f"{what}\t{len(names)}\t{', '.join(map(render.neutral, names[:5]))}".rstrip())
    render.out(f"wrote {render.neutral(path)}")
    return 0


def survey(root: str) -> Layout:
    """Look through the project for files that belong in the settings."""
    found = Layout([], [], [])
    of_kind = {"prompts": found.prompts, "data": found.data, "config": found.configs}
    for path in _files(root):
        if kind := kind_of(path):
            of_kind[kind].append(path)
    return found


def kind_of(path: str) -> str | None:
    """Return the table of the settings that a file looks as if it belonged to."""
    folders = [part.lower() for part in path.split(os.sep)[:-1]]
    name = os.path.basename(path).lower()
    if name.startswith("."):
        return None
    if any("prompt" in part for part in folders) and name.endswith(PROMPT_ENDS):
        return "prompts"
    if name.endswith(".dvc") or (DATA_FOLDERS & set(folders) and name.endswith(DATA_ENDS)):
        return "data"
    is_config = name.endswith(CONFIG_ENDS) and name not in NOT_CONFIG
    return "config" if is_config and (CONFIG_FOLDERS & set(folders) or _named_config(name)) else None


def _named_config(name: str) -> bool:
    stem = name.rsplit(".", 1)[0]
    return any(word in stem for word in ("config", "eval", "params", "experiment")) and "lock" not in stem


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


def compose(layout: Layout, scenario: str) -> str:
    """Return the settings file's text."""
    import tomli_w

    tables: list[tuple[str, dict[str, Any]]] = [
        ("What the program is evaluated on. Every key is in the README's reference.", {"scenario": scenario})
    ]
    if layout.configs:
        tables.append(("Read, hashed and recorded value by value.", {"config": {"files": layout.configs[:LISTED]}}))
    if layout.prompts:
        tables.append(
            (
                'Recorded by content; a version may stand beside: {path = "...", version = "v3"}.',
                {"prompts": named(layout.prompts)},
            )
        )
    if layout.data:
        tables.append(("What the program is judged on.", {"data": named(layout.data)}))
    model = '# [model]\n# provider = "anthropic"\n# model = "..."\n# temperature = 0.0\n'
    versions = '# [versions]\n# cuda = "nvcc --version | tail -n 1"\n'
    parts = [f"# {comment}\n{tomli_w.dumps(table)}" for comment, table in tables]
    parts.append(f"# What you declare here stands in every record.\n{model}")
    parts.append(f"# Tools whose version matters: a command that prints it.\n{versions}")
    return "\n".join(parts)


def _metrics() -> list[str]:
    """Return the metrics of the latest runs that are recorded here already."""
    from evalprov.store import read

    lines = read.history(open_store(None), RUNS).lines if os.path.isdir(open_store(None)) else []
    return list(dict.fromkeys(name for line in lines for name in line["metric_summary"] or {}))[:LISTED]


def ways(metrics: Sequence[str]) -> str:
    """Return, for a person to confirm, what is guessed of which way is better."""
    from evalprov.judge.direction import direction_of, is_defined, is_spent, table_of, unit_of

    said = ""
    for name in metrics:
        way = direction_of(name)
        if (way and is_defined(name)) or is_spent(name, unit_of(name)):
            continue
        why = "guessed from its name" if way else "its name does not tell: higher or lower"
        said += f'# {table_of(name)}\n# direction = "{way or "..."}"  # {why}\n'
    return f"\n# Which way is better: take the # away where it is so.\n{said}" if said else ""


def named(paths: list[str], taken: Container[str] = ()) -> dict[str, str]:
    """Give each path a name: its stem, or as much of the path as tells it apart."""
    found: dict[str, str] = {}
    for path in paths[:LISTED]:
        stem = os.path.basename(path).removesuffix(".dvc").rsplit(".", 1)[0]
        numbered = (f"{path} {number}" for number in count(2))
        names = chain((stem, path.removesuffix(".dvc").rsplit(".", 1)[0], path), numbered)
        found[next(name for name in names if name and name not in found and name not in taken)] = path
    return found


COMMAND = Subcommand(init, (Option("--scenario", "NAME", "What is evaluated."),))
