"""Where the run is: platform, container, cluster, CI and user."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from evalprov.capture.collector import CaptureContext, Findings, Steps
from evalprov.platform.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evalprov.record.schema.machine import PlaceFacts
    from evalprov.record.schema.observed import PlaceObserved

    Fields = Mapping[str, tuple[str, ...]]

# Services that are more than the container they run in; any one of the variables tells.
_SERVICES = (
    ("modal", ("MODAL_TASK_ID", "MODAL_IS_REMOTE")),
    ("sagemaker", ("SM_TRAINING_ENV", "TRAINING_JOB_ARN", "SAGEMAKER_APP_TYPE")),
    ("databricks", ("DATABRICKS_RUNTIME_VERSION",)),
    ("colab", ("COLAB_RELEASE_TAG", "COLAB_GPU")),
    ("kaggle", ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_URL_BASE")),
)
_SCHEDULERS = (
    ("slurm", ("SLURM_JOB_ID",)),
    ("ray", ("RAY_JOB_ID", "RAY_JOB_CONFIG_JSON_ENV_VAR")),
    ("apptainer", ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")),
)
_POD_FILES = "/var/run/secrets/kubernetes.io/serviceaccount"
_KUBERNETES: Fields = {
    "namespace": ("{POD_NAMESPACE}", "{MY_POD_NAMESPACE}", "{K8S_NAMESPACE}", "{KUBERNETES_NAMESPACE}"),
    "pod": ("{POD_NAME}", "{MY_POD_NAME}", "{K8S_POD_NAME}"),
    "node": ("{NODE_NAME}", "{MY_NODE_NAME}", "{K8S_NODE_NAME}"),
}
_SLURM: Fields = {
    "job_id": ("{SLURM_JOB_ID}",),
    "job_name": ("{SLURM_JOB_NAME}",),
    "array_job_id": ("{SLURM_ARRAY_JOB_ID}",),
    "array_task_id": ("{SLURM_ARRAY_TASK_ID}",),
    "step_id": ("{SLURM_STEP_ID}",),
    "cluster": ("{SLURM_CLUSTER_NAME}",),
    "partition": ("{SLURM_JOB_PARTITION}",),
    "nodelist": ("{SLURM_JOB_NODELIST}", "{SLURM_NODELIST}"),
    "node": ("{SLURMD_NODENAME}",),
    "nodes": ("{SLURM_JOB_NUM_NODES}", "{SLURM_NNODES}"),
    "ntasks": ("{SLURM_NTASKS}",),
    "task": ("{SLURM_PROCID}",),
    "cpus": ("{SLURM_CPUS_ON_NODE}",),
    "cpus_per_task": ("{SLURM_CPUS_PER_TASK}",),
    "gpus": ("{SLURM_JOB_GPUS}", "{SLURM_STEP_GPUS}", "{SLURM_GPUS_ON_NODE}", "{SLURM_GPUS}"),
    "mem": ("{SLURM_MEM_PER_NODE}M", "{SLURM_MEM_PER_CPU}M per CPU", "{SLURM_MEM_PER_GPU}M per GPU"),
}
_GITHUB_RUN = "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"
_AZURE_RUN = "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}"
_BITBUCKET_RUN = "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}"
# Provider, the variable that shows it, and each fact's sources, the best first.
_CI: tuple[tuple[str, str, Fields], ...] = (
    ("github", "GITHUB_ACTIONS", {
        "run_url": (_GITHUB_RUN + "/attempts/{GITHUB_RUN_ATTEMPT}", _GITHUB_RUN),
        "run_id": ("{GITHUB_RUN_ID}",),
        "job": ("{GITHUB_JOB}",),
        "actor": ("{GITHUB_TRIGGERING_ACTOR}", "{GITHUB_ACTOR}"),
        "ref": ("{GITHUB_HEAD_REF}", "{GITHUB_REF}"),
        "pr": ("{GITHUB_REF}",),
    }),
    ("gitlab", "GITLAB_CI", {
        "run_url": ("{CI_JOB_URL}", "{CI_PIPELINE_URL}"),
        "run_id": ("{CI_PIPELINE_ID}",),
        "job": ("{CI_JOB_NAME}",),
        "actor": ("{GITLAB_USER_LOGIN}",),
        "ref": ("{CI_MERGE_REQUEST_SOURCE_BRANCH_NAME}", "{CI_COMMIT_REF_NAME}"),
        "pr": ("{CI_MERGE_REQUEST_IID}",),
    }),
    ("circleci", "CIRCLECI", {
        "run_url": ("{CIRCLE_BUILD_URL}",),
        "run_id": ("{CIRCLE_WORKFLOW_ID}", "{CIRCLE_BUILD_NUM}"),
        "job": ("{CIRCLE_JOB}",),
        "actor": ("{CIRCLE_USERNAME}",),
        "ref": ("{CIRCLE_TAG}", "{CIRCLE_BRANCH}"),
        "pr": ("{CIRCLE_PULL_REQUEST}", "{CIRCLE_PR_NUMBER}"),
    }),
    ("buildkite", "BUILDKITE", {
        "run_url": ("{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "{BUILDKITE_BUILD_URL}"),
        "run_id": ("{BUILDKITE_BUILD_ID}",),
        "job": ("{BUILDKITE_STEP_KEY}", "{BUILDKITE_LABEL}"),
        "actor": ("{BUILDKITE_BUILD_CREATOR}",),
        "ref": ("{BUILDKITE_TAG}", "{BUILDKITE_BRANCH}"),
        "pr": ("{BUILDKITE_PULL_REQUEST}",),
    }),
    ("azure", "TF_BUILD", {
        "run_url": (_AZURE_RUN, _AZURE_RUN.replace("COLLECTION", "TEAMFOUNDATIONCOLLECTION")),
        "run_id": ("{BUILD_BUILDID}",),
        "job": ("{SYSTEM_JOBDISPLAYNAME}", "{SYSTEM_JOBNAME}"),
        "actor": ("{BUILD_REQUESTEDFOR}",),
        "ref": ("{BUILD_SOURCEBRANCH}",),
        "pr": ("{SYSTEM_PULLREQUEST_PULLREQUESTNUMBER}", "{SYSTEM_PULLREQUEST_PULLREQUESTID}"),
    }),
    ("bitbucket", "BITBUCKET_BUILD_NUMBER", {
        "run_url": (_BITBUCKET_RUN,),
        "run_id": ("{BITBUCKET_BUILD_NUMBER}",),
        "job": ("{BITBUCKET_STEP_UUID}",),
        "actor": ("{BITBUCKET_STEP_TRIGGERER_UUID}",),
        "ref": ("{BITBUCKET_TAG}", "{BITBUCKET_BRANCH}"),
        "pr": ("{BITBUCKET_PR_ID}",),
    }),
    ("travis", "TRAVIS", {
        "run_url": ("{TRAVIS_JOB_WEB_URL}", "{TRAVIS_BUILD_WEB_URL}"),
        "run_id": ("{TRAVIS_BUILD_ID}",),
        "job": ("{TRAVIS_JOB_NAME}", "{TRAVIS_JOB_NUMBER}"),
        "ref": ("{TRAVIS_TAG}", "{TRAVIS_PULL_REQUEST_BRANCH}", "{TRAVIS_BRANCH}"),
        "pr": ("{TRAVIS_PULL_REQUEST}",),
    }),
    ("drone", "DRONE", {
        "run_url": ("{DRONE_BUILD_LINK}",),
        "run_id": ("{DRONE_BUILD_NUMBER}",),
        "job": ("{DRONE_STEP_NAME}", "{DRONE_STAGE_NAME}"),
        "actor": ("{DRONE_COMMIT_AUTHOR}",),
        "ref": ("{DRONE_COMMIT_REF}",),
        "pr": ("{DRONE_PULL_REQUEST}",),
    }),
    ("teamcity", "TEAMCITY_VERSION", {
        "run_url": ("{BUILD_URL}",),
        "run_id": ("{BUILD_NUMBER}",),
        "job": ("{TEAMCITY_BUILDCONF_NAME}",),
    }),
    ("jenkins", "JENKINS_URL", {
        "run_url": ("{BUILD_URL}",),
        "run_id": ("{BUILD_ID}", "{BUILD_NUMBER}"),
        "job": ("{JOB_NAME}",),
        "actor": ("{BUILD_USER_ID}", "{CHANGE_AUTHOR}"),
        "ref": ("{TAG_NAME}", "{CHANGE_BRANCH}", "{BRANCH_NAME}", "{GIT_BRANCH}"),
        "pr": ("{CHANGE_ID}",),
    }),
    ("generic", "CI", {}),
)  # fmt: skip
# What is set by whoever runs the container; the next only where we are in one. Any other name for an image is
# trusted in a container alone, and not in CI, where it is as likely the one to be built.
_IMAGES = (
    "{CI_JOB_IMAGE}",
    "{SAGEMAKER_INTERNAL_IMAGE_URI}",
    "{APPTAINER_CONTAINER}",
    "{SINGULARITY_CONTAINER}",
)
_OUR_IMAGE = ("{CONTAINER_IMAGE}", "{DOCKER_IMAGE}")
_DIGESTS = ("{IMAGE_DIGEST}", "{CONTAINER_IMAGE_DIGEST}", "{DOCKER_IMAGE_DIGEST}")
_ENGINES = (("docker", "/docker/"), ("docker", "/docker-"), ("podman", "/libpod-"), ("lxc", "/lxc"))
_CONTAINER_ID = r"[0-9a-f]{64}|(?<=/)[0-9a-f]{32}-[0-9]{5,}$"  # the second is that of AWS Fargate


def collect(context: CaptureContext, root: str = "") -> Steps:
    """Capture the platform and image, and the observed facts of user, container, cluster and CI."""
    yield from ()
    machine = Kernel(root)
    clean = _Cleaner(context)
    platform = _platform(machine, context.environ)
    kubernetes = _kubernetes(machine, clean) if platform == "kubernetes" else {}
    container = _container_id(machine, in_pod=platform == "kubernetes")
    if platform == "local" and container:
        platform = "container"
    contained = container is not None or platform not in {"local", "slurm", "ray"}
    ci = _ci(clean)
    image = _image(machine, clean, contained=contained, ci=bool(ci))
    if built := clean.first(("{BUILD_DATE}",)):
        ci["build_date"] = built
    infra: PlaceFacts = {
        "runtime_platform": clean.text(platform),
        "machine": os.uname().machine,
        "image": image,
    }
    observed: PlaceObserved = {
        "user": clean.text(_user(machine)),
        "container_id": container,
        "kubernetes": kubernetes,
        "slurm": clean.all(_SLURM) if "SLURM_JOB_ID" in context.environ else {},
        "ci": ci,
    }
    return Findings({"infra": infra, "observed": observed}, reason=clean.text("; ".join(machine.unread)) or None)


class _Cleaner:
    """Reads environment variables, secrets replaced."""

    def __init__(self, context: CaptureContext) -> None:
        self._environ = {name: value for name, value in context.environ.items() if value}
        self.text: Callable[[str], str] = context.scrub.text

    def first(self, templates: tuple[str, ...]) -> str | None:
        """Return the first template whose variables are all set."""
        for template in templates:
            try:
                return self.text(template.format_map(self._environ))
            except KeyError:
                continue
        return None

    def all(self, fields: Fields) -> dict[str, str]:
        """Return the fields that have a value."""
        found = ((name, self.first(templates)) for name, templates in fields.items())
        return {name: value for name, value in found if value is not None}


def _platform(machine: Kernel, environ: Mapping[str, str]) -> str:
    for name, variables in _SERVICES:
        if any(variable in environ for variable in variables):
            return name
    pod = "KUBERNETES_SERVICE_HOST" in environ or machine.exists(_POD_FILES) or machine.pod_class()
    if pod:
        return "kubernetes"
    for name, variables in _SCHEDULERS:
        if any(variable in environ for variable in variables):
            return name
    return _engine(machine, environ)


def _engine(machine: Kernel, environ: Mapping[str, str]) -> str:
    """Return what made the container we are in; local where we are in none."""
    if machine.exists("/run/.containerenv"):
        return "podman"
    # An image turned into a virtual machine keeps the file, but has none of the mounts.
    given = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
    if machine.exists("/.dockerenv") and any(mount.point in given for mount in machine.mounts()):
        return "docker"
    told = environ.get("container", "")  # systemd's word for it: lxc, systemd-nspawn, podman, oci
    if 0 < len(told) <= 32 and told.replace("-", "").isalnum():
        return told
    paths = " ".join(path for _, path in machine.memberships())
    return next((name for name, sign in _ENGINES if sign in paths), "local")


def _container_id(machine: Kernel, *, in_pod: bool) -> str | None:
    paths = machine.cgroup_paths()
    if not in_pod:  # there the file is the pause container's
        paths += [mount.root for mount in machine.mounts() if mount.point == "/etc/hostname"]
    for path in paths:
        if len(path) > 40 and (found := re.findall(_CONTAINER_ID, path)):
            return str(found[-1])
    told = _containerenv(machine).get("id")
    if in_pod and not told:
        machine.note("nothing in the pod tells the container's id")
    return told


def _containerenv(machine: Kernel) -> dict[str, str]:
    """Return what podman tells a container of itself."""
    lines = (machine.read("/run/.containerenv") or "").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {name: value.strip('"') for name, _, value in pairs if value.strip('"')}


def _kubernetes(machine: Kernel, clean: _Cleaner) -> dict[str, str]:
    facts = clean.all(_KUBERNETES)
    if namespace := (machine.read(f"{_POD_FILES}/namespace") or "").strip():
        facts["namespace"] = clean.text(namespace)
    # A pod's host name is its own unless it shares its node's network, which the kubelet writes here.
    if "(host network)" not in (machine.read("/etc/hosts", limit=4096) or ""):
        facts.setdefault("pod", clean.text(os.uname().nodename))
    for mount in machine.mounts():
        if found := re.search(r"/pods/([0-9a-f-]{36})/containers/([^/]+)/", mount.root):
            facts["pod_uid"], facts["container"] = found[1], clean.text(found[2])
    if quality := machine.pod_class():
        facts["qos"] = quality
    return facts


def _ci(clean: _Cleaner) -> dict[str, str]:
    for provider, sign, fields in _CI:
        if (clean.first((f"{{{sign}}}",)) or "false").lower() not in {"false", "0"}:
            facts = {"provider": provider, **clean.all(fields)}
            if number := _pull_request(facts.pop("pr", "")):
                facts["pr"] = number
            return facts
    return {}


def _pull_request(text: str) -> str | None:
    """Return the number in what a CI calls its pull request: 12, a URL, PR-12, refs/pull/12/merge."""
    if text.startswith("refs/") and not text.startswith("refs/pull/"):
        return None
    found = re.search(r"(?:^|/|PR-)(\d+)(?:/merge|/head)?$", text)
    return found[1] if found else None


def _image(machine: Kernel, clean: _Cleaner, *, contained: bool, ci: bool) -> str | None:
    """Return the container image as the environment names it, with its digest if that is known."""
    podman = _containerenv(machine)
    if "image" in podman:
        return clean.text(f"{podman['image']} (id {podman.get('imageid', 'unknown')})")
    name = clean.first(_IMAGES) or (clean.first(_OUR_IMAGE) if contained else None)
    if ci or not contained:
        return name
    name = name or clean.first(("{IMAGE}", "{IMAGE_NAME}"))
    tag, digest = clean.first(("{IMAGE_TAG}",)), clean.first(_DIGESTS)
    if tag and (name is None or not re.search(r"[:@][^/]*$", name)):
        name = f"{name}:{tag}" if name else tag
    if name is None or digest is None or "sha256:" in name:
        return name or digest
    return digest if "@" in digest else f"{name}@{digest}"


def _user(machine: Kernel) -> str:
    number = os.getuid()
    # The file first: the system's own look-up may ask a directory server over the network.
    for line in (machine.read("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(number):
            return fields[0]
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
