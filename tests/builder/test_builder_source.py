"""Custom logic by its source: which text is hashed, and what has none."""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalprov import NoSource, config_layer, hash_code

MODULE = '''\
import contextlib
import functools

def loud(function):
    @functools.wraps(function)
    def wrapper(*words):
        return function(*words)  # é
    return wrapper

@(
    loud)
@functools.lru_cache(
    maxsize=3)
def fanout_critic(n):
    """Ask.

    Then judge.
    """
    # a comment inside

    return [
        n]  # a comment at the end


# a comment after it
class Router:
    limit = 3

    @staticmethod
    def pick(one):
        def inner(two):
            return one + two

        return inner

    @classmethod
    async def ask(cls):
        return cls

    def plain(self): return "a\\n  b"

    class Inner:
        pass

if True:
    def twice(): return 1
else:
    def twice(): return 2

if not contextlib:
    class Two:
        def ask(self): return 1
else:
    class Two:
        def ask(self): return 2

double = lambda n: n * 2
pair = (lambda: 1, lambda: 2)
spread = functools.partial(
    print, sep=(
        lambda: "é"
    ))
'''


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Import a module made of a text."""
    loaded: list[str] = []

    def make(text: str | bytes = MODULE, name: str = "made_up_agents") -> Any:
        file = tmp_path / f"{name}.py"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield make
    for name in loaded:
        sys.modules.pop(name, None)


def sha(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def lines(first: str, last: str) -> str:
    """Return the module's text from one line to another, both by what they hold."""
    text = MODULE.split("\n")
    begin = next(place for place, line in enumerate(text) if first in line)
    end = next(place for place, line in enumerate(text) if place >= begin and last in line)
    return "\n".join(text[begin : end + 1])


def test_a_function_counts_from_its_decorators_to_its_last_line(load: Callable[..., Any]) -> None:
    """Decorators, comments and blank lines inside count; what stands before and after does not."""
    found = hash_code(load().fanout_critic)
    wanted = sha(lines("@(", "at the end"))
    assert found == {"name": "fanout_critic", "sha256": wanted, "short": wanted[:12]}


def test_a_method_counts_without_its_indentation(load: Callable[..., Any]) -> None:
    """Static, class, bound and nested ones alike: the text is dedented."""
    module = load()
    pick = "@staticmethod\ndef pick(one):\n    def inner(two):\n        return one + two\n\n    return inner"
    assert hash_code(module.Router.pick) == {"name": "Router.pick", "sha256": sha(pick), "short": sha(pick)[:12]}
    ask = sha("@classmethod\nasync def ask(cls):\n    return cls")
    assert hash_code(module.Router.ask)["sha256"] == hash_code(module.Router().ask)["sha256"] == ask
    plain = sha('def plain(self): return "a\\n  b"')
    assert hash_code(module.Router.plain)["sha256"] == hash_code(module.Router().plain)["sha256"] == plain
    inner = hash_code(module.Router.pick(1))
    assert (inner["name"], inner["sha256"]) == ("Router.pick.inner", sha("def inner(two):\n    return one + two"))


def test_a_class_counts_whole(load: Callable[..., Any]) -> None:
    """From its first line to its last, nested ones too."""
    module = load()
    assert hash_code(module.Router)["sha256"] == sha(lines("class Router", "pass"))
    assert hash_code(module.Router.Inner) == {"name": "Router.Inner"} | {
        "sha256": sha("class Inner:\n    pass"),
        "short": sha("class Inner:\n    pass")[:12],
    }


def test_of_several_definitions_the_one_that_runs_counts(load: Callable[..., Any]) -> None:
    """A function or class defined in both arms of a condition counts by the arm that was taken."""
    module = load()
    assert hash_code(module.twice)["sha256"] == sha("def twice(): return 1")
    assert hash_code(module.Two)["sha256"] == sha("class Two:\n    def ask(self): return 2")


def test_a_lambda_counts_alone_and_only_if_it_is_alone_on_its_line(load: Callable[..., Any]) -> None:
    """The text of the lambda itself is hashed; where two begin on one line nobody can tell which it is."""
    module = load()
    assert hash_code(module.double, name="double")["name"] == "double"
    assert hash_code(module.double)["sha256"] == sha("lambda n: n * 2")
    assert hash_code(module.spread.keywords["sep"])["sha256"] == sha('lambda: "é"')
    with pytest.raises(NoSource, match="2 lambdas begin on line"):
        hash_code(module.pair[0])


def test_a_partial_counts_by_function_and_arguments(load: Callable[..., Any]) -> None:
    """Another function, another argument, or the same one given otherwise: another hash; the name is the function's."""
    module = load()
    base = functools.partial(module.twice, 1, mode={"b", "a"})
    same = functools.partial(module.twice, 1.0, mode=["a", "b"])
    assert hash_code(base) == hash_code(same)
    assert hash_code(base)["name"] == "twice"
    others = [
        module.twice,
        functools.partial(module.twice, 2, mode={"b", "a"}),
        functools.partial(module.twice, 1),
        functools.partial(module.double, 1, mode={"b", "a"}),
        functools.partial(module.twice, 1, module.double),
    ]
    assert len({hash_code(one)["sha256"] for one in [base, *others]}) == 6
    with pytest.raises(TypeError, match=r"partial\(twice\)\.args\.0: a object has no form"):
        hash_code(functools.partial(module.twice, object()))


@pytest.mark.parametrize(
    "text",
    [
        MODULE.replace("\n", "\r\n"),
        MODULE.replace("\n", "\r"),
        b"\xef\xbb\xbf" + MODULE.encode(),
        ("# coding: latin-1\n" + MODULE).encode("latin-1"),
    ],
    ids=["crlf", "cr", "mark", "latin-1"],
)
def test_line_ends_and_encodings_do_not_count(load: Callable[..., Any], text: str | bytes) -> None:
    """The same definition has the same hash in a file with other line ends, or in another encoding."""
    module = load(text, "respelled")
    assert hash_code(module.loud)["sha256"] == sha(lines("def loud", "return wrapper"))


def test_where_it_stands_does_not_count(load: Callable[..., Any]) -> None:
    """Lines added before and after a function leave its hash as it was; a comment inside it does not."""
    before = hash_code(load(MODULE, "one").twice)["sha256"]
    after = hash_code(load(f"import os\n\n{MODULE}\nx = 1\n", "two").twice)["sha256"]
    commented = hash_code(load(MODULE.replace("twice(): return 1", "twice(): return 1  # so"), "three").twice)["sha256"]
    assert before == after != commented


def test_a_key_in_the_source_counts_like_any_text(
    load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A source is hashed as it stands, as git does: nothing that would be hidden makes two of them alike."""
    found = []
    for key in ("key-0123456789-one", "key-9876543210-two"):
        monkeypatch.setenv("SERVICE_API_KEY", key)
        module = load(f"def ask():\n    return {key!r}\n", f"with_{key[-3:]}")
        (tmp_path / "agent.ts").write_text(key)
        found.append((hash_code(module.ask)["sha256"], hash_code(tmp_path / "agent.ts")["sha256"]))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


def test_a_file_counts_by_its_bytes(tmp_path: Path) -> None:
    """A path is a file in any language."""
    file = tmp_path / "agent.ts"
    file.write_bytes(b"export {}\r\n")
    digest = hashlib.sha256(b"export {}\r\n").hexdigest()
    assert hash_code(file) == {"name": "agent.ts", "sha256": digest, "short": digest[:12]}
    with pytest.raises(ValueError, match=r"cannot read .*nowhere: No such file"):
        hash_code(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no regular file"):
        hash_code(tmp_path)


def made_by_exec() -> Any:
    """Return a function whose source nobody kept."""
    names: dict[str, Any] = {}
    exec("def lost(): return 1\nclass Lost: pass", names)
    return names


class Callable_:  # noqa: N801
    """An object that can be called."""

    def __call__(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    "thing",
    [builtins.len, "".join, dict, made_by_exec()["lost"], functools.partial(print), type("Sudden", (), {})],
    ids=["built in", "method of a built in", "built-in class", "exec", "partial of a built in", "made by type()"],
)
def test_what_has_no_source_says_what_to_give_instead(thing: Any) -> None:
    """It is an error, never a guess, and it names a way out."""
    with pytest.raises(NoSource, match=r'has no source to hash: .*; give it a version instead: add_field\("'):
        hash_code(thing)


def test_an_object_that_can_be_called_is_refused() -> None:
    """What it does depends on its state, which no source shows."""
    with pytest.raises(NoSource, match="Callable_ is an object that can be called"):
        hash_code(Callable_())
    found = config_layer().add_field("method", Callable_().__call__).fields["method"]
    assert found["name"] == "Callable_.__call__"


def test_what_is_no_code_is_a_type_error() -> None:
    """A number or a text is no code; a text is not taken for a path either."""
    for thing in (3, "agents.py", None):
        with pytest.raises(TypeError, match="takes a function, class, method or path"):
            hash_code(thing)  # type: ignore[arg-type]


def test_a_file_that_changed_since_it_was_loaded_is_told(load: Callable[..., Any]) -> None:
    """A definition that is no longer where it was is an error, not another text's hash."""
    module = load()
    Path(module.__file__).write_text("# all gone\n")
    for thing in (module.twice, module.Router, module.double):
        with pytest.raises(NoSource, match=r"no longer|not any more|any more"):
            hash_code(thing)
    Path(module.__file__).write_text("def (")
    with pytest.raises(NoSource, match="cannot be parsed"):
        hash_code(module.twice)
    Path(module.__file__).unlink()
    with pytest.raises(NoSource, match="there is no file"):
        hash_code(module.twice)


def test_source_that_only_a_notebook_keeps_counts() -> None:
    """Code that was run from a cell, and whose text is kept for tracebacks, has source like any other."""
    import linecache

    text = "def in_a_cell():\n    return 1\n\nclass Cell:\n    def method(self): pass\n"
    linecache.cache["<cell 7>"] = (len(text), None, text.splitlines(keepends=True), "<cell 7>")
    names: dict[str, Any] = {"__name__": "nowhere_at_all"}
    exec(compile(text, "<cell 7>", "exec"), names)
    assert hash_code(names["in_a_cell"])["sha256"] == sha("def in_a_cell():\n    return 1")
    assert hash_code(names["Cell"])["sha256"] == sha("class Cell:\n    def method(self): pass")
