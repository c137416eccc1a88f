"""Result files that are torn, changed at random, deep, huge or made to do harm."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalprov.reported import Reported, Scanner, gather
from evalprov.reported.adapters.pieces import pieces
from evalprov.reported.open_results import Unusable

RESULTS = Path(__file__).parent.parent.parent / "fixtures" / "results"
REAL = {
    "lm-eval": next((RESULTS / "lm-eval" / "first").rglob("results_*.json")),
    "inspect": RESULTS / "inspect" / "first.json",
    "inspect archive": RESULTS / "inspect" / "older.eval",
    "promptfoo": RESULTS / "promptfoo" / "first.json",
    "openai-evals": RESULTS / "openai-evals" / "first.jsonl",
    "deepeval": RESULTS / "deepeval" / "first.json",
    "junit": RESULTS / "junit" / "first.xml",
}
FUZZED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# What an adapter takes for something else than it is, put where a value stood.
ODD = [b"null", b"[]", b"{}", b'"x"', b"-1", b"1e999", b"NaN", b"true", b"9" * 400, b'{"a":' * 150 + b"1" + b"}" * 150]


def read(content: bytes, folder: Path, name: str = "") -> Reported:
    """Return what is made of a file with this content."""
    file = folder / "results_1"
    file.write_bytes(content)
    return gather(Scanner(), None, f"{file}:{name}" if name else str(file))


def held(told: Reported) -> None:
    """Check that either something counts, or one warning says why nothing does."""
    json.dumps(told.facts, allow_nan=False)
    if told.facts["metric_summary"] is None:
        assert len(told.warnings) == 1, told.warnings
        assert re.search(r" was not used: .*; wanted is | line [0-9]+ is no JSON object: ", told.warnings[0])
        assert "\n" not in told.warnings[0]
    assert not any("could not be read: " in text for text in told.warnings), told.warnings


@pytest.mark.parametrize("kind", list(REAL))
def test_a_file_that_ends_anywhere_is_no_harm(kind: str, tmp_path: Path) -> None:
    """Cut off at any place, a file is refused with one warning, or for lines what is whole of it counts."""
    content = REAL[kind].read_bytes()
    for end in {*range(0, len(content), max(len(content) // 40, 1)), *range(8), len(content) - 1}:
        told = read(content[:end], tmp_path, kind.partition(" ")[0])
        held(told)
        if kind != "openai-evals" and end < len(content) - 1:
            assert told.facts["metric_summary"] is None, end


@pytest.mark.parametrize("kind", list(REAL))
@FUZZED
@given(data=st.data())
def test_a_file_with_bytes_changed_is_no_harm(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever stands there, it is read or refused."""
    content = bytearray(REAL[kind].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
    held(read(bytes(content), tmp_path))


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, one in inner for way in paths(one, (*path, key)))]


def replaced(content: bytes, way: tuple[Any, ...], odd: bytes) -> bytes:
    """Return a JSON document with an odd value in the place of one of its own."""
    document = json.loads(content)
    at = document
    for key in way[:-1]:
        at = at[key]
    at[way[-1]] = "<here>"
    return json.dumps(document).encode().replace(b'"<here>"', odd)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["lm-eval", "inspect", "promptfoo", "deepeval", "openai-evals"])
@FUZZED
@given(data=st.data())
def test_an_odd_value_in_any_place_is_no_harm(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    """No key of another tool's file is taken to hold what it should."""
    content = REAL[kind].read_bytes()
    lines = content.splitlines() if kind == "openai-evals" else [content]
    for _ in range(3):
        line = data.draw(st.integers(0, len(lines) - 1))
        # High up is where it hurts.
        ways = [way for way in paths(json.loads(lines[line])) if 0 < len(way) < 7]
        odd = replaced(lines[line], data.draw(st.sampled_from(ways)), data.draw(st.sampled_from(ODD)))
        held(read(b"\n".join([*lines[:line], odd, *lines[line + 1 :]]), tmp_path, kind))


@FUZZED
@given(data=st.data())
def test_odd_samples_beside_lm_evals_results_are_no_harm(tmp_path: Path, data: st.DataObject) -> None:
    """The results still count."""
    folder = shutil.copytree(RESULTS / "lm-eval" / "first", tmp_path / "out", dirs_exist_ok=True)
    (file,) = folder.rglob("samples_tiny_sums_*")
    lines = file.read_bytes().splitlines()
    ways = [way for way in paths(json.loads(lines[0])) if 0 < len(way) < 3]
    file.write_bytes(
        b"\n".join([replaced(lines[0], data.draw(st.sampled_from(ways)), data.draw(st.sampled_from(ODD))), *lines[1:]])
    )
    told = gather(Scanner(), None, str(folder))
    held(told)
    assert told.facts["metric_summary"]["tiny_sums.acc"] == pytest.approx(5 / 6)


def test_a_sample_whose_metrics_are_a_number_is_passed_over(tmp_path: Path) -> None:
    """Where the names of a sample's metrics should stand, anything may stand."""
    folder = shutil.copytree(RESULTS / "lm-eval" / "first", tmp_path / "out")
    (file,) = folder.rglob("samples_tiny_sums_*")
    first, *others = (json.loads(line) for line in file.read_text().splitlines())
    file.write_text("\n".join(json.dumps(one) for one in ({**first, "metrics": 1}, *others)))
    told = gather(Scanner(), None, str(folder))
    assert told.warnings == []
    assert len([name for name in told.facts["metrics"] if name.startswith("tiny_sums/")]) == 6


BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<testsuite name="x"><testcase name="&c;"/></testsuite>"""
OUTSIDE = b"""<!DOCTYPE testsuite SYSTEM "file:///etc/passwd"><testsuite><testcase name="a"/></testsuite>"""


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("junit", BILLION_LAUGHS, "it declares a document type or entities"),
        ("junit", OUTSIDE, "it declares a document type or entities"),
        ("junit", b"<testsuite>" * 5000, "it is nested more than 100 deep"),
        ("junit", b"<testsuites><testsuite", "it ends in the middle"),
        ("junit", b"<html><testsuite></html>", "its root is <html>"),
        (
            "junit",
            b'<?xml version="1.0" encoding="klingon"?><testsuite/>',
            "it is no XML that can be read: unknown encoding",
        ),
        ("junit", b'<testsuite><testcase name="\xff\xfe"/></testsuite>', "not well-formed"),
        ("junit", b"", "it is empty"),
        ("inspect", b"", "it is empty"),
        ("inspect", b"PK\x03\x04" + b"\0" * 100, "its archive is damaged or cut off"),
        (
            "inspect",
            b'{"version": 2, "status": "success", "eval": {}, "samples": ' + b"[" * 100_000,
            "nested too deeply",
        ),
        ("deepeval", b'{"testCases": [{"metricsData": []}]} x', "there is more after its end, at character 38"),
        ("deepeval", b'{"testCases": [{"metricsData": [], "a": \xff}]}', "it is not UTF-8"),
        ("deepeval", b'{"testCases": [], "metricsScores": []}', "it has no test case"),
        ("deepeval", b'{"testCases": [{"metricsData": [],}]}', "it is no JSON: "),
        ("promptfoo", b'{"evalId": null, "results": {}}', "its results are of version null, and 3 is known"),
        ("promptfoo", b'{"evalId": null, "results": {"version": 3}}', "it holds no metric"),
        ("lm-eval", b'{"results": {"a": {"alias": "a", "acc,none": ' + b"9" * 5000 + b"}}}", "thousands of digits"),
        ("lm-eval", b'["results"]', "it is a JSON list"),
        ("openai-evals", b'{"spec": {"eval_name": 1}}\n{"spec": {"eval_name": 2}}\n', "the logs of several runs"),
        ("openai-evals", b"\xff\xfe{\0", "it is no JSON and no XML: it begins with "),
    ],
)
def test_what_was_found_is_said(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    """In one line, with what is wanted behind it."""
    told = read(content, tmp_path, name)
    held(told)
    (text,) = told.warnings
    assert why in text


def test_an_archive_that_lies_is_refused(tmp_path: Path) -> None:
    """A part that unpacks to gigabytes is not unpacked whole, one that is encrypted or damaged is told."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b'{"version": 2, "eval": {"task": "' + b"x" * (80 << 20) + b'"}}')
    assert len(packed.getvalue()) < 200_000
    told = read(packed.getvalue(), tmp_path)
    held(told)
    assert "a part of it is longer than 64 MiB" in told.warnings[0]
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "it is a zip archive without header.json" in read(packed.getvalue(), tmp_path).warnings[0]
    real = bytearray((RESULTS / "inspect" / "older.eval").read_bytes())
    real[real.index(b"summaries.json") + 40] ^= 0xFF
    held(read(bytes(real), tmp_path))


@FUZZED
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=20,
    ),
    indent=st.sampled_from([None, 1]),
    step=st.integers(1, 50),
)
def test_a_document_in_pieces_is_the_document(document: Any, indent: int | None, step: int) -> None:
    """Wherever the reads cut it, the same values come out, in order."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or step, step))

    whole = {"list": [document, 12345, document], "inside": {"a": document, "b": 1.5e3}, "last": 7}
    entered = (("list",), ("inside",))
    found = list(pieces(Slow(json.dumps(whole, indent=indent).encode()), entered))
    assert found == [
        *((("list",), item) for item in whole["list"]),
        *((("inside", key), value) for key, value in whole["inside"].items()),
        (("last",), 7),
    ]
    with pytest.raises(Unusable):
        list(pieces(Slow(json.dumps(whole, indent=indent).encode()[:-1]), entered))


PROBE = r"""
import re, sys
from evalprov.reported import Scanner, gather
told = gather(Scanner(), None, sys.argv[1])
assert len(told.facts["metrics"]) == 50_000, (told.warnings, len(told.facts["metrics"] or ()))
assert told.warnings == [], told.warnings
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


def many_junit() -> str:
    """Return fifty thousand tests, each with a long output."""
    cases = "".join(
        f'<testcase classname="c" name="t{n}"><system-out>{"x" * 500}</system-out></testcase>' for n in range(50_000)
    )
    return f"<testsuite>{cases}</testsuite>"


def many_deepeval() -> str:
    """Return fifty thousand test cases, each with a long answer."""
    case = {"actualOutput": "x" * 500, "metricsData": [{"name": "m", "score": 1.0, "threshold": 0.5}], "input": "<n>"}
    before, _, after = json.dumps(case).partition("<n>")
    return f'{{"testCases": [{",".join(f"{before}{n}{after}" for n in range(50_000))}]}}'


@pytest.mark.long
@pytest.mark.parametrize("content", [many_junit, many_deepeval])
def test_fifty_thousand_samples_need_little_memory(tmp_path: Path, content: Any) -> None:
    """The file is read in pieces: what is needed grows with what is recorded, not with answers and outputs."""
    file = tmp_path / "many"
    file.write_text(content())
    done = subprocess.run([sys.executable, "-c", PROBE, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80_000  # KiB
