"""What there is at home before trials are sent anywhere: the files as they will travel, and what a node must have."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from evalprov.capture import COLLECTORS, start
from evalprov.capture.afterwards import Afterwards
from evalprov.errors import CANNOT_START, EvalprovError, UsageError
from evalprov.fleet.parcel import BadParcel
from evalprov.fleet.tree import UNPACKED, TreeRefused, ids_of, packed, settled
from evalprov.named import NamedTuple
from evalprov.numbers import listed
from evalprov.record.form import blank
from evalprov.regular import reading
from evalprov.restore.git import GitFailed
from evalprov.run.agreed import Expected, expected_of
from evalprov.run.pipeline import context_of
from evalprov.run.prepare import fill, opened, refuse_unclean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evalprov.capture.collector import CaptureContext
    from evalprov.record.manifest import Manifest
    from evalprov.run.request import Request
    from evalprov.run.trials import TrialRequest

_OF_MACHINE = ("hardware", "gpu", "place")


class HomeLook(NamedTuple):
    """What there is at home."""

    context: CaptureContext
    manifest: Manifest  # as a run here would have it
    blobs: dict[str, bytes]
    tree: bytes | None  # null without a repository: then nodes must have the folder itself
    digest: str | None  # of the tree
    folder: str  # where the command runs, from the project's root; in full without a repository
    expected: Expected
    said: list[str]  # what does not travel


def look_at_home(
    request: Request, cwd: str, environ: dict[str, str], progress: Callable[[int, int], None] | None
) -> HomeLook:
    """Look at all of it once; an EvalprovError says why nothing can be sent."""
    if request.replay is not None:
        raise UsageError("recorded answers are not sent to other machines: --replay goes without --on", "leave out one")
    context = context_of(request, cwd, environ)._replace(progress=progress, stdin=None)
    with start(context, [name for name in COLLECTORS if name not in _OF_MACHINE]) as capturing:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        m = opened(blank("present", at), request, context)
        found = capturing.finish()
        fill(m, found, context.scrub)
    later = Afterwards(found.later)
    later.begin(os.getpid())
    later.finish(m, context.scrub)
    refuse_unclean(request, m)
    expected = expected_of(m)
    if m["git"]["source"] != "git":
        if m["code"]["tree"] is None and not os.path.isdir(cwd):
            raise EvalprovError(f"there is no folder {cwd}", exit_code=CANNOT_START)
        return HomeLook(context, m, found.blobs, None, None, context.cwd, expected, [])
    if m["git"]["tree"] is None:
        raise TreeRefused(f"which files there are is not known: {m['capture']['git']['reason'] or 'git did not say'}")
    folder = os.path.relpath(context.cwd, context.root)
    if folder.startswith(".."):
        raise TreeRefused("the command is to run outside of the project", f"run it from below {context.root}")
    if lost := [one for one in m["git"]["withheld"] if one["path"] in {*m["git"]["changed"], *m["git"]["staged"]}]:
        # Another program would be run: what was committed of it.
        what = listed([f"{one['path']}: {one['reason']}" for one in lost], between="; ")
        raise TreeRefused(f"what was changed in them is not kept: {what}", "commit it, or take the secret out")
    tree = packed(m, found.blobs, context.root)
    try:
        said = _proven(m, tree, expected, (request, folder, environ))
    except (GitFailed, BadParcel, OSError) as why:
        raise TreeRefused(str(why)) from None
    return HomeLook(context, m, found.blobs, tree, hashlib.sha256(tree).hexdigest(), folder, expected, said)


def _proven(m: Manifest, tree: bytes, expected: Expected, by: tuple[Request, str, dict[str, str]]) -> list[str]:
    """Unpack the files once here, as a node will: what cannot travel is known before anything is sent.

    What they come to is what they must come to there; less only what is withheld, which is returned in words.
    """
    request, folder, environ = by
    with tempfile.TemporaryDirectory(prefix="evalprov-proof-") as around:
        settled(tree, f"{around}/tree", environ)
        with reading(f"{around}/tree/{UNPACKED}") as file:
            there = json.loads(file.read())
        withheld = tuple(f"{one['path']}: not kept" for one in m["git"]["withheld"])
        if lost := [one for one in there["missing"] if not one.startswith(withheld or "\0")]:
            hint = "commit it, or declare it by a full path that every node has"
            raise TreeRefused(listed(lost, between="; "), hint)
        store = "/dev/null/evalprov" if request.store and os.path.isabs(request.store) else request.store
        cwd = os.path.normpath(os.path.join(around, "tree", there["root"], folder))
        os.makedirs(cwd, exist_ok=True)
        whole, code = ids_of(request._replace(store=store), cwd, environ)
        if not withheld and whole != m["git"]["tree"]:
            raise TreeRefused(
                f"unpacked, git's id of them is {whole}, and it was {m['git']['tree']}", "did a file change just now?"
            )
        expected["tree"], expected["code"] = whole, code
        missing: list[str] = there["missing"]
        return missing


def refuse_secrets(home: HomeLook, trials: Sequence[TrialRequest], written: Sequence[bytes]) -> None:
    """Send nothing of which surely a secret is part: an order is a file on the way."""
    scrub = home.context.scrub
    hint = "have the command read it from a variable, and name that: --send-env NAME"
    for trial in trials:
        words = trial.request.argv
        if scrub.argv(words) != list(words):
            raise EvalprovError("a secret stands in the command's words, and no file may hold it", hint, CANNOT_START)
        for name, value in trial.environ.items():
            if scrub.value({name: value}) != {name: value}:
                raise EvalprovError(f"the value of {name} is a secret, and no file may hold it", hint, CANNOT_START)
    if any(scrub.has_credential(order.decode()) for order in written):
        raise EvalprovError("a secret stands in what is asked for, and no file may hold it", hint, CANNOT_START)


def our_python() -> tuple[str, str]:
    """Return our interpreter and the folder that evalprov lies in."""
    return sys.executable, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
