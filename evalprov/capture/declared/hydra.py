"""What a program that uses Hydra was told: the composed configuration that Hydra leaves behind, resolved."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

from evalprov.capture.text import readable
from evalprov.named import NamedTuple
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalprov.record.schema.declared import ConfigFile
    from evalprov.secrets import Scrubber

OUTPUT = ".hydra"
LARGEST = 16 << 20
CLOCK = 0.02  # seconds: the clock of a file system is read less often than ours
FOLDERS = 5000
DEEP = 8
USUAL = ("outputs", "multirun")
SKIPPED = frozenset(("node_modules", "site-packages", "__pycache__"))


class HydraFound(NamedTuple):
    """What the run left, by stable names: of the one output, or with each job's folder in front."""

    files: dict[str, ConfigFile]
    warnings: list[str]
    folders: list[str]  # from the project root; where the outputs are


class HydraLook(NamedTuple):
    """Where to look, and since when."""

    cwd: str
    root: str
    argv: tuple[str, ...]
    started: float  # Unix time
    environ: Mapping[str, str]
    everywhere: bool = False  # also below folders that are not Hydra's usual ones: it is known to be in use


def hydra_outputs(look: HydraLook, scrub: Scrubber) -> HydraFound:
    """Return the configuration of every Hydra output that was written since the start."""
    found = sorted(set(_outputs(look)))
    files: dict[str, ConfigFile] = {}
    warnings: list[str] = []
    if len(found) > 1 and not _is_one_sweep(found):
        warnings.append(f"{len(found)} Hydra outputs were written meanwhile; some may be another run's")
    base = os.path.commonpath(found) if len(found) > 1 else found[0] if found else ""
    for folder in found:
        inside = "" if folder == base else f"{os.path.relpath(folder, base)}/"
        hydra = _own(folder)
        for name in ("config.yaml", "overrides.yaml"):
            try:
                with reading(os.path.join(folder, OUTPUT, name)) as file:
                    data = file.read(LARGEST)
            except OSError as error:
                warnings.append(f"Hydra's {name} is not recorded: {error.strerror}")
                continue
            key = scrub.text(readable(f"{inside}{OUTPUT}/{name}"))
            files[key], problems = _entry(data, hydra, look.environ, scrub)
            warnings += [f"{key}: {problem}" for problem in problems]
    folders = [scrub.text(readable(os.path.relpath(folder, look.root))) for folder in found]
    return HydraFound(files, [scrub.text(readable(one)) for one in warnings], folders)


def composed_from(folder: str, root: str) -> set[str]:
    """Return the files of a project that an output's configuration was composed from, by path from the root.

    Only such as are sure to be: the primary one, those of the groups that were chosen, and what their defaults name.
    """
    hydra = _own(folder)
    runtime = _table(_table(hydra).get("runtime"))
    choices = {group: said for group, said in _table(runtime.get("choices")).items() if isinstance(said, str)}
    sources = [
        one["path"]
        for one in runtime.get("config_sources") or ()
        if isinstance(one, dict) and one.get("schema") == "file" and isinstance(one.get("path"), str)
    ]
    name = _table(_table(hydra).get("job")).get("config_name")
    pending = [f"{group}/{said}" for group, said in choices.items() if not group.startswith("hydra/")]
    pending += [name] if isinstance(name, str) else []
    seen: set[str] = set()
    found: set[str] = set()
    while pending:
        name = pending.pop().removesuffix(".yaml")
        if name in seen:
            continue
        seen.add(name)
        path = next((path for one in sources if os.path.isfile(path := f"{one}/{name}.yaml")), None)
        if path:
            found.add(os.path.relpath(os.path.realpath(path), os.path.realpath(root)))
            pending += _defaults(path, os.path.dirname(name))
    return {path for path in found if not path.startswith("../")}


def _defaults(path: str, group: str) -> Iterator[str]:
    """Give the configurations that a file names as its own defaults; those of groups stand among the choices."""
    from evalprov.capture.declared.parsing import NotParsed, parse

    try:
        with reading(path) as file:
            listed = _table(parse(file.read(LARGEST), "yaml").value).get("defaults")
    except (OSError, NotParsed):
        return
    for one in listed if isinstance(listed, list) else ():
        name = one.partition("@")[0] if isinstance(one, str) else ""
        if name and name != "_self_" and "${" not in name:
            yield name.lstrip("/") if name.startswith("/") else os.path.join(group, name)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _own(folder: str) -> Any:
    """Return what Hydra says of itself; null where it does not."""
    from evalprov.capture.declared.parsing import NotParsed, parse

    try:
        with reading(os.path.join(folder, OUTPUT, "hydra.yaml")) as file:
            said = parse(file.read(LARGEST), "yaml").value
    except (OSError, NotParsed):
        return None  # what needs it is then named as left as it is written
    return said.get("hydra") if isinstance(said, dict) else None


def _entry(data: bytes, hydra: Any, environ: Mapping[str, str], scrub: Scrubber) -> tuple[ConfigFile, list[str]]:
    """Return one file's entry, resolved, and what was odd about it."""
    from evalprov.capture.declared.interpolation import resolve
    from evalprov.capture.declared.parsing import ENTRIES, NotParsed, flatten, parse
    from evalprov.record.canonical import canonical

    entry: ConfigFile = {
        "sha256": "",
        "format": "yaml",
        "bytes": len(data),
        "source": "hydra",
        "values": {},
    }
    try:
        resolved = resolve(parse(data, "yaml").value, environ, hydra)
        plain = scrub.value(resolved.value)
        content = canonical(plain)
        entry["values"], complete = flatten(plain)
        problems = [f"{place} is left as it is written: {why}" for place, why in resolved.left.items()]
    except (NotParsed, ValueError, RecursionError) as problem:
        said = "nested too deeply" if isinstance(problem, RecursionError) else problem
        content, complete = data, True
        entry["format"] = "bytes"
        problems = [f"not read as YAML, hashed by its bytes: {said}"]
    if not complete:
        problems.append(f"more than {ENTRIES:,} values; the hash covers all, the record the first")
    entry["sha256"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return entry, problems


def _outputs(look: HydraLook) -> Iterator[str]:
    """Give the folders that hold an output of this run."""
    named = [_fixed_part(os.path.join(look.cwd, said)) for said in _said(look.argv)]
    everywhere = look.everywhere or bool(named) or any(word.startswith("hydra.") for word in look.argv)
    usual = [os.path.join(look.cwd, name) for name in USUAL]
    if _is_output(look.cwd, look.started):
        yield look.cwd
    for top in dict.fromkeys([*named, *usual, *([look.cwd] if everywhere else [])]):
        yield from _below(top, look.started)


def _said(argv: tuple[str, ...]) -> Iterator[str]:
    """Give the folders that the command itself tells Hydra to write to."""
    for word in argv:
        key, equals, value = word.partition("=")
        if equals and key.lstrip("+") in {"hydra.run.dir", "hydra.sweep.dir"}:
            yield value.strip("'\"")


def _fixed_part(path: str) -> str:
    """Return the folder above the first name that Hydra makes up."""
    while "${" in path:
        path = re.sub(r"[^/]*\$\{.*", "", path, flags=re.DOTALL).rstrip("/")
    return os.path.normpath(path)


def _below(top: str, started: float) -> Iterator[str]:
    """Look through folders, newest first, and no more than a bound of them."""
    pending = [top]
    looked = 0
    depth = top.count("/") + DEEP
    while pending and looked < FOLDERS:
        folder = pending.pop()
        looked += 1
        if _is_output(folder, started):
            yield folder
        if folder.count("/") < depth:
            pending += _inner(folder)


def _inner(folder: str) -> list[str]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in SKIPPED or not entry.is_dir(follow_symlinks=False):
                    continue
                if not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                    found.append((entry.stat(follow_symlinks=False).st_mtime, entry.path))
    except OSError:
        return []  # what cannot be listed was not written to by this user either
    return [path for _, path in sorted(found)]


def _is_output(folder: str, started: float) -> bool:
    try:
        return os.stat(os.path.join(folder, OUTPUT, "config.yaml")).st_mtime >= started - CLOCK
    except OSError:
        return False


def _is_one_sweep(folders: list[str]) -> bool:
    """Say whether several outputs are the jobs of one sweep, which Hydra notes above them."""
    above = os.path.commonpath(folders)
    return os.path.exists(os.path.join(above, "multirun.yaml"))
