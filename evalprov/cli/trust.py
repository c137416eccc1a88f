"""`evalprov trust`: let the settings of a project run the commands that they name, and say where records are sent."""

from __future__ import annotations

import os

from evalprov import render
from evalprov.cli.options import Subcommand
from evalprov.errors import EvalprovError
from evalprov.isolation import here
from evalprov.settings import load
from evalprov.settings.trust import commands_of, is_trusted, may_send, sends_of
from evalprov.settings.trust import trust as remember


def trust() -> int:
    """Allow what the settings file found here would run, and where it would send records, as it is now.

    The commands in [versions] are run before every recorded command, so look first at a repository that somebody
    else wrote. Until you allow them, their versions are recorded as not known, and nothing is sent to [remote] url
    unless you name it yourself. If one of them is changed, or the file is moved, it must be allowed again. In CI,
    EVALPROV_TRUST=1 does the same.

    Example: evalprov trust
    """
    settings = load(here())
    commands, sends = commands_of(settings), sends_of(settings)
    if not commands and not sends:
        render.out(f"{settings.path}: nothing in it runs a command" if settings.path else "there are no settings here")
        return 0
    known = is_trusted(settings, os.environ) and (not sends or may_send(settings, os.environ))
    if not known:
        try:
            remember(settings, os.environ)
        except OSError as error:
            hint = "EVALPROV_TRUST=1 in the environment does the same, for whatever settings there are"
            raise EvalprovError(f"cannot remember that: {error.strerror}: {error.filename}", hint) from None
    for what, of in (("run", commands), ("send records to", sends)):
        if of:
            render.out(f"{settings.path} {'was trusted before' if known else 'is trusted'} to {what}:")
        for name, line in of.items():
            render.out(f"  {render.neutral(name)}: {render.neutral(line)}")
    return 0


COMMAND = Subcommand(trust, ())
