"""`evalprov export`: what every target has in common."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from gate_runs import Store, called
from handed_records import RUN, full

from evalprov.handover import content
from evalprov.handover.parcel import SendOptions, TargetRefused, shown
from evalprov.handover.targets import TARGETS, Target, named
from evalprov.record.form import blank

OTHER = "20260921T143000Z"
OF_FILES = [target for target in TARGETS if not target.url and not target.extra]  # a client is for `make peers`
CANARY = "canary-3f9a17c2-do-not-tell"


def by_name(target: Target) -> str:
    """Return what a test of a target is called."""
    return target.name


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two runs."""
    Store(tmp_path / "metrics").put(full(RUN), full(OTHER))
    return tmp_path


def export(project: Path, *words: str) -> tuple[int, Any, str]:
    """Export, and return the exit code, the document, and what was remarked."""
    code, out, err = called(project, "export", *words, "--json")
    return code, json.loads(out) if out else None, err


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("target", OF_FILES, ids=by_name)
def test_a_second_export_finds_the_first(project: Path, target: Target) -> None:
    """Files lie below the store; another export writes nothing and says so; nothing half-written stays."""
    code, said, _ = export(project, RUN, "--to", target.name)
    assert code == 0
    assert [one["state"] for one in said["runs"]] == ["sent"]
    folder = project / "metrics" / "export" / target.name
    first = files(folder)
    assert len(first) > 1, "the files and the list of them"
    assert Path(said["runs"][0]["where"]).is_relative_to(folder)
    assert not [name for name in first if name.endswith(".tmp")]
    code, said, _ = export(project, RUN, "--to", target.name)
    assert (code, [one["state"] for one in said["runs"]]) == (0, ["already there"])
    assert files(folder) == first


@pytest.mark.parametrize("target", OF_FILES, ids=by_name)
def test_nothing_is_overwritten_but_what_an_export_wrote(project: Path, tmp_path: Path, target: Target) -> None:
    """A file of the user's own stays, one that was changed since too; what an export wrote is renewed."""
    out = tmp_path / "out"
    assert export(project, RUN, "--to", target.name, "--out", str(out))[0] == 0
    name = next(name for name in files(out) if not name.startswith("."))
    later = full(RUN)
    later["metrics"]["t0"]["accuracy"] = None
    later["metric_summary"]["accuracy_mean"] = 0.25
    later["note"] = "another"
    (project / "metrics" / "runs" / f"{RUN}.json").write_text(json.dumps(later))
    code, said, _ = export(project, RUN, "--to", target.name, "--out", str(out))
    assert (code, said["runs"][0]["state"]) == (0, "updated")
    (out / name).write_bytes(b"mine")
    before = files(out)
    code, _, err = export(project, RUN, "--to", target.name, "--out", str(out))
    assert code == 1
    assert "no export wrote it" in err
    assert "--out" in err
    assert files(out) == before


@pytest.mark.parametrize("target", TARGETS, ids=by_name)
def test_a_dry_run_shows_everything_and_sends_nothing(project: Path, target: Target) -> None:
    """It names each part and how much it is, needs no client, writes nothing; with --json it is all there."""
    before = files(project)
    code, said, _ = export(project, RUN, "--to", target.name, "--dry-run")
    assert (code, said["dry_run"], said["runs"][0]["state"]) == (0, True, "would be sent")
    assert said["runs"][0]["parts"]
    code, out, _ = called(project, "export", RUN, "--to", target.name, "--dry-run")
    assert code == 0
    assert len(out.splitlines()) == 1 + len(said["runs"][0]["parts"])
    assert files(project) == before


def test_what_the_settings_call_a_secret_does_not_leave(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that only the settings name as a secret's is one for an export, too."""
    m = full(RUN, note=f"asked {CANARY}")
    (project / "metrics" / "runs" / f"{RUN}.json").write_text(json.dumps(m))
    monkeypatch.setenv("HOUSE_WORD", CANARY)
    assert CANARY in called(project, "export", RUN, "--to", "csv", "--dry-run", "--json")[1]
    (project / "evalprov.toml").write_text('[env]\nsecret = ["HOUSE_*"]\n')
    assert CANARY not in called(project, "export", RUN, "--to", "csv", "--dry-run", "--json")[1]


@pytest.mark.parametrize("target", TARGETS, ids=by_name)
def test_no_secret_leaves(project: Path, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that the environment makes a secret is in nothing that is sent, though an older record has it in full."""
    m = full(
        RUN,
        model_config={"model": "gpt-4o-2024-08-06", "system": f"Bearer {CANARY}"},
        note=f"key {CANARY}",
        errors=[{"kind": "task", "message": CANARY, "scenario": "t0", "stderr_tail": f"x {CANARY}"}],
    )
    m["command"]["argv"].append(f"--key={CANARY}")
    m["config"]["arguments"].append(f"--key={CANARY}")
    m["git"]["remotes"]["origin"] = f"https://me:{CANARY}@git.example.org/x.git"
    m["metrics"][f"t-{CANARY}"] = {"accuracy": True, f"m-{CANARY}": 1.0}
    m["metric_summary"][f"m-{CANARY}"] = 1.0
    m["stages"][CANARY] = 1.0
    (project / "metrics" / "runs" / f"{RUN}.json").write_text(json.dumps(m))
    monkeypatch.setenv("JUDGE_API_KEY", CANARY)
    code, out, err = called(project, "export", RUN, "--to", target.name, "--dry-run", "--json")
    assert code == 0, err
    assert CANARY not in out + err
    if target in OF_FILES:
        assert called(project, "export", RUN, "--to", target.name)[0] == 0
        assert CANARY.encode() not in b"".join(files(project / "metrics" / "export").values())


@pytest.mark.parametrize("target", TARGETS, ids=by_name)
def test_a_parcel_is_the_same_each_time(target: Target) -> None:
    """Nothing of the moment of the export is in it, so that it can be found again."""
    options = SendOptions("/out", project="p", url="http://127.0.0.1:9")
    first, second = (target.packed(full(), options) for _ in range(2))
    assert (first.id, first.where) == (second.id, second.where)
    one, two = ({name: shown(part) for name, part in parcel.parts.items()} for parcel in (first, second))
    assert one == two
    assert target.packed(full(OTHER), options).id != first.id


def test_ids_of_two_stores_differ() -> None:
    """Two runs that began in the same second on two machines are two; what is hidden later changes no id."""
    one, two = full(), full()
    two["duration_seconds"] = 12.6
    assert content.uid(one) != content.uid(two)
    two = full(note="other")
    assert content.uid(one) == content.uid(two)


def test_runs_are_picked_as_in_the_history(project: Path) -> None:
    """Conditions, --all and names choose runs, the oldest first; both at once, and none at all, are wrong usage."""
    assert [one["run_id"] for one in export(project, "--all", "--to", "csv")[1]["runs"]] == [RUN, OTHER]
    picked = export(project, "--where", f"run_id={OTHER}", "--to", "csv")[1]["runs"]
    assert [one["run_id"] for one in picked] == [OTHER]
    assert [one["run_id"] for one in export(project, "latest", RUN, "--to", "csv")[1]["runs"]] == [OTHER, RUN]
    for words in ((), ("latest", "--all")):
        code, _, err = export(project, *words, "--to", "csv")
        assert (code, "export" in err) == (2, True)
    code, said, err = export(project, "--where", "scenario=nope", "--to", "csv")
    assert (code, said["runs"], "none of 2 runs has scenario=nope" in err) == (0, [], True)


def test_wrong_usage_is_told(project: Path) -> None:
    """Without a target they are named; an option that would have no effect is refused; an unknown run is said to be."""
    code, _, err = called(project, "export", "latest")
    assert (code, "csv" in err) == (2, True)
    assert called(project, "export", "latest", "--to", "cvs")[0] == 2
    assert "--url is for a server" in called(project, "export", "latest", "--to", "csv", "--url", "http://x")[2]
    assert called(project, "export", "20990101T000000Z", "--to", "csv")[0] == 2


def test_a_run_that_goes_on_is_not_handed_over(project: Path) -> None:
    """Named it is refused, picked it is left out with a remark: its record is not whole."""
    m = full("20260922T143000Z", status="running")
    Store(project / "going" / "metrics").put(full(RUN), m)
    code, _, err = export(project / "going", m["run_id"], "--to", "csv")
    assert (code, "still running" in err) == (1, True)
    code, said, err = export(project / "going", "--all", "--to", "csv")
    assert (code, len(said["runs"]), "1 run still running" in err) == (0, 1, True)


def test_a_failure_between_says_how_far_it_came(project: Path) -> None:
    """What was handed over before is told, and that another try goes on from there, which it does."""
    (project / "taken").write_text("")
    folder = project / "metrics" / "export" / "csv"
    folder.mkdir(parents=True)
    mine = folder / f"{OTHER}.run.csv"
    mine.write_text("mine")
    code, said, err = export(project, "--all", "--to", "csv")
    assert (code, len(said["runs"]), "no export wrote it" in said["error"]) == (1, 1, True)
    assert "1 of 2 were handed over; another try goes on from there" in err
    mine.unlink()
    states = [one["state"] for one in export(project, "--all", "--to", "csv")[1]["runs"]]
    assert states == ["already there", "sent"]
    code, _, err = export(project, RUN, "--to", "csv", "--out", str(project / "taken"))
    assert (code, "cannot write" in err) == (1, True)


@pytest.mark.parametrize(("name", "module"), [("parquet", "pyarrow")])
def test_a_client_that_is_missing_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    """The error says which package is missing, and which extra brings it; nothing is left of the try."""
    monkeypatch.setitem(sys.modules, module, None)
    target = named(name)
    assert target is not None
    code, _, err = export(project, RUN, "--to", name)
    assert (code, f"pip install '.[{target.extra}]'" in err) == (1, True)
    assert f"{name} needs {module}" in err
    assert not [file for file in files(project) if "export" in file]


@pytest.mark.parametrize("target", TARGETS, ids=by_name)
def test_little_is_enough(target: Target) -> None:
    """A run of which nothing is known but that it was is packed, or refused in words where there is nothing to say."""
    m = blank(RUN, "2026-09-20T14:30:00Z")
    m["status"] = "lost"
    options = SendOptions("/out", project="p", url="http://127.0.0.1:9")
    if target.name in ("hf", "every-eval-ever", "croissant"):  # these are about scores alone
        with pytest.raises(TargetRefused, match=RUN):
            target.packed(m, options)
    else:
        assert all(shown(part) is not None for part in target.packed(m, options).parts.values())


def test_what_an_export_puts_into_the_project_is_no_code_of_later_runs(tmp_path: Path) -> None:
    """Files that an export wrote beside the code, committed or not, do not make the next run another program."""
    project = Project(tmp_path / "project")
    project.write("e.py", "print('{\"accuracy\": 0.5}')\n")
    project.commit_all()

    def tree() -> Any:
        assert project.run("python3", "e.py").returncode == 0
        return project.records()[-1]["code"]["tree"]

    trees = []
    for commits in (False, True, False):
        trees.append(tree())
        assert project.evalprov("export", "latest", "--to", "dvc", "--out", "evals").returncode == 0
        if commits:
            project.commit_all()
    assert trees == trees[:1] * 3
    project.write("evals/metrics.json", '{"by": "hand"}\n')
    assert tree() != trees[0]
