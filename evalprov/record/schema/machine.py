"""The machine of a run."""

from typing import TypedDict

from evalprov.record.schema.values import Json


class Cpu(TypedDict):
    """Processor limits."""

    model: str | None
    count: int | None
    affinity: int | None  # how many this process may use
    hard_limit_cores: float | None  # the cgroup's quota
    guaranteed_cores: float | None  # what the scheduler promised


class Memory(TypedDict):
    """Memory limits, in MiB."""

    total_mb: int | None
    hard_limit_mb: int | None
    guaranteed_mb: int | None


class Gpu(TypedDict):
    """One device the child can see."""

    index: int
    uuid: str | None
    name: str | None
    memory_mb: int | None
    mig: str | None  # the MIG profile, or null


class Gpus(TypedDict):
    """The devices and what drives them."""

    devices: list[Gpu]
    driver: str | None
    cuda: str | None
    visible: str | None  # CUDA_VISIBLE_DEVICES as set


class HardwareFacts(TypedDict):
    """The limits of the machine."""

    cpu: Cpu
    memory: Memory
    disk_total_mb: int | None
    ulimits: dict[str, list[int | None]]  # name to [soft, hard]; null is unlimited


class PlaceFacts(TypedDict):
    """What kind of machine it is."""

    runtime_platform: str | None  # kubernetes, docker, podman, slurm, local ...
    machine: str | None  # x86_64
    image: str | None  # container image and digest where the environment names it


class GpuFacts(TypedDict):
    """Its GPUs."""

    gpu: Gpus | None  # null where unknown; no devices is a known none


class LimitFacts(TypedDict):
    """What was declared of it."""

    declared: dict[str, Json]


class Infra(HardwareFacts, PlaceFacts, GpuFacts, LimitFacts):
    """Measured limits of the machine the run had."""
