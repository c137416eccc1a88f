"""What the project declares, as it is recorded."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from collecting import collected, context_of

from evalprov.capture.collector import Absent
from evalprov.capture.declared import declared, named
from evalprov.errors import EvalprovError
from evalprov.record.canonical import canonical
from evalprov.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from evalprov.capture.collector import Findings

SETTINGS = '''
scenario = "tickets"
golden_version = "g7"

[model]
provider = "openai"
model = "gpt-4o-2024-08-06"
temperature = 0
stop_sequences = ["b", "a"]
extra = { logit_bias = { "1" = 2 } }

[prompts]
system = "prompts/system.txt"
shot = { path = "prompts/few/*.txt", version = "v3" }

[data]
golden = { path = "data/golden.jsonl", version = "2026-01" }
docs = "data/docs"

[retrieval]
embedding_model = "e5"
index = "pinecone:prod-7"
top_k = 5
extra = { filter = "lang=en" }

[agent]
name = "critic"
version = "2"
graph = "agent/graph.json"
config = "one line of text"

[[tools]]
name = "search"
version = "1"
description = "Find things."
schema = """{"b": 1, "a": [1.0]}"""

[[tools]]
name = "sum"

[grader]
files = ["grade/*.py", "grade/rubric.md"]
version = "4"
metrics = { accuracy = "exact match" }

[code.algorithms]
route = "agent/route.py:route"

[infra]
concurrency_level = 4
'''


def digest(data: bytes | str) -> str:
    """Return the hash of bytes or a text."""
    return f"sha256:{hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()}"


def write(root: Path, name: str, data: bytes | str) -> None:
    """Write a file of the project."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that declares one of everything."""
    write(tmp_path, "evalprov.toml", SETTINGS)
    write(tmp_path, "prompts/system.txt", "You are kind.\r\n")
    write(tmp_path, "prompts/few/one.txt", "1")
    write(tmp_path, "prompts/few/two.txt", "2")
    write(tmp_path, "data/golden.jsonl", "{}\n")
    write(tmp_path, "data/docs/a.txt", "a")
    write(tmp_path, "agent/graph.json", '{ "nodes": [1] }')
    write(tmp_path, "agent/route.py", "def route():\n    return 1\n")
    write(tmp_path, "grade/exact.py", "pass\n")
    write(tmp_path, "grade/rubric.md", "# Good\n")
    return tmp_path


def found(root: Path, environ: dict[str, str] | None = None, *, strict: bool = False, **tables: Any) -> Findings:
    """Collect what a project declares: by its settings file, or by tables."""
    settings = {"declared": tables} if tables else load(str(root))._asdict()
    settings.pop("root", None)
    return collected(declared.collect, context_of(root, environ=environ or {}, **settings)._replace(strict=strict))


def test_everything_declared_is_recorded(root: Path) -> None:
    """Each table of the settings stands in the record where the manifest has it, files by their content."""
    result = found(root)
    assert result.warnings == ()
    facts = result.facts
    assert facts["golden_version"] == "g7"
    assert facts["model_config"] == {
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "temperature": 0,
        "stop_sequences": ["b", "a"],
        "logit_bias": {"1": 2},
    }
    assert facts["prompts"] == {
        "system": {
            "path": "prompts/system.txt",
            "sha256": digest("You are kind.\r\n"),
            "version": None,
            "source": "settings",
        },
        **{
            f"shot/{name}": {
                "path": f"prompts/few/{name}.txt",
                "sha256": digest(text),
                "version": "v3",
                "source": "settings",
            }
            for name, text in (("one", "1"), ("two", "2"))
        },
    }
    assert facts["prompt_versions"] == {"shot/one": "v3", "shot/two": "v3"}
    sets = facts["data"]["sets"]
    assert sets["golden"] == {
        "path": "data/golden.jsonl",
        "kind": "file",
        "sha256": digest("{}\n"),
        "version": "2026-01",
        "files": 1,
        "bytes": 3,
        "pointer": None,
        "stale": None,
        "source": "settings",
    }
    inner = hashlib.sha256(b"a").hexdigest()
    assert sets["docs"]["sha256"] == digest(f"100644 {inner} a.txt\0")
    assert (sets["docs"]["kind"], sets["docs"]["files"], sets["docs"]["bytes"]) == ("folder", 1, 1)
    assert facts["data"]["retrieval"] == {
        "embedding_model": "e5",
        "index": "pinecone:prod-7",
        "top_k": 5,
        "filter": "lang=en",
    }
    assert facts["agent"] == {
        "name": "critic",
        "version": "2",
        "graph_hash": digest('{"nodes":[1]}'),
        "config_hash": digest("one line of text"),
        "extra": {},
    }
    assert facts["tools"] == [
        {
            "name": "search",
            "version": "1",
            "description_hash": digest("Find things."),
            "schema_hash": digest('{"a":[1],"b":1}'),
            "source": "settings",
        },
        {"name": "sum", "version": None, "description_hash": None, "schema_hash": None, "source": "settings"},
    ]
    assert facts["grader"] == {
        "files": {"grade/exact.py": digest("pass\n"), "grade/rubric.md": digest("# Good\n")},
        "version": "4",
        "metrics": {"accuracy": "exact match"},
        "reported": {},
    }
    assert facts["code"]["algorithms"]["route"]["sha256"] == digest("def route():\n    return 1")
    assert facts["infra"] == {"declared": {"concurrency_level": 4}}


def test_nothing_declared_is_absent(tmp_path: Path) -> None:
    """A project without these tables says so, and has no empty facts."""
    with pytest.raises(Absent):
        found(tmp_path, scenario="s")


def test_other_layers_files_are_claimed(root: Path) -> None:
    """The code layer hears which files are prompts, data, grader and agent, and which pointers belong to them."""
    write(root, "data/golden.jsonl.dvc", "outs:\n- path: golden.jsonl\n")
    settings = load(str(root))._asdict()
    settings.pop("root")
    context = context_of(root, **settings)
    assert named.claimed(context) == {
        "prompts/system.txt",
        "prompts/few/one.txt",
        "prompts/few/two.txt",
        "data/golden.jsonl",
        "data/golden.jsonl.dvc",
        "data/docs",
        "agent/graph.json",
        "grade/exact.py",
        "grade/rubric.md",
    }
    assert named.claimed(context_of(root, declared={"retrieval": {"index": "data/docs"}})) == {"data/docs"}
    assert named.claimed(context_of(root, declared={"prompts": {"gone": "gone.txt"}})) == set()


@pytest.mark.parametrize(
    ("tables", "key", "hint"),
    [
        ({"prompts": {"system": "prompts/sytem.txt"}}, "prompts.system: prompts/sytem.txt", "system.txt"),
        ({"prompts": {"system": "promts/system.txt"}}, "prompts.system", "in . there is: prompts"),
        ({"prompts": {"system": "prompts/*.md"}}, "prompts.system", ""),
        ({"prompts": {"system": "empty"}}, "prompts.system: empty: there is no file in it", ""),
        ({"data": {"golden": {"path": "data/goldn.jsonl"}}}, "data.golden", "golden.jsonl"),
        ({"grader": {"files": ["grade/exct.py"]}}, "grader.files", "exact.py"),
        ({"agent": {"graph": "agent/grap.json"}}, "agent.graph", "graph.json"),
        ({"tools": [{"name": "t", "schema": "tools/t.json"}]}, "tools.t.schema", "there is no tools"),
    ],
)
def test_what_is_not_there_stops_the_run(root: Path, tables: dict[str, Any], key: str, hint: str) -> None:
    """A declared file that does not exist is an error before launch: which file says so, which key, what is near."""
    (root / "empty").mkdir()
    with pytest.raises(EvalprovError) as stopped:
        found(root, **tables)
    assert stopped.value.exit_code == 125
    assert key in stopped.value.message
    assert hint in stopped.value.hint


@pytest.mark.parametrize(
    ("tables", "key", "problem"),
    [
        ({"prompts": {"system": "pipe"}}, "prompts.system: pipe", "not a regular file"),
        ({"prompts": {"system": "socket"}}, "prompts.system: socket", "not a regular file"),
        ({"prompts": {"system": "dangling"}}, "prompts.system: dangling", "No such file"),
        ({"prompts": {"all": "many"}}, "prompts.all: many", "more than 5,000 files"),
        ({"data": {"golden": "pipe"}}, "data.golden: pipe", "neither a file nor a folder"),
        ({"data": {"golden": "loop"}}, "data.golden: loop", "Too many levels"),
        ({"grader": {"files": ["pipe"]}}, "grader.files: pipe", "not a regular file"),
        ({"agent": {"graph": "pipe"}}, "agent.graph: pipe", "not a regular file"),
        ({"tools": [{"name": "t", "schema": "dangling"}]}, "tools.t.schema: dangling", "No such file"),
        ({"code": {"algorithms": {"a": "bad.py:f"}}}, "code.algorithms.a: bad.py:f", "not read as Python: line 1"),
        ({"code": {"algorithms": {"a": "pipe"}}}, "code.algorithms.a: pipe", "not a regular file"),
    ],
)
def test_what_is_there_and_cannot_be_read_is_recorded_so(
    root: Path, tables: dict[str, Any], key: str, problem: str
) -> None:
    """It has no hash, the record says why, the run goes on; only --strict stops it."""
    os.mkfifo(root / "pipe")
    os.mknod(root / "socket", stat.S_IFSOCK | 0o600)
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (root / "bad.py").write_text("def f(:\n")
    if "many" in key:
        (root / "many").mkdir()
        for number in range(5001):
            (root / f"many/{number}").touch()
    known = found(root, **tables)
    said = f"{key} is there, but its content is not known: "
    assert known.reason is not None
    assert known.reason.startswith(said)
    assert problem in known.reason
    assert known.reason in known.warnings
    text = json.dumps(known.facts)
    assert "sha256:" not in text
    assert '"golden"' in text or "null" in text
    with pytest.raises(EvalprovError, match=problem) as stopped:
        found(root, strict=True, **tables)
    assert stopped.value.exit_code == 125


def test_the_error_names_the_settings_file(root: Path) -> None:
    """Whoever reads it knows where to correct it."""
    (root / "prompts/system.txt").unlink()
    with pytest.raises(EvalprovError) as stopped:
        found(root)
    assert stopped.value.message.startswith(f"{root}/evalprov.toml: prompts.system: prompts/system.txt: ")


def test_a_folder_of_prompts_means_every_file_in_it(root: Path) -> None:
    """Each file has a name of its own: its place in the folder, with the ending only where that tells two apart."""
    write(root, "prompts/few/one.md", "1")
    write(root, "prompts/few/__pycache__/x.pyc", "1")
    names = {name: prompt["path"] for name, prompt in found(root, prompts={"p": "prompts"}).facts["prompts"].items()}
    assert names == {
        "p/few/one.md": "prompts/few/one.md",
        "p/few/one.txt": "prompts/few/one.txt",
        "p/few/two": "prompts/few/two.txt",
        "p/system": "prompts/system.txt",
    }


def test_a_name_with_a_wildcard_sign_is_itself_first(root: Path) -> None:
    """A file that is really called so is meant."""
    write(root, "prompts/[a].txt", "1")
    write(root, "prompts/a.txt", "2")
    prompts = found(root, prompts={"p": "prompts/[a].txt"}).facts["prompts"]
    assert prompts["p"]["sha256"] == digest("1")


def test_data_by_pattern_has_a_set_for_each(root: Path) -> None:
    """Files and folders that a pattern matches are data sets of their own."""
    sets = found(root, data={"d": "data/*"}).facts["data"]["sets"]
    assert {name: one["kind"] for name, one in sets.items()} == {"d/docs": "folder", "d/golden": "file"}


def test_an_absolute_path_outside_keeps_its_name(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What lies elsewhere is recorded by where it is."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "d.txt"
    elsewhere.write_text("1")
    sets = found(root, data={"d": str(elsewhere), "e": str(root / "data" / "golden.jsonl")}).facts["data"]["sets"]
    assert sets["d"]["path"] == str(elsewhere)
    assert sets["e"]["path"] == "data/golden.jsonl"


def test_no_secret_is_recorded_and_files_count_by_their_bytes(root: Path) -> None:
    """A rotated key in the settings changes nothing; in a file it is other content, as it is for git."""
    tables: dict[str, Any] = {
        "model": {"model": "m", "extra": {"api_key": "", "max_tokens_limit": 5}},
        "prompts": {"p": "p.txt"},
        "tools": [{"name": "t", "description": "", "schema": '{"url": "SECRET"}'}],
        "grader": {"files": ["g.json"]},
        "retrieval": {"index": ""},
    }
    seen = []
    for secret in ("s3cr3t-first-value", "s3cr3t-other-value"):
        tables["model"]["extra"]["api_key"] = secret
        tables["tools"][0]["description"] = f"call with {secret}"
        tables["tools"][0]["schema"] = json.dumps({"url": secret})
        tables["retrieval"]["index"] = f"https://u:{secret}@host/x"
        write(root, "p.txt", f"use {secret} now")
        write(root, "g.json", json.dumps({"x": f"a {secret}"}))
        result = found(root, {"SOME_API_KEY": secret}, **tables)
        assert secret not in repr(result)
        seen.append(result.facts)
    files = ("prompts", "grader")
    settings = [{name: said for name, said in facts.items() if name not in files} for facts in seen]
    assert settings[0] == settings[1]
    assert all(seen[0][name] != seen[1][name] for name in files)
    assert seen[1]["prompts"]["p"]["sha256"] == digest("use s3cr3t-other-value now")


def test_a_layout_of_a_schema_does_not_matter_and_a_text_does(root: Path) -> None:
    """JSON, YAML and TOML files count by what they say; a template that is none of them by its text."""
    for name, text in (("t.json", '{"a":\n 1}'), ("t.yaml", "a: 1 # one\n"), ("t.toml", "a=1")):
        write(root, name, text)
        tools = found(root, tools=[{"name": "t", "schema": name}]).facts["tools"]
        assert tools[0]["schema_hash"] == f"sha256:{hashlib.sha256(canonical({'a': 1})).hexdigest()}"
    write(root, "t.json", "{{ template }}")
    assert found(root, tools=[{"name": "t", "schema": "t.json"}]).facts["tools"][0]["schema_hash"] == digest(
        "{{ template }}"
    )


def test_an_alias_is_flagged(root: Path) -> None:
    """A model that its provider can move is a warning which names a dated one."""
    (warning,) = found(root, model={"model": "gpt-4o"}).warnings
    assert "gpt-4o-2024-08-06" in warning


def test_an_extra_does_not_hide_a_plain_field(root: Path) -> None:
    """Where both are set the plain one counts, and that is told."""
    result = found(root, model={"seed": 1, "extra": {"seed": 2}})
    assert result.facts["model_config"] == {"seed": 1}
    assert result.warnings == ("model.extra.seed stands beside model.seed; the latter counts",)


def test_a_large_grader_is_read_in_pieces(root: Path) -> None:
    """A file of weights has the same hash as any: of its bytes."""
    secret = b"s3cr3t-in-the-middle"
    half = b"\0" * ((1 << 20) * 9 - 5)
    write(root, "weights.bin", half + secret + half)
    grader = found(root, {"SOME_API_KEY": secret.decode()}, grader={"files": ["weights.bin"]}).facts["grader"]
    whole = hashlib.sha256(half + secret + half).hexdigest()
    assert grader["files"] == {"weights.bin": f"sha256:{whole}"}


def test_strange_names_are_recorded_as_text(root: Path) -> None:
    """A file name that is no UTF-8 stands in the record as text that any reader takes."""
    (root / "odd").mkdir()
    with open(os.fsencode(root) + b"/odd/\xff.txt", "wb") as file:
        file.write(b"1")
    prompts = found(root, prompts={"p": "odd"}).facts["prompts"]
    assert prompts == {
        "p/\\xff": {"path": "odd/\\xff.txt", "sha256": digest("1"), "version": None, "source": "settings"}
    }
    json.dumps(prompts).encode()
