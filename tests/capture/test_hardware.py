"""The limits of the machine."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine_samples import GRAVITON, SAMPLES, context_of, finish, lay, v2_limits

from evalprov.capture.machine import hardware
from evalprov.platform import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def look(root: str = "", environ: Mapping[str, str] | None = None, cwd: str = "/") -> tuple[Any, str | None]:
    """Run the collector; return its facts and what it says it could not know."""
    found = finish(hardware.collect(context_of(environ or {}, cwd), root))
    return found.facts, found.reason


@pytest.mark.parametrize(
    ("sample", "cores", "memory"),
    [
        ("bare host, v2", None, None),
        ("docker, v2", 1.5, 2048),
        ("docker without a cgroup namespace, v2", 3.0, 1024),
        ("docker, v1", 0.5, 512),
        ("docker in docker, v1", 2.0, 1536),
        ("hybrid", 2.5, 8192),
        ("systemd slices, v2", 4.0, 4096),
        ("guaranteed pod, v1", 2.0, 1024),
        ("burstable pod, v1", 4.0, 2048),
        ("best effort pod, v1", None, None),
        ("guaranteed pod, v2, crio", 1.0, 1024),
        ("burstable pod, v2", None, 1024),
        ("pod with a cgroup namespace, v2", 0.5, 256),
        ("slurm job, v1", None, 16384),
        ("slurm job, v2", None, 8192),
        ("podman, v2", None, None),
        ("a mount point with a space", None, 1),
        ("two mounts of one tree", None, 2),
    ],
)
@pytest.mark.linux("processor affinity")
def test_hard_limits(tmp_path: Path, sample: str, cores: float | None, memory: int | None) -> None:
    """The hard limit is the tightest from our cgroup up to the root, in either version; none is null."""
    facts, _ = look(lay(tmp_path, SAMPLES[sample]))
    assert facts["infra"]["cpu"]["hard_limit_cores"] == cores
    assert facts["infra"]["memory"]["hard_limit_mb"] == memory


@pytest.mark.parametrize(
    ("sample", "cores", "memory"),
    [
        ("bare host, v2", None, None),
        ("docker, v2", None, None),
        ("systemd slices, v2", None, 2048),
        ("guaranteed pod, v1", 2.0, 1024),
        ("burstable pod, v1", 0.25, None),
        ("best effort pod, v1", 0.0, 0),
        ("guaranteed pod, v2, crio", 1.0, 1024),
        ("burstable pod, v2", None, None),
        ("pod with a cgroup namespace, v2", None, None),
    ],
)
def test_guaranteed(tmp_path: Path, sample: str, cores: float | None, memory: int | None) -> None:
    """What is guaranteed is told where the cgroup proves it, and null elsewhere."""
    facts, _ = look(lay(tmp_path, SAMPLES[sample]))
    assert facts["infra"]["cpu"]["guaranteed_cores"] == cores
    assert facts["infra"]["memory"]["guaranteed_mb"] == memory


def test_low_protection_counts_where_there_is_no_other(tmp_path: Path) -> None:
    """memory.low is what is guaranteed where memory.min is nought."""
    files = {**SAMPLES["docker, v2"], **v2_limits("/sys/fs/cgroup", memory_low="104857600")}
    facts, _ = look(lay(tmp_path, files))
    assert facts["infra"]["memory"]["guaranteed_mb"] == 100


def test_a_rounded_request_is_no_guarantee(tmp_path: Path) -> None:
    """A burstable pod's CPU request is not guessed from the weight of v2, and the record says so."""
    facts, reason = look(lay(tmp_path, SAMPLES["burstable pod, v2"]))
    assert facts["infra"]["cpu"]["guaranteed_cores"] is None
    assert "cpu.weight" in str(reason)


@pytest.mark.parametrize("milli", [1000, 100, 10, 250, 1500, 333, 3, 0, 64000])
def test_kubernetes_requests_come_back_exactly(tmp_path: Path, milli: int) -> None:
    """The CPU request of a burstable pod is read back from cpu.shares to the thousandth of a core."""
    files = dict(SAMPLES["burstable pod, v1"])
    files["/sys/fs/cgroup/cpu,cpuacct/cpu.shares"] = f"{max(2, milli * 1024 // 1000)}\n"
    facts, _ = look(lay(tmp_path, files))
    assert facts["infra"]["cpu"]["guaranteed_cores"] == milli / 1000


@pytest.mark.parametrize(
    ("variables", "cores", "memory"),
    [
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "16384"}, 8.0, 16384),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_CPU": "2000", "SLURM_CPUS_PER_TASK": "4"}, 8.0, 16000),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "4", "SLURM_STEP_ID": "0"}, 4.0, None),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_NTASKS": "1", "SLURM_STEP_ID": "0"}, 8.0, None),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"}, None, None),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "0"}, 8.0, None),
        ({"SLURM_CPUS_PER_TASK": "4", "SLURM_MEM_PER_NODE": "16384"}, None, None),
    ],
)
def test_slurm(tmp_path: Path, variables: dict[str, str], cores: float | None, memory: int | None) -> None:
    """A Slurm job's allocation on this node is guaranteed, in a step the task's, off the nodes nothing."""
    facts, reason = look(lay(tmp_path, SAMPLES["slurm job, v2"]), {"SLURM_JOB_ID": "4711", **variables})
    assert facts["infra"]["cpu"]["guaranteed_cores"] == cores
    assert facts["infra"]["memory"]["guaranteed_mb"] == memory
    assert ("Slurm" in str(reason)) == (cores is None)


@pytest.mark.linux("processor affinity")
def test_a_cpuset_smaller_than_the_affinity_is_a_limit(tmp_path: Path) -> None:
    """Where the affinity does not show a smaller cpuset, the cpuset is the hard limit."""
    widest = len(os.sched_getaffinity(0))
    files = {**SAMPLES["docker, v2"], **v2_limits("/sys/fs/cgroup", cpuset_cpus_effective="0")}
    facts, _ = look(lay(tmp_path, files))
    assert facts["infra"]["cpu"]["affinity"] == widest
    assert facts["infra"]["cpu"]["hard_limit_cores"] == (1.0 if widest > 1 else None)


@pytest.mark.parametrize("sample", ["a mount older than the cgroup namespace", "a cgroup beside its namespace"])
def test_a_cgroup_out_of_sight(tmp_path: Path, sample: str) -> None:
    """Where our own cgroup is not among what is mounted, no other's limits are taken for ours."""
    root = lay(tmp_path, {**SAMPLES[sample], "/proc/vmstat": "oom_kill 5\n"})
    facts, reason = look(root)
    assert facts["infra"]["memory"]["hard_limit_mb"] is None
    assert facts["infra"]["cpu"]["hard_limit_cores"] is None
    assert "limits are unknown" in str(reason)
    assert kernel.oom_kills(root) is None


@pytest.mark.linux("processor affinity")
def test_processor_and_memory(tmp_path: Path) -> None:
    """Model and memory are the kernel's own words, in MiB rounded down."""
    facts, reason = look(lay(tmp_path, SAMPLES["bare host, v2"]))
    assert facts["infra"]["cpu"]["model"] == "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz"
    assert facts["infra"]["memory"]["total_mb"] == 65843432 // 1024
    assert facts["observed"]["memory_available_mb"] == 40237048 // 1024
    assert reason is None


def test_arm_processors_go_by_number(tmp_path: Path) -> None:
    """An ARM processor, which has no model name, is told by implementer, part, variant and revision."""
    facts, _ = look(lay(tmp_path, {**SAMPLES["bare host, v2"], "/proc/cpuinfo": GRAVITON}))
    assert facts["infra"]["cpu"]["model"] == "ARM implementer 0x41, part 0xd0c, variant 0x3, revision 1"


def test_no_proc(tmp_path: Path) -> None:
    """Without /proc the memory's size comes from elsewhere, the rest is null, and the reasons are told."""
    facts, reason = look(lay(tmp_path, {}))
    assert facts["infra"]["memory"]["total_mb"] == psutil.virtual_memory().total >> 20
    assert facts["infra"]["memory"]["hard_limit_mb"] is None
    assert facts["infra"]["cpu"]["model"] is None
    assert "/proc/self/cgroup" in str(reason)
    assert "/proc/cpuinfo" in str(reason)


@pytest.mark.parametrize("nonsense", ["", "\n", "lots\n", "12 13 14 15\n", "-7\n", "\x00\xff"])
def test_nonsense_in_the_kernels_files_harms_nothing(tmp_path: Path, nonsense: str) -> None:
    """Whatever stands in the files, the collector answers, and takes no nonsense for a limit."""
    files = {path: nonsense if path.startswith("/sys") else text for path, text in SAMPLES["docker, v1"].items()}
    facts, _ = look(lay(tmp_path, {**files, "/proc/meminfo": nonsense, "/proc/cpuinfo": nonsense}))
    assert facts["infra"]["memory"]["hard_limit_mb"] is None
    assert facts["infra"]["cpu"]["hard_limit_cores"] is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["0::", "4:memory:", " - ", "cgroup2", "memory", "/", "/..", "1 ", "\\040", "\n"])),
    st.lists(st.sampled_from(["0::", "4:memory:", "7:cpu,cpuacct:", "/", "/a", "/..", ":", "kubepods", "\n"])),
    st.text(max_size=20),
)
def test_any_lines_are_borne(tmp_path: Path, mounts: list[str], groups: list[str], text: str) -> None:
    """Whatever stands in the kernel's lists of mounts and cgroups, the collector ends with facts."""
    lay(tmp_path, {"/proc/self/mountinfo": "".join(mounts), "/proc/self/cgroup": "".join(groups)})
    (tmp_path / "proc/cpuinfo").write_bytes(text.encode())
    facts, _ = look(str(tmp_path))
    assert facts["infra"]["memory"]["hard_limit_mb"] is None


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """A limit that we are not allowed to read, or that is no file, is unknown with its reason."""
    root = lay(tmp_path, SAMPLES["docker, v2"])
    (tmp_path / "sys/fs/cgroup/memory.max").unlink()
    (tmp_path / "sys/fs/cgroup/memory.max").mkdir()
    facts, reason = look(root)
    assert facts["infra"]["memory"]["hard_limit_mb"] is None
    assert "/sys/fs/cgroup/memory.max: Is a directory" in str(reason)


@pytest.mark.linux("processor affinity")
def test_this_machine() -> None:
    """On this machine the facts are those that psutil and the resource module give."""
    facts, _ = look()
    infra = facts["infra"]
    assert infra["memory"]["total_mb"] == psutil.virtual_memory().total >> 20
    assert infra["cpu"]["count"] == psutil.cpu_count()
    assert infra["cpu"]["affinity"] == len(psutil.Process().cpu_affinity() or ())
    assert infra["disk_total_mb"] == pytest.approx(psutil.disk_usage("/").total >> 20, rel=0.1)
    assert 0 < facts["observed"]["disk_free_mb"] <= infra["disk_total_mb"]
    assert 0 < facts["observed"]["memory_available_mb"] <= infra["memory"]["total_mb"]
    assert infra["ulimits"]["nofile"] == [
        None if limit == resource.RLIM_INFINITY else limit for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    ]


ASK = f"""
import json, sys
sys.path.append({os.path.dirname(__file__)!r})
from evalprov.capture.machine import hardware
from machine_samples import finish, context_of
json.dump(finish(hardware.collect(context_of({{}}))).facts["infra"], sys.stdout)
"""


@pytest.mark.linux("processor affinity")
def test_limits_set_on_a_real_process() -> None:
    """A process started with a narrower affinity and other ulimits has them in its record."""
    one = min(os.sched_getaffinity(0))

    def narrow() -> None:
        os.sched_setaffinity(0, {one})
        resource.setrlimit(resource.RLIMIT_NOFILE, (123, 456))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    told = json.loads(subprocess.check_output([sys.executable, "-c", ASK], preexec_fn=narrow))
    assert told["cpu"]["affinity"] == 1
    assert told["ulimits"]["nofile"] == [123, 456]
    assert told["ulimits"]["core"] == [0, 0]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A vanished working folder leaves the disk unknown, and says so."""
    facts, reason = look(cwd=str(tmp_path / "gone"))
    assert facts["infra"]["disk_total_mb"] is None
    assert facts["observed"]["disk_free_mb"] is None
    assert "gone: No such file or directory" in str(reason)


@pytest.mark.parametrize(
    ("sample", "path", "text"),
    [
        (
            "docker, v1",
            "/sys/fs/cgroup/memory/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        ),
        ("docker, v2", "/sys/fs/cgroup/memory.events", "low 0\nhigh 7\nmax 9\noom 4\noom_kill 2\n"),
        ("bare host, v2", "/sys/fs/cgroup/init.scope/memory.events", "oom 4\noom_kill 2\n"),
    ],
)
def test_oom_kills(tmp_path: Path, sample: str, path: str, text: str) -> None:
    """The count of OOM kills is that of our own cgroup, read anew each time."""
    root = lay(tmp_path, SAMPLES[sample])
    assert kernel.oom_kills(root) == 0
    lay(tmp_path, {path: text})
    assert kernel.oom_kills(root) == 2


def test_oom_kills_outside_of_any_cgroup(tmp_path: Path) -> None:
    """At the root of the tree, which keeps no count, the machine's is taken."""
    files = {
        "/proc/self/cgroup": "0::/\n",
        "/proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "/proc/vmstat": "pgfault 12\noom_kill 5\n",
    }
    assert kernel.oom_kills(lay(tmp_path, files)) == 5


def test_oom_kills_unknown(tmp_path: Path) -> None:
    """Without any count the answer is null and no nought."""
    assert kernel.oom_kills(lay(tmp_path, {})) is None


@pytest.fixture
def real_group() -> Iterator[dict[str, Path]]:
    """Make a cgroup of our own on this machine, where that is allowed."""
    folders: dict[str, Path] = {}
    try:
        for controller in ("memory", "cpu"):
            base = Path("/sys/fs/cgroup", controller)
            base = base if base.is_dir() else Path("/sys/fs/cgroup")
            folders[controller] = base / f"evalprov-test-{os.getpid()}"
            folders[controller].mkdir(exist_ok=True)
            names = ("memory.max", "memory.limit_in_bytes", "cpu.max", "cpu.cfs_quota_us")
            if not any((folders[controller] / name).exists() for name in names):
                pytest.skip(f"no {controller} controller to use here")
        yield folders
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    finally:
        for folder in set(folders.values()):
            if folder.exists():
                folder.rmdir()


def _set(folder: Path, *choices: tuple[str, str]) -> None:
    for name, value in choices:
        if (folder / name).exists():
            (folder / name).write_text(value)


def _inside(groups: dict[str, Path], code: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python code in these cgroups."""
    join = "".join(f"echo $$ > '{folder}/cgroup.procs' && " for folder in set(groups.values()))
    return subprocess.run(["/bin/sh", "-c", f'{join}exec "$0" -c "$1"', sys.executable, code], capture_output=True)


@pytest.mark.linux("cgroups")
def test_limits_of_a_real_cgroup(real_group: dict[str, Path]) -> None:
    """A process in a cgroup with a quota and a memory limit has both in its record."""
    _set(real_group["memory"], ("memory.max", "256M"), ("memory.limit_in_bytes", "256M"))
    _set(real_group["cpu"], ("cpu.max", "70000 100000"), ("cpu.cfs_quota_us", "70000"))
    told = json.loads(_inside(real_group, ASK).stdout)
    assert told["memory"]["hard_limit_mb"] == 256
    assert told["cpu"]["hard_limit_cores"] == 0.7


OOM = """
import json, signal, subprocess, sys
from evalprov.platform.kernel import oom_kills
before = oom_kills()
code = subprocess.call([sys.executable, "-c", "b = bytearray(1 << 29); b[::4096] = b'x' * (1 << 17)"])
between = oom_kills()
killed = subprocess.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
print(json.dumps([between - before, code, oom_kills() - between, killed]))
"""


@pytest.mark.linux("cgroups")
def test_a_real_oom_kill_is_counted(real_group: dict[str, Path]) -> None:
    """A child that the kernel kills for its memory raises the count; one killed by another hand does not."""
    _set(
        real_group["memory"],
        ("memory.max", "96M"),
        ("memory.limit_in_bytes", "96M"),
        ("memory.swap.max", "0"),
    )
    _set(real_group["memory"], ("memory.memsw.limit_in_bytes", "96M"))
    ran = _inside(real_group, OOM)
    assert json.loads(ran.stdout) == [1, -9, 0, -9], ran.stderr
