"""Weights & Biases: a run with its config, its summary, the table of scenarios and the record as an artifact."""

from __future__ import annotations

import netrc
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evalprov.handover import content, notes
from evalprov.handover.files import ALREADY, SENT
from evalprov.handover.parcel import FileContent, Parcel, Rows, document
from evalprov.handover.servers import from_settings, on_disk, quiet, refusing, shown_url, unless_set

if TYPE_CHECKING:
    from evalprov.handover.parcel import SendOptions
    from evalprov.record.manifest import Manifest

    Json = dict[str, Any]

RECORD, SCENARIOS, PROMPTS = "record.json", "scenarios", "prompts"
_MARK = "evalprov.export"
_USUAL = "https://api.wandb.ai"
_LONGEST_TAG = 64
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_HINTS = {"401": "WANDB_API_KEY holds the key", "403": "WANDB_API_KEY holds the key"}


def packed(m: Manifest, options: SendOptions) -> Parcel:
    """Return the run."""
    uid = content.uid(m)
    project = options.project or from_settings(("WANDB_PROJECT",)) or m["scenario"] or "evalprov"
    offline = _is_offline(options)
    parts: Json = {
        "run": {
            "id": uid[:24],
            "name": m["run_id"],
            "project": _project(project),
            "entity": from_settings(("WANDB_ENTITY",)),
            "group": m["scenario"],
            "job_type": "eval",
            "notes": m["note"],
            "tags": [tag[:_LONGEST_TAG] for tag in ("evalprov", *m["tags"])],
        },
        "config": {**content.params(m), **content.tags(m)},
        "summary": {**content.summary(m), "evalprov.duration_seconds": m["duration_seconds"]},
        "git": {"commit": m["git_sha"], "remote": content.remote(m)},
        RECORD: document(m, indent=None),
        **content.prompt_files(m, options, PROMPTS),
    }
    if m["metrics"]:
        names = content.metric_names(m)
        rows = content.table(m)
        parts["columns"] = ["scenario", "group", *names]
        parts[SCENARIOS] = Rows(rows.total, lambda: (list(row.values()) for row in rows.each()))
    where = f"{options.folder}, offline, for `wandb sync`" if offline else shown_url(_host(options))
    return Parcel(m["run_id"], uid, f"{where}, project {_project(project)}", parts)


def _project(name: str) -> str:
    """Return a name that W&B takes for a project."""
    return "".join("-" if c in "/\\#?%:" or not c.isprintable() else c for c in name)[:128]


def _host(options: SendOptions) -> str:
    return options.url or from_settings(("WANDB_BASE_URL",)) or _USUAL


def _is_offline(options: SendOptions) -> bool:
    """Say whether to write a folder for `wandb sync`: as W&B is told, and where there is no key."""
    if mode := from_settings(("WANDB_MODE",)):
        return mode != "online"
    if from_settings(("WANDB_API_KEY",)):
        return False
    try:
        return netrc.netrc().authenticators(urlsplit(_host(options)).hostname or "") is None
    except (OSError, netrc.NetrcParseError):
        return True


def send(parcel: Parcel, options: SendOptions) -> str:
    """Log the run; under its id it is there once, also when it is sent again."""
    unless_set(WANDB_SILENT="true", WANDB_ERROR_REPORTING="false", WANDB_CONSOLE="off")
    import wandb

    if notes.has(options.folder, parcel):
        return ALREADY
    offline = _is_offline(options)
    about = parcel.parts["run"]
    os.makedirs(options.folder, exist_ok=True)
    with quiet("wandb", "urllib3"), refusing("W&B", parcel.where, _HINTS):
        if not offline and _is_there(wandb, options, about):
            return ALREADY
        git = {name: value for name, value in parcel.parts["git"].items() if value}
        settings = wandb.Settings(
            mode="offline" if offline else "online",
            base_url=_host(options),
            silent=True,
            console="off",
            disable_git=not git,
            git_root="/",  # nothing of the repository that this is called in
            disable_code=True,
            save_code=False,
            x_disable_meta=True,
            x_save_requirements=False,
            x_disable_stats=True,
            x_disable_machine_info=not git,  # which would leave out the commit, too
            git_commit=git.get("commit"),
            git_remote_url=git.get("remote"),
            init_timeout=60,
        )
        run = wandb.init(
            **{name: value for name, value in about.items() if value is not None},
            config=parcel.parts["config"],
            dir=options.folder,
            resume=None if offline else "allow",
            settings=settings,
        )
        try:
            _log(wandb, run, parcel)
        except BaseException:
            run.finish(exit_code=1)
            raise
    notes.add(options.folder, parcel)
    return SENT


def _log(wandb: Any, run: Any, parcel: Parcel) -> None:
    """Log all of it, and end the run while its files are still there."""
    parts = parcel.parts
    about = parts["run"]
    if SCENARIOS in parts:
        table = wandb.Table(columns=parts["columns"], data=list(parts[SCENARIOS].each()), allow_mixed_types=True)
        run.log({SCENARIOS: table})
    run.summary.update({name: value for name, value in parts["summary"].items() if value is not None})
    files = {name: part for name, part in parts.items() if isinstance(part, FileContent)}
    with on_disk(files) as folder:
        artifact = wandb.Artifact(f"evalprov-{parcel.id[:24]}", type="evalprov-record")
        artifact.add_file(os.path.join(folder, RECORD), RECORD)
        run.log_artifact(artifact)
        if os.path.isdir(os.path.join(folder, PROMPTS)):
            prompts = wandb.Artifact(f"{_NOT_IN_A_NAME.sub('-', about['project'])}-prompts", type="prompt")
            prompts.add_dir(os.path.join(folder, PROMPTS))
            run.log_artifact(prompts)
        run.summary.update({_MARK: "whole"})
        run.finish()


def _is_there(wandb: Any, options: SendOptions, about: Json) -> bool:
    """Say whether the whole run is on the server; one that is not all there is completed under its id."""
    api = wandb.Api(overrides={"base_url": _host(options)}, timeout=30)
    path = "/".join(filter(None, (about["entity"] or api.default_entity, about["project"], about["id"])))
    try:
        found = api.run(path)
    except (wandb.errors.CommError, ValueError) as error:
        if "could not find" in str(error).lower() or "not found" in str(error).lower():
            return False
        raise
    return bool(found.summary.get(_MARK) == "whole")
