"""What a run is started with: its command, its folder and its environment variables, in the new place."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from evalprov.capture.software.environment import is_allowed
from evalprov.record.hidden import PLACEHOLDER
from evalprov.restore.code import actual
from evalprov.restore.folder import Escapes
from evalprov.restore.git import OF_ANOTHER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evalprov.record.manifest import Manifest

ENVIRONMENT = ".venv"
_NEVER = ("GIT_", "EVALPROV_")  # no record has them, and they would steer what we start ourselves
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def named_ahead(m: Manifest, environ: Mapping[str, str]) -> list[str]:
    """Name what a record does not hold, or holds without its secrets: it cannot come back of itself."""
    found = [f"not kept: {one['path']} ({one['reason']})" for one in m["git"]["withheld"]]
    if hidden := [word for word in m["command"]["argv"] if PLACEHOLDER in word]:
        found.append(f"a secret stood in the command: {' '.join(hidden)}")
    if hidden := [name for name, value in m["software"]["env"].items() if PLACEHOLDER in value]:
        found.append(f"variables whose value was hidden: {', '.join(hidden)}")
    if unset := [name for name in m["software"]["env_names"] if name not in environ]:
        found.append(f"variables that were set and are not now (their values are not recorded): {', '.join(unset)}")
    return found


def command_in(m: Manifest, top: str, environment: str | None) -> list[str]:
    """Return the command's words with the paths of its old place read in the new one."""
    interpreter = m["software"]["interpreter"]
    words = [actual(word) for word in m["command"]["argv"]]
    if words and environment and interpreter and os.path.isabs(words[0]):
        inside = words[0].startswith(os.path.join(interpreter["prefix"], "bin", ""))
        if inside or words[0] == interpreter["path"]:
            words[0] = os.path.join(environment, "bin", os.path.basename(words[0]) if inside else "python")
    root = m["git"]["root"]
    if not root or len(root) < 2:
        return words
    old = re.compile(rf"(?<![\w./-]){re.escape(actual(root))}(?=/|\Z)")
    return [word if environment and word.startswith(environment) else old.sub(lambda _: top, word) for word in words]


def folder_in(m: Manifest, project: str) -> str:
    """Return where the command runs; Escapes where the record would lead out of the project."""
    folder = os.path.normpath(os.path.join(project, actual(m["command"]["cwd"])))
    if not f"{folder}/".startswith(f"{project}/") or not os.path.realpath(f"{folder}/").startswith(f"{project}"):
        raise Escapes(f"the command ran in {m['command']['cwd']}, which is no folder of the project")
    return folder


def place_of_environment(m: Manifest, inside: str) -> str:
    """Return where the packages go: where they were, if that was in the project, else in its .venv."""
    interpreter, root = m["software"]["interpreter"], m["git"]["root"]
    if interpreter and root and interpreter["prefix"].startswith(f"{root}/"):
        return os.path.relpath(interpreter["prefix"], root)
    return os.path.join(inside, ENVIRONMENT)


def variables(m: Manifest, environ: Mapping[str, str], project: str, environment: str | None) -> dict[str, str]:
    """Return the environment of the run: today's, with what was recorded put back, and nothing set that was not."""
    recorded = {
        name: _placed(name, value, project)
        for name, value in m["software"]["env"].items()
        if _NAME.fullmatch(name) and PLACEHOLDER not in value and not name.startswith(_NEVER)
    }
    kept = {
        name: value
        for name, value in environ.items()
        if name not in OF_ANOTHER and (name in m["software"]["env"] or not is_allowed(name))
    }
    env = kept | recorded
    if environment:
        env.pop("PYTHONHOME", None)
        env |= {"VIRTUAL_ENV": environment, "PATH": f"{environment}/bin{os.pathsep}{env.get('PATH', os.defpath)}"}
    return env


def _placed(name: str, value: str, project: str) -> str:
    """Return a value as it is here: a folder of the project stands in a record as its path from there."""
    value = actual(value)
    if not name.endswith("PATH"):
        return value
    here = [os.path.join(project, one) for one in value.split(os.pathsep)]
    pairs = zip(value.split(os.pathsep), here, strict=True)
    return os.pathsep.join(place if one and os.path.exists(place) else one for one, place in pairs)


def exported(m: Manifest, env: Mapping[str, str], environment: str | None) -> str:
    """Return the recorded variables as lines for a shell."""
    names = [name for name in m["software"]["env"] if _NAME.fullmatch(name) and not name.startswith(_NEVER)]
    lines = [
        f"export {name}={shlex.quote(env[name])}"
        if name in env and PLACEHOLDER not in m["software"]["env"][name]
        else f"# {name}: its value was a secret and is not in the record"
        for name in names
    ]
    if environment:
        lines += [f"export VIRTUAL_ENV={shlex.quote(environment)}", 'export PATH="$VIRTUAL_ENV/bin:$PATH"']
    return "\n".join([f"# the environment of run {m['run_id']}, as far as it was recorded", *lines, ""])
