"""Folders that tools make: nothing in them is anybody's source."""

# Of no use to a program, or made anew by it.
CACHES = frozenset(
    (
        *("__pycache__", ".git", ".hg", ".svn", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"),
        *(".ipynb_checkpoints", ".hypothesis", ".eggs", "node_modules"),
    )
)
# Made anew, or known by lock files and versions; a Python environment is known by what is in it, too.
BUILT = frozenset(("build", "dist", "_build", "target", "site-packages", "dist-packages", "venv", ".venv", "env"))
ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
