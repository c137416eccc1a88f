"""The config layer: fields, their kinds, and one hash."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalprov
from evalprov import ConfigLayer, config_layer, hash_code
from evalprov.record.identity import hash_of
from evalprov.secrets import is_secret_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def layer(fields: dict[str, Any], scenario: str | None = None) -> ConfigLayer:
    """Return a layer of these fields, added in their order."""
    made = config_layer(scenario)
    for name, value in fields.items():
        made.add_field(name, value)
    return made


def critic(answers: list[str]) -> str:
    """Choose."""
    return max(answers)


@pytest.mark.long
@given(st.dictionaries(TEXT.filter(bool), VALUE, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_count(fields: dict[str, Any], shuffler: Any) -> None:
    """The same fields added in any order, and keys in any order within them, give the same hash."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            shuffler.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(one) for one in value] if isinstance(value, list) else value

    assert layer(fields).hash() == layer(shuffled(fields)).hash()


@given(
    st.dictionaries(TEXT.filter(lambda t: t and not is_secret_name(t)), VALUE, min_size=1, max_size=5), VALUE, st.data()
)
def test_a_changed_field_changes_the_hash(fields: dict[str, Any], value: Any, data: Any) -> None:
    """Another value in any one field, no secret, gives another hash, another name for it too."""
    name = data.draw(st.sampled_from(sorted(fields)))
    before = layer(fields)
    changed = layer(fields).add_field(name, value, replace=True)
    same = hash_of(before.fields[name]) == hash_of(changed.fields[name])
    assert (before.hash() == changed.hash()) == same
    renamed = {f"{name}'" if key == name else key: value for key, value in fields.items()}
    if len(renamed) == len(fields):
        assert layer(renamed).hash() != before.hash()


def test_the_hash_is_the_canonical_hash_that_any_language_computes() -> None:
    """It is the SHA-256 of canonical JSON written by hand here, with its first 12 digits as the short form."""
    made = config_layer(scenario="support-tickets").add_field("temperature", 0.20).add_field("model", "é")
    text = '{"fields":{"model":"é","temperature":0.2},"scenario":"support-tickets"}'
    digits = hashlib.sha256(text.encode()).hexdigest()
    assert made.hash() == f"sha256:{digits}"
    assert made.short() == digits[:12]
    assert hash_of({"scenario": made.scenario, "fields": dict(made.fields)}) == made.hash()


def test_scenario_and_program_are_told_apart() -> None:
    """Another scenario, or none, is another experiment."""
    hashes = {layer({"a": 1}, scenario).hash() for scenario in ("one", "two", "", None)}
    assert len(hashes) == 4


def test_a_whole_number_and_its_double_are_alike_and_true_is_no_one() -> None:
    """1 and 1.0 give the same hash, True another one."""
    assert layer({"n": 1}).hash() == layer({"n": 1.0}).hash() != layer({"n": True}).hash()
    assert layer({"n": 2**60 + 1}).hash() != layer({"n": 2**60}).hash()


class Mode(enum.Enum):
    """A choice."""

    FAST = "fast"


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


@dataclasses.dataclass
class Retry:
    """A dataclass."""

    times: int
    mode: Mode
    version: typing.ClassVar[int] = 1


class Point(typing.NamedTuple):
    """A named tuple."""

    x: int
    y: float


class Model:
    """What a pydantic model looks like."""

    def model_dump(self) -> dict[str, Any]:
        """Return its fields."""
        return {"stop": {"b", "a"}}


class Scalar:
    """What a scalar of numpy looks like."""

    shape = ()

    def item(self) -> float:
        """Return the number."""
        return 0.5


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (("a", 1), ["a", 1]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({2, 10, "2"}), ["2", 10, 2]),
        (Mode.FAST, "fast"),
        (Level.HIGH, 3),
        (Retry(3, Mode.FAST), {"times": 3, "mode": "fast"}),
        (Point(1, 0.5), {"x": 1, "y": 0.5}),
        (Model(), {"stop": ["a", "b"]}),
        (Scalar(), 0.5),
        (dt.date(2026, 9, 20), "2026-09-20"),
        (dt.datetime(2026, 9, 20, tzinfo=dt.UTC), "2026-09-20T00:00:00+00:00"),
        ({"nested": [Point(1, 2), {Mode.FAST}]}, {"nested": [{"x": 1, "y": 2}, ["fast"]]}),
    ],
)
def test_every_kind_of_value_has_one_form(value: object, wanted: object) -> None:
    """Each becomes plain JSON, sets sorted."""
    found = config_layer().add_field("value", value).fields["value"]
    assert found == wanted
    assert json.loads(json.dumps(found)) == wanted


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (float("nan"), "deep.1.limit: nan is no JSON number"),
        (float("-inf"), "deep.1.limit: -inf is no JSON number"),
        (b"bytes", "deep.1.limit: a bytes has no form in JSON"),
        (1j, "deep.1.limit: a complex has no form in JSON"),
        (object(), "deep.1.limit: a object has no form in JSON"),
        ({1: 2}, "deep.1.limit: the key 1 is no string"),
        ("\ud800", "deep.1.limit: '.ud800' holds half a character"),
        (len, "len has no source to hash"),
        (Path("/nowhere/at/all"), "deep.1.limit: cannot read /nowhere/at/all: No such file"),
        (Path("/dev/null"), "deep.1.limit: /dev/null is no regular file"),
    ],
)
def test_what_has_no_form_is_refused_by_name(value: object, complaint: str) -> None:
    """The error names the field and the place in it, and the layer stays as it was."""
    made = layer({"a": 1})
    before = made.hash()
    with pytest.raises((ValueError, TypeError), match=complaint):
        made.add_field("deep", [0, {"limit": value}])
    assert made.hash() == before


def test_a_value_inside_itself_is_refused() -> None:
    """It is an error with the field's name, not a crash."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match=r"loop\.0\.0.*inside itself"):
        config_layer().add_field("loop", endless)


def test_a_field_that_can_be_added_can_be_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """The deepest field that a layer takes goes through to the report; one level more is refused at once."""
    deep: Any = 1
    for _ in range(64):
        deep = [deep]
    made = config_layer().add_field("deep", deep)
    made.report()
    assert json.loads(capfd.readouterr().out)["layer"]["fields"]["deep"] == deep == made.fields["deep"]
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        config_layer().add_field("deep", [deep])


def test_a_field_is_added_once() -> None:
    """The same name again is an error unless it is said to replace; an empty name or none is no name."""
    made = layer({"a": 1})
    with pytest.raises(ValueError, match="the field a is there already"):
        made.add_field("a", 1)
    assert made.add_field("a", 2, replace=True).hash() == layer({"a": 2}).hash()
    for name in ("", 3):
        with pytest.raises(TypeError, match="the name of a field is a text"):
            made.add_field(name, 1)  # type: ignore[arg-type]


def test_code_counts_by_its_source_wherever_it_stands() -> None:
    """A function as a field, or deep in one, is a name and a hash, and is listed as an algorithm."""
    made = layer({"orchestrator": critic, "steps": [Retry, {"judge": critic}]})
    found = hash_code(critic)
    assert (
        made.fields["orchestrator"] == found == {"name": "critic", "sha256": found["sha256"], "short": found["short"]}
    )
    assert made.to_dict()["algorithms"] == {
        "orchestrator": found,
        "steps.0": hash_code(Retry),
        "steps.1.judge": found,
    }
    assert made.add_field("orchestrator", "none", replace=True).to_dict()["algorithms"].keys() == {
        "steps.0",
        "steps.1.judge",
    }


def test_a_path_counts_by_content_and_not_by_where_the_checkout_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same file below two folders gives the same hash; another byte, or another name, gives another."""
    hashes = []
    for place, name, text in (("a", "p.md", "x"), ("b", "p.md", "x"), ("c", "p.md", "y"), ("d", "q.md", "x")):
        folder = tmp_path / place / "prompts"
        folder.mkdir(parents=True)
        (folder / name).write_text(text)
        monkeypatch.chdir(folder.parent)
        relative, absolute = Path("prompts") / name, folder / name
        made = layer({"prompt": relative})
        assert made.fields["prompt"]["path"] == f"prompts/{name}"
        assert made.hash() == layer({"prompt": absolute}).hash()
        hashes.append(made.hash())
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    monkeypatch.chdir("/")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert layer({"prompt": folder / name}).fields["prompt"]["path"] == "q.md"


def test_the_fields_can_be_read_and_not_changed() -> None:
    """The mapping refuses changes, and what is taken out of it is a copy."""
    made = layer({"tools": ["a"]})
    before = made.hash()
    with pytest.raises(TypeError):
        made.fields["x"] = 1  # type: ignore[index]
    made.fields["tools"].append("b")
    made.to_dict()["fields"]["tools"].append("b")
    assert made.hash() == before


def test_a_rotated_secret_leaves_the_hash_and_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, by its field's name or as a variable's value within a text, counts as its placeholder."""
    found = []
    for key in ("sk-proj-aaaaaaaaaaaaaaaaaaaa1111", "sk-proj-bbbbbbbbbbbbbbbbbbbb2222"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        made = layer({"url": f"https://api.example.org/?key={key}", "client": {"api_key": key}, "max_tokens": 100})
        made.add_field("hosts", {f"{key}.example.org", "sk.example.org", "a", "z"})
        made.prompt("system", f"Call it with {key}.")
        assert key not in json.dumps(made.to_dict())
        assert key not in repr(made)
        found.append(made.hash())
    assert found[0] == found[1]


def test_what_looks_a_little_like_a_secret_still_counts() -> None:
    """max_tokens, tokenizer, author, and a 32-digit id stand in clear and change the hash."""
    for name, one, other in (
        ("max_tokens", 100, 200),
        ("tokenizer", "cl100k_base", "o200k_base"),
        ("author", "ann", "bob"),
        ("run", "0123456789abcdef0123456789abcdef", "1123456789abcdef0123456789abcdef"),
    ):
        assert layer({name: one}).hash() != layer({name: other}).hash()
        assert layer({name: one}).to_dict()["fields"][name] == one


def test_order_free_facts_have_no_order() -> None:
    """Tools, prompts, data sets and stop sequences in any order give the same hash."""
    one = config_layer().tool("a", version="1").tool("b", schema={"x": 1}).prompt("p", "1").prompt("q", "2")
    one.data("d", "ab" * 32).data("e", f"md5:{'ab' * 16}").model(model="m", stop_sequences=["x", "y"])
    other = (
        config_layer().model(model="m", stop_sequences=("y", "x")).data("e", f"md5:{'ab' * 16}").data("d", "ab" * 32)
    )
    other.prompt("q", "2").prompt("p", "1").tool("b", schema='{ "x": 1.0 }').tool("a", version="1")
    assert one.hash() == other.hash()


def test_prompts_are_hashes_alone() -> None:
    """A prompt's hash is the SHA-256 of its text, and its text is nowhere in the layer."""
    made = config_layer().prompt("system", "You are a helpful assistant", version="v3")
    digits = hashlib.sha256(b"You are a helpful assistant").hexdigest()
    assert made.fields["prompts"] == {"system": {"sha256": f"sha256:{digits}", "version": "v3"}}
    assert "helpful" not in json.dumps(made.to_dict())
    assert made.hash() != config_layer().prompt("system", "You are a helpful assistant.", version="v3").hash()


def test_typed_facts_each_change_the_hash(tmp_path: Path) -> None:
    """Every parameter of every typed method counts, and none is mistaken for another."""
    file = tmp_path / "golden.jsonl"
    file.write_text("{}")
    made = [config_layer()]
    model = ("provider", "model", "version", "temperature", "top_p", "top_k", "max_tokens", "seed", "other")
    made += [config_layer().model(**{name: 1}) for name in model]  # type: ignore[arg-type]
    made += [config_layer().model(stop_sequences=["1"]), config_layer().model()]
    made += [config_layer().agent(**{name: "1"}) for name in ("name", "version", "graph", "config")]
    versions = ("build_id", "runner_version", "framework_version")
    made += [config_layer().environment(**{name: "1"}) for name in versions]
    limits = ("cpu_guaranteed", "cpu_hard_limit", "memory_guaranteed_mb", "memory_hard_limit_mb", "time_budget_seconds")
    sides = ("concurrency_level", "runtime_platform", "sandbox_provider", "harness_version")
    made += [config_layer().infra(**{name: 1}) for name in limits + sides]  # type: ignore[arg-type]
    tools: list[Any] = [{}, {"version": "1"}, {"description": "1"}, {"schema": "1"}, {"schema": {"a": 1}}]
    made += [config_layer().tool("t", **words) for words in [*tools, {"schema": file}]]
    made += [
        config_layer().data("d", file),
        config_layer().data("d", str(file), "1"),
        config_layer().data("d", "ab" * 32),
    ]
    made += [config_layer().seed(1), config_layer().agent(graph=critic), config_layer().agent(graph=file)]
    assert len({one.hash() for one in made}) == len(made)


def test_a_typed_fact_is_given_once() -> None:
    """A second model, or a prompt, tool or data set of the same name, is an error."""
    made = config_layer().model(model="m").prompt("p", "x").tool("t").data("d", "ab" * 32)
    for again in (lambda: made.model(model="m"), lambda: made.add_field("model", "m")):
        with pytest.raises(ValueError, match="model is there already"):
            again()
    for again in (lambda: made.prompt("p", "y"), lambda: made.tool("t"), lambda: made.data("d", "ab" * 32)):
        with pytest.raises(ValueError, match=r"holds . already"):
            again()
    with pytest.raises(ValueError, match="the field tools is there already"):
        layer({"tools": ["a"]}).tool("b")


def test_a_data_set_is_a_file_or_a_hash_in_any_usual_spelling(tmp_path: Path) -> None:
    """Bare and prefixed SHA-256 are the same; a path that is not there is an error with its name."""
    file = tmp_path / "golden.jsonl"
    file.write_bytes(b"{}\n")
    digits = hashlib.sha256(b"{}\n").hexdigest()

    def found(said: str | Path) -> Any:
        return config_layer().data("d", said).fields["data"]["d"]

    assert found(digits)["sha256"] == found(f"sha256:{digits}")["sha256"] == found(file)["sha256"] == f"sha256:{digits}"
    assert found("md5:" + "ab" * 16) == {"hash": "md5:" + "ab" * 16, "version": None}
    with pytest.raises(ValueError, match=r"data\.d: cannot read nowhere\.jsonl"):
        found("nowhere.jsonl")


def test_the_package_says_what_it_offers() -> None:
    """Every public name can be had, is listed, and anything else is an AttributeError."""
    for name in evalprov.__all__:
        assert getattr(evalprov, name) is not None
        assert name in dir(evalprov)
    with pytest.raises(AttributeError, match="no attribute 'config_lair'"):
        evalprov.config_lair  # noqa: B018
