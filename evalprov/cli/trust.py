"""`evalprov trust`: let the settings of a project run the commands that they name."""

from __future__ import annotations

import os

from evalprov import render
from evalprov.cli.options import Subcommand
from evalprov.errors import EvalprovError
from evalprov.isolation import here
from evalprov.settings import load
from evalprov.settings.trust import commands_of, is_trusted
from evalprov.settings.trust import trust as remember


def trust() -> int:
    """Allow the commands in [versions] of the settings file found here, as they are now.

    They are run before every recorded command, so look first at a repository that somebody else wrote. Until you
    allow them, their versions are recorded as not known. If a command is changed, or the file is moved, they must be
    allowed again. In CI, EVALPROV_TRUST=1 does the same.

    Example: evalprov trust
    """
    settings = load(here())
    commands = commands_of(settings)
    if not commands:
        render.out(f"{settings.path}: nothing in it runs a command" if settings.path else "there are no settings here")
        return 0
    known = is_trusted(settings, os.environ)
    if not known:
        try:
            remember(settings, os.environ)
        except OSError as error:
            hint = "EVALPROV_TRUST=1 in the environment does the same, for whatever settings there are"
            raise EvalprovError(f"cannot remember that: {error.strerror}: {error.filename}", hint) from None
    render.out(f"{settings.path} {'was trusted before' if known else 'is trusted'} to run:")
    for name, line in commands.items():
        render.out(f"  {render.neutral(name)}: {render.neutral(line)}")
    return 0


COMMAND = Subcommand(trust, ())
