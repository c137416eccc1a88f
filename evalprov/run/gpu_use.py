"""How busy the GPUs are while the command runs, as far as NVIDIA's library tells: watched by a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from evalprov.capture.machine import nvml_use
from evalprov.platform.processes import APART

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.record.schema.machine import Gpu
    from evalprov.record.schema.outcome import GpuSeries

PATIENCE = 1.0  # seconds, for its answer once the command has ended


class GpuWatch:
    """The program that watches, from before the command is started until after its end."""

    def __init__(self, devices: Sequence[Gpu], environ: Mapping[str, str]) -> None:
        self._devices = [one for one in devices if one["uuid"]]
        self._begun = time.monotonic()
        uuids = ",".join(one["uuid"] or "" for one in self._devices)
        # Without site's start-up work, and with our own import path less the current folder.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", nvml_use.__file__, uuids, *filter(os.path.isabs, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=dict(environ),
            cwd="/",
        )
        APART.add(self._process.pid)

    def end(self) -> GpuSeries:
        """Return what it saw; a driver that does not answer now has not told."""
        try:
            said, _ = self._process.communicate(timeout=PATIENCE)
            report: dict[str, Any] = json.loads(said or b'{"error": "the program that watched it ended early"}')
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            report = {"error": f"the driver did not answer within {PATIENCE:g} s of the command's end"}
        except ValueError as error:
            report = {"error": str(error)}
        if "error" in report:
            return {"seconds": [], "devices": [], "reason": str(report["error"])}
        return {
            "seconds": [round(max(0.0, when - self._begun), 3) for when in report["seconds"]],
            "devices": [
                {"index": one["index"], "uuid": one["uuid"], "percent": percent, "memory_bytes": taken}
                for one, percent, taken in zip(self._devices, report["percent"], report["memory_bytes"], strict=True)
            ],
            "reason": None,
        }
