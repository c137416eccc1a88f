"""The environment variables that are recorded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of, settled

from evalprov.capture.software import environment

if TYPE_CHECKING:
    from pathlib import Path


def recorded(root: Path, environ: dict[str, str], **settings: Any) -> tuple[dict[str, str], list[str]]:
    """Return the recorded values and the recorded names."""
    found = collected(environment.collect, context_of(root, environ=environ, **settings))
    software = found.facts["software"]
    return software["env"], software["env_names"]


def test_values_of_what_moves_a_score(tmp_path: Path) -> None:
    """What moves a score or explains a run is recorded with its value."""
    environ = {
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "OMP_NUM_THREADS": "4",
        "HF_HUB_OFFLINE": "1",
        "OPENAI_BASE_URL": "http://localhost:8000/v1",
        "JUDGE_MODEL": "m-2",
        "AWS_REGION": "eu-west-1",
        "TOKENIZERS_PARALLELISM": "false",
        "EVAL_MAX_TOKENS": "256",
        "LC_ALL": "C.UTF-8",
        "TZ": "",
    }
    assert recorded(tmp_path, environ) == (environ, [])


def test_names_of_the_relevant_rest(tmp_path: Path) -> None:
    """Of what belongs to a service or tool the name alone is recorded; of the rest nothing."""
    environ = {
        "OPENAI_ORG_ID": "org-1",
        "WANDB_NOTES": "n",
        "HOME": "/root",
        "MY_SETTING": "x",
        "EDITOR": "vi",
    }
    assert recorded(tmp_path, environ) == ({}, ["OPENAI_ORG_ID", "WANDB_NOTES"])


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_HUB_TOKEN", "CUDA_PASSWORD", "AWS_SECRET_ACCESS_KEY", "db_password"],
)
def test_a_secret_has_no_value(tmp_path: Path, name: str) -> None:
    """A variable with a secret's name is recorded by name alone, even where the settings allow it."""
    values, names = recorded(tmp_path, {name: "tell-nobody-this"}, env_allow=(name, "*"))
    assert (values, names) == ({}, [name])


def test_settings_widen_and_hide(tmp_path: Path) -> None:
    """The settings name further variables to record and to hide, by name or glob in any case of letters."""
    environ = {"APP_MODE": "fast", "APP_PIN": "1234567", "OTHER": "x", "SEED": "7654321"}
    values, names = recorded(tmp_path, environ, env_allow=("app_*",), env_secret=("*_pin", "seed"))
    assert values == {"APP_MODE": "fast"}
    assert names == ["APP_PIN", "SEED"]


def test_a_secret_inside_another_value(tmp_path: Path) -> None:
    """A secret that turns up within an allowed value is taken out of it."""
    environ = {"PROXY_PASSWORD": "hunter2hunter2", "OPENAI_BASE_URL": "http://me:hunter2hunter2@proxy/v1"}
    values, names = recorded(tmp_path, environ)
    assert "hunter2hunter2" not in json.dumps(values)
    assert "proxy/v1" in values["OPENAI_BASE_URL"]
    assert names == ["PROXY_PASSWORD"]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A value that is not UTF-8 is recorded with its bytes spelled out."""
    values, _ = recorded(tmp_path, {"LANG": "caf\udce9-é"})
    assert values == {"LANG": "caf\\xe9-é"}
    json.dumps(values, ensure_ascii=False).encode()


def rest(root: Path, environ: dict[str, str], **settings: Any) -> str:
    """Return the digest of what is not recorded."""
    digest = settled(environment.collect, context_of(root, environ=environ, **settings)).facts["software"]["env_rest"]
    assert isinstance(digest, str)
    return digest


def test_what_is_not_recorded_has_a_short_digest(tmp_path: Path) -> None:
    """Any other variable that comes, goes or changes is seen, by a digest too short to tell its value."""
    plain = {"MY_SETTING": "x", "OPENAI_ORG_ID": "org-1", "LANG": "C"}
    digest = rest(tmp_path, plain)
    assert re.fullmatch(r"scrypt:[0-9a-f]{6}", digest)
    others = ({"MY_SETTING": "y"}, {"OPENAI_ORG_ID": "org-2"}, {"RETRIES": "3"}, {"MY_SETTING": ""})
    assert len({digest, *(rest(tmp_path, plain | other) for other in others)}) == 5
    assert rest(tmp_path, dict(reversed(plain.items()))) == digest


def test_what_does_not_count_in_the_digest(tmp_path: Path) -> None:
    """Session facts, secrets, what is recorded by value, and the places of project and home do not count."""
    plain = {"HOME": "/home/a", "CACHE": "/home/a/cache", "DATA": f"{tmp_path}/data"}
    digest = rest(tmp_path, plain)
    for name, value in (
        *(("SSH_CLIENT", "10.0.0.1"), ("GITHUB_RUN_ID", "77"), ("SHLVL", "4"), ("TERM", "xterm"), ("PATH", "/bin")),
        *(("OPENAI_API_KEY", "sk-1"), ("MY_PIN", "1234"), ("LANG", "C"), ("REDIS_PORT_6379_TCP_ADDR", "10.1.1.1")),
        *(("VIRTUAL_ENV", "/v"), ("SLURM_JOB_ID", "9"), ("EVALPROV_TRIAL", "2"), ("_", "/usr/bin/env")),
    ):
        assert rest(tmp_path, plain | {name: value}, env_secret=("MY_PIN",)) == digest, name
    elsewhere = tmp_path / "elsewhere"
    assert rest(elsewhere, {"HOME": "/root", "CACHE": "/root/cache", "DATA": f"{elsewhere}/data"}) == digest


def test_a_key_that_was_rotated_is_no_change(tmp_path: Path) -> None:
    """A secret within another variable's value does not count."""
    one, two = (
        {"DB_PASSWORD": secret, "DSN_SEEN": f"http://me:{secret}@db/x"} for secret in ("hunter2hunter2", "correcthorse")
    )
    assert rest(tmp_path, one) == rest(tmp_path, two)
