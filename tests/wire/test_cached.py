"""Functions of an eval's own, recorded and replayed beside its calls to providers."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Project

from evalprov import cached

EVAL = """
import asyncio, json, os, sys
sys.path.insert(0, os.environ["EVALPROV_SOURCE"])
from evalprov import cached
count = 0
@cached
def model(prompt, *, temperature=0.0):
    global count
    count += 1
    return {"text": f"{prompt} {os.urandom(4).hex()}", "at": (1, 2)}
@cached
async def later(prompt):
    return os.urandom(4).hex()
said = [model("a"), model("a"), model("b", temperature=1), asyncio.run(later("a"))]
print(json.dumps(said))
print("called", count, file=sys.stderr)
if "more" in sys.argv:
    model("c")
"""


def test_a_function_is_recorded_and_replayed(project: Project) -> None:
    """Each call gives again what it gave, repeats in their order; what was not recorded is an error that says so."""
    import evalprov

    source = {"EVALPROV_SOURCE": str(evalprov.__file__).removesuffix("/evalprov/__init__.py")}
    project.write("eval.py", EVAL)
    first = project.run("python3", "eval.py", options=("--record",), env=source)
    assert b"called 3" in first.stderr, first.stderr
    again = project.run("python3", "eval.py", options=("--replay", "latest"), env=source)
    assert b"called 0" in again.stderr
    assert again.stdout == first.stdout
    assert project.records()[-1]["calls"]["replayed"] == 4
    told = project.evalprov("calls").stdout.decode()
    assert "functions\t4 calls\n" in told
    assert "model" not in told.replace("models", "")
    assert "cost" not in told
    more = project.run("python3", "eval.py", "more", options=("--replay", "latest"), env=source)
    assert more.returncode == 1
    assert b"NotRecordedError" in more.stderr
    assert "was not recorded; nearest is call" in project.records()[-1]["calls"]["missed"][0]


def test_outside_a_recorded_run_a_function_is_just_called() -> None:
    """Nothing is kept, and nothing needs to be JSON."""

    @cached
    def plain(value: object) -> object:
        return value

    @cached
    async def later(value: object) -> object:
        return value

    thing = object()
    assert plain(thing) is thing
    assert asyncio.run(later(thing)) is thing


def test_what_is_no_json_is_refused_before_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded function says at once that its arguments cannot be kept."""
    monkeypatch.setenv("EVALPROV_CALLS", "http://127.0.0.1:9/token/-/record")

    @cached
    def model(prompt: object) -> str:
        raise AssertionError

    with pytest.raises(TypeError, match="only what is JSON can be recorded"):
        model(object())
