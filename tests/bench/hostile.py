"""Fuzz every command that reads records with ten thousand hostile ones: no traceback, no hang, no escape sequence."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from zlib import crc32

from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent.parent / "hostile"))

from hostile_records import Ground, complaint, extremes, records, run

CASES = 10_000
MANY = 1_000_000
LONGEST = 60.0  # seconds for a million keys, written out in full


def main() -> int:
    """Run them all; say how often each command ended with each exit code, and the slowest of each."""
    ended: Counter[tuple[str, int]] = Counter()
    slowest: dict[str, float] = {}
    cases = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        ground = Ground(Path(folder))

        @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(data=records())
        def one(data: bytes) -> None:
            nonlocal cases
            cases += 1
            ground.put(data)
            # Each case goes to one command that compares and one that reads, whichever; always to the same.
            commands = ground.commands()
            any_of_them = crc32(data)
            for words in (commands[any_of_them % 5], commands[5 + any_of_them % 6]):
                result = run(words)
                ended[words[0], result[0]] += 1
                slowest[words[0]] = max(slowest.get(words[0], 0.0), result[3])
                found = complaint(words, result)
                assert found is None, (words, found)

        try:
            one()
        except AssertionError as failed:
            print(f"after {cases} cases: {failed}")
            return 1
        for kind, data in extremes(MANY).items():
            ground.put(data)
            for words in ground.commands():
                code, out, err, took = run(words)
                found = complaint(words, (code, out, err, 0.0))
                if found or took > LONGEST:
                    print(f"{kind}: {' '.join(words[:2])}: {found or f'it took {took:.1f} s'}")
                    return 1
                slowest[f"{words[0]}, {kind}"] = max(slowest.get(f"{words[0]}, {kind}", 0.0), took)
    print(f"{cases} hostile records")
    for (name, code), count in sorted(ended.items()):
        print(f"  {name:<10} exit {code}  {count:>6} times   slowest {slowest[name]:.2f} s")
    print("and the extremes, slowest first")
    for name, took in sorted(slowest.items(), key=lambda one: -one[1])[:8]:
        print(f"  {name:<50} {took:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
