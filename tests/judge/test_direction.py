"""Which way is better, and in what unit: by the settings, by what the eval says, by the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalprov.judge.direction import direction_of, is_defined, rule_of, unit_of, way_of
from evalprov.judge.rules import MetricRule
from evalprov.record.schema.outcome import MetricInfo

HIGHER = """
accuracy acc_norm acc,none exact_match,strict-match f1 macroF1 f1_score precision recall@10 passed pass@1
pass_rate success correct isCorrect em EM bleu bleu4 ROUGE-L rougeL rouge1 chrf roc_auc mrr ndcg@10 NDCG_at_5
reward win_rate exact_match agreement judge.helpfulness faithfulness answer_relevancy ok ok_mean resolved_mean
score score_total hits@10 r2 score_per_dollar
"""
LOWER = """
latency latency_ms latencyMs latency_ms_p95 p95_latency_s duration_seconds_mean time_to_first_token wall_s
cost_usd avgCostUSD cost_per_task price errors num_errors numErrors error_rate loss eval.loss perplexity
word_perplexity WER cer mae MSE rmse tokens total_tokens failures failed hallucination_rate toxicity
violations brier ece false_positive_rate timeouts
"""
NEITHER = """
tickets error_score pass_errors accuracy_loss errors_fixed acc_stderr accuracy_std score_delta tool_calls
steps n p95 tokens_per_answer uptime_s error_free on_time_rate non_toxic temperature
judge's rate Größe 42 -
"""


@pytest.mark.parametrize("name", HIGHER.split())
def test_names_of_which_more_is_better(name: str) -> None:
    """Ordinary names of successes are known."""
    assert direction_of(name) == "higher"


@pytest.mark.parametrize("name", LOWER.split())
def test_names_of_which_less_is_better(name: str) -> None:
    """Ordinary names of costs and failures are known."""
    assert direction_of(name) == "lower"


@pytest.mark.parametrize("name", [*NEITHER.split(), ""])
def test_names_that_say_both_or_neither_are_not_guessed(name: str) -> None:
    """A word for each way, a word that may reverse it, or none that is known: no direction."""
    assert direction_of(name) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("latency_ms", "ms"),
        ("latency_ms_mean", "ms"),
        ("latencyMs", "ms"),
        ("latency_ms_p95", "ms"),
        ("took_s", "s"),
        ("duration_seconds", "s"),
        ("cost_usd_total", "usd"),
        ("prompt_tokens", "tokens"),
        ("peak_mb", "mb"),
        ("read_bytes", "bytes"),
        ("cpu_percent", "percent"),
        ("cpu_pct", "percent"),
        ("tokens", None),
        ("items", None),
        ("judge's", None),
        ("accuracy", None),
        ("ms_of_rest", None),
    ],
)
def test_units_are_read_from_the_end_of_a_name(name: str, unit: str | None) -> None:
    """The last word that is no kind of average."""
    assert unit_of(name) == unit


NAMES = Path(__file__).parents[2] / "fixtures/directions"  # of metrics as harnesses print them
FIRST_LOOK = 5  # of the unseen names that were wrong when they were first tried; they are not looked at one by one


def guesses(file: str) -> list[tuple[str, str | None, str | None]]:
    """Return each name of a list with what is guessed, and what is true."""
    rows = [line.split("\t") for line in (NAMES / file).read_text().splitlines()[1:]]
    return [(name, direction_of(name), None if true == "neither" else true) for name, true, _ in rows]


def precision(found: list[tuple[str, str | None, str | None]]) -> tuple[float, list[str]]:
    """Print how good the guesses are; return the share of right ones and the wrong ones."""
    made = [one for one in found if one[1] is not None]
    wrong = [f"{name}: {guess}, and it is {true or 'neither'}" for name, guess, true in made if guess != true]
    unknown = sum(guess is None and true is not None for _, guess, true in found)
    share = 1 - len(wrong) / len(made)
    print(f"{len(found)} names: {len(made)} guessed, precision {share:.3f}; {unknown} unknown that have a direction")
    return share, wrong


def test_no_name_of_a_real_harness_is_guessed_wrong() -> None:
    """Of more than a thousand names of metrics none is given the wrong direction; most are given one."""
    found = guesses("names.tsv")
    assert len(found) > 1200
    assert precision(found)[1] == []
    known = [one for one in found if one[2]]
    assert sum(one[1] is not None for one in known) > 0.85 * len(known)


def test_names_that_the_words_were_not_chosen_for_are_guessed_nearly_as_well() -> None:
    """Names written down after the words were, and never used to mend them: nineteen of twenty guesses are right."""
    share, wrong = precision(guesses("unseen.tsv"))
    assert len(wrong) <= FIRST_LOOK
    assert share >= 0.95


def test_a_direction_by_definition_is_never_wrong() -> None:
    """Where the whole name is a known metric's the direction is no guess, in either list."""
    found = [one for one in [*guesses("names.tsv"), *guesses("unseen.tsv")] if one[1] and is_defined(one[0])]
    assert len(found) > 200
    assert [one for one in found if one[1] != one[2]] == []


@pytest.mark.parametrize("name", ["answer_quality", "bias_score", "attack_success_rate", "judge_accuracy", "mmlu"])
def test_a_name_with_other_words_in_it_is_a_guess(name: str) -> None:
    """However likely it is."""
    assert direction_of(name) is not None
    assert not is_defined(name)


def info(direction: str | None = None, unit: str | None = None) -> MetricInfo:
    """Return what an eval says of a metric."""
    return {"stderr": None, "n": None, "direction": direction, "unit": unit}  # type: ignore[typeddict-item]


def test_settings_win_over_the_eval_and_the_eval_over_the_name() -> None:
    """Each says where it is from."""
    rule = MetricRule(direction="lower", unit="points")
    assert way_of("accuracy", rule, [info("higher", "%")]) == ("lower", "settings", "points", False)
    assert way_of("accuracy", MetricRule(), [info("lower", "%"), info()]) == ("lower", "reported", "%", False)
    assert way_of("latency_ms", None, [info()]) == ("lower", "definition", "ms", False)
    assert way_of("answer_quality", None, [info()]) == ("higher", "name", None, False)
    assert way_of("tickets", None, []) == (None, None, None, False)


def test_sides_that_contradict_each_other_leave_it_unknown() -> None:
    """The name does not decide between two that should know."""
    assert way_of("accuracy", None, [info("lower"), info("higher")]) == (None, None, None, True)


def test_a_rule_is_found_with_and_without_the_mean() -> None:
    """The settings may name the summary's metric or the scenarios'."""
    plain, mean = MetricRule(min_n=1), MetricRule(min_n=2)
    assert rule_of({"ok": plain}, "ok_mean") is plain
    assert rule_of({"ok_mean": mean}, "ok") is mean
    assert rule_of({"ok": plain, "ok_mean": mean}, "ok_mean") is mean
    assert rule_of({"ok": plain}, "okay") is None
