"""A hundred generated repositories and every state a stranger keeps one in, recorded, then brought back.

Each comes back equal, file by file and by git's own id, or the reason why not is said; and the repository it came from
is, file by file and ref by ref, what it was before.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from campaign.repositories import STATES, State, clean, git, write
from evalprov.errors import EvalprovError
from evalprov.restore.bring import NotRestored, RestoreRequest, restore
from evalprov.settings import load
from evalprov.store import read

GENERATED = 100
# States of another room: git itself hangs, or nothing may be read, and no record has files then.
LEFT_OUT = ("hangs", "a pipe as", "pipes as", "a folder as settings", "git that", "another's", "failing hooks")


class Fared(NamedTuple):
    """How one repository fared."""

    name: str
    outcome: str  # equal, named (what is missing is said) or refused
    words: str
    wrong: list[str]  # what must not be


def generated(seed: int) -> State:
    """Return a repository with a history and a dirt of its own."""
    chance = random.Random(seed)

    def setup(folder: Path) -> None:
        clean(folder)
        if chance.random() < 0.3:
            git(folder, "config", "core.autocrlf", chance.choice(("true", "input")))
        if chance.random() < 0.3:
            write(folder, ".gitattributes", "*.txt text eol=crlf\n*.dat -text\n")
        if chance.random() < 0.2:
            git(folder, "config", "core.fileMode", "false")
        if chance.random() < 0.2:
            git(folder, "config", "filter.own.clean", "tr a-z A-Z")
            git(folder, "config", "filter.own.smudge", "tr A-Z a-z")
            write(folder, "shout.own", "quiet\n")
            write(folder, ".git/info/attributes", "*.own filter=own\n")
        write(folder, ".gitignore", "*.log\nbuild/\nignored.*\n")
        names = [
            f"{chance.choice(('', 'src/', 'src/deep/', 'ünï/'))}f{number}.{chance.choice(('py', 'txt', 'dat', 'own'))}"
            for number in range(chance.randint(3, 25))
        ]
        for name in names:
            write(folder, name, _text(chance), chance.choice((0o644, 0o644, 0o755)))
        if chance.random() < 0.5:
            (folder / "link").symlink_to(chance.choice((names[0], "no/such", "src", "/etc/hostname")))
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "more")
        if chance.random() < 0.3:
            git(folder, "tag", "v1")
        for _ in range(chance.randint(0, 12)):
            _dirty(folder, chance, names)
        if chance.random() < 0.2:
            git(folder, "checkout", "-q", "--detach")

    inside = chance.choice((".", ".", "sub"))
    return State(setup, inside)


def _text(chance: random.Random) -> str | bytes:
    return chance.choice(
        (
            "x = 1\n" * chance.randint(1, 40),
            f"{chance.random()}\r\nline\r\n",
            "no end of line",
            "",
            chance.randbytes(chance.randint(1, 3000)),
            "-- a\n++ b\n@@ -1 +1 @@\ndiff --git a/x b/x\n",
        )
    )


def _dirty(folder: Path, chance: random.Random, names: list[str]) -> None:  # noqa: C901 - a table of cases
    """Do one more thing to the work tree or the index."""
    name = chance.choice(names)
    path = folder / name
    there = path.is_file() and not path.is_symlink()
    match chance.randint(0, 11):
        case 0:
            write(folder, name, _text(chance)) if not path.is_symlink() else None
        case 1 if there:
            path.unlink()
        case 2 if there:
            git(folder, "rm", "-q", "-f", name, ok=False)
        case 3 if there:
            git(folder, "mv", name, f"moved{chance.random()}.py", ok=False)
        case 4 if there:
            path.chmod(chance.choice((0o644, 0o755)))
        case 5 if there:
            path.unlink()
            path.symlink_to("eval.py")
        case 6:
            write(
                folder,
                f"new{chance.random()}/file.{chance.choice(('py', 'log', 'txt'))}",
                _text(chance),
                chance.choice((0o644, 0o755)),
            )
        case 7:
            git(folder, "add", "-A")
        case 8:
            write(folder, "ignored.txt", "forced\n")
            git(folder, "add", "-f", "ignored.txt")
        case 9 if there:
            git(folder, "rm", "-q", "--cached", name, ok=False)
        case 10 if there:
            git(folder, "add", "-N", name, ok=False)
            write(folder, name, _text(chance))
        case 11 if there:
            path.unlink()
            write(folder, f"{name}/now/a/folder.py", "z\n")


def snapshot(folder: Path) -> dict[str, str]:
    """Return every file below a folder by what it holds, its mode and when it was written."""
    found = {}
    for place, folders, files in os.walk(os.fsencode(folder)):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            status = os.lstat(path)
            what = os.fsencode(os.readlink(path)) if stat.S_ISLNK(status.st_mode) else b""
            if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 28:
                with open(path, "rb") as file:
                    what = file.read()
            when = status.st_mtime_ns if not stat.S_ISDIR(status.st_mode) else 0
            found[os.fsdecode(path)] = f"{status.st_mode:o} {when} {hashlib.sha256(what).hexdigest()}"
    return found


def files(folder: Path, store: str) -> dict[str, str]:
    """Return the files that git would take in, by their content as git has it, their modes and where links lead."""
    listed = subprocess.run(
        ["git", "-C", folder, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True
    ).stdout
    told = subprocess.run(["git", "-C", folder, "config", "core.fileMode"], capture_output=True).stdout
    modes = told.strip() != b"false"  # else git does not see them, and no record has them
    found = {}
    for name in listed.split(b"\0"):
        path = os.path.join(os.fsencode(folder), name)
        if (
            not name
            or not os.path.lexists(path)
            or (os.path.isdir(path) and not os.path.islink(path))
            or name.startswith(os.fsencode(store))
        ):
            continue
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            found[os.fsdecode(name)] = f"link {os.fsdecode(os.readlink(path))}"
        elif stat.S_ISREG(status.st_mode):
            said = subprocess.run(["git", "-C", folder, "hash-object", "--", name], capture_output=True).stdout
            found[os.fsdecode(name)] = f"{bool(status.st_mode & 0o100) and modes} {said.decode().strip()}"
    return found


def fare(name: str, state: State, base: Path) -> Fared:
    """Make a repository, record a run in it, bring that back, and say how it went."""
    shutil.rmtree(base, ignore_errors=True)
    (base / "project").mkdir(parents=True)
    state.setup(base / "project")
    folder = base / "project" / state.cwd
    store = base / "project" / state.store
    words = [sys.executable, "-m", "evalprov", "run", "--quiet", "--store", str(store), "--", "true"]
    done = subprocess.run(
        words, cwd=folder, capture_output=True, env={**os.environ, **{k: v for k, v in state.env.items() if v}}
    )
    if done.returncode:
        return Fared(name, "refused", f"the run itself: {done.stderr.decode()[:80]}", [])
    m = read.load(str(store), "latest")
    before = snapshot(base)
    wrong: list[str] = []
    try:
        found = restore(RestoreRequest(m, str(store), load(str(folder)).root, str(base / "back"), dict(os.environ)))
        outcome = "equal" if found.whole else "named"
        text = "; ".join(found.missing)
        if not found.whole and not found.missing:
            wrong.append("not whole, and nobody says why")
    except NotRestored as problem:
        outcome, text = "refused", problem.message
    except EvalprovError as problem:
        outcome, text = "refused", problem.message
        wrong.append(f"an error nobody thought of: {problem.message}")
    after = {path: what for path, what in snapshot(base).items() if not path.startswith(f"{base}/back")}
    if after != before:
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        wrong.append(f"the repository was written to: {changed[:5]}")
    if outcome == "equal" and "huge" not in name:
        top = Path(m["git"]["root"] or folder)
        inside = os.path.relpath(os.path.realpath(store), os.path.realpath(top))
        ones, others = files(top, inside), files(base / "back", inside)
        sparse = "sparse" in name
        if {path: one for path, one in others.items() if not sparse or path in ones} != ones:
            differing = sorted(path for path in ones.keys() | others.keys() if ones.get(path) != others.get(path))
            wrong.append(
                f"called equal, and differs: {[(path, ones.get(path), others.get(path)) for path in differing[:3]]}"
            )
    return Fared(name, outcome, text, wrong)


def states() -> dict[str, State]:
    """Return all there is to try."""
    usual = {
        name: state for name, state in STATES.items() if not any(word in name for word in LEFT_OUT) and not state.around
    }
    return usual | {f"generated {seed}": generated(seed) for seed in range(GENERATED)}


def main() -> int:
    """Try them all; the exit code is 1 where anything went wrong."""
    os.environ.update({"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"})
    for who in ("AUTHOR", "COMMITTER"):
        os.environ.update({f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org"})
    counts: dict[str, int] = {}
    failed = 0
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="restore-") as base:
        for name, state in states().items():
            if wanted and name not in wanted:
                continue
            found = fare(name, state, Path(base) / "one")
            counts[found.outcome] = counts.get(found.outcome, 0) + 1
            failed += bool(found.wrong)
            if found.wrong or found.outcome != "equal":
                print(f"{found.outcome}\t{name}\t{found.words[:160]}\t{found.wrong or ''}", flush=True)
    print(f"{sum(counts.values())} repositories: {counts}; {failed} went wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
