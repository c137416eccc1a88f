"""The table of facts: whatever a record holds of a layer has its row, and a new row is all that a new fact takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import evalprov
from evalprov.record.facts import FACTS
from evalprov.record.form import blank

# What a section holds beside its facts: where they come from, what is told with them, what nobody can hold against it.
NO_FACTS = {
    "software.interpreter",  # how sure the packages are
    "software.packages",  # told by their hash
    "software.package_sources",
    "software.env_names",
    "infra.disk_total_mb",
    "infra.gpu",  # its cards, driver and CUDA are
}
SECTIONS = ("agent", "config", "code", "data", "grader", "software", "infra")


def test_whatever_a_layer_holds_has_its_row() -> None:
    """A key that a section of a layer gets later is a fact of the table, or said here to be none."""
    record = dict(blank("", ""))
    keys = {key for fact in FACTS for key in fact.keys}
    held = {f"{section}.{name}" for section in SECTIONS for name in record[section]}  # type: ignore[attr-defined]
    assert {key for key in held if key not in keys and key.partition(".")[0] not in keys} == NO_FACTS


def test_a_row_is_of_one_layer_and_one_name() -> None:
    """No two rows count under one name in a layer's hash."""
    names = [(fact.layer, fact.name) for fact in FACTS]
    assert len(set(names)) == len(names) > 30


ROW = '    single("infra", "fans", "infra.fans", "fans", "speed"),\n)\n'
OTHERS = '    """What was declared of it."""\n\n'
TYPE = f"{OTHERS}    fans: str | None\n"
COLLECTOR = '''"""The machine's fans."""

import os

from evalprov.capture.collector import Findings


def collect(context):
    """Read their speed."""
    return Findings({"infra": {"fans": os.environ.get("FANS")}})
    yield
'''


def changed(package: Path, file: str, old: str, new: str) -> None:
    text = (package / file).read_text()
    assert old in text, (file, old)
    (package / file).write_text(text.replace(old, new, 1))


@pytest.mark.long
def test_a_fact_takes_its_row_its_type_and_its_collector(tmp_path: Path) -> None:
    """Added to a copy of the package, it is recorded, hashed, told and shown; older records read."""
    package = tmp_path / "here" / "evalprov"
    shutil.copytree(Path(evalprov.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    work = tmp_path / "work"
    work.mkdir()

    def called(*argv: str, fans: str = "") -> str:
        probe = (
            "import sys as s; s.path.insert(0, s.argv.pop(1)); from evalprov.cli import main; s.exit(main(s.argv[1:]))"
        )
        environ = {**os.environ, "FANS": fans, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", probe, str(package.parent), *argv],
            cwd=work, env=environ, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    command = ("run", "--", "echo", '{"ok": 1}')
    called(*command)
    table = package / "record" / "facts.py"
    table.write_text(table.read_text().removesuffix(")\n") + ROW)
    changed(package, "record/schema/machine.py", OTHERS, TYPE)
    changed(package, "record/form.py", '"image": None,', '"image": None,\n            "fans": None,')
    (package / "capture" / "machine" / "fans.py").write_text(COLLECTOR)
    changed(package, "capture/__init__.py", "COLLECTORS = {", 'COLLECTORS = {\n    "fans": "machine.fans",')
    for speed in ("slow", "fast"):
        called(*command, fans=speed)
    old, slow, fast = (json.loads(called("show", f"latest~{n}", "--json")) for n in (2, 1, 0))
    assert [one["infra"]["fans"] for one in (old, slow, fast)] == [None, "slow", "fast"]
    assert slow["identity"]["layers"]["infra"] != fast["identity"]["layers"]["infra"]
    assert "change\tinfra\tfans speed\tslow\tfast\t" in called("diff", "latest~1", "latest")
    assert "fans speed" in called("show")
