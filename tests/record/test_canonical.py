"""Our own canonical JSON against the RFC's vectors, the Python package and a JavaScript one."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from evalprov.record.canonical import canonical

ANSWERS = Path(__file__).parents[2] / "fixtures" / "canonical" / "answers.jsonl"
# RFC 8785, appendix B: the bits of a double, and how it is written.
VECTORS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers() | st.integers(-(2**90), 2**90) | st.integers(0, 80).map(lambda n: 2**n)
DOUBLE = st.floats(allow_nan=False, allow_infinity=False)
DOCUMENT = st.recursive(
    st.none() | st.booleans() | WHOLE | DOUBLE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(("bits", "written"), VECTORS.items())
def test_numbers_are_written_as_the_rfc_shows(bits: str, written: str) -> None:
    """Each double of the RFC's appendix B is written as it says there."""
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(value).decode() == written


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_json_has_not_is_refused(bits: str) -> None:
    """NaN and the infinities are an error, at any depth."""
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(ValueError, match=r"a\.0 is .*, which JSON has not"):
        canonical({"a": [value]})


def test_the_rfc_examples_come_out_byte_for_byte() -> None:
    """The RFC's sample object, and its sample of keys sorted by UTF-16 code units."""
    sample = r"""{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"""
    wanted = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )
    assert canonical(json.loads(sample)).decode() == wanted
    keys = {"\u20ac": 5, "\r": 1, "\ufb33": 7, "1": 2, "\U0001f600": 6, "\u0080": 3, "\u00f6": 4}
    assert list(json.loads(canonical(keys)).values()) == [1, 2, 3, 4, 5, 6, 7]


def exact(value: Any) -> Any:
    """Return a document with every large whole number as a double, where that has its digits, else as a text."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [exact(inner) for inner in value]
    if isinstance(value, int) and abs(value) >= 1 << 53:
        digits = str(value)
        same = len(digits) < 23 and rfc8785.dumps(float(value)).decode() == digits
        return float(value) if same else digits
    return value


@given(DOCUMENT)
def test_it_is_the_canonical_form_of_the_record(document: Any) -> None:
    """The package `rfc8785` writes the same bytes, once whole numbers that no double holds are texts."""
    assert canonical(document) == rfc8785.dumps(exact(document))


@given(st.binary(min_size=8, max_size=8))
def test_any_double_is_written_as_the_package_writes_it(bits: bytes) -> None:
    """For every bit pattern both give the same digits or refuse."""
    (value,) = struct.unpack(">d", bits)
    if value - value == 0:
        assert canonical(value) == rfc8785.dumps(value)


def test_javascript_agrees_on_a_thousand_documents() -> None:
    """The npm package canonicalize gives the same text for each of 1,000 generated documents."""
    lines = ANSWERS.read_text("utf-8").rstrip("\n").split("\n")
    assert len(lines) == 1000
    for line in lines:
        document, answer = json.loads(line)
        assert canonical(json.loads(document)).decode() == answer


def test_one_and_one_point_zero_are_alike() -> None:
    """A number counts by its value, and a large whole number by its digits."""
    assert canonical([1, -0.0, 1e2, True]) == b"[1,0,100,true]"
    assert canonical([1 << 53, (1 << 53) + 1, 10**400]) == b'[9007199254740992,"9007199254740993","1%b"]' % (b"0" * 400)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, {1: 2}, {"a": object()}, b"bytes", {1, 2}])
def test_what_has_no_form_is_refused(value: object) -> None:
    """Half characters, keys that are no strings, and foreign types are a ValueError."""
    with pytest.raises(ValueError, match=r"half a character|no string|no JSON type"):
        canonical(value)
