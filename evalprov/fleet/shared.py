"""What is beside the runs of a shared store: baselines, which are set and taken away, and notes; in its mirror."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict

from evalprov.errors import EvalprovError
from evalprov.fleet import keys
from evalprov.store.baselines import FOLDER
from evalprov.store.folder import LARGEST, Folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.fleet.bucket import Bucket

_LARGEST_NOTE = 1 << 20
_KEPT = ".remote-baselines"  # all files about baselines that were fetched, as they are there
_SEEN = ".remote-notes"  # names of the notes that were fetched
_THREADS = 16


class SharedState(TypedDict):
    """Which file each baseline of the mirror is."""

    baselines: dict[str, str]


def refresh_baselines(
    bucket: Bucket, mirror: str, state: SharedState, names: Sequence[str], odd: list[str]
) -> SharedState:
    """Have the mirror's baselines be those that are set there; of two that were set at once the later one counts."""
    live = live_baselines(bucket, mirror, names, odd)
    chosen: dict[str, str] = {}
    for name, files in live.items():
        found = {file: data for file in files if (data := _kept(bucket, mirror, file, odd)) is not None}
        if found:
            chosen[name] = max(found, key=lambda file: (_set_at(found[file]), file))
            if state["baselines"].get(name) != chosen[name] or not os.path.exists(f"{mirror}/{FOLDER}/{name}.json"):
                with Folder(f"{mirror}/{FOLDER}") as folder:
                    folder.write(f"{name}.json", found[chosen[name]])
    with Folder(f"{mirror}/{FOLDER}") as folder:
        for file in folder.names():
            if file.endswith(".json") and file.removesuffix(".json") not in chosen:
                folder.drop(file)
    return {"baselines": chosen}


def live_baselines(bucket: Bucket, mirror: str, names: Sequence[str], odd: list[str]) -> dict[str, list[str]]:
    """Return the files of each baseline that nobody took away."""
    files = [one for one in map(keys.baseline, names) if one]
    gone: set[str] = set()
    for one in files:
        if one.gone and (data := _kept(bucket, mirror, one.file, odd)) is not None:
            gone.update(_taken_away(data))
    live: dict[str, list[str]] = {}
    for one in files:
        if not one.gone and one.file not in gone:
            live.setdefault(one.name, []).append(one.file)
    return live


def publish_baseline(bucket: Bucket, mirror: str, name: str) -> None:
    """Put a baseline of the mirror into the shared store, in place of those of its name that were seen."""
    with Folder(f"{mirror}/{FOLDER}") as folder:
        data = folder.read(f"{name}.json") or b""
    try:
        before = live_baselines(bucket, mirror, [one.name for one in bucket.list(keys.BASELINES)], []).get(name, [])
        file = f"{name}.{keys.digest(data)}.json"
        bucket.put(f"{keys.BASELINES}/{file}", data)
        _take_away(bucket, name, [one for one in before if one != file])
    except BaseException:
        with suppress(OSError), Folder(f"{mirror}/{FOLDER}") as folder:  # what is not there is not here
            folder.remove(f"{name}.json")
        raise


def remove_baseline(bucket: Bucket, mirror: str, name: str) -> None:
    """Say in the shared store that a baseline is taken away: all files of its name that there are now."""
    before = live_baselines(bucket, mirror, [one.name for one in bucket.list(keys.BASELINES)], []).get(name, [])
    _take_away(bucket, name, before)


def _take_away(bucket: Bucket, name: str, files: Sequence[str]) -> None:
    if not files:
        return
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    data = json.dumps({"name": name, "gone": sorted(files), "at": at}).encode() + b"\n"
    bucket.put(f"{keys.BASELINES}/{name}.{keys.digest(data)}.gone", data)


def _kept(bucket: Bucket, mirror: str, file: str, odd: list[str]) -> bytes | None:
    """Return a file about a baseline, fetched once; null where it is gone, or not what its name says."""
    place = f"{mirror}/{_KEPT}"
    with suppress(FileExistsError):
        os.mkdir(place, 0o700)
    with Folder(place) as folder:
        data = folder.read(file)
        if data is None:
            try:
                data = bucket.get(f"{keys.BASELINES}/{file}", LARGEST)
            except EvalprovError as problem:
                odd.append(f"a baseline was left out: {problem.message}")
                return None
            if data is None:
                return None
            known = keys.baseline(file)
            if known is None or keys.digest(data) != known.digest:
                odd.append(f"baselines/{file} is not what its name says and was left out")
                return None
            folder.write(file, data)
    return data


def _set_at(data: bytes) -> str:
    with suppress(ValueError, RecursionError, KeyError, TypeError):
        return str(json.loads(data)["baseline"]["set_at"])
    return ""


def _taken_away(data: bytes) -> list[str]:
    with suppress(ValueError, RecursionError, KeyError, TypeError):
        return [one for one in json.loads(data)["gone"] if isinstance(one, str)]
    return []


def refresh_notes(bucket: Bucket, mirror: str, names: Sequence[str], known: Mapping[str, str], odd: list[str]) -> None:
    """Fetch the notes that are not here; a run that goes by another id here has its notes under that one."""
    with Folder(mirror) as root, Folder(f"{mirror}/{keys.NOTES}") as folder:
        seen = set((root.read(_SEEN) or b"").decode("ascii", "replace").split())
        fresh = [name for name in names if name not in seen and keys.note(name)]
        with ThreadPoolExecutor(_THREADS) as pool:
            found = pool.map(lambda name: bucket.get(f"{keys.NOTES}/{name}", _LARGEST_NOTE), fresh)
            for name, data in zip(fresh, found, strict=True):
                stem, digest = keys.note(name) or ("", "")
                if data is None or keys.digest(data) != digest:
                    odd.append(f"notes/{name} is not what its name says and was left out")
                    continue
                run_id = known.get(stem, keys.run_of(stem))
                said = data if run_id == keys.run_of(stem) else _with_id(data, run_id)
                if said and not folder.size(file := f"{run_id}.{keys.digest(said)}.json"):
                    folder.write(file, said)
        if fresh:
            root.write(_SEEN, "\n".join(sorted({*seen, *fresh})).encode())


def forget_notes(mirror: str, run_ids: Sequence[str]) -> None:
    """Take away the notes of ids that mean no run any more; they are fetched again for what these are called now."""
    if not run_ids:
        return
    gone = set(run_ids)
    with Folder(mirror) as root, Folder(f"{mirror}/{keys.NOTES}") as folder:
        root.drop(_SEEN)
        for name in folder.names():
            if name.partition(".")[0] in gone:
                folder.drop(name)


def _with_id(data: bytes, run_id: str) -> bytes:
    """Return a note as one about another id; nothing where it is none."""
    try:
        said = {**json.loads(data), "run_id": run_id}
    except (ValueError, TypeError, RecursionError):
        return b""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
