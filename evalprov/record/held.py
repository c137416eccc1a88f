"""How well a record holds each fact: by content, by a name or a version alone, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.numbers import listed
from evalprov.record.fact import Held
from evalprov.record.form import REPORTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from evalprov.record.manifest import Manifest
    from evalprov.record.schema.declared import DataSet

_BY_NAME = ("embedding_model", "reranker")
# Programs that give a command other limits than their own, or another machine.
_CHANGES_LIMITS = frozenset(
    (
        *("taskset", "numactl", "nice", "ionice", "chrt", "prlimit", "systemd-run", "cgexec", "cpulimit", "firejail"),
        *("docker", "podman", "nerdctl", "apptainer", "singularity", "enroot", "kubectl", "oc", "ssh", "srun", "bwrap"),
    )
)


def content_of(one: DataSet) -> str | None:
    """Return what a data set holds, as one hash: DVC's where there is one, which stands whether or not it is pulled."""
    if one["pointer"] and (one["sha256"] is None or one["stale"] is False):
        return one["pointer"]
    return one["sha256"]


def prompts(m: Manifest) -> Held:
    """Prompt files: by content, unless nobody read them."""
    unhashed = [name for name, one in m["prompts"].items() if one["sha256"] is None]
    unread = [name for name in unhashed if m["prompts"][name]["path"] is not None]
    return Held(bool(m["prompts"]), _not_read(unread), sorted(unhashed))


def versions(m: Manifest) -> Held:
    """Versions of prompts that are no files."""
    alone = sorted(name for name in m["prompt_versions"] if name not in m["prompts"])
    return Held(bool(alone), names=alone)


def model(m: Manifest) -> Held:
    """What a provider serves under a name is never held by content, but where it says a fingerprint."""
    sure = bool(m["observed"]["model"].get("system_fingerprint"))
    return Held(bool(m["model_config"]), doubts=() if sure else ("a provider can change what it serves under a name",))


def called(m: Manifest) -> Held:
    """What was seen to be asked of models: by the names they go by, but where each answer says a fingerprint."""
    models = m["calls"]["models"]
    sure = all(one.get("gen_ai.openai.response.system_fingerprint") for one in models)
    return Held(bool(models), doubts=() if sure else ("a provider can change what it serves under a name",))


def sent(m: Manifest) -> Held:
    """Prompts as they were sent: what repeats in them, and not what was filled in."""
    there = bool(m["observed"]["prompts"])
    return Held(there, doubts=("of the prompts that were sent only what repeats is known",) if there else ())


def agent(m: Manifest) -> Held:
    """An agent: by the hash of its graph or its settings."""
    agent = m["agent"]
    there = any(agent.values())
    by_name = there and not (agent["graph_hash"] or agent["config_hash"])
    return Held(there, names=[f"agent {agent['name'] or agent['version'] or ''}".strip()] if by_name else ())


def tools(m: Manifest) -> Held:
    """Tools: by the hashes of what they say and take."""
    tools = m["tools"]
    by_name = [str(one["name"]) for one in tools if not (one["description_hash"] and one["schema_hash"])]
    return Held(bool(tools), names=sorted(by_name))


def code(m: Manifest) -> Held:
    """The tree of what ran, less what the run wrote itself."""
    if m["code"]["tree"] is None:
        return Held(there=False, unknown=reason(m, "git") or "the tree of what ran is not known")
    state = sorted(path for path, one in m["outputs"]["files"].items() if one["state"])
    told = f"written by the run, and maybe read by it: {listed(state)}"
    return Held(doubts=[told] if state and looked_beside(m) else ())


def looked_beside(m: Manifest) -> bool:
    """Say whether somebody looked for sources that git does not show."""
    return m["capture"].get("beside") is not None


def beside(m: Manifest) -> Held:
    """Sources that git does not show."""
    looked = m["capture"].get("beside")
    if looked is None:
        return Held(there=False, doubts=("sources that git does not show were not looked at",))
    # Absent is a finding: there are none.
    return Held(there=False, doubts=[looked["reason"]] if looked["reason"] and looked["status"] != "absent" else ())


def sets(m: Manifest) -> Held:
    """Data sets."""
    unhashed = sorted(name for name, one in m["data"]["sets"].items() if content_of(one) is None)
    sets = m["data"]["sets"]
    unread = [name for name in unhashed if sets[name]["path"] is not None and sets[name]["source"] != REPORTED]
    return Held(bool(sets), _not_read(unread), unhashed)


def golden(m: Manifest) -> Held:
    """A golden version stands for data that nobody named."""
    golden = m["golden_version"]
    return Held(bool(golden), names=[f"golden version {golden}"] if golden and not m["data"]["sets"] else ())


def retrieval(m: Manifest) -> Held:
    """What is retrieved from."""
    retrieval = m["data"]["retrieval"]
    by_name = sorted(f"{name} {retrieval[name]}" for name in _BY_NAME if name in retrieval)
    if "index" in retrieval and not retrieval.get("index_hash"):
        by_name.append("retrieval index")
    return Held(bool(retrieval), names=by_name)


def data_reported(m: Manifest) -> Held:
    """What the eval says of its data."""
    return Held(bool(m["data"]["reported"]), names=sorted(f"{name} (reported)" for name in m["data"]["reported"]))


def grader(m: Manifest) -> Held:
    """Whatever judges: by its files alone."""
    grader = m["grader"]
    by_files = grader["files"] and not grader["reported"]
    doubts = () if by_files else ("by version or by what the eval says of it, not by its files",)
    return Held(any(grader.values()), unread_files(grader["files"]), doubts=doubts)


def python(m: Manifest) -> Held:
    """The interpreter."""
    interpreter = m["software"]["interpreter"]
    guessed = interpreter and not interpreter["certain"]
    return Held(there=False, doubts=("the interpreter is a guess",) if guessed else ())


def packages(m: Manifest) -> Held:
    """Packages."""
    software = m["software"]
    if software["packages_hash"] is None:
        why = None if software["executable"] else reason(m, "software") or "the packages are not known"
        return Held(there=False, unknown=why)
    return Held(doubts=() if software["packages_content"] else ("packages by their versions",))


def trees(m: Manifest) -> Held:
    """Packages that are used from a folder."""
    trees, sources = m["software"]["package_trees"], m["software"]["package_sources"]
    # Inside the project it is code, which the tree holds.
    outside = [name for name, one in trees.items() if one["sha256"] is None and one["path"].startswith(("/", ".."))]
    # The look at them may have come to no end.
    outside += [name for name, source in sources.items() if source.endswith(" (editable)") and name not in trees]
    told = f"used from a folder that was not read: {', '.join(sorted(outside))}"
    return Held(there=False, doubts=[told] if outside else ())


def executable(m: Manifest) -> Held:
    """A program that is no Python."""
    executable, interpreter = m["software"]["executable"], m["software"]["interpreter"]
    if executable is None or (interpreter and interpreter["certain"]):
        return Held(there=executable is not None)
    name = executable["path"].rpartition("/")[2]
    return Held(doubts=[f"what {name} loads is not known" if executable["sha256"] else f"{name} by its name"])


def env_rest(m: Manifest) -> Held:
    """Variables that are not recorded."""
    unlooked = m["software"]["env_rest"] is None
    return Held(there=False, doubts=("environment variables that are not recorded",) if unlooked else ())


def cpu(m: Manifest) -> Held:
    """The limits of the processor."""
    hardware, program = m["capture"].get("hardware"), m["config"]["program"]
    failed = hardware and hardware["status"] == "failed"
    return Held(
        unknown=(hardware["reason"] or "the machine is not known") if hardware and failed else None,
        doubts=[f"what {program} leaves the command was not measured"] if program in _CHANGES_LIMITS else (),
    )


def gpu(m: Manifest) -> Held:
    """The GPUs."""
    return Held(unknown=None if m["infra"]["gpu"] else reason(m, "gpu") or "the GPUs are not known")


def reason(m: Manifest, collector: str) -> str | None:
    """Return what a collector says of what it did not find."""
    outcome = m["capture"].get(collector)
    return outcome["reason"] if outcome else None


def _not_read(names: Iterable[str]) -> str | None:
    listed = sorted(names)
    return f"could not be read: {', '.join(listed)}" if listed else None


def unread_files(files: Mapping[str, str | None]) -> str | None:
    """Say which files could not be read."""
    return _not_read(path for path, sha256 in files.items() if sha256 is None)


def where(there: Callable[[Manifest], object]) -> Callable[[Manifest], Held]:
    """Return how a fact is held that is there or not, and by content if it is."""
    return lambda m: Held(there=bool(there(m)))
