"""Which environment a manager (uv, poetry, conda ...) will run a command in; none of them is executed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from evalprov.capture.software.way import CommandWay, PythonChoice, options, python_in, read_head, which
from evalprov.regular import reading

if TYPE_CHECKING:
    from collections.abc import Iterator


# Long options of `uv` and `uv run` that take a word.
UV_LONG = (
    "allow-insecure-host",
    "cache-dir",
    "color",
    "config-file",
    "config-setting",
    "config-settings-package",
    "default-index",
    "directory",
    "env-file",
    "exclude-newer",
    "exclude-newer-package",
    "extra",
    "extra-index-url",
    "find-links",
    "fork-strategy",
    "group",
    "index",
    "index-strategy",
    "index-url",
    "keyring-provider",
    "link-mode",
    "no-binary-package",
    "no-build-isolation-package",
    "no-build-package",
    "no-editable-package",
    "no-extra",
    "no-group",
    "no-sources-package",
    "only-group",
    "package",
    "prerelease",
    "prerelease-package",
    "project",
    "python",
    "python-platform",
    "refresh-package",
    "reinstall-package",
    "resolution",
    "upgrade-group",
    "upgrade-package",
    "with",
    "with-editable",
    "with-requirements",
)
UV_SHORT = "wifPCp"
# What makes uv build an environment for this run alone.
UV_APART = {
    "with": "uv --with adds packages in an environment of its own",
    "w": "uv --with adds packages in an environment of its own",
    "with-editable": "uv --with-editable adds packages in an environment of its own",
    "with-requirements": "uv --with-requirements adds packages in an environment of its own",
    "isolated": "uv --isolated makes an environment for this run alone",
    "no-project": "uv --no-project leaves the project's environment aside",
}
MAY_SYNC = "uv may bring the packages up to date as it starts, these are the ones from before"
WORKSPACE = b"[tool.uv.workspace]"
FALSE = ("", "0", "false", "no", "off")


def follow(way: CommandWay, name: str) -> PythonChoice | None:
    """Enter the manager's environment, or end with the reason why it cannot be told."""
    if name in {"uvx", "pipx"}:
        return way.unknown(f"{name} runs the command in an environment of its own making")
    if name == "uv":
        return _uv(way)
    if name in {"conda", "mamba", "micromamba"}:
        return _conda(way, name)
    if name == "pixi":
        return _pixi(way)
    return _in_project(way, name)


def within(folder: str, path: str) -> str:
    """Return a path as seen from a folder, in its plainest form."""
    return os.path.normpath(os.path.join(folder, path))


def upward(folder: str) -> Iterator[str]:
    """Give a folder and each one it lies in."""
    while True:
        yield folder
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def holder(folder: str, name: str) -> str | None:
    """Return the nearest folder, from here upward, that has an entry of this name."""
    return next((one for one in upward(folder) if os.path.exists(os.path.join(one, name))), None)


def _set(way: CommandWay, name: str) -> bool:
    return way.environ.get(name, "").lower() not in FALSE


def _chosen(way: CommandWay, prefix: str, manager: str) -> PythonChoice | None:
    """Go on inside this environment if it is there."""
    if not python_in(prefix):
        return way.unknown(f"{manager}'s environment {prefix} has no Python yet")
    way.enter(prefix, manager)
    return None


def _uv(way: CommandWay) -> PythonChoice | None:
    before, used = options(way.words[1:], UV_SHORT, UV_LONG)
    command, rest = way.words[1 + used : 2 + used], way.words[2 + used :]
    if command != ["run"]:
        what = "runs the command in an environment of its own making" if command == ["tool"] else "runs no Python"
        return way.unknown(f"uv {' '.join(command)} {what}")
    after, used = options(rest, UV_SHORT, UV_LONG)
    given = dict(before + after)
    words = rest[used:]
    apart = next((why for name, why in UV_APART.items() if name in given), None)
    for name in ("isolated", "no-project"):
        apart = apart or (UV_APART[name] if _set(way, f"UV_{name.upper().replace('-', '_')}") else None)
    if apart or not words:
        return way.unknown(apart or "no command follows")
    way.cwd = within(way.cwd, given.get("directory") or way.environ.get("UV_WORKING_DIR", ""))
    target = os.path.join(way.cwd, words[0])
    script = "s" in given or "script" in given or _is_script(target)
    if script and b"# /// script" in read_head(target, 1 << 16):
        return way.unknown(f"{words[0]} declares packages of its own, for which uv makes an environment")
    if "m" in given or "module" in given:
        words = ["python", "-m", *words]
    elif script or words[0] == "-" or words[0].startswith(("http://", "https://")):
        words = ["python", *words]
    way.words = words
    return _uv_environment(way, given)


def _is_script(target: str) -> bool:
    if os.path.isdir(target):
        return os.path.isfile(os.path.join(target, "__main__.py"))
    return target.endswith((".py", ".pyw")) and os.path.isfile(target)


def _uv_environment(way: CommandWay, given: dict[str, str]) -> PythonChoice | None:
    start = within(way.cwd, given.get("project") or way.environ.get("UV_PROJECT", ""))
    project = _uv_project(start)
    active = way.environ.get("VIRTUAL_ENV")
    if project is None:
        prefix = active or way.environ.get("CONDA_PREFIX")
        if not prefix:
            folder = holder(start, ".venv")
            prefix = os.path.join(folder, ".venv") if folder else None
    elif active and "active" in given:
        prefix = active
    else:
        if active and not _declares_project(project):
            way.certain = False
            way.reasons.append("older versions of uv take the active environment where there is no [project]")
        prefix = os.path.join(project, way.environ.get("UV_PROJECT_ENVIRONMENT") or ".venv")
    if prefix is None:
        return way.unknown("uv finds no project and no environment here, and picks a Python itself")
    prefix = within(way.cwd, prefix)
    wanted = given.get("python") or given.get("p") or way.environ.get("UV_PYTHON")
    if not wanted and project is not None:
        wanted = os.fsdecode(read_head(os.path.join(project, ".python-version"))).strip()
    if wanted and python_in(prefix) and not _is_version(prefix, wanted.lstrip("=")):
        return way.unknown(f"uv is asked for Python {wanted}, which {prefix} is not known to be")
    if project is not None and "no-sync" not in given and not _set(way, "UV_NO_SYNC"):
        way.reasons.append(MAY_SYNC)
    return _chosen(way, prefix, "uv")


def _is_version(prefix: str, wanted: str) -> bool:
    """Say whether an environment is of the wanted version, such as 3.12 or python3.12.1."""
    number = wanted.lower().removeprefix("c").removeprefix("python").removeprefix("@")
    for line in os.fsdecode(read_head(os.path.join(prefix, "pyvenv.cfg"))).splitlines():
        name, _, value = line.partition("=")
        if name.strip() in {"version", "version_info"}:
            parts = number.split(".")
            return value.strip().split(".")[: len(parts)] == parts
    return False


def _uv_project(start: str) -> str | None:
    """Return the folder whose environment uv uses: the project's, or that of the workspace it belongs to."""
    project = holder(start, "pyproject.toml")
    if project is None:
        return None
    path = os.path.join(project, "pyproject.toml")
    text = read_head(path, 1 << 20)
    if WORKSPACE in text:
        return project
    if b"managed" in text and _toml(path, "tool", "uv", "managed") is False:
        return None
    return _uv_workspace(project) or project


def _declares_project(folder: str) -> bool:
    lines = read_head(os.path.join(folder, "pyproject.toml"), 1 << 20).splitlines()
    return any(line.startswith((b"[project", WORKSPACE)) for line in lines)


def _uv_workspace(project: str) -> str | None:
    """Return the nearest workspace above that has this project as a member."""
    for folder in list(upward(project))[1:]:
        path = os.path.join(folder, "pyproject.toml")
        if WORKSPACE in read_head(path, 1 << 20):
            workspace = _toml(path, "tool", "uv", "workspace") or {}
            inside = os.path.relpath(project, folder)
            member = _matches(inside, workspace.get("members", []))
            return folder if member and not _matches(inside, workspace.get("exclude", [])) else None
    return None


def _matches(path: str, patterns: list[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(
        len(path.split("/")) == len(pattern.strip("/").split("/")) and fnmatchcase(path, pattern.strip("/"))
        for pattern in patterns
    )


def _toml(path: str, *keys: str) -> Any:
    """Return one value of a TOML file; nothing where it is not there."""
    import tomllib

    try:
        with reading(path) as file:
            value: Any = tomllib.load(file)
    except (OSError, ValueError):
        return None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _conda(way: CommandWay, name: str) -> PythonChoice | None:
    words = way.words[1:]
    before, used = options(words, "r", ("root-prefix", "rc-file"))
    if words[used : used + 1] != ["run"]:
        return way.unknown(f"{name} {' '.join(words[used : used + 1])} runs no command")
    rest = words[used + 1 :]
    after, used = options(rest, "npare", ("name", "prefix", "cwd", "attach", "env", "label", "root-prefix"))
    given = dict(before + after)
    root = given.get("r") or given.get("root-prefix") or _conda_root(way, name)
    wanted = given.get("name") or given.get("n")
    prefix = given.get("prefix") or given.get("p")
    if prefix:
        prefix = within(way.cwd, prefix)
    elif wanted:
        prefix = _conda_named(way, root, wanted)
        if prefix is None:
            return way.unknown(f"{name}: no environment named {wanted} was found")
    else:
        prefix = way.environ.get("CONDA_PREFIX") or root
    if not prefix:
        return way.unknown(f"{name}: neither an active environment nor its own folder is known")
    way.cwd = within(way.cwd, given.get("cwd", ""))
    way.words = rest[used:]
    return _chosen(way, prefix, name)


def _conda_root(way: CommandWay, name: str) -> str | None:
    """Return the folder that the manager itself, and its base environment, is in."""
    if name == "micromamba":
        return way.environ.get("MAMBA_ROOT_PREFIX") or os.path.join(way.home(), "micromamba")
    program = way.environ.get("CONDA_EXE") or way.environ.get("MAMBA_EXE")
    if not program:
        program = which(way.words[0], way.cwd, way.environ)
        program = program and os.path.realpath(program)
    return os.path.dirname(os.path.dirname(program)) if program else way.environ.get("MAMBA_ROOT_PREFIX")


def _conda_named(way: CommandWay, root: str | None, wanted: str) -> str | None:
    if wanted in {"base", "root"}:
        return root
    if "/" in wanted:
        return None
    folders = [
        folder
        for name in ("CONDA_ENVS_DIRS", "CONDA_ENVS_PATH")
        for folder in way.environ.get(name, "").replace(",", os.pathsep).split(os.pathsep)
    ]
    folders += [os.path.join(root, "envs")] if root else []
    folders.append(os.path.join(way.home(), ".conda", "envs"))
    for folder in folders:
        path = os.path.join(way.cwd, folder, wanted)
        if folder and os.path.isdir(os.path.join(path, "conda-meta")):
            return path
    # Other folders of environments are only known from the list that conda keeps.
    listed = os.fsdecode(read_head(os.path.join(way.home(), ".conda", "environments.txt"), 1 << 20)).splitlines()
    named = [path for path in listed if os.path.basename(path) == wanted and os.path.isdir(path)]
    return named[0] if len(named) == 1 else None


def _pixi(way: CommandWay) -> PythonChoice | None:
    found, used = options(way.words[2:], "e", ("environment", "manifest-path"))
    given = dict(found)
    if way.words[1:2] != ["run"]:
        return way.unknown("pixi without run starts no command")
    folder = holder(way.cwd, ".pixi")
    if folder is None or "manifest-path" in given:
        return way.unknown("pixi: no .pixi folder from here upward")
    way.words = way.words[2 + used :]
    name = given.get("e") or given.get("environment") or "default"
    return _chosen(way, os.path.join(folder, ".pixi", "envs", name), "pixi")


def _in_project(way: CommandWay, name: str) -> PythonChoice | None:
    """Follow poetry, pipenv, pdm, hatch and rye, which start from the project that the folder is in."""
    words = way.words[1:]
    before, used = options(words, "CPp", ("directory", "project", "project-dir", "env"))
    if words[used : used + 1] != ["run"]:
        return way.unknown(f"{name} {' '.join(words[used : used + 1])} runs no command")
    rest = words[used + 1 :]
    after, skipped = options(rest, "p", ("project",))
    given = dict(before + after)
    way.words = rest[skipped:]
    start = given.get("directory") or given.get("C") or ""
    if name != "pdm":
        start = start or given.get("project") or given.get("P") or ""
    elif "project" in given or "p" in given:
        start = given.get("project") or given.get("p") or ""
    project = holder(within(way.cwd, start), "Pipfile" if name == "pipenv" else "pyproject.toml")
    if name == "poetry" and (given.get("directory") or given.get("C")):
        way.cwd = within(way.cwd, start)
    if project is None:
        return way.unknown(f"{name} finds no project from here upward")
    if name == "poetry":
        from evalprov.capture.software.poetry import environment

        prefix, reason = environment(way, project)
        if reason:
            way.certain = False
            way.reasons.append(reason)
        return _chosen(way, prefix, name) if prefix else way.unknown(reason or "")
    return _beside(way, project, name)


def _beside(way: CommandWay, project: str, name: str) -> PythonChoice | None:
    """Take the environment in the project's own folder, or the active one where the manager prefers it."""
    if name == "hatch":
        return way.unknown("hatch keeps its environments in a place of its own")
    active = way.environ.get("VIRTUAL_ENV")
    if name == "pipenv" and active and not _set(way, "PIPENV_IGNORE_VIRTUALENVS"):
        return _chosen(way, active, name)
    if name == "pdm":
        saved = os.fsdecode(read_head(os.path.join(project, ".pdm-python"))).strip()
        if saved:
            return _chosen(way, os.path.dirname(os.path.dirname(saved)), name)
        if os.path.isdir(os.path.join(project, "__pypackages__")):
            return way.unknown("pdm takes the packages from __pypackages__ here")
    if os.path.isdir(os.path.join(project, ".venv")):
        return _chosen(way, os.path.join(project, ".venv"), name)
    return way.unknown(f"{name} keeps its environment outside the project's folder")
