"""A sweep's points before they run: places filled, values declared, secrets hidden, trials in a fair order."""

from __future__ import annotations

import pytest

from evalprov.errors import UsageError
from evalprov.fleet.grid import tried
from evalprov.fleet.sweep import BegunRun, SweepPlan, already_done, planned, shown_values, trials_of_sweep
from evalprov.run.request import Request
from evalprov.secrets import TellingScrubber


def of(request: Request, *given: str) -> SweepPlan:
    """Return the plan of a grid: --set where a key has a dot, --env in capitals, else words."""
    ways = ["--set" if "." in one.partition("=")[0] else "--env" if one[0].isupper() else "word" for one in given]
    return planned(request, [tried(way, one) for way, one in zip(ways, given, strict=True)])  # type: ignore[arg-type]


def test_places_are_filled_once_wherever_they_stand() -> None:
    """In words, files and options a place is filled; what a value itself holds is no place, and {trial} stays."""
    request = Request(
        ("run", "--t={model.temperature}", "{lr}-{lr}-{SEED}", "{other} {trial} {point}"),
        config=("conf-{lr}.yaml",),
        prompt=("plan={lr}.txt",),
        metrics_file="out/{point}/{trial}.json",
    )
    first, *_, last = of(request, "model.temperature=0,1", "SEED=7,8", "lr='{SEED}',b").points
    assert first.request.argv == ("run", "--t=0", "{SEED}-{SEED}-7", "{other} {trial} 1")
    assert last.request.argv == ("run", "--t=1", "b-b-8", "{other} {trial} 8")
    assert (last.request.config, last.request.prompt) == (("conf-b.yaml",), ("plan=b.txt",))
    assert last.request.metrics_file == "out/8/{trial}.json"
    assert last.request.set == ("model.temperature=1",)
    assert (dict(last.environ), last.request.env) == ({"SEED": "8"}, ("SEED",))


def test_a_value_that_the_command_never_learns_is_told() -> None:
    """A fact swept without a place is warned of, in the plan and in each record; one value alone only declares."""
    plan = of(Request(("run",)), "model.temperature=0,1", "model.model=m", "SEED=1,2")
    assert plan.unused == ["model.temperature"]
    assert plan.varied == ["model.temperature", "SEED"]
    assert all("model.temperature was swept" in point.request.warnings[0] for point in plan.points)
    assert plan.points[0].request.set == ("model.temperature=0", "model.model=m")
    assert of(Request(("run", "{model.temperature}")), "model.temperature=0,1").unused == []


def test_values_for_which_there_is_no_place_are_refused() -> None:
    """A name whose values are used nowhere would be a sweep of one program."""
    with pytest.raises(UsageError, match="has a place for lr"):
        of(Request(("run", "lr")), "lr=1,2")


def test_a_swept_secret_is_hidden_in_what_is_written_down() -> None:
    """Hidden are a secret variable's value, that of one which the settings call so, and a secret option's."""
    template = ("run", "--api-key", "{k}", "{lr}")
    plan = of(Request(template), "OPENAI_API_KEY=first,second", "APP_PIN=1,2", "k=hunter2xyz,other9abc", "lr=1,2")
    shown = [shown_values(point, plan, template, {}, ("app_*",)) for point in plan.points]
    assert {tuple(one.items())[:3] for one in shown} == {
        (("OPENAI_API_KEY", "[secret]"), ("APP_PIN", "[secret]"), ("k", "[secret]"))
    }
    assert [one["lr"] for one in shown[:2]] == ["1", "2"]


def test_no_point_has_an_hour_to_itself() -> None:
    """All points' first trials run before any second; seeds are the same for all points, repeats each point's own."""
    plan = of(Request(("run", "{trial}")), "SEED=1,2")
    points = [(point, point.values) for point in plan.points]
    trials = trials_of_sweep(points, "s", 2)
    told = [(one.number, one.request.sweep, one.request.repeat) for one in trials]
    assert [(sweep and sweep["point"], repeat and repeat["trial"]) for _, sweep, repeat in told] == [
        (1, 1), (2, 1), (1, 2), (2, 2),
    ]  # fmt: skip
    assert [repeat and (repeat["id"], repeat["seed"]) for *_, repeat in told] == [
        ("s-1", 1), ("s-2", 1), ("s-1", 2), ("s-2", 2),
    ]  # fmt: skip
    assert [one.request.argv[1] for one in trials] == ["1", "1", "2", "2"]
    assert [one.environ["SEED"] for one in trials_of_sweep(points, "s", None, {(1, 1)})] == ["2"]


def test_a_sweep_is_resumed_with_the_same_points_and_command_alone() -> None:
    """Of a begun sweep what has a result, or still runs, is not run again; another grid or command is refused."""
    template = ("run", "{SEED}", "--password", "hunter2-{trial}")
    plan = of(Request(template), "SEED=1..3")
    shown = [shown_values(point, plan, template, {}, ()) for point in plan.points]

    def run(point: int, /, *, done: bool = True, **other: object) -> BegunRun:
        argv = TellingScrubber({"SEED": str(point)}).argv(["run", str(point), "--password", "hunter2-1"])
        assert "hunter2-1" not in argv
        one = BegunRun("20260101T000000Z", point, 1, 3, {"SEED": str(point)}, argv, done=done, running=False)
        return one._replace(**other)  # type: ignore[arg-type]

    runs = [run(1), run(2, done=False), run(3, done=False, running=True)]
    assert already_done(plan, shown, runs, {}, ()) == {(1, 1), (3, 1)}
    for other in ({"of": 4}, {"values": {"SEED": "9"}}, {"point": 2}):
        with pytest.raises(UsageError, match="other points"):
            already_done(plan, shown, [run(1, **other)], {}, ())
    with pytest.raises(UsageError, match="another command"):
        already_done(plan, shown, [run(1, argv=["run", "1"])], {}, ())
