"""Records as nobody should find them: what can be wrong with a manifest's bytes, drawn by hypothesis."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import time
import typing
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from reading_pages import complaints

from evalprov.cli import main
from evalprov.record.form import SCHEMA
from evalprov.record.manifest import Manifest

SAMPLE = Path(__file__).parent.parent.parent / "fixtures" / "manifests" / f"schema-{SCHEMA}.json"
SLOWEST = 10.0  # seconds of the processor that one command may take at most
HOSTILE_TEXT = "\x1b]0;owned\x07\x1b[2J\r\n\u202eevil\u2028|`<script>alert(1)</script>`\x00\ud800"


def sample(run_id: str, accuracy: float) -> dict[str, Any]:
    """Return a record as it should be, with a few scenarios."""
    record = json.loads(SAMPLE.read_text())
    right = round(accuracy * 20)
    record["run_id"] = run_id
    record["metrics"] = {f"t{i}": {"accuracy": i < right, "seconds": 0.1 + i / 100} for i in range(20)}
    record["metric_summary"] = {"accuracy": accuracy, "seconds": 0.195}
    record["scenarios_run"] = list(record["metrics"])
    return record


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


# JSON text that may stand where a value stood.
_VALUES = (
    "null", "true", "0", "-1", '""', "[]", "{}", "1e308", "-1e308", "1e-320", "-0.0", "1e400", "NaN", "Infinity",
    "9" * 400, "0." + "1" * 2000, '"latest"', '"../../etc/passwd"', json.dumps("x" * 100_000), json.dumps(HOSTILE_TEXT),
    _deep(50), _deep(2000), _deep(200_000), '{"a": ' * 500 + "1" + "}" * 500, '{"": {"": ""}}', '{"a": 1, "a": 2}',
    json.dumps({f"k{i}": i for i in range(3000)}), json.dumps({HOSTILE_TEXT: HOSTILE_TEXT}), json.dumps([None] * 3000),
    '{"accuracy": 1e308, "seconds": -1e308}', '[{"kind": "task"}]', '"\\ud800"', "1.7976931348623157e308",
    '{"t1": {"accuracy": 1e308}, "t2": {"accuracy": -1e308}}', '{"t1": null}', '{"t1": {"accuracy": null}}',
)  # fmt: skip
# What fits where a value of that type stood, so that the record is still read.
_FITTING: dict[type, tuple[str, ...]] = {
    bool: ("true", "false", "null"),
    int: ("0", "-1", "null", "9" * 18, "9" * 400, "1e308", "1.5"),
    float: ("0", "-0.0", "1e308", "-1e308", "1e-320", "null", "9" * 400, "true"),
    str: ('""', '"x"', json.dumps("x" * 100_000), json.dumps(HOSTILE_TEXT), '"\\u202e"', '"../../etc/passwd"', "null"),
    list: ("[]", json.dumps(["x"] * 3000), json.dumps([HOSTILE_TEXT.replace("\ud800", "")])),
    dict: (
        "{}", '{"t1": {"accuracy": 1e308}, "t2": {"accuracy": -1e308}}', '{"t1": {"accuracy": null}}',
        json.dumps({f"k{i}": i for i in range(3000)}), json.dumps({HOSTILE_TEXT.replace("\ud800", ""): 1}),
        json.dumps({HOSTILE_TEXT.replace("\ud800", ""): "x"}), '{"accuracy": 1e308, "seconds": -1e308}',
        '{"accuracy": true}', json.dumps({f"m{i}": i / 7 for i in range(300)}), _deep(50).join(('{"x": ', "}")),
    ),
    type(None): ("null", "1", '"x"', "{}"),
}  # fmt: skip
_MARK = "@@here@@"


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += _paths(inner, (*path, place))
    return found


_GOOD = sample("20260101T000000Z", 0.9)
_PLACES = _paths(_GOOD)
# Where a record holds what people and programs name as they like.
_FREE = [
    tuple(path.split("."))
    for path in (
        "metrics", "metric_summary", "metric_info", "scenario_groups", "model_config", "prompt_versions", "prompts",
        "config.files", "config.reported", "config.arguments", "data.sets", "data.retrieval", "grader.files",
        "grader.metrics", "software.packages", "software.env", "system", "infra.declared", "observed.model", "stages",
        "tags", "warnings", "note", "scenario", "golden_version", "git_sha", "git.branch", "command.argv",
        "metrics.t1", "metrics.t1.accuracy", "metric_summary.accuracy", "duration_seconds", "identity.program",
        "identity.scenario", "identity.fingerprint", "identity.layers", "identity.unknown", "sources", "errors",
    )
]  # fmt: skip


def _at(path: tuple[Any, ...]) -> Any:
    value: Any = _GOOD
    for key in path:
        value = value[key]
    return value


def _put(record: dict[str, Any], path: tuple[Any, ...], text: str | None) -> None:
    """Put a marked value at a place, or take the place away; a place that is gone stays gone."""
    section: Any = record
    for key in path[:-1]:
        try:
            section = section[key]
        except (KeyError, IndexError, TypeError):
            return
    if not isinstance(section, dict | list):
        return
    with contextlib.suppress(KeyError, IndexError):
        if text is None:
            del section[path[-1]]
        else:
            section[path[-1]] = _MARK + text + _MARK


def _encoded(record: dict[str, Any]) -> str:
    """Return the JSON text, what is marked standing in it as it is."""
    parts = json.dumps(record, ensure_ascii=False).split(_MARK)
    for odd in range(1, len(parts), 2):
        parts[odd] = json.loads(f'"{parts[odd]}"')
        parts[odd - 1] = parts[odd - 1].removesuffix('"')
        parts[odd + 1] = parts[odd + 1].removeprefix('"')
    return "".join(parts)


_TEXTS = st.sampled_from(
    (
        "",
        "x",
        "t1",
        "accuracy",
        "0.7",
        "-",
        "sha256:" + "0" * 64,
        "x" * 5000,
        HOSTILE_TEXT.replace("\ud800", ""),
        "a.b",
        "|",
        "`",
    )
) | st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace").decode())
_NUMBERS = st.sampled_from((0.0, -0.0, 1.0, 0.1, 1e308, -1e308, 5e-324, 1e15)) | st.floats(
    allow_nan=False, allow_infinity=False
)
_WHOLE = st.sampled_from((0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63))) | st.integers(0, 100)
_JSON = st.recursive(
    st.none() | st.booleans() | _WHOLE | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


def _fitting(kind: Any) -> st.SearchStrategy[Any]:
    """Return what draws values of a type of the record, odd ones among them."""
    if typing.is_typeddict(kind):
        return st.fixed_dictionaries({name: _fitting(inner) for name, inner in typing.get_type_hints(kind).items()})
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin is list:
        return st.lists(_fitting(inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(_TEXTS, _fitting(inner[1]), max_size=4)
    if inner:
        return st.one_of([_fitting(part) for part in inner])
    plain = {bool: st.booleans(), int: _WHOLE, float: _NUMBERS, str: _TEXTS, type(None): st.none()}
    return plain.get(kind, _JSON)


_SECTIONS = {
    name: _fitting(kind)
    for name, kind in typing.get_type_hints(Manifest).items()
    if name not in {"schema", "run_id", "timestamp"}
}


@st.composite
def strange(draw: st.DrawFn) -> bytes:
    """Draw a manifest that has every key with its type, some of them with values nobody would expect."""
    names = draw(st.lists(st.sampled_from(sorted(_SECTIONS)), min_size=1, max_size=12))
    return json.dumps({**_GOOD, **{name: draw(_SECTIONS[name]) for name in names}}).encode()


def records() -> st.SearchStrategy[bytes]:
    """Return what draws hostile records of either kind."""
    return strange() | broken()


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a manifest that something is wrong with, or that is merely strange."""
    record = json.loads(json.dumps(_GOOD))
    for _ in range(draw(st.integers(0, 6))):
        path = draw(st.sampled_from(_FREE) | st.sampled_from(_PLACES))
        wild = draw(st.integers(0, 9)) == 0
        texts = st.none() | st.sampled_from(_VALUES) if wild else st.sampled_from(_FITTING[type(_at(path))])
        _put(record, path, draw(texts))
    data = _encoded(record).encode("utf-8", "surrogatepass")
    how = draw(st.sampled_from((*["whole"] * 12, "cut", "flipped", "repeated", "latin")))
    if how == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if how == "flipped":
        place = draw(st.integers(0, len(data) - 1))
        return data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
    if how == "repeated":
        return data + data
    return data.replace(b"support-tickets", b"\xff\xfe\xe9") if how == "latin" else data


def run(words: list[str]) -> tuple[int, str, str, float]:
    """Carry out one command line in this process: its exit code, both outputs, and the processor's seconds it took."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    began = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    took = time.process_time() - began
    return code, _text(out), _text(err), took


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def extremes(count: int) -> dict[str, bytes]:
    """Return what hypothesis would not draw, by what is wrong with it."""
    keys, scenarios, newer = (sample("20260101T000000Z", 0.9) for _ in range(3))
    keys["config"]["reported"] = {f"k{i}": i for i in range(count)}
    scenarios["metrics"] = {f"s{i}": {"accuracy": None} for i in range(count)}
    newer["schema"] = 99
    good = json.dumps(_GOOD).encode()
    return {
        f"{count} keys": json.dumps(keys).encode(),
        f"{count} scenarios without a number": json.dumps(scenarios).encode(),
        "nested a million deep": good.replace(b'"tags": ["sample"]', b'"tags": ' + b"[" * 10**6 + b"]" * 10**6),
        "empty": b"",
        "newer": json.dumps(newer).encode(),
    }


class Ground:
    """A store with one good record, beside which hostile ones are put."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "metrics"
        for name in ("runs", "baselines"):
            (self.store / name).mkdir(parents=True)
        self.good = "20260102T000000Z"
        self.page = folder / "page.html"
        line = (json.dumps(sample(self.good, 0.8)) + "\n").encode()
        (self.store / "runs" / f"{self.good}.json").write_bytes(line)
        self.bad = self.store / "runs" / "20260101T000000Z.json"
        self.line = line

    def put(self, data: bytes) -> None:
        """Put a hostile record wherever a record can stand."""
        self.bad.write_bytes(data)
        (self.store / "baselines" / "bad.json").write_bytes(data)
        (self.store / "eval_history.jsonl").write_bytes(self.line + data.replace(b"\n", b" ") + b"\n" + self.line)

    def commands(self) -> list[list[str]]:
        """Return the command lines that read it."""
        where = ["--store", str(self.store)]
        bad = str(self.bad)
        return [
            ["diff", bad, self.good, *where],
            ["diff", self.good, bad, "--json", *where],
            ["diff", self.good, bad, "--markdown", "--all", *where],
            ["gate", "--baseline", "bad", self.good, *where],
            ["gate", "--baseline", f"run:{self.good}", bad, "--json", "--per-scenario", *where],
            ["show", bad, *where],
            ["history", "--where", "accuracy>=0.1", *where],
            ["history", "--sort", "metric_summary.accuracy", "--columns", "run,metric_summary.accuracy", *where],
            ["history", "--trend", "accuracy", *where],
            ["baseline", "list", *where],
            ["audit", *where],
            ["report", bad, self.good, "-o", str(self.page), *where],
            ["report", bad, "-o", str(self.page), *where],
        ]

    def close(self) -> None:
        """Take it all away."""
        shutil.rmtree(self.store)


ALLOWED = {
    "diff": {0, 2},
    "gate": {0, 1, 2, 3},
    "show": {0, 2},
    "history": {0, 2},
    "baseline": {0, 2},
    "audit": {0, 2},
    "report": {0, 2},
}


def complaint(words: list[str], result: tuple[int, str, str, float]) -> str | None:
    """Return what is wrong with how a command met a hostile record; null where nothing is."""
    code, out, err, took = result
    errors = [line for line in err.splitlines() if line.startswith("evalprov: error:")]
    odd = {c for c in out + err if not c.isprintable() and c not in "\n\t\N{ZERO WIDTH SPACE}"}
    wrong = {
        f"exit code {code}: {err[:500]}": code not in ALLOWED[words[0]],
        err[:2000]: "Traceback" in err or "error: unexpected:" in err,
        f"it took {took:.1f} s": took > SLOWEST,
        f"control characters came through: {odd!r}": bool(odd),
        f"nothing was said, exit {code}": code in {2, 3} and not out and not err,
        f"not one clear line: {err[:500]}": code == 2 and len(errors) != 1,
    }
    if words[0] == "report" and code == 0:
        wrong |= dict.fromkeys(complaints(Path(words[words.index("-o") + 1]).read_text()), True)
    return next((words for words, is_so in wrong.items() if is_so), None)
