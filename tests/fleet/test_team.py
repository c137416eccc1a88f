"""A store that a team shares: what is sent is there for all, whole, once, and read as any other store is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE, Project
from gate_runs import Store
from shared_runs import Team, run, second

from evalprov.fleet import keys, plan
from evalprov.store import read
from evalprov.store.folder import ELSEWHERE


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A team whose shared store is empty."""
    return Team(tmp_path)


def test_what_is_sent_is_read_as_if_it_were_here(team: Team) -> None:
    """The history by way of the shared store is that of the store it came from, line by line, and so is a record."""
    store = team.runs("a", range(5))
    assert team.push(store)[0].startswith("sent 5 runs to file://")
    there = team.lines()
    assert there == [json.loads(one) for one in team.say("history", "--json", "--store", str(store))[0].splitlines()]
    for words in (("show", second(3), "--json"), ("diff", second(1), "latest", "--json"), ("audit", "--json")):
        assert team.say(*words, "--store", team.url)[0].replace(str(team.mirror()), "") == (
            team.say(*words, "--store", str(store))[0].replace(str(store), "")
        )


def test_what_is_there_is_not_sent_again(team: Team) -> None:
    """A second sending puts nothing; one whose memory was lost asks what is there, and puts nothing either."""
    store = team.runs("a", range(12))
    team.push(store)
    said = json.loads(team.push(store, "--json")[0])
    assert (said["runs"], said["there"], said["requests"]) == (0, 12, {"head": 1})
    for file in (store / "remote").iterdir():
        file.unlink()
    assert "put" not in json.loads(team.push(store, "--json")[0])["requests"]


def test_a_store_that_was_emptied_gets_all_again(team: Team) -> None:
    """What is remembered as sent is believed no longer where the last of it is gone."""
    store = team.runs("a", range(3))
    team.push(store)
    for folder in ("runs", "lines"):
        for name in team.names(folder):
            (team.shared / folder / name).unlink()
    assert team.push(store)[0].startswith("sent 3 runs")


def test_only_what_has_ended_is_sent(team: Team) -> None:
    """A run that goes on, and one whose record cannot be read, stay here; the latter is told, and exits 1."""
    store = team.runs("a", range(4))
    (store / "active").mkdir()
    (store / "active" / second(0)).touch()
    (store / "runs" / f"{second(1)}.json").write_bytes(b'{"schema": 3, "run')
    going_on = run(2)
    going_on["status"] = "running"
    Store(team.path / "b").put(going_on)
    (store / "runs" / f"{second(2)}.json").write_bytes((team.path / "b/runs" / f"{second(2)}.json").read_bytes())
    _, told = team.push(store, code=1)
    assert f"the record of run {second(1)} cannot be read and was not sent" in told
    assert team.ids() == [second(3)]


def test_a_record_is_there_before_its_line(team: Team) -> None:
    """Who is cut off between the two leaves a record that nobody sees yet, and sends the line the next time."""
    store = team.runs("a", range(1))
    (team.shared / "lines").write_bytes(b"in the way")
    assert "cannot put lines/" in team.push(store, code=2)[1]
    assert len(team.names("runs")) == 1
    (team.shared / "lines").unlink()
    team.push(store)
    assert team.ids() == [second(0)]


def test_one_id_on_two_machines_is_two_runs(team: Team) -> None:
    """Both are there under numbers of their content, the same on every machine; their own id asks for more."""
    team.push(team.machine("a", run(0), run(1, scenario="mine")))
    assert team.ids(at="early") == [second(1), second(0)]
    assert json.loads(team.say("show", second(1), "--json", "--store", team.url, at="early")[0])["scenario"] == "mine"
    team.push(team.machine("b", run(1, scenario="theirs"), run(2)))
    early, late = team.ids(at="early"), team.ids(at="late")
    assert early == late
    assert (early[0], early[3]) == (second(2), second(0))
    both = sorted(early[1:3])
    assert all(one.startswith(f"{second(1)}_") and len(one) == 23 for one in both)
    for at in ("early", "late"):
        assert "is the beginning of 2 runs" in team.say("show", second(1), "--store", team.url, code=2, at=at)[1]
    shown = [json.loads(team.say("show", one, "--json", "--store", team.url)[0]) for one in both]
    assert {one["scenario"] for one in shown} == {"mine", "theirs"}
    assert [one["run_id"] for one in shown] == both


def test_many_of_one_second_are_told_apart() -> None:
    """Numbers made of contents never meet, whatever the contents and whatever numbers are taken already."""
    stems = [f"{second(0)}.{number * 900_000:016x}" for number in range(9)] + [f"{second(0)}_100000.{7:016x}"]
    named = keys.told_apart(stems)
    assert len(set(named.values())) == 10
    assert named[stems[-1]] == f"{second(0)}_100000"
    assert keys.told_apart(stems[::-1]) == named


def test_what_is_sent_late_stands_where_it_belongs(team: Team) -> None:
    """Runs of yesterday that arrive today are in their place by time, also where packs are older than they."""
    team.push(team.runs("a", range(0, 20, 2)))
    team.say("store", "compact", team.url)
    assert len(team.ids()) == 10
    team.push(team.runs("b", range(1, 20, 2)))
    assert team.ids() == [second(number) for number in reversed(range(20))]
    assert len(team.ids("--since", "2026-09-20T00:00:15Z")) == 5


def test_packs_change_nothing_but_what_is_asked(team: Team) -> None:
    """Made again, made of small ones, left beside the lines they hold: everybody sees the same runs, each once."""
    store = team.runs("a", range(30))
    team.push(store)
    before = {name: (team.shared / "lines" / name).read_bytes() for name in team.names("lines")}
    wanted = team.lines(at="first")
    for name in ("second", "third"):
        team.say("store", "compact", team.url)
        assert team.names("lines") == []
        assert team.lines(at="first") == wanted
        assert team.lines(at=name) == wanted
        for line, data in before.items():  # as if somebody had been killed before they were taken away
            (team.shared / "lines" / line).write_bytes(data)
    team.push(team.runs("b", range(30, 34)))
    team.say("store", "compact", team.url)
    (pack,) = team.names("packs")
    assert pack.startswith(f"{second(0)}-{second(33)}-34-")
    assert len(team.ids(at="fourth")) == 34


def test_older_parts_are_fetched_when_they_are_asked_for(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many packs a short list reads the newest, a time range those of its time, a look-up of an old id none."""
    monkeypatch.setattr(plan, "ENOUGH", 1)
    for number in range(5):
        team.push(team.runs(str(number), range(10 * number, 10 * number + 10)))
        some = [team.shared / "packs" / name for name in team.names("packs")]
        for file in some:  # else small packs would be put together
            file.rename(team.path / file.name)
        team.say("store", "compact", team.url)
        for file in some:
            (team.path / file.name).rename(file)
    assert len(team.names("packs")) == 5

    def asked(*words: str, at: str) -> int:
        said = json.loads(team.say("pull", team.url, "--json", at=at)[0])
        assert said["older"] == 40
        team.say(*words, "--store", team.url, at=at)
        return sum("older-" in name and "stems" not in name for name in os.listdir(team.mirror(at)))

    assert asked("history", "-n", "5", at="short") == 0
    assert asked("history", "-n", "15", at="longer") == 1
    assert asked("history", "--since", "2026-09-20T00:00:25Z", at="since") == 2
    assert asked("show", second(3), at="old") == 0
    assert team.ids(at="short") == [second(number) for number in reversed(range(50))]
    assert team.ids("-n", "3", at="short") == [second(49), second(48), second(47)]


@pytest.mark.long
def test_a_hostile_store_is_read_past(team: Team) -> None:
    """Strange names, torn and swollen packs, lines and records that are not what they are called: noted, left out."""
    import zlib

    team.push(team.runs("a", range(3)))
    team.say("store", "compact", team.url)
    team.push(team.runs("b", range(3, 5)))
    good = sorted(team.ids(at="before"))
    packs, lines = team.shared / "packs", team.shared / "lines"
    (packs / "readme.txt").write_bytes(b"hello")
    torn = (packs / team.names("packs")[0]).read_bytes()[:-30]
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    swollen = b"".join([*(bomb.compress(bytes(1 << 20)) for _ in range(260)), bomb.flush()])
    for number, data in enumerate((torn, b"no gzip at all", swollen)):
        name = keys.pack_name(second(number), second(number + 1), 2, data)
        (packs / name).write_bytes(data)
    (packs / keys.pack_name(second(0), second(1), 1, b"x")).write_bytes(b"y")
    (lines / f"{second(9)}.{'0' * 16}.json").write_bytes((lines / team.names("lines")[0]).read_bytes())
    (lines / f"{second(8)}.{'0' * 16}.json").write_bytes(b"[1]\n{}")
    (lines / "..%2f..%2fetc.json").write_bytes(b"{}")
    (team.shared / "baselines").mkdir()
    (team.shared / "baselines" / f"main.{'0' * 16}.json").write_bytes(b"{}")
    (team.shared / "notes").mkdir()
    (team.shared / "notes" / f"{second(0)}.{'0' * 16}.{'1' * 16}.json").write_bytes(b"{}")
    out, told = team.say("history", "--ids", "--store", team.url, at="after")
    assert sorted(out.split()) == good
    for words in ("damaged", "ends in the middle", "larger than any", "not what its name says", "none of ours"):
        assert words in told, told
    record = team.shared / "runs" / team.names("runs")[0]
    record.write_bytes(record.read_bytes().replace(b"tickets", b"trickyy"))
    _, told = team.say("show", second(0), "--store", team.url, code=2, at="after")
    assert "is not what its name says" in told


def test_a_store_that_is_away_is_read_by_its_mirror(team: Team) -> None:
    """What was seen is shown with its age; what was never fetched says why it is not, and so does sending."""
    store = team.runs("a", range(2))
    team.push(store)
    team.say("show", "latest", "--store", team.url)
    team.shared.rename(team.path / "away")
    out, told = team.say("history", "--ids", "--store", team.url)
    assert out.split() == [second(1), second(0)]
    assert "a moment ago" in told
    assert "there is no folder" in told
    team.say("show", second(1), "--store", team.url)
    assert "there is no folder" in team.say("show", second(0), "--store", team.url, code=2)[1]
    assert "there is no folder" in team.say("history", "--store", team.url, code=2, at="another")[1]
    assert "there is no folder" in team.push(store, code=2)[1]


def test_a_mirror_that_was_damaged_is_made_anew(team: Team) -> None:
    """A history, its names or its state that were cut are no reason to show anything else than what is there."""
    team.push(team.runs("a", range(4)))
    for name in ("eval_history.jsonl", "remote.json"):
        wanted = team.ids()
        file = team.mirror() / name
        file.write_bytes(file.read_bytes()[:-100])
        assert team.ids() == wanted


def test_baselines_are_shared(team: Team) -> None:
    """One that is set is everybody's, a later one takes its place whatever the clocks say, one taken away is gone."""
    team.push(team.runs("a", range(3)))
    reason = ("--reason", "first", "--store", team.url)
    said = team.say("baseline", "set", "main", second(0), *reason, at="a")
    assert "for all who share that" in said[1]
    assert second(0) in team.say("baseline", "list", "--store", team.url, at="b")[0]
    assert team.say("gate", "--baseline", "main", "--store", team.url, second(2), at="b")[0]
    told = team.say("baseline", "set", "main", second(1), *reason, code=2, at="b")[1]
    assert "there is a baseline main already" in told
    (first,) = team.names("baselines")
    file = team.shared / "baselines" / first
    assert b'"set_at"' in file.read_bytes()
    team.say("baseline", "set", "main", second(1), *reason, "--replace", at="b")
    assert second(1) in team.say("baseline", "show", "main", "--store", team.url, at="a")[0]
    team.say("baseline", "rm", "main", "--store", team.url, at="a")
    assert json.loads(team.say("baseline", "list", "--json", "--store", team.url, at="b")[0])["baselines"] == []
    assert file.exists()  # nothing is ever replaced


def test_what_is_said_later_travels(team: Team) -> None:
    """Files of notes go with their runs, once, and come under the id that the run has there."""
    store = team.machine("a", run(0, scenario="mine"))
    other = team.machine("b", run(0, scenario="theirs"))
    said: dict[str, Any] = {"version": 1, "run_id": second(0), "note": "looked at by hand"}
    data = json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    (store / "notes").mkdir()
    (store / "notes" / f"{second(0)}.{keys.digest(data)}.json").write_bytes(data)
    assert "sent 1 run and 1 note" in team.push(store)[0]
    assert json.loads(team.push(store, "--json")[0])["notes"] == 0
    assert team.ids() == [second(0)]
    (note,) = (team.mirror() / "notes").iterdir()
    assert note.read_bytes() == data
    team.push(other)
    (mine,) = (one["run_id"] for one in team.lines() if one["scenario"] == "mine")
    (note,) = (team.mirror() / "notes").iterdir()
    assert note.name.startswith(f"{mine}.")
    assert json.loads(note.read_bytes())["run_id"] == mine


def test_what_records_name_travels_where_it_is_asked_for(team: Team) -> None:
    """Logs and kept files stay by default, and that is said; sent, they come when they are read, checked by name."""
    import hashlib

    kept = hashlib.sha256(b"edited\n").hexdigest()
    saved = {"file": f"objects/{kept}", "sha256": kept, "bytes": 7, "mode": "100644", "scrubbed": False}
    store = team.machine("a", run(0, git__saved={"new.py": saved}))
    for name, data in (("objects/" + kept, b"edited\n"), (f"logs/{second(0)}.out", b"said\n")):
        (store / name).parent.mkdir()
        (store / name).write_bytes(data)
    assert "not sent: objects of 1 run, logs of 1 run; --with objects,logs" in team.push(store)[1]
    assert team.names("objects") == team.names("logs") == []
    assert "no output" in team.say("show", "latest", "--log", "--store", team.url, code=2)[1]
    assert team.push(store, "--with", "objects,logs")[0].startswith("sent 1 run")
    os.environ["XDG_CACHE_HOME"] = str(team.path / "cache-new")
    try:
        from evalprov.fleet.reading import open_mirror

        path = open_mirror(team.url, print).path
        assert read.log(path, f"logs/{second(0)}.out") == b"said\n"
        assert read.blob(path, f"objects/{kept}") == b"edited\n"
        assert read.blob(path, f"objects/{'0' * 64}") is None
    finally:
        del os.environ["XDG_CACHE_HOME"]
        ELSEWHERE.clear()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:secret@bucket/x", "no user, password"),
        ("s3://bucket/x?X-Amz-Signature=abc", "no user, password"),
        ("ftp://bucket/x", "cannot begin with ftp://"),
        ("s3:///x", "not the URL"),
        ("file://relative/x", "not the URL"),
        ("file:///a/../b", "not the URL"),
    ],
)
def test_a_url_is_a_place_and_holds_no_key(team: Team, url: str, words: str) -> None:
    """What is no place, or holds a password, is refused, and the password is not repeated."""
    _, told = team.say("history", "--store", url, code=2)
    assert words in told
    assert "secret" not in told
    assert "abc" not in told


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--", "true"),
        ("doctor",),
        ("import", "x.json"),
        ("cache",),
        ("push",),
    ],
)
def test_nothing_is_recorded_in_a_shared_store(team: Team, words: tuple[str, ...]) -> None:
    """Commands that write records refuse a URL, say what to do, and start nothing."""
    given = (words[0], "--store", team.url, *words[1:])
    _, told = team.say(*given, code=2)
    assert "records are written into a folder first" in told
    assert "evalprov push" in told


def test_no_trial_is_recorded_in_a_shared_store(team: Team) -> None:
    """Several trials refuse it as one run does; in a process of its own, for it has others beside it."""
    words = ("run", "--store", team.url, "--repeat", "2", "--", "true")
    done = subprocess.run([sys.executable, "-m", "evalprov", *words], cwd=team.project, capture_output=True, text=True)
    assert done.returncode == 2
    assert "records are written into a folder first" in done.stderr


def test_a_strangers_settings_send_nothing(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where [remote] says is where records go only once its user trusts it as it stands, or names it himself."""
    monkeypatch.setenv("XDG_STATE_HOME", str(team.path / "state"))
    store = team.runs("a", range(1))
    settings = team.project / "evalprov.toml"
    settings.write_text(f'store = "{store}"\n[remote]\nurl = "{team.url}"\npush = "after-run"\n')
    for words in (("push",), ("store", "compact")):
        assert "is not trusted to say where records are sent" in team.say(*words, code=2)[1]
    assert team.names("runs") == []
    assert f"remote.url: {team.url}" in team.say("trust")[0]
    assert team.say("push")[0].startswith("sent 1 run")
    settings.write_text(settings.read_text().replace("shared", "elsewhere"))
    assert "is not trusted" in team.say("push", code=2)[1]
    monkeypatch.setenv("EVALPROV_REMOTE", team.url)
    assert "nothing new" in team.say("push")[0]


def test_which_runs_are_sent_in_the_background(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a trusted file, or the user's own environment, says; an untrusted file starts nothing at all."""
    from evalprov.fleet.place import pushes_after_run
    from evalprov.settings import load
    from evalprov.settings.trust import trust

    monkeypatch.setenv("XDG_STATE_HOME", str(team.path / "state"))
    file = team.project / "evalprov.toml"
    file.write_text(f'[remote]\nurl = "{team.url}"\npush = "after-run"\n')
    settings = load(str(team.project))
    assert pushes_after_run(settings, os.environ) is None
    own = pushes_after_run(settings, {**os.environ, "EVALPROV_REMOTE": "s3://mine/x"})
    assert own is not None
    assert own.url == "s3://mine/x"
    trust(settings, os.environ)
    trusted = pushes_after_run(settings, os.environ)
    assert trusted is not None
    assert trusted.url == team.url
    file.write_text(f'[remote]\nurl = "{team.url}"\n')
    assert pushes_after_run(load(str(team.project)), os.environ) is None


@pytest.mark.long
def test_a_run_is_sent_in_the_background_after_it_ended(project: Project) -> None:
    """The run has its own output and exit code, its record comes to be there, and a failure is left for the doctor."""
    shared = project.path / "shared"
    project.write("evalprov.toml", f'[remote]\nurl = "file://{shared}"\npush = "after-run"\n')
    done = project.run("sh", "-c", "echo said; exit 3", env={"EVALPROV_TRUST": "1"})
    assert (done.returncode, done.stdout) == (3, b"said\n")
    told = _word_left(project)
    assert "there is no folder" in told["problem"]
    shared.mkdir()
    assert project.run("true", env={"EVALPROV_TRUST": "1"}).returncode == 0
    told = _word_left(project)
    assert (told["sent"], told["problem"]) == (2, "")
    assert len(list((shared / "lines").iterdir())) == 2
    project.run("true", env={"EVALPROV_TRUST": "0"})
    assert not list((project.path / "metrics" / "remote").glob("*.again"))


def _word_left(project: Project) -> dict[str, Any]:
    """Wait for the word that the sending leaves, and take it away."""
    until = time.monotonic() + PATIENCE
    while not (left := list((project.path / "metrics" / "remote").glob("*.last"))):
        assert time.monotonic() < until
        time.sleep(0.02)
    told: dict[str, Any] = json.loads(left[0].read_bytes())
    left[0].unlink()
    return told


def test_a_sending_that_nobody_watched_and_that_failed_is_told(team: Team) -> None:
    """The doctor and the next sending say when it was and why."""
    from evalprov.fleet.place import Remote
    from evalprov.fleet.sent import SentMemory

    store = team.runs("a", range(1))
    SentMemory(str(store), Remote(team.url, "settings").key).tell(sent=0, problem="its server was away")
    assert "its server was away; evalprov push sends it" in team.say("doctor", "--store", str(store))[1]
    assert "its server was away" in team.push(store)[1]


def test_a_record_with_a_secret_stays_here(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came past the gate, or is a secret only by now, is not spread; all else is sent; a common word is none."""
    store = team.machine("a", run(0), run(1, note="use sk-canary-3f9a17c2-do-not-tell"))
    monkeypatch.setenv("JUDGE_API_KEY", "sk-canary-3f9a17c2-do-not-tell")
    monkeypatch.setenv("DB_PASSWORD", "completed")
    _, told = team.push(store, code=1)
    assert f"the record of run {second(1)} holds what is a secret here" in told
    assert "canary" not in told
    assert team.ids() == [second(0)]
