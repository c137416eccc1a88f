"""Models and data sets that were fetched before: which of them a command opened is told, and by what content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Project
from diffing import called

from evalprov.observe.caches import MOST, cache_folders, content_in

HASH = "ab" * 32


def a_model(hub: Path, name: str, commit: str, blob: str, text: str = "weights") -> None:
    """Put a model into a cache as its library does."""
    model = hub / f"models--{name}"
    for part in ("refs", "blobs", f"snapshots/{commit}"):
        (model / part).mkdir(parents=True, exist_ok=True)
    (model / "refs/main").write_text(commit)
    (model / "blobs" / blob).write_text(text)
    (model / "snapshots" / commit / "model.bin").symlink_to(f"../../blobs/{blob}")


@pytest.mark.linux("the project's folders are watched")
def test_another_commit_behind_the_same_name_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default, whatever program opens it; a model that was not opened is none of this run's, and nothing is read."""
    hub = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    a_model(hub, "m", "1" * 40, HASH)
    a_model(hub, "unused", "5" * 40, "e" * 64)
    project.write(".gitignore", "metrics/\n")
    line = '{"metrics": {"ok": 1}}'
    project.write("eval.sh", f"cd {hub}/models--m; cat snapshots/$(cat refs/main)/model.bin >&2; echo '{line}'\n")
    project.commit_all()
    assert project.run("sh", "eval.sh").returncode == 0
    first = project.record()["observed"]
    inside = f"{hub}/models--m"
    assert first["inputs"][f"{inside}/blobs/{HASH}"] == {"sha256": f"sha256:{HASH}", "layer": None}
    assert first["looked"]["folders"] == 1
    assert not [name for name in first["inputs"] if "unused" in name]
    a_model(hub, "m", "2" * 40, "cd" * 32)
    a_model(hub, "unused", "6" * 40, "f" * 64)
    assert project.run("sh", "eval.sh").returncode == 0
    code, out, _ = called(project, "latest~1", "latest", "--json")
    found = json.loads(out)
    assert (code, found["answer"]["levers"]) == (0, ["undeclared inputs"])
    assert [change["item"] for change in found["changes"]] == [f"{inside}/refs/main"]


@pytest.mark.parametrize("environ", [{"HF_HOME": "hf"}, {"XDG_CACHE_HOME": "cache"}, {}, {"TORCH_HOME": "torch"}])
def test_where_caches_are(tmp_path: Path, environ: dict[str, str]) -> None:
    """By the variables that move them, else in their usual places."""
    given = {"HOME": str(tmp_path), **{name: str(tmp_path / place) for name, place in environ.items()}}
    place = {"HF_HOME": "hf", "XDG_CACHE_HOME": "cache/huggingface"}.get(next(iter(environ), ""), ".cache/huggingface")
    a_model(tmp_path / place / "hub", "m", "1" * 40, HASH)
    checkpoints = tmp_path / "torch/hub/checkpoints"
    checkpoints.mkdir(parents=True)
    found = {str(Path(one).relative_to(tmp_path)) for one in cache_folders(given)}
    wanted = {f"{place}/hub/models--m/{part}" for part in ("refs", "blobs")}
    assert found == wanted | ({"torch/hub/checkpoints"} if "TORCH_HOME" in environ else set())


def test_a_cache_of_thousands_is_bounded(tmp_path: Path) -> None:
    """So many as are watched cost a start nothing to speak of."""
    for number in range(MOST + 50):
        (tmp_path / f"models--{number}" / "refs").mkdir(parents=True)
    assert len(list(cache_folders({"HF_HUB_CACHE": str(tmp_path), "HOME": "/nowhere"}))) == MOST


def test_what_is_called_by_its_hash_needs_no_reading() -> None:
    """Weights are; what git keeps itself has another hash for a name, and any other file none."""
    assert content_in(f"/hub/models--m/blobs/{HASH}") == f"sha256:{HASH}"
    for path in (f"/hub/models--m/blobs/{'ab' * 20}", f"/data/{HASH}", f"/hub/blobs/{HASH}.incomplete"):
        assert content_in(path) is None
