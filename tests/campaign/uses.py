"""What a program uses beyond what git shows: one hidden cause a row, most beside an edit of the declared prompt.

These rows were written from what programs do, by somebody who had not read how runs are observed.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import os
import shutil
import socketserver
import sqlite3
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from campaign.truth import (
    PLAN,
    README,
    Edit,
    Row,
    World,
    argv,
    both,
    bump,
    command,
    editable,
    env,
    findings,
    on_path,
    outside,
    row,
    write,
)

TWO = "import os, subprocess, sys\nfrom pathlib import Path\nworld = Path(os.environ['WORLD'])\n"
MODES = ("project", "auto")
HELD = "data|code|config|prompts|used"  # where a file may stand that nobody declared


def reads(code: str, *, before: str = "one\n", name: str = "far/rows.txt") -> Edit:
    """Return what makes the eval read, by this code, a file that lies outside the repository."""
    return both(uses(code), outside(name, before))


def uses(code: str) -> Edit:
    """Return what makes the eval use the value of this code."""
    return both(write("reach.py", f"{TWO}far = world / 'far/rows.txt'\n{code}\n"), World.commit)


def child(*words: str) -> Edit:
    """Return what makes the eval read the outside file through a process of its own; {far} is the file."""
    given = [word.replace("{far}", "'+str(far)+'") for word in words]
    return reads(
        "VALUE = subprocess.run([" + ", ".join(f"'{word}'" for word in given) + "], capture_output=True).stdout"
    )


def worker(start: str) -> Edit:
    """Return what makes a worker process of the eval read the outside file."""
    code = (
        "import multiprocessing, rows\ndel sys.modules['__main__'].__file__  # which a worker would import\n"
        f"with multiprocessing.get_context('{start}').Pool(1) as pool:\n    VALUE = pool.map(rows.rows, [far])"
    )
    return both(write("rows.py", "def rows(path):\n    return path.read_text()\n"), reads(code))


def aside(*words: str) -> Edit:
    """Return a command that has a shell do something before the eval, and what the eval is given after it."""
    return command("bash", "-c", words[0] + "{python} eval.py --config conf.yaml" + (words[1] if words[1:] else ""))


def hidden(name: str, homes: str, edit: Edit, prepare: Edit = lambda _: None) -> Row:
    """Make a row whose cause is hidden behind an edit of the declared prompt."""
    return known(f"{name}, behind a prompt", f"{homes} prompts", both(edit, PLAN), prepare)


def known(name: str, homes: str, edit: Edit, prepare: Edit = lambda _: None, idle: str = "") -> Row:
    """Make a row in which the model tells which it is: else nothing could ever be called the only change."""
    return row(name, homes, edit, both(outside("tell-model", "yes"), prepare), idle)


def archive(value: int) -> Edit:
    """Return what packs a module into an archive outside the repository."""

    def pack(world: World) -> None:
        with zipfile.ZipFile(world.folder / "far.zip", "w") as packed:
            packed.writestr("packed.py", f"VALUE = {value}\n")

    return pack


def table(value: int) -> Edit:
    """Return what puts a value into a database outside the repository."""

    def put(world: World) -> None:
        with contextlib.closing(sqlite3.connect(world.folder / "far.db")) as db, db:
            db.execute("create table if not exists rows (one)")
            db.execute("insert into rows values (?)", (value,))

    return put


def library(value: int) -> Edit:
    """Return what compiles a library outside the repository."""

    def build(world: World) -> None:
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-x", "c", "-o", world.folder / "far.so", "-"],
            input=f"int value(void) {{ return {value}; }}".encode(),
            check=True,
        )

    return build


def sourceless(value: int) -> Edit:
    """Return what leaves a module's bytecode alone beside the program, ignored by git."""

    def build(world: World) -> None:
        world.outside("built.py", f"VALUE = {value}\n")
        command = [world.venv / "bin/python", "-c", f"import py_compile; py_compile.compile({str(world.folder / 'built.py')!r}, {str(world.repo / 'ignored_built.pyc')!r})"]  # fmt: skip
        subprocess.run(command, check=True)

    return build


def cached(**places: str) -> Edit:
    """Return what points variables at folders outside the repository."""
    return lambda world: world.env.update({name: str(world.folder / place) for name, place in places.items()})


def linked(world: World) -> None:
    """Take in a folder from outside by a link."""
    world.outside("elsewhere/rows.txt", "1\n")
    (world.repo / "taken").symlink_to(world.folder / "elsewhere")
    uses("VALUE = Path('taken/rows.txt').read_text()")(world)


def second_interpreter(world: World) -> None:
    """Have another environment with another version of a package, found first on PATH after the edit."""
    other = World(world.folder, declared=False)
    shutil.copytree(world.venv, world.folder / "venv2", symlinks=True)
    other.packages = next((world.folder / "venv2/lib").glob("python*")) / "site-packages"
    other.install("fakepkg", "2.0", "VALUE = 2\n")
    world.env["PATH"] = f"{world.venv}/bin:{os.environ['PATH']}"


def other_first(world: World) -> None:
    """Put the other environment first."""
    world.env["PATH"] = f"{world.folder}/venv2/bin:{os.environ['PATH']}"


def tool(value: int) -> Edit:
    """Return what puts a program on PATH that the command is."""

    def put(world: World) -> None:
        world.outside(
            "bin/evaluate", f"#!/bin/sh\nKNOB={value} exec {world.venv}/bin/python eval.py --config conf.yaml\n"
        )
        (world.folder / "bin/evaluate").chmod(0o755)
        world.env["PATH"] = f"{world.folder}/bin:{os.environ['PATH']}"
        world.argv = ["evaluate"]

    return put


def user_site(name: str, text: str) -> Edit:
    """Return what puts a module where Python looks for the user's own."""

    def put(world: World) -> None:
        cfg = world.venv / "pyvenv.cfg"
        cfg.write_text(
            cfg.read_text().replace("include-system-site-packages = false", "include-system-site-packages = true")
        )
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        world.outside(f".local/lib/{version}/site-packages/{name}", text)

    return put


def in_packages(name: str, text: str) -> Edit:
    """Return what writes a file among the installed packages."""

    def put(world: World) -> None:
        file = world.packages / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return put


def with_data(value: int) -> Edit:
    """Return what installs a package with a data file that its record names."""

    def put(world: World) -> None:
        text = f"{value}\n"
        world.install(
            "fakepkg",
            "1.0",
            "from pathlib import Path\nVALUE = (Path(__file__).parent / 'fakedata/rows.txt').read_text()\n",
        )
        in_packages("fakedata/rows.txt", text)(world)
        digest = base64.urlsafe_b64encode(hashlib.sha256(b"1\n").digest()).rstrip(b"=").decode()
        record = world.packages / "fakepkg-1.0.dist-info/RECORD"
        record.write_text(f"fakedata/rows.txt,sha256={digest},2\n" + record.read_text())

    return put


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with what a file says."""

    def __init__(self, file: Path, *rest: object) -> None:
        self.file = file
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.file.read_bytes())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(world: World) -> None:
    """Start a server on this machine, which the eval asks; it ends with us."""
    world.outside("answer", "one")
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), functools.partial(Answers, world.folder / "answer"))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.outside("port", str(server.server_address[1]))
    uses(
        "import urllib.request\n"
        "VALUE = urllib.request.urlopen('http://127.0.0.1:' + (world / 'port').read_text()).read()"
    )(world)


def kept(world: World) -> None:
    """Let the eval keep what it learned in a cache outside the repository, and read it the next time."""
    uses(
        "cache = world / 'home-cache/answers.txt'\nVALUE = cache.read_text() if cache.exists() else 'none'\n"
        "cache.parent.mkdir(exist_ok=True)\ncache.write_text('learned')"
    )(world)


def tagged(world: World) -> None:
    """Let the eval ask git which tags there are."""
    uses("VALUE = subprocess.run(['git', 'tag'], capture_output=True).stdout")(world)


FAR = outside("far/rows.txt", "two\n")
OPEN = "VALUE = far.read_text()"

USES: tuple[Row, ...] = (
    # Files outside the repository, by whatever opens them.
    known("a file far away", HELD, FAR, reads(OPEN)),
    hidden("a file far away", HELD, FAR, reads(OPEN)),
    hidden("a file far away, by its descriptor", HELD, FAR, reads("VALUE = os.read(os.open(far, os.O_RDONLY), 99)")),
    hidden("a file far away, mapped", HELD, FAR, reads("import mmap\nwith far.open('rb') as file:\n    VALUE = bytes(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))")),
    hidden("a file far away, by a thread", HELD, FAR, reads("import threading\nVALUE = []\nthread = threading.Thread(target=lambda: VALUE.append(far.read_text()))\nthread.start()\nthread.join()")),
    hidden("a file far away, by a fork", HELD, FAR, worker("fork")),
    hidden("a file far away, by a fork that ends at once", HELD, FAR, reads("ours, theirs = os.pipe()\nif not os.fork():\n    os.write(theirs, far.read_bytes())\n    os._exit(0)\nos.wait()\nVALUE = os.read(ours, 99)")),
    hidden("a file far away, by a spawned worker", HELD, FAR, worker("spawn")),
    hidden("a file far away, by a fork server", HELD, FAR, worker("forkserver")),
    hidden("a file far away, by cat", HELD, FAR, child("cat", "{far}")),
    hidden("a file far away, by a shell", HELD, FAR, child("sh", "-c", "read word < {far}; echo $word")),
    hidden("a file far away, by awk", HELD, FAR, child("awk", "{print}", "{far}")),
    hidden("a file far away, by python -I", HELD, FAR, reads("VALUE = subprocess.run([sys.executable, '-I', '-c', 'import sys; print(open(sys.argv[1]).read())', far], capture_output=True).stdout")),
    hidden("a file far away, by python -S -E", HELD, FAR, reads("VALUE = subprocess.run([sys.executable, '-S', '-E', '-c', 'import sys; print(open(sys.argv[1]).read())', far], capture_output=True).stdout")),
    hidden("a file far away, without our variables", HELD, FAR, reads("VALUE = subprocess.run([sys.executable, '-c', 'import sys; print(open(sys.argv[1]).read())', far], env={}, capture_output=True).stdout")),
    hidden("a file far away, after an exec", HELD, FAR, reads("if os.environ.get('AGAIN') is None:\n    os.environ['AGAIN'] = '1'\n    os.execv(sys.executable, [sys.executable, *sys.argv])\nVALUE = far.read_text()")),
    hidden("a database far away", HELD, table(2), both(table(1), uses("import sqlite3\nVALUE = sqlite3.connect(world / 'far.db').execute('select * from rows').fetchall()"))),
    hidden("a library far away", f"{HELD}|software", library(2), both(library(1), uses("import ctypes\nVALUE = ctypes.CDLL(str(world / 'far.so')).value()"))),
    hidden("a module in an archive far away", f"{HELD}|software", archive(2), both(archive(1), uses("sys.path.insert(0, str(world / 'far.zip'))\nimport packed\nVALUE = packed.VALUE"))),
    hidden("a module on PYTHONPATH", "code|software", outside("outer/outside.py", "VALUE = 2\n"), on_path),
    hidden("an editable install", "software", outside("lib/edited.py", "VALUE = 2\n"), editable),
    hidden("a folder that is linked in", HELD, outside("elsewhere/rows.txt", "2\n"), linked),
    hidden("a file that a shell held open", HELD, FAR, both(reads("VALUE = os.read(9, 99)"), aside("exec 9< $WORLD/far/rows.txt; "))),
    hidden("what a shell put through a pipe", HELD, FAR, both(reads("VALUE = Path(sys.argv[-1]).read_text() if 'fd' in sys.argv[-1] else None"), aside("", " <(cat $WORLD/far/rows.txt)"))),
    # What is read of the world without opening a file.
    hidden("a file that was not there", HELD, FAR, uses("VALUE = far.read_text() if far.exists() else None")),
    hidden("names in a folder", HELD, outside("far/more.txt", ""), reads("VALUE = sorted(os.listdir(far.parent))")),
    hidden("a tag of the repository", HELD, lambda w: w.git("tag", "v2"), tagged),
    hidden("a server on this machine", "model|no_file", outside("answer", "two"), serve),
    hidden("a cache that the run before wrote", HELD, lambda _: None, kept),
    # What git does not show beside the program.
    hidden("ignored source read as text", HELD, write("ignored_rule.txt", "2\n"), both(write("ignored_rule.txt", "1\n"), uses("VALUE = Path('ignored_rule.txt').read_text()"))),
    hidden("an ignored folder of templates", HELD, write("ignored/one.j2", "2\n"), both(write("ignored/one.j2", "1\n"), uses("VALUE = Path('ignored/one.j2').read_text()"))),
    hidden("ignored bytes", HELD, write("ignored.pkl", "2\n"), both(write("ignored.pkl", "1\n"), uses("VALUE = Path('ignored.pkl').read_bytes()"))),
    hidden("an ignored file that only cat opens", HELD, write("ignored.bin", "2\n"), both(write("ignored.bin", "1\n"), uses("VALUE = subprocess.run(['cat', 'ignored.bin'], capture_output=True).stdout"))),
    hidden("an ignored module that is bytecode alone", HELD, sourceless(2), both(sourceless(1), uses("import ignored_built\nVALUE = ignored_built.VALUE"))),
    hidden("a .env file that is not called .env alone", "code|config|software", write(".env.local", "A=2\n"), both(write(".gitignore", "ignored*\ndata/plain.jsonl\n.env*\n"), write(".env.local", "A=1\n"), uses("VALUE = Path('.env.local').read_text()"))),
    # Variables, by whatever reads them.
    hidden("a variable that C reads", "software", env(KNOB_C="2"), both(env(KNOB_C="1"), uses("import ctypes\nctypes.pythonapi.getenv.restype = ctypes.c_char_p\nVALUE = ctypes.pythonapi.getenv(b'KNOB_C')"))),
    hidden("a variable that a shell reads", "software", env(KNOB_S="2"), both(env(KNOB_S="1"), uses("VALUE = subprocess.run(['sh', '-c', 'echo $KNOB_S'], capture_output=True).stdout"))),
    hidden("a variable read from /proc", "software", env(KNOB_P="2"), both(env(KNOB_P="1"), uses("VALUE = [word for word in Path('/proc/self/environ').read_bytes().split(bytes(1)) if b'KNOB_P' in word]"))),
    hidden("the time zone", "software|infra", env(TZ="Asia/Tokyo"), both(env(TZ="UTC"), uses("import time\nVALUE = time.tzname"))),
    hidden("assertions off", "software", env(PYTHONOPTIMIZE="1"), uses("VALUE = sys.flags.optimize")),
    hidden("another home folder", f"{HELD}|software", lambda w: w.env.update(HOME=str(w.folder / "far")), both(outside("far/.evalrc", "2\n"), outside(".evalrc", "1\n"), uses("VALUE = Path('~/.evalrc').expanduser().read_text()"))),
    # The software that really ran.
    hidden("another interpreter first on PATH", "software", other_first, both(second_interpreter, command("python", "eval.py", "--config", "conf.yaml"))),
    hidden("another interpreter behind a shell", "software", other_first, both(second_interpreter, command("sh", "-c", "python eval.py --config conf.yaml; exit $?"))),
    hidden("another interpreter behind make", "software", other_first, both(second_interpreter, write("Makefile", "eval:\n\tpython eval.py --config conf.yaml\n"), World.commit, command("make", "eval"))),
    hidden("a program on PATH", "software|code|config", tool(2), tool(1)),
    hidden("a package behind two shells", "software", bump, command("bash", "-c", "sh -c '{python} eval.py --config conf.yaml; exit $?'; exit $?")),
    hidden("a data file of a package", "software", in_packages("fakedata/rows.txt", "2\n"), with_data(1)),
    hidden("a package of the user's own", "software", user_site("userpkg.py", "VALUE = 2\n"), both(user_site("userpkg.py", "VALUE = 1\n"), uses("import userpkg\nVALUE = userpkg.VALUE"))),
    hidden("a sitecustomize", "software|code", in_packages("sitecustomize.py", "import os\nos.environ['KNOB'] = '2'\n"), in_packages("sitecustomize.py", "import os\nos.environ['KNOB'] = '1'\n")),
    hidden("a .pth file that runs code", "software|code", in_packages("knob.pth", "import os; os.environ['KNOB'] = '2'\n"), in_packages("knob.pth", "import os; os.environ['KNOB'] = '1'\n")),
    hidden("a module put among the packages", "software", in_packages("stray.py", "VALUE = 2\n"), both(in_packages("stray.py", "VALUE = 1\n"), uses("import stray\nVALUE = stray.VALUE"))),
    # Caches of models and data.
    hidden("a cache of models in its usual place", "model|data|used", outside(".cache/huggingface/hub/models--m/refs/main", "2" * 40), both(outside(".cache/huggingface/hub/models--m/refs/main", "1" * 40), uses("VALUE = (world / '.cache/huggingface/hub/models--m/refs/main').read_text()"))),
    hidden("a cache of models by HF_HUB_CACHE", "model|data|used", outside("hub/models--m/refs/main", "2" * 40), both(cached(HF_HUB_CACHE="hub"), outside("hub/models--m/refs/main", "1" * 40), uses("VALUE = (world / 'hub/models--m/refs/main').read_text()"))),
    hidden("a cache of data sets", "model|data|code|used", outside("hub/datasets--d/refs/main", "2" * 40), both(cached(HF_HUB_CACHE="hub"), outside("hub/datasets--d/refs/main", "1" * 40), uses("VALUE = (world / 'hub/datasets--d/refs/main').read_text()"))),
    hidden("weights by TORCH_HOME", "model|data|code|used", outside("torch/hub/checkpoints/w.pth", "2"), both(cached(TORCH_HOME="torch"), outside("torch/hub/checkpoints/w.pth", "1"), uses("VALUE = (world / 'torch/hub/checkpoints/w.pth').read_text()"))),
    # What only looks like a cause.
    known("a README that nobody opens, and a prompt", "prompts", both(README, PLAN), idle="code"),
    known("a file far away that nobody opens, and a prompt", "prompts", both(FAR, PLAN)),
    known("a README that the eval reads", "code", README, uses("VALUE = Path('README.md').read_text()")),
    known("a README that a shell reads before", "code", README, both(uses("VALUE = os.environ['WORDS']"), aside("export WORDS=$(cat README.md); "))),
    known("a results file far away", "", lambda _: None, both(argv("--out=../out.json"), uses("VALUE = 1"))),
    known("tests that nobody runs, and a helper", "code", both(write("tests/test_it.py", "x = 2\n"), write("helper.py", "VALUE = 2\n")), both(write("tests/test_it.py", "x = 1\n"), World.commit)),
)  # fmt: skip
# What no way of looking sees, as the pages say: what is learned of a file that is not opened. And a credential is no
# part of what a program is, so that a new key is not another program.
LIMITS: tuple[Row, ...] = (
    hidden("a file's size", HELD, outside("far/rows.txt", "one two\n"), reads("VALUE = far.stat().st_size")),
    hidden("where a link leads", HELD, lambda w: ((w.folder / "far/link").unlink(), (w.folder / "far/link").symlink_to("two")), both(reads("VALUE = os.readlink(world / 'far/link')"), lambda w: (w.folder / "far/link").symlink_to("one"))),
    hidden("a variable of a secret's name", "software|no_file", env(SERVICE_TOKEN="second-of-two"), both(env(SERVICE_TOKEN="first-of-two"), uses("VALUE = os.environ['SERVICE_TOKEN']"))),
)  # fmt: skip


def main(wanted: list[str]) -> int:
    """Print every row whose name holds one of the words, in each way of observing, and what is false in it."""
    words = [word for word in wanted if word not in MODES]
    rows = tuple(one for one in (*USES, *LIMITS) if not words or any(word in one.name for word in words))
    wrong = 0
    for observe in [mode for mode in MODES if mode in wanted] or MODES:
        for one in findings(rows, declared=(True,), observe=observe):
            faults = one.faults + (["THE EVAL DID NOT READ IT"] if one.moved < len(one.truth) else [])
            limit = any(one.name == known.name for known in LIMITS)
            wrong += bool(faults) and not limit
            print(
                f"{one.name} ({observe}): true: {', '.join('|'.join(sorted(cause)) for cause in one.truth) or 'nothing'}"
            )
            print(f"    {one.sentence}")
            for fault in faults:
                print(f"    {'as is said, ' if limit else ''}{fault}: {one.states}", flush=True)
    print(f"{len(rows)} changes, each observed; {wrong} with a false claim")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
