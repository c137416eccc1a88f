"""Real eval harnesses with a model behind an API, recorded and replayed against a stand-in: one score, nothing called.

Needs environments of their own: `make sdks`. Each runs a small eval of its own kind whose answers are sampled, so that
a replay which gave other answers, or asked for new ones, would score otherwise. The replay has no key and no stand-in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
from standin import StandIn

TOP = Path(__file__).parents[2]
HARNESSES = TOP / ".venv-sdks" / "harnesses" / "bin"
PROMPTFOO = TOP / ".venv-sdks" / "node" / "node_modules" / ".bin" / "promptfoo"
CASES = 24
KEY = {"OPENAI_API_KEY": "sk-test-0123456789abcdefghijklmnop"}

INSPECT = f"""
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
@task
def asking():
    cases = [Sample(input=f"is it {{n}}?", target="yes") for n in range({CASES})]
    return Task(dataset=cases, solver=generate(), scorer=includes())
"""
LM_EVAL = """
task: asking
dataset_path: json
dataset_kwargs: {data_files: {test: cases.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
generation_kwargs: {until: ["\\n"], temperature: 1.0, do_sample: true}
filter_list:
  - name: said
    filter: [{function: regex, regex_pattern: "(yes|nay)"}, {function: take_first}]
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""


def inspect_ai(place: Path) -> list[str]:
    """Return the command of an eval by inspect_ai."""
    (place / "asking.py").write_text(INSPECT)
    words = ("eval", "asking.py", "--model", "openai/gpt-4o-mini", "--display", "none")
    return [str(HARNESSES / "inspect"), *words, "--log-dir", "logs", "--log-format", "json"]


def inspect_score(place: Path) -> Any:
    """Return what the newest log says."""
    log = json.loads(max((place / "logs").glob("*.json"), key=lambda file: file.stat().st_mtime).read_text())
    said = [(one["id"], one["output"]["choices"][0]["message"]["content"]) for one in log["samples"]]
    return [log["results"]["scores"][0]["metrics"]["accuracy"]["value"], sorted(said)]


def lm_eval(place: Path) -> list[str]:
    """Return the command of an eval by lm-eval."""
    (place / "asking.yaml").write_text(LM_EVAL)
    cases = [json.dumps({"q": f"is it {number}?", "a": "yes"}) for number in range(CASES)]
    (place / "cases.jsonl").write_text("\n".join(cases) + "\n")
    model = ("--model", "openai-chat-completions", "--model_args", "model=gpt-4o-mini")
    task = ("--include_path", ".", "--tasks", "asking", "--apply_chat_template")
    return [str(HARNESSES / "lm_eval"), *model, *task, "--output_path", "out", "--log_samples"]


def lm_eval_score(place: Path) -> Any:
    """Return what the newest results say."""
    newest = max((place / "out").rglob("results_*.json"), key=lambda file: file.stat().st_mtime)
    return json.loads(newest.read_text())["results"]["asking"]["exact_match,said"]


def promptfoo(place: Path) -> list[str]:
    """Return the command of an eval by promptfoo."""
    tests = [{"vars": {"n": n}, "assert": [{"type": "contains", "value": "yes"}]} for n in range(CASES)]
    config = {"prompts": ["is it {{n}}?"], "providers": ["openai:gpt-4o-mini"], "tests": tests}
    (place / "promptfooconfig.json").write_text(json.dumps(config))
    return [str(PROMPTFOO), "eval", "-c", "promptfooconfig.json", "-o", "out.json", "--no-cache", "--no-progress-bar"]


def promptfoo_score(place: Path) -> Any:
    """Return what its results say."""
    results = json.loads((place / "out.json").read_text())["results"]
    said = sorted((one["vars"]["n"], one["response"]["output"]) for one in results["results"])
    return [results["stats"]["successes"], results["stats"]["failures"], said]


Harness = tuple[Callable[[Path], list[str]], Callable[[Path], Any]]
EVERY: dict[str, Harness] = {
    "inspect_ai": (inspect_ai, inspect_score),
    "lm-eval": (lm_eval, lm_eval_score),
    "promptfoo": (promptfoo, promptfoo_score),
}


def main() -> int:
    """Record and replay each; print one table."""
    failed = 0
    print(f"{'harness':12} {'calls':>5} {'kept':>5} {'given':>5} {'out':>4} {'score':>8} {'again':>8}  verdict")
    for name, harness in EVERY.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            failed += not _try(name, harness, Path(folder))
    return 1 if failed else 0


def _try(name: str, harness: Harness, folder: Path) -> bool:
    command, score = harness
    place = folder / "project"
    place.mkdir()
    words = command(place)
    if not Path(words[0]).exists():
        print(f"{name:12} not installed")
        return True
    base = {one: value for one, value in os.environ.items() if "PROXY" not in one.upper()}
    base |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "hf"), "PROMPTFOO_CONFIG_DIR": str(folder / "pf")}
    base |= {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_FAILED_TEST_EXIT_CODE": "0",
    }
    base |= {"PYTHONPATH": ""}
    standin = StandIn(folder / "standin")
    recorded = _run(["run", "--record", "--", *words], {**base, **standin.environ, **KEY}, place)
    asked, every = sum(host == "api.openai.com" for host, _ in standin.asked), len(standin.asked)
    first = _score(score, place)
    standin.close()
    replayed = _run(["run", "--replay", "latest", "--", *words], base, place)
    second = _score(score, place)
    files = sorted((place / "metrics" / "runs").glob("*.json"), key=lambda file: file.stat().st_mtime)
    records = [json.loads(file.read_text()) for file in files]
    kept, given = records[0]["calls"]["count"] or 0, records[-1]["calls"]["replayed"] or 0
    out = len(standin.asked) - every
    good = recorded.returncode == replayed.returncode == 0 and first == second is not None
    good = good and kept == given == asked >= CASES and out == 0
    why = "identical" if good else f"FAILED: {_why(recorded, replayed, records)}"
    shown = [str(one[0] if isinstance(one, list) else one)[:8] for one in (first, second)]
    print(f"{name:12} {asked:5} {kept:5} {given:5} {out:4} {shown[0]:>8} {shown[1]:>8}  {why}", flush=True)
    return good


def _score(score: Callable[[Path], Any], place: Path) -> Any:
    try:
        return score(place)
    except (OSError, ValueError, KeyError, IndexError) as error:
        return f"none: {type(error).__name__}: {error}"


def _run(words: list[str], environ: dict[str, str], place: Path) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "evalprov", *words]
    return subprocess.run(whole, env=environ, cwd=place, capture_output=True, text=True, timeout=500)


def _why(recorded: Any, replayed: Any, records: list[Any]) -> str:
    for which, done in (("recorded", recorded), ("replayed", replayed)):
        if done.returncode:
            calls = records[-1]["calls"]
            return (
                f"{which}: exit {done.returncode}: {done.stderr[-900:]} {calls['missed'][:2]} {calls['not_recorded']}"
            )
    return f"{records[0]['calls']['not_recorded']} {records[-1]['calls']['missed'][:2]}"


if __name__ == "__main__":
    sys.exit(main())
