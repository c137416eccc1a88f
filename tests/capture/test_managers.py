"""Which environment uv, poetry, conda and their like run a command in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from environments import like_venv, program

from evalprov.capture.software.interpreter import choose
from evalprov.capture.software.poetry import env_name
from evalprov.capture.software.way import PythonChoice

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = '[project]\nname = "p"\nversion = "1"\n'
RUN = ("run", "python", "x.py")


def chosen(folder: Path, *argv: str, environ: Mapping[str, str] | None = None) -> PythonChoice:
    """Choose for a command in a folder where no manager is installed at all."""
    return choose(argv, str(folder), {"PATH": "/nowhere", "HOME": "/nowhere", **(environ or {})}, str(folder))


def place(choice: PythonChoice, base: Path) -> str | None:
    """Return the chosen environment relative to a folder."""
    return str(Path(choice.argv[0]).parent.parent.relative_to(base)) if choice.argv else None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an environment of its own and one beside it."""
    (tmp_path / "p/sub").mkdir(parents=True)
    (tmp_path / "p/pyproject.toml").write_text(PROJECT)
    like_venv(tmp_path / "p/.venv")
    (tmp_path / "p/.venv/pyvenv.cfg").write_text("home = /x\nversion_info = 3.11.7\n")
    like_venv(tmp_path / "other")
    return tmp_path / "p"


@pytest.mark.parametrize(
    ("command", "place_of"),
    [
        ("uv run python x.py", ".venv"),
        ("uv run --frozen -q --extra dev --group=g -- python x.py", ".venv"),
        ("uv run --with-editable . python", None),
        ("uv run --env-file .env --index-url https://i.example.org eval.py", ".venv"),
        ("uv run eval.py --with x", ".venv"),
        ("uv run package", ".venv"),
        ("uv run -m pytest", ".venv"),
        ("uv run --script other.txt", ".venv"),
        ("uv run tool", ".venv"),
        ("uv run env A=1 nice python x.py", ".venv"),
        ("uv run -", ".venv"),
        ("uv run -p 3.11 python", ".venv"),
        ("uv run --python cpython@3.11.7 python", ".venv"),
        ("uv run -p 3.12 python", None),
        ("uv run --python=/usr/bin/python3 python", None),
        ("uv run --isolated python", None),
        ("uv run --no-project python", None),
        ("uv run --with rich python", None),
        ("uv run -w rich python", None),
        ("uv run inline.py", None),
        ("uv tool run ruff", None),
        ("uv sync", None),
        ("uv run", None),
        ("uv --directory sub run python x.py", ".venv"),
        ("uv --project ../else run python", None),
    ],
)
def test_uv(project: Path, command: str, place_of: str | None) -> None:
    """uv runs a command in the project's environment, unless it is asked to make another."""
    (project / "eval.py").write_text("")
    (project / "other.txt").write_text("")
    (project / "package").mkdir()
    (project / "package/__main__.py").write_text("")
    (project / "inline.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    program(project / ".venv/bin/tool", f"#!{project}/.venv/bin/python\n")
    choice = chosen(project, *command.split())
    assert place(choice, project) == place_of
    if place_of:
        assert (choice.found_by, choice.certain) == ("uv", True)
        assert "up to date" in (choice.reason or "")
    else:
        assert choice.reason


def test_uv_settings_in_the_environment(project: Path) -> None:
    """uv's variables choose as its options do; the active environment counts only where uv lets it."""
    base = project.parent
    active = {"VIRTUAL_ENV": f"{base}/other"}
    assert place(chosen(project / "sub", "uv", *RUN, environ=active), base) == "p/.venv"
    assert place(chosen(project, "uv", "run", "--active", "python", environ=active), base) == "other"
    assert place(chosen(project / "sub", "uv", *RUN, environ={"UV_PROJECT_ENVIRONMENT": "../other"}), base) == "other"
    assert place(chosen(base, "uv", *RUN, environ={"UV_PROJECT": "p"}), base) == "p/.venv"
    assert place(chosen(project, "uv", *RUN, environ={"UV_PYTHON": "3.12"}), base) is None
    assert place(chosen(project, "uv", *RUN, environ={"UV_ISOLATED": "1"}), base) is None
    assert place(chosen(project, "uv", *RUN, environ={"UV_NO_PROJECT": "false"}), base) == "p/.venv"
    assert chosen(project, "uv", *RUN, environ={"UV_NO_SYNC": "1"}).reason is None
    (project / ".python-version").write_text("3.12\n")
    assert place(chosen(project, "uv", *RUN), base) is None


def test_uv_without_a_project(tmp_path: Path) -> None:
    """Without a project uv takes the active environment, else the nearest .venv, else it is not known."""
    like_venv(tmp_path / "active")
    (tmp_path / "a/b").mkdir(parents=True)
    assert "picks a Python itself" in (chosen(tmp_path / "a/b", "uv", *RUN).reason or "")
    like_venv(tmp_path / "a/.venv")
    assert place(chosen(tmp_path / "a/b", "uv", *RUN), tmp_path) == "a/.venv"
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        environ = {name: f"{tmp_path}/active"}
        assert place(chosen(tmp_path / "a/b", "uv", *RUN, environ=environ), tmp_path) == "active"
    (tmp_path / "a/pyproject.toml").write_text(PROJECT + "[tool.uv]\nmanaged = false\n")
    assert place(chosen(tmp_path / "a", "uv", *RUN, environ=environ), tmp_path) == "active"
    (tmp_path / "a/pyproject.toml").write_text("[tool.ruff]\n")
    choice = chosen(tmp_path / "a", "uv", *RUN, environ={"VIRTUAL_ENV": f"{tmp_path}/active"})
    assert (place(choice, tmp_path), choice.certain) == ("a/.venv", False)


def test_uv_workspaces(tmp_path: Path) -> None:
    """A member of a workspace shares its environment; what is excluded or merely lies inside does not."""
    workspace = '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/out"]\n'
    for name, text in (
        ("", PROJECT + workspace),
        ("packages/in", PROJECT),
        ("packages/out", PROJECT),
        ("else", PROJECT),
    ):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "pyproject.toml").write_text(text)
        like_venv(tmp_path / name / ".venv")
        wanted = ".venv" if name in {"", "packages/in"} else f"{name}/.venv"
        assert place(chosen(tmp_path / name, "uv", *RUN), tmp_path) == wanted


def test_an_environment_that_is_not_there_yet(tmp_path: Path) -> None:
    """An environment that a manager has yet to make is not known."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    for manager in ("uv", "poetry", "pdm", "rye", "hatch"):
        choice = chosen(tmp_path, manager, *RUN)
        assert (choice.argv, choice.certain) == ((), False)
        assert manager in (choice.reason or "")


def test_in_an_environment_a_shell_is_uncertain(project: Path) -> None:
    """A shell, or a manager's own task, inside an environment most likely uses it, which is not certain."""
    for words in (("uv", "run", "bash", "x.sh"), ("pdm", "run", "evaluate"), ("rye", "run", "evaluate")):
        choice = chosen(project, *words, environ={"PATH": "/usr/bin:/bin"})
        assert (place(choice, project), choice.certain, choice.found_by) == (".venv", False, words[0])


# Names that poetry 2.5 gave to the environments of these projects.
@pytest.mark.parametrize(
    ("name", "folder", "wanted"),
    [
        ("My_Cool.Project", "/srv/my project", "my-cool-project-DauAKNz7"),
        ("Plain", "/srv/plain", "plain-jQc7q9ka"),
        (
            "A-very_long.name of-a-project that-goes-on-and-on",
            "/srv/$money",
            "a-very-long-name_of-a-project_that-goes-on-bNIQfyaD",
        ),
    ],
)
def test_poetry_names(name: str, folder: str, wanted: str) -> None:
    """An environment in poetry's cache has the name that poetry itself gives it."""
    assert env_name(name, folder) == wanted


class Poetry:
    """A project of poetry's, and the folders where poetry may keep its environments."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.project = base / "p"
        (self.project / "sub").mkdir(parents=True)
        (self.project / "pyproject.toml").write_text('[tool.poetry]\nname = "P_q"\n')
        self.name = env_name("p-q", str(self.project))
        self.cache = base / "home/.cache/pypoetry/virtualenvs"
        like_venv(base / "active")

    def choose(self, **environ: str) -> PythonChoice:
        """Choose for a command in a sub-folder."""
        environ = {"HOME": f"{self.base}/home", **environ}
        return chosen(self.project / "sub", "poetry", *RUN, environ=environ)

    def place(self, **environ: str) -> str | None:
        """Return the environment chosen."""
        return place(self.choose(**environ), self.base)


@pytest.fixture
def poetry(tmp_path: Path) -> Poetry:
    """A project of poetry's."""
    return Poetry(tmp_path)


def test_poetry_in_its_cache(poetry: Poetry) -> None:
    """The one environment in the cache is taken, wherever the settings have put the cache."""
    shown = f"{poetry.name}-py3.11"
    like_venv(poetry.cache / shown)
    assert poetry.place() == f"home/.cache/pypoetry/virtualenvs/{shown}"
    for number, variable in enumerate(("POETRY_CACHE_DIR", "POETRY_VIRTUALENVS_PATH", "XDG_CACHE_HOME")):
        folder = poetry.base / str(number)
        below = {"POETRY_CACHE_DIR": "virtualenvs", "XDG_CACHE_HOME": "pypoetry/virtualenvs"}.get(variable, "")
        like_venv(folder / below / shown)
        assert poetry.place(**{variable: str(folder)}) == str(Path(str(number), below, shown))
    config = poetry.base / "home/.config/pypoetry/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'cache-dir = "{poetry.base}/c"\n[virtualenvs]\npath = "{{cache-dir}}/here"\n')
    like_venv(poetry.base / "c/here" / shown)
    assert poetry.place() == f"c/here/{shown}"


def test_poetry_with_several_environments(poetry: Poetry) -> None:
    """Of several the one in use counts, else that of the Python on the search path, else none is known."""
    for minor in ("3.10", "3.11", "3.12"):
        like_venv(poetry.cache / f"{poetry.name}-py{minor}")
    choice = poetry.choose()
    assert choice.argv == ()
    assert "several environments" in (choice.reason or "")
    program(poetry.base / "bin/python3.12", "")
    (poetry.base / "bin/python").symlink_to("python3.12")
    assert (poetry.place(PATH=f"{poetry.base}/bin") or "").endswith("-py3.12")
    (poetry.cache / "envs.toml").write_text(f'[{poetry.name}]\nminor = "3.10"\npatch = "3.10.1"\n')
    assert (poetry.place(PATH=f"{poetry.base}/bin") or "").endswith("-py3.10")
    assert (poetry.place(VIRTUAL_ENV=f"{poetry.base}/active") or "").endswith("-py3.10")


def test_poetry_may_make_another(poetry: Poetry) -> None:
    """Where the only environment is of another Python than the search path has, it is not certain."""
    like_venv(poetry.cache / f"{poetry.name}-py3.10")
    program(poetry.base / "bin/python3.12", "")
    (poetry.base / "bin/python").symlink_to("python3.12")
    choice = poetry.choose(PATH=f"{poetry.base}/bin")
    assert choice.argv
    assert not choice.certain
    assert "for Python 3.12" in (choice.reason or "")


def test_poetry_in_the_project(poetry: Poetry) -> None:
    """The project's own .venv goes before the cache unless it is switched off; an active one before both."""
    like_venv(poetry.cache / f"{poetry.name}-py3.11")
    like_venv(poetry.project / ".venv")
    assert poetry.place() == "p/.venv"
    assert (poetry.place(POETRY_VIRTUALENVS_IN_PROJECT="false") or "").endswith("-py3.11")
    (poetry.project / "poetry.toml").write_text("[virtualenvs]\nin-project = false\n")
    assert (poetry.place() or "").endswith("-py3.11")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        assert poetry.place(**{name: f"{poetry.base}/active"}) == "active"
    assert (poetry.place(CONDA_PREFIX=f"{poetry.base}/active", CONDA_DEFAULT_ENV="base") or "").endswith("-py3.11")
    assert "Python of its own choice" in (
        poetry.choose(POETRY_VIRTUALENVS_CREATE="false", POETRY_VIRTUALENVS_IN_PROJECT="false").reason or ""
    )


@pytest.fixture
def conda(tmp_path: Path) -> Path:
    """A conda with environments in several places."""
    for name in ("root", "root/envs/one", "dirs/two", "home/.conda/envs/three", "far/four"):
        like_venv(tmp_path / name)
        (tmp_path / name / "conda-meta").mkdir()
    (tmp_path / "home/.conda/environments.txt").write_text(f"{tmp_path}/far/four\n{tmp_path}/root\n")
    program(tmp_path / "root/condabin/conda", "#!/bin/sh\n")
    return tmp_path


@pytest.mark.parametrize("manager", ["conda", "mamba", "micromamba"])
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("run -n one python x.py", "root/envs/one"),
        ("run --name=two --no-capture-output python x.py", "dirs/two"),
        ("run -n three --live-stream env python x.py", "home/.conda/envs/three"),
        ("run -n four python x.py", "far/four"),
        ("run -n base python x.py", "root"),
        ("run -p far/four python x.py", "far/four"),
        ("run --prefix {base}/far/four python x.py", "far/four"),
        ("run python x.py", "root"),
        ("run -n ../far/four python x.py", None),
        ("run -n missing python x.py", None),
        ("install x", None),
    ],
)
def test_conda(conda: Path, manager: str, words: str, wanted: str | None) -> None:
    """conda's environments are found by name or by path, in all the places that it keeps them."""
    environ = {"HOME": f"{conda}/home", "CONDA_ENVS_DIRS": f"{conda}/nowhere:{conda}/dirs"}
    if manager == "micromamba":
        environ["MAMBA_ROOT_PREFIX"] = f"{conda}/root"
    else:
        environ["CONDA_EXE"] = f"{conda}/root/bin/conda"
    choice = chosen(conda, manager, *words.format(base=conda).split(), environ=environ)
    assert place(choice, conda) == wanted
    assert (choice.reason is None) == (wanted is not None)


def test_conda_without_its_variables(conda: Path) -> None:
    """conda's own folder is found through its program; without a name the active environment counts."""
    environ = {"HOME": "/nowhere", "PATH": f"{conda}/root/condabin"}
    assert place(chosen(conda, "conda", "run", "-n", "one", "python", environ=environ), conda) == "root/envs/one"
    environ["CONDA_PREFIX"] = f"{conda}/dirs/two"
    assert place(chosen(conda, "conda", *RUN, environ=environ), conda) == "dirs/two"


def test_the_others(project: Path) -> None:
    """pdm, rye, pipenv and pixi use what lies in the project; each has a rule for what goes before it."""
    base = project.parent
    active = {"VIRTUAL_ENV": f"{base}/other"}
    sub = project / "sub"
    assert place(chosen(sub, "rye", *RUN, environ=active), base) == "p/.venv"
    assert place(chosen(sub, "pdm", *RUN, environ=active), base) == "p/.venv"
    assert place(chosen(base, "pdm", "run", "-p", "p", "python"), base) == "p/.venv"
    (project / ".pdm-python").write_text(f"{base}/other/bin/python")
    assert place(chosen(sub, "pdm", *RUN), base) == "other"
    assert "finds no project" in (chosen(base, "pipenv", *RUN).reason or "")
    (project / "Pipfile").write_text("")
    assert place(chosen(sub, "pipenv", *RUN), base) == "p/.venv"
    assert place(chosen(sub, "pipenv", *RUN, environ=active), base) == "other"
    environ = {**active, "PIPENV_IGNORE_VIRTUALENVS": "1"}
    assert place(chosen(sub, "pipenv", *RUN, environ=environ), base) == "p/.venv"
    assert "no .pixi folder" in (chosen(sub, "pixi", *RUN).reason or "")
    like_venv(project / ".pixi/envs/default")
    like_venv(project / ".pixi/envs/gpu")
    assert place(chosen(sub, "pixi", *RUN), base) == "p/.pixi/envs/default"
    assert place(chosen(sub, "pixi", "run", "-e", "gpu", "python"), base) == "p/.pixi/envs/gpu"
