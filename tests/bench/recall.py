"""What the scrubber hides of the corpus, beside other tools' rules on the same texts, and how fast it is.

Usage: python tests/bench/recall.py [--gitleaks gitleaks.toml] [--missed]
detect-secrets is measured if it is installed; gitleaks' rules if its file of rules is given.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
import tomllib
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "fixtures" / "secrets"))

from corpus import POINTED, Case
from measure import Figures, Shown, expected, measure, ours

from evalprov.secrets import Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20


def hiding(find: Callable[[str], Iterator[str]]) -> Shown:
    """Return a scrubber made of a tool that names the secrets in a text."""

    def shown(case: Case) -> str:
        text = expected(case)
        if case.environ:
            name, value = next(iter(case.environ.items()))
            text = f"{name}={value}\n{text}"
        for secret in sorted(set(find(text)), key=len, reverse=True):
            text = text.replace(secret, "[secret]") if secret else text
        return text.partition("\n")[2] if case.environ else text

    return shown


def detect_secrets() -> Shown | None:
    """Return detect-secrets with all its plugins, or none where it is not installed."""
    try:
        from detect_secrets.core.scan import scan_file
        from detect_secrets.settings import default_settings
    except ImportError:
        return None

    def find(text: str) -> Iterator[str]:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file, default_settings():
            file.write(text)
            file.flush()
            yield from (one.secret_value or "" for one in scan_file(file.name))

    return hiding(find)


def gitleaks(path: str) -> Shown:
    """Return gitleaks' rules, each run as it would run them: keywords first, then the pattern, then the entropy."""
    rules: list[tuple[list[str], re.Pattern[str], int, float]] = []
    for rule in tomllib.loads(Path(path).read_text())["rules"]:
        if "regex" in rule:
            pattern = _in_python(rule["regex"])
            if pattern is not None:
                rules.append((rule.get("keywords", []), pattern, rule.get("secretGroup", 0), rule.get("entropy", 0)))
    print(f"gitleaks: {len(rules)} rules")

    def find(text: str) -> Iterator[str]:
        lower = text.lower()
        for keywords, pattern, group, entropy in rules:
            if keywords and not any(word.lower() in lower for word in keywords):
                continue
            for found in pattern.finditer(text):
                secret = found[group] if group else next((one for one in found.groups() if one), found[0])
                if bits(secret) >= entropy:
                    yield secret

    return hiding(find)


def _in_python(pattern: str) -> re.Pattern[str] | None:
    """Return a Go pattern compiled here: flags in the middle apply to a group, a few classes have other names."""
    pattern = pattern.replace("[[:alnum:]]", "[A-Za-z0-9]").replace("\\z", "\\Z")
    while found := re.search(r"\(\?([is]+)\)", pattern):
        depth, end = 0, found.end()
        while end < len(pattern) and depth >= 0:
            if pattern[end] == "\\":
                end += 1
            elif pattern[end] == "(":
                depth += 1
            elif pattern[end] == ")":
                depth -= 1
            end += 1
        end -= depth < 0
        pattern = f"{pattern[: found.start()]}(?{found[1]}:{pattern[found.end() : end]}){pattern[end:]}"
    try:
        return re.compile(pattern)
    except re.error:
        return None


def bits(text: str) -> float:
    """Return the entropy of a text in bits a character."""
    shares = [text.count(char) / len(text) for char in set(text)]
    return -sum(share * log2(share) for share in shares)


def table(measured: dict[str, dict[str, Figures]]) -> None:
    """Print recall by kind and false hiding, a column for each tool and part."""
    columns = [(tool, part) for tool, parts in measured.items() for part in parts]
    print(f"\n{'hidden of the canaries':24}" + "".join(f"{f'{tool} {part}':>22}" for tool, part in columns))
    kinds: dict[str, Any] = {kind: [kind] for kind in next(iter(measured.values()))["open"].tried}
    for name, chosen in {**kinds, "pointed at": POINTED, "all": None}.items():
        figures = (measured[tool][part].recall(chosen) for tool, part in columns)
        print(f"{name:24}" + "".join(f"{figure:>22.1%}" for figure in figures))
    print(f"{'innocents changed':24}" + "".join(f"{measured[t][p].false_hiding:>22.2%}" for t, p in columns))


def speeds() -> Iterator[tuple[str, float]]:
    """Yield what a stream is made of and the MB a second that it goes by, by the CPU's clock."""
    words = b"".join(
        b"10:%02d:%02d INFO step %d: loss %.4f and ordinary words\n" % (i % 60, i % 60, i, i / 7) for i in range(30000)
    )
    row = {"id": 1, "text": 'some words and "more"', "score": 0.5}
    texts = {
        "log lines": words,
        "JSON lines": json.dumps(row).encode() + b"\n",
        "zeros": bytes(MIB),
        "digests": b"data/part-0001.json sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ok\n",
        "lines about tokens": b"INFO usage: prompt_tokens=12 completion_tokens=3 total_tokens=15 of 8192\n",
        "other numbers in each": b"".join(
            b"10:%02d:%02d INFO model=gpt-4o usage: prompt_tokens=%d completion_tokens=%d, finish=stop\n"
            % (i // 60 % 60, i % 60, i * 7 % 8192, i * 31 % 512)
            for i in range(20000)
        ),
        "and a secret": b"".join(
            b'10.0.0.%d - - "GET /v1/x?page=%d&api_key=sunset42moon HTTP/1.1" 200 %d\n' % (i % 256, i % 97, i)
            for i in range(20000)
        ),
        "a new secret a line": b"".join(b"user %d logs in with password=Sunset%dmoon\n" % (i, i) for i in range(30000)),
        "a secret a line": b"GET /v1?x=1 api_key=sunset42moon Authorization: Bearer abc done\n",
    }
    environ = {"OPENAI_API_KEY": "sk-proj-" + "abcDEF123456ghiJKL789mnoPQR", "DB_PASSWORD": "Sommer2024!"}
    for name, unit in texts.items():
        data = (unit * (MIB // len(unit) + 1))[:MIB]
        stream = Scrubber(environ).stream()
        stream.feed(data[: 1 << 14])
        began = time.process_time()
        done = 0
        while done < MIB << 4 and time.process_time() - began < 2:
            stream.feed(data[done % MIB : done % MIB + (1 << 16)])
            done += 1 << 16
        stream.close()
        yield name, done / 1e6 / (time.process_time() - began)


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser()
    options.add_argument("--gitleaks", help="gitleaks' file of rules, gitleaks.toml")
    options.add_argument("--missed", action="store_true", help="name what was missed of the open part")
    given = options.parse_args()
    tools: dict[str, Shown | None] = {"evalprov": ours, "detect-secrets": detect_secrets()}
    tools["gitleaks"] = gitleaks(given.gitleaks) if given.gitleaks else None
    for name, tool in tools.items():
        if tool is None:
            print(f"{name}: not here, so not measured")
    present = {name: tool for name, tool in tools.items() if tool}
    measured = {name: {part: measure(part, tool) for part in ("open", "held")} for name, tool in present.items()}
    table(measured)
    if given.missed:
        figures = measured["evalprov"]["open"]
        print("\n".join(sorted({f"  {case.kind}: {case.template}" for case in (*figures.missed, *figures.changed)})))
    print()
    for name, speed in speeds():
        print(f"{name:24}{speed:>10.1f} MB/s", flush=True)


if __name__ == "__main__":
    main()
