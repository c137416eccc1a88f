"""Commands of every kind, as strangers prefix them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from campaign.repositories import write

PYTHON = sys.executable
SILENT = '[ -z "$EVALPROV_REPORT" ] || '  # bare, there is nothing to report to


class Child(NamedTuple):
    """A command, and what it needs."""

    argv: Sequence[str]
    stdin: bytes | None = None
    same_output: bool = True
    needs: Callable[[Path], object] = lambda folder: None


def sh(script: str, stdin: bytes | None = None, *, same_output: bool = True) -> Child:
    """A script of the shell."""
    return Child(("/bin/sh", "-c", script), stdin, same_output)


def python(code: str, stdin: bytes | None = None) -> Child:
    """A Python program."""
    return Child((PYTHON, "-c", code), stdin)


def file(text: bytes, mode: int = 0o755, *, same_output: bool = True) -> Child:
    """A file that is started by its path."""
    return Child(("./tool",), None, same_output, lambda folder: write(folder, "tool", text, mode))


CHILDREN: dict[str, Child] = {
    **{f"exit {code}": sh(f"echo out; echo err >&2; exit {code}") for code in (0, 1, 2, 3, 124, 125, 126, 127, 130, 255)},
    **{
        f"SIG{name}": sh(f"ulimit -c 0; echo before; kill -{name} $$; sleep 5")
        for name in ("TERM", "KILL", "INT", "HUP", "QUIT", "SEGV", "ABRT", "PIPE", "USR1", "ALRM", "XCPU", "35")
    },
    "no output": Child(("true",)),
    "only stderr": sh("echo words >&2"),
    "10 MB": sh("head -c 10000000 /dev/zero | tr '\\0' x"),
    "10 MB of lines on both": sh("yes 'a line of some length' | head -c 5000000 | tee /dev/stderr"),
    "bytes": python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 400)"),
    "no newline at the end": sh("printf 'no end'"),
    "only newlines": sh("echo; echo; echo"),
    "carriage returns": sh("for n in 1 2 3; do printf '\\r%s%%' $n; done; printf '\\r{\"a\": 1}\\n'"),
    "colours": sh("printf '\\033[1m{\"accuracy\": 0.5}\\033[0m\\n'"),
    "flat metrics": sh("echo '{\"accuracy\": 0.74, \"n\": 12}'"),
    "report line": sh("echo '{\"metrics\": {\"accuracy\": 0.74}, \"errors\": []}'"),
    "scenarios": sh("for n in 1 2 3; do echo \"{\\\"scenario\\\": \\\"s$n\\\", \\\"metrics\\\": {\\\"ok\\\": true}}\"; done"),
    "NaN": sh("echo '{\"accuracy\": NaN, \"loss\": -Infinity}'"),
    "numbers of 400 digits": python("print('{\"n\": ' + '9' * 400 + '}')"),
    "names twice": sh("echo '{\"a\": 1, \"a\": 2}'"),
    "no metrics at all": sh("echo '[1, 2]'; echo '\"text\"'; echo 5; echo null"),
    "two on a line": sh("echo '{\"a\": 1}{\"b\": 2}'"),
    "over many lines": python("import json; print(json.dumps({'accuracy': 0.5, 'deep': {'a': 1}}, indent=2))"),
    "a line of 3 MB": python("import json; print(json.dumps({f'm{n}': n for n in range(200000)}))"),
    "nested a thousand deep": python("print('{\"a\": ' * 1000 + '1' + '}' * 1000)"),
    "broken JSON": sh("echo '{\"metrics\": {\"a\": }'; echo '{'; echo '}'"),
    "surrogates": sh("echo '{\"\\\\ud800\": 1, \"b\": \"\\\\udfff\"}'"),
    "metrics of no use": sh("echo '{\"metrics\": 5}'; echo '{\"metrics\": null, \"errors\": 7, \"stages\": []}'"),
    "reports to the file": sh(SILENT + "echo '{\"metrics\": {\"a\": 1}}' >\"$EVALPROV_REPORT\""),
    "reports noise to the file": sh(SILENT + "head -c 3000 /dev/zero >\"$EVALPROV_REPORT\""),
    "makes the file a FIFO": sh(SILENT + "{ rm -f \"$EVALPROV_REPORT\"; mkfifo \"$EVALPROV_REPORT\"; }"),
    "leaves a child behind": sh("sleep 2 >/dev/null 2>&1 & echo left"),
    "leaves a child with its output": sh("sleep 2 & echo left"),
    "leaves a daemon": sh("setsid sleep 2 >/dev/null 2>&1 </dev/null & echo left"),
    "built-in": Child(("cd", "/"), same_output=False),
    "not found": Child(("no-such-command", "--config", "x.yaml"), same_output=False),
    "not found by path": Child(("./no/such/command",), same_output=False),
    "empty name": Child(("", "x"), same_output=False),
    "a folder": Child(("/etc",), same_output=False),
    "not executable": file(b"#!/bin/sh\necho ran\n", 0o644, same_output=False),
    "interpreter not there": file(b"#!/no/such/interpreter\n", same_output=False),
    "interpreter with Windows line ends": file(b"#!/bin/sh\r\necho ran\r\n", same_output=False),
    "no interpreter line": file(b"echo ran; exit 4\n"),
    "empty file": file(b"", same_output=False),
    "noise as a program": file(b"\x7fELF\x02\1\1\0 not really", same_output=False),
    "interpreter by env": file(f"#!/usr/bin/env -S {PYTHON} -u\nprint('ran')\n".encode()),
    "link to a program": Child(
        ("./link", "-c", "echo $0"), needs=lambda folder: (folder / "link").symlink_to("/bin/sh")
    ),
    "reads stdin": Child(("cat",), b"one\ntwo\n" * 1000),
    "leaves stdin unread": Child(("head", "-n1"), b"one\ntwo\n" * 1000),
    "empty stdin": Child(("cat",), b""),
    "changes directory": sh("cd /; pwd; cd /tmp; exit 6"),
    "removes its own folder": sh("mkdir -p gone/deep && cd gone/deep && rm -rf ../../gone && echo still here"),
    "limits itself": sh("ulimit -n 20; ulimit -f 100; ulimit -n; exit 2"),
    "python -m": Child((PYTHON, "-m", "json.tool"), b'{"a": 1}'),
    "python -m not there": Child((PYTHON, "-m", "no_such_module")),
    "python -c": python("print('ran')"),
    "python -": Child((PYTHON, "-"), b"print('from stdin')\n"),
    "python not there": Child((PYTHON, "no_such_file.py")),
    "sys.exit with text": python("import sys; sys.exit('words')"),
    "an exception": python("raise ValueError('deep inside')"),
    "os._exit": python("import os; print('lost'); os._exit(9)"),
    "stack overflow": python("import sys; sys.setrecursionlimit(50)\ndef f(): f()\nf()"),
    "closes its output": sh("echo before; exec >&- 2>&-; exit 5"),
    "writes to both in turn": python("import os\nfor n in range(500): os.write(1 + n % 2, b'%d\\n' % n)"),
    "is asked where it is": sh("pwd; echo \"$PWD\"; umask; ulimit -n; ls /proc/self/fd | wc -l"),
    "is asked what it has": sh("env | grep -v -e ^EVALPROV_ -e ^_= | sort"),
    "is asked whether it is a terminal": python("import sys; print([s.isatty() for s in (sys.stdin, sys.stdout)])"),
    "is asked its name": Child(("sh", "-c", "tr '\\0' '|' </proc/$$/cmdline", "two  blanks", "", "*", "$HOME")),
    "is asked its group": sh("test $(ps -o pgid= -p $$) = $(ps -o tpgid= -p $$) || echo background"),
    "stops and goes on": sh("(sleep 0.2; kill -CONT $$) & kill -STOP $$; echo went on"),
    "ends its own group": sh("setsid -w sh -c 'kill -TERM 0'; echo $?"),
    "asks git": sh("git status --porcelain --untracked-files=no; git rev-parse --show-toplevel; true"),
    "commits": sh("git add -A . && git commit -qm 'by the command' && git log --oneline | wc -l"),
    "cleans": sh("git clean -qfd; ls", same_output=False),
    "a thousand processes": sh("i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done"),
    "a hundred arguments of a kilobyte": Child(("printf", "%s", *(f"{n}" * 500 for n in range(100)))),
    "arguments that are no text": Child(("printf", "%s|", "\udcff", "caf\udce9", "日本")),
    "evalprov in evalprov": Child((PYTHON, "-m", "evalprov", "--help"), same_output=True),
    "options of its own": Child(("echo", "--quiet", "--", "--timeout", "0.1")),
    "files named in the command": Child(("cat", "conf.yaml"), needs=lambda folder: write(folder, "conf.yaml", "a: [\n")),
    "a FIFO named in the command": Child(
        ("/bin/sh", "-c", "test -p pipe.yaml && echo there", "--config", "pipe.yaml"),
        needs=lambda folder: __import__("os").mkfifo(folder / "pipe.yaml"),
    ),
    "writes what it was given": sh("echo 'b: 2' >> conf.yaml; cat conf.yaml # --config conf.yaml"),
}  # fmt: skip
