"""A run in TraceLens' terms, against that package itself."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import tracelens
from hypothesis import given
from hypothesis import strategies as st

from evalprov.record.decision_spec import decision_spec, diff, fingerprint, is_compatible
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TABLE = st.dictionaries(TEXT, JSON, max_size=3)
NUMERAL = st.from_regex(r"\A[ \t]?[+-]?(0|[1-9][0-9]{0,12})(\.[0-9]{1,3}|\.0+)?[ \n]?\Z") | st.sampled_from(
    [
        "1_000",
        "_1",
        "1__0",
        "1e3",
        "1.5e-7",
        "nan",
        "Infinity",
        "-inf",
        "0x10",
        "1,5",
        "",
        "1 0",
        "٣",
        "\x1c1",
    ]
)
ODD = st.none() | st.booleans() | NUMERAL | TEXT | st.lists(st.integers(), max_size=1) | TABLE
DECIMAL = st.floats() | st.integers() | st.integers(-(2**1100), 2**1100) | ODD
WHOLE = st.integers() | st.integers(-(2**80), 2**80) | st.floats() | st.integers(-(2**70), 2**70).map(float) | ODD
WORD = st.none() | TEXT | TEXT | TEXT | st.integers() | st.booleans() | st.text(st.characters(), max_size=2)


def part(demanded: dict[str, Any], free: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return tables with the demanded keys and any of the free ones, at times with a foreign one."""
    return st.fixed_dictionaries(demanded, optional={**free, "foreign": JSON})


SPEC = st.fixed_dictionaries(
    {},
    optional={
        "model": st.none()
        | part(
            {"provider": TEXT, "model_id": TEXT},
            {
                "model_version": WORD,
                "temperature": DECIMAL,
                "top_p": DECIMAL,
                "top_k": WHOLE,
                "max_tokens": WHOLE,
                "seed": WHOLE,
                "stop_sequences": st.none() | st.lists(TEXT, max_size=4) | ODD,
                "extra_params": TABLE,
            },
        ),
        "prompts": st.none()
        | part(
            {},
            dict.fromkeys(("system_prompt_hash", "prompt_template_hash", "prompt_version", "system_prompt"), WORD),
        ),
        "tools": st.lists(
            part({"name": TEXT}, dict.fromkeys(("version", "description_hash", "schema_hash"), WORD)),
            max_size=3,
        ),
        "agent": st.none()
        | part({"agent_name": TEXT}, dict.fromkeys(("agent_version", "agent_graph_hash", "config_hash"), WORD)),
        "environment": st.none()
        | part(
            {},
            dict.fromkeys(
                (
                    "git_commit",
                    "git_branch",
                    "build_id",
                    "runner_version",
                    "framework_version",
                    "python_version",
                ),
                WORD,
            ),
        ),
        "infra": st.none()
        | part(
            {},
            {
                **dict.fromkeys(("cpu_guaranteed", "cpu_hard_limit", "time_budget_seconds"), DECIMAL),
                **dict.fromkeys(("memory_guaranteed_mb", "memory_hard_limit_mb", "concurrency_level"), WHOLE),
                **dict.fromkeys(
                    ("runtime_platform", "sandbox_provider", "harness_version", "hostname", "container_id"),
                    WORD,
                ),
            },
        ),
        "global_seed": WHOLE,
        "extra": TABLE,
    },
)


def theirs(spec: dict[str, Any]) -> str | None:
    """Return the real package's fingerprint, None if it refuses the spec."""
    from pydantic import ValidationError

    try:
        found: str = tracelens.DecisionSpec(**spec).fingerprint
    except ValidationError:
        return None
    return found


def ours(spec: dict[str, Any]) -> str | None:
    """Return our fingerprint, None if we refuse the spec."""
    try:
        return fingerprint(spec)
    except ValueError:
        return None


@given(SPEC)
def test_the_fingerprint_is_the_one_that_tracelens_computes(spec: dict[str, Any]) -> None:
    """For any specification both give the same digits, or both refuse it."""
    assert ours(copy.deepcopy(spec)) == theirs(spec)


@given(
    st.sampled_from(["temperature", "seed", "model_version", "stop_sequences", "extra_params"]),
    DECIMAL | WHOLE | JSON,
)
def test_each_type_is_taken_as_tracelens_takes_it(field: str, value: Any) -> None:
    """A whole number, a numeral, a boolean or a foreign type counts for a field as it does there."""
    spec = {"model": {"provider": "p", "model_id": "m", field: value}}
    assert ours(spec) == theirs(spec)


def test_a_fingerprint_is_never_what_an_empty_one_is() -> None:
    """Specs that differ in one field differ in fingerprint; 0 and 0.0 do not differ for a temperature."""
    base = {"model": {"provider": "p", "model_id": "m", "temperature": 0}}
    warmer = {"model": {"provider": "p", "model_id": "m", "temperature": 0.5}}
    assert len({fingerprint({}), fingerprint(base), fingerprint(warmer), fingerprint({"infra": {}})}) == 4
    assert fingerprint(base) == fingerprint({"model": {"provider": "p", "model_id": "m", "temperature": 0.0}})


def record(**facts: Any) -> Manifest:
    """Return a record with these facts in it; a nested table is merged into its section."""
    made: Any = blank("20260920T143000Z", "2026-09-20T14:30:00Z")
    for name, value in facts.items():
        made[name] = {**made[name], **value} if isinstance(made[name], dict) else value
    found: Manifest = made
    return found


def prompt(digest: str | None, version: str | None = None) -> dict[str, Any]:
    """Return a prompt as it stands in a record."""
    return {"path": None, "sha256": digest, "version": version, "source": "settings"}


def test_a_record_gives_the_spec_that_a_tracelens_user_would_write() -> None:
    """The same facts, written down by hand with that package's own classes, have the same fingerprint."""
    from tracelens import (
        AgentSpec,
        DecisionSpec,
        EnvironmentSpec,
        InfraConfig,
        ModelConfig,
        PromptSpec,
        ToolSpec,
    )

    by_hand = PromptSpec.from_prompts(system_prompt="Be terse.", prompt_template="Do {x}", prompt_version="v3")
    spec = DecisionSpec(
        model=ModelConfig(
            provider="anthropic",
            model_id="claude-3-opus-20240229",
            temperature=0,
            top_k=40,
            stop_sequences=["b", "a"],
            extra_params={"thinking": {"budget": 1024}},
        ),
        prompts=by_hand,
        tools=[ToolSpec(name="search", version="1.0", schema_hash="ab"), ToolSpec(name="calc")],
        agent=AgentSpec(agent_name="planner", agent_version="2"),
        environment=EnvironmentSpec(git_commit="c0ffee", build_id="77", framework_version="0.7.0"),
        infra=InfraConfig(memory_hard_limit_mb=2048, cpu_guaranteed=2, hostname="elsewhere"),
        global_seed=7,
        extra={"retries": 3},
    )
    made = record(
        model_config={
            "provider": "anthropic",
            "model": "claude-3-opus-20240229",
            "temperature": 0,
            "top_k": 40,
            "stop_sequences": ["a", "b"],
            "extra": {"thinking": {"budget": 1024}},
        },
        prompts={
            "system": prompt(f"sha256:{by_hand.system_prompt_hash}", "v3"),
            "main": prompt(by_hand.prompt_template_hash),
        },
        prompt_versions={"main": "v3"},
        tools=[
            {
                "name": "search",
                "version": "1.0",
                "description_hash": None,
                "schema_hash": "sha256:ab",
                "source": "settings",
            },
            "calc",
        ],
        agent={"name": "planner", "version": 2},
        git_sha="c0ffee",
        git={"branch": "main"},
        system={"python_version": "3.12.1", "framework_version": "0.7.0"},
        infra={"declared": {"memory_hard_limit_mb": 2048, "cpu_guaranteed": 2}},
        config={"reported": {"global_seed": 7, "retries": 3, "environment.build_id": 77}},
    )
    found = decision_spec(made)
    loaded = DecisionSpec.model_validate(json.loads(json.dumps(found)))
    assert loaded._to_hash_dict() == spec._to_hash_dict()
    assert loaded.fingerprint == spec.fingerprint == fingerprint(found)
    assert (loaded.environment.git_branch, loaded.environment.python_version) == ("main", "3.12.1")
    assert loaded.infra.wall_clock_start_utc.isoformat() == "2026-09-20T14:30:00+00:00"


def test_a_record_of_nothing_is_an_empty_spec() -> None:
    """What nobody declared is null, as if nobody had given it."""
    found = decision_spec(record(system={"python_version": "3.12.1"}, git={"branch": "main"}))
    assert fingerprint(found) == tracelens.DecisionSpec().fingerprint


@pytest.mark.parametrize("missing", ["provider", "model"])
def test_a_model_that_tracelens_would_refuse_still_counts(missing: str) -> None:
    """Without a provider or an id there is no model part, and its facts change the fingerprint all the same."""
    config = {"provider": "p", "model": "m", "temperature": 0.1}
    del config[missing]
    found = decision_spec(record(model_config=config))
    assert found["model"] is None
    assert found["extra"]["model"]["temperature"] == 0.1
    warmer = decision_spec(record(model_config={**config, "temperature": 0.2}))
    assert fingerprint(found) != fingerprint(warmer)


def test_a_value_of_a_foreign_type_becomes_an_extra_parameter() -> None:
    """What TraceLens would refuse for a field is not lost, and the rest of the model stands."""
    found = decision_spec(record(model_config={"provider": "p", "model": "m", "temperature": "low", "top_k": "40"}))
    assert found["model"]["temperature"] is None
    assert found["model"]["extra_params"] == {"temperature": "low"}
    assert found["model"]["top_k"] == 40


def test_several_prompts_make_one_template_hash() -> None:
    """All prompts but the system one count together, whatever their order; a change of any changes the hash."""
    both = {"plan": prompt("sha256:aa", "v1"), "act": prompt("sha256:bb", "v2")}
    found = decision_spec(record(prompts={"system": prompt("sha256:cc"), **both}))["prompts"]
    assert found["system_prompt_hash"] == "cc"
    assert found["prompt_version"] == "act=v2,plan=v1"
    turned = {name: both[name] for name in reversed(both)}
    assert decision_spec(record(prompts=turned))["prompts"]["prompt_template_hash"] == found["prompt_template_hash"]
    changed = decision_spec(record(prompts={**both, "act": prompt("sha256:b0", "v2")}))["prompts"]
    assert changed["prompt_template_hash"] != found["prompt_template_hash"]


def test_tools_count_in_any_order() -> None:
    """Tools of one name, told apart by their version, give the same fingerprint in either order."""
    tools = [{"name": "t", "version": "1"}, {"name": "t", "version": "2"}]
    one, other = decision_spec(record(tools=tools)), decision_spec(record(tools=tools[::-1]))
    assert fingerprint(one) == fingerprint(other)


MODEL = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("provider", "model", "version", "model_id"), WORD),
        **dict.fromkeys(("temperature", "top_p"), DECIMAL),
        **dict.fromkeys(("top_k", "max_tokens", "seed"), WHOLE),
        "stop_sequences": st.lists(TEXT, max_size=3) | ODD,
        "extra": TABLE | TEXT,
        "logprobs": JSON,
    },
)
PROMPTS = st.dictionaries(
    st.sampled_from(["system", "system_prompt", "template", "a"]) | TEXT,
    st.builds(prompt, st.none() | TEXT, st.none() | TEXT),
    max_size=3,
)


@given(
    MODEL,
    PROMPTS,
    st.lists(TEXT | TABLE, max_size=2),
    st.fixed_dictionaries(
        {}, optional={"name": WORD, "version": WORD, "graph_hash": WORD, "extra": TABLE, "more": JSON}
    ),
    st.fixed_dictionaries(
        {},
        optional={"cpu_hard_limit": DECIMAL, "concurrency_level": WHOLE, "sandbox_provider": WORD, "x": JSON},
    ),
    st.fixed_dictionaries({}, optional={"global_seed": WHOLE, "environment.runner_version": JSON, "deep.key": JSON}),
)
def test_whatever_a_record_holds_tracelens_loads_the_spec(  # noqa: PLR0917 - one a section
    model: Any, prompts: Any, tools: Any, agent: Any, infra: Any, reported: Any
) -> None:
    """The spec of any record is one that the package takes, with the fingerprint that we computed."""
    made = record(
        model_config=model,
        prompts=prompts,
        tools=tools,
        agent=agent,
        infra={"declared": infra},
        config={"reported": reported},
    )
    found = decision_spec(made)
    assert tracelens.DecisionSpec.model_validate(found).fingerprint == fingerprint(found)
    assert tracelens.DecisionSpec.model_validate(json.loads(json.dumps(found))).fingerprint == fingerprint(found)


def spec_of(**changes: Any) -> dict[str, Any]:
    """Return the spec of a record with a model, an agent and two tools."""
    m: Any = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
    m["model_config"] = {"provider": "openai", "model": "gpt-4o-2024-08-06", "temperature": 0.2}
    m["agent"]["name"] = "planner"
    m["tools"] = [
        {"name": name, "version": "1", "description_hash": None, "schema_hash": None, "source": "settings"}
        for name in ("read", "search")
    ]
    m["model_config"] |= changes.get("model", {})
    m["agent"] |= changes.get("agent", {})
    m["infra"]["declared"] = changes.get("infra", {})
    if "tool" in changes:
        m["tools"][1]["version"] = changes["tool"]
    return decision_spec(m)


def test_a_diff_names_each_field_that_differs_and_no_other() -> None:
    """Field by field, down to the last: from one value to the other, null where one has none."""
    one = spec_of()
    assert diff(one, spec_of()) == {}
    other = spec_of(model={"temperature": 0.7}, tool="2", infra={"memory_hard_limit_mb": 512})
    assert diff(one, other) == {
        "model.temperature": (0.2, 0.7),
        "tools.search.version": ("1", "2"),
        "infra.memory_hard_limit_mb": (None, 512),
    }


def test_compatible_is_the_same_model_and_agent() -> None:
    """As TraceLens has it where both name them; where only one does, they are not known to be the same."""
    specs = [
        spec_of(),
        spec_of(model={"temperature": 0.7}, tool="2"),
        spec_of(model={"model": "gpt-4o-2024-11-20"}),
        spec_of(model={"provider": "azure"}),
        spec_of(agent={"name": "critic"}),
    ]
    for one in specs:
        for other in specs:
            theirs = tracelens.DecisionSpec(**one).is_compatible_with(tracelens.DecisionSpec(**other))
            assert is_compatible(one, other) == theirs
    assert not is_compatible(spec_of(), {**spec_of(), "agent": None})
