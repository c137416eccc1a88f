"""What was hidden is never taken for the same: values that differ have hashes that differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from evalprov.explain.attribution import alike, layer_states
from evalprov.explain.changes import changes
from evalprov.record.form import blank
from evalprov.record.hidden import MARK, PLACEHOLDER, UNTOLD, digest_of
from evalprov.record.identity import identify
from evalprov.secrets import Scrubber, TellingScrubber
from evalprov.secrets.telling import MOST

PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n"
# Texts of which a part is hidden; {} is where two of them differ.
TEXTS = {
    "a prompt with JSON in it": 'Answer in JSON: {{"secret": "{}"}}',
    "a prompt about passwords": "The password is {}, and nobody may know it.",
    "a block": f"Keep this:\n{PEM}",
    "a header": "Authorization: Bearer {}",
    "YAML": "model: m\napi_key: {}\n",
    "a URL": "https://me:{}@example.org/",
    "an assignment": "export DB_PASSWORD={}",
}
WORDS = {
    "--token": ["eval", "--token", "{}"],
    "--secret=": ["eval", "--secret={}"],
    "--experiment-key": ["eval", "--experiment-key", "{}"],
    "-u": ["curl", "-u", "me:{}", "https://example.org"],
}
PAIRS = [("blue-horse-7Hq", "green-horse-9Kw"), ("Tr0ub4dor&3xx", "c0rrectHorse!"), ("n" * 24 + "1", "n" * 24 + "2")]


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_two_texts_stay_two(text: str, one: str, other: str) -> None:
    """Whatever a rule hides, the same text is the same on any machine, another one is another, and neither is shown."""
    first = [TellingScrubber({"HOME": home}).text(text.format(one)) for home in ("/a", "/b")]
    second = TellingScrubber({}).text(text.format(other))
    assert first[0] == first[1] != second
    if PLACEHOLDER in Scrubber({}).text(text.format(one)):
        assert one not in first[0]


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_two_command_lines_stay_two(words: list[str], one: str, other: str) -> None:
    """So do the words of a command line."""
    scrub = TellingScrubber({})
    first, again, second = ([word.format(value) for word in words] for value in (one, one, other))
    assert scrub.argv(first) == scrub.argv(again) != scrub.argv(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"api_key": "alpha-1"}, {"api_key": "alpha-2"}),
        ({"password": 123456}, {"password": 123457}),
        ({"env": [{"name": "API_KEY", "value": "v1"}]}, {"env": [{"name": "API_KEY", "value": "v2"}]}),
        ({"a": {"b": {"client_secret": "x1y2z3"}}}, {"a": {"b": {"client_secret": "x1y2z4"}}}),
        (["--token", "abc1"], ["--token", "abc2"]),
        ({"secret": {"data": {"a": "sunset1"}}}, {"secret": {"data": {"a": "sunset2"}}}),
        ({"secret": {"data": {"a": 1234567}}}, {"secret": {"data": {"a": 1234568}}}),
        (["--password=ab1,user=x"], ["--password=ab2,user=x"]),
        (["--password=ab1,user=x"], ["--password=ab1,user=y"]),
        ({"openai": {"key": "alpha-1-beta"}}, {"openai": {"key": "alpha-2-beta"}}),
    ],
)
def test_two_values_stay_two(one: Any, other: Any) -> None:
    """So do values in a configuration, at any depth and of any type."""
    scrub = TellingScrubber({})
    assert scrub.value(one) == TellingScrubber({}).value(one) != scrub.value(other)
    assert scrub.value(scrub.value(one)) == scrub.value(one), "what was hidden once stays as it is"


def test_a_credential_that_was_rotated_is_no_other_value() -> None:
    """The value of a secret variable, and a token of a known kind, stand as the placeholder alone."""
    for one, other in (("s3cr3t-Value-0001", "s3cr3t-Value-0002"), ("ab" * 20, "cd" * 20)):
        first = TellingScrubber({"MY_API_KEY": one}).value({"api_key": one, "url": f"https://h/{one}"})
        assert first == TellingScrubber({"MY_API_KEY": other}).value({"api_key": other, "url": f"https://h/{other}"})
        assert first == {"api_key": PLACEHOLDER, "url": f"https://h/{PLACEHOLDER}"}
    github = ["ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_9Zq7e42F292c6912E7710c838347Ae1abcde"]
    assert {TellingScrubber({}).value({"token": one})["token"] for one in github} == {PLACEHOLDER}


def test_a_value_beside_a_credential_still_counts() -> None:
    """Where one text holds both, only the credential may change."""
    texts = [
        f"key {key}, the password is {word}" for key in ("k" * 30, "q" * 30) for word in ("Tr0ub4dor&3", "x9!Horse77")
    ]
    told = [TellingScrubber({"A_TOKEN": "k" * 30, "B_TOKEN": "q" * 30}).text(text) for text in texts]
    assert told[0] == told[2] != told[1] == told[3]


def test_output_and_kept_files_have_no_digests() -> None:
    """They are no facts of what ran, and there may be very many."""
    scrub = TellingScrubber({})
    data = b'{"api_key": "alpha-beta-gamma-1"}\n' * 3
    assert MARK.encode() not in scrub.data(data)
    assert scrub.data(data) == Scrubber({}).data(data)


def test_of_too_many_it_is_said_that_they_are_not_told_apart() -> None:
    """Digests cost time, so their number is bounded; beyond it a layer is not known, and never the same."""
    scrub = TellingScrubber({})
    values = scrub.value({f"service_{number}": {"api_key": f"alpha-{number}"} for number in range(MOST + 2)})
    shown = [one["api_key"] for one in values.values()]
    assert len(set(shown)) == MOST + 1
    assert shown[-2:] == [UNTOLD, UNTOLD]
    record = blank("20260101T000000Z", "2026-01-01T00:00:00Z")
    record["model_config"] = {"model": "m", **values}
    assert identify(record)["layers"]["model"] is None
    assert identify(record)["unknown"]["model"] == "more of its values are hidden than are told apart"


def test_a_thousand_errors_take_nothing_from_the_facts(project: Project) -> None:
    """What goes wrong may speak of passwords as often as it likes: the layers are known, and no digest stands there."""
    project.write(
        "eval.py",
        "import json, sys\n"
        "errors = [f'the password is Horse-{n}-battery' for n in range(1000)]\n"
        "model = {'provider': 'p', 'model': 'm', 'api_key': sys.argv[1]}\n"
        "print(json.dumps({'metrics': {'accuracy': 1.0}, 'errors': errors, 'model': model}))\n",
    )
    for key in ("alpha-1", "alpha-2"):
        project.run("python3", "eval.py", key)
    first, second = project.records()
    assert first["identity"]["layers"]["model"] != second["identity"]["layers"]["model"]
    assert all(record["identity"]["layers"]["model"] for record in (first, second))
    assert PLACEHOLDER in first["errors"][0]["message"]
    assert MARK not in json.dumps(first["errors"])


def test_variables_that_hide_differ_however_many_they_are(project: Project) -> None:
    """The digest over what is not recorded of the environment sees each of them."""
    many = {f"PLACE_{number}": f"use api_key: alpha-{number}" for number in range(MOST + 9)}
    last = f"PLACE_{MOST + 8}"
    for value in ("use api_key: another", many[last]):
        project.run("true", env={**many, last: value})
    first, second = (record["software"]["env_rest"] for record in project.records())
    assert first != second


def test_diff_says_that_a_hidden_value_changed(project: Project) -> None:
    """End to end: another key in a config is a change that is named, and neither key is on disk."""
    for number in (1, 2, 1):
        project.write("eval.json", json.dumps({"temperature": 0, "api_key": f"alpha-{number}"}))
        project.run("echo", '{"accuracy": 0.5}', options=("--config", "eval.json", "--set", "model.provider=p"))
    first, second, third = (one["identity"]["layers"]["config"] for one in project.records())
    assert first == third != second
    said = project.evalprov("diff", "latest~2", "latest~1").stdout.decode()
    assert "api_key changed (values hidden)" in said
    files = [file for file in Path(project.path, "metrics").rglob("*") if file.is_file()]
    assert files
    assert not any(b"alpha-" in file.read_bytes() for file in files)


@pytest.mark.parametrize("other", ["pepper=Xk9!mQ2z", "pepper=Yk9!mQ2z"])
@pytest.mark.parametrize("text", ["{}", "one two {} three", "url=https://h/x {}"])
def test_what_another_version_hid_is_told_by_its_digest(text: str, other: str) -> None:
    """A record in which a value stands and one in which it is hidden are the same where it is, and else are not."""
    plain, hidden = blank("20260101T000000Z", "2026-01-01T00:00:00Z"), blank("20260102T000000Z", "2026-01-02T00:00:00Z")
    value = text.format("pepper=Xk9!mQ2z")
    told = value.replace("Xk9!mQ2z", f"{MARK}{digest_of(value)}")
    for record, shown in ((plain, text.format(other)), (hidden, told)):
        record["model_config"] = {"model": "m", "extra": {"note": shown, "same": 1}}
        record["identity"] = identify(record)
    assert plain["identity"]["layers"]["model"] != hidden["identity"]["layers"]["model"]
    same = other == "pepper=Xk9!mQ2z"
    assert (layer_states(plain, hidden)["model"] == "changed") != same
    assert (changes(plain, hidden) == []) == same


@pytest.mark.parametrize("number", [4812, 0.25, "4812"])
def test_a_number_that_another_version_hid_is_told_as_well(number: object) -> None:
    """A number that is hidden was a text by then."""
    assert alike(number, f"{MARK}{digest_of(str(number))}")
    assert not alike(4813, f"{MARK}{digest_of(str(number))}")
    assert not alike(number, UNTOLD)
    assert not alike([number], f"{MARK}{digest_of(str([number]))}")
