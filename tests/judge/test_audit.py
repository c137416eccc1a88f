"""Programs that disagree with themselves: what is noise, what is not, and which facts are named for it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from evalprov.explain.suspects import facts_of, suspects
from evalprov.judge.audit import KEPT, Audit, audit
from evalprov.record.form import blank, history_line
from evalprov.record.manifest import Manifest

Change = Callable[[Any], object]  # what it is given is a Manifest
FINGERPRINT = f"sha256:{'a' * 64}"


class Past:
    """A history made up of records."""

    def __init__(self) -> None:
        self.records: dict[str, Manifest] = {}
        self.loaded: list[str] = []

    def run(
        self,
        metrics: dict[str, dict[str, Any]] | None = None,
        summary: dict[str, Any] | None = None,
        change: Change | None = None,
        fingerprint: str | None = FINGERPRINT,
    ) -> Manifest:
        """Add a completed run."""
        run_id = f"20260920T{len(self.records) // 60:04d}{len(self.records) % 60:02d}Z"
        m = blank(run_id, "2026-09-20T00:00:00Z")
        m["status"] = "completed"
        m["scenario"] = "tickets"
        m["identity"]["fingerprint"] = fingerprint
        m["identity"]["program"] = f"sha256:{'b' * 64}"
        m["metrics"] = metrics
        m["metric_summary"] = summary if summary is not None else _means(metrics or {})
        if change:
            change(m)
        self.records[run_id] = m
        return m

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what the history has, newest first."""
        for record in reversed(self.records.values()):
            yield json.loads(history_line(record))

    def load(self, run_id: str) -> Manifest:
        self.loaded.append(run_id)
        return self.records[run_id]

    def audit(self) -> Audit:
        return audit(self.lines(), self.load)


def _means(metrics: dict[str, dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, list[float]] = {}
    for row in metrics.values():
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return {f"{name}_mean": math.fsum(values) / len(values) for name, values in columns.items()}


def answers(right: int, of: int = 40) -> dict[str, dict[str, Any]]:
    """Return scenarios of which so many are answered correctly."""
    return {f"t{i}": {"correct": i < right} for i in range(of)}


def served(name: str) -> Change:
    """Say which system the provider served."""
    return lambda m: m["observed"]["model"].update({"system_fingerprint": name})


def configured(model: dict[str, Any]) -> Change:
    """Say how the model was set."""
    return lambda m: m["model_config"].update(model)


def test_a_program_that_contradicts_itself_is_found_with_what_was_served() -> None:
    """Runs that differ far beyond noise disagree, and the served model that goes with it is named first."""
    past = Past()
    for right, system in ((30, "fp_a"), (31, "fp_a"), (30, "fp_a"), (15, "fp_b"), (14, "fp_b")):
        past.run(answers(right), change=served(system))
    (group,) = past.audit().groups
    assert group.verdict == "disagrees"
    (metric,) = group.metrics
    assert (metric.name, metric.verdict) == ("correct_mean", "disagrees")
    assert metric.p is not None
    assert metric.p < 1e-6
    assert metric.judged is not None
    assert metric.judged.unstable == 17
    first = group.suspects[0]
    assert [fact.name for fact in first.facts] == ["observed.model.system_fingerprint"]
    assert first.facts[0].values == ["fp_a", "fp_b"]
    assert [part.runs for part in first.parts] == [3, 2]
    assert first.explained is not None
    assert first.explained > 0.98


def test_runs_that_differ_by_noise_agree_and_nobody_is_suspected() -> None:
    """A scenario or two that flip are the noise of a program, whatever else changed."""
    past = Past()
    past.run(answers(30), change=served("fp_a"))
    past.run(answers(32), change=served("fp_b"))
    (group,) = past.audit().groups
    assert group.verdict == "agrees"
    assert [(m.verdict, m.p) for m in group.metrics] == [("within_noise", 0.5)]
    assert group.suspects == []


def test_equal_results_need_no_records() -> None:
    """Where every summary is the same no manifest is read."""
    past = Past()
    for _ in range(3):
        past.run(answers(30))
    (group,) = past.audit().groups
    assert (group.verdict, group.metrics[0].verdict, group.runs) == ("agrees", "equal", 3)
    assert past.loaded == []


def test_without_per_scenario_values_no_p_value_is_made_up() -> None:
    """Summaries that differ are told as such, their noise as unknown, and the facts that differ all the same."""
    past = Past()
    past.run(summary={"accuracy": 0.9}, change=served("fp_a"))
    past.run(summary={"accuracy": 0.1}, change=served("fp_b"))
    (group,) = past.audit().groups
    (metric,) = group.metrics
    assert group.verdict == metric.verdict == "noise_unknown"
    assert (metric.p, metric.judged, metric.note) == (None, None, "no per-scenario values")
    assert group.suspects[0].facts[0].name == "observed.model.system_fingerprint"
    assert group.suspects[0].explained is None


def test_a_summary_of_its_own_kind_is_not_judged_by_values_of_the_same_name() -> None:
    """The scenarios' noise is that of their mean, rounded or not, and of nothing else."""
    past = Past()
    for right, weighted in ((30, 0.31), (10, 0.35)):
        mean = right / 40
        past.run(answers(right), summary={"correct": weighted, "correct_mean": round(mean, 3)})
    for right in (30, 10):
        past.run(answers(right), summary={"correct": round(right / 40, 1)}, fingerprint=f"sha256:{'c' * 64}")
    found = {group.fingerprint[7]: {m.name: m.verdict for m in group.metrics} for group in past.audit().groups}
    assert found == {
        "a": {"correct": "noise_unknown", "correct_mean": "disagrees"},
        "c": {"correct": "disagrees"},
    }


def test_a_total_is_not_judged_beside_its_mean() -> None:
    """A total says nothing new and would only make every p-value worse."""
    past = Past()
    for right in (30, 10):
        past.run(answers(right), summary={"correct_mean": right / 40, "correct_total": right})
    (group,) = past.audit().groups
    assert [metric.name for metric in group.metrics] == ["correct_mean"]


def test_all_that_is_judged_counts_against_each() -> None:
    """One small p-value among many programs is what chance brings; alone it is not."""
    past = Past()
    past.run(answers(30))
    past.run(answers(23))
    (alone,) = past.audit().groups
    assert alone.verdict == "disagrees"
    for other in range(10):
        for right in (20, 21):
            past.run(answers(right), fingerprint=f"sha256:{other:064d}")
    assert {group.verdict for group in past.audit().groups} == {"agrees"}


def test_scenarios_that_not_every_run_has_are_told() -> None:
    """What most runs share is compared, and the rest is said; with too little shared the means are compared."""
    past = Past()
    past.run(answers(20))
    past.run(dict(list(answers(20).items())[:30]))
    (group,) = past.audit().groups
    assert group.metrics[0].verdict == "within_noise"
    assert group.metrics[0].note == "judged on the 30 scenarios that every run has, of up to 40"
    past = Past()
    past.run(answers(35))
    past.run({f"other{name}": row for name, row in answers(5).items()})
    (group,) = past.audit().groups
    assert group.metrics[0].verdict == "disagrees"
    assert group.metrics[0].note == "the runs share few scenarios or none"


def test_a_run_without_its_values_keeps_agreement_unknown() -> None:
    """What could not be looked at is never called noise."""
    past = Past()
    past.run(answers(30))
    past.run(answers(31))
    past.run(summary={"correct_mean": 0.1})
    (group,) = past.audit().groups
    assert group.verdict == "noise_unknown"
    assert group.metrics[0].note == "judged on 2 of 3 runs; the others have no per-scenario values"


def test_a_record_that_is_gone_is_not_guessed() -> None:
    """Without a manifest there are no per-scenario values, so noise is unknown."""
    past = Past()
    past.run(answers(30))
    past.run(answers(10))
    found = audit(past.lines(), lambda run_id: None)
    assert found.groups[0].metrics[0].note == "no per-scenario values"


def test_too_few_scenarios_prove_nothing() -> None:
    """Five scenarios that all turn over could be noise, and are called neither noise nor more."""
    past = Past()
    past.run(answers(5, of=5))
    past.run(answers(0, of=5))
    (group,) = past.audit().groups
    assert (group.verdict, group.metrics[0].note) == ("noise_unknown", "too few per-scenario values to tell")


def test_what_cannot_be_compared_is_counted_with_its_reason() -> None:
    """Failed runs, runs without a fingerprint and single runs are no group."""
    past = Past()
    past.run(change=lambda m: m.update(status="failed", exit_code=3))
    past.run(answers(3), fingerprint=f"sha256:{'c' * 64}")
    for _ in range(2):

        def unknown(m: Manifest) -> None:
            m["identity"]["layers"] = {"code": None, "data": "sha256:0"}
            m["identity"]["unknown"] = {"code": "no git here", "program": "code not known"}

        past.run(answers(3), change=unknown, fingerprint=None)
    found = past.audit()
    assert (found.groups, found.runs, found.single) == ([], 4, 1)
    assert found.left_out == {"no fingerprint: code: no git here": 2, "failed (exit 3), and no metrics were read": 1}


def test_a_command_that_fails_by_design_counts() -> None:
    """Its metrics were read, so it is a run; the settings may say otherwise."""
    past = Past()
    for _ in range(2):
        past.run(answers(3), change=lambda m: m.update(status="failed", exit_code=1))
    (group,) = past.audit().groups
    assert group.runs == 2
    assert audit(past.lines(), past.load, allow_failed=False).groups == []


def test_runs_that_share_the_config_layers_hash_and_differ_lack_a_field() -> None:
    """Same id, other results: the layer that differs is named, though the runs have fingerprints of their own."""
    past, builder = Past(), f"sha256:{'d' * 64}"
    for right, code in ((30, "1"), (31, "1"), (30, "1"), (10, "2"), (11, "2")):

        def built(m: Any, code: str = code) -> None:
            m["identity"] |= {"builder": builder, "layers": {"code": f"sha256:{code * 64}", "data": "sha256:0"}}

        past.run(answers(right), change=built, fingerprint=f"sha256:{code * 64}")
    found = {group.builder: group for group in past.audit().groups}
    assert {(group.fingerprint or "")[7:8] for group in found.values() if group.builder is None} <= {"1", "2"}
    group = found[builder]
    assert (group.fingerprint, group.runs, group.verdict) == (None, 5, "disagrees")
    assert "the code layer" in [fact.name for fact in group.suspects[0].facts]
    assert group.suspects[0].explained is not None
    assert group.suspects[0].explained > 0.9


def test_one_fingerprint_is_not_compared_twice() -> None:
    """Where all runs of a config layer's hash share a fingerprint, they are one group."""
    past = Past()
    for right in (30, 31):
        past.run(answers(right), change=lambda m: m["identity"].update(builder=f"sha256:{'d' * 64}"))
    (group,) = past.audit().groups
    assert (group.fingerprint, group.builder) == (FINGERPRINT, None)


def test_runs_without_a_metric_in_common_are_no_agreement() -> None:
    """A program whose runs report nothing twice is not said to agree."""
    past = Past()
    past.run(summary={})
    past.run(summary={"accuracy": 1.0})
    (group,) = past.audit().groups
    assert (group.verdict, group.metrics) == ("no_metrics", [])


def test_only_the_last_runs_of_a_program_are_kept() -> None:
    """A long history takes no more than a bounded number of runs a program; all are counted."""
    past = Past()
    for _ in range(KEPT + 5):
        past.run(answers(3))
    (group,) = past.audit().groups
    assert (group.runs, len(group.run_ids)) == (KEPT + 5, KEPT)
    assert group.run_ids == list(past.records)[5:]


def test_what_was_pinned_is_told() -> None:
    """Temperature 0 and a seed make a difference odder, a temperature above 0 does not."""
    for model, words in (
        ({"temperature": 0, "seed": 7}, "temperature 0 and seed 7"),
        ({"temperature": 0.0}, "temperature 0"),
        ({"temperature": 0.7}, None),
        ({"temperature": False}, None),
    ):
        past = Past()
        for _ in range(2):
            past.run(answers(3), change=configured(model))
        assert past.audit().groups[0].pinned == words


def test_packages_that_differ_are_named() -> None:
    """Where the packages are not the same the records tell which, by version and by where they came from."""

    def packages(digest: str, **installed: str) -> Change:
        def change(m: Manifest) -> None:
            m["software"]["packages_hash"] = digest
            m["software"]["packages"] = {**installed, "same": "1"}
            m["software"]["package_sources"] = {"mine": f"git+{digest}"}

        return change

    past = Past()
    for right, installed in (
        (30, packages("p1", numpy="1.26", mine="1")),
        (31, packages("p1", numpy="1.26", mine="1")),
        (12, packages("p2", numpy="2.0", mine="1")),
    ):
        past.run(answers(right), change=installed)
    (split,) = past.audit().groups[0].suspects
    assert {fact.name: fact.values for fact in split.facts} == {
        "software.packages_hash": ["p1", "p2"],
        "software.packages.mine": ["1 from git+p1", "1 from git+p2"],
        "software.packages.numpy": ["1.26", "2.0"],
    }


OUTSIDE: list[tuple[str, str, Change]] = [
    ("observed.model.system_fingerprint", "served", served("fp")),
    ("observed.model.tier.name", "served", lambda m: m["observed"]["model"].update(tier={"name": "x"})),
    ("system.python_version", "software", lambda m: m["system"].update(python_version="3.13.1")),
    ("system.platform", "software", lambda m: m["system"].update(platform="Linux 7")),
    ("software.env.LANG", "software", lambda m: m["software"]["env"].update(LANG="C")),
    ("software.locks.uv.lock", "software", lambda m: m["software"]["locks"].update({"uv.lock": "0"})),
    ("command.argv[0]", "software", lambda m: m["command"].update(argv=["python3.9"])),
    ("command.cwd", "software", lambda m: m["command"].update(cwd="sub")),
    ("command.timeout_seconds", "infra", lambda m: m["command"].update(timeout_seconds=9.0)),
    ("infra.cpu.hard_limit_cores", "infra", lambda m: m["infra"]["cpu"].update(hard_limit_cores=0.5)),
    ("infra.image", "infra", lambda m: m["infra"].update(image="eval:2")),
    (
        "infra.gpu.driver",
        "infra",
        lambda m: m["infra"].update(gpu={"devices": [], "driver": "1", "cuda": None, "visible": None}),
    ),
    ("git_sha", "git", lambda m: m.update(git_sha="1" * 40)),
    ("git_dirty", "git", lambda m: m.update(git_dirty=True)),
    ("git.branch", "git", lambda m: m["git"].update(branch="b")),
    (
        "git.submodules.lib",
        "git",
        lambda m: m["git"]["submodules"].append({"path": "lib", "commit": "1", "dirty": ["changed"]}),
    ),
    ("observed.user", "observed", lambda m: m["observed"].update(user="u")),
    ("observed.ci.provider", "observed", lambda m: m["observed"]["ci"].update(provider="github")),
    ("observed.online.bucket", "observed", lambda m: m["observed"]["online"].update(bucket="b")),
    (
        "observed.process.hostname",
        "observed",
        lambda m: m["observed"].update(
            process={"pid": 1, "start": 1, "boot_id": "1", "hostname": "h", "pid_namespace": 1}
        ),
    ),
    (
        "errors.infra",
        "observed",
        lambda m: m["errors"].append({"kind": "infra", "message": "m", "scenario": None, "stderr_tail": None}),
    ),
]


@pytest.mark.parametrize(("name", "layer", "change"), OUTSIDE, ids=[one[0] for one in OUTSIDE])
def test_every_fact_outside_the_fingerprint_can_be_suspected(name: str, layer: str, change: Change) -> None:
    """One changed fact is named, with its layer, when it goes with the results."""
    past = Past()
    for right, changed in ((30, False), (31, False), (12, True)):
        past.run(answers(right), change=change if changed else None)
    (split,) = past.audit().groups[0].suspects
    assert (name, layer) in [(fact.name, fact.layer) for fact in split.facts]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["observed"].update(disk_free_mb=5, memory_available_mb=7),
        lambda m: m["observed"]["ci"].update(run_url="https://ci/1", run_id="1"),
        lambda m: m["observed"]["slurm"].update(job_id="1"),
        lambda m: m["stages"].update(load=1.0),
        lambda m: m["resources"].update(samples=4),
        lambda m: m["infra"]["declared"].update(cores=2),
        lambda m: m.update(tags=["t"], note="n", duration_seconds=4.0),
    ],
    ids=["room left", "ci run", "slurm job", "stages", "resources", "declared infra", "tags"],
)
def test_results_and_names_of_runs_are_no_facts(change: Change) -> None:
    """What a run measured, what names it, and what its fingerprint has already can explain nothing."""
    before, after = blank("r", "t"), blank("r", "t")
    change(after)
    assert before != after
    assert facts_of(json.loads(history_line(after))) == facts_of(json.loads(history_line(before)))


def test_facts_that_change_together_are_one_suspicion_in_the_order_of_their_layers() -> None:
    """Nobody can tell them apart, so they stand together, what was served first."""
    runs = [
        {"git_sha": '"1"', "software.env.A": '"x"', "observed.model.system_fingerprint": '"f"'},
        {"git_sha": '"1"', "software.env.A": '"x"', "observed.model.system_fingerprint": '"f"'},
        {"git_sha": '"2"', "observed.model.system_fingerprint": '"g"'},
    ]
    (split,), nothing = suspects(runs, {"m": [1.0, 1.1, 2.0]})
    assert [fact.name for fact in split.facts] == [
        "observed.model.system_fingerprint",
        "software.env.A",
        "git_sha",
    ]
    assert split.facts[1].values == ["x", None]
    assert nothing == []


def test_the_fact_that_explains_more_comes_first() -> None:
    """The split with less left inside its parts leads, whatever its layer."""
    runs = [{"observed.user": f'"{u}"', "observed.model.id": f'"{i}"'} for u, i in ("ax", "ay", "bx", "by")]
    (first, second), _ = suspects(runs, {"m": [1.0, 1.1, 2.0, 2.1]})
    assert [first.facts[0].name, second.facts[0].name] == ["observed.user", "observed.model.id"]
    assert first.eta_squared == pytest.approx(1 - 0.01 / 1.01)
    assert first.explained == pytest.approx(1 - (0.01 / 2) / (1.01 / 3))
    assert second.explained == 0


def test_a_fact_with_many_values_is_not_preferred_for_that() -> None:
    """Many values explain much by chance; that share is taken off."""
    runs = [{"observed.user": f'"{u}"', "system.platform": f'"{p}"'} for u, p in zip("aabcde", "xxxyyy", strict=True)]
    (first, second), _ = suspects(runs, {"m": [1.0, 1.1, 1.05, 2.0, 2.1, 2.05]})
    assert first.facts[0].name == "system.platform"
    assert second.eta_squared is not None
    assert second.eta_squared > 0.99


def test_a_fact_with_another_value_every_time_is_no_suspect_unless_there_is_no_other() -> None:
    """It would explain everything; where it is all there is, it is told without a share."""
    runs = [{"observed.container_id": f'"{c}"', "git.branch": f'"{b}"'} for c, b in ("1x", "2x", "3y")]
    found, nothing = suspects(runs, {"m": [1.0, 1.1, 2.0]})
    assert [split.facts[0].name for split in found] == ["git.branch"]
    assert nothing == ["observed.container_id"]
    (only,), nothing = suspects(
        [{"observed.container_id": one["observed.container_id"]} for one in runs], {"m": [1, 2, 3]}
    )
    assert (only.facts[0].name, only.explained, nothing) == ("observed.container_id", None, [])


def test_an_absent_fact_and_a_present_one_differ() -> None:
    """What is not recorded in some runs is not taken to be the same in them."""
    (split,), _ = suspects([{}, {"infra.image": '"i"'}], {"m": [1.0, 2.0]})
    assert split.facts[0].values == [None, "i"]


def test_runs_that_share_every_fact_leave_no_suspect() -> None:
    """Then it is nondeterminism, or something that nobody records."""
    past = Past()
    past.run(answers(35))
    past.run(answers(5))
    (group,) = past.audit().groups
    assert (group.verdict, group.suspects) == ("disagrees", [])


def test_the_largest_numbers_are_explained_too() -> None:
    """Values near the end of what a float holds overflow nothing on their way."""
    big = 1.7e308
    past = Past()
    for value, system in ((big, "fp_a"), (big, "fp_a"), (-big, "fp_b")):
        past.run({f"t{i}": {"loss": value} for i in range(9)}, summary={"loss_mean": value}, change=served(system))
    (group,) = past.audit().groups
    assert group.suspects[0].explained == 1


def test_a_number_beyond_all_floats_is_a_number() -> None:
    """JSON bounds no number; what another tool wrote into a record is compared as the largest there is."""
    past = Past()
    for huge in (10**400, -(10**400)):
        past.run({name: {"n": huge} for name in "abcdefgh"}, {"n_mean": huge})
    (group,) = past.audit().groups
    assert [metric.verdict for metric in group.metrics] == ["disagrees"]
