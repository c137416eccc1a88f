"""The table of trackers: which variable of the environment carries a run's identity to each, and how it is merged.

`make peers` holds every row against the real client, so that one which renames a variable is noticed.
"""

from __future__ import annotations

from evalprov.named import NamedTuple

# Langfuse takes the first of these for the release where nobody names one: a run id must not stand in its place.
_RELEASES = (
    *("RENDER_GIT_COMMIT", "CI_COMMIT_SHA", "CIRCLE_SHA1", "SOURCE_VERSION", "TRAVIS_COMMIT", "GIT_COMMIT"),
    *("GITHUB_SHA", "BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "DRONE_COMMIT_SHA"),
)


class TrackerVariable(NamedTuple):
    """One variable that a tracker reads."""

    tracker: str
    packages: tuple[str, ...]  # any of which installed makes it likely that the tracker is used
    variable: str
    # json: a JSON object; pairs: key=value with commas, percent-encoded; words: key=value with spaces, YAML;
    # tags: names with commas; id: the run id alone, and only where nobody has set it.
    form: str
    unless: tuple[str, ...] = ()  # other variables that would lose their effect
    said_in: tuple[str, str] | None = None  # a file of settings, and the word there, that this would outrank


VARIABLES = (
    TrackerVariable("mlflow", ("mlflow", "mlflow-skinny", "mlflow-tracing"), "MLFLOW_RUN_CONTEXT", "json"),
    TrackerVariable("mlflow", ("mlflow", "mlflow-tracing"), "OTEL_RESOURCE_ATTRIBUTES", "pairs"),
    TrackerVariable("opentelemetry", ("opentelemetry-sdk",), "OTEL_RESOURCE_ATTRIBUTES", "pairs"),
    TrackerVariable("langsmith", ("langsmith",), "LANGSMITH_EVALPROV_RUN_ID", "id"),
    TrackerVariable("langsmith", ("langsmith",), "LANGSMITH_EXPERIMENT_METADATA", "json"),
    TrackerVariable("langfuse", ("langfuse",), "LANGFUSE_RELEASE", "id", unless=_RELEASES),
    TrackerVariable("langfuse", ("langfuse",), "OTEL_RESOURCE_ATTRIBUTES", "pairs"),
    TrackerVariable("wandb", ("wandb",), "WANDB_TAGS", "tags", said_in=("wandb/settings", "run_tags")),
    TrackerVariable("inspect", ("inspect-ai",), "INSPECT_EVAL_METADATA", "words"),
    TrackerVariable(
        "comet", ("comet-ml",), "COMET_START_EXPERIMENT_TAGS", "tags", said_in=(".comet.config", "experiment_tags")
    ),
)
