"""What the name of a file tells of its part in a run."""

from __future__ import annotations

import pytest

from evalprov.record.outputs import is_by_hand, is_cache, is_source, speaks_of_results, tells_the_time


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("metrics.json", True),
        ("eval_results.json", True),
        ("results-gpt-4o.json", True),
        ("out.ipynb", True),
        ("nb.nbconvert.ipynb", True),
        ("logs/2026.eval", True),
        ("outputs/2026-01-01/12-00-00/.hydra/config.yaml", True),
        ("lightning_logs/version_0/hparams.yaml", True),
        ("run.log", True),
        ("metrics.py", False),
        ("results/plot.py", False),
        ("expected_output.json", False),
        ("golden/outputs/a.json", False),
        ("output_schema.json", False),
        ("data/cases.json", False),
        ("checkout.json", False),
        ("layout.yaml", False),
        (".json", False),
        ("", False),
    ],
)
def test_a_result_is_told_by_a_word_of_its_own(path: str, *, said: bool) -> None:
    """Such a word makes a result, unless another says that results are held against it."""
    assert speaks_of_results(path) is said


def test_kinds_are_told_by_the_ending() -> None:
    """A source is a text by hand, a text need be no source, data is neither."""
    for path in ("a.py", "x/run.sh", "Makefile", "Dockerfile", "p.jinja"):
        assert is_source(path)
        assert is_by_hand(path)
    for path in ("README.md", "conf.yaml", ".env", "nb.ipynb"):
        assert is_by_hand(path)
        assert not is_source(path)
    for path in ("a.json", "dvc.lock", "py", "x.tar.gz", ""):
        assert not is_by_hand(path)
    for path in ("a/__pycache__/b.pyc", ".pytest_cache/v/x", "nb/.ipynb_checkpoints/a.ipynb"):
        assert is_cache(path)
    assert not is_cache("cache/a.json")


def test_a_moment_in_a_name() -> None:
    """A date with its time is a moment, a date alone or a number is none."""
    for path in ("20260920T143000Z.json", "r/2026-09-20_14-30-00.csv", "x1726842600.json"):
        assert tells_the_time(path)
    for path in ("cases-2026-09-20.jsonl", "top10.json", "2026-09-20/a.json"):
        assert not tells_the_time(path)
