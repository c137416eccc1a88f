"""What the command names and no tree of git's holds, and its standard input: hashed, or said why not."""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from collecting import context_of
from gitrepos import Repo, answered, gathered

from evalprov.capture import start
from evalprov.capture.collector import Absent, Findings
from evalprov.capture.declared import named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository that ignores weights, a folder of data, a script and a prompt."""
    made = Repo(tmp_path / "repo")
    made.write(".gitignore", "*.pt\ndata/\nhelper.py\nsystem.txt\n")
    made.write("eval.py", "print(1)\n")
    made.write("rows.jsonl", "{}\n")
    made.write("prompts/eval.py", "not that one\n")
    made.commit()
    made.write("m.pt", b"weights")
    made.write("data/x.jsonl", "{}\n")
    made.write("helper.py", "h = 1\n")
    made.write("new.txt", "untracked\n")
    made.write("data/.env", "A=b\n")
    made.write("key.pem", "k\n")
    return made


def found(repo: Repo, *words: str, questions: list[Any] | None = None, **changed: Any) -> Findings:
    """Run the collector on a command, without standard input unless one is given."""
    context = repo.context(argv=("./eval", *words), **{"stdin": None, **changed})
    return answered(named.collect(context), questions)


def sets(of: Findings) -> dict[str, str | None]:
    """Return the hash of every set."""
    return {name: one["sha256"] for name, one in of.facts["data"]["sets"].items()}


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(
    "words", [("m.pt",), ("--model", "m.pt"), ("--model=m.pt",), ("model=./m.pt",), ("sub/../m.pt",)]
)
def test_an_ignored_file_in_the_command_is_hashed(repo: Repo, words: tuple[str, ...]) -> None:
    """However the command names it, it is a data set under its path from the project root."""
    os.makedirs(repo.at("sub"))
    of = found(repo, *words)
    assert of.facts["data"]["sets"] == {
        "m.pt": {
            "path": "m.pt",
            "kind": "file",
            "sha256": sha(b"weights"),
            "version": None,
            "files": 1,
            "bytes": 7,
            "pointer": None,
            "stale": None,
            "source": "command",
        }
    }
    assert found(repo, f"{repo.path}/m.pt", cwd=f"{repo.path}/prompts").facts == of.facts


def test_what_lies_outside_is_hashed_and_a_folder_as_one(repo: Repo, tmp_path: Path) -> None:
    """A file elsewhere keeps its full name; an ignored folder is one set; a link leads to what is behind it."""
    (tmp_path / "elsewhere.bin").write_bytes(b"e")
    os.symlink(tmp_path / "elsewhere.bin", repo.at("linked.bin"))
    repo.commit()
    of = found(repo, f"{tmp_path}/elsewhere.bin", "data", "linked.bin")
    assert sets(of)[f"{tmp_path}/elsewhere.bin"] == sets(of)["linked.bin"] == sha(b"e")
    assert of.facts["data"]["sets"]["data"]["kind"] == "folder"
    assert of.facts["data"]["sets"]["data"]["files"] == 2


def test_an_ignored_script_is_code(repo: Repo) -> None:
    """A program's text that git ignores stands beside the code and is no data."""
    of = found(repo, "helper.py", "m.pt")
    assert of.facts["code"]["beside"] == {"helper.py": sha(b"h = 1\n")}
    assert list(sets(of)) == ["m.pt"]


@pytest.mark.parametrize(
    "words",
    [
        ("eval.py", "rows.jsonl", "new.txt"),
        (".", "..", "/", "no-such-file", "", "x" * 5000, "a\0b"),
        ("--env-file", "data/.env", "--cert=key.pem"),
        ("--out", "m.pt", "-o", "data/x.jsonl", "--log-file=m.pt", "--output_dir=data"),
        ("/dev/null", "/proc/self/status", "/usr/bin/env"),
    ],
)
def test_nothing_else_is(repo: Repo, words: tuple[str, ...]) -> None:
    """What the tree holds, what is not there, what is written to, devices and the machine's programs are left alone."""
    try:
        facts = found(repo, *words).facts
    except Absent:
        return
    assert facts == {"data": {"sets": {}}, "code": {"beside": {}}}


@pytest.mark.parametrize("version", ["2", "4"])
def test_git_is_asked_only_of_what_its_index_does_not_show(repo: Repo, version: str) -> None:
    """A command that names tracked files costs no question; one that names another costs one, for all of them."""
    repo.git("update-index", f"--index-version={version}")
    asked: list[Any] = []
    with pytest.raises(Absent):
        found(repo, "eval.py", "rows.jsonl", "prompts/eval.py", questions=asked)
    assert len(asked) == (0 if version == "2" else 1)
    asked.clear()
    found(repo, "eval.py", "m.pt", "data/x.jsonl", questions=asked)
    assert len([commands for commands in asked if commands]) == 1


def test_too_much_is_named_and_not_hashed(repo: Repo) -> None:
    """A huge file and a folder of very many are named, with the way to have them hashed."""
    with open(repo.at("huge.pt"), "wb") as file:
        file.truncate(2 << 30)
    for number in range(1001):
        repo.write(f"data/many/{number}", b"")
    of = found(repo, "huge.pt", "data/many")
    assert set(sets(of).values()) == {None}
    assert ["`--data NAME=PATH`" in warning for warning in of.warnings] == [True, True]
    for number in range(20):
        repo.write(f"w{number}.pt")
    many = found(repo, *(f"w{number}.pt" for number in range(20)))
    assert len(sets(many)) == 16
    assert "more than 16 files" in many.warnings[-1]


def test_data_that_is_not_pulled_has_its_pointer(repo: Repo) -> None:
    """A file that only its DVC pointer knows is recorded by that, and the pointer is no code."""
    pointer = f"outs:\n- md5: {'a1' * 16}\n  hash: md5\n  size: 1\n  path: gone.csv\n"
    repo.write("gone.csv.dvc", pointer)
    (entry,) = found(repo, "gone.csv").facts["data"]["sets"].values()
    assert (entry["kind"], entry["sha256"], entry["pointer"]) == ("dvc", None, f"md5:{'a1' * 16}")
    assert named.claimed(repo.context(argv=("./eval", "gone.csv"), stdin=None)) == {"gone.csv.dvc"}


def test_an_ignored_prompt_is_warned_of(repo: Repo) -> None:
    """Its text is in no commit and is not kept; of one that git has nothing is said."""
    repo.write("system.txt", "Be brief.\n")
    settings = repo.context().settings._replace(declared={"prompts": {"s": "system.txt", "t": "prompts/eval.py"}})
    (warning,) = found(repo, settings=settings).warnings
    assert warning.startswith("the prompt system.txt is in no commit")


# --- standard input


@pytest.mark.linux("the name of an open file")
def test_standard_input_from_a_file_is_hashed_whole(repo: Repo) -> None:
    """It is a data set and no code; where it stands is not moved, and what of it is not read is said."""
    with open(repo.at("rows.jsonl"), "rb") as file:
        file.seek(2)
        of = found(repo, stdin=file.fileno())
        assert file.tell() == os.lseek(file.fileno(), 0, os.SEEK_CUR) == 2
        context = repo.context(argv=("./eval",), stdin=file.fileno())
        assert named.claimed(context) == {"rows.jsonl"}
        assert gathered(context)[0].facts["code"]["tree"] != repo.facts(stdin=None)["code"]["tree"]
    entry = of.facts["data"]["sets"]["stdin"]
    assert entry["sha256"] == sha(b"{}\n")
    assert (entry["path"], entry["kind"], entry["bytes"], entry["source"]) == ("rows.jsonl", "file", 3, "stdin")
    assert of.warnings == ("standard input is read from byte 2 on; its hash is of the whole file",)


def test_standard_input_without_a_name_is_hashed(repo: Repo) -> None:
    """A shell's here-document is a deleted file: its content is known all the same."""
    with tempfile.TemporaryFile() as file:
        file.write(b"hello")
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        of = found(repo, stdin=file.fileno())
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0
    assert of.facts["data"]["sets"]["stdin"]["sha256"] == sha(b"hello")
    assert of.facts["data"]["sets"]["stdin"]["path"] is None
    assert of.warnings == ()


def test_a_pipe_and_a_device_are_nothing_to_record(repo: Repo) -> None:
    """Nothing is read from a pipe, and /dev/null says nothing."""
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    os.write(write, b"for the child")
    for fd in (read, null):
        with pytest.raises(Absent):
            found(repo, stdin=fd)
    assert os.read(read, 100) == b"for the child"
    for fd in (read, write, null):
        os.close(fd)


def test_what_is_declared_and_what_is_named_stand_side_by_side(repo: Repo) -> None:
    """Two collectors that know of data sets add to each other; what is declared is not named a second time."""
    context = context_of(
        repo.at(".").decode(), ("./eval", "m.pt", "data/x.jsonl"), declared={"data": {"golden": "m.pt"}}
    )  # type: ignore[arg-type]
    context = context._replace(cwd=repo.path, root=repo.path, stdin=None)
    with start(context, ("named", "declared")) as capturing:
        facts = capturing.finish().facts
    assert list(facts["data"]["sets"]) == ["data/x.jsonl", "golden"]


@pytest.mark.parametrize(("word", "key"), [("evaluate", "PATH/evaluate"), ("../bin/evaluate", "../bin/evaluate")])
def test_a_script_that_is_the_command_itself(repo: Repo, tmp_path: Path, word: str, key: str) -> None:
    """Found on PATH or named, it is a source; what a package installed, or starts others, is software."""
    script = tmp_path / "bin" / "evaluate"
    script.parent.mkdir()
    for name, first in (("evaluate", "#!/bin/sh\n"), ("make", "#!/bin/sh\n"), ("pytest", f"#!{tmp_path}/bin/python\n")):
        (script.parent / name).write_text(first)
        (script.parent / name).chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    told = answered(named.collect(repo.context(argv=(word,), environ=environ, stdin=None)))
    assert told.facts["code"]["beside"] == {key: sha(b"#!/bin/sh\n")}
    for other in ("make", "pytest", "python3"):
        with pytest.raises(Absent):
            answered(named.collect(repo.context(argv=(other,), environ=environ, stdin=None)))
