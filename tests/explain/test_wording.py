"""The first line: two hundred letters that name files and numbers, cut between words."""

from __future__ import annotations

from typing import Any

import pytest
from diffing import answers, diff, put, record

from evalprov.explain.wording import LINE, shortened
from evalprov.record.manifest import Manifest
from evalprov.views import diff_words

FALLEN = answers(100)


def sentence(a: Manifest, b: Manifest, **how: Any) -> str:
    """Return the first line."""
    return diff(a, b, **how).answer.sentence


def test_the_first_line_fits_whatever_it_is_of() -> None:
    """Long names, values, reasons, caveats and lists of layers leave it at two hundred letters, cut between words."""
    long = "a rather long name of something " * 20
    edits = [
        put("scenario", long),
        put("model_config", {long: long, "temperature": 1}),
        put("config/files", {}),
        put("software/packages_hash", None),
        put("software/packages", None),
        put("capture/packages", {"status": "failed", "ms": 1.0, "reason": long}),
        put("infra/gpu", None),
        put("status", "timed_out"),
    ]
    metrics = {f"t{i}": {f"{long}{j}": i < 100 for j in range(5)} for i in range(200)}
    before = {f"t{i}": {f"{long}{j}": i < 150 for j in range(5)} for i in range(200)}
    for count in range(len(edits) + 1):
        line = sentence(record(metrics=before), record(*edits[:count], run=1, metrics=metrics))
        assert len(line) <= LINE, line
        line = sentence(record(), record(*edits[:count], run=1))
        assert len(line) <= LINE, line
    files = [f"evals/some/deep/folder/module_{i}.py (+10 -2)" for i in range(9)]
    line = sentence(record(), record(put("code/tree", "d" * 40), run=1, metrics=FALLEN), files=files)
    assert len(line) <= LINE
    assert "only the code changed (evals/some/deep/folder/module_0.py (+10 -2)" in line


def test_a_line_is_cut_between_words() -> None:
    """Never within one, if there is any place else; and what fits is not cut."""
    text = " ".join(f"word{i}" for i in range(60))
    cut = shortened(text)
    assert len(cut) <= LINE
    *words, dots = cut.split(" ")
    assert dots == "..."
    assert text.startswith(" ".join(words) + " ")
    assert shortened("x" * 300) == "x" * 196 + " ..."
    assert shortened("short") == "short"


def test_only_is_never_said_where_something_was_cut_off() -> None:
    """What is merely the same by name or not declared keeps the word away, however long the line."""
    long = {f"model-parameter-with-a-long-name-{i}": "x" * 60 for i in range(9)}
    bare = (put("prompts", {}), put("prompt_versions", {}), put("software/env_rest", None))
    line = sentence(record(*bare), record(*bare, put("model_config", long), run=1, metrics=FALLEN))
    assert "the model changed" in line
    assert "only the model" not in line


def test_a_wrapped_command_reads_as_one() -> None:
    """What was put before it, and where it goes on; options alone are added or removed."""
    wrapped = (
        put("config/program", "taskset"),
        put("config/arguments", ["-c", "0", "/usr/bin/python", "eval.py", "--n", "5"]),
    )
    assert "(command: python ... -> taskset -c 0 python ...)" in sentence(record(), record(*wrapped, run=1))
    assert "(command: taskset -c 0 python ... -> python ...)" in sentence(record(*wrapped), record(run=1))
    more = put("config/arguments", ["eval.py", "--n", "5", "--fast"])
    assert "(command arguments --fast added)" in sentence(record(), record(more, run=1))
    assert "(command arguments --fast removed)" in sentence(record(more), record(run=1))


def test_code_of_which_no_file_can_be_named_says_so() -> None:
    """A tree is no fact that a person can look at."""
    line = sentence(record(), record(put("code/tree", "d" * 40), run=1, metrics=FALLEN))
    assert ": of what is recorded, only the code changed (which files is not known)" in line


def test_what_noise_would_have_hidden_is_said() -> None:
    """No score moved for real: with how many scenarios, and how large a move they would have missed."""
    line = sentence(record(metrics=answers(21, 30)), record(run=1, metrics=answers(24, 30)))
    assert line.startswith("no score moved for real: correct_mean 0.7 -> 0.8 is within noise: 30 scenarios would miss")
    assert "would miss a move below 0." in line


def several(right: int) -> dict[str, dict[str, Any]]:
    """Return ten metrics of which the first has so many right."""
    return {f"t{i}": {f"m{j}": i < right if j == 0 else (i * 7 + j) % 10 < 5 for j in range(10)} for i in range(60)}


def test_a_move_that_only_the_correction_takes_back_is_not_proven() -> None:
    """Both chances stand in the line and in the table: by itself, and among all metrics."""
    noisy = several(38)
    for j in range(1, 10):  # as many up as down
        values = [row[f"m{j}"] for row in noisy.values()]
        for kind in (True, False):
            for place in [at for at, value in enumerate(values) if value is kind][j : j + 8]:
                noisy[f"t{place}"][f"m{j}"] = not kind
    found = diff(record(metrics=several(44)), record(run=1, metrics=noisy))
    (metric,) = (one for one in found.metrics if one.corrected_for)
    assert metric.name == "m0_mean"
    assert metric.p is not None
    assert metric.p_adjusted is not None
    assert metric.p < 0.05 < metric.p_adjusted
    said = f"p = {metric.p:.2g} alone, {metric.p_adjusted:.2g} among 10 metrics"
    assert f"m0_mean 0.7333 -> 0.6333 is not proven, {said}" in found.answer.sentence
    assert diff_words.verdict(metric) == f"not proven: {said}"


@pytest.mark.parametrize(("metrics", "said"), [(FALLEN, True), (answers(150), False)])
def test_what_nobody_declared_is_said_where_a_layer_is_blamed(metrics: dict[str, dict[str, Any]], said: bool) -> None:
    """Where nothing moved it stands in the table of layers alone."""
    bare = put("prompts", {}), put("prompt_versions", {})
    found = diff(record(*bare), record(*bare, put("model_config/temperature", 0.7), run=1, metrics=metrics))
    assert ("nobody declared prompts" in found.answer.sentence) == said
    assert found.answer.undeclared == ["prompts"]
