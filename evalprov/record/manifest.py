"""The record of one run: its names and types.

At run time a manifest is a plain dict, so writing one costs nothing but `json`; reading one checks it against
these types. Absent is null, or an empty container, per type; every key is always present.
"""

from typing import Any, Literal, TypedDict

Status = Literal["running", "completed", "failed", "timed_out", "interrupted", "killed", "not_started", "lost"]
CaptureStatus = Literal["captured", "absent", "failed"]
MetricValue = bool | int | float | None
Json = Any  # a JSON value; a recursive alias cannot be checked by the decoder


class Command(TypedDict):
    """What was asked to run, as the user wrote it (secrets replaced)."""

    argv: list[str]
    cwd: str  # relative to the project root
    executable: str | None  # the file the first word stands for
    timeout_seconds: float | None


class Submodule(TypedDict):
    """A submodule as it stood in the work tree."""

    path: str
    commit: str | None
    dirty: list[str]  # any of: commit, changed, untracked


class SavedFile(TypedDict):
    """A piece of a dirty work tree kept in the store, named by the hash of what is stored."""

    file: str  # below the store: patches/... or objects/...
    sha256: str
    bytes: int
    mode: str  # as git has it: 100644, 100755, 120000
    scrubbed: bool  # a secret was taken out, so it differs from what ran; nothing of the kind is kept any more


class Withheld(TypedDict):
    """Something a dirty run had that was not kept, and why."""

    path: str
    reason: str
    blob: str | None  # git's id of its content; null where it was not read


class SourceFacts(TypedDict):
    """Where the commit came from, if not from git itself."""

    source: Literal["git", "environment"] | None  # where the commit came from
    branch: str | None  # null when detached


class Git(SourceFacts):
    """The repository beside `git_sha` and `git_dirty`."""

    root: str | None
    describe: str | None
    tree: str | None  # the tree `git add -A && git commit` would have made, the store left out
    remotes: dict[str, str]
    staged: list[str]
    changed: list[str]
    untracked: list[str]
    counts: dict[str, int]  # of the three lists, which are cut at a bound
    submodules: list[Submodule]
    patch: SavedFile | None  # tracked changes against the commit
    saved: dict[str, SavedFile]  # untracked files by path
    withheld: list[Withheld]


class ConfigFile(TypedDict):
    """One configuration file."""

    # Of its canonical content where it parses, else of its bytes; a credential counts as its placeholder. Null where
    # the file is there and could not be read.
    sha256: str | None
    format: Literal["json", "toml", "yaml", "bytes"]
    bytes: int | None
    source: str  # what named it: settings, --config, or command
    values: dict[str, Json]  # flattened, secrets replaced; empty for bytes


class ConfigFacts(TypedDict):
    """The configuration, as it is known before launch."""

    files: dict[str, ConfigFile]
    program: str | None  # what the command starts, if it is no Python: its name, or its path from the project root
    arguments: list[str]  # the command's arguments; a path inside the project counts from its root


class Config(ConfigFacts):
    """The configuration the program read."""

    reported: dict[str, Json]  # what the eval says it used


class Prompt(TypedDict):
    """One prompt or few-shot file, by content."""

    path: str | None
    sha256: str | None
    version: str | None
    source: str  # what named it: settings, --prompt, or reported


class Tool(TypedDict):
    """One tool the agent may call."""

    name: str
    version: str | None
    description_hash: str | None
    schema_hash: str | None
    source: str


class Agent(TypedDict):
    """The agent and its wiring."""

    name: str | None
    version: str | None
    graph_hash: str | None
    config_hash: str | None
    extra: dict[str, Json]  # what else the eval reports of it


class Algorithm(TypedDict):
    """A named piece of custom logic, by its source."""

    name: str  # of the function, class or file
    sha256: str | None  # null where the file is there and could not be read
    short: str | None  # its first 12 digits
    source: str  # where it stands: agents/dispatch.py:fanout_critic, or reported


class TreeFacts(TypedDict):
    """The code that git shows."""

    tree: str | None  # git.tree less the files that other layers claim


class BesideFacts(TypedDict):
    """The code that git does not show."""

    beside: dict[str, str]  # ignored sources, and modules from outside; path to SHA-256


class AlgorithmFacts(TypedDict):
    """The code that has a name of its own."""

    algorithms: dict[str, Algorithm]


class Code(TreeFacts, BesideFacts, AlgorithmFacts):
    """The program's own text, by content."""


class DataSet(TypedDict):
    """One data set, by content."""

    path: str | None
    kind: Literal["file", "folder", "dvc", "reported"]
    sha256: str | None
    version: str | None
    files: int | None
    bytes: int | None
    pointer: str | None  # the hash its .dvc pointer names
    stale: bool | None  # whether the data differs from its pointer; null without one, or where nobody could tell
    source: str


class SetFacts(TypedDict):
    """Data sets that were found."""

    sets: dict[str, DataSet]


class DataFacts(SetFacts):
    """Data sets that were declared, and what is retrieved from."""

    retrieval: dict[str, Json]  # embedding model, index, top_k, reranker, chunking ...


class Data(DataFacts):
    """What the program is judged on and what it retrieves from."""

    reported: dict[str, Json]


class Grader(TypedDict):
    """What judges the answers."""

    files: dict[str, str | None]  # path to SHA-256; null where the file is there and could not be read
    version: str | None
    metrics: dict[str, str]  # metric to its definition
    reported: dict[str, Json]


class Interpreter(TypedDict):
    """The Python that ran the command; its version is `system.python_version`."""

    path: str
    prefix: str
    implementation: str
    found_by: str  # how it was found: command, shebang, uv, poetry, conda, VIRTUAL_ENV, .venv ...
    certain: bool  # false where the command is no Python program itself and may use another


class Executable(TypedDict):
    """The file that the command starts, where that is no Python."""

    path: str
    sha256: str | None
    version: str | None  # as it says itself, of programs known to say it


class PackageTree(TypedDict):
    """A package that is used from a folder, by that folder's content."""

    path: str
    commit: str | None  # of the git repository it is in
    dirty: bool | None
    sha256: str | None  # of its sources; null where they could not be read, or are too many


class ContentFacts(TypedDict):
    """What is installed, by content; known once the command has started."""

    packages_content: str | None  # one hash of all installed files; null where some are known by version alone


class TreesFacts(ContentFacts):
    """What is installed, and the folders that packages are used from, by content."""

    package_trees: dict[str, PackageTree]  # of those used from a folder


class PackageFacts(TypedDict):
    """The interpreter and its packages."""

    interpreter: Interpreter | None
    packages: dict[str, str] | None  # null where unknown
    packages_hash: str | None
    package_sources: dict[str, str]  # packages installed from a path or a repository
    package_trees: dict[str, PackageTree]  # of those used from a folder


class ExecutableFacts(TypedDict):
    """What the command starts, where that is no Python."""

    executable: Executable | None


class PythonAndProgram(PackageFacts, ExecutableFacts):
    """What the command starts, and the interpreter that it may use."""


class LookedAgain(PackageFacts, ContentFacts):
    """Packages with their content: looked at once the command has ended."""


class LockFacts(TypedDict):
    """Lock files."""

    locks: dict[str, str]  # lock file to its SHA-256


class VariableFacts(TypedDict):
    """Environment variables that are recorded."""

    env: dict[str, str]  # allowed environment variables
    env_names: list[str]  # names alone of others that look relevant


class OtherVariables(TypedDict):
    """Environment variables that are not."""

    env_rest: str | None  # a short digest of the variables that are not recorded, secrets and session facts left out


class Software(PackageFacts, ContentFacts, ExecutableFacts, LockFacts, VariableFacts, OtherVariables):
    """What the child runs on."""


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


class Process(TypedDict):
    """Who is recording, precisely enough to prove that it is gone."""

    pid: int
    start: int | None  # in clock ticks since boot
    boot_id: str | None
    hostname: str | None
    pid_namespace: int | None


class UsedFile(TypedDict):
    """A file that the command was seen to read."""

    sha256: str | None  # null where it was not hashed: too much, changed meanwhile, or a key by its name
    layer: str | None  # that has its content anyway, or `secret`; null where nobody declared it


class UsedProgram(TypedDict):
    """A program that ran under the command."""

    sha256: str | None  # null where it was not hashed
    name: str  # what it was started as
    count: int | None  # processes in which it was seen; null for one that ended before anybody looked


class Looked(TypedDict):
    """How far the command was observed."""

    mode: str | None  # auto, off or strict
    pythons: int | None  # processes that were observed; null where none was to be
    files: int | None  # that were read, those of Python, its packages and the system left out
    complete: bool  # all that its Pythons read by Python's own means is known by content
    reason: str | None  # why it was not observed, or not to the end


class PlaceObserved(TypedDict):
    """Where the run was."""

    user: str | None
    container_id: str | None
    kubernetes: dict[str, str]
    slurm: dict[str, str]
    ci: dict[str, str]  # provider, run_url, ...


class HardwareObserved(TypedDict):
    """What was free on the machine just then."""

    disk_free_mb: int | None
    memory_available_mb: int | None


class EditedObserved(TypedDict):
    """What was written to meanwhile."""

    edited: dict[str, str]  # inputs that were written to while the command ran: path to layer


class RanObserved(TypedDict):
    """What ran, and how far it was observed."""

    looked: Looked
    programs: dict[str, UsedProgram]  # by path; those that end at once may be missed


class UsedObserved(RanObserved):
    """What was seen to be used."""

    inputs: dict[str, UsedFile]  # by path from the project root, or in full
    modules: dict[str, str]  # imported, neither Python's own nor installed: name to path
    packages: list[str]  # installed ones that were used, by what is imported
    # Variables that were read: `recorded` (in software.env), `named`, `session`, `unset`, `counted` or a short digest
    # of the value.
    environment: dict[str, str]
    hosts: list[str]  # looked up or connected to, with the port


class Observed(PlaceObserved, HardwareObserved, EditedObserved, UsedObserved):
    """Facts of where and when, and of what was used, in no layer."""

    process: Process | None
    online: dict[str, Json]  # traffic assignment and guardrails of an online eval
    model: dict[str, Json]  # what the eval says was served


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


class Resources(TypedDict):
    """What the whole process tree used."""

    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    peak_memory_bytes: int | None
    peak_processes: int | None
    read_bytes: int | None
    written_bytes: int | None
    samples: int  # how often the tree was looked at; 0 leaves the kernel's own account of it


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


class Repeat(TypedDict):
    """Which trial of several this run is."""

    id: str  # all trials have the same
    trial: int  # from 1
    of: int
    seed: int  # what EVALPROV_SEED was


class Captured(TypedDict):
    """How a collector fared."""

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
    identity: Identity
    stages: dict[str, float]  # seconds
    resources: Resources
    output: Output
    outputs: Outputs
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
