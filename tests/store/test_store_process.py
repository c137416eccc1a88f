"""The proof that a recording process is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from store_runs import ended, in_child

from evalprov.platform.processes import standing_of
from evalprov.store.process import from_tag, is_gone, is_near, tag, this_process

if TYPE_CHECKING:
    from evalprov.record.schema.observed import Process

IMPORTS = "import json, sys; from evalprov.store.process import is_gone, this_process;"
SIGN = f"{IMPORTS} print(json.dumps(this_process()), flush=True)"
JUDGE = f"{IMPORTS} print(is_gone(json.loads(sys.argv[1])))"


def changed(**facts: Any) -> Process:
    """Return this process with some facts changed."""
    return cast("Process", {**this_process(), **facts})


def asleep() -> int:
    """Start a child that sleeps."""
    return in_child(lambda: time.sleep(60))


def test_we_are_not_gone() -> None:
    """A process that is there is not gone."""
    assert not is_gone(this_process())
    assert is_near(this_process())


def test_a_killed_process_is_gone_even_before_it_is_waited_for() -> None:
    """A process is gone as soon as it is dead, as a zombie too."""
    child = asleep()
    alive, start = cast("tuple[bool, int]", standing_of(child))
    other = changed(pid=child, start=start)
    assert alive
    assert not is_gone(other)
    os.kill(child, signal.SIGKILL)
    while standing_of(child) == (True, start):
        time.sleep(0.001)
    assert is_gone(other)
    ended(child)
    assert is_gone(other)


def test_a_number_that_was_given_anew_proves_it() -> None:
    """Where the pid is another process by now, its start tells."""
    start = this_process()["start"]
    assert start is not None
    assert is_gone(changed(start=start - 100))


def test_another_user_s_process_is_not_gone() -> None:
    """A process that may not be signalled is there."""
    if os.getuid():
        pytest.skip("needs root to become somebody else")

    def work() -> int:
        parent = this_process()
        os.setuid(65534)
        return 1 if is_gone(cast("Process", {**parent, "pid": os.getppid(), "start": started})) else 0

    started = this_process()["start"]
    assert ended(in_child(work)) == 0


@pytest.mark.parametrize(
    "facts",
    [
        {"boot_id": None},
        {"boot_id": "11111111-2222-3333-4444-555555555555", "hostname": "another-host"},
        {"boot_id": "11111111-2222-3333-4444-555555555555", "hostname": None},
        {"pid": -1},
        {"pid": 0},
        {"pid": 1 << 70},
        {"start": None},
    ],
)
def test_what_cannot_be_proven_is_not_gone(facts: dict[str, Any]) -> None:
    """Another host, or facts that are unknown or nonsense, prove nothing."""
    assert not is_gone(changed(**facts))


def test_a_machine_started_anew_has_none_of_its_old_processes() -> None:
    """The same host with another boot proves that the process is gone, unless every host is called that."""
    assert is_gone(changed(boot_id="11111111-2222-3333-4444-555555555555"))
    assert not is_gone(changed(boot_id="11111111-2222-3333-4444-555555555555", hostname="localhost"))


@pytest.mark.linux("namespaces of processes")
def test_a_process_in_a_container_is_judged_from_outside_by_its_start() -> None:
    """The machine itself finds a container's process alive or gone; its pid means nothing there."""
    if dict(this_process())["pid_namespace"] != 0xEFFFFFFC:
        pytest.skip("these tests run in a container themselves")
    shell = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c"]
    inside = subprocess.Popen([*shell, f"{SIGN}; input()"], stdin=-1, stdout=-1, stderr=-1, text=True)
    assert inside.stdin
    assert inside.stdout
    assert inside.stderr
    line = inside.stdout.readline()
    if not line:
        inside.wait()
        pytest.skip(f"namespaces are not permitted: {inside.stderr.read().strip()}")
    other = cast("Process", json.loads(line))
    assert other["pid"] < 10
    assert not is_near(other)
    assert not is_gone(other)
    inside.communicate("\n")
    assert is_gone(other)


@pytest.mark.linux("namespaces of processes")
def test_a_container_cannot_judge_what_is_outside() -> None:
    """A process of another namespace, absent as it looks from a container, is not called gone."""
    shell = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", JUDGE]
    start = this_process()["start"]
    assert start is not None
    for other in (this_process(), changed(pid=3, start=start - 1)):
        seen = subprocess.run([*shell, json.dumps(other)], capture_output=True, text=True)
        if seen.returncode:
            pytest.skip(f"namespaces are not permitted: {seen.stderr.strip()}")
        assert seen.stdout == "False\n"


def test_a_tag_names_its_process() -> None:
    """The tag in a temporary file's name gives the process back."""
    named = from_tag(tag())
    assert named == {**this_process(), "hostname": None}
    assert [from_tag(text) for text in ("", "a-b-c-d", "1-2-3", "0-0-9999999999999999999999-0")] == [None] * 4
