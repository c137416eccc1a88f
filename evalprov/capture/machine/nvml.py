"""Asks NVIDIA's library about the cards, as a program of its own that prints the answer as JSON.

In a process of its own a driver that hangs or crashes harms nobody, and the tens of milliseconds that the
library takes to load and to wake the driver pass beside the other collectors. It imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any


def read(nvml: Any) -> dict[str, Any]:
    """Return driver, CUDA version, cards with their MIG instances, and what could not be had."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        absent = error.value in {nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED}
        return {"error": str(error), "absent": absent}
    try:
        return _DeviceReading(nvml).whole()
    except nvml.NVMLError as error:
        return {"error": str(error), "absent": False}
    finally:
        with contextlib.suppress(nvml.NVMLError):  # nothing is lost by it: this process ends here
            nvml.nvmlShutdown()


class _DeviceReading:
    """One pass over the cards, in which a question without an answer loses that one fact."""

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml
        self.missing: list[str] = []

    def whole(self) -> dict[str, Any]:
        cuda = self.ask("the CUDA version", "nvmlSystemGetCudaDriverVersion_v2")
        return {
            "driver": self.ask("the driver's version", "nvmlSystemGetDriverVersion"),
            "cuda": None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
            "cards": [self.card(index) for index in range(self.nvml.nvmlDeviceGetCount())],
            "missing": self.missing,
        }

    def ask(self, what: str, question: str, *about: Any) -> Any:
        try:
            return getattr(self.nvml, question)(*about)
        except self.nvml.NVMLError as error:
            self.missing.append(f"{what}: {error}")
            return None

    def card(self, index: int) -> dict[str, Any]:
        whose = f"GPU {index}"
        handle = self.ask(whose, "nvmlDeviceGetHandleByIndex", index)
        if handle is None:
            return {"index": index, "uuid": None, "name": None, "memory_mb": None, "instances": None}
        card = {"index": index, **self.facts(whose, handle)}
        card["instances"] = self.instances(card, handle) if self.divided(whose, handle) else None
        return card

    def facts(self, whose: str, handle: Any) -> dict[str, Any]:
        memory = self.ask(f"{whose}: memory", "nvmlDeviceGetMemoryInfo", handle)
        return {
            "uuid": self.ask(f"{whose}: UUID", "nvmlDeviceGetUUID", handle),
            "name": self.ask(f"{whose}: name", "nvmlDeviceGetName", handle),
            "memory_mb": None if memory is None else memory.total >> 20,
        }

    def divided(self, whose: str, handle: Any) -> bool:
        """Say whether MIG mode is on; most cards do not know it."""
        try:
            current, _ = self.nvml.nvmlDeviceGetMigMode(handle)
        except self.nvml.NVMLError as error:
            unknown = {self.nvml.NVML_ERROR_NOT_SUPPORTED, self.nvml.NVML_ERROR_FUNCTION_NOT_FOUND}
            if error.value not in unknown:
                self.missing.append(f"{whose}: MIG mode: {error}")
            return False
        return bool(current)

    def instances(self, card: dict[str, Any], handle: Any) -> list[dict[str, Any]]:
        whose = f"GPU {card['index']}"
        found = []
        for slot in range(self.ask(f"{whose}: MIG instances", "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            try:
                instance = self.nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot)
            except self.nvml.NVMLError as error:
                if error.value != self.nvml.NVML_ERROR_NOT_FOUND:  # that is an empty slot
                    self.missing.append(f"{whose}: MIG instance {slot}: {error}")
                continue
            found.append(self.instance(f"{whose}: MIG instance {slot}", card, instance))
        return found

    def instance(self, whose: str, card: dict[str, Any], handle: Any) -> dict[str, Any]:
        facts = self.facts(whose, handle)
        name, _, profile = (facts["name"] or "").partition(" MIG ")
        return {
            **facts,
            "name": name or None,
            "mig": profile or self.profile(whose, card, handle),
            "gpu_instance": self.ask(f"{whose}: id", "nvmlDeviceGetGpuInstanceId", handle),
            "compute_instance": self.ask(f"{whose}: id", "nvmlDeviceGetComputeInstanceId", handle),
        }

    def profile(self, whose: str, card: dict[str, Any], handle: Any) -> str | None:
        """Return the profile's name by NVIDIA's rule, where an older driver does not say it."""
        size = self.ask(f"{whose}: profile", "nvmlDeviceGetAttributes", handle)
        if size is None or not card["memory_mb"]:
            return None
        eighths = math.ceil(size.memorySizeMB / card["memory_mb"] * 8)
        gigabytes = round(eighths / 8 * math.ceil(card["memory_mb"] / 1024))
        part = "" if size.computeInstanceSliceCount == size.gpuInstanceSliceCount else "c."
        part = f"{size.computeInstanceSliceCount}{part}" if part else ""
        return f"{part}{size.gpuInstanceSliceCount}g.{gigabytes}gb"


def main() -> None:
    """Print what NVML says; the arguments are where to look for its module."""
    sys.path[:] = sys.argv[1:]
    try:
        import pynvml
    except ImportError as error:
        report = {"error": str(error), "absent": False}
    else:
        report = read(pynvml)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
