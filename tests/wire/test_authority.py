"""The certificates of a run: signed as the standards have it, and believed by nobody who was not told."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from evalprov.wire import curve
from evalprov.wire.authority import Authority


def test_a_signature_is_the_one_of_the_standard() -> None:
    """The example of RFC 6979 (A.2.5, SHA-256, "sample"): its key has its point, and its signature comes out."""
    key = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    once = 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60
    assert curve.point_of(key) == (
        0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
        0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
    )
    assert curve.signed(key, hashlib.sha256(b"sample").digest(), once) == (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to ask")
def test_openssl_agrees_with_what_is_signed(tmp_path: Path) -> None:
    """Many keys, the smallest among them: each signs a host's certificate that holds, for that host alone."""
    for number in (1, 2, curve.ORDER - 1, *(curve.random_number() for _ in range(5))):
        authority = Authority(f"{number:x}")
        (tmp_path / "roots.pem").write_text(authority.certificate)
        (tmp_path / "leaf.pem").write_text(authority.leaf("api.example.org"))
        asked = ["openssl", "verify", "-check_ss_sig", "-CAfile", "roots.pem", "-verify_hostname"]
        good = subprocess.run([*asked, "api.example.org", "leaf.pem"], cwd=tmp_path, capture_output=True, text=True)
        assert good.returncode == 0, good.stdout + good.stderr
        assert subprocess.run([*asked, "api.example.net", "leaf.pem"], cwd=tmp_path, capture_output=True).returncode
