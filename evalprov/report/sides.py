"""The two runs of a page, each on a card: what it is, and where else it can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov import render
from evalprov.report import html
from evalprov.views.links import commit_page, links
from evalprov.views.show import note_lines

if TYPE_CHECKING:
    from evalprov.judge.metric_diff import Side
    from evalprov.record.manifest import Manifest
    from evalprov.report.html import Markup
    from evalprov.views.diff_words import FoundDifference

SHORT = 12  # digits of a hash
TRIALS = 12  # that are named
_DIRT = {True: ", not all committed", False: "", None: ", unknown whether clean"}


def side_cards(found: FoundDifference) -> Markup:
    """Return a card for each side."""
    cards = (_card("A", found.a), _card("B", found.b, present=found.present))
    return html.element("div", *cards, class_="cards")


def _card(name: str, side: Side, *, present: bool = False) -> Markup:
    run = side.runs[0]
    shown = [one["run_id"] for one in side.runs[1 : TRIALS + 1]]
    more = f" and {len(side.runs) - 1 - TRIALS} more" if len(side.runs) - 1 > TRIALS else ""
    title = "the present state" if present else run["run_id"]
    return html.element(
        "section",
        html.element("h2", html.element("span", name, class_=f"side {name.lower()}"), " ", title),
        html.facts([
            ("status", "" if present else run["status"].replace("_", " ")),
            ("with its trials", ", ".join(shown) + more if shown else ""),
            ("started", "" if present else run["timestamp"]),
            ("took", render.duration(run["duration_seconds"]) if run["duration_seconds"] is not None else ""),
            ("scenario", run["scenario"] or ""),
            ("tags", "" if present else ", ".join(run["tags"])),
            *([] if present else note_lines(run)),
        ]),
        where_else(run),
        class_="card",
    )  # fmt: skip


def where_else(run: Manifest) -> Markup:
    """Link a run's commit, the CI's run and what other tools have of it; nothing where there is none of these."""
    said: list[object] = []
    if sha := run["git_sha"]:
        page = commit_page(run)
        named = html.link(page, sha[:SHORT]) if page else html.element("code", sha[:SHORT])
        said.append(html.join(("commit ", named, _DIRT[run["git_dirty"]])))
    found, more = links(run)
    for one in found:
        if one.web:
            said.append(html.link(one.where, "CI run" if one.name == "run" else one.name))
        else:
            said.append(html.join((one.name, " ", html.element("code", one.where))))
    said += more
    return html.element("ul", *(html.element("li", one) for one in said), class_="links") if said else html.NOTHING
