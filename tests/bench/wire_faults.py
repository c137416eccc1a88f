"""What goes wrong around recorded calls: the proxy killed, evalprov killed, a provider that hangs, a disk that is full.

Each takes seconds, so `make bench` runs them, and not `make test`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures" / "secrets"))
from conftest import Project
from recorded_runs import asking, calls_of, leaked, live, offline, recorded, standin
from standin import StandIn
from values import PROVIDERS, value

from evalprov.secrets import Scrubber

__all__ = ["asking", "live", "offline", "recorded", "standin"]  # fixtures, by their names


def proxy_of(pid: int) -> int:
    """Return the pid of the proxy that an evalprov has started."""
    for _ in range(600):
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if b"evalprov.wire.process" in (place / "cmdline").read_bytes():
                    parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                    if parent == pid:
                        return int(place.name)
            except OSError:
                continue
        time.sleep(0.01)
    raise AssertionError("no proxy")


SLOW = """
import time
from ask import ask
print(ask('before')[:5], flush=True)
open('ready', 'w').close()
while not __import__('os').path.exists('go'):
    time.sleep(0.01)
print(ask('after')[:5])
"""


def started(project: Project, *options: str) -> subprocess.Popen[bytes]:
    """Start a recorded or replayed run whose command waits between two calls; return it when it waits."""
    project.write("slow.py", SLOW)
    run = subprocess.Popen(
        [sys.executable, "-m", "evalprov", "run", *(options or ("--record",)), "--", "python3", "slow.py"],
        cwd=project.path,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (project.path / "ready").exists():
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    time.sleep(0.6)  # what was asked is written by now
    return run


def test_a_proxy_that_is_killed_is_started_again(live: StandIn, asking: Project) -> None:
    """The run goes on as it would without us, all calls are kept, and the record says what happened."""
    run = started(asking)
    os.kill(proxy_of(run.pid), signal.SIGKILL)
    asking.write("go", "")
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (0, b'{"id"\n{"id"\n'), err
    calls = asking.record()["calls"]
    assert (calls["count"], calls["complete"]) == (2, False)
    assert "killed and started again" in calls["reason"]
    assert len(calls_of(asking)) == 2
    assert asking.record()["resources"]["peak_processes"] == 1  # neither proxy is of the command


def test_a_proxy_that_is_killed_in_a_replay_ends_it(live: StandIn, asking: Project) -> None:
    """What was given already only that one knew: the command is refused and does not hang, and the run has failed."""
    run = started(asking)
    asking.write("go", "")
    run.communicate(timeout=60)
    (asking.path / "go").unlink()
    (asking.path / "ready").unlink()
    run = started(asking, "--replay", "latest")
    os.kill(proxy_of(run.pid), signal.SIGKILL)
    asking.write("go", "")
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (1, b'{"id"\n'), err
    record = asking.records()[-1]
    assert (record["status"], record["calls"]["complete"]) == ("failed", False)
    assert "the replay was cut short: the proxy was killed" in str(record["errors"])


def test_when_evalprov_is_killed_the_calls_go_on_and_are_kept(live: StandIn, asking: Project) -> None:
    """The command still reaches its provider; the file is whole afterwards, and can be replayed."""
    run = started(asking)
    folders = set(Path("/tmp").glob("evalprov-wire-*"))
    proxy = proxy_of(run.pid)
    run.kill()
    run.wait()
    asking.write("go", "")
    for _ in range(1000):
        if not Path(f"/proc/{proxy}").exists():
            break
        time.sleep(0.01)
    else:
        raise AssertionError("the proxy stayed")
    assert len(calls_of(asking)) == 2
    assert not [one for one in folders if one.exists()]
    run.stdout.close()
    run.stderr.close()
    again = asking.run("python3", "slow.py", options=("--replay", "latest"))
    assert (again.returncode, again.stdout) == (0, b'{"id"\n{"id"\n'), again.stderr


def test_a_provider_that_hangs_and_one_that_hangs_up_are_as_without_us(live: StandIn, asking: Project) -> None:
    """A client's own time-out ends its call, a dropped connection reaches it, and both are recorded as such."""
    asking.write(
        "eval.py",
        "import socket\nfrom ask import ask\nsocket.setdefaulttimeout(3)\n"
        "for text in ('[hang]', '[drop]'):\n"
        "    try:\n        ask(text)\n    except Exception as error:\n        print(type(error).__name__)\n",
    )
    bare = subprocess.run(["python3", "eval.py"], cwd=asking.path, capture_output=True)
    live.failures.clear()
    done = asking.run("python3", "eval.py", options=("--record",))
    assert done.stdout == bare.stdout
    assert asking.record()["calls"]["problems"] == {"cancelled": 1, "dropped": 1}


def test_a_disk_that_is_full_stops_nobody(live: StandIn, asking: Project) -> None:
    """The run goes on, and the record says that not all calls are in the file."""
    asking.write(
        "eval.py", "from ask import ask\nprint(all('answer' in ask('x' * 30000 + str(n)) for n in range(30)))\n"
    )
    limited = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); "
    limited += (
        "os.execv(sys.executable, [sys.executable, '-m', 'evalprov', 'run', '--record', '--', 'python3', 'eval.py'])"
    )
    done = subprocess.run([sys.executable, "-c", limited], cwd=asking.path, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"True\n"), done.stderr
    calls = asking.record()["calls"]
    assert calls["complete"] is False
    assert "could not all be kept" in calls["reason"]


def test_the_tokens_of_all_providers_are_kept_nowhere(live: StandIn, asking: Project) -> None:
    """By any way of a call none is on the disk that the scrubber knows at all."""
    canaries = [value(kind, Random(1)) for kind in PROVIDERS]
    unknown = [one for one in canaries if one in Scrubber({}).text(f"it is {one} indeed")]
    found = leaked(asking, [*canaries, "plain-value-of-a-variable"])
    print(f"\n{len(canaries)} shapes of tokens, {len(found)} kept; the scrubber does not know {len(unknown)}")
    assert found == unknown


if __name__ == "__main__":
    # A connection that the stand-in drops on purpose may be found unclosed.
    quiet = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning", "-p", "no:cacheprovider")
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", __file__, "-q", "-s", *quiet]))
