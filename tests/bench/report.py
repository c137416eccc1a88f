"""What a page costs: how large it is, how long it takes beside the comparison alone, and how soon it is drawn."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from diff import RUNS, measured, record

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))
import chromium

SCENARIOS = 100_000
TIMES = 5
LARGEST = 400_000  # bytes
TIMES_AS_LONG = 1.5
DRAWN = 0.5  # seconds
PAINTED = (
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame("
    "() => done([performance.now() / 1000, document.getElementsByTagName('*').length]))))"
)


def rows(seed: int, shift: float, of: int) -> dict[str, dict[str, float | bool]]:
    """Return scenarios with a rate and a time."""
    draw, hard = random.Random(seed), random.Random(0)
    return {
        f"case-{number:06}": {
            "correct": draw.random() < 0.8 * hard.random() + 0.1 + shift,
            "latency_ms": round(draw.lognormvariate(6 + shift, 0.5), 3),
        }
        for number in range(of)
    }


def drawn(page: Path) -> tuple[float, int]:
    """Return after how many seconds a browser has drawn a page, at best, and how many elements it has."""
    found = []
    with chromium.Browser() as browser:
        for _ in range(TIMES):
            browser.open(page)
            found.append(browser.ask(PAINTED))
            assert browser.complaints() == []
    seconds, elements = min(found)
    return seconds, elements


def costs(of: int) -> bool:
    """Print what the page of two runs of so many scenarios costs; say whether that is too much."""
    with tempfile.TemporaryDirectory() as folder:
        store, page = Path(folder, "metrics"), Path(folder, "page.html")
        for run, seed, shift in zip(RUNS, (1, 2), (0.0, 0.02), strict=True):
            record(store, run, seed, shift, metrics=rows(seed, shift, of))
        words = [sys.executable, "-m", "evalprov"]
        diff = [*words, "diff", *RUNS, "--json", "--store", str(store)]
        report = [*words, "report", *RUNS, "-o", str(page), "--store", str(store)]
        pairs = [(measured(diff), measured(report)) for _ in range(TIMES)]
        size = page.stat().st_size
        alone, with_page = (min(runs, key=lambda run: run.processor) for runs in zip(*pairs, strict=True))
        ratio = with_page.processor / alone.processor
        print(f"{of:,} scenarios x 2 metrics, best of {TIMES}")
        for name, run in (("diff alone", alone), ("report", with_page)):
            print(f"  {name:10} {run.processor:6.2f} s of a processor, {run.seconds:6.2f} s, {run.memory:4.0f} MiB")
        print(f"  {ratio:.2f} times as long, to be at most {TIMES_AS_LONG}")
        print(f"  {size / 1000:.0f} kB, to be at most {LARGEST // 1000}")
        slow = False
        if chromium.found():
            seconds, elements = drawn(page)
            print(f"  drawn in {seconds:.3f} s, to be at most {DRAWN}; {elements:,} elements", flush=True)
            slow = seconds > DRAWN
        else:
            print("  how soon it is drawn is not known: no Chromium is here", flush=True)
    return slow or size > LARGEST or (of >= SCENARIOS and ratio > TIMES_AS_LONG)


def main() -> int:
    """Measure small and large; 1 where something costs too much."""
    return int(any([costs(200), costs(2_000), costs(SCENARIOS)]))


if __name__ == "__main__":
    sys.exit(main())
