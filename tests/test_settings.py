"""The settings file: where it is found, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalprov.errors import EvalprovError, UsageError
from evalprov.judge.rules import NO_RULES, GateRule, MetricRule, rules_of
from evalprov.settings import SHAPE, Settings, load, overlay
from evalprov.settings.reference import EXAMPLE, PAGE, WORDS, keys, page


def test_without_a_file_the_root_is_the_repository_else_here(tmp_path: Path) -> None:
    """The nearest folder with .git counts; without one, the folder itself."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load(str(inner)).root == str(inner)
    (tmp_path / "a" / ".git").mkdir()
    assert load(str(inner)).root == str(tmp_path / "a")
    assert load(str(inner)).path is None


def test_the_nearest_file_upward_counts(tmp_path: Path) -> None:
    """Nearest first, evalprov.toml before pyproject.toml, a pyproject.toml without our table passed over."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "evalprov.toml").write_text('scenario = "outer"\n')
    assert load(str(inner)).scenario == "outer"
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert load(str(inner)).scenario == "outer"
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.evalprov]\nscenario = "inner"\n')
    assert load(str(inner)).scenario == "inner"
    assert load(str(inner)).root == str(tmp_path / "a")
    (tmp_path / "a" / "evalprov.toml").write_text('scenario = "own"\n')
    assert load(str(inner)).scenario == "own"


def test_a_repository_is_not_left_in_search_of_settings(tmp_path: Path) -> None:
    """A settings file above the repository is somebody else's."""
    (tmp_path / "evalprov.toml").write_text('scenario = "outer"\n')
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    assert load(str(tmp_path / "repo")).scenario is None


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        (
            'scenario = "x"\n[model]\nmodel = "gpt"\ntemprature = 1\n',
            ":4: model.temprature: there is no such key",
            "temperature",
        ),
        ("scenario = 3\n", ":1: scenario: must be a string, not a whole number", ""),
        ('[model]\ntemperature = "0.2"\n', ":2: model.temperature: must be a number, not a string", ""),
        ("[model]\ntop_k = 1.5\n", ":2: model.top_k: must be a whole number, not a number", ""),
        ("[model]\nseed = true\n", ":2: model.seed: must be a whole number, not a boolean", ""),
        ('[[tools]]\nversion = "1"\n', ":1: tools.0: the key name is missing", ""),
        ("[prompts]\na = 3\n", ":2: prompts.a: must be a path", ""),
        ('[prompts]\na = {path = "q", vers = "1"}\n', ":2: prompts.a.vers: there is no such key", "version"),
        ('[log]\nmode = "some"\n', ":2: log.mode: must be one of bounded, full, off", ""),
        ("[log]\nbytes = -1\n", ":2: log.bytes: must be at least 0", ""),
        ('[config]\nfiles = "a.yaml"\n', ":2: config.files: must be a list, not a string", ""),
        ('[config]\nfiles = ["a", 3]\n', ":2: config.files.1: must be a string", ""),
        ("config = 1\n", ":1: config: must be a table", ""),
        ("x = \n", "not valid TOML", ""),
    ],
)
def test_a_wrong_key_is_named_with_its_line(tmp_path: Path, text: str, says: str, hint: str) -> None:
    """File, line, key, what is wrong, and the nearest valid key."""
    file = tmp_path / "evalprov.toml"
    file.write_text(text)
    with pytest.raises(EvalprovError) as caught:
        load(str(tmp_path))
    assert caught.value.message.startswith(str(file))
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_the_line_is_right_in_pyproject_too(tmp_path: Path) -> None:
    """The table's prefix does not confuse the line."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.evalprov.model]\nmodel = 3\n')
    with pytest.raises(EvalprovError, match=r"pyproject\.toml:5: model\.model: must be a string"):
        load(str(tmp_path))


def test_an_unreadable_file_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    """A folder or a dangling loop in its place is said, not taken for 'no settings'."""
    (tmp_path / "evalprov.toml").symlink_to("evalprov.toml")
    with pytest.raises(EvalprovError, match="cannot read"):
        load(str(tmp_path))


RULES = """
scenario = "x"

[metrics.accuracy]
tolerance = 0.02
blocking = false

[metrics."answer.f1"]
direction = "higher"
tolerance_relative = 1

[gate]
level = 0.01
allow_failed = true
"""


def test_the_rules_of_the_gate_are_read_and_are_no_facts(tmp_path: Path) -> None:
    """A metric's name may have dots; what judges a run is not among what the project declares of it."""
    (tmp_path / "evalprov.toml").write_text(RULES)
    settings = load(str(tmp_path))
    rules = rules_of(settings.declared)
    assert rules.metrics["accuracy"] == MetricRule(tolerance=0.02, blocking=False)
    assert rules.metrics["answer.f1"] == MetricRule(direction="higher", tolerance_relative=1)
    assert rules.gate == GateRule(level=0.01, allow_failed=True)
    assert settings.origins == {"scenario": "evalprov.toml"}
    assert rules_of({}) == NO_RULES


def test_every_field_of_a_rule_is_a_key_of_the_settings() -> None:
    """No rule that could not be given, and no key that nothing reads."""
    assert set(SHAPE["gate"]) == set(GateRule._fields)
    assert set(SHAPE["metrics"].shape) == set(MetricRule._fields) - {"function"}  # which one of them names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[metrics.a]\ntolerance = -0.1\n", ":2: metrics.a.tolerance: must be a number of 0 or more, not -0.1"),
        ("[metrics.a]\ntolerance = nan\n", ":2: metrics.a.tolerance: must be a number of 0 or more, not nan"),
        ("[metrics.a]\ntolerance = inf\n", ":2: metrics.a.tolerance: must be a number of 0 or more, not inf"),
        ("[metrics.a]\ntolerance = true\n", ":2: metrics.a.tolerance: must be a number of 0 or more, not a boolean"),
        ('[metrics.a]\nnoise_band = "0.1"\n', ":2: metrics.a.noise_band: must be a number of 0 or more, not a string"),
        ('[metrics.a]\ndirection = "up"\n', ":2: metrics.a.direction: must be one of higher, lower, not 'up'"),
        ("[metrics.a]\nmin_n = 1\n", ":2: metrics.a.min_n: must be at least 2, not 1"),
        ("[metrics.a]\nblocking = 1\n", ":2: metrics.a.blocking: must be true or false, not a whole number"),
        ('[metrics."a.b"]\n\ntolerence = 1\n', ':3: metrics."a.b".tolerence: there is no such key'),
        ("[metrics]\na = 1\n", ":2: metrics.a: must be a table, not a whole number"),
        ("[gate]\nlevel = 0\n", ":2: gate.level: must be a share above 0, of 0.5 at most, not 0"),
        ("[gate]\nlevel = 0.6\n", ":2: gate.level: must be a share above 0, of 0.5 at most, not 0.6"),
        ("[gate]\nmax_errors = 2\n", ":2: gate.max_errors: must be a share from 0 to 1, not 2"),
        ("[gate]\nmax_eror = 2\n", ":2: gate.max_eror: there is no such key"),
    ],
)
def test_a_wrong_rule_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """As any other key."""
    (tmp_path / "evalprov.toml").write_text(text)
    with pytest.raises(EvalprovError) as caught:
        load(str(tmp_path))
    assert says in caught.value.message


@pytest.mark.parametrize("given", ["metrics.accuracy.tolerance=0.1", "gate.level=0.1"])
def test_a_rule_cannot_be_declared_for_a_run(given: str) -> None:
    """It would say nothing of the run, and nobody would ever apply it."""
    with pytest.raises(UsageError, match="says how runs are judged"):
        overlay(Settings(root="/"), [("--set", given)])


def test_a_quoted_name_may_have_dots() -> None:
    """On the command line as in the file."""
    declared = overlay(Settings(root="/"), [("--set", 'model.extra."a.b"=1'), ("--set", "model.extra.c=2")]).declared
    assert declared == {"model": {"extra": {"a.b": 1, "c": 2}}}


def test_the_reference_is_made_of_what_checks() -> None:
    """The settings page has every key there is, with what it takes, and none that is not there."""
    shown = Path(PAGE).read_text().partition(EXAMPLE)[0]
    assert shown == page(), "write it anew: python -m evalprov.settings.reference"
    assert keys().keys() == WORDS.keys()
