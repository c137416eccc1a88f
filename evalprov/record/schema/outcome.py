"""What came of a run: its output, its files, its errors."""

from typing import Literal, TypedDict

from evalprov.record.schema.values import Json


class GpuUse(TypedDict):
    """What one card, or instance of one, was doing, whoever used it; null where it does not say."""

    index: int
    uuid: str | None
    percent: list[float | None]
    memory_bytes: list[int | None]


class GpuSeries(TypedDict):
    """The use of the GPUs that the command could see, over time."""

    seconds: list[float]  # since the command's start
    devices: list[GpuUse]
    reason: str | None  # why it is not known, or not all of it


class ResourceSeries(TypedDict):
    """What the process tree used over time, in at most 200 points."""

    seconds: list[float]  # since the command's start: the end of a point
    cpu: list[float | None]  # cores in use, on average since the point before
    memory_bytes: list[int]  # the most that was seen in it
    processes: list[int]
    gpu: GpuSeries | None  # null where the command could see none


class Resources(TypedDict):
    """What the whole process tree used."""

    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    peak_memory_bytes: int | None
    peak_processes: int | None
    read_bytes: int | None
    written_bytes: int | None
    samples: int  # how often the tree was looked at; 0 leaves the kernel's own account of it
    series: ResourceSeries | None  # null where nobody looked


class Stream(TypedDict):
    """One output stream of the child."""

    bytes: int
    lines: int
    sha256: str
    log: str | None  # below the store
    log_omitted_bytes: int  # in the middle, when bounded
    terminal: bool
    complete: bool  # false if a process left behind still held it


class MetricsSource(TypedDict):
    """Where the metrics came from."""

    channel: str  # stdout, report, or a file's name
    line: int | None  # the last line that counted
    rule: str  # report-line, last-json-object, or the adapter's name
    reports: int  # how many lines were merged


class Output(TypedDict):
    """What came out."""

    stdout: Stream | None
    stderr: Stream | None
    metrics_source: MetricsSource | None
    artifacts: list[Json]


class OutputFile(TypedDict):
    """A file that the run wrote."""

    bytes: int | None
    sha256: str | None  # null where it was not hashed: too large, too many, unreadable, or gone
    state: bool  # it was there before with other content: the run may have read it, too


class Outputs(TypedDict):
    """What the run left behind in the project, found by looking before and after."""

    files: dict[str, OutputFile]  # by path from the project root; cut at a bound
    count: int | None  # of all; null where nobody looked
    bytes: int | None
    reason: str | None  # why it is not known, or not all of it


class KeptTexts(TypedDict):
    """What the eval said for its scenarios, in a file of the store; in no layer, and in no hash of the run."""

    object: str  # below the store: objects/..., lines of JSON, a scenario each, compressed
    sha256: str  # of that file
    bytes: int  # of that file
    scenarios: int
    fields: dict[str, int]  # output, input, expected, explanation: how many texts there are of each
    cut: int  # texts of which only the beginning is kept
    left_out: int  # texts for which there was no room


class RunLink(TypedDict):
    """What another tool has of this run."""

    tool: str  # mlflow, wandb, langsmith, langfuse, inspect, dvc, hydra
    id: str | None  # as the tool names it
    where: str  # an address, or a path from the project root
    rule: str  # what found it: it carries our id; it was printed; it was written during the run; it was named to us


class HandedOver(TypedDict):
    """What of the run's identity its command was given for its trackers."""

    trackers: list[str]  # that were reached
    variables: dict[str, str]  # of the environment: `set`, `merged`, or why it was left as it was


class ImportedFrom(TypedDict):
    """Where the record of a run comes from that was not made under evalprov."""

    tool: str  # whose file or store it is: inspect, lm-eval, promptfoo, adr-047, tracelens, mlflow
    source: str  # the file, from the project root or in full; or the store
    id: str | None  # the run's own, as that tool names it
    sha256: str  # of what was imported: the same is not imported twice
    at: str  # when, UTC


class ErrorEntry(TypedDict):
    """One thing that went wrong with the run or a scenario."""

    kind: Literal["task", "infra"]
    message: str
    scenario: str | None
    stderr_tail: str | None


class MetricInfo(TypedDict):
    """What the eval says of one of its metrics."""

    stderr: float | None  # the standard error of the summary's value
    n: int | None  # how many samples it is of
    direction: Literal["higher", "lower"] | None  # which is better
    unit: str | None
