"""Opening the store, reserving, beginning and finishing a run, keeping blobs and logs."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from store_runs import NOON, add_to_history, begun, ended, in_child, lines_of, manifests_of, record

from evalprov.errors import EvalprovError
from evalprov.record.form import blank
from evalprov.record.manifest import Manifest
from evalprov.store import Store
from evalprov.store.folder import Folder
from evalprov.store.index import append
from evalprov.store.read import load, log

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a store may be made."""
    return str(tmp_path / "metrics")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system that nothing can be written to."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", where], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", where], check=True)


def refusal(path: str) -> EvalprovError:
    """Return why a store refuses to record."""
    with pytest.raises(EvalprovError) as refused:
        Store.open(path).reserve(NOON, blank)
    assert refused.value.exit_code == 125
    assert refused.value.hint
    assert "\n" not in refused.value.message
    return refused.value


def test_a_run_goes_from_reserved_to_finished(path: str) -> None:
    """The record is on disk as running from the reservation on; at the end it is final and in the history."""
    store = Store.open(path)
    manifest = store.reserve(NOON, blank)
    run_id = manifest["run_id"]
    assert run_id == "20260920T120000Z"
    assert manifest["timestamp"] == "2026-09-20T12:00:00Z"
    assert json.loads(manifests_of(path)[run_id])["status"] == "running"
    assert os.listdir(f"{path}/active") == [run_id]
    manifest["note"] = "known before launch"
    store.begin(manifest)
    assert json.loads(manifests_of(path)[run_id])["note"] == "known before launch"
    assert lines_of(path) == []
    manifest["status"] = "failed"
    assert store.finish(manifest) == []
    assert json.loads(manifests_of(path)[run_id]) == manifest
    assert [line["status"] for line in lines_of(path)] == ["failed"]
    assert os.listdir(f"{path}/active") == []


def test_the_store_signs_every_record(path: str) -> None:
    """Whatever the form says, the record names the recording process, for its liveness is judged by it."""
    store = Store.open(path)
    manifest = store.reserve(NOON, blank)
    nobody: Any = {"pid": 1, "start": None, "boot_id": None, "hostname": None}
    manifest["observed"]["process"] = nobody
    store.begin(manifest)
    process = load(path, manifest["run_id"])["observed"]["process"]
    assert process
    assert process["pid"] == os.getpid()


def test_ids_are_never_used_twice(path: str) -> None:
    """Runs of the same second get _2, _3 and so on; a number that is taken is stepped over."""
    assert [record(path)["run_id"] for _ in range(3)] == [
        "20260920T120000Z",
        "20260920T120000Z_2",
        "20260920T120000Z_3",
    ]
    os.unlink(f"{path}/runs/20260920T120000Z_2.json")
    Path(path, "active/20260920T120000Z_4").touch()
    assert record(path)["run_id"] == "20260920T120000Z_2"
    assert record(path)["run_id"] == "20260920T120000Z_5"


@pytest.mark.parametrize("which", ["out", "err"])
def test_a_log_that_was_left_keeps_its_id(path: str, which: str) -> None:
    """Where somebody removed the records and not the logs, the next run starts all the same, and overwrites none."""
    Path(path, "logs").mkdir(parents=True)
    Path(path, f"logs/20260920T120000Z.{which}").write_text("of a run whose record is gone")
    manifest = record(path)
    assert manifest["run_id"] == "20260920T120000Z_2"
    os.close(Store.open(path).open_log(manifest["run_id"], "out"))
    assert Path(path, f"logs/20260920T120000Z.{which}").read_text()


def test_git_sees_nothing_of_the_store_but_its_baselines(path: str, tmp_path: Path) -> None:
    """For real git everything in the store is ignored except the baselines, so a run leaves a clean tree clean."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    manifest = record(path)
    store = Store.open(path)
    store.keep({"patches/ab.patch": b"diff"})
    os.close(store.open_log(manifest["run_id"], "out"))
    os.mkdir(f"{path}/baselines")
    Path(path, "baselines/main.json").touch()
    Path(path, "baselines/.tmp-left").touch()
    asked = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    seen = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert seen.split() == ["??", "metrics/baselines/main.json"]


def test_a_gitignore_of_the_user_is_left_as_it_is(path: str) -> None:
    """Whoever changed the store's .gitignore keeps the change."""
    record(path)
    Path(path, ".gitignore").write_text("mine\n")
    record(path)
    assert Path(path, ".gitignore").read_text() == "mine\n"


def test_files_and_folders_follow_the_umask(path: str) -> None:
    """Files are at most 0644 and folders 0755, less what the umask takes."""
    before = os.umask(0o077)
    try:
        record(path)
    finally:
        os.umask(before)
    found = {
        stat.S_IMODE(os.lstat(os.path.join(where, name)).st_mode)
        for where, folders, files in os.walk(path)
        for name in (*folders, *files)
    }
    assert found == {0o700, 0o600}


def test_a_store_may_itself_be_a_link(path: str, tmp_path: Path) -> None:
    """metrics may lead elsewhere, to a larger disk for example."""
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", path)
    record(path)
    assert os.listdir(tmp_path / "elsewhere" / "runs") == ["20260920T120000Z.json"]


@pytest.mark.parametrize("name", ["runs", "logs", "patches", "objects", "active", "baselines"])
def test_nothing_follows_a_link_out_of_the_store(path: str, tmp_path: Path, name: str) -> None:
    """A sub-folder that is a link is refused before anything is written through it."""
    record(path)
    shutil.rmtree(f"{path}/{name}", ignore_errors=True)
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", f"{path}/{name}")
    assert f"{path}/{name} is a symbolic link" in refusal(path).message
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("name", ["eval_history.jsonl", ".lock"])
@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_the_history_must_be_a_plain_file(path: str, tmp_path: Path, name: str, kind: str) -> None:
    """What is no plain file in place of the history or its lock is refused at once, never waited for."""
    record(path)
    os.unlink(f"{path}/{name}")
    if kind == "link":
        os.symlink(tmp_path / "outside", f"{path}/{name}")
    elif kind == "fifo":
        os.mkfifo(f"{path}/{name}")
    else:
        os.mkdir(f"{path}/{name}")
    assert name in refusal(path).message
    assert not (tmp_path / "outside").exists()


def test_a_link_slipped_in_during_a_run_is_not_followed(path: str, tmp_path: Path) -> None:
    """What becomes a link while the command runs is not written through: finish says so and harms nothing."""
    manifest = begun(path)
    store = Store(path)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.symlink(victim, f"{path}/eval_history.jsonl")
    manifest["status"] = "completed"
    (said,) = store.finish(manifest)
    assert "was not entered in the history" in said
    assert load(path, manifest["run_id"])["status"] == "completed"
    os.rename(f"{path}/runs", tmp_path / "moved")
    os.symlink(tmp_path / "moved", f"{path}/runs")
    (said,) = store.finish(manifest)
    assert "was not completed" in said
    assert victim.read_text() == "mine"


def test_what_is_no_folder_is_refused(path: str, tmp_path: Path) -> None:
    """A file, or a link that leads nowhere, in place of the store gets a clear refusal."""
    Path(path).write_text("a file")
    assert refusal(path).message == f"{path} is not a folder"
    assert refusal(f"{path}/below").message.endswith("is not a folder")
    os.unlink(path)
    os.symlink(tmp_path / "nowhere", path)
    assert refusal(path).message == f"{path} is not a folder"


def test_a_folder_with_other_things_in_it_is_not_taken_over(path: str) -> None:
    """A package called metrics is refused, as our .gitignore would hide it; dotfiles alone do not matter."""
    os.mkdir(path)
    Path(path, ".gitkeep").touch()
    record(path)
    shutil.rmtree(path)
    os.mkdir(path)
    Path(path, "accuracy.py").touch()
    assert "accuracy.py" in refusal(path).message
    assert os.listdir(path) == ["accuracy.py"]


def test_a_read_only_disk_is_refused(read_only_disk: Path) -> None:
    """On a read-only file system the run is refused with what to do."""
    assert "Read-only file system" in refusal(str(read_only_disk / "metrics")).message


def test_a_store_turned_read_only_is_refused_and_still_readable(tmp_path: Path, path: str) -> None:
    """A store that became read-only takes no run, but its runs can be read."""
    record(path)
    bound = subprocess.run(["mount", "--bind", "-o", "ro", path, path], capture_output=True)
    if bound.returncode:
        pytest.skip(f"mounting is not permitted: {bound.stderr.decode().strip()}")
    try:
        assert "Read-only file system" in refusal(path).message
        assert load(path, "latest")["status"] == "completed"
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    """A user who may not write there is told so."""
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and len(parent.parts) > 2:
            os.chmod(parent, 0o755)

    def work() -> int:
        if os.getuid() == 0:
            os.setuid(65534)
        else:
            os.chmod(tmp_path, 0o555)
        assert "Permission denied" in refusal(str(tmp_path / "metrics")).message
        return 0

    assert ended(in_child(work)) == 0


def test_a_finished_record_is_never_overwritten(path: str) -> None:
    """Begin and finish refuse a run that is final on disk, and leave its bytes alone."""
    manifest = record(path)
    before = manifests_of(path)
    store = Store.open(path)
    manifest["note"] = "second thoughts"
    with pytest.raises(EvalprovError, match="finished already"):
        store.begin(manifest)
    (said,) = store.finish(manifest)
    assert "finished already" in said
    assert manifests_of(path) == before
    assert len(lines_of(path)) == 1


def test_a_value_that_no_record_can_hold_is_a_message(path: str) -> None:
    """A record that cannot be written as JSON is said so at the end, and what is on disk stays whole."""
    manifest = begun(path)
    before = manifests_of(path)
    manifest["status"] = "completed"
    manifest["metric_summary"] = {"loss": float("nan")}
    (said,) = Store(path).finish(manifest)
    assert "was not completed" in said
    assert manifests_of(path) == before
    assert lines_of(path) == []


def test_a_run_that_was_called_lost_but_lives_is_finished(path: str) -> None:
    """Where somebody else wrote lost while the run went on, its real end still counts."""
    manifest = begun(path)
    stored: Manifest = {**manifest, "status": "lost"}
    Path(path, "runs", f"{manifest['run_id']}.json").write_text(json.dumps(stored))
    manifest["status"] = "completed"
    assert Store.open(path).finish(manifest) == []
    assert load(path, "latest")["status"] == "completed"


def test_a_store_removed_during_the_run_is_made_anew(path: str) -> None:
    """A command that cleans metrics/ away does not cost the run its record."""
    manifest = begun(path)
    store = Store(path)
    shutil.rmtree(path)
    manifest["status"] = "completed"
    (said,) = store.finish(manifest)
    assert "was removed meanwhile" in said
    assert load(path, "latest") == manifest
    assert [line["run_id"] for line in lines_of(path)] == [manifest["run_id"]]
    assert Path(path, ".gitignore").exists()


def test_a_torn_last_line_is_never_continued(path: str) -> None:
    """After a torn line the next one begins on a line of its own."""
    record(path)
    add_to_history(path, b'{"schema": 1, "run_i')
    record(path)
    lines = Path(path, "eval_history.jsonl").read_bytes().split(b"\n")
    assert lines[1] == b'{"schema": 1, "run_i'
    assert [json.loads(lines[at])["run_id"] for at in (0, 2)] == ["20260920T120000Z", "20260920T120000Z_2"]
    assert lines[3:] == [b""]


def test_a_history_locked_for_too_long_is_a_message(path: str) -> None:
    """Somebody who keeps the lock cannot hold up a run for ever; the failure says what happened."""
    record(path)
    size = os.path.getsize(f"{path}/eval_history.jsonl")
    holder = os.open(f"{path}/.lock", os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        with Folder(path) as root, pytest.raises(OSError, match=re.escape("kept it locked for 0.05 s")):
            append(root, b"{}\n", 0.05)
    finally:
        os.close(holder)
    assert os.path.getsize(f"{path}/eval_history.jsonl") == size
    record(path)
    assert len(lines_of(path)) == 2


def test_blobs_are_kept_once_under_their_name(path: str) -> None:
    """A blob is written once; one that is there is left alone, one of the wrong size is replaced."""
    store = Store.open(path)
    store.keep({"objects/ab12": b"content"})
    inode = os.stat(f"{path}/objects/ab12").st_ino
    store.keep({"objects/ab12": b"content"})
    assert os.stat(f"{path}/objects/ab12").st_ino == inode
    os.truncate(f"{path}/objects/ab12", 2)
    store.keep({"objects/ab12": b"content"})
    assert Path(path, "objects/ab12").read_bytes() == b"content"


def test_what_cannot_be_kept_is_told_and_the_rest_is_kept(path: str) -> None:
    """An empty blob is one like any other; where something is in the way of one, the others are kept."""
    store = Store.open(path)
    os.makedirs(f"{path}/objects/taken")
    blobs = {f"objects/{number}": b"x" * number for number in range(100)}
    lost, _ = store.keep({**blobs, "objects/taken": b"content", "patches/empty.patch": b""})
    assert list(lost) == ["objects/taken"]
    assert "not a plain file" in lost["objects/taken"]
    for name, data in {**blobs, "patches/empty.patch": b""}.items():
        assert Path(path, name).read_bytes() == data
    assert not list(Path(path).glob("*/.tmp-*"))


@pytest.mark.parametrize(
    "name",
    ["../up", "objects/../x", "runs/x", "objects/", "objects/a/b", "objects/.hidden", "objects/a\nb", "x"],
)
def test_a_blob_cannot_be_put_elsewhere(path: str, name: str) -> None:
    """Only plain names under patches/ and objects/ are taken."""
    with pytest.raises(EvalprovError, match="not a name for a stored file"):
        Store.open(path).keep({name: b"x"})


def test_a_log_is_new_and_no_link(path: str, tmp_path: Path) -> None:
    """A log is created for the run alone: what has its name already, be it a link, is not written to."""
    manifest = begun(path)
    store = Store.open(path)
    fd = store.open_log(manifest["run_id"], "out")
    assert not os.get_inheritable(fd)
    os.write(fd, b"hello\n")
    os.close(fd)
    assert log(path, f"logs/{manifest['run_id']}.out") == b"hello\n"
    with pytest.raises(EvalprovError, match="File exists"):
        store.open_log(manifest["run_id"], "out")
    os.symlink(tmp_path / "outside", f"{path}/logs/{manifest['run_id']}.err")
    with pytest.raises(EvalprovError):
        store.open_log(manifest["run_id"], "err")
    with pytest.raises(EvalprovError, match="not a run id"):
        store.open_log("../../x", "out")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [(0o755, 0o700), (0o700, 0o700), (0o775, 0o755), (0o2755, 0o755), (0o777, 0o755), (0o1777, 0o700)],
)
def test_what_is_recorded_is_for_its_owner_alone(tmp_path: Path, mode: int, wanted: int) -> None:
    """A new store is closed to others, save in a folder that is shared on purpose; one that is there stays as it is."""
    place = tmp_path / "project"
    place.mkdir()
    place.chmod(mode)
    before = os.umask(0o022)
    try:
        record(str(place / "metrics"))
        assert stat.S_IMODE((place / "metrics").stat().st_mode) & 0o777 == wanted
        (place / "metrics").chmod(0o750)
        record(str(place / "metrics"))
        assert stat.S_IMODE((place / "metrics").stat().st_mode) & 0o777 == 0o750
    finally:
        os.umask(before)
