"""The GPUs that the child can see."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from evalprov.capture.ask import Question, Reply
from evalprov.capture.collector import CaptureContext, Findings, Steps
from evalprov.platform.kernel import NVIDIA_DRIVER, SHOWS_DEVICES

if TYPE_CHECKING:
    from evalprov.record.schema.machine import Gpu, Gpus

_NODES = ("/dev/nvidiactl", "/dev/dxg")  # the driver's door; WSL has another
_OTHERS = (
    ("/dev/kfd", "AMD GPUs"),
    ("/dev/nvmap", "an NVIDIA Tegra GPU"),
    ("/dev/neuron0", "AWS Neuron devices"),
    ("/dev/accel0", "TPUs or other accelerators"),
)
_PATIENCE = 20.0  # seconds; a driver that sleeps takes one or two a card to wake


class NvmlError(Exception):
    """NVML, in whose words it is said, could not be asked."""


def collect(context: CaptureContext, root: str = "") -> Steps:
    """Capture the NVIDIA cards and MIG instances left visible to the child, and what drives them."""
    visible = context.environ.get("CUDA_VISIBLE_DEVICES")
    gpus: Gpus = {"devices": [], "driver": None, "cuda": None, "visible": None}
    if visible is not None:
        gpus["visible"] = context.scrub.text(visible)
    notes = [f"{what} are seen ({path}) but not read" for path, what in _OTHERS if os.path.exists(root + path)]
    door = any(os.path.exists(root + path) for path in _NODES)
    if not door and not os.path.exists(root + NVIDIA_DRIVER):
        # No NVIDIA card is a known none, unless there is something else that we cannot read.
        unknown = notes or (["GPUs cannot be read on this system"] if not SHOWS_DEVICES else [])
        return Findings({"infra": {"gpu": None if unknown else gpus}}, reason="; ".join(unknown) or None)
    (answer,) = yield [_question(dict(context.environ))]
    report = _understood(answer)
    if "error" in report:
        if door or not report["absent"]:
            raise NvmlError(report["error"])
        # A container sees its host's /proc/driver also where it was given neither card nor library.
        notes.append(f"the host has an NVIDIA driver, but no card is within reach here: {report['error']}")
        return Findings({"infra": {"gpu": gpus}}, reason="; ".join(notes))
    gpus["driver"], gpus["cuda"] = report["driver"], report["cuda"]
    gpus["devices"] = visible_devices(report["cards"], visible)
    notes += report["missing"] + _caveats(report["cards"], context, gpus["devices"])
    return Findings({"infra": {"gpu": gpus}}, reason="; ".join(notes) or None)


def _question(environ: dict[str, str]) -> Question:
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nvml.py")
    # Without site's start-up work, and with our own import path less the current folder.
    argv = (sys.executable, "-I", "-S", program, *filter(os.path.isabs, sys.path))
    return Question(argv, env=environ, timeout=_PATIENCE)


def _understood(answer: Reply) -> dict[str, Any]:
    if answer.problem is not None:
        raise NvmlError(answer.problem)
    if answer.code < 0:
        raise NvmlError(f"signal {-answer.code} ended the program that asked it")
    lines = answer.out.splitlines()
    if answer.code or not lines:
        words = answer.err.decode("utf-8", "replace").strip().splitlines()
        raise NvmlError(words[-1] if words else f"the program that asked it ended with {answer.code}")
    report: dict[str, Any] = json.loads(lines[-1])
    return report


def visible_devices(cards: list[dict[str, Any]], visible: str | None) -> list[Gpu]:
    """Return what CUDA finds with this CUDA_VISIBLE_DEVICES, by the machine's own card numbers."""
    if visible is None:
        return [device for card in cards for device in _devices(card)]
    words = [word.strip() for word in visible.split(",")]
    chosen: list[Any] = []
    for word in words:
        # The first entry that names nothing, or is of another kind than the first, ends the list.
        named = _named(cards, word) if _kind(word) == _kind(words[0]) else None
        if named is None:
            break
        if named in chosen:  # CUDA takes a repeated entry for a mistake, and shows nothing
            return []
        chosen.append(named)
    return [device for named in chosen for device in _devices(*named)]


def _kind(word: str) -> str:
    return word[:4].upper() if word[:4].upper() in {"GPU-", "MIG-"} else "index"


def _named(cards: list[dict[str, Any]], word: str) -> tuple[Any, ...] | None:
    """Return the card, with the one of its instances if so, that an entry names."""
    kind = _kind(word)
    if kind == "index":
        number = re.match(r"\+?\d{1,9}", word)  # 1gpu counts as 1
        index = int(number[0]) if number else len(cards)
        return (cards[index],) if index < len(cards) else None
    if kind == "GPU-":
        found: list[tuple[Any, ...]] = [(card,) for card in cards if _begins(card["uuid"], word)]
    else:
        found = [(c, i) for c in cards for i in c["instances"] or () if _is_instance(c, i, word)]
    return found[0] if len(found) == 1 else None  # a beginning that fits several names none


def _is_instance(card: dict[str, Any], instance: dict[str, Any], word: str) -> bool:
    before_r470 = f"MIG-{card['uuid']}/{instance['gpu_instance']}/{instance['compute_instance']}"
    return word.lower() == before_r470.lower() or _begins(instance["uuid"], word)


def _begins(uuid: str | None, word: str) -> bool:
    return uuid is not None and uuid.lower().startswith(word.lower())


def _devices(card: dict[str, Any], instance: dict[str, Any] | None = None) -> list[Gpu]:
    if card["instances"] is None:
        return [_device(card["index"], card, None)]
    shown = card["instances"] if instance is None else [instance]
    return [_device(card["index"], one, one["mig"] or "unknown profile") for one in shown]


def _device(index: int, facts: dict[str, Any], mig: str | None) -> Gpu:
    return {
        "index": index,
        "uuid": facts["uuid"],
        "name": facts["name"],
        "memory_mb": facts["memory_mb"],
        "mig": mig,
    }


def _caveats(cards: list[dict[str, Any]], context: CaptureContext, devices: list[Gpu]) -> list[str]:
    said = []
    visible = context.environ.get("CUDA_VISIBLE_DEVICES", "")
    by_number = _kind(visible) == "index" and 0 < len({device["index"] for device in devices}) < len(cards)
    # NVML counts by PCI address; CUDA's default puts the fastest first, which matters where models differ.
    in_order = context.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    why = "they differ, and CUDA_DEVICE_ORDER is not PCI_BUS_ID"
    if by_number and not in_order and len({card["name"] for card in cards}) > 1:
        said.append(f"CUDA may number these cards otherwise: {why}")
    empty = [card["index"] for card in cards if card["instances"] == []]
    if empty:
        said.append(f"in MIG mode without an instance, so of no use: GPU {', '.join(map(str, empty))}")
    if sum(device["mig"] is not None for device in devices) > 1:
        said.append("of several MIG instances CUDA may show a process the first alone")
    return said
