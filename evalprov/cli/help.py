"""`evalprov help`: the pages that come with it, in the terminal."""

from __future__ import annotations

import os

from evalprov import render
from evalprov.cli.options import Argument, Subcommand, did_you_mean
from evalprov.errors import UsageError

_HERE = os.path.dirname(os.path.dirname(__file__))
TOPICS = {
    "verdicts": ("judge/README.md", "what is compared and how it is tested; the gate, graders, repeats"),
    "reports": ("reported/README.md", "what an eval can report, and the files of other tools that are read"),
    "record": ("record/README.md", "what a record holds, its folder, and the layers of a program"),
    "pages": ("report/README.md", "the pages of evalprov report: where they go, what is drawn on them"),
    "restore": ("restore/README.md", "how an old run is brought back, checked and run again"),
    "calls": ("wire/README.md", "how calls to model providers are recorded and replayed, and what is kept of them"),
    "handover": ("handover/README.md", "what other tools get of a run: identity, exports, links, imports"),
    "team": ("fleet/README.md", "one history for a team, on any object storage: sending, reading, what travels, cost"),
    "settings": ("settings/README.md", "every key of evalprov.toml"),
    "secrets": ("secrets/README.md", "what is hidden, what is not, and who is trusted with what"),
    "trials": ("fleet/engines/README.md", "trials on other machines: Slurm, Ray, ssh; what travels, what comes home"),
    "code": ("README.md", "how the program itself is built, for anyone who wants to change it"),
}


def help_(*, topic: str | None) -> int:
    """Print a page about evalprov, or what a command takes; without a topic, name the pages.

    Example: evalprov help settings
    """
    if topic is None:
        for name, (_, what) in TOPICS.items():
            render.out(f"evalprov help {name:<10} {what}")
        return 0
    if topic not in TOPICS:
        from evalprov.cli import COMMANDS, main

        if topic in COMMANDS:
            return main([topic, "--help"])
        hint = did_you_mean(topic, (*TOPICS, *COMMANDS)) or f"there are {', '.join(TOPICS)}, and the commands"
        raise UsageError(f"there is no page about {topic!r}", hint)
    with open(os.path.join(_HERE, TOPICS[topic][0]), encoding="utf-8") as page:
        render.out(page.read().rstrip())
    return 0


COMMAND = Subcommand(help_, (), (Argument("topic", "TOPIC", f"One of {', '.join(TOPICS)}, or a command."),))
