"""The record of one run: its names and types.

At run time a manifest is a plain dict, so writing one costs nothing but `json`; reading one checks it against
these types. Absent is null, or an empty container, per type; every key is always present.
"""

from typing import Literal, TypedDict

from evalprov.record.schema.calls import Calls
from evalprov.record.schema.code import AlgorithmFacts, BesideFacts, Code, Git, SourceFacts, TreeFacts
from evalprov.record.schema.declared import Agent, Config, ConfigFacts, Data, DataFacts, Grader, Prompt, SetFacts, Tool
from evalprov.record.schema.machine import GpuFacts, HardwareFacts, Infra, LimitFacts, PlaceFacts
from evalprov.record.schema.observed import (
    EditedObserved,
    HardwareObserved,
    Observed,
    PlaceObserved,
    RanObserved,
    UsedObserved,
)
from evalprov.record.schema.outcome import (
    ErrorEntry,
    HandedOver,
    ImportedFrom,
    KeptTexts,
    MetricInfo,
    Output,
    Outputs,
    Resources,
    RunLink,
)
from evalprov.record.schema.software import (
    ContentFacts,
    ExecutableFacts,
    LockFacts,
    LookedAgain,
    OtherVariables,
    PackageFacts,
    PythonAndProgram,
    Software,
    TreesFacts,
    VariableFacts,
)
from evalprov.record.schema.values import Json, MetricValue

Status = Literal["running", "completed", "failed", "timed_out", "interrupted", "killed", "not_started", "lost"]
CaptureStatus = Literal["captured", "absent", "failed"]


class Command(TypedDict):
    """What was asked to run, as the user wrote it (secrets replaced)."""

    argv: list[str]
    cwd: str  # relative to the project root
    executable: str | None  # the file the first word stands for
    timeout_seconds: float | None


class Identity(TypedDict):
    """What the run was, as hashes; null where unknown, with the reason."""

    recipe: int  # how the layers are hashed; another recipe's hashes cannot be compared with these
    fingerprint: str | None
    program: str | None
    scenario: str | None
    config_hash: str | None
    decision_spec: str | None
    builder: str | None  # the hash the eval's own config_layer gave
    layers: dict[str, str | None]
    used: str | None  # of what was seen to be read and no layer has; in no other hash
    unknown: dict[str, str]  # what is null above, and why


class Repeat(TypedDict):
    """Which trial of several this run is."""

    id: str  # all trials have the same
    trial: int  # from 1
    of: int
    seed: int  # what EVALPROV_SEED was


class Sweep(TypedDict):
    """Which point of a sweep this run is of."""

    id: str  # all points, and all trials of them, have the same
    point: int  # from 1
    of: int
    values: dict[str, str]  # what the point stands for, by what was swept: model.temperature, SEED, lr


class Engine(TypedDict):
    """What started the run on another machine, and as what it knows it."""

    name: str  # slurm, ray, ssh
    job: str | None  # as the engine calls it
    array: str | None  # the array that the job is of
    node: str | None
    worker: str | None
    attempt: int  # from 1
    replaces: str | None  # the run that was lost or preempted, which this one does again


class Captured(TypedDict):
    """The outcome of a collector."""

    status: CaptureStatus
    ms: float
    reason: str | None


class Manifest(TypedDict):
    """One run."""

    schema: int
    run_id: str
    timestamp: str  # start, UTC, 2026-09-20T14:30:00Z
    status: Status
    exit_code: int | None  # what evalprov exits with
    signal: str | None  # that ended the child
    scenario: str | None
    tags: list[str]
    note: str | None
    parent_run_id: str | None
    repeat: Repeat | None
    sweep: Sweep | None
    engine: Engine | None  # null for a run that was started where it ran
    command: Command
    metric_summary: dict[str, MetricValue] | None
    metrics: dict[str, dict[str, MetricValue]] | None  # by scenario; null where nothing was reported
    metric_info: dict[str, MetricInfo]  # by the summary's names
    scenarios_run: list[str]
    scenario_groups: dict[str, str]  # scenario to the group it comes from: those of one group are alike
    duration_seconds: float | None
    total_tool_calls: int | None
    errors: list[ErrorEntry]
    warnings: list[str]
    git_sha: str | None
    git_dirty: bool | None
    git: Git
    golden_version: str | None
    prompt_versions: dict[str, str]
    model_config: dict[str, Json]
    prompts: dict[str, Prompt]
    tools: list[Tool]
    agent: Agent
    config: Config
    code: Code
    data: Data
    grader: Grader
    sources: dict[str, str]  # dotted key of a declared value to what declared it; `reported` by the eval
    system: dict[str, str | None]  # python_version, platform, evalprov_version, config_hash, NAME_version
    software: Software
    infra: Infra
    observed: Observed
    calls: Calls
    identity: Identity
    stages: dict[str, float]  # seconds
    resources: Resources
    output: Output
    outputs: Outputs
    texts: KeptTexts | None  # null where the eval said nothing for its scenarios, or nothing of it is kept
    links: list[RunLink]  # what other tools have of it
    handover: HandedOver
    imported: ImportedFrom | None  # null for a run that evalprov recorded
    decision_spec: Json  # a TraceLens DecisionSpec that the eval attached; null without one
    counts: dict[str, int]  # how many values stand in what the history leaves out, by key path
    capture: dict[str, Captured]


class FoundFacts(TypedDict, total=False):
    """What a collector hands over, by the record's top-level names: whole values, or parts of a section."""

    git_sha: str | None
    git_dirty: bool | None
    git: Git | SourceFacts
    golden_version: str | None
    prompt_versions: dict[str, str]
    model_config: dict[str, Json]
    prompts: dict[str, Prompt]
    tools: list[Tool]
    agent: Agent
    grader: Grader
    config: ConfigFacts
    code: TreeFacts | BesideFacts | AlgorithmFacts
    data: SetFacts | DataFacts
    system: dict[str, str | None]
    software: (
        PackageFacts
        | ExecutableFacts
        | PythonAndProgram
        | ContentFacts
        | TreesFacts
        | LookedAgain
        | LockFacts
        | VariableFacts
        | OtherVariables
    )
    infra: HardwareFacts | PlaceFacts | GpuFacts | LimitFacts
    observed: PlaceObserved | HardwareObserved | EditedObserved | RanObserved | UsedObserved
    outputs: Outputs
