"""What adapters tell of each sample: what was asked, wanted and answered, less its secrets where it is kept."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest

from evalprov.reported import Scanner, gather
from evalprov.secrets import Scrubber
from evalprov.store import Store
from evalprov.store.texts import keep_texts

RESULTS = Path(__file__).parent.parent.parent / "fixtures" / "results"
KEY = "tok-3141592653589793"


def said(path: Path, text_bytes: int | None = None) -> dict[str, dict[str, str]]:
    """Return the texts by scenario."""
    told = gather(Scanner(text_bytes), None, str(path))
    assert told.source
    rows = told.texts.rows() if told.texts else ()
    return {name: {field: text.text for field, text in row.items()} for name, row in rows}


@pytest.mark.parametrize(
    ("path", "scenario", "expected"),
    [
        ("lm-eval/first", "tiny_words/a5107f36cc0f", {"input": "Say lol:", "expected": "lol", "output": "lol"}),
        (
            "lm-eval/first",
            "tiny_sums/8376b9af13e2",
            {
                "input": "2+2=",
                "expected": "1",
                "output": '[["-0.9406212554239632", "False"], ["-0.5070268159456598", "False"]]',
            },
        ),
        ("inspect/first.eval", "arithmetic/add-2#2", {"input": "2+2", "expected": "4", "output": "it is 4"}),
        ("inspect/first.json", "arithmetic/add-1", {"input": "1+1", "expected": "2", "output": "2 please"}),
        ("inspect/older.eval", "arithmetic/add-2", {"input": "2+2", "expected": "4", "output": "it is 4"}),
        ("inspect-two", "b/1", {"input": "1+1", "expected": "2", "output": "Default output 2"}),
        (
            "promptfoo/files.json",
            "q=two/82f34d72cf45",
            {
                "input#prompt.txt": "From file: two",
                "input#Plain {{q}}": "Plain two",
                "expected": "contains: 2",
                "output#prompt.txt": "got 1",
                "output#Plain {{q}}": "got 1",
                "explanation#prompt.txt": 'Expected output to contain "2"',
                "explanation#Plain {{q}}": 'Expected output to contain "2"',
            },
        ),
        (
            "deepeval/first.json",
            "greets/05baa26c5023",
            {
                "input": "Say hello",
                "expected": "hello",
                "output": "hello there",
                "explanation": "Contains: counted words\nBrevity: counted words",
            },
        ),
        ("openai-evals/first.jsonl", "sums.dev.1", {"input": "2+2=", "expected": "4", "output": "5"}),
    ],
)
def test_samples_tell_what_was_asked_and_answered(path: str, scenario: str, expected: dict[str, str]) -> None:
    """Every sample of the tool's own file has its texts under the name that its scores have."""
    texts = said(RESULTS / path)
    assert {**texts[scenario], **expected} == texts[scenario]
    assert set(texts) == set(gather(Scanner(), None, str(RESULTS / path)).facts["scenarios_run"])
    assert said(RESULTS / path, 0) == {}


def test_a_test_that_failed_says_why() -> None:
    """JUnit has no answers, and the reason of each failure."""
    (text,) = said(RESULTS / "junit/first.xml").values()
    assert text["explanation"].startswith("AssertionError: invoice went to the <wrong> desk")


# A file, and words that stand in texts of samples and nowhere else.
PLANTED = [
    ("lm-eval/first", ("Say lol:",)),
    ("inspect/first.json", ("2 please", '"1+1"')),
    ("promptfoo/first.json", ("Lyon", "Please, what is", "Expected output")),
    ("deepeval/first.json", ("Say hello", "hello there", "counted words")),
    ("openai-evals/first.jsonl", ('"content": "3+3="', '"sampled": "6"')),
    ("junit/first.xml", ("to the &lt;wrong",)),
]


@pytest.mark.parametrize(("path", "words"), PLANTED)
def test_no_secret_of_a_sample_is_kept(tmp_path: Path, path: str, words: tuple[str, ...]) -> None:
    """A secret in any of the texts is read, and hidden where the texts are kept."""
    place = tmp_path / "results"
    if (RESULTS / path).is_dir():
        shutil.copytree(RESULTS / path, place)
    else:
        place.mkdir()
        shutil.copy(RESULTS / path, place)
        place /= Path(path).name
    for file in [place] if place.is_file() else [one for one in place.rglob("*") if one.is_file()]:
        text = file.read_text()
        for word in words:
            text = text.replace(word, f"{word[:-1]} {KEY}{word[-1]}")
        file.write_text(text)
    told = gather(Scanner(), None, str(place))
    assert told.texts
    assert any(KEY in text.text for _, row in told.texts.rows() for text in row.values())
    store = str(tmp_path / "metrics")
    kept, warnings = keep_texts(Store.open(store), told.texts, Scrubber({"API_TOKEN": KEY}))
    assert kept
    assert warnings == []
    data = zlib.decompress(Path(store, kept["object"]).read_bytes(), 31)
    assert b"[secret]" in data
    assert KEY.encode() not in data


def sample(**more: Any) -> dict[str, Any]:
    """Return a sample of inspect's, as its log has it."""
    return {"id": 1, "epoch": 1, "input": "q", "target": "t", "scores": {"s": {"value": "C"}}, **more}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"input": [{"role": "user", "content": "hi"}]}, {"input": "hi"}),
        (
            {
                "input": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": [{"text": "hi"}, {"image": 1}]},
                ]
            },
            {"input": "system: be brief\n\nuser: hi"},
        ),
        ({"target": ["a"]}, {"expected": "a"}),
        ({"target": ["a", "b"]}, {"expected": '["a", "b"]'}),
        ({"output": {"choices": [{"message": {"content": "x"}}]}}, {"output": "x"}),
        ({"output": {"choices": "odd"}, "scores": {"s": {"value": 1, "explanation": "why"}}}, {"explanation": "why"}),
        ({"output": 5, "input": {"a": 1}, "scores": []}, {"input": '{"a": 1}'}),
    ],
)
def test_messages_are_told_as_text(tmp_path: Path, more: dict[str, Any], expected: dict[str, str]) -> None:
    """Chat messages, targets and choices are read whatever they are; what is odd is kept as JSON or left out."""
    scores = {"results": {"scores": [{"name": "s", "scorer": "s", "metrics": {"mean": {"value": 1.0}}}]}}
    log = {"version": 2, "status": "success", "eval": {"task": "t"}, **scores, "samples": [sample(**more)]}
    (tmp_path / "log.json").write_text(json.dumps(log))
    texts = said(tmp_path / "log.json")["t/1"]
    assert {**texts, **expected} == texts
