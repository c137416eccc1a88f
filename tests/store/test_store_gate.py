"""The gate to the disk: a secret that a collector forgot to hide is in no file of the store, wherever it stands."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalprov.record.form import blank, encode
from evalprov.record.identity import identify
from evalprov.record.layers import LAYERS
from evalprov.record.manifest import Manifest
from evalprov.secrets import TellingScrubber
from evalprov.store import Store
from evalprov.store.decode import decode
from evalprov.store.gate import hide_credentials, hide_secrets

VALUE = "correct-horse-9f3c7d21"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"  # of a known kind
SCRUB = TellingScrubber({"EVAL_API_KEY": VALUE})
FIXTURE = Path(__file__).parent.parent.parent / "fixtures" / "manifests" / "schema-3.json"
KEPT = {"schema", "run_id", "timestamp", "status", "identity", "observed", "counts"}  # ours, never a collector's


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every text in a record."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def put(record: Any, path: tuple[Any, ...], text: str) -> None:
    for name in path[:-1]:
        record = record[name]
    record[path[-1]] = text


def written(store: Path) -> str:
    return "".join(path.read_text() for path in store.rglob("*") if path.is_file())


def everywhere(manifest: Manifest, secret: str) -> None:
    """Put a secret in every text of a record."""
    whole: dict[str, Any] = json.loads(FIXTURE.read_text())
    for path in list(places({key: value for key, value in whole.items() if key not in KEPT})):
        put(whole, path, f"found {secret} there")
    record: dict[str, Any] = manifest  # type: ignore[assignment]
    record |= {key: value for key, value in whole.items() if key not in KEPT}
    record["metrics"] = {f"task {secret} {number}": {secret: number} for number in range(40)}
    record["errors"] = [{"kind": "task", "message": secret, "scenario": secret, "stderr_tail": f"at {secret}"}]


@pytest.mark.parametrize("secret", [VALUE, TOKEN])
def test_what_a_collector_forgot_is_not_written(tmp_path: Path, secret: str) -> None:
    """In every text and name of a record: before launch, at its end, in the history, and in no hash of a layer."""
    store = Store.open(str(tmp_path / "metrics"), SCRUB)

    def form(run_id: str, at: str) -> Manifest:
        manifest = blank(run_id, at)
        everywhere(manifest, secret)
        return manifest

    manifest = store.reserve(0.0, form)
    assert secret not in written(tmp_path)
    everywhere(manifest, secret)
    store.begin(manifest)
    assert secret not in written(tmp_path)
    assert written(tmp_path).count("[secret]") > 50
    everywhere(manifest, secret)
    manifest["identity"] = identify(manifest)
    before = dict(manifest["identity"]["layers"])
    manifest["status"] = "completed"
    assert store.finish(manifest) == []
    assert secret not in written(tmp_path)
    assert manifest["identity"] == identify(manifest)
    assert manifest["identity"]["layers"]["config"] != before["config"]


def test_what_is_no_secret_passes_as_it_is(tmp_path: Path) -> None:
    """Hashes, ids, paths, versions and ten thousand numbered scenarios are what they were."""
    store = Store.open(str(tmp_path / "metrics"), SCRUB)
    manifest = store.reserve(0.0, blank)
    whole = json.loads(FIXTURE.read_text())
    record: dict[str, Any] = manifest  # type: ignore[assignment]
    record |= {key: value for key, value in whole.items() if key not in KEPT}
    record["metrics"] = {f"scenario-{number:06}": {"ok": True} for number in range(10_000)}
    said = json.dumps(manifest)
    assert store.finish(manifest) == []
    assert json.loads(json.dumps({**manifest, "counts": {}})) == json.loads(said) | {"counts": {}}


def test_one_secret_among_many_numbered_names_is_seen(tmp_path: Path) -> None:
    """That many names differ in their digits alone lets none of them pass that a variable holds."""
    scrub = TellingScrubber({"EVAL_API_KEY": "scenario-777777"})
    store = Store.open(str(tmp_path / "metrics"), scrub)
    manifest = store.reserve(0.0, blank)
    manifest["metrics"] = {f"scenario-{number:06}": {"ok": True} for number in range(777_700, 777_800)}
    assert store.finish(manifest) == []
    assert "scenario-777776" in written(tmp_path)
    assert "scenario-777777" not in written(tmp_path)


def words_of(kind: Any) -> Iterator[str]:
    """Give every name of the record's own in a type, and every word that it may hold."""
    if typing.is_typeddict(kind):
        for name, inner in typing.get_type_hints(kind).items():
            yield name
            yield from words_of(inner)
    elif typing.get_origin(kind) is typing.Literal:
        yield from map(str, typing.get_args(kind))
    else:
        for inner in typing.get_args(kind):
            yield from words_of(inner)


def test_a_secret_that_is_a_word_of_ours_harms_no_record(tmp_path: Path) -> None:
    """A password may be `running` or `metrics`: the record stays one, and what the user said of it is hidden."""
    words = sorted({*words_of(Manifest), *LAYERS, "sha256", "git", "hardware"})
    assert {"completed", "captured", "packages", "python_version"} & {*words} == {"completed", "captured", "packages"}
    manifest: Manifest = json.loads(FIXTURE.read_text())
    manifest["note"] = "it is captured"
    scrub = TellingScrubber({f"NO_{number}_PASSWORD": word for number, word in enumerate([*words, "python_version"])})
    hide_credentials(manifest, scrub)
    hide_secrets(manifest, scrub)
    again = decode(encode(manifest))
    assert again["note"] == "it is [secret]"
    assert again["status"] == "completed"
    assert "python_version" in again["system"]
    assert again["capture"]["git"]["status"] == "captured"
    assert identify(again)["layers"].keys() == {*LAYERS}
