"""DVC's pointers, and whether the data is still what they name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of

from evalprov.capture.declared import declared
from evalprov.capture.declared.dvc import Malformed, Pointer, pointer_to

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dvc"
POINTERS = {
    "three/golden.csv": "md5:0409922794772706742ef061e5508322",
    "three/folder": "md5:bf2a1c70bb7feaec00d44818ed1f2df0.dir",
    "three/index": "md5:b2de17eb513b2dc56a1bd4ef33c6171c.dir",
    "three/each-q.txt": "md5:7694f4a66316e53c8cdd9d9954bd611d",
    "three/stage/out.bin": "md5:9dd4e461268c8034f5c8564e155c67a6",
    "two/crlf.csv": "md5:379f36480f5392f570e922ab1c3fb09f",
    "two/binary.bin": "md5:de79580366c44d8144a349a3df1efa78",
    "two/legacy": "md5:d8d93539332cfe874f76b5c7e370162b.dir",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with DVC's data, in a copy."""
    return Path(shutil.copytree(FIXTURES, tmp_path / "project"))


def recorded(root: Path, path: str) -> tuple[dict[str, Any], list[str]]:
    """Return the entry of one data set, and the warnings."""
    context = context_of(root, environ={}, declared={"data": {"it": path}})
    found = collected(declared.collect, context)
    return found.facts["data"]["sets"]["it"], list(found.warnings)


@pytest.mark.parametrize(("path", "pointer"), POINTERS.items())
def test_data_as_dvc_left_it_is_not_stale(root: Path, path: str, pointer: str) -> None:
    """Files and folders, of `.dvc` files and `dvc.lock`, of DVC 2 and 3: the check agrees with DVC."""
    entry, warnings = recorded(root, path)
    assert entry["pointer"] == pointer
    assert entry["stale"] is False
    assert entry["sha256"].startswith("sha256:")
    assert entry["kind"] == ("folder" if pointer.endswith(".dir") else "file")
    assert warnings == []


def _append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")


def _swap(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:-1] + (b"x" if data[-1:] != b"x" else b"y"))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("three/golden.csv", _append),
        ("three/golden.csv", _swap),
        ("three/folder", lambda path: _swap(path / "sub" / "b.txt")),
        ("three/folder", lambda path: (path / "empty").unlink()),
        ("three/folder", lambda path: (path / "more").write_bytes(b"")),
        ("three/folder", lambda path: (path / "a.txt").rename(path / "z.txt")),
        ("three/folder", lambda path: (shutil.rmtree(path), path.write_bytes(b"a"))),
        ("three/index", lambda path: _swap(path / "1")),
        ("three/stage/out.bin", _append),
        ("two/crlf.csv", _append),
        ("two/legacy", lambda path: _swap(path / "a.txt")),
    ],
)
def test_changed_data_is_stale(root: Path, path: str, change: Callable[[Path], object]) -> None:
    """Any change of the data since is told; the hash is of what is there."""
    before, _ = recorded(root, path)
    change(root / path)
    entry, (warning,) = recorded(root, path)
    assert entry["stale"] is True
    assert entry["sha256"] != before["sha256"]
    assert entry["pointer"] == before["pointer"]
    assert "is not what" in warning


def test_line_ends_count_as_they_did(root: Path) -> None:
    """DVC 2 took CRLF in a text for LF: with other line ends the data is the same to it; to DVC 3 it is not."""
    for path, stale in (("two/crlf.csv", False), ("three/golden.csv", True)):
        file = root / path
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
        assert recorded(root, path)[0]["stale"] is stale
    file = root / "two/binary.bin"
    file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    assert recorded(root, "two/binary.bin")[0]["stale"] is True


@pytest.mark.parametrize("path", ["three/golden.csv", "three/folder", "three/index", "three/golden.csv.dvc"])
def test_data_that_was_not_pulled_is_known_by_its_pointer(root: Path, path: str) -> None:
    """Without the data the pointer's hash, size and count stand, nothing is guessed, and the run goes on."""
    data = root / path.removesuffix(".dvc")
    shutil.rmtree(data) if data.is_dir() else data.unlink()
    entry, (warning,) = recorded(root, path)
    assert entry["kind"] == "dvc"
    assert entry["sha256"] is None
    assert entry["stale"] is None
    assert entry["pointer"] == POINTERS[path.removesuffix(".dvc")]
    assert entry["bytes"] > 0
    assert "dvc pull" in warning


def test_a_pointer_can_be_declared_itself(root: Path) -> None:
    """The `.dvc` file stands for its data: both are recorded."""
    entry, warnings = recorded(root, "three/golden.csv.dvc")
    plain, _ = recorded(root, "three/golden.csv")
    assert entry == {**plain, "path": "three/golden.csv.dvc", "kind": "dvc"}
    assert warnings == []


def test_a_retrieval_index_has_its_pointer_too(root: Path) -> None:
    """An index that is a path is hashed; one that was not pulled stands by its pointer."""
    context = context_of(root, environ={}, declared={"retrieval": {"index": "three/index", "top_k": 5}})
    here = collected(declared.collect, context).facts["data"]["retrieval"]
    assert here == {"index": "three/index", "top_k": 5, "index_hash": here["index_hash"]}
    assert here["index_hash"].startswith("sha256:")
    shutil.rmtree(root / "three/index")
    found = collected(declared.collect, context)
    assert found.facts["data"]["retrieval"]["index_hash"] == POINTERS["three/index"]
    assert "dvc pull" in found.warnings[0]


def test_what_cannot_be_told_is_not_guessed(root: Path) -> None:
    """Links, DVC's own ignore rules and foreign hashes leave it open whether data is stale, with the reason."""
    (root / "three/folder/link").symlink_to("a.txt")
    assert recorded(root, "three/folder")[0]["stale"] is None
    (root / "three/folder/link").unlink()
    (root / ".dvc").mkdir()
    (root / ".dvcignore").write_text("# nothing\n")
    (root / "three/folder/more.tmp").write_bytes(b"")
    assert recorded(root, "three/folder")[0]["stale"] is True
    (root / ".dvcignore").write_text("*.tmp\n")
    entry, (warning,) = recorded(root, "three/folder")
    assert entry["stale"] is None
    assert ".dvcignore" in warning
    (root / "three/golden.csv.dvc").write_text("outs:\n- etag: abc\n  path: golden.csv\n")
    entry, (warning,) = recorded(root, "three/golden.csv")
    assert (entry["pointer"], entry["stale"]) == ("etag:abc", None)
    (root / "three/golden.csv.dvc").write_text("outs:\n- path: golden.csv\n")
    entry, (warning,) = recorded(root, "three/golden.csv")
    assert (entry["pointer"], entry["stale"]) == (None, None)
    assert "names no hash" in warning


def test_the_first_form_of_a_lock_is_read(root: Path) -> None:
    """Before `schema`, the stages stood at the top."""
    (root / "three/dvc.lock").write_text(
        "make:\n  cmd: x\n  outs:\n  - path: index\n    md5: b2de17eb513b2dc56a1bd4ef33c6171c.dir\n"
    )
    assert recorded(root, "three/index")[0]["stale"] is False


def test_a_working_folder_in_a_pointer_counts(root: Path) -> None:
    """`wdir` says from where a pointer's path is meant."""
    text = (root / "three/golden.csv.dvc").read_text()
    (root / "three/golden.csv.dvc").write_text(f"wdir: ..\n{text}")
    (root / "golden.csv").write_bytes((root / "three/golden.csv").read_bytes())
    pointer = pointer_to(str(root / "three/golden.csv.dvc"), str(root))
    assert pointer is not None
    assert pointer.path == str(root / "golden.csv")
    assert recorded(root, "three/golden.csv")[0]["pointer"] is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "outs",
        "- a",
        "outs: 1",
        "outs:\n- 1",
        "outs:\n- md5: x\n  path: golden.csv",
        "a: [",
        "outs:\n- md5: 1\n",
    ],
)
def test_a_malformed_pointer_is_told(root: Path, text: str) -> None:
    """Beside data it is a warning and the data is hashed; declared itself its data is not known."""
    (root / "three/golden.csv.dvc").write_text(text)
    entry, (warning,) = recorded(root, "three/golden.csv")
    assert entry["pointer"] is None
    assert entry["sha256"].startswith("sha256:")
    assert "golden.csv.dvc" in warning
    entry, (warning,) = recorded(root, "three/golden.csv.dvc")
    assert entry["kind"] == "dvc"
    assert entry["sha256"] is entry["pointer"] is None
    assert "its content is not known" in warning


def test_a_pointer_to_several_things_names_none_of_them(root: Path) -> None:
    """A `.dvc` file with two outputs cannot be declared as one data set."""
    (root / "three/golden.csv.dvc").write_text("outs:\n- path: a\n- path: b\n")
    with pytest.raises(Malformed, match="2 outputs"):
        pointer_to(str(root / "three/golden.csv.dvc"), str(root))


def test_data_without_a_pointer_has_none(root: Path) -> None:
    """No `.dvc` file and no lock that names it: nothing is said."""
    (root / "plain.csv").write_bytes(b"1")
    assert pointer_to(str(root / "plain.csv"), str(root)) is None
    (root / "three/plain.csv").write_bytes(b"1")
    assert recorded(root, "three/plain.csv")[0]["stale"] is None
    assert isinstance(pointer_to(str(root / "three/index"), str(root)), Pointer)
