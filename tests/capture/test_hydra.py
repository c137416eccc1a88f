"""What a program that uses Hydra was told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalprov.capture.declared.hydra import HydraFound, HydraLook, composed_from, hydra_outputs
from evalprov.capture.declared.interpolation import resolve
from evalprov.capture.declared.parsing import flatten
from evalprov.record.canonical import canonical
from evalprov.secrets import Scrubber

FIXTURES = Path(__file__).parents[2] / "fixtures" / "hydra"
TEXTS = json.loads((FIXTURES / "texts.json").read_text())
OUTPUTS = ["single", "sweep/0", "sweep/1"]


def look(cwd: Path, *argv: str, **more: Any) -> HydraFound:
    """Look for outputs written from now on."""
    started = more.pop("started", time.time() - 60)
    environ = more.pop("environ", {})
    return hydra_outputs(HydraLook(str(cwd), str(cwd), argv, started, environ, **more), Scrubber(environ))


def left(folder: Path, which: str = "single") -> Path:
    """Leave an output of Hydra's in a folder."""
    shutil.copytree(FIXTURES / which / ".hydra", folder / ".hydra")
    for file in (folder / ".hydra").iterdir():
        os.utime(file)
    return folder


@pytest.mark.parametrize("which", OUTPUTS)
def test_a_composed_configuration_resolves_as_in_the_program(which: str) -> None:
    """Interpolations of all kinds give what OmegaConf gave inside the program."""
    config = yaml.safe_load((FIXTURES / which / ".hydra" / "config.yaml").read_text())
    hydra = yaml.safe_load((FIXTURES / which / ".hydra" / "hydra.yaml").read_text())["hydra"]
    resolved = resolve(config, {}, hydra)
    assert resolved.left == {}
    assert json.loads(json.dumps(resolved.value)) == json.loads((FIXTURES / which / "resolved.json").read_text())


@pytest.mark.parametrize(("text", "kind", "value"), TEXTS["texts"], ids=[text for text, _, _ in TEXTS["texts"]])
def test_a_text_stands_for_what_omegaconf_says(text: str, kind: str, value: object) -> None:
    """Each text gives OmegaConf's value, of the same type; where that is an error the text stays, with the reason."""
    resolved = resolve({**TEXTS["config"], "me": text}, {})
    if kind == "error":
        assert resolved.value["me"] == text
        assert resolved.left["me"]
    else:
        assert repr(resolved.value["me"]) == repr(value)
        assert resolved.left == {}


def test_the_environment_is_the_childs() -> None:
    """`oc.env` is answered from the environment given, not from ours."""
    assert resolve({"a": "${oc.env:HOME}"}, {"HOME": "/there"}).value == {"a": "/there"}
    assert resolve({"a": "${oc.env:HOME,x}"}, {}).value == {"a": "x"}


def test_what_names_time_and_place_stays_as_it_is_written() -> None:
    """Another run of the same program must not differ by its output folder or its clock."""
    hydra = {
        "runtime": {"output_dir": "/o/1", "choices": {"m": "s"}},
        "job": {"name": "app"},
        "x": "${now:%Y}",
    }
    config = {
        "a": "${hydra:runtime.output_dir}/b",
        "t": "${now:%Y}",
        "c": "${hydra:job.name}",
        "x": "${hydra:x}",
    }
    resolved = resolve({**config, "again": "${a}"}, {}, hydra)
    assert resolved.value == {**config, "c": "app", "again": "${a}"}
    assert resolved.left == {}


@pytest.mark.parametrize(
    "config",
    [
        {"a": "${b}", "b": "${a}"},
        {"a": {"b": "${a}"}},
        {"a": "${a}"},
        {"a": "${oc.env:X,${a}}"},
        {"a": "${" * 500},
        {"a": "${own:1}"},
        {"a": "${oc.env:}${oc.env:a,b,c}"},
        {"a": "???", "b": "${a}"},
    ],
)
def test_what_cannot_be_resolved_stays_as_text(config: dict[str, Any]) -> None:
    """Circles, unknown resolvers and broken texts are left, each with a reason, and nothing hangs."""
    resolved = resolve(config, {})
    assert resolved.left
    for place in resolved.left:
        value: Any = resolved.value
        for step in place.split("."):
            value = value[step]
        assert "${" in value


def test_long_chains_and_deep_texts_end() -> None:
    """A chain of many steps is followed or given up with a reason, never a crash."""
    chain: dict[str, Any] = {f"k{at}": f"${{k{at + 1}}}" for at in range(60)}
    assert resolve({**chain, "k60": 7}, {}).value["k0"] == 7
    chain = {f"k{at}": f"${{k{at + 1}}}" for at in range(500)}
    assert resolve({**chain, "k500": 7}, {}).left["k0"]


@pytest.mark.long
def test_references_that_multiply_are_bounded() -> None:
    """A small text that would stand for an endless one is left as it is, with the reason."""
    doubling = {f"k{at}": f"${{k{at + 1}}}${{k{at + 1}}}" for at in range(60)}
    resolved = resolve({**doubling, "k60": "ha"}, {})
    assert "more than" in resolved.left["k0"]
    assert resolved.value["k60"] == "ha"


@pytest.mark.parametrize("where", ["outputs/2026-11-21/10-00-00", ".", "outputs"])
def test_the_output_of_a_run_is_found_where_hydra_puts_it(tmp_path: Path, where: str) -> None:
    """It is recorded under a name that is the same in every run, resolved, with the overrides beside it."""
    left(tmp_path / where)
    found = look(tmp_path, "python", "app.py")
    assert sorted(found.files) == [".hydra/config.yaml", ".hydra/overrides.yaml"]
    config = found.files[".hydra/config.yaml"]
    plain = json.loads((FIXTURES / "single" / "resolved.json").read_text())
    assert config["sha256"] == f"sha256:{hashlib.sha256(canonical(plain)).hexdigest()}"
    assert config["values"] == flatten(plain)[0]
    assert config["values"]["name"] == "small-9"
    assert (config["format"], config["source"]) == ("yaml", "hydra")
    assert config["bytes"] == (FIXTURES / "single" / ".hydra" / "config.yaml").stat().st_size
    assert found.files[".hydra/overrides.yaml"]["values"] == {".": ["+extra.note='a b'", "seed=9"]}
    assert found.folders == [os.path.normpath(where)]
    assert found.warnings == []


def test_each_job_of_a_sweep_is_recorded(tmp_path: Path) -> None:
    """A sweep's jobs stand side by side, by their own folders."""
    top = tmp_path / "multirun" / "2026-11-21" / "10-00-00"
    for job in "01":
        left(top / job, f"sweep/{job}")
    shutil.copy(FIXTURES / "sweep" / "multirun.yaml", top)
    found = look(tmp_path, "python", "app.py", "-m", "model=small,large")
    assert found.warnings == []
    values = [found.files[f"{job}/.hydra/config.yaml"]["values"]["model.name"] for job in "01"]
    assert values == ["small", "large"]


@pytest.mark.parametrize(
    "word",
    [
        "hydra.run.dir=runs/${now:%Y-%m-%d}/x",
        "hydra.run.dir=runs",
        "hydra.sweep.dir='runs/a'",
        "++hydra.run.dir=runs/a/b",
        "hydra.job.chdir=true",
    ],
)
def test_a_folder_of_the_users_own_is_found(tmp_path: Path, word: str) -> None:
    """Where the command says where Hydra writes, or that it is in use at all, it is found there."""
    left(tmp_path / "runs" / "a" / "b")
    assert look(tmp_path, "python", "app.py", word).folders == ["runs/a/b"]
    assert look(tmp_path, "python", "app.py").folders == []
    assert look(tmp_path, "python", "app.py", everywhere=True).folders == ["runs/a/b"]


def test_what_an_earlier_run_left_is_not_this_runs(tmp_path: Path) -> None:
    """An output that was there before the start is left alone."""
    folder = left(tmp_path / "outputs" / "a")
    for file in (folder / ".hydra").iterdir():
        os.utime(file, (1, 1))
    assert look(tmp_path) == HydraFound({}, [], [])


def test_two_outputs_that_are_no_sweep_are_told(tmp_path: Path) -> None:
    """Another run at the same time may have written one of them: both are recorded, and the doubt."""
    left(tmp_path / "outputs" / "a")
    left(tmp_path / "outputs" / "b")
    found = look(tmp_path)
    assert sorted(found.files) == [f"{which}/.hydra/{name}.yaml" for which in "ab" for name in ("config", "overrides")]
    assert found.warnings == ["2 Hydra outputs were written meanwhile; some may be another run's"]


def test_no_secret_stands_in_it(tmp_path: Path) -> None:
    """A secret that an interpolation brings in from the environment is replaced, and no part of the hash."""
    secrets = ["s3cr3t-value-one", "another-s3cr3t-two"]
    hashes = []
    for number, secret in enumerate(secrets):
        folder = tmp_path / str(number)
        (folder / "outputs" / ".hydra").mkdir(parents=True)
        (folder / "outputs" / ".hydra" / "config.yaml").write_text(
            "url: 'x/${oc.env:MY_API_KEY}'\napi_key: abcdefgh12345\n"
        )
        found = look(folder, environ={"MY_API_KEY": secret})
        assert secret not in repr(found)
        assert "abcdefgh12345" not in repr(found)
        hashes.append(found.files[".hydra/config.yaml"]["sha256"])
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    "text", ["a: [1", "a: .inf\n", "a: !!python/object/apply:os.getcwd []\n", "a: '${oc.decode:inf}'\n"]
)
def test_a_configuration_that_is_no_json_is_taken_by_its_bytes(tmp_path: Path, text: str) -> None:
    """What cannot be read as values is recorded all the same, with a warning."""
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(text)
    found = look(tmp_path)
    entry = found.files[".hydra/config.yaml"]
    assert entry["format"] == "bytes"
    assert entry["sha256"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert "not read as YAML, hashed by its bytes" in found.warnings[0]
    assert found.warnings[1] == "Hydra's overrides.yaml is not recorded: No such file or directory"


def test_the_files_that_a_configuration_was_composed_from(tmp_path: Path) -> None:
    """The primary one, the chosen ones and what they name are told, and none that was merely there."""
    conf = shutil.copytree(FIXTURES / "conf", tmp_path / "conf")
    (conf / "config.yaml").write_text("defaults: [base, /shared/top, model: small, _self_]\nseed: 1\n")
    (conf / "base.yaml").write_text("defaults: [deeper@here]\n")
    (conf / "shared").mkdir()
    for name in ("deeper", "other", "shared/top"):
        (conf / f"{name}.yaml").write_text("a: 1\n")
    job = left(tmp_path / "out", "sweep/1")
    hydra = job / ".hydra" / "hydra.yaml"
    hydra.write_text(hydra.read_text().replace("/srv/eval/conf", str(conf)))
    names = ("base", "config", "deeper", "model/large", "shared/top")
    assert composed_from(str(job), str(tmp_path)) == {f"conf/{name}.yaml" for name in names}
    assert composed_from(str(job), str(tmp_path / "elsewhere")) == set()
    assert composed_from(str(tmp_path), str(tmp_path)) == set()
