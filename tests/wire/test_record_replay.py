"""Calls to model providers, recorded and replayed by the real command line against a stand-in on loopback."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
from pathlib import Path
from random import Random

import pytest
from conftest import Project

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures" / "secrets"))
from recorded_runs import asking, calls_of, leaked, live, offline, recorded, standin
from standin import StandIn
from values import PROVIDERS, value

from evalprov.errors import EvalprovError
from evalprov.platform.connections import outward, sockets_below
from evalprov.store import read
from evalprov.store.calls import path_of
from evalprov.wire.call import EXACT

__all__ = ["asking", "live", "offline", "recorded", "standin"]  # fixtures, by their names


def copied(recorded: Project, to: Path) -> Project:
    """Return a project of one's own with the recorded run in it."""
    shutil.copytree(recorded.path, to / "copy")
    return Project(to / "copy")


def test_a_recorded_run_keeps_every_call_and_says_what_they_came_to(recorded: Project) -> None:
    """The file holds each call in order, its hash is in the record, and so are models, tokens, cost and ends."""
    record = recorded.records()[0]
    calls = record["calls"]
    file = recorded.path / "metrics" / calls["file"]
    assert calls["sha256"] == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert (calls["mode"], calls["count"], calls["errors"], calls["complete"]) == ("record", 5, 0, True)
    (model,) = calls["models"]
    assert model["gen_ai.provider.name"] == "openai"
    assert model["gen_ai.request.model"] == "gpt-4o-mini"
    assert model["gen_ai.response.model"] == ["gpt-4o-mini-2024-07-18"]
    assert model["gen_ai.request.temperature"] == 0.5
    assert calls["tokens"] == {"input": 80, "output": 20, "cached": 0, "uncounted": 1}
    assert calls["cost"]["usd"] == pytest.approx((80 * 0.15 + 20 * 0.6) / 1e6)
    assert calls["finish_reasons"] == {"stop": 5}
    assert record["observed"]["model"] == {"model": "gpt-4o-mini-2024-07-18", "system_fingerprint": "fp_44709d6fcb"}
    assert record["observed"]["prompts"]["system"]["texts"] == 1
    kept = calls_of(recorded)
    assert [call.number for call in kept] == [1, 2, 3, 4, 5]
    assert len({call.question.key for call in kept}) == 2
    assert len(kept[-1].answer.chunks) > 3
    assert all(call.flags & EXACT for call in kept)
    shown = (recorded.path / "stdout").read_bytes()
    assert all(call.answer.body in shown for call in kept)


def test_no_key_cookie_or_organisation_is_on_disk(recorded: Project) -> None:
    """What lets somebody in, and what says whose account it is, is in no file; the calls are ignored by git."""
    stored = recorded.stored() + b"".join(call.answer.head for call in calls_of(recorded))
    for secret in (b"sk-proj-T3B", b"__cf_bm", b"org-of-somebody", b"Bearer"):
        assert secret not in stored
    assert b"x-request-id" in stored
    assert (recorded.path / "metrics" / ".gitignore").read_text().startswith("# Written by evalprov")


def test_a_replay_gives_every_byte_again_with_no_key_and_no_way_out(
    recorded: Project, standin: StandIn, offline: None, tmp_path: Path
) -> None:
    """Answers come from the record alone, in their order, those to the same question too."""
    project = copied(recorded, tmp_path)
    asked = len(standin.asked)
    probe = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {standin.port})))"
    done = project.run("sh", "-c", f'python3 eval.py; python3 -c "{probe}" >&2', options=("--replay", "latest"))
    assert done.stdout == (recorded.path / "stdout").read_bytes()
    assert len(standin.asked) == asked
    record = project.records()[-1]
    calls = record["calls"]
    assert (calls["mode"], calls["replayed"], calls["missed"]) == ("replay", 5, [])
    assert calls["source"] == project.records()[0]["run_id"]
    assert calls["models"][0]["gen_ai.response.model"] == ["gpt-4o-mini-2024-07-18"]
    if calls["network"] == "closed":
        assert done.stderr.startswith(b"111\n"), "the stand-in's port can be reached"
    else:
        assert calls["network"].startswith("open: ")


def test_a_question_that_was_not_recorded_fails_the_replay(recorded: Project, offline: None, tmp_path: Path) -> None:
    """It is refused with 418, and the run fails, whatever the command made of it, with the first difference."""
    project = copied(recorded, tmp_path)
    project.write("eval.py", "from ask import ask\nprint(ask('is it now?')[:3])\n")
    done = project.run("python3", "eval.py", options=("--replay", "latest"))
    assert (done.stdout, done.returncode) == (b"418\n", 1)
    record = project.records()[-1]
    assert record["status"] == "failed"
    assert "nearest is call" in record["calls"]["missed"][0]
    assert "messages[1].content differs at 'is it now?', where 'is it?' was" in record["calls"]["missed"][0]
    assert b"messages[1].content" in done.stderr


def test_patterns_say_what_may_differ(live: StandIn, asking: Project) -> None:
    """A date in a prompt is another each day, and its answer is found all the same where the settings say so."""
    asking.write("evalprov.toml", "[replay]\nignore = ['\\d{4}-\\d{2}-\\d{2}']\nnetwork = 'open'\n")
    program = "import sys\nfrom ask import ask\nprint(ask('Today is ' + sys.argv[1]))\n"
    asking.write("eval.py", program)
    first = asking.run("python3", "eval.py", "2026-11-22", options=("--record",))
    again = asking.run("python3", "eval.py", "2027-01-01", options=("--replay", "latest"))
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout


def test_gaps_are_filled_and_what_comes_of_it_replays_strictly(
    recorded: Project, live: StandIn, tmp_path: Path
) -> None:
    """With --replay-or-record what is there is given again, the rest is asked; the new file has both."""
    project = copied(recorded, tmp_path)
    project.write("eval.py", "from ask import ask\nprint(ask('is it?'), ask('something new'))\n")
    before = len(live.asked)
    done = project.run("python3", "eval.py", options=("--replay-or-record", "latest"))
    assert len(live.asked) == before + 1
    assert (project.records()[-1]["calls"]["count"], project.records()[-1]["calls"]["replayed"]) == (2, 1)
    again = project.run("python3", "eval.py", options=("--replay", "latest"))
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert len(live.asked) == before + 1


def test_failures_that_were_mended_are_left_out_of_a_replay(live: StandIn, asking: Project) -> None:
    """An answer 429 that the client tried again after is recorded, counted as such, and not given again."""
    asking.write("eval.py", "from ask import ask\nprint([ask('[busy] now')[:3] for _ in range(2)])\n")
    first = asking.run("python3", "eval.py", options=("--record",))
    calls = asking.records()[-1]["calls"]
    assert first.stdout.startswith(b"['429', ")
    assert (calls["count"], calls["errors"], calls["retries"], calls["problems"]) == (2, 1, 1, {"429": 1})
    asking.write("eval.py", "from ask import ask\nprint(ask('[busy] now')[:3])\n")
    again = asking.run("python3", "eval.py", options=("--replay", "latest"))
    assert again.stdout[:3] == first.stdout[-6:-3]


def test_what_is_no_provider_passes_unopened_and_is_named(live: StandIn, asking: Project) -> None:
    """Other hosts see the client's own TLS, with the roots it had, and the record lists them with their bytes."""
    asking.write("eval.py", "from ask import ask\nprint(ask('x', host='data.example.org'), ask('[gzip]'))\n")
    options = ("--record", "--set", "model.model=another-1", "--set", "model.temperature=0.5")
    done = asking.run("python3", "eval.py", options=options)
    assert done.returncode == 0, done.stderr
    calls, warnings = asking.record()["calls"], asking.record()["warnings"]
    assert warnings == ["model.model is declared as another-1, and what was asked for is gpt-4o-mini"]
    assert calls["count"] == 1
    assert list(calls["passed"]) == ["data.example.org"]
    assert calls["passed"]["data.example.org"]["received"] > 200


def test_the_proxy_is_for_this_run_alone(live: StandIn, asking: Project) -> None:
    """It listens on loopback, and refuses whoever has not its token, by whatever way."""
    asking.write(
        "eval.py",
        "import os, socket, urllib.parse\n"
        "at = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])\n"
        "for first in (b'CONNECT api.openai.com:443', b'GET http://api.openai.com/', b'GET /wrong/openai/v1/x'):\n"
        "    s = socket.create_connection((at.hostname, at.port))\n"
        "    s.sendall(first + b' HTTP/1.1\\r\\nHost: x\\r\\nProxy-Authorization: Basic eDp5\\r\\n\\r\\n')\n"
        "    print(s.recv(12).decode())\n"
        "print(at.hostname)\n",
    )
    before = len(live.asked)
    done = asking.run("python3", "eval.py", options=("--record",))
    assert done.stdout.decode().split("\n")[:-1] == ["HTTP/1.1 407", "HTTP/1.1 407", "HTTP/1.1 404", "127.0.0.1"]
    assert len(live.asked) == before


def test_secrets_in_headers_bodies_and_streams_are_not_kept(live: StandIn, asking: Project) -> None:
    """A token in a request, in an answer, packed, or spread over a stream is on no disk, and that is marked."""
    canaries = [value(kind, Random(1)) for kind in list(PROVIDERS)[::11]]  # `make bench` tries them all
    assert leaked(asking, [*canaries, "plain-value-of-a-variable"]) == []


def test_a_file_that_is_not_what_was_recorded_is_refused(recorded: Project, offline: None, tmp_path: Path) -> None:
    """A calls file that was altered, torn or taken away stops the replay before the command starts."""
    project = copied(recorded, tmp_path)
    file = next((project.path / "metrics" / "calls").glob("*.sqlite"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-10] + b"\1" + whole[-9:])
    run_id = project.records()[0]["run_id"]
    altered = project.run("touch", "ran", options=("--replay", run_id))
    file.write_bytes(whole[:3000])
    torn = project.run("touch", "ran", options=("--replay", str(file)))
    file.unlink()
    gone = project.run("touch", "ran", options=("--replay", run_id))
    assert [done.returncode for done in (altered, torn, gone)] == [125, 125, 125]
    assert b"are not what was recorded" in altered.stderr
    assert b"is no file of calls" in torn.stderr or b"damaged" in torn.stderr
    assert b"are gone" in gone.stderr
    assert not (project.path / "ran").exists()


def test_a_run_that_records_nothing_starts_no_proxy(asking: Project) -> None:
    """Without --record or --replay the command's environment and the record know nothing of all this."""
    done = asking.python("import os; print([n for n in os.environ if 'PROXY' in n.upper() or 'CALLS' in n])")
    assert done.stdout == b"[]\n"
    calls = asking.record()["calls"]
    assert (calls["mode"], calls["count"], calls["file"]) == (None, None, None)
    assert not (asking.path / "metrics" / "calls").exists()


def test_a_client_that_heeds_no_proxy_is_named(live: StandIn, asking: Project) -> None:
    """What goes to a provider past the proxy is not in the file, and that is said; so it is that a run asks none."""
    asking.write(
        "eval.py",
        "import socket\ntry:\n    socket.create_connection(('api.openai.com', 443), 1)\nexcept OSError:\n    pass\n",
    )
    done = asking.run("python3", "eval.py", options=("--record", "--observe", "auto"))
    record = asking.record()
    (said,) = record["calls"]["not_recorded"]
    assert said.startswith("api.openai.com: asked past the proxy, by a client that heeds none")
    assert record["calls"]["complete"] is False
    assert b"connections to api.openai.com are not recorded" in done.stderr
    none = asking.run("python3", "-c", "pass", options=("--record",))
    assert b"--record saw no call to a provider" in none.stderr
    calls = asking.records()[-1]["calls"]
    assert (calls["count"], calls["file"], calls["complete"]) == (0, None, True)
    with pytest.raises(EvalprovError, match="called no provider"):
        path_of(str(asking.path / "metrics"), read.load(str(asking.path / "metrics"), "latest"))


@pytest.mark.linux("connections of a process")
def test_a_connection_past_the_proxy_is_seen_by_its_socket() -> None:
    """Those of a process and of what it started are told by their inodes, with the address of the other side."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as ours:
            inode = os.readlink(f"/proc/self/fd/{ours.fileno()}")[8:-1]
            assert (inode, "127.0.0.1") in list(outward(port))
            assert inode in sockets_below(os.getppid())
            assert not list(outward(1))


def test_the_listening_socket_is_on_loopback_alone(live: StandIn, asking: Project) -> None:
    """No other address of this machine reaches the proxy."""
    asking.write(
        "eval.py",
        "import os, socket, urllib.parse\n"
        "port = urllib.parse.urlsplit(os.environ['HTTPS_PROXY']).port\n"
        "hexed = f':{port:04X} '\n"
        "lines = [line for line in open('/proc/net/tcp') if hexed in line and ' 0A ' in line]\n"
        "print({line.split()[1].split(':')[0] for line in lines})\n",
    )
    assert asking.run("python3", "eval.py", options=("--record",)).stdout == b"{'0100007F'}\n"
    assert socket.inet_ntoa(bytes.fromhex("0100007F")[::-1]) == "127.0.0.1"
