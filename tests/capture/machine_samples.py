"""Kernel files of machines and containers of many kinds, and how to put them before a collector."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from evalprov.capture.ask import Running, wait_any
from evalprov.capture.collector import CaptureContext, Findings, Steps
from evalprov.secrets import Scrubber
from evalprov.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ID = "ea3b3a00a57231354f3b27e748f2e224b34537a5911a205f835c7cb4c6551de1"
PAUSE = "acb5d7abd5a2a1edfab75dad79fea1e52fae910bb35fa16bd46149ceb6775d69"
POD = "702cc0d1-1251-4dd8-8d74-4c40bcee810e"
POD_ = POD.replace("-", "_")

XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 106
model name\t: Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz
cpu MHz\t\t: 2899.998

"""
GRAVITON = """\
processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""
MEMINFO = """\
MemTotal:       65843432 kB
MemFree:         1178100 kB
MemAvailable:   40237048 kB
Buffers:          702264 kB
"""

ROOT = "1443 1106 0:297 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/QX3V\n"
V2 = "331 330 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n"
V1_UNLIMITED = "9223372036854771712\n"


def v1_mounts(root: str, base: str = "/sys/fs/cgroup") -> str:
    """Return the mounts of the v1 controllers that matter here, as a distribution joins them."""
    return "".join(
        f"{40 + n} 39 0:{30 + n} {root} {base}/{names} rw,relatime shared:{n} - cgroup cgroup rw,{names}\n"
        for n, names in enumerate(("cpu,cpuacct", "memory", "cpuset", "pids"))
    )


def v1_membership(path: str) -> str:
    """Return the membership lines of a process that is in the same path of every v1 tree."""
    return f"11:cpuset:{path}\n9:pids:{path}\n7:cpu,cpuacct:{path}\n4:memory:{path}\n1:name=systemd:{path}\n"


def docker_files(container: str = ID) -> str:
    """Return the mounts of the three files that Docker gives every container."""
    return "".join(
        f"{334 + n} 325 8:1 /var/lib/docker/containers/{container}/{name} /etc/{name} rw - ext4 /dev/sda rw\n"
        for n, name in enumerate(("resolv.conf", "hostname", "hosts"))
    )


def pod_files(sandbox: str = PAUSE) -> str:
    """Return the mounts that the kubelet gives a container in a pod."""
    return (
        f"2077 2072 254:1 /kubelet/pods/{POD}/containers/scorer/69604667 /dev/termination-log rw"
        " - ext4 /dev/vda1 rw\n"
        f"2079 2070 254:1 /containerd/io.containerd.grpc.v1.cri/sandboxes/{sandbox}/hostname /etc/hostname rw"
        " - ext4 /dev/vda1 rw\n"
        f"2080 2070 254:1 /kubelet/pods/{POD}/etc-hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw\n"
    )


def v1_limits(
    base: str,
    *,
    quota: int = -1,
    shares: int = 1024,
    memory: str = V1_UNLIMITED,
    inherited: str = V1_UNLIMITED,
    cpus: str = "0-7",
    kills: int = 0,
) -> dict[str, str]:
    """Return the files of one v1 cgroup, `base` with a % where the controller's name goes."""
    cpu, mem, sets = (base.replace("%", name) for name in ("cpu,cpuacct", "memory", "cpuset"))
    return {
        f"{cpu}/cpu.cfs_quota_us": f"{quota}\n",
        f"{cpu}/cpu.cfs_period_us": "100000\n",
        f"{cpu}/cpu.shares": f"{shares}\n",
        f"{mem}/memory.limit_in_bytes": memory,
        f"{mem}/memory.stat": f"cache 0\nrss 4096\nhierarchical_memory_limit {inherited.strip()}\n",
        f"{mem}/memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n",
        f"{sets}/cpuset.cpus": f"{cpus}\n",
    }


def v2_limits(folder: str, **files: str) -> dict[str, str]:
    """Return the files of one v2 cgroup; an underscore stands for the dot in their names."""
    usual = {
        "cpu_max": "max 100000",
        "memory_max": "max",
        "memory_min": "0",
        "memory_low": "0",
        "cpuset_cpus_effective": "0-7",
        "memory_events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0",
    }
    return {f"{folder}/{name.replace('_', '.', 2)}": text + "\n" for name, text in {**usual, **files}.items()}


_COMMON = {"/proc/cpuinfo": XEON, "/proc/meminfo": MEMINFO}
_K8S_V1 = f"/kubepods/%/pod{POD}/{ID}"
_SLICE = "/sys/fs/cgroup/user.slice"
_JOB = "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_4711"


def _pod_v1(quality: str, **limits: object) -> dict[str, str]:
    path = _K8S_V1.replace("%/", quality)
    return {
        **_COMMON,
        "/proc/self/cgroup": v1_membership(path),
        "/proc/self/mountinfo": ROOT + v1_mounts(path) + pod_files(),
        **v1_limits("/sys/fs/cgroup/%", **limits),  # type: ignore[arg-type]
    }


SAMPLES = MappingProxyType(
    {
        "bare host, v2": {
            **_COMMON,
            "/proc/self/cgroup": "0::/init.scope\n",
            "/proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n",
            **v2_limits("/sys/fs/cgroup/init.scope"),
        },
        "docker, v2": {
            **_COMMON,
            "/.dockerenv": "",
            "/proc/self/cgroup": "0::/\n",
            "/proc/self/mountinfo": ROOT + V2 + docker_files(),
            **v2_limits("/sys/fs/cgroup", cpu_max="150000 100000", memory_max="2147483648"),
        },
        "docker without a cgroup namespace, v2": {
            **_COMMON,
            "/.dockerenv": "",
            "/proc/self/cgroup": f"0::/system.slice/docker-{ID}.scope\n",
            "/proc/self/mountinfo": ROOT + V2 + docker_files(),
            **v2_limits(f"/sys/fs/cgroup/system.slice/docker-{ID}.scope", memory_max="1073741824"),
            **v2_limits("/sys/fs/cgroup/system.slice", cpu_max="300000 100000"),
        },
        "docker, v1": {
            **_COMMON,
            "/.dockerenv": "",
            "/proc/self/cgroup": v1_membership(f"/docker/{ID}"),
            "/proc/self/mountinfo": ROOT + v1_mounts(f"/docker/{ID}") + docker_files(),
            **v1_limits("/sys/fs/cgroup/%", quota=50000, memory="536870912\n", inherited="536870912\n"),
        },
        "docker in docker, v1": {
            **_COMMON,
            "/.dockerenv": "",
            "/proc/self/cgroup": v1_membership(f"/docker/{PAUSE}/docker/{ID}"),
            "/proc/self/mountinfo": ROOT + v1_mounts(f"/docker/{PAUSE}") + docker_files(),
            # The inner one has no limit of its own; the outer, which it can see, has.
            **v1_limits("/sys/fs/cgroup/%", quota=200000, memory="4294967296\n", inherited="4294967296\n"),
            **v1_limits(f"/sys/fs/cgroup/%/docker/{ID}", inherited="1610612736\n", kills=3),
        },
        "hybrid": {
            **_COMMON,
            "/proc/self/cgroup": v1_membership("/user.slice") + "0::/user.slice/session-3.scope\n",
            "/proc/self/mountinfo": v1_mounts("/")
            + "60 39 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
            **v1_limits("/sys/fs/cgroup/%/user.slice", quota=250000, memory="8589934592\n"),
            **v1_limits("/sys/fs/cgroup/%", memory=V1_UNLIMITED),
        },
        "systemd slices, v2": {
            **_COMMON,
            "/proc/self/cgroup": "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r7.scope\n",
            "/proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n",
            **v2_limits(
                f"{_SLICE}/user-1000.slice/user@1000.service/app.slice/run-r7.scope",
                memory_max="6442450944",
                memory_min="3221225472",
            ),
            **v2_limits(
                f"{_SLICE}/user-1000.slice/user@1000.service/app.slice",
                cpu_max="250000 50000",
                memory_min="max",
            ),
            **v2_limits(f"{_SLICE}/user-1000.slice/user@1000.service", memory_min="max"),
            **v2_limits(f"{_SLICE}/user-1000.slice", cpu_max="400000 100000", memory_min="2147483648"),
            **v2_limits(_SLICE, memory_max="4294967296", memory_min="max"),
        },
        "guaranteed pod, v1": _pod_v1("", quota=200000, shares=2048, memory="1073741824\n"),
        "burstable pod, v1": _pod_v1("burstable/", quota=400000, shares=256, memory="2147483648\n"),
        "best effort pod, v1": _pod_v1("besteffort/", shares=2),
        "guaranteed pod, v2, crio": {
            **_COMMON,
            "/proc/self/cgroup": f"0::/kubepods.slice/kubepods-pod{POD_}.slice/crio-{ID}.scope\n",
            "/proc/self/mountinfo": ROOT + V2 + pod_files(),
            **v2_limits(
                f"/sys/fs/cgroup/kubepods.slice/kubepods-pod{POD_}.slice/crio-{ID}.scope",
                cpu_max="100000 100000",
                memory_max="1073741824",
            ),
            **v2_limits(
                f"/sys/fs/cgroup/kubepods.slice/kubepods-pod{POD_}.slice",
                cpu_max="150000 100000",
                memory_max="2147483648",
            ),
        },
        "burstable pod, v2": {
            **_COMMON,
            "/proc/self/cgroup": "0::/kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{POD_}.slice/cri-containerd-{ID}.scope\n",
            "/proc/self/mountinfo": ROOT + V2 + pod_files(),
            **v2_limits(
                "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/"
                f"kubepods-burstable-pod{POD_}.slice/cri-containerd-{ID}.scope",
                cpu_weight="20",
                memory_max="1073741824",
            ),
        },
        "pod with a cgroup namespace, v2": {
            **_COMMON,
            "/var/run/secrets/kubernetes.io/serviceaccount/namespace": "evals",
            "/proc/self/cgroup": "0::/\n",
            "/proc/self/mountinfo": ROOT + V2 + pod_files(),
            **v2_limits("/sys/fs/cgroup", cpu_max="50000 100000", memory_max="268435456"),
        },
        "slurm job, v1": {
            **_COMMON,
            "/proc/self/cgroup": v1_membership("/slurm/uid_1000/job_4711/step_0/task_0"),
            "/proc/self/mountinfo": v1_mounts("/"),
            **v1_limits("/sys/fs/cgroup/%/slurm/uid_1000/job_4711/step_0/task_0", cpus="4-7,12-15"),
            **v1_limits("/sys/fs/cgroup/%/slurm/uid_1000/job_4711/step_0", memory="17179869184\n"),
            **v1_limits("/sys/fs/cgroup/%/slurm/uid_1000/job_4711", memory="33285996544\n"),
            **v1_limits("/sys/fs/cgroup/%"),
        },
        "slurm job, v2": {
            **_COMMON,
            "/proc/self/cgroup": "0::/system.slice/slurmstepd.scope/job_4711/step_batch/user/task_0\n",
            "/proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n",
            **v2_limits(f"{_JOB}/step_batch/user/task_0"),
            **v2_limits(f"{_JOB}/step_batch/user", memory_max="8589934592"),
            **v2_limits(_JOB, memory_max="8589934592", cpuset_cpus_effective="0,2"),
        },
        "podman, v2": {
            **_COMMON,
            "/run/.containerenv": 'engine="podman-4.9.3"\nname="eager_bell"\n'
            f'id="{ID}"\nimage="docker.io/library/python:3.12"\nimageid="{PAUSE}"\nrootless=1\n',
            "/proc/self/cgroup": "0::/\n",
            "/proc/self/mountinfo": ROOT
            + V2
            + f"700 690 0:50 /containers/overlay-containers/{ID}/userdata/hostname /etc/hostname rw"
            + " - tmpfs tmpfs rw\n",
            **v2_limits("/sys/fs/cgroup"),
        },
        "a mount point with a space": {
            **_COMMON,
            "/proc/self/cgroup": "0::/jobs/one\n",
            "/proc/self/mountinfo": "29 23 0:26 / /sys/fs/my\\040groups rw - cgroup2 cgroup2 rw\n",
            **v2_limits("/sys/fs/my groups/jobs/one", memory_max="1048576"),
        },
        "a mount older than the cgroup namespace": {
            **_COMMON,
            "/proc/self/cgroup": v1_membership("/"),
            "/proc/self/mountinfo": v1_mounts("/../.."),
            **v1_limits("/sys/fs/cgroup/%", quota=100000, memory="1048576\n"),
        },
        "a cgroup beside its namespace": {
            **_COMMON,
            "/proc/self/cgroup": "0::/../other\n",
            "/proc/self/mountinfo": V2,
            **v2_limits("/sys/fs/cgroup", memory_max="1048576"),
            **v2_limits("/sys/fs/other", memory_max="2097152"),
        },
        "two mounts of one tree": {
            **_COMMON,
            "/proc/self/cgroup": "0::/a/b\n",
            "/proc/self/mountinfo": "1 0 0:26 /a/b /part rw - cgroup2 cgroup2 rw\n"
            "2 0 0:26 / /whole rw - cgroup2 cgroup2 rw\n",
            **v2_limits("/part", memory_max="4194304"),
            **v2_limits("/whole/a/b", memory_max="4194304"),
            **v2_limits("/whole/a", memory_max="2097152"),
        },
    }
)


def lay(folder: Path, files: dict[str, str]) -> str:
    """Write the files below a folder, and return the folder as a root."""
    for path, text in files.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return str(folder)


def context_of(environ: Mapping[str, str], cwd: str = "/") -> CaptureContext:
    """Return what a collector may look at in a run with these variables."""
    return CaptureContext(("true",), cwd, cwd, f"{cwd}/metrics", environ, Settings(cwd), Scrubber(environ))


def finish(steps: Steps) -> Findings:
    """Run a collector to its end, asking for real what it asks."""
    try:
        commands = next(steps)
        while True:
            asked = [Running(command) for command in commands]
            while unanswered := [one for one in asked if one.answer is None]:
                wait_any(unanswered)
            commands = steps.send([one.answer for one in asked if one.answer])
    except StopIteration as stop:
        found: Findings = stop.value
        return found
