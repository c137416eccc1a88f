"""What the command was seen to use, put into words of the record: files by content, and which layer has each."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from typing import TYPE_CHECKING, Any

from evalprov.capture.askgit import ask
from evalprov.capture.code.codetree import from_top
from evalprov.capture.code.gitfacts import TreeBefore
from evalprov.capture.code.outputs import CLOCK, claims
from evalprov.capture.collector import Findings
from evalprov.capture.declared.declared import agent_files
from evalprov.capture.software.environment import digest_of, is_of_session
from evalprov.capture.software.interpreter import is_python
from evalprov.capture.software.way import which
from evalprov.capture.text import readable
from evalprov.capture.watch import stamp
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.observe import NO_HOOK
from evalprov.observe.caches import content_in
from evalprov.observe.sightings import Sightings, TouchedFile, read_sightings
from evalprov.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from evalprov.capture.collector import CaptureContext, Steps
    from evalprov.launch.programs import ProgramsSeen
    from evalprov.observe import Observation
    from evalprov.observe.sightings import StartedProgram
    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.observed import Looked, RanObserved, UsedFile, UsedObserved, UsedProgram

SHOWN = 5  # programs that a sentence names
LISTED = 2_000  # files in the record; modules, variables and hosts likewise
HASHED, SECONDS = 256 << 20, 1.0  # bytes and time for their content
PROGRAMS = 500
DIGESTS = 64  # variables whose value counts; to try out values costs something, and so does this
SYSTEM = ("/etc/", "/usr/share/", "/usr/lib/", "/lib/", "/lib64/", "/dev/", "/run/", "/usr/include/")
CREDENTIALS = ("/.ssh/", "/.aws/", "/.gnupg/", "/.kube/", "/.docker/", "/.azure/", "/.config/gcloud/", "/.netrc")
KEYS = (".pem", ".key", ".p12", ".pfx", ".env", ".netrc", ".pgpass", ".git-credentials")
OURS = ("EVALPROV_",)


class _UsedInput(NamedTuple):
    """A file that was read."""

    name: str  # from the project root, or in full where it lies elsewhere
    path: str
    layer: str | None  # that has it
    ignored: bool = False


class UsedLook:
    """One run's look at what it used, once it has ended."""

    def __init__(
        self,
        seen: Observation,
        ran: ProgramsSeen,
        context: CaptureContext,
        manifest: Manifest,
        before: object,
    ) -> None:
        self._seen = seen
        self._ran = ran
        self._context = context
        self._manifest = manifest
        self._before = before if isinstance(before, TreeBefore) else None
        self._reasons: list[str] = []

    def steps(self, launched: float) -> Steps:
        """Return what was used since the launch."""
        project, path = self._seen.project, self._seen.path
        looked: Looked = {
            "mode": self._seen.mode,
            "folders": project.folders if project else None,
            "pythons": None,
            "files": None,
            "complete": False,
            "reason": None,
        }
        if path is None and (project is None or project.is_blind):
            why = [self._seen.reason or ""] if project is None or self._seen.mode not in NO_HOOK else []
            why += [project.reason or ""] if project else []
            looked["reason"] = self._text("; ".join(filter(None, why)))
            ran: RanObserved = {"looked": looked, "programs": self._programs({})}
            return Findings({"observed": ran})
        seen = read_sightings(path) if path else Sightings()
        if project:
            seen.add_files({path: how for path, how in project.touched().items() if not self._is_of_trials(path)})
        found = dict(self._read(seen))
        # Of a file in a submodule git does not say whether it ignores it, and nothing then of any other.
        apart = self._submodules()
        inside = [one for one in found.values() if one.layer is None and not one.name.startswith(("/", *apart))]
        if inside and self._manifest["code"]["tree"] is not None:
            [answer] = yield [self._ignored(inside)]
            if answer.problem or answer.code not in (0, 1):
                self._reasons.append("what git ignores is not known")
            else:
                hidden = set(answer.out.split(b"\0"))
                found |= {one.path: self._covered(one, hidden) for one in inside}
        inputs, whole = self._content(found.values(), launched)
        looked["files"] = len(found)
        if path:
            looked["pythons"] = len(seen.pythons)
            self._say_what_is_missing(seen)
        elif self._seen.mode not in NO_HOOK:
            self._reasons.append(self._seen.reason or "")
        if project and project.reason:
            self._reasons.append(project.reason)
        looked["complete"] = whole and path is not None and not self._reasons
        looked["reason"] = self._text("; ".join(self._reasons)) or None
        facts: UsedObserved = {
            "looked": looked,
            "inputs": inputs,
            "modules": self._modules(found.values()) if path else {},
            "packages": self._packages(seen),
            "environment": self._environment(seen),
            "programs": self._programs(seen.programs),
            "hosts": self._clean(sorted(seen.hosts)[:LISTED]),
        }
        return Findings({"observed": facts})

    # --- files

    def _is_of_trials(self, path: str) -> bool:
        """Say whether a file was written since the first of several trials began: one of the others may look at it."""
        since = self._context.since
        found = None if since is None else stamp(path)
        return found is not None and since is not None and found.mtime_ns >= (since - CLOCK) * 1e9

    def _read(self, seen: Sightings) -> Iterator[tuple[str, _UsedInput]]:
        """Give the files that were there and were read, what is of Python, its packages and the system left out."""
        of_software = self._software(seen)
        layers = dict.fromkeys(agent_files(self._context), "agent")
        layers |= {os.path.normpath(path): layer for path, layer in claims(self._manifest)}
        reports = [os.path.join(os.path.dirname(self._seen.path), "")] if self._seen.path else []
        ours = (os.path.join(self._context.store, ""), *reports, *SYSTEM)
        root = os.path.join(self._context.root, "")
        for name, touched in [*seen.files.items(), *self._listed(seen)]:
            path = _source_of(os.path.normpath(name))
            if (
                not touched.read
                or touched.written_first
                or path.startswith(ours)
                or path == self._context.settings.path
            ):
                continue
            is_folder = name in seen.folders and os.path.isdir(path)
            if not is_folder and not _is_file(path):
                continue
            real = os.path.realpath(path)
            if f"{real}/".startswith((*of_software, *ours)) or path.startswith(of_software):
                continue
            if is_folder:
                yield f"{path}/", _UsedInput(f"{path}/", f"{path}/", None)
                continue
            shown = path.removeprefix(root) if path.startswith(root) else path
            yield path, _UsedInput(shown, path, self._layer(path, real, layers))

    def _listed(self, seen: Sightings) -> Iterator[tuple[str, TouchedFile]]:
        """Give the folders outside the project whose names were read, but for those that were looked at for modules."""
        root = os.path.join(self._context.root, "")
        of_modules = {os.path.dirname(_source_of(name)) for name in seen.files if name.endswith((".py", ".pyc"))}
        of_modules |= {os.path.normpath(one) for one in self._context.environ.get("PYTHONPATH", "").split(os.pathsep)}
        for name in seen.folders:
            path = os.path.normpath(name)
            if path not in of_modules and not f"{path}/".startswith(root) and not root.startswith(f"{path}/"):
                yield name, TouchedFile(read=True)

    def _software(self, seen: Sightings) -> tuple[str, ...]:
        """Return the folders of the Pythons and of what is installed for them."""
        folders = {folder for one in seen.pythons.values() for folder in one.software}
        folders |= {os.path.join(one.prefix, "lib", "") for one in seen.pythons.values() if one.prefix}
        folders |= {os.path.join(os.path.realpath(one), "") for one in folders}
        # Whatever a program says of itself: no folder above the project is one of software.
        root = os.path.join(self._context.root, "")
        return tuple(one for one in folders if one.count("/") > 2 and not root.startswith(one))

    def _layer(self, path: str, real: str, layers: dict[str, str]) -> str | None:
        """Return the layer that has a file by content, as far as the record itself says."""
        root, beside = self._context.root, self._manifest["code"]["beside"]
        name = os.path.relpath(path, root)
        if not beside.keys().isdisjoint((name, path, os.path.basename(path), f"PATH/{os.path.basename(path)}")):
            return "code"
        for tree in self._manifest["software"]["package_trees"].values():
            folder = os.path.join(os.path.normpath(os.path.join(root, tree["path"])), "")
            if tree["sha256"] is not None and (path.startswith(folder) or real.startswith(folder)):
                return "software"
        for number, folder in enumerate(self._context.environ.get("PYTHONPATH", "").split(os.pathsep)):
            if folder and f"PYTHONPATH[{number}]/{os.path.relpath(path, folder)}" in beside:
                return "code"
        while name and name != "/":
            if name in layers:
                return "config" if layers[name] == "command" else layers[name]
            name = os.path.dirname(name)
        return None

    def _submodules(self) -> list[str]:
        """Return the folders of submodules, from the project root."""
        if self._before is None:
            return []
        top, root = os.path.realpath(self._before.repo.top), os.path.realpath(self._context.root)
        paths = (os.path.join(top, one["path"]) for one in self._manifest["git"]["submodules"])
        return [os.path.join(os.path.relpath(path, root), "") for path in paths]

    def _ignored(self, inside: Iterable[_UsedInput]) -> Any:
        names = b"\0".join(os.fsencode(one.path) for one in inside)
        return ask(self._context, "check-ignore", "-z", "--stdin", stdin=names + b"\0")

    def _covered(self, one: _UsedInput, hidden: set[bytes]) -> _UsedInput:
        """Say whether the tree of code has a file."""
        if os.fsencode(one.path) in hidden:
            return one._replace(ignored=True)
        before = self._before
        if before is not None and before.code is not None:
            place = from_top(before.repo, self._context.root, one.name)
            if place is None or place in before.code.without:
                return one
        return one._replace(layer="code")

    def _content(self, found: Iterable[_UsedInput], launched: float) -> tuple[dict[str, UsedFile], bool]:
        """Return the files with the hashes of what was read, what no layer has first; and whether that is all."""
        listed = sorted(found, key=lambda one: (one.layer is not None, one.name))
        open_ones = sum(one.layer is None for one in listed)
        room, until = HASHED, time.monotonic() + SECONDS
        whole = open_ones <= LISTED
        rows: list[UsedFile] = []
        for one in listed[:LISTED]:
            layer = "secret" if one.layer is None and _may_hold_a_key(one.path) else one.layer
            digest = None
            if layer != "secret" and time.monotonic() < until:
                hashing = _hash_names if one.path.endswith("/") else _hash
                known = content_in(os.path.realpath(one.path))  # weights are large
                digest, read = (known, 0) if known else hashing(one.path, room, launched)
                room -= read
            whole = whole and (digest is not None or layer is not None)
            rows.append({"sha256": digest, "layer": layer})
        if len(listed) > LISTED:
            self._reasons.append(f"{len(listed) - LISTED:,} more files that were read are counted and not listed")
        names = self._clean([one.name for one in listed[:LISTED]])
        return dict(zip(names, rows, strict=True)), whole

    def _say_what_is_missing(self, seen: Sightings) -> None:
        if not seen.pythons:
            self._reasons.append("no Python of the command was observed")
        if seen.cut:
            self._reasons.append(f"at least {seen.cut:,} facts were too many to keep")
        if seen.unreadable:
            self._reasons.append(f"{seen.unreadable:,} lines of what was seen could not be read")
        apart = [name for name, how in seen.programs.items() if how.apart or not is_python(os.path.basename(name))]
        interpreter = self._manifest["software"]["interpreter"]
        if interpreter is None or interpreter["found_by"] == "process" or not interpreter["certain"]:
            # Else the command is a Python itself, and it says what it starts.
            apart += [one.name for path, one in self._ran.found.items() if not is_python(os.path.basename(path))]
        if apart:
            self._reasons.append(f"started and not observed: {listed(sorted(apart), SHOWN)}")

    # --- the rest

    def _modules(self, found: Iterable[_UsedInput]) -> dict[str, str]:
        """Return the modules that are neither Python's nor installed, by name."""
        modules = {_module(one.path): one.name for one in found if one.path.endswith((".py", ".so"))}
        keys, paths = self._clean(list(modules)[:LISTED]), self._clean(list(modules.values())[:LISTED])
        return dict(sorted(zip(keys, paths, strict=True)))

    def _packages(self, seen: Sightings) -> list[str]:
        names = {os.path.basename(path).split(".")[0] for path in seen.packages if not path.endswith((".pth", "-info"))}
        return self._clean(sorted(names - {"__pycache__", ""})[:LISTED])

    def _programs(self, told: Mapping[str, StartedProgram]) -> dict[str, UsedProgram]:
        """Return what ran: what was seen among the processes, and what a Python said that it started."""
        names: dict[str, tuple[str, int | None]] = {p: (one.name, one.processes) for p, one in self._ran.found.items()}
        for word, one in told.items():
            found = which(word, self._context.cwd, self._context.environ)
            if found is not None:
                names.setdefault(os.path.realpath(found), (one.argv0, None))
        programs: dict[str, UsedProgram] = {}
        room, until = HASHED, time.monotonic() + SECONDS
        for path, (name, count) in sorted(names.items())[:PROGRAMS]:
            digest, read = _hash(path, room, time.time()) if time.monotonic() < until else (None, 0)
            room -= read
            programs[self._text(path)] = {"sha256": digest, "name": self._text(name), "count": count}
        return programs

    def _environment(self, seen: Sightings) -> dict[str, str]:
        """Return the variables that were read, each with how its value is in the record."""
        software, environ = self._manifest["software"], self._context.environ
        told: dict[str, str] = {}
        for name in sorted(seen.variables)[:LISTED]:
            if name.startswith(OURS) or not name:
                continue
            shown = self._text(name)
            if name not in environ:
                told[shown] = "unset"
            elif shown in software["env"]:
                told[shown] = "recorded"
            elif shown in software["env_names"]:
                told[shown] = "named"
            elif sum("scrypt:" in one for one in told.values()) < DIGESTS:
                digest = digest_of(self._context, {name: environ[name]})
                told[shown] = f"session {digest}" if is_of_session(name) else digest
            else:
                told[shown] = "session" if is_of_session(name) else "counted"
        return told

    def _clean(self, texts: list[str]) -> list[str]:
        """Scrub texts in one go, and one by one where that does not keep them apart."""
        whole = self._text("\n".join(texts)).split("\n")
        return whole if len(whole) == len(texts) else [self._text(one) for one in texts]

    def _text(self, text: str) -> str:
        return self._context.scrub.text(readable(text))


def _source_of(path: str) -> str:
    """Return the source that a file of bytecode stands for."""
    folder, name = os.path.split(path)
    if name.endswith(".pyc") and os.path.basename(folder) == "__pycache__":
        return os.path.join(os.path.dirname(folder), name.split(".")[0] + ".py")
    return path


def _module(path: str) -> str:
    """Return the name a module goes by: from the folder above its outermost package on."""
    folder, name = os.path.split(path)
    parts = [name.split(".")[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")) and folder != "/":
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    return ".".join(parts if parts[-1] != "__init__" or len(parts) == 1 else parts[:-1])


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _may_hold_a_key(path: str) -> bool:
    """Say whether a file's content is a secret by its name: no plain hash of one is kept."""
    name = os.path.basename(path)
    return name.startswith((".env", "id_", "credentials")) or name.endswith(KEYS) or any(c in path for c in CREDENTIALS)


def _hash_names(path: str, room: int, launched: float) -> tuple[str | None, int]:
    """Return the hash of the names in a folder, where they are as they were when the run began."""
    try:
        if os.stat(path).st_mtime >= launched:
            return None, 0
        names = b"\0".join(sorted(map(os.fsencode, os.listdir(path))))
    except OSError:
        return None, 0
    return (f"sha256:{hashlib.sha256(names).hexdigest()}", len(names)) if len(names) < room else (None, 0)


def _hash(path: str, room: int, launched: float) -> tuple[str | None, int]:
    """Return a file's SHA-256, where it is as it was when the run began, and how much was read for that."""
    try:
        file = open_regular(path)
    except OSError:
        return None, 0
    read = 0
    try:
        found = os.fstat(file)
        if found.st_size > room or found.st_mtime >= launched:
            return None, 0
        digest = hashlib.sha256()
        while piece := os.read(file, 1 << 18):
            read += len(piece)
            if read > found.st_size:
                return None, read
            digest.update(piece)
        return f"sha256:{digest.hexdigest()}", read
    except OSError:
        return None, read
    finally:
        os.close(file)
