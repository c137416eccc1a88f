"""What the tests of recorded calls share: one stand-in for all providers, and an eval that asks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from standin import StandIn

from evalprov.wire.call import EXACT
from evalprov.wire.calls import CallReader

KEY = "sk-proj-T3BlbkFJabcdefghijklmnopqrstuvwxyz0123456789AB"
ASK = """
import gzip, json, os, sys, urllib.request
def ask(text, host="api.openai.com", path="/v1/chat/completions", headers={}, **more):
    body = {"model": "gpt-4o-mini", "temperature": 0.5, "messages": [
        {"role": "system", "content": "Be terse."}, {"role": "user", "content": text}], **more}
    key = os.environ["OPENAI_API_KEY"]
    asked = urllib.request.Request(f"https://{host}{path}", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {key}", **headers})
    try:
        with urllib.request.urlopen(asked) as answer:
            data = answer.read()
            return (gzip.decompress(data) if data[:2] == b"\\x1f\\x8b" else data).decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
"""
EVAL = """
from ask import ask
answers = [ask("is it?") for _ in range(4)] + [ask("stream it", stream=True)]
print("\\n".join(answers))
print('{"accuracy": %s}' % (sum("yes" in one for one in answers[:4]) / 4))
"""


def calls_of(project: Project, run_id: str | None = None) -> list[Any]:
    """Return the calls that a run kept."""
    name = run_id or project.records()[-1]["run_id"]
    with CallReader(str(project.path / "metrics" / "calls" / f"{name}.sqlite")) as reader:
        return list(reader.calls())


def leaked(project: Project, canaries: list[str]) -> list[str]:
    """Send tokens, the last a variable's value, by every way that a call has; return those that are on the disk."""
    project.write("canaries.json", json.dumps(canaries))
    project.write(
        "eval.py",
        "import json\nfrom ask import ask\n"
        "for one in json.load(open('canaries.json')):\n"
        "    ask(f'[say it is {one} indeed] [gzip]', headers={'x-custom': one})\n"
        "    ask(f'[say it is {one} indeed]', stream=True)\n"
        "    ask('hello', path=f'/v1/chat/completions?key={one}')\n"
        "    print(ask('[say nothing]', api_key=one)[:5])\n",
    )
    environ = {"MY_SERVICE_PASSWORD": canaries[-1]}
    done = project.run("python3", "eval.py", options=("--record",), env=environ)
    assert done.returncode == 0, done.stderr
    assert project.record()["calls"]["count"] == 4 * len(canaries)
    kept = calls_of(project)
    texts = [project.stored()]
    for call in kept:
        texts += [call.question.skeleton, *call.question.pieces.values(), call.question.path.encode()]
        texts += [call.answer.head, call.answer.body]
    whole = b"\0".join(texts)
    found = [one for one in canaries if one.encode() in whole]
    said = [call for call in kept if b"say it is" in b"".join(call.question.pieces.values())]
    assert len(said) == 2 * len(canaries)
    assert sum(bool(call.flags & EXACT) for call in said) == 2 * len(found)
    return found


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """All providers, on loopback."""
    standin = StandIn(tmp_path_factory.mktemp("standin"))
    yield standin
    standin.close()


@pytest.fixture
def live(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The way to all providers, with a key, as a user's environment has it."""
    for name in ("HTTP_PROXY", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**standin.environ, "OPENAI_API_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    standin.failures.clear()
    return standin


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No way to any provider, and no key."""
    for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def asking(project: Project) -> Project:
    """A project with an eval that asks a model."""
    project.write("ask.py", ASK)
    project.write("eval.py", EVAL)
    return project


@pytest.fixture
def recorded(
    live: StandIn, made_once: Callable[[str, Callable[[Project], object]], Project], tmp_path: Path
) -> Project:
    """A project with one recorded run, which is only read."""

    def record(project: Project) -> None:
        project.write("ask.py", ASK)
        project.write("eval.py", EVAL)
        done = project.run("python3", "eval.py", options=("--record",))
        assert done.returncode == 0, done.stderr
        (project.path / "stdout").write_bytes(done.stdout)

    return made_once("recorded calls", record)
