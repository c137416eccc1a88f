"""Model names that a provider can move."""

from __future__ import annotations

import pytest

from evalprov.record.aliases import FAMILIES, alias_note

ALIASES = [
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("GPT-4o", "gpt-4o-2024-08-06"),
    ("openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-4-turbo-preview", "gpt-4-turbo-2024-04-09"),
    ("o3-mini", "o3-mini-2025-01-31"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
    ("anthropic/claude-opus-4", "claude-opus-4-20250514"),
    ("us.anthropic.claude-3-opus", "claude-3-opus-20240229"),
    ("models/gemini-1.5-pro", "gemini-1.5-pro-002"),
    ("gemini-1.5-flash-latest", "gemini-1.5-flash-002"),
    ("gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("gemini-2.0-flash-lite", "gemini-2.0-flash-lite-001"),
    ("command-r-plus", "command-r-plus-08-2024"),
    ("mistral-large", "mistral-large-2407"),
]
STEADY = [
    "gpt-4o-2024-08-06",
    "gpt-4-0613",
    "gpt-4-1106-preview",
    "claude-3-5-sonnet-20241022",
    "claude-3-5-sonnet@20241022",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-2.1",
    "gemini-1.5-pro-002",
    "mistral-large-2407",
    "ft:gpt-4o-2024-08-06:org::abc",
    "deepseek-chat",
    "meta-llama/Llama-3.1-8B-Instruct",
    "my-gpt-4o",
    "gpt-4o-of-ours",
    "latest",
    "",
]


@pytest.mark.parametrize(("model", "dated"), ALIASES)
def test_an_alias_is_named_with_a_dated_name(model: str, dated: str) -> None:
    """A name that is known to move is told, in the user's spelling, with one that stays."""
    note = alias_note(model)
    assert note is not None
    assert model in note
    assert note.endswith(f"such as {dated}")


@pytest.mark.parametrize("model", ["mistral-large-latest", "some-new-model-latest", "llama3:latest", "x/y-latest"])
def test_latest_is_an_alias_in_any_family(model: str) -> None:
    """Whatever calls itself the latest is one, known or not."""
    assert alias_note(model) is not None


@pytest.mark.parametrize("model", STEADY)
def test_dated_and_unknown_names_are_left_alone(model: str) -> None:
    """No name is flagged on a guess."""
    assert alias_note(model) is None


def test_no_name_that_is_advised_is_an_alias_itself() -> None:
    """The table does not contradict itself."""
    for model, _ in ALIASES:
        note = alias_note(model)
        assert note is not None
        assert alias_note(note.rpartition(" ")[2]) is None
    plain = [dated for _, dated in FAMILIES if "\\" not in dated]
    assert len(plain) > 20
    assert [dated for dated in plain if alias_note(dated)] == []
