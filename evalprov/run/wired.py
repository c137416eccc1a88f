"""A run whose calls to providers are recorded, replayed or looked at: the proxy, and what it saw in the record."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from evalprov.capture.software.way import which
from evalprov.errors import EvalprovError
from evalprov.numbers import listed
from evalprov.store.calls import FOLDER, digest_of, name_of, path_of
from evalprov.wire.door import HOST, RunningProxy, WirePlan
from evalprov.wire.providers import Opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evalprov.capture.collector import CaptureContext
    from evalprov.record.manifest import Manifest
    from evalprov.run.request import Request
    from evalprov.store import Store

_FIRST_NODE = 24  # that knows proxies by itself
_NODES = ("node", "npx", "npm", "pnpm", "yarn", "tsx", "promptfoo")
HTTPS = 443
OBSERVE = "observe"
_LOST = "calls under way just then are not in the file"
_PAST = "asked past the proxy, by a client that heeds none: aiohttp without trust_env, or urllib3 by itself"
_UNSEEN = "clients that heed no proxy are not seen: aiohttp without trust_env, or urllib3 by itself"
# What a declaration of the model names, and what stands for it on the wire.
_DECLARED = ("temperature", "top_p", "top_k", "max_tokens", "seed")


class WiredRun:
    """The proxy of one run, from before it captures until its record is finished."""

    def __init__(self, request: Request, context: CaptureContext) -> None:
        self._scrub = context.scrub
        self._source, path, self._source_sha256 = _source(request, context)
        recording = context.settings.declared.get("record", {})
        replaying = context.settings.declared.get("replay", {})
        prices = recording.get("prices")
        self._wants_bases = recording.get("base_urls", "auto")
        if path is None:
            self._mode = "record" if request.record else OBSERVE
        else:
            self._mode = "replay-or-record" if request.fill else "replay"
        self._file: str | None = None
        self._past: dict[str, int] = {}  # address to connections that the command opened past the proxy
        self._problem: str | None = None  # why nothing is seen of a run that is only looked at
        self._proxy: RunningProxy | None = None
        plan = WirePlan(
            mode=self._mode,
            providers=tuple(recording.get("providers", ("auto",))),
            ignore=tuple(replaying.get("ignore", ())),
            timing=replaying.get("timing", False),
            errors=replaying.get("errors", False),
            source=path,
            closed=replaying.get("network", "closed") == "closed",
            base_urls=self._wants_bases == "always" or (self._wants_bases == "auto" and _is_old_node(context)),
            prices=prices and os.path.join(context.root, prices),
            secret=context.settings.env_secret,
        )
        with self._forgiven():
            self._proxy = RunningProxy(plan, context.environ)

    def open(self, store: Store, manifest: Manifest) -> dict[str, str]:
        """Have the proxy serve the run; return what the command's environment needs."""
        run_id = manifest["run_id"]
        if self._mode not in ("replay", OBSERVE):
            store.enter(FOLDER).__exit__()  # it is made where it is not there yet
            self._file = name_of(run_id)
        interpreter = manifest["software"]["interpreter"]
        prefixes = [interpreter["prefix"]] if interpreter and interpreter.get("prefix") else []
        with self._forgiven():
            if self._proxy is not None:
                return self._proxy.open(run_id, self._file and f"{store.path}/{self._file}", prefixes)
        return {}

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        """Where calls are only looked at, the run begins without."""
        try:
            yield
        except EvalprovError as problem:
            if self._mode != OBSERVE:
                raise
            self._proxy, self._problem = None, f"{problem.message}; {problem.hint}".rstrip("; ")

    def command(self, context: CaptureContext, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the command as it is to be started: shut into a network of its own for a replay."""
        words = self._proxy.shut_in if self._proxy is not None else ()
        found = which(argv[0], context.cwd, context.environ) if words else None
        return (*words, found, *argv) if found else argv

    def started(self, pid: int) -> None:
        """Tell the proxy whom it serves."""
        if self._proxy is not None:
            self._proxy.started(pid)

    def abandon(self) -> None:
        """The run does not begin."""
        if self._proxy is not None:
            self._proxy.abandon()

    def finish(self, manifest: Manifest) -> None:
        """End the proxy, and write down what it saw."""
        calls = manifest["calls"]
        calls["mode"] = cast("Any", self._mode)
        if self._proxy is None:
            why = self._clean(f"the calls could not be looked at: {self._problem}")
            calls["reason"] = why
            manifest["warnings"].append(why)
            return
        report = self._proxy.close()
        calls["source"], calls["source_sha256"] = self._source, self._source_sha256
        sums = report.get("sums")
        reasons = [report["problem"]] if report.get("problem") else []
        if report["restarts"]:
            lost = "calls before that are not counted" if self._file is None else _LOST
            reasons.append(f"the proxy was killed and started again: {lost}")
        if sums is None:
            calls["reason"] = self._clean("; ".join(reasons))
            manifest["warnings"] += [self._clean(one) for one in reasons]
            if self._mode not in ("record", OBSERVE):
                _fail(manifest, f"the replay was cut short: {calls['reason']}")
            return
        calls.update(self._clean(sums))
        self._past = report["past"]
        calls["missed"] = [self._clean(one) for one in report["missed"]]
        calls["not_recorded"] = {self._clean(name): count for name, count in report["not_recorded"].items()}
        calls["passed"] = {
            self._clean(host): {"connections": row[0], "sent": row[1], "received": row[2]}
            for host, row in sorted(report["passed"].items())
        }
        calls["network"] = report["network"]
        if self._file is not None and report["sha256"]:
            calls["file"], calls["sha256"], calls["bytes"] = self._file, report["sha256"], report["bytes"]
        if report["lost"]:
            reasons.append(f"{report['lost']} calls are not in the file")
        kept_nowhere = [] if self._mode != OBSERVE else ["the calls were looked at and not kept: see --record"]
        calls["complete"] = not reasons and not calls["not_recorded"] and not kept_nowhere
        calls["reason"] = self._clean("; ".join(reasons + kept_nowhere)) or None
        manifest["observed"]["prompts"] = report["prompts"]
        manifest["observed"]["tools"] = self._clean(report["tools"])
        manifest["warnings"] += [self._clean(one) for one in (*reasons, *_contradictions(manifest))]
        _fill_model(manifest)
        if self._mode == "replay" and calls["missed"]:
            missed = calls["missed"]
            more = f" (and {len(missed) - 1} more)" if len(missed) > 1 else ""
            _fail(manifest, f"the replay had no answer: {missed[0]}{more}")
            manifest["warnings"].insert(0, manifest["errors"][-1]["message"])

    def look_past(self, manifest: Manifest) -> None:
        """Name the providers that the command was seen to ask for by itself: what heeds no proxy does not come here."""
        if self._proxy is None:
            return
        calls, opened, observed = manifest["calls"], Opened(self._proxy.plan.providers), manifest["observed"]
        observed["hosts"] = [said for said in observed["hosts"] if said != f"{HOST} {self._proxy.port}"]
        past = list(self._past)
        for address, count in self._past.items():
            calls["not_recorded"][f"{address}:{HTTPS}: a connection past the proxy"] = count
        for said in observed["hosts"]:
            host, _, port = said.rpartition(" ")
            if opened.name(host, int(port) if port.isdecimal() else HTTPS):
                past.append(host)
                calls["not_recorded"][f"{host}: {_PAST}"] = 1
        if past:
            calls["complete"] = False
            hosts = listed(list(dict.fromkeys(past)))
            manifest["warnings"].append(f"connections to {hosts} are not recorded: {_PAST}")
        elif self._mode == "record" and calls["count"] == 0 and not calls["not_recorded"]:
            manifest["warnings"].append(f"--record saw no call to a provider; {_UNSEEN}")

    def _clean(self, value: Any) -> Any:
        return self._scrub.text(value) if isinstance(value, str) else self._scrub.value(value)


def _source(request: Request, context: CaptureContext) -> tuple[str | None, str | None, str | None]:
    """Return what is replayed, the file of its calls and that one's hash; nothing where calls are recorded."""
    spec = request.replay
    if spec is None:
        return None, None, None
    given = os.path.join(context.cwd, spec)
    if spec.endswith(".sqlite") and os.path.isfile(given):
        return context.scrub.text(os.path.relpath(given, context.root)), given, digest_of(given)
    from evalprov.store import read

    m = read.load(context.store, spec)
    path = path_of(context.store, m)
    return m["calls"]["source"] if m["calls"]["mode"] == "replay" else m["run_id"], path, digest_of(path)


def _is_old_node(context: CaptureContext) -> bool:
    """Say whether the command is one of Node's, and that Node too old to know proxies."""
    if os.path.basename(context.argv[0]) not in _NODES:
        return False
    import subprocess

    with suppress(OSError, subprocess.SubprocessError, ValueError):
        asked = subprocess.run(
            ["node", "--version"], env=dict(context.environ), capture_output=True, timeout=5, check=True
        )
        return int(asked.stdout.decode().strip().lstrip("v").partition(".")[0]) < _FIRST_NODE
    return False


def _contradictions(manifest: Manifest) -> list[str]:
    """Say where what was declared or reported is not what was seen."""
    models = manifest["calls"]["models"]
    if not models:
        return []
    found = []
    declared = manifest["model_config"]
    asked = {str(one["gen_ai.request.model"]) for one in models if one["gen_ai.request.model"]}
    served = {str(name) for one in models for name in cast("list[str]", one["gen_ai.response.model"])}
    name = declared.get("model")
    if name and asked and str(name).rpartition("/")[2] not in {one.rpartition("/")[2] for one in asked | served}:
        found.append(f"model.model is declared as {name}, and what was asked for is {listed(sorted(asked))}")
    for key in _DECLARED:
        if key not in declared or (seen := _seen(models, key)) is None:
            continue
        if declared[key] not in seen:
            found.append(
                f"model.{key} is declared as {declared[key]}, and was seen as {listed(sorted(map(str, seen)))}"
            )
    said = manifest["observed"]["model"].get("model")
    if said and served and said not in served:
        found.append(f"the eval reports that {said} was served, and what was seen is {listed(sorted(served))}")
    return found


def _seen(models: list[dict[str, Any]], key: str) -> list[Any] | None:
    values = [one[f"gen_ai.request.{key}"] for one in models if f"gen_ai.request.{key}" in one]
    flat = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    return flat or None


def _fill_model(manifest: Manifest) -> None:
    """Say what was served, where one model was: what was seen beats what the eval says."""
    models = manifest["calls"]["models"]
    for name, key in (("model", "response.model"), ("system_fingerprint", "openai.response.system_fingerprint")):
        seen = {value for one in models for value in cast("list[str]", one[f"gen_ai.{key}"])}
        if len(seen) == 1:
            manifest["observed"]["model"][name] = seen.pop()


def _fail(manifest: Manifest, message: str) -> None:
    """A replay that was asked what nobody recorded, or was cut short, has failed, whatever the command made of it."""
    manifest["errors"].append({"kind": "infra", "message": message, "scenario": None, "stderr_tail": None})
    if manifest["exit_code"] == 0:
        manifest["exit_code"] = 1
        manifest["status"] = "failed"
