"""inspect_ai's logs: `.eval`, a zip archive of JSON, and `.json`."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections import Counter
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from evalprov.regular import reading
from evalprov.reported.adapters.inspect_texts import beginning_of, texts_of
from evalprov.reported.adapters.pieces import PIECE_LIMIT, pieces, whole
from evalprov.reported.adapters.source import ROWS, Source, failure, known, listed, local, number, parted, table
from evalprov.reported.open_results import Unusable
from evalprov.reported.text import brief
from evalprov.reported.texts import PutAside
from evalprov.reported.warnings import Notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zipfile import ZipInfo

    from evalprov.record.schema.values import MetricValue
    from evalprov.reported.adapters.pieces import Readable

_DAMAGE = (Unusable, BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError, struct.error)
_ZIP = b"PK\x03\x04"
_VERSION = 2  # of the log
_ZSTD = 93  # how recent versions compress
_SAMPLES = ("samples",)
_AVERAGES = ("accuracy", "mean")
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}  # correct, partial, incorrect, no answer
_CONFIG = (
    *("epochs", "epochs_reducer", "message_limit", "token_limit", "time_limit"),
    *("working_limit", "cost_limit", "fail_on_error", "score_on_error"),
)
_SELECTION = ("limit", "sample_id", "sample_shuffle")  # which of the data were used
_SAMPLING = (  # what a generating step may say of the model
    *("temperature", "top_p", "top_k", "max_tokens", "seed", "stop_seqs", "frequency_penalty", "presence_penalty"),
    *("num_choices", "best_of", "logit_bias", "reasoning_effort", "reasoning_tokens"),
)
_OWN = ("task_args", "plan")
_WATCHED = 32 << 20  # bytes of samples that are looked through for what was served
_SEARCHED = 256 << 20  # and for what was said


def fits(head: bytes) -> bool:
    """Say whether this is an archive, or JSON that begins like a log."""
    log = rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"[a-z]+"\s*,\s*"eval"\s*:\s*\{'
    return head.startswith(_ZIP) or bool(re.match(log, head))


def read(source: Source) -> Iterator[dict[str, Any]]:
    """Yield the samples, each epoch its own scenario, and at last the results."""
    if source.file.read(len(_ZIP)) == _ZIP:
        yield from _archive(source)
        return
    source.file.seek(0)
    header: dict[str, Any] = {}
    samples: list[dict[str, Any]] = []
    served = _Served()
    for path, value in pieces(source.file, (_SAMPLES,)):
        if path == _SAMPLES:
            served.see(table(value))
            samples.append(_slim(table(value)) | source.said(texts_of(table(value))))
            if len(samples) > ROWS:
                raise Unusable(f"it has more than {ROWS:,} samples")
        else:
            header[path[0] if path else ""] = value
    yield from _log(source, header, samples, served)


def header_of(path: str, *, only_spec: bool = False) -> dict[str, Any]:
    """Return what a log says of itself beside its samples, nothing where it cannot be read; it may not be whole.

    What it was to be stands at its beginning; for that alone, no more is read.
    """
    try:
        with reading(path) as file:
            if file.read(len(_ZIP)) != _ZIP:
                file.seek(0)
                header = {}
                for key, value in pieces(file, (_SAMPLES,)):
                    if len(key) == 1 and key != _SAMPLES:
                        header[key[0]] = value
                    if only_spec and key == ("eval",):
                        break
                return header
            with ZipFile(file) as archive:
                parts = {part.filename: part for part in archive.infolist()}
                names = ("header.json", "_journal/start.json")
                part = next(parts[name] for name in (names[::-1] if only_spec else names) if name in parts)
                return whole(_opened(Source(path, file, None, Notes()), archive, part))
    except (*_DAMAGE, OSError, ValueError, StopIteration):
        return {}


def _slim(sample: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed of a sample, whose messages and events may be long."""
    scores = {scorer: known(table(score), ("value",)) for scorer, score in table(sample.get("scores")).items()}
    return {**known(sample, ("id", "epoch", "error")), "scores": scores}


def _log(
    source: Source, header: dict[str, Any], samples: Iterable[dict[str, Any]], served: _Served
) -> Iterator[dict[str, Any]]:
    """Yield a log's report lines."""
    if header.get("version") != _VERSION:
        header, samples = _through_inspect(source.path, header.get("version"))
    said, status = table(header.get("eval")), header.get("status")
    if status != "success":
        source.notes.add("status", f"the log's status is {brief(status)}: the run did not end as it should")
    task = str(said.get("task") or "task")
    model = said.get("model")
    passed = ", ".join(f"{key}={brief(value)}" for key, value in sorted(table(said.get("task_args_passed")).items()))
    attempt = f"{said['task_id']} {model}" if said.get("task_id") else None
    source.is_of(task, model, passed, attempt=attempt)
    scores = _Scores(listed(table(header.get("results")).get("scores")))
    grouped = table(said.get("config")).get("epochs") not in (None, 1)
    for sample in samples:
        line = _sample(task, sample, scores)
        yield line if grouped else {**line, "group": None}
    error = table(header.get("error")).get("message")
    yield {
        "metrics": {},
        "metric_summary": scores.summary or None,
        "metric_info": scores.info(),
        "errors": failure(error) if isinstance(error, str) else None,
        **_facts(said, header, task),
        "observed_model": served.by(model),
    }


def _sample(task: str, sample: dict[str, Any], scores: _Scores) -> dict[str, Any]:
    """Return one epoch of a sample as a report line."""
    group = f"{task}/{sample.get('id')}"
    epoch = sample.get("epoch", 1)
    error = sample.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return {
        **{key: place for key, place in sample.items() if type(place) is PutAside},
        "scenario": group if epoch == 1 else f"{group}#{epoch}",
        "group": group,
        "metrics": scores.of(group, table(sample.get("scores"))),
        "errors": failure(error) if isinstance(error, str) and error else None,
    }


class _Scores:
    """The results by score, and what a sample's scores are called so that they go with them."""

    def __init__(self, results: list[Any]) -> None:
        self.summary: dict[str, MetricValue] = {}
        self._info: dict[str, dict[str, Any]] = {}
        self._called: dict[tuple[str, str], list[str]] = {}  # scorer and score to the metrics that average it
        self._scored: dict[str, set[str]] = {}
        entries = [table(one) for one in results]
        names = Counter(one["name"] for one in entries if isinstance(one.get("name"), str))
        for one in entries:
            name, reducer = one.get("name"), one.get("reducer")
            if isinstance(name, str):
                base = f"{name}.{reducer or one.get('scorer')}" if names[name] > 1 else name
                self._take(base, one, plain=reducer in (None, "mean"))

    def _take(self, base: str, one: dict[str, Any], *, plain: bool) -> None:
        metrics = {called: table(metric).get("value") for called, metric in table(one.get("metrics")).items()}
        for called, value in metrics.items():
            if called == "stderr" and any(average in metrics for average in _AVERAGES):
                continue
            self.summary[f"{base}.{called}"] = number(value)
            average = called in _AVERAGES
            stderr = number(metrics.get("stderr")) if average else None
            self._info[f"{base}.{called}"] = {"stderr": stderr, "n": one.get("scored_samples")}
            if average and plain:
                key = str(one.get("scorer")), str(one.get("name"))
                self._called.setdefault(key, []).append(f"{base}.{called}")

    def of(self, group: str, scores: dict[str, Any]) -> dict[str, MetricValue]:
        """Return a sample's metrics."""
        metrics: dict[str, MetricValue] = {}
        for scorer, score in scores.items():
            value = table(score).get("value")
            parts = value if isinstance(value, dict) else {scorer: value}
            for name, part in parts.items():
                graded = _graded(part)
                if graded is None:
                    continue
                plain = scorer if name == scorer else f"{scorer}.{name}"
                for called in self._called.get((scorer, name)) or [plain]:
                    metrics[called] = graded
                    self._scored.setdefault(called, set()).add(group)
        return metrics

    def info(self) -> dict[str, dict[str, Any]]:
        """Return what is known of the metrics; older logs do not say how many samples were scored."""
        for called, info in self._info.items():
            if info["n"] is None and called in self._scored:
                info["n"] = len(self._scored[called])
        return self._info


def _graded(value: Any) -> MetricValue:
    if isinstance(value, str):
        return _GRADES.get(value)
    return number(value)


class _Served:
    """The models that answered, by those that were asked for."""

    def __init__(self) -> None:
        self._models: dict[str, set[str]] = {}
        self._fingerprints: dict[str, set[str]] = {}

    def see(self, sample: dict[str, Any]) -> None:
        """Take in what a sample's events tell."""
        for event in map(table, listed(sample.get("events"))):
            asked, served = event.get("model"), table(event.get("output")).get("model")
            if event.get("event") != "model" or not isinstance(asked, str) or event.get("error"):
                continue
            if isinstance(served, str) and served:
                self._models.setdefault(asked, set()).add(served)
            response = table(table(event.get("call")).get("response"))
            if isinstance(fingerprint := response.get("system_fingerprint"), str):
                self._fingerprints.setdefault(asked, set()).add(fingerprint)

    def by(self, model: object) -> dict[str, Any]:
        """Return what was served: for the model that is evaluated as such, for others (that grade) by their name."""
        told: dict[str, Any] = {}
        for asked, served in sorted(self._models.items()):
            told["model" if asked == model else asked] = ", ".join(sorted(served))
        if isinstance(model, str) and model in self._fingerprints:
            told["system_fingerprint"] = ", ".join(sorted(self._fingerprints[model]))
        return told


def _facts(said: dict[str, Any], header: dict[str, Any], task: str) -> dict[str, Any]:
    """Return the model, the task and the settings that the log names, each in one place."""
    folder = os.path.dirname(str(said.get("task_file") or ""))
    plan = table(header.get("plan"))
    asked = {**table(said.get("model_generate_config")), **table(plan.get("config"))}
    asked, prompts = parted(asked, task, folder)
    arguments, found = parted(table(said.get("task_args")), task, folder)
    prompts |= found
    steps, sampling = [], []
    for step in map(table, listed(plan.get("steps"))):
        solver = str(step.get("solver"))
        params, found = parted(table(step.get("params")), f"{task}.{solver}", folder)
        prompts |= found
        if solver == "generate":
            sampling.append(known(params, _SAMPLING))
            params = {key: value for key, value in params.items() if key not in _SAMPLING}
        steps.append(known({"solver": solver, "params": params}, ("solver", "params")))
    # Several steps may each have their own.
    asked |= sampling[0] if len(sampling) == 1 else {"steps": sampling} if any(sampling) else {}
    model = {**table(said.get("model_args")), **asked, **known(said, ("model", "model_roles"))}
    settings = table(said.get("config"))
    dataset = table(said.get("dataset"))
    data: dict[str, Any] = {task: {"version": said.get("task_version")}}
    if isinstance(location := dataset.get("location"), str):
        data[task]["path"] = local(location, folder) or location
    if selection := known(settings, _SELECTION):
        data["inspect"] = selection
    scorers = [known(table(one), ("name", "options")) for one in listed(said.get("scorers"))]
    judged = {**table(said.get("packages")), "scorers": scorers}
    return {
        "model_config": {key: value for key, value in model.items() if value is not None},
        "prompts": prompts,
        "config": {"inspect": known(settings, _CONFIG) | known({"task_args": arguments, "plan": steps}, _OWN)},
        "data": data,
        "grader": known(judged, ("inspect_ai", "scorers")),
    }


def _archive(source: Source) -> Iterator[dict[str, Any]]:
    try:
        with ZipFile(source.file) as archive:
            parts = {part.filename: part for part in archive.infolist()}
            head = next((name for name in ("header.json", "_journal/start.json") if name in parts), None)
            if head is None:
                raise Unusable("it is a zip archive without header.json")
            header = whole(_opened(source, archive, parts[head]))
            served, texts = _seen(source, archive, parts)
            samples = (one | texts.get(_key(one), {}) for one in _summaries(source, archive, parts))
            yield from _log(source, header, samples, served)
    except BadZipFile as why:
        raise Unusable(f"its archive is damaged or cut off: {why}") from None
    except _DAMAGE as why:
        if isinstance(why, Unusable):
            raise
        raise Unusable(f"a part of its archive cannot be read: {why}") from None


def _summaries(source: Source, archive: ZipFile, parts: dict[str, ZipInfo]) -> Iterator[dict[str, Any]]:
    """Yield what an archive says of each sample; a run that was killed has written no summary of all."""
    journal = [name for name in parts if name.startswith("_journal/summaries/")]
    for name in ["summaries.json"] if "summaries.json" in parts else journal:
        for path, value in pieces(_opened(source, archive, parts[name])):
            if not path:
                yield table(value)
    if "summaries.json" in parts or journal:
        return
    for name, part in parts.items():
        if name.startswith("samples/") and name.endswith(".json"):
            yield whole(_opened(source, archive, part))


def _seen(
    source: Source, archive: ZipFile, parts: dict[str, ZipInfo]
) -> tuple[_Served, dict[tuple[str, str], dict[str, Any]]]:
    """Look through the samples for the models that answered, and for what they said, as far as that is quick."""
    served = _Served()
    texts: dict[tuple[str, str], dict[str, Any]] = {}
    looked = 0
    for name, part in parts.items():
        if not (name.startswith("samples/") and name.endswith(".json")):
            continue
        looked += part.file_size
        if looked > _SEARCHED:
            source.notes.add("said", "what the log says of its samples' texts was read from the first of them alone")
            break
        try:
            if looked <= _WATCHED:
                sample = whole(_opened(source, archive, part))
                served.see(sample)
            else:
                source.notes.add("served", "which models were served was read from the log's first samples alone")
                sample = beginning_of(_opened(source, archive, part))
            texts[_key(sample)] = source.said(texts_of(sample))
        except _DAMAGE:
            continue  # its scores stand elsewhere
    return served, texts


def _key(sample: dict[str, Any]) -> tuple[str, str]:
    return str(sample.get("id")), str(sample.get("epoch"))


class _LogPart:
    """A part of the archive that is compressed with zstd, which zipfile knows from Python 3.14 on."""

    def __init__(self, packed: IO[bytes], checksum: int, problem: type[Exception]) -> None:
        self._packed = packed
        self._wanted = checksum
        self._problem = problem
        self._checksum = 0

    def read(self, size: int) -> bytes:
        """Return up to so many bytes, none at the end."""
        try:
            data = self._packed.read(size)
        except self._problem as why:
            raise Unusable(f"a part of its archive cannot be read: {why}") from None
        self._checksum = zlib.crc32(data, self._checksum)
        if not data and self._checksum != self._wanted:
            raise Unusable("a part of its archive is damaged")
        return data


def _opened(source: Source, archive: ZipFile, part: ZipInfo) -> Readable:
    """Open a part of the archive."""
    try:
        return archive.open(part)
    except NotImplementedError:
        if part.compress_type != _ZSTD:
            raise
    import zstandard  # not needed for the other formats

    if part.compress_size > PIECE_LIMIT:
        raise Unusable(f"a part of its archive is larger than {PIECE_LIMIT >> 20} MiB")
    source.file.seek(part.header_offset)
    names = struct.unpack("<26xHH", source.file.read(30))
    source.file.seek(sum(names), io.SEEK_CUR)
    packed = io.BytesIO(source.file.read(part.compress_size))
    return _LogPart(zstandard.ZstdDecompressor().stream_reader(packed), part.CRC, zstandard.ZstdError)


def _through_inspect(path: str, version: object) -> tuple[dict[str, Any], Iterable[dict[str, Any]]]:
    """Return the header and samples of a log of another version, as inspect_ai itself reads it."""
    try:
        inspect_ai: Any = import_module("inspect_ai.log")
    except ImportError:
        raise Unusable(
            f"it is version {brief(version)} of the log",
            f"version {_VERSION}, or the package inspect_ai beside evalprov, which reads others",
        ) from None
    header = inspect_ai.read_eval_log(path, header_only=True).model_dump(mode="json")
    samples = inspect_ai.read_eval_log_sample_summaries(path)
    return header, (one.model_dump(mode="json") for one in samples)
