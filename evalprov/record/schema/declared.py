"""What was declared or named: configuration, prompts, tools, data, graders."""

from typing import Literal, TypedDict

from evalprov.record.schema.values import Json


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
