"""The configuration a command reads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import rfc8785
from collecting import collected, context_of
from hypothesis import given
from hypothesis import strategies as st

from evalprov.capture.declared import config
from evalprov.capture.declared.parsing import ENTRIES, flatten
from evalprov.errors import EvalprovError
from evalprov.record.canonical import canonical

if TYPE_CHECKING:
    from pathlib import Path


def files_of(root: Path, *argv: str, **how: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the files recorded for a command, and the warnings."""
    found = collected(config.collect, context_of(root, argv or ("true",), **how))
    return found.facts["config"]["files"], found.warnings


def one_file(root: Path, name: str, content: str | bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Write a file, record a command that names it; return its entry and the warnings."""
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    files, warnings = files_of(root, "./eval", name)
    return files[name], warnings


SAME = (
    ("a.json", '{"model": "m", "params": {"temperature": 0, "stop": ["a", "b"]}}'),
    ("b.json", '{\n  "params": {"stop": ["a", "b"],\t"temperature": 0.0},\n  "model": "m"}\n'),
    ("c.yaml", "# a comment\nparams:\n  stop: [a, b]\n  temperature: 0\nmodel: m\n"),
    ("d.yml", "model: 'm'\nparams: &p {temperature: 0.0, stop: [a, b]}\n"),
    ("e.toml", 'model = "m"  # a comment\n[params]\ntemperature = 0\nstop = ["a", "b"]\n'),
)


def test_layout_does_not_matter(tmp_path: Path) -> None:
    """Key order, comments, spacing and even the format leave the hash alone."""
    wanted: Any = {"model": "m", "params": {"temperature": 0, "stop": ["a", "b"]}}
    digest = f"sha256:{hashlib.sha256(rfc8785.dumps(wanted)).hexdigest()}"
    for name, text in SAME:
        entry, warnings = one_file(tmp_path, name, text)
        assert entry["sha256"] == digest, name
        assert entry["values"] == {"model": "m", "params.temperature": 0, "params.stop": ["a", "b"]}
        assert entry["format"] == {"yml": "yaml"}.get(name[2:], name[2:])
        assert entry["bytes"] == len(text)
        assert warnings == ()


def test_a_changed_value_changes_the_hash(tmp_path: Path) -> None:
    """Another value is another hash, and the values say which."""
    before, _ = one_file(tmp_path, "c.json", '{"temperature": 0.0}')
    after, _ = one_file(tmp_path, "c.json", '{"temperature": 0.7}')
    assert before["sha256"] != after["sha256"]
    assert (before["values"], after["values"]) == ({"temperature": 0.0}, {"temperature": 0.7})


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.json", '{"a": 1,\n "b": }', "line 2"),
        ("a.json", '{"a": NaN}', "NaN is not JSON"),
        ("a.json", '{"a": 1e999}', "inf is no number"),
        ("a.json", '["\\ud800"]', "UTF-8"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", b"\xff\xff\xff", "not UTF-8"),
        ("a.json", "", "Expecting value"),
        ("a.toml", "a = 1\nb = \n", "line 2"),
        ("a.toml", "a = inf", "inf is no number"),
        ("a.toml", b"a = 1\nb = '\xff'", "line 2: not UTF-8"),
        ("a.yaml", "a: 1\nb: [1\n", "line 3"),
        ("a.yaml", "a: 1\nb: !env KEY\n", "line 2: could not determine a constructor for the tag '!env'"),
        ("a.yaml", "a: .nan", "nan is no number"),
        ("a.yaml", "a: 2020-99-99", "month"),
        ("a.yaml", "- " * 5000 + "x", "nested too deeply"),
        ("a.yaml", "[" * 100_000, "nested too deeply"),
        ("a.yaml", "a: &a [*a]", "an alias stands for a part of itself"),
        ("a.yaml", "? {a: 1}\n: b", "unhashable key"),
        ("a.yaml", "a: !!bool maybe", "maybe"),
        ("a.yaml", "a: {{ template }}", "line 1"),
        ("a.yaml", b"a: \xff", "#x00ff"),
        ("a.yaml", '!!python/object/apply:os.system ["touch owned"]', "could not determine a constructor"),
    ],
)
def test_what_does_not_parse(tmp_path: Path, name: str, content: str | bytes, complaint: str) -> None:
    """A file that is not what its name says is hashed by its bytes, with a warning that names the problem."""
    data = content if isinstance(content, bytes) else content.encode()
    entry, warnings = one_file(tmp_path, name, data)
    assert entry["format"] == "bytes"
    assert entry["values"] == {}
    assert entry["sha256"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    (warning,) = warnings
    assert warning.startswith(name)
    assert complaint in warning
    assert "\n" not in warning
    assert os.listdir(tmp_path) == [name]


def test_alias_bombs_are_refused(tmp_path: Path) -> None:
    """Aliases and merges that would grow without bound are not built; the file is taken by its bytes."""
    for bomb in ("x{n}: &x{n} [{refs}]\n", "x{n}: &x{n}\n  <<: [{refs}]\n"):
        lines = ["x0: &x0 {k: 1}\n"]
        lines += [bomb.format(n=n, refs=", ".join([f"*x{n - 1}"] * 9)) for n in range(1, 12)]
        entry, (warning,) = one_file(tmp_path, "bomb.yaml", "".join(lines))
        assert entry["format"] == "bytes"
        assert "1,000,000 values" in warning


def test_yaml_beyond_json(tmp_path: Path) -> None:
    """Anchors, merges, dates, binary, sets, several documents and keys that are no text become JSON."""
    entry, warnings = one_file(
        tmp_path,
        "a.yaml",
        "base: &b {q: 1, r: 2}\nc:\n  <<: *b\n  q: 3\nd: 2020-01-09\n2: two\nyes: true\nnull: n\n"
        "s: !!set {b, a}\nraw: !!binary aGk=\nlr: 1e-4\nbig: 123456789012345678901234567890\n",
    )
    assert warnings == ()
    assert entry["values"] == {
        "base.q": 1,
        "base.r": 2,
        "c.q": 3,
        "c.r": 2,
        "d": "2020-01-09",
        '"2"': "two",
        "true": True,
        "null": "n",
        "s": ["a", "b"],
        "raw": "aGk=",
        "lr": "1e-4",  # as PyYAML, and so the program, reads it
        "big": 123456789012345678901234567890,
    }
    entry, _ = one_file(tmp_path, "b.yaml", "a: 1\n---\nb: 2\n")
    assert entry["values"] == {"0.a": 1, "1.b": 2}


def test_duplicate_keys(tmp_path: Path) -> None:
    """A key that stands twice is a warning; the last counts, as it does for the program."""
    entry, (warning,) = one_file(tmp_path, "a.json", '{"k": 1, "x": {"k": 1}, "k": 2}')
    assert entry["values"] == {"k": 2, "x.k": 1}
    assert "'k' stands twice" in warning
    entry, (warning,) = one_file(tmp_path, "a.yaml", "k: 1\nx: {k: 1}\nk: 2\n")
    assert entry["values"] == {"k": 2, "x.k": 1}
    assert "line 3: key 'k' stands twice" in warning
    entry, (warning,) = one_file(tmp_path, "b.yaml", '1: a\n"1": b\n')
    assert entry["values"] == {'"1"': "b"}
    assert "two keys read '1'" in warning


def test_flattened_paths_are_unambiguous() -> None:
    """Paths are dotted; keys that could be misread stand in quotes; lists of plain values stay lists."""
    value = {
        "a": {"b.c": 1, "b": {"c": 2}, "0": 3, "": 4, 'q"': 5},
        "l": [1, "x"],
        "m": [{"k": 1}, 2],
        "e": {},
    }
    leaves, complete = flatten(value)
    assert complete
    assert leaves == {
        'a."b.c"': 1,
        "a.b.c": 2,
        'a."0"': 3,
        'a.""': 4,
        'a."q\\""': 5,
        "l": [1, "x"],
        "m.0.k": 1,
        "m.1": 2,
        "e": {},
    }
    assert flatten("x") == ({".": "x"}, True)


KEYS = st.text(alphabet='ab.01"', max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.long
@given(VALUES, VALUES)
def test_flattening_keeps_values_apart(one: Any, other: Any) -> None:
    """Two values whose flattened forms are the same are the same."""
    if json.dumps(flatten(one)[0], sort_keys=True) == json.dumps(flatten(other)[0], sort_keys=True):
        assert json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(VALUES)
def test_canonical_form_is_json_of_the_same_value(value: Any) -> None:
    """Canonical JSON reads back as the value it was made of, whatever the order of keys."""

    def shuffled(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: shuffled(part[key]) for key in reversed(part)}
        return [shuffled(inner) for inner in part] if isinstance(part, list) else part

    try:
        text = canonical(value)
    except ValueError:
        with pytest.raises(UnicodeEncodeError):
            json.dumps(value, ensure_ascii=False).encode()
        return
    assert canonical(shuffled(value)) == text
    assert canonical(json.loads(text)) == text


def test_canonical_numbers() -> None:
    """1 and 1.0 are alike; a whole number whose digits a double loses keeps them as text; NaN is refused."""
    assert canonical([1, 1.0, -0.0, 1e21, True]) == b"[1,1,0,1e+21,true]"
    assert canonical([2**53, 2.0**53, 10**20]) == b"[9007199254740992,9007199254740992,100000000000000000000]"
    assert canonical([2**53 + 1, -(2**60), 10**400]) == f'["{2**53 + 1}","-{2**60}","{10**400}"]'.encode()
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="which JSON has not"):
            canonical(number)


def test_values_are_bounded(tmp_path: Path) -> None:
    """Of very many values the first are kept, and the hash covers all; a long text is cut with its hash."""
    content: dict[str, Any] = {f"k{n}": n for n in range(ENTRIES + 5)}
    entry, (warning,) = one_file(tmp_path, "many.json", json.dumps(content))
    assert len(entry["values"]) == ENTRIES
    assert "more than 2,000 values" in warning
    other, _ = one_file(tmp_path, "other.json", json.dumps({**content, f"k{ENTRIES + 4}": "changed"}))
    assert other["values"] == entry["values"]
    assert other["sha256"] != entry["sha256"]
    entry, _ = one_file(tmp_path, "long.json", json.dumps({"text": "x" * 5000}))
    assert entry["values"]["text"].startswith("x" * 1024 + "... (5000 characters, sha256:")
    assert len(entry["values"]["text"]) < 1100


def test_a_large_list_counts(tmp_path: Path) -> None:
    """A list of very many numbers does not slip past the bound as one value."""
    entry, (warning,) = one_file(tmp_path, "list.json", json.dumps({"a": 1, "ids": list(range(5000))}))
    assert entry["values"] == {"a": 1}
    assert "more than 2,000 values" in warning


@pytest.mark.parametrize(
    "command",
    [
        ("python", "eval.py", "conf/a.yaml"),
        ("python", "eval.py", "--config", "conf/a.yaml"),
        ("python", "eval.py", "--config=conf/a.yaml"),
        ("python", "eval.py", "-c", "conf/a.yaml"),
        ("python", "eval.py", "--anything=conf/a.yaml"),
        ("python", "eval.py", "+file=conf/a.yaml"),
        ("uv", "run", "eval.py", "conf/a.yaml"),
    ],
)
def test_files_that_the_command_names(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A configuration file in the command is found without any setting."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/a.yaml").write_text("a: 1")
    files, warnings = files_of(tmp_path, *command)
    assert list(files) == ["conf/a.yaml"]
    assert files["conf/a.yaml"]["source"] == "command"
    assert warnings == ()


def test_a_config_option_takes_any_ending(tmp_path: Path) -> None:
    """What follows --config is configuration whatever its name; another word of such a name is not."""
    for name in ("settings", "notes", "run.sh"):
        (tmp_path / name).write_text("a")
    files, _ = files_of(tmp_path, "./run.sh", "--eval-config", "settings", "notes", "missing.yaml", "--x=gone.json")
    assert list(files) == ["settings"]
    assert files["settings"]["format"] == "bytes"


def test_keys_are_paths_from_the_root(tmp_path: Path) -> None:
    """Files are named from the project root, wherever the command runs and whoever names them."""
    root, sub = tmp_path / "root", tmp_path / "root/sub"
    sub.mkdir(parents=True)
    for file in (tmp_path / "out.json", root / "top.json", sub / "in.json", root / "set.json"):
        file.write_text("{}")
    files, _ = files_of(
        root,
        *("./x", "in.json", "../top.json", "../../out.json", f"{tmp_path}/out.json", f"{root}/top.json"),
        cwd=sub,
        config_paths=("in.json",),
        config_files=("set.json",),
    )
    assert {name: entry["source"] for name, entry in files.items()} == {
        "set.json": "settings",
        "sub/in.json": "--config",
        "top.json": "command",
        "../out.json": "command",
        f"{tmp_path}/out.json": "command",
    }


def test_globs_in_settings(tmp_path: Path) -> None:
    """A glob takes in what it matches, not the store's files; one that matches nothing is a warning."""
    for name in ("a/x.yaml", "a/b/y.yaml", "metrics/z.yaml", "n.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("k: 1")
    files, warnings = files_of(tmp_path, config_files=("**/*.yaml", "*.toml"))
    assert list(files) == ["a/b/y.yaml", "a/x.yaml"]
    assert warnings == ("config pattern *.toml matches no file",)


@pytest.mark.parametrize("how", [{"config_paths": ("conf/evl.yaml",)}, {"config_files": ("conf/evl.yaml",)}])
def test_a_missing_config_stops_the_run(tmp_path: Path, how: dict[str, Any]) -> None:
    """A file that was asked for and is not there is an error before launch, with near names as a hint."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/eval.yaml").write_text("a: 1")
    with pytest.raises(EvalprovError) as caught:
        files_of(tmp_path, **how)
    assert caught.value.exit_code == 125
    assert "conf/evl.yaml: No such file" in caught.value.message
    assert "eval.yaml" in caught.value.hint


@pytest.mark.parametrize("name", ["folder", "pipe", "dangling"])
def test_a_config_that_is_no_file_is_recorded_without_a_hash(tmp_path: Path, name: str) -> None:
    """A folder, a pipe or a link to nothing is named with the reason, and never opened; --strict stops the run."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    files, (warning,) = files_of(tmp_path, config_paths=(name,))
    assert files == {name: {"sha256": None, "format": "bytes", "bytes": None, "source": "--config", "values": {}}}
    assert warning.startswith(f"{name}, named by --config, is there, but its content is not known: ")
    context = context_of(tmp_path, config_paths=(name,))
    assert collected(config.collect, context).reason == warning
    with pytest.raises(EvalprovError, match=name) as caught:
        collected(config.collect, context._replace(strict=True))
    assert caught.value.exit_code == 125


def test_a_pipe_in_the_command_is_left_alone(tmp_path: Path) -> None:
    """A named pipe in the command is neither read nor opened, so its writer still waits for the program."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('for the program')"])
    try:
        files, (warning,) = files_of(tmp_path, "./eval", "--config", "pipe.yaml")
        assert files["pipe.yaml"]["sha256"] is None
        assert warning.endswith("named by the command, is there, but its content is not known: not a regular file")
        assert pipe.read_text() == "for the program"
    finally:
        writer.kill()
        writer.wait()


def test_links(tmp_path: Path) -> None:
    """A link to a file is read as that file; a dangling one in the command is a warning."""
    (tmp_path / "real.json").write_text('{"a": 1}')
    (tmp_path / "link.json").symlink_to("real.json")
    (tmp_path / "gone.json").symlink_to("nowhere.json")
    files, (warning,) = files_of(tmp_path, "./eval", "link.json", "gone.json")
    assert files["link.json"]["values"] == {"a": 1}
    assert files["gone.json"]["sha256"] is None
    assert warning.endswith("its content is not known: No such file or directory")


def test_large_files(tmp_path: Path) -> None:
    """A large file is hashed by its bytes, with a warning; a huge one in the command is taken for data."""
    (tmp_path / "large.json").write_bytes(b'"' + b"x" * (3 << 20) + b'"')
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(65 << 20)
    files, warnings = files_of(tmp_path, "./eval", "large.json", "huge.json")
    data = (tmp_path / "large.json").read_bytes()
    assert list(files) == ["large.json"]
    assert files["large.json"]["format"] == "bytes"
    assert files["large.json"]["bytes"] == len(data)
    assert files["large.json"]["sha256"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert ["hashed by its bytes" in warning for warning in warnings] == [True]
    files, warnings = files_of(tmp_path, config_paths=("large.json",))
    assert files["large.json"]["format"] == "json"
    assert warnings == ()


def test_a_rotated_secret_is_the_same_configuration(tmp_path: Path) -> None:
    """A secret counts as its placeholder: another key is no other configuration, and none is recorded."""
    digests, as_bytes = set(), set()
    for secret in ("one-very-secret-value", "two-other-secret-value"):
        for name, text in (
            ("a.yaml", f"api_key: {secret}\nmax_tokens: 5\nurl: https://me:{secret}@example.org/\n"),
            ("a.json", json.dumps({"api_key": "of no shape", "nested": [f"x {secret} y"], "max_tokens": 5})),
            ("a.ini", f"[a]\nkey = {secret}\n"),
        ):
            (tmp_path / name).write_text(text)
        found = collected(
            config.collect,
            context_of(
                tmp_path,
                ("./eval", "a.yaml", "a.json", "a.ini", "--api-key", secret),
                environ={"PATH": os.defpath, "MY_API_KEY": secret},
            ),
        )
        files = found.facts["config"]["files"]
        assert secret not in json.dumps(found.facts)
        assert files["a.yaml"]["values"]["max_tokens"] == 5
        digests.add(tuple(entry["sha256"] for name, entry in files.items() if name != "a.ini"))
        as_bytes.add(files["a.ini"]["sha256"])
    assert len(digests) == 1
    assert len(as_bytes) == 2, "what is not parsed counts by its bytes, as in git"


def test_arguments(tmp_path: Path) -> None:
    """The command's arguments are recorded as given, bytes that are no text spelled out."""
    facts = collected(config.collect, context_of(tmp_path, ("./eval", "--n", "5", "caf\udce9"))).facts
    assert facts["config"]["arguments"] == ["--n", "5", "caf\\xe9"]
