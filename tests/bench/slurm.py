"""A small real Slurm of one's own: a controller and two nodes on loopback, in a folder that goes away with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
PLACES = os.pathsep.join(filter(None, (os.environ.get("PATH"), "/usr/local/sbin", "/usr/sbin", "/sbin")))
NODES = ("one", "two")
PATIENCE = 60.0
_CONF = """\
ClusterName=evalprov
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout={timeout}
KillWait=5
MaxArraySize=2000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_min_interval=20000,defer_batch=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=first Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9
"""


class Slurm:
    """Starts all of it, and ends what it started; `why_not` says why it could not."""

    name = "slurm"
    on = "slurm"

    def __init__(self, folder: Path, cpus: int = 2, timeout: int = 300) -> None:
        self.folder = folder
        self.cpus = cpus
        self.timeout = timeout
        self.why_not: str | None = None
        self.environ = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = ExitStack()

    def __enter__(self) -> Self:
        missing = [name for name in PROGRAMS if shutil.which(name, path=PLACES) is None]
        if missing or os.geteuid() != 0:
            self.why_not = f"not installed: {', '.join(missing)}" if missing else "only root can start its daemons"
            return self
        self._configure()
        self._start_munge()
        self.start("slurmctld")
        for node in NODES:
            self.start(node)
        if self.why_not is None and not self._is_up():
            self.why_not = f"its nodes do not come up: {self._log()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def alone(self, count: int) -> float:
        """Return the seconds that an array of so many takes which does nothing."""
        began = time.monotonic()
        said = self.ask("sbatch", "--wait", f"--array=1-{count}", "--output=/dev/null", "--wrap=true")
        assert "Submitted" in said, said
        return time.monotonic() - began

    def start(self, name: str) -> None:
        """Start the controller, or a node by its name."""
        words = ["slurmctld", "-D"] if name == "slurmctld" else ["slurmd", "-D", "-N", name]
        self._daemon(name, [shutil.which(words[0], path=PLACES) or words[0], *words[1:]])

    def kill(self, name: str) -> None:
        """Kill a daemon: a node is gone without a word, what ran on it too."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait()

    def ask(self, *words: str) -> str:
        """Return what one of its programs prints."""
        done = subprocess.run(words, env=self.environ, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def _configure(self) -> None:
        (self.folder / "state").mkdir(parents=True)
        ports = _free_ports(1 + len(NODES))
        rows = [
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} CPUs={self.cpus} "
            "RealMemory=200 State=UNKNOWN"
            for name, port in zip(NODES, ports[1:], strict=True)
        ]
        conf = _CONF.format(
            folder=self.folder,
            host=socket.gethostname(),
            ctld=ports[0],
            nodes="\n".join(rows),
            timeout=self.timeout,
        )
        (self.folder / "slurm.conf").write_text(conf)
        for node in NODES:
            (self.folder / f"spool-{node}").mkdir()

    def _start_munge(self) -> None:
        place = self.folder / "munge"
        place.mkdir(mode=0o755)
        (place / "key").write_bytes(os.urandom(1024))
        (place / "key").chmod(0o600)
        files = [f"--{what}-file={place}/{what}" for what in ("key", "log", "pid", "seed")]
        self._daemon(
            "munged",
            [shutil.which("munged", path=PLACES) or "", "-F", "--force", f"--socket={place}/socket", *files],
        )
        _until((place / "socket").exists)

    def _daemon(self, name: str, words: list[str]) -> None:
        with open(self.folder / f"{name}.said", "ab") as said:
            daemon = subprocess.Popen(
                words, env=self.environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        self.daemons[name] = daemon
        self._ended.callback(self._end, daemon)

    def _end(self, daemon: subprocess.Popen[bytes]) -> None:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(20)
        daemon.kill()
        daemon.wait()

    def _is_up(self) -> bool:
        return _until(lambda: self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%t").split() == ["idle"] * len(NODES))

    def _log(self) -> str:
        said = "".join(file.read_text(errors="replace")[-500:] for file in sorted(self.folder.glob("*.said")))
        return said.strip()[-1500:]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _until(true: object) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False
