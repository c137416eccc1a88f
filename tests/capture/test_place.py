"""Where the run is."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from machine_samples import ID, PAUSE, POD, SAMPLES, context_of, docker_files, finish, lay

from evalprov.capture.machine import place
from evalprov.secrets import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = os.uname().nodename
LOCAL = {"/proc/self/cgroup": "0::/user.slice/session-3.scope\n", "/proc/self/mountinfo": ""}


def look(root: str = "", environ: Mapping[str, str] | None = None) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Run the collector; return the facts of infra, those observed, and the reason."""
    found = finish(place.collect(context_of(environ or {}), root))
    return found.facts["infra"], found.facts["observed"], found.reason


@pytest.mark.parametrize(
    ("sample", "platform", "container"),
    [
        ("bare host, v2", "local", None),
        ("systemd slices, v2", "local", None),
        ("hybrid", "local", None),
        ("docker, v2", "docker", ID),
        ("docker without a cgroup namespace, v2", "docker", ID),
        ("docker, v1", "docker", ID),
        ("docker in docker, v1", "docker", ID),
        ("podman, v2", "podman", ID),
        ("guaranteed pod, v1", "kubernetes", ID),
        ("best effort pod, v1", "kubernetes", ID),
        ("guaranteed pod, v2, crio", "kubernetes", ID),
        ("burstable pod, v2", "kubernetes", ID),
        ("pod with a cgroup namespace, v2", "kubernetes", None),
    ],
)
def test_platform_and_container(tmp_path: Path, sample: str, platform: str, container: str | None) -> None:
    """The platform and the container's id are found in what the kernel shows; never the pause container's."""
    infra, observed, reason = look(lay(tmp_path, SAMPLES[sample]))
    assert infra["runtime_platform"] == platform
    assert observed["container_id"] == container
    assert ("container's id" in str(reason)) == (sample == "pod with a cgroup namespace, v2")


@pytest.mark.parametrize(
    ("path", "platform", "container"),
    [
        (f"/docker/{ID}", "docker", ID),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman", ID),
        ("/lxc.payload.evals/init.scope", "lxc", None),
        (f"/ecs/{'5' * 32}/{ID}", "container", ID),
        (f"/ecs/{'5' * 32}/{'5' * 32}-1234567890", "container", f"{'5' * 32}-1234567890"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/run-r7.scope", "local", None),
        (f"/system.slice/{'5' * 32}-not-a-task", "local", None),
    ],
)
def test_containers_known_by_their_cgroup_alone(
    tmp_path: Path, path: str, platform: str, container: str | None
) -> None:
    """A container without its maker's files is told by the cgroup's path, and nothing else is one."""
    infra, observed, _ = look(lay(tmp_path, {"/proc/self/cgroup": f"0::{path}\n"}))
    assert infra["runtime_platform"] == platform
    assert observed["container_id"] == container


@pytest.mark.parametrize(
    ("environ", "platform"),
    [
        ({"MODAL_TASK_ID": "ta-1"}, "modal"),
        ({"SM_TRAINING_ENV": "{}"}, "sagemaker"),
        ({"DATABRICKS_RUNTIME_VERSION": "15.4"}, "databricks"),
        ({"COLAB_RELEASE_TAG": "release-1"}, "colab"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Batch"}, "kaggle"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"SLURM_JOB_ID": "1"}, "slurm"),
        ({"RAY_JOB_ID": "02000000"}, "ray"),
        ({"RAY_JOB_ID": "02000000", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"APPTAINER_CONTAINER": "/images/eval.sif"}, "apptainer"),
        ({"container": "systemd-nspawn"}, "systemd-nspawn"),
        ({"container": "lxc"}, "lxc"),
        ({"container": "what ever/it\nis"}, "local"),
        ({}, "local"),
    ],
)
def test_platforms_known_by_their_variables(tmp_path: Path, environ: dict[str, str], platform: str) -> None:
    """A service, a cluster or a container is known by the variables that it sets."""
    infra, _, _ = look(lay(tmp_path, LOCAL), environ)
    assert infra["runtime_platform"] == platform


def test_a_virtual_machine_made_of_a_docker_image(tmp_path: Path) -> None:
    """A left-over /.dockerenv without any of Docker's mounts is no container."""
    infra, _, _ = look(lay(tmp_path, {**LOCAL, "/.dockerenv": ""}))
    assert infra["runtime_platform"] == "local"


def test_a_docker_host_is_no_container(tmp_path: Path) -> None:
    """The mounts that a host makes for its containers are not taken for its own."""
    mount = f"90 22 0:50 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n"
    infra, observed, _ = look(lay(tmp_path, {**LOCAL, "/proc/self/mountinfo": mount}))
    assert infra["runtime_platform"] == "local"
    assert observed["container_id"] is None


def test_a_shared_network_does_not_change_the_container(tmp_path: Path) -> None:
    """Where a container shares another's network, and so its resolv.conf, its own hostname file decides."""
    own = [line for line in docker_files(ID).splitlines(keepends=True) if "hostname" in line]
    others = [line for line in docker_files(PAUSE).splitlines(keepends=True) if "hostname" not in line]
    files = {"/.dockerenv": "", "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": "".join(others + own)}
    _, observed, _ = look(lay(tmp_path, files))
    assert observed["container_id"] == ID


def test_kubernetes(tmp_path: Path) -> None:
    """Namespace, pod, node, container and quality of service are recorded as far as they can be known."""
    files = {**SAMPLES["burstable pod, v2"], "/etc/hosts": "# Kubernetes-managed hosts file.\n"}
    files["/var/run/secrets/kubernetes.io/serviceaccount/namespace"] = "evals"
    _, observed, _ = look(lay(tmp_path, files), {"NODE_NAME": "node-7", "POD_NAMESPACE": "other"})
    assert observed["kubernetes"] == {
        "namespace": "evals",
        "pod": HOST,
        "node": "node-7",
        "pod_uid": POD,
        "container": "scorer",
        "qos": "burstable",
    }


def test_a_pod_on_its_nodes_network(tmp_path: Path) -> None:
    """A pod that shares its node's network, and so its host name, is not called by that name."""
    hosts = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n"
    root = lay(tmp_path, {**SAMPLES["guaranteed pod, v1"], "/etc/hosts": hosts})
    assert "pod" not in look(root)[1]["kubernetes"]
    assert look(root, {"POD_NAME": "eval-0"})[1]["kubernetes"]["pod"] == "eval-0"


def test_slurm(tmp_path: Path) -> None:
    """A Slurm job is told by its ids, names and allocation; elsewhere there is none."""
    environ = {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "evals",
        "SLURM_JOB_PARTITION": "gpu",
        "SLURM_JOB_NODELIST": "node[7-8]",
        "SLURM_NTASKS": "2",
        "SLURM_CPUS_ON_NODE": "16",
        "SLURM_JOB_GPUS": "0,1",
        "SLURM_MEM_PER_CPU": "4000",
        "SLURM_ARRAY_JOB_ID": "4700",
        "SLURM_ARRAY_TASK_ID": "11",
    }
    _, observed, _ = look(lay(tmp_path, LOCAL), environ)
    assert observed["slurm"] == {
        "job_id": "4711",
        "job_name": "evals",
        "partition": "gpu",
        "nodelist": "node[7-8]",
        "ntasks": "2",
        "cpus": "16",
        "gpus": "0,1",
        "mem": "4000M per CPU",
        "array_job_id": "4700",
        "array_task_id": "11",
    }
    assert look(str(tmp_path), {"SLURM_CPUS_ON_NODE": "16"})[1]["slurm"] == {}


GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/evals",
    "GITHUB_RUN_ID": "16540",
    "GITHUB_JOB": "score",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_REF": "refs/heads/2024",
}
RUN = "https://github.com/acme/evals/actions/runs/16540"
AZURE = {
    "TF_BUILD": "True",
    "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "evals",
    "BUILD_BUILDID": "12",
    "BUILD_SOURCEBRANCH": "refs/pull/5/merge",
    "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "5",
}


@pytest.mark.parametrize(
    ("environ", "facts"),
    [
        (
            GITHUB,
            {
                "provider": "github",
                "run_url": RUN,
                "run_id": "16540",
                "job": "score",
                "actor": "octocat",
                "ref": "refs/heads/2024",
            },
        ),
        (
            {**GITHUB, "GITHUB_REF": "refs/pull/42/merge", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_HEAD_REF": ""},
            {"run_url": f"{RUN}/attempts/2", "ref": "refs/pull/42/merge", "pr": "42"},
        ),
        (
            {"CI": "true", "GITLAB_CI": "true", "CI_JOB_URL": "https://gl/j/1", "CI_MERGE_REQUEST_IID": "7"},
            {"provider": "gitlab", "run_url": "https://gl/j/1", "pr": "7"},
        ),
        (
            {
                "CIRCLECI": "true",
                "CIRCLE_BUILD_URL": "https://c/1",
                "CIRCLE_PULL_REQUEST": "https://g/a/b/pull/9",
            },
            {"provider": "circleci", "run_url": "https://c/1", "pr": "9"},
        ),
        (
            {"BUILDKITE": "true", "BUILDKITE_BUILD_URL": "https://b/1", "BUILDKITE_PULL_REQUEST": "false"},
            {"provider": "buildkite", "run_url": "https://b/1"},
        ),
        (
            AZURE,
            {
                "provider": "azure",
                "run_url": "https://dev.azure.com/acme/evals/_build/results?buildId=12",
                "ref": "refs/pull/5/merge",
                "pr": "5",
            },
        ),
        (
            {
                "CI": "true",
                "BITBUCKET_BUILD_NUMBER": "3",
                "BITBUCKET_REPO_FULL_NAME": "a/b",
                "BITBUCKET_PR_ID": "4",
            },
            {"provider": "bitbucket", "run_url": "https://bitbucket.org/a/b/pipelines/results/3", "pr": "4"},
        ),
        (
            {"TRAVIS": "true", "TRAVIS_BUILD_WEB_URL": "https://t/1", "TRAVIS_PULL_REQUEST": "false"},
            {"provider": "travis", "run_url": "https://t/1"},
        ),
        (
            {"DRONE": "true", "DRONE_BUILD_LINK": "https://d/1", "DRONE_PULL_REQUEST": "8"},
            {"provider": "drone", "run_url": "https://d/1", "pr": "8"},
        ),
        (
            {"TEAMCITY_VERSION": "2024.1", "BUILD_NUMBER": "66", "TEAMCITY_BUILDCONF_NAME": "Score"},
            {"provider": "teamcity", "run_id": "66", "job": "Score"},
        ),
        (
            {
                "JENKINS_URL": "https://j/",
                "BUILD_URL": "https://j/job/a/5/",
                "JOB_NAME": "a",
                "CHANGE_ID": "31",
            },
            {"provider": "jenkins", "run_url": "https://j/job/a/5/", "job": "a", "pr": "31"},
        ),
        ({"CI": "1"}, {"provider": "generic"}),
        ({"CI": "woodpecker"}, {"provider": "generic"}),
        ({"CI": "false"}, {}),
        ({"CI": ""}, {}),
        ({"CI": "true", "GITHUB_ACTIONS": "false"}, {"provider": "generic"}),
        ({}, {}),
    ],
)
def test_ci(tmp_path: Path, environ: dict[str, str], facts: dict[str, str]) -> None:
    """Each CI is known by its variables, with the run's address, and a pull request where there is one."""
    _, observed, _ = look(lay(tmp_path, LOCAL), environ)
    assert facts.items() <= observed["ci"].items()
    assert ("pr" in observed["ci"]) == ("pr" in facts)
    assert bool(observed["ci"]) == bool(facts)


@pytest.mark.parametrize(
    ("environ", "image"),
    [
        ({"CI": "true", "CI_JOB_IMAGE": "python:3.12", "IMAGE_DIGEST": "sha256:ab"}, "python:3.12"),
        ({"CI": "true", "IMAGE": "acme/built", "IMAGE_TAG": "next"}, None),
        ({"CONTAINER_IMAGE": "ghcr.io/acme/eval:1.2"}, "ghcr.io/acme/eval:1.2"),
        ({"CONTAINER_IMAGE": "acme/eval:1.2", "IMAGE_DIGEST": "sha256:ab"}, "acme/eval:1.2@sha256:ab"),
        ({"CONTAINER_IMAGE": "acme/eval@sha256:cd", "IMAGE_DIGEST": "sha256:ab"}, "acme/eval@sha256:cd"),
        ({"CONTAINER_IMAGE": "acme/eval:1", "IMAGE_DIGEST": "acme/eval@sha256:ab"}, "acme/eval@sha256:ab"),
        ({"IMAGE_DIGEST": "sha256:ab"}, "sha256:ab"),
        ({"IMAGE": "acme/eval", "IMAGE_TAG": "1.2"}, "acme/eval:1.2"),
        ({"IMAGE": "localhost:5000/eval", "IMAGE_TAG": "1.2"}, "localhost:5000/eval:1.2"),
        ({"IMAGE": "acme/eval:1.1", "IMAGE_TAG": "1.2"}, "acme/eval:1.1"),
        ({"IMAGE_TAG": "1.2"}, "1.2"),
        ({"IMAGE": ""}, None),
        ({}, None),
    ],
)
def test_image(tmp_path: Path, environ: dict[str, str], image: str | None) -> None:
    """The image is the one that the environment names, with its digest where that is known."""
    infra, _, _ = look(lay(tmp_path, SAMPLES["docker, v2"]), environ)
    assert infra["image"] == image


@pytest.mark.parametrize("name", ["IMAGE", "IMAGE_TAG", "DOCKER_IMAGE", "IMAGE_DIGEST"])
def test_outside_of_a_container_there_is_no_image(tmp_path: Path, name: str) -> None:
    """Outside of a container a variable of such a name means something else."""
    infra, _, _ = look(lay(tmp_path, LOCAL), {name: "cat.png"})
    assert infra["image"] is None


def test_an_image_on_a_cluster_is_that_of_its_container(tmp_path: Path) -> None:
    """In a Slurm job the image is Apptainer's file, if that is where it runs."""
    environ = {"SLURM_JOB_ID": "1", "APPTAINER_CONTAINER": "/images/eval.sif", "IMAGE": "cat.png"}
    infra, _, _ = look(lay(tmp_path, LOCAL), environ)
    assert infra["image"] == "/images/eval.sif"


def test_podman_tells_its_image(tmp_path: Path) -> None:
    """In podman the image and its id are known without any variable."""
    infra, _, _ = look(lay(tmp_path, SAMPLES["podman, v2"]))
    assert infra["image"] == f"docker.io/library/python:3.12 (id {PAUSE})"


def test_the_date_of_the_build(tmp_path: Path) -> None:
    """The date that an image says it was built is kept."""
    _, observed, _ = look(lay(tmp_path, LOCAL), {"BUILD_DATE": "2026-09-01T10:00:00Z"})
    assert observed["ci"] == {"build_date": "2026-09-01T10:00:00Z"}


def test_no_proc(tmp_path: Path) -> None:
    """Without /proc what it tells is null, the reason is told, and the rest is there."""
    infra, observed, reason = look(lay(tmp_path, {}))
    assert observed["container_id"] is None
    assert infra["machine"] == os.uname().machine
    assert "/proc/self/cgroup" in reason


def test_the_user_is_the_systems() -> None:
    """The user is the one that `id` names, whatever the environment says."""
    _, observed, _ = look(environ={"USER": "somebody", "LOGNAME": "else"})
    assert observed["user"] == subprocess.check_output(["id", "-un"], text=True).strip()


def test_a_user_without_an_entry() -> None:
    """A user that no list has, and without a HOME, is told by number."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    code = (
        "import os; from evalprov.platform.kernel import Kernel; from evalprov.capture.machine import place;"
        "os.setuid(54321); print(place._user(Kernel()))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], env={}, text=True) == "54321\n"


def test_a_user_of_the_containers_own_list(tmp_path: Path) -> None:
    """The user's name is the one that /etc/passwd gives to our number, odd lines or not."""
    mine = os.getuid()
    passwd = f"\n# old\n+::::::\nbroken\nother:x:9{mine}:{mine}::/:/bin/sh\neval:x:{mine}:5::/:/bin/sh\n"
    _, observed, _ = look(lay(tmp_path, {**LOCAL, "/etc/passwd": passwd}))
    assert observed["user"] == "eval"


def test_no_secret_gets_in(tmp_path: Path) -> None:
    """A secret's value is replaced in each fact that holds it."""
    secret = "s3cr3t-9f8e7d6c5b4a"
    environ = {
        **GITHUB,
        "DEPLOY_TOKEN": secret,
        "GITHUB_REF": f"refs/heads/{secret}",
        "CONTAINER_IMAGE": f"registry/{secret}:1",
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_NAME": secret,
        "NODE_NAME": secret,
    }
    for sample in ("docker, v2", "burstable pod, v2"):
        infra, observed, _ = look(lay(tmp_path / sample, SAMPLES[sample]), environ)
        assert secret not in str(infra) + str(observed)
        assert observed["slurm"]["job_name"] == PLACEHOLDER
