"""What the probe tells of an interpreter and its packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from environments import install, make_venv, site_of, told_by_python

from evalprov.capture.software.packages import PROBE, Installed, packages_hash, parse
from evalprov.capture.text import normalised


def probe(python: Path | str, *, first: str = "", flags: tuple[str, ...] = (), **how: object) -> Installed:
    """Run the probe and read its answer."""
    environ = {"PATH": os.defpath, **how.pop("environ", {})}  # type: ignore[dict-item]
    command = [python, *flags, "-B", "-c", PROBE, first]
    answer = subprocess.run(command, check=True, capture_output=True, env=environ, **how)  # type: ignore[call-overload]
    installed = parse(answer.stdout)
    assert installed is not None, answer
    return installed


def named(packages: dict[str, str]) -> dict[str, str]:
    """Return packages by normalised name."""
    return {normalised(name): version for name, version in packages.items()}


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with packages of every kind."""
    venv = make_venv(tmp_path_factory.mktemp("packages") / "v")
    site = site_of(venv)
    install(site, "plain", "1.0")
    install(site, "Ruamel.Yaml-Clib", "0.2.8+local.1")
    legacy = install(site, "legacy", "1.0.0")
    (legacy / "METADATA").write_text("Metadata-Version: 2.1\nName: legacy\nVersion: 1.0.0-rc1\n\n")
    vcs = {
        "url": "https://example.org/r.git",
        "vcs_info": {"vcs": "git", "commit_id": "abc"},
        "subdirectory": "p",
    }
    install(site, "from-git", "2.0", direct_url=vcs)
    install(site, "edited", "0.1", direct_url={"url": "file:///src/edited", "dir_info": {"editable": True}})
    install(site, "local", "0.1", direct_url={"url": "file:///src/local", "dir_info": {}})
    hashed = {"url": "https://example.org/a.whl", "archive_info": {"hashes": {"sha256": "ff"}}}
    install(site, "archived", "0.1", direct_url=hashed)
    install(site, "by-conda", "3.0", direct_url={"url": "file:///croot/x", "dir_info": {}}, installer="conda")
    (site / "~lain-0.9.dist-info").mkdir()
    (site / "distutils_one-1.5.egg-info").write_text("Metadata-Version: 1.0\nName: distutils-one\nVersion: 1.5\n")
    old = site / "PyJWT-2.6.0-py3.11.egg-info"
    old.mkdir()
    (old / "PKG-INFO").write_text("Metadata-Version: 1.2\nName: PyJWT\nVersion: 2.6.0\n")
    egg = site / "eggy-3.1-py3.11.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "EGG-INFO/PKG-INFO").write_text("Metadata-Version: 1.2\nName: eggy\nVersion: 3.1\n")
    source = venv.parent / "source"
    (source / "developed.egg-info").mkdir(parents=True)
    (source / "developed.egg-info/PKG-INFO").write_text("Metadata-Version: 1.2\nName: developed\nVersion: 0.0.1\n")
    (site / "paths.pth").write_text(f"{egg}\n{source}\n")
    install(site.parent / "later", "plain", "7.0")
    (site / "zz.pth").write_text(f"{site.parent / 'later'}\n")
    return venv


def test_as_importlib_metadata_has_it(venv: Path) -> None:
    """Packages are those that importlib.metadata finds there, of wheels, eggs and source folders alike."""
    installed = probe(venv / "bin/python")
    assert installed.packages == named(told_by_python(venv / "bin/python"))
    assert installed.packages["plain"] == "1.0"
    assert installed.packages["legacy"] == "1.0.0-rc1"
    assert installed.packages["ruamel-yaml-clib"] == "0.2.8+local.1"
    assert {"pyjwt", "eggy", "distutils-one", "developed"} <= set(installed.packages)
    assert installed.prefix == str(venv)
    assert installed.executable == str(venv / "bin/python")
    assert installed.warnings == []


def test_where_packages_came_from(venv: Path) -> None:
    """A package from a repository, a path or an archive tells so; conda's build folders are no source."""
    assert probe(venv / "bin/python").sources == {
        "from-git": "git+https://example.org/r.git@abc#subdirectory=p",
        "edited": "file:///src/edited (editable)",
        "local": "file:///src/local",
        "archived": "https://example.org/a.whl#sha256=ff",
        "developed": f"file://{venv.parent / 'source'} (editable)",
    }


def test_our_own_packages() -> None:
    """On the interpreter that runs the tests the probe and importlib.metadata agree to the last package."""
    installed = probe(sys.executable)
    wanted: dict[str, str] = {}
    for one in distributions(path=[path for path in sys.path if path.endswith("-packages")]):
        wanted.setdefault(normalised(one.metadata["Name"]), one.version)
    assert installed.packages == wanted
    assert installed.version == sys.version.split()[0]
    assert installed.implementation == sys.implementation.name


HERE = [
    "/usr/bin/python3",
    "/usr/bin/python2.7",
    "/usr/bin/pypy3",
    *map(str, Path.home().glob(".pyenv/versions/*/bin/python")),
]


@pytest.mark.parametrize("python", [path for path in HERE if Path(path).exists()] or [sys.executable])
def test_other_interpreters(python: str) -> None:
    """Whatever other Python this machine has answers as well."""
    installed = probe(python)
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=False)
    assert installed.version in version.stdout + version.stderr
    if installed.version.startswith("3") and not installed.version.startswith(("3.6", "3.7")):
        assert installed.packages == named(told_by_python(python))


def test_isolation_flags(venv: Path, tmp_path: Path) -> None:
    """The interpreter's options in the user's command shape the packages that are found."""
    install(tmp_path, "by-pythonpath", "4.0")
    environ = {"PYTHONPATH": str(tmp_path)}
    assert probe(venv / "bin/python", environ=environ).packages["by-pythonpath"] == "4.0"
    for flag in ("-I", "-E"):
        assert "by-pythonpath" not in probe(venv / "bin/python", flags=(flag,), environ=environ).packages
    assert probe(venv / "bin/python", flags=("-S", "-E"), environ=environ).packages == {}


def test_the_program_folder_comes_first(venv: Path, tmp_path: Path) -> None:
    """What lies beside the program wins, as it does for the program."""
    install(tmp_path, "plain", "8.0")
    first = probe(venv / "bin/python", first=str(tmp_path))
    assert first.packages["plain"] == "8.0"
    assert first.packages == named(told_by_python(venv / "bin/python", str(tmp_path)))
    assert probe(venv / "bin/python", cwd=tmp_path).packages["plain"] == "1.0"


def test_a_hostile_folder(venv: Path, tmp_path: Path) -> None:
    """Modules beside the command, noisy start-up files and exit handlers neither fool nor leave a trace."""
    for name in ("os.py", "sys.py", "json.py", "importlib.py", "posix.py"):
        (tmp_path / name).write_text("raise SystemExit('shadowed')\n")
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import atexit, sys\nprint('hello\\0')\nsys.stdout.write('no newline')\n"
        "atexit.register(print, 'bye')\nsys.stderr.write('grr')\n"
    )
    startup = tmp_path / "startup.py"
    startup.write_text("print('startup')\n")
    environ = {"PYTHONPATH": str(noisy), "PYTHONSTARTUP": str(startup), "PYTHONINSPECT": "1"}
    before = sorted(os.listdir(tmp_path)), sorted(os.listdir(noisy))
    assert probe(venv / "bin/python", environ=environ, cwd=tmp_path).packages == probe(venv / "bin/python").packages
    assert (sorted(os.listdir(tmp_path)), sorted(os.listdir(noisy))) == before


def test_names_that_are_no_text(venv: Path, tmp_path: Path) -> None:
    """A folder whose name is not UTF-8 is no obstacle."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    install(folder, "odd", "1")
    for locale in ("C", "C.UTF-8"):
        environ = {"PYTHONPATH": str(folder), "LC_ALL": locale}
        assert probe(venv / "bin/python", environ=environ).packages["odd"] == "1"


def test_what_cannot_be_told_is_said(venv: Path, tmp_path: Path) -> None:
    """A package that does not say its name, and one that stands twice, are warnings."""
    (tmp_path / "empty-1.0.dist-info").mkdir()
    install(tmp_path, "twice", "1.0")
    install(tmp_path, "twice", "2.0")
    installed = probe(venv / "bin/python", environ={"PYTHONPATH": str(tmp_path)})
    assert "empty" not in installed.packages
    assert installed.packages["twice"] == "1.0"
    first, second = installed.warnings
    assert "empty-1.0.dist-info does not say" in first
    assert "twice stands twice" in second


@pytest.mark.parametrize("cut", [0, 1, 40, -1, -200])
def test_half_an_answer_is_none(venv: Path, cut: int) -> None:
    """An answer that is not whole is no answer."""
    out = subprocess.run([venv / "bin/python", "-B", "-c", PROBE, ""], check=True, capture_output=True).stdout
    assert parse(out) is not None
    assert parse(out[:cut]) is None


def test_the_hash() -> None:
    """A version, a source or a package moves the hash; order and the project's own place do not."""
    packages = {"a": "1", "b": "2"}
    base = packages_hash(packages, {}, "/p")
    assert base == packages_hash({"b": "2", "a": "1"}, {}, "/q")
    assert base != packages_hash({"a": "1", "b": "3"}, {}, "/p")
    assert base != packages_hash(packages, {"a": "git+https://example.org@1"}, "/p")
    assert base != packages_hash({**packages, "c": "1"}, {}, "/p")
    here = packages_hash(packages, {"a": "file:///home/x/p (editable)"}, "/home/x/p")
    assert here == packages_hash(packages, {"a": "file:///srv/p%20q (editable)"}, "/srv/p q")
    assert here != packages_hash(packages, {"a": "file:///home/x/p2 (editable)"}, "/home/x/p")
    assert here != packages_hash(packages, {"a": "file:///home/x/p/sub (editable)"}, "/home/x/p")


@pytest.mark.parametrize(
    "url", [b"{", b"[]", b'{"url": 1, "vcs_info": 3}', b'"x"', b'{"vcs_info": {}}', b"\xff", b"[" * 9000]
)
def test_a_broken_source_file(venv: Path, tmp_path: Path, url: bytes) -> None:
    """A direct_url.json that is not what it should be does not harm the rest."""
    (install(tmp_path, "broken", "1") / "direct_url.json").write_bytes(url)
    installed = probe(venv / "bin/python", environ={"PYTHONPATH": str(tmp_path)})
    assert installed.packages["broken"] == "1"
    assert installed.sources["broken"] == "an unreadable direct_url.json"
    json.dumps(installed.sources)
