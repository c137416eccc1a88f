"""What the name of a file tells of its part in a run: text that people write, a result, a tool's cache."""

from __future__ import annotations

import re

from evalprov.named import NamedTuple

_PROGRAMS = frozenset(
    (
        *("py", "pyi", "pyx", "js", "mjs", "cjs", "jsx", "ts", "mts", "tsx", "sh", "bash", "zsh", "fish", "ps1", "bat"),
        *("go", "rs", "java", "kt", "scala", "rb", "php", "pl", "lua", "r", "jl", "swift", "cs", "fs", "c", "h", "cc"),
        *("cpp", "hpp", "cu", "ex", "exs", "erl", "hs", "clj", "zig", "nix", "sql", "proto", "graphql", "mk"),
        *("jinja", "jinja2", "j2", "tmpl", "tpl", "template", "mustache", "hbs", "prompt", "prompty"),
    )
)
_TEXTS = frozenset(
    (
        *(
            "md",
            "mdx",
            "rst",
            "txt",
            "ipynb",
            "yaml",
            "yml",
            "toml",
            "ini",
            "cfg",
            "conf",
            "gin",
            "jsonnet",
            "libsonnet",
        ),
        *("hocon", "env"),
    )
)
_NAMED_ALIKE = frozenset(("makefile", "dockerfile", "justfile", "procfile", "snakefile", "jenkinsfile", "vagrantfile"))
_CACHES = frozenset(
    ("__pycache__", ".pytest_cache", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store")
)
_CACHE_ENDINGS = (".pyc", ".pyo", ".swp", ".swo", "~")
_RESULT = frozenset(
    (
        *("out", "output", "outputs", "result", "results", "metric", "metrics", "score", "scores", "report", "reports"),
        *("prediction", "predictions", "preds", "completions", "generations", "transcript", "transcripts", "trace"),
        *("traces", "log", "logs", "artifacts", "checkpoints", "tmp", "temp", "junit", "coverage", "executed"),
        *("nbconvert", "leaderboard"),
    )
)
_RESULT_FOLDERS = _RESULT | {"runs", "multirun", "wandb", "mlruns", "cache", "caches"}
# A word like these in the path, and it may be what results are held against, or made by.
_NO_RESULT = frozenset(
    (
        *(
            "schema",
            "schemas",
            "config",
            "configs",
            "conf",
            "template",
            "templates",
            "prompt",
            "prompts",
            "spec",
            "specs",
        ),
        *("example", "examples", "sample", "samples", "expected", "golden", "gold", "reference", "references", "ref"),
        *("rubric", "rubrics", "input", "inputs", "fixture", "fixtures", "baseline", "baselines", "data", "dataset"),
    )
)


class Row(NamedTuple):
    """A file as a run left it: what a later run may know it by."""

    size: int
    mtime_ns: int
    ctime_ns: int
    blob: str | None  # its id in git, its bytes taken as they are; null where it was not hashed
    program: str  # a short digest of what wrote it
    sure: bool  # no input of a later run; else only where that writes it as well


BY_EXPORT = "export"  # the program of what an export wrote: no run's input, unless a command names it


def is_by_hand(path: str) -> bool:
    """Say whether such a file is mostly a text that a person writes: a source, a prompt, a configuration."""
    return _ending(path) in _TEXTS or is_source(path)


def is_source(path: str) -> bool:
    """Say whether such a file is a piece of a program, or a template that a program fills in."""
    return _ending(path) in _PROGRAMS or path.rpartition("/")[2].lower() in _NAMED_ALIKE


def _ending(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path else ""


def is_cache(path: str) -> bool:
    """Say whether a file is a tool's own leavings, which no run is about."""
    return path.endswith(_CACHE_ENDINGS) or not _CACHES.isdisjoint(path.split("/"))


def speaks_of_results(path: str) -> bool:
    """Say whether a path says by a word of its own that something is written there."""
    if is_source(path):
        return False
    *folders, name = path.lower().split("/")
    for folder in folders:
        words = re.split(r"[^a-z0-9]+", folder)
        if not _NO_RESULT.isdisjoint(words):
            return False
        if words[0] in _RESULT_FOLDERS or words[-1] in _RESULT_FOLDERS:
            return True
    words = [word for word in re.split(r"[^a-z]+", name) if word]
    stem = [word for word in re.split(r"[^a-z]+", name.partition(".")[0]) if word]
    if not stem or not _NO_RESULT.isdisjoint(words):
        return False
    return stem[0] in _RESULT or stem[-1] in _RESULT or words[-1] == "log" or "nbconvert" in words


def tells_the_time(path: str) -> bool:
    """Say whether a file is named after a moment, as each of a row of results is."""
    name = path.rpartition("/")[2]
    return re.search(r"\d{10}", re.sub(r"[-_:.TZtz ]", "", name)) is not None
