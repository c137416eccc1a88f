"""What a run ran on: the interpreter, packages, other programs, variables."""

from typing import TypedDict


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
