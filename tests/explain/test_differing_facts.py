"""What differs among several programs is a column each, said once and in few letters."""

from __future__ import annotations

from typing import Any

from diffing import OTHER, put, record

from evalprov.explain.several import FactColumn, columns, facts_of


def told(*edits: Any, swept: list[dict[str, str]] | None = None) -> list[FactColumn]:
    """Return the columns of a run and of one for each edit."""
    runs = [record(), *(record(edit, run=number) for number, edit in enumerate(edits, 1))]
    return columns([facts_of(run) for run in runs], swept or [{} for _ in runs])


def test_only_what_differs_is_a_column() -> None:
    """Facts of all layers are compared; hashes are short, and what one program lacks is a dash."""
    assert told(put("git_sha", "2" * 40), put("timestamp", "later")) == []
    assert told(
        put("model_config/temperature", 0.7), put("prompts/plan/sha256", OTHER), put("golden_version", None)
    ) == [
        FactColumn("prompts", "prompt plan sha256", ["a" * 8, "a" * 8, "b" * 8, "a" * 8]),
        FactColumn("model", "model temperature", ["0.0", "0.7", "0.0", "0.0"]),
        FactColumn("data", "data golden_version", ["g1", "g1", "g1", "-"]),
    ]
    assert told(put("code/tree", "d" * 40))[0] == FactColumn("code", "code tree", ["c" * 8, "d" * 8])
    (packages,) = told(put("software/packages_hash", OTHER))
    assert packages == FactColumn("software", "package content", ["a" * 8, "b" * 8])


def test_a_command_line_is_told_option_by_option() -> None:
    """Options, assignments and other words each have a column of their own."""
    words = [
        ["eval.py", "--n", "-5", "--fast", "lr=1", "in", "-o", "a=1", "-o", "b=2", "--tag", "x", "--tag", "y"],
        ["eval.py", "--n=7", "lr=2", "out", "-o", "a=3", "-o", "b=2", "--tag", "z", "--tag", "y"],
    ]
    found = {one.name: one.values for one in told(*(put("config/arguments", one) for one in words))}
    assert found == {
        "--n": ["5", "-5", "7"],
        "--fast": ["-", "yes", "-"],
        "lr": ["-", "1", "2"],
        "word 2": ["-", "in", "out"],
        "-o": ["-", "yes", "yes"],
        "a": ["-", "1", "3"],
        "b": ["-", "2", "2"],
        "--tag": ["-", "x, y", "z, y"],
    }


def test_what_was_swept_comes_first_and_is_not_told_twice() -> None:
    """What repeats a swept value, spelled so or otherwise, is told once; what else differs stays."""
    edit = lambda m: (  # noqa: E731 - it edits three things
        put("model_config/temperature", 0.3)(m), put("config/arguments", ["eval.py", "--n", "5", "--t", "0.30"])(m),
        put("software/env/SEED", "2")(m), put("code/tree", "d" * 40)(m),
    )  # fmt: skip
    swept = [{"model.temperature": "0", "SEED": "-"}, {"model.temperature": "0.3", "SEED": "2"}]
    assert [(one.layer, one.name) for one in told(edit, swept=swept)] == [
        ("sweep", "model.temperature"), ("sweep", "SEED"), ("config", "--t"), ("code", "code tree"),
    ]  # fmt: skip
    assert told(put("code/tree", "d" * 40), swept=[{"lr": "1"}, {"lr": "1"}])[0].name == "code tree"
