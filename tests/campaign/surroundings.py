"""Environments, limits and descriptors that a command may be started with, and places to keep records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from campaign.repositories import NO_PRIVILEGES, write

SHADOWS = ("typing", "rich", "json", "msgspec", "signal", "dataclasses", "yaml", "__future__")


class Around(NamedTuple):
    """What surrounds a command: variables, and lines of sh that are run before it in its process."""

    env: Mapping[str, str | None] = {}
    around: str = ""
    needs: Callable[[Path], object] = lambda folder: None
    stdin: bytes | None = None
    cwd: str = "."
    store: str = "metrics"
    refused: bool = False
    adds: float = 3.0


class Place(NamedTuple):
    """Where records are to be kept."""

    options: Sequence[str] = ()
    store: str | None = "metrics"
    needs: Callable[[Path], object] = lambda folder: None
    around: str = ""
    refused: bool = False


def shadows(folder: Path) -> None:
    """Modules of the user's that are named like some we need."""
    for name in SHADOWS:
        write(folder, f"lib/{name}.py", f"raise SystemExit('this is the user\\'s own {name}')\n")


def fake(name: str, script: str) -> Callable[[Path], object]:
    """A program of the user's that comes first in PATH."""
    return lambda folder: write(folder, f"bin/{name}", f"#!/bin/sh\n{script}\n", 0o755)


def first(folder_of_programs: str) -> dict[str, str]:
    """Return a PATH that begins with it."""
    return {"PATH": f"{folder_of_programs}:{os.environ['PATH']}"}


def other_file_system(folder: Path) -> None:
    """A link to a folder in memory."""
    there = Path("/dev/shm/evalprov-campaign", folder.parent.name)
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir(parents=True)
    (folder / "link").symlink_to(there)


def full(folder: Path) -> None:
    """A store that holds a thousand runs already."""
    from evalprov.record.form import blank, history_line
    from evalprov.store.ids import stamp, timestamp

    (folder / "metrics/runs").mkdir(parents=True)
    with (folder / "metrics/eval_history.jsonl").open("wb") as history:
        for number in range(1000):
            run_id = stamp(1_700_000_000 + 60 * number)
            manifest = blank(run_id, timestamp(run_id))
            manifest["status"] = "completed"
            (folder / f"metrics/runs/{run_id}.json").write_text(json.dumps(manifest))
            history.write(history_line(manifest))


SURROUNDINGS: dict[str, Around] = {
    "PYTHONPATH with our names": Around({"PYTHONPATH": "lib"}, needs=shadows),
    "PYTHONPATH and all others": Around(
        {"PYTHONPATH": "lib:", "PYTHONINSPECT": "1", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2"}, needs=shadows
    ),
    "PYTHONPATH of noise": Around({"PYTHONPATH": ":::/no/such:\udcff:\n"}),
    "PYTHONDEVMODE": Around({"PYTHONDEVMODE": "1", "PYTHONMALLOC": "debug", "PYTHONTRACEMALLOC": "3"}),
    "PYTHONSAFEPATH": Around({"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1", "PYTHONHASHSEED": "7"}),
    "PYTHONUTF8=0 in ASCII": Around({"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}),
    "PYTHONIOENCODING": Around({"PYTHONIOENCODING": "ascii:strict"}),
    "PYTHONINTMAXSTRDIGITS": Around({"PYTHONINTMAXSTRDIGITS": "640"}),
    "PYTHONPYCACHEPREFIX": Around({"PYTHONPYCACHEPREFIX": "/dev/shm/evalprov-campaign/cache", "PYTHONDONTWRITEBYTECODE": None}),
    "PYTHONSTARTUP": Around({"PYTHONSTARTUP": "/no/such", "PYTHONBREAKPOINT": "no.such"}),
    "sitecustomize": Around({"PYTHONPATH": "lib"}, needs=lambda f: write(f, "lib/sitecustomize.py", "import json\njson.dumps = None\n")),
    "no HOME": Around({"HOME": None}),
    "HOME empty": Around({"HOME": ""}),
    "HOME not there": Around({"HOME": "/no/such/home"}),
    "HOME a file": Around({"HOME": "/etc/passwd"}),
    "HOME relative": Around({"HOME": "."}),
    "XDG_CACHE_HOME not writable": Around({"XDG_CACHE_HOME": "/proc", "XDG_CONFIG_HOME": "/proc"}),
    "no PATH": Around({"PATH": None}),
    "PATH empty": Around({"PATH": ""}),
    "PATH relative": Around({"PATH": f".:bin::{os.environ['PATH']}"}, needs=fake("tool", "echo tool")),
    "PATH without git": Around(first("bin"), needs=fake("git", "echo git: command not found >&2; exit 127")),
    "PATH of things not there": Around({"PATH": f"/no/such:/etc/passwd:~/bin:$HOME:{os.environ['PATH']}"}),
    "git that fails": Around(first("bin"), needs=fake("git", "echo boom >&2; exit 1")),
    "git that prints noise": Around(first("bin"), needs=fake("git", "head -c 5000 /dev/urandom")),
    "git that hangs": Around(first("bin"), needs=fake("git", "exec sleep 600"), adds=25),
    "git that asks": Around(first("bin"), needs=fake("git", "read answer </dev/tty; exit 1")),
    "python that fails": Around(first("bin"), needs=fake("python", "exit 1")),
    "TMPDIR not there": Around({"TMPDIR": "/no/such/tmp"}),
    "TMPDIR a file": Around({"TMPDIR": "/etc/passwd"}),
    "TMPDIR relative": Around({"TMPDIR": "tmp"}, needs=lambda folder: (folder / "tmp").mkdir()),
    "TMPDIR of another file system": Around({"TMPDIR": "/dev/shm"}),
    **{f"LANG={name}": Around({"LANG": name, "LC_ALL": None}) for name in ("C", "POSIX", "xx_YY.UTF-8", "de_DE", "")},
    **{f"LC_ALL={name}": Around({"LC_ALL": name}) for name in ("C", "tr_TR.UTF-8", "C.UTF-8", "\udcff")},
    "TZ odd": Around({"TZ": "/etc/passwd", "LC_TIME": "ja_JP"}),
    "TERM dumb and NO_COLOR": Around({"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "7", "LINES": "x"}),
    "TERM not known": Around({"TERM": "no-such-terminal", "FORCE_COLOR": "3", "CLICOLOR_FORCE": "1"}),
    "ten thousand variables": Around({f"VARIABLE_{n}": f"value {n}" for n in range(10_000)}),
    "two thousand secrets": Around({f"API_KEY_{n}": f"sk-{n:040}" for n in range(2_000)}),
    "a variable of 100 kB": Around({"LONG": "x" * 100_000, "LONG_TOKEN": "ab" * 50_000}),
    "values that are no text": Around({"NOISE": "\udcff\udcfe", "LINES_OF": "one\ntwo\n", "LC_NOISE": "\udc80"}),
    "names that are odd": Around({"A.B": "1", "BASH_FUNC_f%%": "() { :; }", "é": "2", " ": "3"}),
    "short secrets": Around({"API_KEY": "a", "PASSWORD": "1", "TOKEN": "", "SECRET": " "}),
    "a secret that is a common word": Around({"DB_PASSWORD": "metrics", "API_TOKEN": "true", "SECRET_KEY": "runs"}),
    "a secret that is a word of the record": Around(
        {"DB_PASSWORD": "running", "API_TOKEN": "completed", "SECRET_KEY": "captured", "MY_PASSWORD": "sha256"}
    ),
    "no environment at all": Around(around='exec env -i "$@"'),
    "GIT_DIR to nowhere": Around({"GIT_DIR": "/no/such.git"}),
    "GIT_DIR and GIT_WORK_TREE": Around({"GIT_DIR": ".git", "GIT_WORK_TREE": "sub"}),
    "GIT_INDEX_FILE": Around({"GIT_INDEX_FILE": "own.index"}),
    "GIT_OBJECT_DIRECTORY": Around({"GIT_OBJECT_DIRECTORY": "own.objects"}),
    "GIT_TRACE": Around({"GIT_TRACE": "1", "GIT_TRACE2": "1", "GIT_TRACE_SETUP": "1"}),
    "GIT_TRACE to a file": Around({"GIT_TRACE": "trace.log"}),
    "GIT_CONFIG_*": Around(
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.quotePath", "GIT_CONFIG_VALUE_0": "x", "GIT_CONFIG_GLOBAL": "/no/such"}
    ),
    "GIT_CONFIG_PARAMETERS of noise": Around({"GIT_CONFIG_PARAMETERS": "'no"}),
    "GIT_CEILING_DIRECTORIES": Around({"GIT_CEILING_DIRECTORIES": "/", "GIT_DISCOVERY_ACROSS_FILESYSTEM": "0"}),
    "GIT_EXTERNAL_DIFF": Around({"GIT_EXTERNAL_DIFF": "false", "GIT_PAGER": "false", "GIT_EDITOR": "false"}),
    "GIT_ASKPASS": Around({"GIT_ASKPASS": "false", "GIT_TERMINAL_PROMPT": "1", "SSH_ASKPASS": "false"}),
    "GitHub's": Around({"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SHA": "x", "GITHUB_REF": "\n", "GITHUB_STEP_SUMMARY": "/no"}),
    "GitLab's": Around({"CI": "1", "GITLAB_CI": "true", "CI_COMMIT_SHA": "", "CI_JOB_URL": "https://u:p@example.org"}),
    "Slurm's": Around({"SLURM_JOB_ID": "x", "SLURM_CPUS_PER_TASK": "many", "SLURM_MEM_PER_NODE": "-1"}),
    "torchrun's": Around({"RANK": "1", "WORLD_SIZE": "x", "LOCAL_RANK": "", "MASTER_PORT": "99999"}),
    "Kubernetes'": Around({"KUBERNETES_SERVICE_HOST": "x", "HOSTNAME": "\udcff", "KUBERNETES_PORT": "tcp://"}),
    "virtual environment not there": Around({"VIRTUAL_ENV": "/no/such", "CONDA_PREFIX": "/no/such", "CONDA_DEFAULT_ENV": "x"}),
    "GPU variables of noise": Around({"CUDA_VISIBLE_DEVICES": "none of them", "NVIDIA_VISIBLE_DEVICES": "\udcff"}),
    "our own variables of noise": Around({"EVALPROV_TRIAL": "x", "EVALPROV_SEED": "", "EVALPROV_NO": "\udcff"}),
    "our own parent": Around({"EVALPROV_RUN_ID": "../../etc/passwd"}),
    "ulimit -n 64": Around(around="ulimit -n 64"),
    "ulimit -n 24": Around(around="ulimit -n 24"),
    "ulimit -v": Around(around="ulimit -v 1500000"),
    "ulimit -s": Around(around="ulimit -s 512"),
    "ulimit -f": Around(around="ulimit -f 200000"),
    "ulimit -t": Around(around="ulimit -t 20"),
    "ulimit -c 0 -l 0 -q 0": Around(around="ulimit -c 0; ulimit -l 0"),
    "umask 077": Around(around="umask 077"),
    "umask 000": Around(around="umask 000"),
    "umask 777": Around(around="umask 777"),
    "nice": Around(around='exec nice -n 10 "$@"'),
    "one processor": Around(around='exec taskset -c 0 "$@"'),
    "a session of its own": Around(around='exec setsid -w "$@"'),
    "under timeout": Around(around='exec timeout 60 "$@"'),
    "under nohup": Around(around="trap '' HUP"),
    "signals ignored": Around(around="trap '' INT QUIT TERM PIPE USR1 USR2 TSTP"),
    "stdin closed": Around(around="exec <&-"),
    "stdout closed": Around(around="exec >&-"),
    "stderr closed": Around(around="exec 2>&-"),
    "all closed": Around(around="exec <&- >&- 2>&-"),
    "stdin to write only": Around(around="exec </dev/null 0>/dev/null"),
    "stdin a file": Around(around="exec <sub/conf.yaml"),
    "stdin a pipe": Around(stdin=b"one\ntwo\n"),
    "stdin zero": Around(around="exec </dev/zero"),
    "stdout and stderr one": Around(around="exec 2>&1"),
    "stdout and stderr swapped": Around(around="exec 3>&1 1>&2 2>&3 3>&-"),
    "stdout a file": Around(around="exec >out.log"),
    "stdout a file to append": Around(around="exec >>out.log 2>>out.log"),
    "stderr nowhere": Around(around="exec 2>/dev/null"),
    "more descriptors": Around(around="exec 3<sub/conf.yaml 9>/dev/null"),
    "without privileges": Around(around=NO_PRIVILEGES),
    "another user": Around(
        around='exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"',
        needs=lambda folder: subprocess.run(["chown", "-R", "65534:65534", folder], check=True),
    ),
    "a folder by a link": Around(
        around="cd link", needs=lambda folder: (folder / "link").symlink_to("sub"), cwd=".", store="metrics"
    ),
    "PWD that lies": Around({"PWD": "/no/such/place", "OLDPWD": "\udcff"}),
    "a folder that is gone": Around(around="mkdir gone; cd gone; rmdir ../gone", refused=True),
    "a folder of blanks": Around(cwd=" two  blanks ", needs=lambda f: (f / " two  blanks ").mkdir()),
    "a folder of noise": Around(cwd="caf\udce9", needs=lambda f: (f / "caf\udce9").mkdir()),
    "a folder of two lines": Around(cwd="one\ntwo", needs=lambda f: (f / "one\ntwo").mkdir()),
    "a folder like an option": Around(cwd="--help", needs=lambda f: (f / "--help").mkdir()),
}  # fmt: skip

PLACES: dict[str, Place] = {
    "elsewhere": Place(("--store", "kept/in/here"), "kept/in/here"),
    "elsewhere, absolute": Place(("--store", "{folder}/kept"), "kept"),
    "of blanks": Place(("--store", " two  blanks "), " two  blanks "),
    "of noise": Place(("--store", "caf\udce9"), "caf\udce9"),
    "in a place that is ignored": Place(("--store", "ignored/m"), "ignored/m", lambda f: write(f, ".gitignore", "ignored\n")),
    "on a long path": Place(("--store", "/".join(["d" * 200] * 9)), "/".join(["d" * 200] * 9)),
    "of another file system": Place(("--store", "link"), "link", other_file_system),
    "by a link": Place(store="real", needs=lambda f: ((f / "real").mkdir(), (f / "metrics").symlink_to("real"))),
    "by a link to nowhere": Place(store=None, needs=lambda f: (f / "metrics").symlink_to("/no/such/place"), refused=True),
    "where a file is": Place(store=None, needs=lambda f: write(f, "metrics", "mine\n"), refused=True),
    "in a folder that is read-only": Place(
        ("--store", "closed/m"), None, lambda f: (f / "closed").mkdir(0o555), NO_PRIVILEGES, refused=True
    ),
    "read-only itself": Place(
        store=None, needs=lambda f: (f / "metrics").mkdir(0o555), around=NO_PRIVILEGES, refused=True
    ),
    "with a thousand runs": Place(needs=full),
    "with files of the user's": Place(needs=lambda f: (write(f, "metrics/mine.csv"), write(f, "metrics/runs/notes.txt"))),
    "with a history that is torn": Place(needs=lambda f: write(f, "metrics/eval_history.jsonl", '{"run_id": "2026')),
    "with a history of noise": Place(needs=lambda f: write(f, "metrics/eval_history.jsonl", b"\xff\xfe\0" * 5000)),
    "with a history that is a folder": Place(
        needs=lambda f: (f / "metrics/eval_history.jsonl").mkdir(parents=True), refused=True
    ),
    "with what a killed run left": Place(
        needs=lambda f: (write(f, "metrics/active/20260101T000000Z", ""), write(f, "metrics/runs/20260101T000000Z.json", ""))
    ),
    "with settings": Place(needs=lambda f: write(f, "evalprov.toml", 'store = "metrics"\n')),
    "with settings that are wrong": Place(store=None, needs=lambda f: write(f, "evalprov.toml", "stor = 5\n"), refused=True),
    "with settings of noise": Place(store=None, needs=lambda f: write(f, "evalprov.toml", b"\xff\xfe"), refused=True),
}  # fmt: skip
