"""What the run wrote: the tree looked at again when the command has ended, and what differs told apart.

An output is recorded and leaves the inputs of the run; an input that was edited meanwhile stays, and is named.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any

from evalprov.capture.code.codetree import from_top, less_steps
from evalprov.capture.code.gitfacts import TreeBefore
from evalprov.capture.code.gittree import GitError, complaint
from evalprov.capture.collector import Findings
from evalprov.capture.declared.config import asked_for
from evalprov.capture.declared.written import PROVED, named_files, named_outputs, pieces, program_of
from evalprov.capture.text import readable
from evalprov.capture.watch import Stamp, Watch, stamp
from evalprov.named import NamedTuple
from evalprov.record.outputs import Row, is_by_hand, is_cache, is_source, speaks_of_results, tells_the_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from evalprov.capture.ask import Reply
    from evalprov.capture.collector import CaptureContext, Steps
    from evalprov.record.manifest import FoundFacts, Manifest
    from evalprov.record.schema.outcome import OutputFile, Outputs

SHOWN = 200  # files in the record
WARNED = 10
LISTED = 5000  # files that later runs will know
HASHED = 256 << 20  # bytes, of all files together
HASHING = 0.2  # seconds, or this part of the run's own:
SHARE = 0.05
SMALL = 64 << 10  # bytes: such files, if they are not
MANY = 1000  # are hashed whatever the clock says
CLOCK = 0.02  # seconds: the clock of a file system is read less often than ours
OUTPUT = "output"
_NO_OID = "0" * 7


class WrittenFile(NamedTuple):
    """A file that is not as it was before the command started."""

    path: str  # from the project root; in full where it lies elsewhere
    full: str
    before: Stamp | None  # null also where nobody looked: it was in the commit
    now: Stamp | None
    existed: bool
    old: str | None = None  # the id git had for its content
    git: bytes | None = None  # its path from the top of the work tree
    indexed: bool = False  # git's index has another content of it than before, so git wrote it or was given it


class OutputsLook:
    """One run's two looks at its files: made before launch, asked once the command has ended."""

    def __init__(self, context: CaptureContext, manifest: Manifest, before: object) -> None:
        self.rows: dict[str, Row] = {}  # for the list of known outputs
        self.config: set[str] = set()  # what was taken for configuration, and is an output
        self.others: set[str] = set()  # files of other layers that are known by now alone, from the project root
        self._context = context
        self._manifest = manifest
        self._before = before if isinstance(before, TreeBefore) else None
        self._layers = dict(claims(manifest))
        self._outputs = named_outputs(context)
        read = (os.path.join(context.root, path) for path in self._layers)
        self._watch = Watch({*read, *named_files(context), *self._outputs})
        self._launched = 0.0
        self._seconds = 0.0  # left for hashing
        self._room = HASHED
        self._digests: dict[str, tuple[str, str] | None] = {}
        self._unhashed = 0
        self._reasons: list[str] = []

    def steps(self, launched: float, seconds: float, latest: Mapping[str, Row], *, untouched: bool = False) -> Steps:
        """Return what was written since the launch; `latest` is what runs are known to have written by now.

        Where all below the project root is `untouched` since before it was first looked at, git is not asked.
        """
        self._launched = launched - CLOCK
        self._seconds = max(HASHING, SHARE * seconds)
        changes = {change.path: change for change in self._of_watch()}
        changes |= {change.path: change for change in (yield from self._of_git(untouched=untouched))}
        outputs: list[WrittenFile] = []
        edited: dict[str, str] = {}
        warnings: list[str] = []
        for change in sorted(changes.values()):
            part = self._part(change)
            if part == OUTPUT:
                outputs.append(change)
            elif part:
                edited[change.path] = part
                verb = "written to" if change.now else "removed"
                warnings.append(f"{change.path} was {verb} while the command ran; the record has it as it was before")
        code = yield from self._code(outputs, latest)
        self.config = {change.path for change in outputs} & self._manifest["config"]["files"].keys()
        facts: FoundFacts = {
            "outputs": self._recorded(outputs),
            "observed": {"edited": {self._text(path): edited[path] for path in list(edited)[:SHOWN]}},
            **({"code": {"tree": code}} if code else {}),
        }
        self._list(outputs)
        if len(warnings) > WARNED:
            warnings[WARNED:] = [f"{len(warnings) - WARNED} more files were written to while the command ran"]
        return Findings(facts, tuple(self._text(one) for one in warnings))

    # --- what is not as it was

    def _of_watch(self) -> Iterator[WrittenFile]:
        for full, (before, now) in self._watch.changed().items():
            path = os.path.relpath(full, self._context.root)
            if path.startswith("..") and path not in self._layers:
                path = full
            if not f"{full}/".startswith(f"{self._context.store}/"):
                yield WrittenFile(path, full, before, now, before is not None)

    def _of_git(self, *, untouched: bool) -> Any:
        before = self._before
        if before is None:
            what = "only the files that the command names or that were read before were looked at"
            self._reasons.append(f"{self._manifest['capture']['git']['reason'] or 'git did not say'}: {what}")
            return []
        repo = before.repo
        if untouched and os.path.realpath(repo.top) == os.path.realpath(self._context.root):
            return list(self._since(before, {}, set()))
        tree = repo.tree or hashlib.new(repo.algorithm, b"tree 0\0", usedforsecurity=False).hexdigest()
        options = ("-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=all")
        # Together the price of one `git status`; and other than that they show what was written again as it was,
        # and what the command committed itself.
        answers: list[Reply] = yield [
            repo.ask("diff-index", *options, tree, "--"),
            repo.ask("ls-files", "--others", "--exclude-standard", "-z"),
        ]
        for answer in answers:
            if answer.problem or answer.code:
                self._reasons.append(f"the tree was not looked at again: {complaint(answer)}")
                return []
        listed = _differing(answers[0].out)
        new = {path for path in answers[1].out.split(b"\0") if path and not path.endswith(b"/")}
        return list(self._since(before, listed, new))

    def _since(
        self, before: TreeBefore, listed: Mapping[bytes, tuple[str, str]], new: set[bytes]
    ) -> Iterator[WrittenFile]:
        own = tuple(folder + b"/" for folder in before.own)
        top = os.fsencode(before.repo.top)
        root = os.path.realpath(self._context.root)
        for path in {*before.stamps, *listed, *new}:
            if path.startswith(own):
                continue
            file = os.path.join(top, path)
            now = stamp(file)
            full = os.fsdecode(file)
            name = os.path.relpath(full, root)
            if path in before.stamps:
                was = before.stamps[path]
                if was == now:
                    continue
                entry = before.edits.get(path)
                old = entry.oid.hex() if entry else None
                change = WrittenFile(name, full, was, now, was is not None, old, path)
                if was and now and was[:2] == now[:2] and was.mode == now.mode and self._same(change):
                    continue  # linked, renamed there and back, or only looked at closely
            elif path in listed:
                old, index = listed[path]
                existed = not old.startswith(_NO_OID)
                change = WrittenFile(
                    name, full, None, now, existed, old if existed else None, path, not index.startswith(_NO_OID)
                )
                if existed and now and not self._is_young(change):
                    continue
            else:
                change = WrittenFile(name, full, None, now, existed=False, git=path)
            if change.existed or change.now:
                yield change

    def _is_young(self, change: WrittenFile) -> bool:
        """Say whether a file of the commit was written to; git tells too of those that were only touched before."""
        assert change.now
        if change.indexed and change.now:
            return True
        if change.now.mtime_ns / 1e9 >= self._launched:
            return True
        return change.now.ctime_ns / 1e9 >= self._launched and not self._same(change)

    # --- what it is

    def _part(self, change: WrittenFile) -> str:
        """Say what a changed file is to the run: an output, an input of some layer that was edited, or nothing."""
        path = change.path
        if is_cache(path) or change.full == self._context.settings.path:
            return ""
        if change.full in self._outputs:
            return OUTPUT
        if not change.existed:
            # What git itself took up, as of a branch that was checked out meanwhile, nobody has to have written.
            return "" if change.indexed and not speaks_of_results(path) else OUTPUT
        layer = self._layer(path)
        if layer is None or layer == "command":
            layer = self._guessed(change, named=layer is not None)
        return "" if layer != OUTPUT and change.now and self._same(change) else layer

    def _guessed(self, change: WrittenFile, *, named: bool) -> str:
        """Say what a changed file is that nobody declared; `named` is one in the command, taken for configuration."""
        by_hand = is_by_hand(change.path)
        if self._was_known(change):
            return OUTPUT
        if named:
            return "config" if by_hand or change.full in asked_for(self._context) else OUTPUT
        if speaks_of_results(change.path):
            return OUTPUT
        # What is no text is most likely the run's; where it was a person's, the next run does not write it.
        return "code" if by_hand or change.indexed else OUTPUT

    def _layer(self, path: str) -> str | None:
        """Return the layer that claims a file, by itself or as part of a folder."""
        while path:
            if layer := self._layers.get(path):
                return layer
            path = os.path.dirname(path) if not os.path.isabs(path) else ""
        return None

    def _was_known(self, change: WrittenFile) -> bool:
        """Say whether a file was, before launch, what an earlier run of this program left."""
        row = self._context.known().get(change.path)
        if row is None or row.program != program_of(self._context.argv):
            return False
        by_stamp = change.before is not None and change.before[:3] == (row.size, row.mtime_ns, row.ctime_ns)
        return by_stamp or (row.blob is not None and row.blob == change.old)

    def _same(self, change: WrittenFile) -> bool:
        """Say whether a file's content is what git knew of it; false where nobody can tell."""
        if change.old is None or change.now is None:
            return False
        digest = self._digest(change)
        return digest is not None and digest[1] == change.old

    def _digest(self, change: WrittenFile) -> tuple[str, str] | None:
        """Return a file's SHA-256 and the id git would give its bytes; null where there is no time or room for it."""
        if change.full not in self._digests:
            self._digests[change.full] = self._hash(change)
        return self._digests[change.full]

    def _hash(self, change: WrittenFile) -> tuple[str, str] | None:
        size = change.now.size if change.now else 0
        small = size <= SMALL and len(self._digests) < MANY
        if not small and (size > min(PROVED, self._room) or self._seconds <= 0):
            return None
        algorithm = self._before.repo.algorithm if self._before else "sha1"
        plain, blob = hashlib.sha256(), hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
        read, began = 0, time.monotonic()
        try:
            for piece in pieces(change.full):
                read += len(piece)
                plain.update(piece)
                blob.update(piece)
                if read > size or (not small and time.monotonic() - began > self._seconds):
                    return None
        except OSError:
            return None
        finally:
            self._room -= read
            self._seconds -= time.monotonic() - began
        return (f"sha256:{plain.hexdigest()}", blob.hexdigest()) if read == size else None

    # --- what becomes of it

    def _recorded(self, outputs: list[WrittenFile]) -> Outputs:
        # First what may have been read as well.
        shown = sorted(outputs, key=lambda one: not one.existed)[:SHOWN]
        files: dict[str, OutputFile] = {}
        for change in sorted(shown):
            digest = self._digest(change) if change.now else None
            self._unhashed += change.now is not None and digest is None
            state = change.existed and change.full not in self._outputs
            files[self._text(change.path)] = {
                "bytes": change.now.size if change.now else None,
                "sha256": digest[0] if digest else None,
                "state": state and not self._same(change),
            }
        if self._unhashed:
            self._reasons.append(f"{self._unhashed} are not hashed: too large, not readable, or there was no time")
        if len(outputs) > SHOWN:
            self._reasons.append(f"{len(outputs) - SHOWN} more are counted and not listed")
        return {
            "files": files,
            "count": len(outputs),
            "bytes": sum(change.now.size for change in outputs if change.now),
            "reason": self._text("; ".join(self._reasons)) or None,
        }

    def _code(self, outputs: list[WrittenFile], latest: Mapping[str, Row]) -> Any:
        """Return the tree of code less what turned out to be none; null where it stays as it is."""
        before = self._before
        if before is None or before.code is None or self._manifest["code"]["tree"] is None:
            return None
        gone = {change.git for change in outputs if change.git is not None and change.existed}
        gone |= set(self._of_others(before, latest))
        others = (from_top(before.repo, self._context.root, path) for path in self.others)
        gone |= {path for path in others if path is not None}
        gone -= before.code.without
        if not gone:
            return None
        try:
            tree = yield from less_steps(before.repo, before.code, gone)
        except (GitError, OSError) as problem:
            self._reasons.append(f"outputs are still in the tree of code: {problem}")
            return None
        return tree if tree != self._manifest["code"]["tree"] else None

    def _of_others(self, before: TreeBefore, latest: Mapping[str, Row]) -> Iterator[bytes]:
        """Give the files that were there at launch and that runs beside this one had just written."""
        known = self._context.known()
        for path, row in latest.items():
            if row.sure and known.get(path) != row and (name := from_top(before.repo, self._context.root, path)):
                was = before.stamps.get(name)
                if was and (was.size, was.mtime_ns) == (row.size, row.mtime_ns):
                    yield name
        if self._context.since is None:
            return
        since = int((self._context.since - CLOCK) * 1e9)
        for name in before.untracked:
            was = before.stamps.get(name)
            if was and min(was.mtime_ns, was.ctime_ns) >= since and not is_by_hand(os.fsdecode(name)):
                yield name

    def _list(self, outputs: list[WrittenFile]) -> None:
        """Choose what later runs are to know: what this one made, or made anew."""
        program = program_of(self._context.argv)
        made = {change.full for change in outputs if not change.existed}
        older: dict[tuple[str, str], bool] = {}
        listed: dict[str, Row] = {}
        for change in outputs[:LISTED]:
            if change.now is None or os.path.isabs(change.path):
                continue
            known = self._was_known(change)
            sure = known or change.full in self._outputs or _is_sure(change.path)
            if change.existed and not sure:
                continue  # it was somebody's before, and may be again
            if not sure and not is_by_hand(change.path):
                folder, kind = os.path.dirname(change.full), os.path.splitext(change.full)[1]
                if (folder, kind) not in older:
                    older[folder, kind] = _has_older(folder, kind, made)
                sure = not older[folder, kind]
            digest = self._digests.get(change.full)
            now = change.now
            listed[change.path] = Row(now.size, now.mtime_ns, now.ctime_ns, digest and digest[1], program, sure)
        # A name with a secret in it is written nowhere.
        clean = self._context.scrub.text("\n".join(listed)).split("\n")
        self.rows = {path: row for (path, row), shown in zip(listed.items(), clean, strict=False) if path == shown}

    def _text(self, text: str) -> str:
        return self._context.scrub.text(readable(text))


def claims(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Give the inputs that the record has by content, from the project root, each with its layer."""
    yield from ((path, "software") for path in manifest["software"]["locks"])
    for path, file in manifest["config"]["files"].items():
        yield path, "command" if file["source"] == "command" else "config"
    index = manifest["data"]["retrieval"].get("index")
    data = [one["path"] for one in manifest["data"]["sets"].values()]
    for name in (*data, index if isinstance(index, str) else None):
        if name:
            yield os.path.normpath(name), "data"
            yield f"{os.path.normpath(name)}.dvc", "data"
    yield from ((path, "grader") for path in manifest["grader"]["files"])
    yield from ((one["path"], "prompts") for one in manifest["prompts"].values() if one["path"])


def _differing(out: bytes) -> dict[bytes, tuple[str, str]]:
    """Return what differs from a tree by path: the id of its content there, and in the index where it knows better."""
    fields = out.split(b"\0")
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return {path: (said[2].decode(), said[3].decode()) for head, path in pairs if len(said := head.split(b" ")) > 3}


def _is_sure(path: str) -> bool:
    """Say whether a file's name alone is enough to take it for an output wherever it turns up as a run left it."""
    if is_source(path):
        return False
    hidden = any(part.startswith(".") for part in path.split("/")) and not is_by_hand(path)
    return speaks_of_results(path) or hidden or (tells_the_time(path) and not is_by_hand(path))


def _has_older(folder: str, kind: str, made: Iterable[str]) -> bool:
    """Say whether a folder has other files of a kind than those made now: a new one may then be a person's."""
    made = set(made)
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(kind) and os.path.join(folder, entry.name) not in made for entry in entries)
    except OSError:
        return True
