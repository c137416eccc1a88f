"""What all tests share: a clean environment, throw-away projects, and the real command line."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import signal
import subprocess
import sys
import termios
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from evalprov.store.ids import order

GIT_ENV = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}
# A busy machine is no finding, and the same tests pass twice: `make bench` is where chance has its place.
hypothesis.settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same")

PORTABLE = "without_linux" in sys.modules  # `make test-portable`: what Linux alone has is taken away
PATIENCE = 600.0  # seconds that only a hang takes, however busy the machine is
# What would make a test depend on where it runs.
FOREIGN = ("EVALPROV_", "PYTHON", "GITHUB_", "GITLAB_", "CI_", "GIT_", "SLURM_", "KUBERNETES_", "VIRTUAL_ENV", "CONDA_")


def pytest_sessionstart() -> None:
    """Be as in the foreground, and compile all of it, which else each of some thousand processes would do anew."""
    # A shell's background jobs ignore some, nohup another, and so would all that we start.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    compileall.compile_dir(Path(__file__).parent.parent / "evalprov", quiet=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only Linux can show where that is taken away."""
    for item in items if PORTABLE else ():
        if mark := item.get_closest_marker("linux"):
            item.add_marker(pytest.mark.skip(f"needs what Linux alone has: {mark.args[0]}"))


@pytest.fixture(scope="session")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing installed: what else this machine has would be looked at in each of a thousand runs."""
    place = tmp_path_factory.mktemp("lean") / "venv"
    venv.create(place, symlinks=True)
    return place


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, lean: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name == "CI" or name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    for name, value in GIT_ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{lean}/bin:{os.environ['PATH']}")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python has it: a command that a test called here would not
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))  # else trust would outlive us
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))  # likewise mirrors
    # A process that may write little, or is killed, would leave half a file of bytecode to all others.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


class Project:
    """A throw-away folder in which the real command line is run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str | bytes, mode: int | None = None) -> Path:
        """Write a file of the project."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if mode is not None:
            file.chmod(mode)
        return file

    def git(self, *words: str) -> str:
        """Run git here."""
        done = subprocess.run(["git", *words], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit_all(self) -> str:
        """Make this a repository with all of it committed; return the commit."""
        if not (self.path / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-qm", "all", "--allow-empty")
        return self.git("rev-parse", "HEAD")

    def evalprov(
        self,
        *words: str | bytes,
        cwd: str | Path = ".",
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float = PATIENCE,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the real command line to its end."""
        return subprocess.run(
            [sys.executable, "-m", "evalprov", *words],
            cwd=self.path / cwd,
            env={**os.environ, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
        )

    def on_terminal(self, *words: str, columns: int = 80, env: Mapping[str, str] | None = None) -> str:
        """Return what a person sees who gives this command line on a real terminal; it must succeed."""
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (50, columns))
        child = subprocess.Popen(
            [sys.executable, "-m", "evalprov", *words],
            cwd=self.path,
            env={**os.environ, "TERM": "xterm-256color", **({"NO_COLOR": "1"} if env is None else env)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        parts = []
        with contextlib.suppress(OSError):  # the child has closed its end
            while part := os.read(ours, 65536):
                parts.append(part)
        os.close(ours)
        assert child.wait() == 0, parts
        return b"".join(parts).decode().replace("\r\n", "\n")

    def run(self, *command: str, options: tuple[str, ...] = (), **how: Any) -> subprocess.CompletedProcess[bytes]:
        """Record a command."""
        return self.evalprov("run", *options, "--", *command, **how)

    def python(self, code: str, *, options: tuple[str, ...] = (), **how: Any) -> subprocess.CompletedProcess[bytes]:
        """Record a Python program given as text."""
        return self.run("python3", "-c", code, options=options, **how)

    def records(self) -> list[dict[str, Any]]:
        """Return every manifest, oldest first."""
        files = sorted((self.path / "metrics" / "runs").glob("*.json"), key=lambda file: order(file.stem))
        return [json.loads(file.read_text()) for file in files]

    def record(self) -> dict[str, Any]:
        """Return the only manifest there is."""
        (only,) = self.records()
        return only

    def history(self) -> list[dict[str, Any]]:
        """Return the history's lines."""
        text = (self.path / "metrics" / "eval_history.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def stored(self) -> bytes:
        """Return every byte under metrics/, names included."""
        parts = []
        for file in sorted((self.path / "metrics").rglob("*")):
            parts.append(os.fsencode(file))
            if file.is_file():
                parts.append(file.read_bytes())
        return b"\n".join(parts)


_MADE: dict[str, Project] = {}


@pytest.fixture
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Project], object]], Project]:
    """Makes a project for the first test that asks, and gives it to all others, which only read it."""

    def made(name: str, make: Callable[[Project], object]) -> Project:
        if name not in _MADE:
            project = Project(tmp_path_factory.mktemp(name) / "project")
            make(project)
            _MADE[name] = project
        return _MADE[name]

    return made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path / "project")
