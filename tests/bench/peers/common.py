"""What each check of a peer has: a project with two runs, and the real command line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS), str(TESTS / "handover")]
from gate_runs import Store  # noqa: E402
from handed_records import RUN, full  # noqa: E402

LATER = "20260921T143000Z"
PROMPT = "Answer in one word.\n"
CANARY = "canary-3f9a17c2-do-not-tell"


class WrongError(Exception):
    """The tool does not take what we hand over."""


def must(held: object, what: str) -> None:
    """Fail with words unless it holds."""
    if not held:
        raise WrongError(what)


class Peer:
    """A project with two runs, one with a secret that only the environment tells."""

    def __init__(self, folder: Path, scenarios: int = 12) -> None:
        self.folder = folder
        self.scenarios = scenarios
        self.runs = [RUN, LATER]
        self.env: dict[str, str] = {"JUDGE_API_KEY": CANARY}
        first = full(RUN, scenarios, note=f"key {CANARY}")
        first["command"]["argv"].append(f"--key={CANARY}")
        later = full(LATER, scenarios)
        later["model_config"]["temperature"] = 0.7
        later["metric_summary"]["accuracy_mean"] = 0.5
        (folder / "prompts").mkdir()
        (folder / "prompts" / "plan.txt").write_text(PROMPT)
        for record in (first, later):
            record["prompts"]["plan"]["sha256"] = f"sha256:{hashlib.sha256(PROMPT.encode()).hexdigest()}"
        Store(folder / "metrics").put(first, later)

    def evalprov(self, *words: str, ok: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        surrounding = {**os.environ, **self.env, **env}
        done = subprocess.run(
            [sys.executable, "-m", "evalprov", *words], cwd=self.folder, env=surrounding, capture_output=True, text=True
        )
        must(not ok or done.returncode == 0, f"exit {done.returncode}: {done.stderr[-1500:]}")
        return done

    def export(self, *words: str, **env: str) -> list[dict[str, Any]]:
        """Export; return the receipts."""
        done = self.evalprov("export", *words, "--json", **env)
        receipts: list[dict[str, Any]] = json.loads(done.stdout)["runs"]
        return receipts

    def program(self, name: str) -> str:
        """Return the path of a program beside this Python."""
        return str(Path(sys.executable).parent / name)


def exported(peer: Peer, target: str) -> Path:
    """Export the first run twice, which writes once; return the folder, in which no secret is."""
    out = peer.folder / "out" / target
    states = [peer.export(RUN, "--to", target, "--out", str(out))[0]["state"] for _ in range(2)]
    must(states == ["sent", "already there"], str(states))
    no_secret(out)
    return out


def no_secret(folder: Path) -> None:
    """Fail where the canary is in any file."""
    told = [str(file) for file in folder.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    must(not told, f"the secret is in {told}")


def one_file(folder: Path, pattern: str) -> Path:
    """Return the only file of that pattern."""
    (only,) = folder.glob(pattern)
    return only
