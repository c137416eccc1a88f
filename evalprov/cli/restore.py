"""`evalprov restore`: an old run's files, and its packages, in a folder of their own."""

from __future__ import annotations

import os

from evalprov import render
from evalprov.cli.common import NEEDED_RUN, STORE, open_store
from evalprov.cli.options import Argument, Option, Subcommand
from evalprov.isolation import given_environment, here
from evalprov.restore.bring import RestoreRequest
from evalprov.restore.bring import restore as brought
from evalprov.restore.setting import named_ahead
from evalprov.settings import load
from evalprov.store import read
from evalprov.store.ids import is_run_id
from evalprov.views import restore as view


def restore(*, run: str, folder: str | None, env: bool, as_json: bool, store: str | None) -> int:
    """Bring a run's files back to a folder of their own, and prove that they are what ran.

    Without DIR the folder is named after the run and is made here. Your own repository is only read. What is proven,
    and by what, is said of each layer; what could not be brought back is named. Nothing of the run is started, except
    that --env installs its packages: by uv if that is there, else by venv and pip.

    Exit codes: 0 all of its files are back and proven; 3 not all of them; 125 it cannot be brought back.

    Example: evalprov restore latest~3 /tmp/old --env
    """
    place = open_store(store)
    m = read.load(place, run)
    environ = given_environment()
    ahead = named_ahead(m, environ)
    if not as_json:
        for line in ahead:
            render.note(line)
    target = os.path.join(here(), folder or f"restored-{m['run_id'] if is_run_id(m['run_id']) else 'run'}")
    asked = RestoreRequest(m, pieces(place, run), load(here()).root, target, environ, env, told=render.note)
    found = brought(asked)
    if as_json:
        render.document(view.document(found, ahead))
    else:
        render.page((view.page if render.width() else view.lines_of)(found, m["git"]["tree"]))
    return 0 if found.whole else 3


def pieces(store: str, run: str) -> str:
    """Return the store that has what a run kept: that of its manifest where a file was named."""
    if run.endswith(".json"):
        around = os.path.dirname(os.path.dirname(os.path.abspath(run)))
        if os.path.isdir(f"{around}/objects"):
            return around
    return store


COMMAND = Subcommand(
    restore,
    (
        Option("--env", None, "Install its packages too, in an environment in that folder."),
        Option("--json", None, "Print what came back as JSON.", into="as_json"),
        STORE,
    ),
    (
        NEEDED_RUN,
        Argument("folder", "DIR", "A folder that is not there yet, or an empty one."),
    ),
)
