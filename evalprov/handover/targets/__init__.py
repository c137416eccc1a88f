"""Other tools that a record is handed over to: one small module each, which turns a record into what the tool takes.

A module has `packed(record, options)`, which returns a parcel: all that the tool would get, and where; it needs no
client and touches nothing. A module that writes no files has `send(parcel, options)` beside it, which hands the parcel
over and returns the state of the receipt: `sent`, or `already there`. What a parcel does not hold is not sent, so a dry
run shows all of it. A tool that refuses or is not there is a `TargetRefused`; what was begun is begun anew the next
time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evalprov.handover import files
from evalprov.handover.parcel import Parcel, Receipt, SendOptions, TargetRefused
from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.record.manifest import Manifest


class Target(NamedTuple):
    """One tool, or one kind of file."""

    name: str  # as in --to
    module: str
    what: str  # it gets, for the help
    extra: str = ""  # of the package, where a client is needed
    url: bool = False  # it is somewhere: --url and --project have a meaning
    single: bool = False  # its files have the same names for each run
    texts: bool = False  # it has a place for the prompts' texts

    def packed(self, record: Manifest, options: SendOptions) -> Parcel:
        """Return what would be sent."""
        parcel: Parcel = self._module().packed(record, options)
        return parcel

    def send(self, record: Manifest, options: SendOptions) -> Receipt:
        """Hand a record over, or say of what would be sent that it was not."""
        parcel = self.packed(record, options)
        try:
            state = "would be sent" if options.dry_run else self._sent(parcel, options)
        except ImportError as missing:
            hint = f"pip install '.[{self.extra}]' in evalprov's checkout brings it"
            raise TargetRefused(
                f"{self.name} needs {missing.name or self.extra}, which is not installed", hint
            ) from None
        return Receipt(self.name, parcel.run_id, parcel.id, parcel.where, state, parcel)

    def _sent(self, parcel: Parcel, options: SendOptions) -> str:
        if not self.url:
            return files.place(parcel, options.folder)
        state: str = self._module().send(parcel, options)
        return state

    def _module(self) -> Any:
        return import_module(f"evalprov.handover.targets.{self.module}")


TARGETS = (
    Target(
        "mlflow",
        "mlflow",
        "a run: params, metrics, tags, data sets, table, record",
        extra="mlflow",
        url=True,
        texts=True,
    ),
    Target(
        "wandb",
        "wandb",
        "a run: config, summary, table, artifact; offline without a key",
        extra="wandb",
        url=True,
        texts=True,
    ),
    Target("langfuse", "langfuse", "a trace of the run and its scenarios, with scores", extra="langfuse", url=True),
    Target("langsmith", "langsmith", "a run a scenario in a project, with feedback", extra="langsmith", url=True),
    Target("otlp", "otlp", "spans by OTLP: one for the run, one a scenario, with evaluation events", url=True),
    Target("csv", "csv_files", "two tables a run: what it was, and a row a scenario"),
    Target("parquet", "parquet", "the same as columns, one data set of all runs", extra="parquet"),
    Target("dvc", "dvc", "files for dvc metrics, params and plots", single=True),
    Target("in-toto", "in_toto", "a test result and SLSA provenance, to be signed"),
    Target("rocrate", "rocrate", "a Process Run Crate"),
    Target("prov", "prov", "PROV-JSON"),
    Target("cyclonedx", "cyclonedx", "a bill of materials: model, packages, data"),
    Target("croissant", "croissant", "the scenarios as a described data set"),
    Target("every-eval-ever", "every_eval_ever", "a run's scores for the shared datastore"),
    Target("hf", "hf", "scores for a model's page on Hugging Face"),
)


def named(name: str) -> Target | None:
    """Return the target of that name."""
    return next((target for target in TARGETS if target.name == name), None)
