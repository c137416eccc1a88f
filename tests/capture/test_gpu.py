"""The GPUs that the child can see."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pynvml
import pytest
from machine_samples import context_of, finish

from evalprov.capture.machine import gpu, nvml, nvml_use
from evalprov.run import gpu_use
from evalprov.run.gpu_use import GpuWatch

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE: dict[str, Any] = {"devices": [], "driver": None, "cuda": None, "visible": None}
H100 = "GPU-5e16a1b2-0000-4000-8000-000000000000"
A100 = "GPU-5e99c3d4-0000-4000-8000-000000000001"
HALF = "MIG-11111111-0000-5000-8000-000000000000"
THIRD = "MIG-22222222-0000-5000-8000-000000000002"

# NVIDIA's library, as far as it is asked, on a machine with a whole card and a divided one.
LIBRARY = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef struct { unsigned card, slot; } *device;
static struct { unsigned card, slot; } things[] = {{0, 99}, {1, 99}, {1, 0}, {1, 2}};
static int put(char *to, unsigned size, const char *text) {
    if (strlen(text) >= size) return 7;
    strcpy(to, text);
    return 0;
}
int nvmlInitWithFlags(unsigned flags) {
    const char *mood = getenv("MOOD");
    if (!mood) return 0;
    if (!strcmp(mood, "crash")) abort();
    if (!strcmp(mood, "hang")) sleep(60);
    if (!strcmp(mood, "later")) return 0;
    return atoi(mood);
}
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return "some newer error"; }
int nvmlSystemGetDriverVersion(char *to, unsigned size) { return put(to, size, "535.104.05"); }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *it) { *it = (device)&things[index]; return 0; }
int nvmlDeviceGetUUID(device it, char *to, unsigned size) {
    if (it->slot == 0) return put(to, size, "MIG-11111111-0000-5000-8000-000000000000");
    if (it->slot == 2) return put(to, size, "MIG-22222222-0000-5000-8000-000000000002");
    return put(to, size, it->card ? "GPU-5e99c3d4-0000-4000-8000-000000000001"
                                  : "GPU-5e16a1b2-0000-4000-8000-000000000000");
}
int nvmlDeviceGetName(device it, char *to, unsigned size) {
    if (it->slot == 0) return put(to, size, "NVIDIA A100-SXM4-40GB MIG 3g.20gb");
    return put(to, size, it->card ? "NVIDIA A100-SXM4-40GB" : "NVIDIA H100 80GB HBM3");
}
int nvmlDeviceGetMemoryInfo(device it, unsigned long long *memory) {
    memory[0] = (it->slot == 0 ? 19968ull : it->slot == 2 ? 4864ull : it->card ? 40536ull : 81559ull) << 20;
    memory[2] = 5ull << 20;
    return 0;
}
int nvmlDeviceGetUtilizationRates(device it, unsigned *busy) {
    if (it->slot != 99) return 3;
    if (getenv("MOOD")) pause();
    busy[0] = 40;
    return 0;
}
#ifndef OLD
int nvmlDeviceGetHandleByUUID(const char *uuid, device *found) {
    char known[80];
    for (int each = 0; each < 4; each++) {
        nvmlDeviceGetUUID((device)&things[each], known, 80);
        if (!strcmp(uuid, known)) { *found = (device)&things[each]; return 0; }
    }
    return 6;
}
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12020; return 0; }
int nvmlDeviceGetMigMode(device it, unsigned *now, unsigned *later) {
    if (!it->card) return 3;
    *now = *later = 1;
    return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(device it, unsigned *count) { *count = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(device it, unsigned slot, device *found) {
    if (slot != 0 && slot != 2) return 6;
    *found = (device)&things[slot ? 3 : 2];
    return 0;
}
int nvmlDeviceGetGpuInstanceId(device it, unsigned *id) { *id = it->slot + 1; return 0; }
int nvmlDeviceGetComputeInstanceId(device it, unsigned *id) { *id = 0; return 0; }
int nvmlDeviceGetAttributes_v2(device it, unsigned *facts) {
    memset(facts, 0, 40);
    facts[6] = facts[7] = 1;
    *(unsigned long long *)(facts + 8) = 4864;
    return 0;
}
#endif
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the library, as it is now and as an old driver had it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build the library with")
    folder = tmp_path_factory.mktemp("nvml")
    (folder / "nvml.c").write_text(LIBRARY)
    for name, *options in (("new",), ("old", "-DOLD")):
        (folder / name).mkdir()
        target = folder / name / "libnvidia-ml.so.1"
        subprocess.run([compiler, "-shared", "-fPIC", *options, "-o", target, folder / "nvml.c"], check=True)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a machine with the driver's device node."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    return tmp_path


def look(root: Path, environ: Mapping[str, str]) -> tuple[Any, str | None]:
    """Run the collector; return what it found of GPUs, and what it says it could not know."""
    found = finish(gpu.collect(context_of(environ), str(root)))
    return found.facts["infra"]["gpu"], found.reason


def test_no_driver_is_a_known_none(tmp_path: Path) -> None:
    """On a machine without a driver there are no GPUs: a captured fact, without a reason."""
    assert look(tmp_path, {}) == (NONE, None)


def test_without_a_driver_nvml_is_not_loaded(tmp_path: Path) -> None:
    """Where there is no driver its Python module is not imported."""
    code = (
        f"import sys; sys.path.append({os.path.dirname(__file__)!r});"
        "from evalprov.capture.machine import gpu; from machine_samples import context_of;"
        f"print([*gpu.collect(context_of({{}}), {str(tmp_path)!r})], {{'pynvml', 'ctypes'}} & {{*sys.modules}})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[] set()\n"


@pytest.mark.parametrize(
    ("node", "words"),
    [("kfd", "AMD GPUs"), ("nvmap", "Tegra"), ("neuron0", "Neuron"), ("accel0", "TPU")],
)
def test_other_makers_are_seen(tmp_path: Path, node: str, words: str) -> None:
    """GPUs that cannot be read are unknown, with the reason, and never none."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / node).touch()
    found, reason = look(tmp_path, {})
    assert found is None
    assert words in str(reason)


def test_a_whole_card_and_a_divided_one(libraries: Path, root: Path) -> None:
    """A whole card is listed as one device, a card in MIG mode as its instances, each with its profile."""
    found, reason = look(root, {"LD_LIBRARY_PATH": str(libraries / "new")})
    a100 = {"index": 1, "name": "NVIDIA A100-SXM4-40GB"}
    assert found == {
        "devices": [
            {"index": 0, "uuid": H100, "name": "NVIDIA H100 80GB HBM3", "memory_mb": 81559, "mig": None},
            {**a100, "uuid": HALF, "memory_mb": 19968, "mig": "3g.20gb"},
            {**a100, "uuid": THIRD, "memory_mb": 4864, "mig": "1g.5gb"},
        ],
        "driver": "535.104.05",
        "cuda": "12.2",
        "visible": None,
    }
    assert reason == "of several MIG instances CUDA may show a process the first alone"


def test_an_old_driver_loses_single_facts(libraries: Path, root: Path) -> None:
    """A driver without some function loses the facts which that gives, and no others."""
    found, reason = look(root, {"LD_LIBRARY_PATH": str(libraries / "old")})
    assert [device["name"] for device in found["devices"]] == [
        "NVIDIA H100 80GB HBM3",
        "NVIDIA A100-SXM4-40GB",
    ]
    assert found["driver"] == "535.104.05"
    assert found["cuda"] is None
    assert reason == "the CUDA version: Function Not Found"


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("18", "RM has detected an NVML/RM version mismatch."),
        ("4", "Insufficient Permissions"),
        ("9", "Driver Not Loaded"),
        ("77", "some newer error"),
        ("crash", "signal 6 ended the program that asked it"),
    ],
)
def test_a_driver_that_does_not_answer(libraries: Path, root: Path, mood: str, words: str) -> None:
    """Where the driver refuses, or crashes, that is a failure in its own words, and no none."""
    with pytest.raises(gpu.NvmlError, match=f"^{words}$"):
        look(root, {"LD_LIBRARY_PATH": str(libraries / "new"), "MOOD": mood})


def test_a_driver_that_hangs(libraries: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that never answers is given up, and leaves no process behind."""
    monkeypatch.setattr(gpu, "_PATIENCE", 0.5)
    with pytest.raises(gpu.NvmlError, match=r"no answer within 0\.5 s"):
        look(root, {"LD_LIBRARY_PATH": str(libraries / "new"), "MOOD": "hang"})
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_node_without_a_library(root: Path) -> None:
    """A device node without NVIDIA's library is a failure in its words, and no none."""
    if any(Path(folder, "libnvidia-ml.so.1").exists() for folder in ("/usr/lib64", "/usr/lib/x86_64-linux-gnu")):
        pytest.skip("this machine has the library")
    with pytest.raises(gpu.NvmlError, match=r"^NVML Shared Library Not Found$"):
        look(root, {})


def test_a_container_without_a_card_on_a_host_with_one(libraries: Path, tmp_path: Path) -> None:
    """A host's driver that shows in /proc alone gives no GPU to a container that has no device of it."""
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("NVRM version: NVIDIA UNIX x86_64\n")
    found, reason = look(tmp_path, {"LD_LIBRARY_PATH": str(libraries / "new"), "MOOD": "9"})
    assert found == NONE
    assert "no card is within reach here: Driver Not Loaded" in str(reason)


def test_nothing_is_imported_from_the_current_folder(
    libraries: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pynvml.py or json.py of the user's own is never run, whatever PYTHONPATH says."""
    for name in ("pynvml.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)
    environ = {"LD_LIBRARY_PATH": str(libraries / "new"), "PYTHONPATH": str(tmp_path)}
    found, _ = look(root, environ)
    assert found["driver"] == "535.104.05"


def card(index: int, uuid: str, name: str = "H100", instances: Any = None) -> dict[str, Any]:
    """Return a card as NVML's answer has it."""
    return {"index": index, "uuid": uuid, "name": name, "memory_mb": 80, "instances": instances}


def slice_of(uuid: str, gpu_instance: int) -> dict[str, Any]:
    """Return a MIG instance as NVML's answer has it."""
    ids = {"gpu_instance": gpu_instance, "compute_instance": 0}
    return {"uuid": uuid, "name": "H100", "memory_mb": 10, "mig": "1g.10gb", **ids}


PLAIN = [card(0, "GPU-aa11"), card(1, "GPU-aa22"), card(2, "GPU-bb33"), card(3, "GPU-CC44")]
DIVIDED = [
    card(0, "GPU-aa11", instances=[slice_of("MIG-1111", 7), slice_of("MIG-2222", 8)]),
    card(1, "GPU-bb22"),
]


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        (" ", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 3 ", [1, 3]),
        ("0,2,-1,1", [0, 2]),
        ("0,4,1", [0]),
        ("9", []),
        ("0,,1", [0]),
        ("1gpu,2", [1, 2]),
        ("+1", [1]),
        ("0,0", []),
        ("1,2,1", []),
        ("99999999999999999999", []),
        ("GPU-aa22", [1]),
        ("GPU-aa22,GPU-bb", [1, 2]),
        ("gpu-AA22,GPU-cc44", [1, 3]),
        ("GPU-aa", []),
        ("GPU-aa11,GPU-aa,GPU-bb33", [0]),
        ("GPU-zz", []),
        ("GPU-aa11,2", [0]),
        ("2,GPU-aa11", [2]),
        ("GPU-bb33,GPU-bb", []),
        ("MIG-1111", []),
    ],
)
def test_visible_devices(visible: str | None, indices: list[int]) -> None:
    """CUDA_VISIBLE_DEVICES is read as CUDA does: the first bad entry ends it, a repeated one voids it."""
    assert [device["index"] for device in gpu.visible_devices(PLAIN, visible)] == indices


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, ["MIG-1111", "MIG-2222", "GPU-bb22"]),
        ("0", ["MIG-1111", "MIG-2222"]),
        ("1", ["GPU-bb22"]),
        ("MIG-2222", ["MIG-2222"]),
        ("MIG-2222,MIG-1111", ["MIG-2222", "MIG-1111"]),
        ("MIG-GPU-aa11/8/0", ["MIG-2222"]),
        ("MIG-GPU-aa11/9/0", []),
        ("MIG-2222,MIG-2222", []),
        ("MIG-2222,GPU-bb22", ["MIG-2222"]),
    ],
)
def test_visible_mig_instances(visible: str | None, uuids: list[str]) -> None:
    """MIG instances are named by their UUID, or in the older way by card and instance numbers."""
    assert [device["uuid"] for device in gpu.visible_devices(DIVIDED, visible)] == uuids


def test_visible_is_kept_as_set(libraries: Path, root: Path) -> None:
    """The record has the variable as set beside the devices that it leaves."""
    environ = {"LD_LIBRARY_PATH": str(libraries / "new"), "CUDA_VISIBLE_DEVICES": "GPU-5e16,nonsense"}
    found, _ = look(root, environ)
    assert found["visible"] == "GPU-5e16,nonsense"
    assert [device["uuid"] for device in found["devices"]] == [H100]


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0"}, True),
        ({"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, False),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, False),
        ({"CUDA_VISIBLE_DEVICES": H100}, False),
        ({"CUDA_VISIBLE_DEVICES": ""}, False),
        ({}, False),
    ],
)
def test_mixed_models_by_number(libraries: Path, root: Path, environ: dict[str, str], warned: bool) -> None:
    """Of cards of different models some chosen by number may be others to CUDA, and the record says so."""
    _, reason = look(root, {"LD_LIBRARY_PATH": str(libraries / "new"), **environ})
    assert ("CUDA may number these cards otherwise" in str(reason)) is warned


class Recorded:
    """NVIDIA's module, as it answers for one card that refuses some questions."""

    def __init__(self, refused: Mapping[str, int], answers: Mapping[str, Any]) -> None:
        self.refused = refused
        self.answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlShutdown": None,
            "nvmlSystemGetDriverVersion": "570.86",
            "nvmlSystemGetCudaDriverVersion_v2": 12080,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "card",
            "nvmlDeviceGetUUID": "GPU-1",
            "nvmlDeviceGetName": "NVIDIA GB10",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=128 << 30),
            "nvmlDeviceGetMigMode": [0, 0],
            **answers,
        }

    def __getattr__(self, name: str) -> Any:
        if name not in self.answers:
            return getattr(pynvml, name)

        def answer(*about: object) -> Any:
            if name in self.refused:
                raise pynvml.NVMLError(self.refused[name])
            return self.answers[name]

        return answer


def watch(libraries: Path, uuids: list[str], **environ: str) -> GpuWatch:
    """Begin to watch some cards."""
    devices: list[Any] = [{"index": index, "uuid": uuid} for index, uuid in enumerate(uuids)]
    return GpuWatch(devices, {"LD_LIBRARY_PATH": str(libraries / "new"), **environ})


def test_how_busy_the_cards_are_is_watched(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the command runs each card's use is looked at; an instance of a card tells its memory alone."""
    monkeypatch.setattr(gpu_use, "PATIENCE", 30.0)
    found = watch(libraries, [H100, HALF]).end()
    looks = len(found["seconds"])
    assert looks >= 1
    assert sorted(found["seconds"]) == found["seconds"]
    assert found["reason"] is None
    assert found["devices"] == [
        {"index": 0, "uuid": H100, "percent": [40] * looks, "memory_bytes": [5 << 20] * looks},
        {"index": 1, "uuid": HALF, "percent": [None] * looks, "memory_bytes": [5 << 20] * looks},
    ]


@pytest.mark.parametrize(
    ("uuids", "mood", "words"),
    [
        ([H100], {"MOOD": "crash"}, "the program that watched it ended early"),
        ([H100], {"MOOD": "9"}, "Driver Not Loaded"),
        (["GPU-gone"], {}, "Not Found"),
    ],
)
def test_a_driver_that_refuses_is_a_reason(
    libraries: Path, uuids: list[str], mood: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that crashes or refuses leaves the use of the cards unknown, and the record says why."""
    monkeypatch.setattr(gpu_use, "PATIENCE", 30.0)
    assert watch(libraries, uuids, **mood).end() == {"seconds": [], "devices": [], "reason": words}


def test_a_driver_that_hangs_does_not_hold_the_end_up(libraries: Path) -> None:
    """What does not answer within a second of the command's end is ended, and has not told."""
    hung = watch(libraries, [H100], MOOD="later")
    began = time.monotonic()
    assert hung.end()["reason"] == "the driver did not answer within 1 s of the command's end"
    assert time.monotonic() - began < 10
    assert hung._process.returncode == -signal.SIGKILL


def test_a_long_watch_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are joined two by two where they are too many: the mean of how busy, the most of what was taken."""
    monkeypatch.setattr(nvml_use, "MOST", 8)
    monkeypatch.setattr(nvml_use, "EVERY", 0.0005)
    nvml = Recorded(
        {},
        {
            "nvmlDeviceGetHandleByUUID": "card",
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=30),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=7),
        },
    )
    reading, writing = os.pipe()
    end = threading.Timer(0.2, os.close, [writing])
    end.start()
    found = nvml_use.watch(nvml, ["GPU-1"], reading)
    end.join()
    os.close(reading)
    assert 4 <= len(found["seconds"]) <= 8
    assert found["seconds"][-1] - found["seconds"][0] > 0.05
    assert {*found["percent"][0]} == {30}
    assert {*found["memory_bytes"][0]} == {7}
    one, other = (1.0, [10.0, None], [5, None]), (2.0, [20.0, 3.0], [4, 7])
    assert nvml_use.joined(one, other) == (2.0, [15.0, 3.0], [5, 7])


@pytest.mark.parametrize(
    ("refused", "lost", "words"),
    [
        ("nvmlDeviceGetMemoryInfo", "memory_mb", "GPU 0: memory: Not Supported"),
        ("nvmlDeviceGetUUID", "uuid", "GPU 0: UUID: Not Supported"),
        ("nvmlDeviceGetName", "name", "GPU 0: name: Not Supported"),
        ("nvmlDeviceGetHandleByIndex", "name", "GPU 0: Not Supported"),
        ("nvmlDeviceGetMigMode", "instances", None),
    ],
)
def test_one_refusal_loses_one_fact(refused: str, lost: str, words: str | None) -> None:
    """What a card does not tell is null with the reason; a card without MIG needs no reason."""
    told = nvml.read(Recorded({refused: pynvml.NVML_ERROR_NOT_SUPPORTED}, {}))
    assert told["cards"][0][lost] is None
    assert told["missing"] == ([words] if words else [])
    assert told["driver"] == "570.86"
    assert told["cuda"] == "12.8"


def test_a_failing_shutdown_loses_nothing() -> None:
    """What was read stays read where the library cannot be closed."""
    told = nvml.read(Recorded({"nvmlShutdown": pynvml.NVML_ERROR_UNKNOWN}, {}))
    assert told["cards"][0]["name"] == "NVIDIA GB10"


@pytest.mark.parametrize(
    ("card_mb", "instance_mb", "slices", "profile"),
    [
        (40536, 4864, (1, 1), "1g.5gb"),
        (40536, 9856, (2, 2), "2g.10gb"),
        (40536, 19968, (3, 3), "3g.20gb"),
        (40536, 19968, (3, 1), "1c.3g.20gb"),
        (40536, 40192, (7, 7), "7g.40gb"),
        (81920, 9728, (1, 1), "1g.10gb"),
        (81920, 19968, (1, 1), "1g.20gb"),
        (81559, 40448, (3, 3), "3g.40gb"),
        (24576, 5952, (1, 1), "1g.6gb"),
        (143771, 16384, (1, 1), "1g.18gb"),
    ],
)
def test_profiles_that_the_driver_does_not_name(
    card_mb: int, instance_mb: int, slices: tuple[int, int], profile: str
) -> None:
    """Where the driver does not name a MIG profile it is made of the sizes as NVIDIA's documents name it."""
    answers = {
        "nvmlDeviceGetMigMode": [1, 1],
        "nvmlDeviceGetMaxMigDeviceCount": 1,
        "nvmlDeviceGetMigDeviceHandleByIndex": "slice",
        "nvmlDeviceGetGpuInstanceId": 1,
        "nvmlDeviceGetComputeInstanceId": 0,
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=card_mb << 20),
        "nvmlDeviceGetAttributes": SimpleNamespace(
            memorySizeMB=instance_mb, gpuInstanceSliceCount=slices[0], computeInstanceSliceCount=slices[1]
        ),
    }
    (told,) = nvml.read(Recorded({}, answers))["cards"]
    assert [instance["mig"] for instance in told["instances"]] == [profile]


def test_a_divided_card_without_an_instance() -> None:
    """A card in MIG mode that has no instance is no device, and the record says why."""
    cards = [card(0, "GPU-1", instances=[])]
    assert gpu.visible_devices(cards, None) == []
    assert gpu._caveats(cards, context_of({}), []) == ["in MIG mode without an instance, so of no use: GPU 0"]


@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="no NVIDIA GPU here")
def test_this_machines_cards() -> None:
    """On a machine with cards they are those that nvidia-smi lists, and the variable hides them."""
    asked = "--query-gpu=index,uuid,name,memory.total,driver_version"
    table = subprocess.check_output(["nvidia-smi", asked, "--format=csv,noheader,nounits"], text=True)
    rows = [line.split(", ") for line in table.splitlines()]
    environ = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    found, _ = look(Path("/"), environ)
    listed = {device["index"]: device for device in found["devices"] if device["mig"] is None}
    for index, uuid, name, memory, driver in rows:
        assert found["driver"] == driver
        if (device := listed.get(int(index))) is not None:
            assert [device["uuid"], device["name"], device["memory_mb"]] == [uuid, name, int(memory)]
    hidden, _ = look(Path("/"), {**environ, "CUDA_VISIBLE_DEVICES": "-1"})
    assert hidden["devices"] == []
