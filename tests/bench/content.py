"""How fast content is hashed, the first time and the second, against `sha256sum` in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LARGE = 5 << 30
FILES = 100_000
PIECE = 1 << 20
PROGRAM = """
import sys, time
from evalprov.capture.content import Contents, finish
began = time.perf_counter()
found = finish(Contents({"XDG_CACHE_HOME": sys.argv[1]}).of(sys.argv[2]))
took = time.perf_counter() - began
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(took, int(peak.split()[1]) / 1024, found.sha256)
"""


def one(cache: Path, path: Path) -> tuple[float, float, str]:
    """Hash a path in a process of its own; return seconds, peak MiB and the hash."""
    words = [sys.executable, "-c", PROGRAM, str(cache), str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    took, peak, digest = done.stdout.split()
    return float(took), float(peak), digest


def reference(path: Path) -> float:
    """Return the seconds that `sha256sum` takes."""
    began = time.perf_counter()
    words = f"find {path} -type f -print0 | xargs -0 sha256sum > /dev/null"
    subprocess.run(["sh", "-c", words], check=True)
    return time.perf_counter() - began


def forget(path: Path) -> None:
    """Let the system drop what it keeps of the files, so that the disk is asked."""
    os.sync()
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            fd = os.open(file, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def make_large(path: Path) -> None:
    """Write a large file of real bytes: a MiB of noise, again and again."""
    piece = os.urandom(PIECE)
    with path.open("wb") as file:
        for _ in range(LARGE // PIECE):
            file.write(piece)


def make_many(path: Path) -> None:
    """Write many small files into a hundred folders."""
    for number in range(FILES):
        if number % 1000 == 0:
            folder = path / f"{number // 1000:03}"
            folder.mkdir(parents=True)
        (folder / f"{number:06}.json").write_bytes(b'{"question": "%d"}\n' % number * 20)


def stats(path: Path) -> float:
    """Return the seconds that only looking at every file takes."""
    began = time.perf_counter()
    pending = [str(path)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
    return time.perf_counter() - began


def measure(name: str, path: Path, cache: Path) -> None:
    """Print what one case takes."""
    forget(path)
    cold = reference(path)
    forget(path)
    first, first_peak, digest = one(cache, path)
    warm = reference(path)
    shutil.rmtree(cache)
    read, read_peak, again = one(cache, path)
    second, second_peak, known = one(cache, path)
    if not digest == again == known:
        raise SystemExit(f"{name}: the hash is not the same every time")
    print(f"{name}")
    for place, ours, theirs, peak in (("disk", first, cold, first_peak), ("memory", read, warm, read_peak)):
        times = f"{ours:8.3f} s   sha256sum {theirs:8.3f} s {ours / theirs:6.2f}"
        print(f"  from {place:10} {times}   peak {peak:.0f} MiB")
    print(f"  known           {second:8.4f} s   peak {second_peak:.0f} MiB", flush=True)
    if path.is_dir():
        looked = stats(path)
        print(f"  looking at each {looked:8.4f} s   known is {second / looked:.2f} of that", flush=True)


def main() -> None:
    """Measure a large file and a folder of many."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        if shutil.disk_usage(top).free < LARGE * 2:
            print("not enough room for the large file")
        else:
            make_large(top / "large.bin")
            os.utime(top / "large.bin")
            time.sleep(2.5)  # a younger file would not be trusted to the cache
            measure(f"one file of {LARGE >> 30} GiB", top / "large.bin", top / "cache")
            (top / "large.bin").unlink()
        make_many(top / "many")
        time.sleep(2.5)
        measure(f"{FILES:,} files", top / "many", top / "cache")


if __name__ == "__main__":
    main()
