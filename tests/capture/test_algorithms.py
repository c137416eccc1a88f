"""Named pieces of logic by their source."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of

from evalprov.capture.declared import declared
from evalprov.errors import EvalprovError

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''\
"""A module."""
import functools


def plain(x):
    # why
    y = x + 1

    return y


@functools.cache
# between
@functools.wraps(
    plain
)
def decorated(x):
    return x


class Router:
    """Routes."""

    @staticmethod
    def pick(n):
        """Many
  lines."""
        return n

    async def go(self):
        def inner():
            return 1
        return inner()


if len("a") > 1:
    def either():
        return 1
else:
    def either():
        return 2

LIMITS = {
    "a": 1,
}
pick: int = 3
'''


def algorithm(root: Path, where: str) -> dict[str, Any]:
    """Return one algorithm as it is recorded."""
    context = context_of(root, declared={"code": {"algorithms": {"it": where}}})
    entry = collected(declared.collect, context).facts["code"]["algorithms"]["it"]
    assert isinstance(entry, dict)
    return entry


def digest(text: str) -> str:
    """Return the hash of a text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def loaded(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the project's module, imported."""
    spec = importlib.util.spec_from_file_location(name, root / "m.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one module."""
    (tmp_path / "m.py").write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize(
    ("where", "first", "last"),
    [
        ("plain", "def plain", "    return y"),
        ("decorated", "@functools.cache", "    return x"),
        ("Router", "class Router", "        return inner()"),
        ("Router.pick", "    @staticmethod", "        return n"),
        ("Router.go", "    async def go", "        return inner()"),
        ("Router.go.inner", "        def inner", "            return 1"),
        ("Router.go.<locals>.inner", "        def inner", "            return 1"),
        ("LIMITS", "LIMITS = {", "}"),
        ("pick", "pick: int", "pick: int = 3"),
    ],
)
def test_a_definition_counts_by_its_own_lines(root: Path, where: str, first: str, last: str) -> None:
    """From its first decorator to its last line, dedented, with no line feed behind it."""
    lines = SOURCE.split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(first))
    end = next(at for at, line in enumerate(lines) if at >= start and line == last)
    text = textwrap.dedent("\n".join(lines[start : end + 1]))
    entry = algorithm(root, f"m.py:{where}")
    assert entry["sha256"] == digest(text)
    assert entry["short"] == entry["sha256"][7:19]
    assert entry["source"] == f"m.py:{where}"
    assert entry["name"] == where.replace("<locals>.", "")


def test_a_whole_file_of_any_language_counts_by_its_bytes(root: Path) -> None:
    """Without a colon the file is hashed as it is, line ends included."""
    (root / "run.js").write_bytes(b"let a = 1\r\n")
    entry = algorithm(root, "run.js")
    assert entry["sha256"] == f"sha256:{hashlib.sha256(b'let a = 1' + bytes((13, 10))).hexdigest()}"
    assert entry["name"] == "run.js"


def test_every_definition_of_a_name_counts(root: Path) -> None:
    """A name that is defined under a condition stands for each of its definitions."""
    both = "def either():\n    return 1\ndef either():\n    return 2"
    assert algorithm(root, "m.py:either")["sha256"] == digest(both)


def test_the_module_is_not_imported(root: Path) -> None:
    """Reading a definition runs nothing of its file."""
    (root / "m.py").write_text("raise SystemExit(3)\n\ndef f():\n    pass\n")
    assert algorithm(root, "m.py:f")["sha256"] == digest("def f():\n    pass")


@pytest.mark.parametrize(
    "data",
    [
        b"def f():\r\n    return 1\r\n",
        b"def f():\r    return 1\r",
        b"\xef\xbb\xbfdef f():\n    return 1\n",
        b"# -*- coding: latin-1 -*-\n# \xe9\ndef f():\n    return 1\n",
        b"class A:\n    def f(): pass\ndef f():\n    return 1\n\n\n# behind\n",
        b"x = '\\d \x0c \xe2\x80\xa8'\ndef f():\n    return 1",
    ],
    ids=["crlf", "cr", "mark", "latin", "method", "other line ends"],
)
def test_line_ends_and_encodings_do_not_matter(root: Path, data: bytes) -> None:
    """The same definition in another layout of bytes has the same hash."""
    (root / "m.py").write_bytes(data)
    assert algorithm(root, "m.py:f")["sha256"] == digest("def f():\n    return 1")


def test_a_comment_inside_counts(root: Path) -> None:
    """The text counts, and not what Python makes of it."""
    before = algorithm(root, "m.py:plain")["sha256"]
    (root / "m.py").write_text(SOURCE.replace("# why", "# because"))
    assert algorithm(root, "m.py:plain")["sha256"] != before
    (root / "m.py").write_text(SOURCE.replace('"""A module."""', "import os"))
    assert algorithm(root, "m.py:plain")["sha256"] == before


@pytest.mark.parametrize("where", ["bad.py:f", "run.js:f", "folder:f", "binary.py:f", "large.py"])
def test_what_cannot_be_read_has_no_hash(root: Path, where: str) -> None:
    """A definition in what is no Python, a folder, a huge file: named, without anything that reads like content."""
    (root / "bad.py").write_text("def f(:\n")
    (root / "run.js").write_text("function f() { return 1 }\n")
    (root / "folder").mkdir()
    (root / "binary.py").write_bytes(b"\0\xff")
    with (root / "large.py").open("wb") as file:
        file.truncate((16 << 20) + 1)
    found = algorithm(root, where)
    assert found == {"name": "f" if ":" in where else where, "sha256": None, "short": None, "source": where}


@pytest.mark.parametrize(
    ("where", "problem", "hint"),
    [
        ("m.py:plane", "nothing is defined there by the name plane", "there is: plain"),
        ("m.py:Router.pik", "nothing is defined there by the name pik", "Router.pick"),
        ("n.py:plain", "there is no such file", "m.py"),
    ],
)
def test_what_cannot_be_found_stops_the_run(root: Path, where: str, problem: str, hint: str) -> None:
    """A name that is not there is an error before launch that says what is."""
    with pytest.raises(EvalprovError) as stopped:
        algorithm(root, where)
    assert stopped.value.exit_code == 125
    assert problem in stopped.value.message
    assert "code.algorithms.it" in stopped.value.message
    assert hint in stopped.value.hint


def test_the_same_text_as_python_itself_gives(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a function that is loaded, its source by `inspect` is the text that is hashed."""
    module = loaded(root, "loaded_for_algorithms", monkeypatch)
    for name, thing in (
        ("plain", module.plain),
        ("Router", module.Router),
        ("Router.pick", module.Router.pick),
    ):
        text = textwrap.dedent(inspect.getsource(thing)).rstrip("\n")
        assert algorithm(root, f"m.py:{name}")["sha256"] == digest(text)


def test_the_same_hash_as_the_builder_gives(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed here without an import and there from a live function agrees."""
    builder = pytest.importorskip("evalprov.builder")
    module = loaded(root, "loaded_for_builder", monkeypatch)
    for name, thing in (("plain", module.plain), ("Router", module.Router), ("Router.go", module.Router.go)):
        entry = algorithm(root, f"m.py:{name}")
        told = builder.hash_code(thing)
        assert entry["sha256"].removeprefix("sha256:") == told["sha256"].removeprefix("sha256:")
        assert entry["short"] == told["short"]
