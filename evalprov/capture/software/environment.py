"""Environment variables: values by allow-list, names of the relevant rest, and never a secret's value."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evalprov.capture.collector import CaptureContext, Findings, Later, Steps
from evalprov.capture.text import from_root, readable
from evalprov.secrets import is_secret_variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evalprov.record.schema.software import VariableFacts

# What moves a score or explains a run, and is meant to be seen.
ALLOWED = frozenset(
    (
        "ANTHROPIC_BASE_URL",
        "AZURE_OPENAI_ENDPOINT",
        "CONDA_DEFAULT_ENV",
        "CUBLAS_WORKSPACE_CONFIG",
        "DATABRICKS_HOST",
        "HYDRA_FULL_ERROR",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LC_NUMERIC",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "MALLOC_ARENA_MAX",
        "MLFLOW_TRACKING_URI",
        "NODE_ENV",
        "NODE_OPTIONS",
        "NUMEXPR_NUM_THREADS",
        "NUMEXPR_MAX_THREADS",
        "NVIDIA_DRIVER_CAPABILITIES",
        "NVIDIA_TF32_OVERRIDE",
        "NVIDIA_VISIBLE_DEVICES",
        "OLLAMA_HOST",
        "OPENAI_API_BASE",
        "OPENAI_BASE_URL",
        "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED",
        "RANDOM_SEED",
        "RAYON_NUM_THREADS",
        "ROCR_VISIBLE_DEVICES",
        "SEED",
        "SOURCE_DATE_EPOCH",
        "TIKTOKEN_CACHE_DIR",
        "TZ",
        "WANDB_MODE",
        "WORLD_SIZE",
        "ZE_AFFINITY_MASK",
    )
)
ALLOWED_STARTS = (
    "BITSANDBYTES_",
    "CUDA_",
    "CUDNN_",
    "GOMP_",
    "HF_DATASETS_",
    "HF_EVALUATE_",
    "HF_HOME",
    "HF_HUB_",
    "HIP_",
    "HSA_",
    "JAX_",
    "KMP_",
    "MKL_",
    "NCCL_",
    "OMP_",
    "PYTHON",
    "PYTORCH_",
    "SGLANG_",
    "TF_CPP_",
    "TF_CUDNN_",
    "TF_DETERMINISTIC_",
    "TF_ENABLE_",
    "TF_FORCE_",
    "TF_GPU_",
    "TF_NUM_",
    "TF_USE_",
    "TF_XLA_",
    "TOKENIZERS_",
    "TORCH",
    "TRANSFORMERS_",
    "TRITON_",
    "VLLM_",
    "XLA_",
)
ALLOWED_ENDS = (
    "_API_BASE",
    "_API_VERSION",
    "_BASE_URL",
    "_DEPLOYMENT_NAME",
    "_MAX_TOKENS",
    "_MODEL",
    "_MODEL_ID",
    "_MODEL_NAME",
    "_NUM_THREADS",
    "_REGION",
    "_SEED",
    "_TEMPERATURE",
    "_TOP_P",
)
# What belongs to a service or tool that evals use: that it was set is worth knowing, its value is not ours.
RELEVANT_STARTS = (
    "AI21_",
    "ANTHROPIC_",
    "ARIZE_",
    "AWS_",
    "AZURE_",
    "BRAINTRUST_",
    "CEREBRAS_",
    "COHERE_",
    "DATABRICKS_",
    "DEEPSEEK_",
    "DVC_",
    "FIREWORKS_",
    "GCP_",
    "GEMINI_",
    "GOOGLE_",
    "GROQ_",
    "HF_",
    "HUGGING",
    "LANGCHAIN_",
    "LANGFUSE_",
    "LANGSMITH_",
    "LITELLM_",
    "MISTRAL_",
    "MLFLOW_",
    "NVIDIA_",
    "OLLAMA_",
    "OPENAI_",
    "OPENROUTER_",
    "OTEL_",
    "PERPLEXITY_",
    "PHOENIX_",
    "PROMPTFOO_",
    "RAY_",
    "REPLICATE_",
    "TOGETHER_",
    "UV_",
    "VERTEX_",
    "VERTEXAI_",
    "VOYAGE_",
    "WANDB_",
    "XAI_",
)
# Of the session, the desktop, the person or the CI job: another value in every run, and no program scores by it. Or
# of what chooses the environment: what that came to is looked at itself.
OF_SESSION = frozenset(
    (
        *("_", "PWD", "OLDPWD", "SHLVL", "PATH", "HOME", "USER", "LOGNAME", "USERNAME", "HOSTNAME", "HOST", "SHELL"),
        *("TERM", "COLORTERM", "COLUMNS", "LINES", "LS_COLORS", "LSCOLORS", "CLICOLOR", "NO_COLOR", "FORCE_COLOR"),
        *("MAIL", "EDITOR", "VISUAL", "PAGER", "LESS", "LESSOPEN", "LESSCLOSE", "MANPATH", "INFOPATH", "BROWSER"),
        *("DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "WINDOWID", "DESKTOP_SESSION", "SESSION_MANAGER"),
        *("PS1", "PS2", "PS4", "PROMPT", "PROMPT_COMMAND", "RPROMPT", "HISTFILE", "HISTSIZE", "HISTFILESIZE"),
        *("HISTCONTROL", "HISTTIMEFORMAT", "SAVEHIST", "STARSHIP_SHELL", "STARSHIP_SESSION_KEY"),
        *("TMPDIR", "TMP", "TEMP", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MANAGERPID", "PPID"),
        *(
            "TMUX",
            "TMUX_PANE",
            "STY",
            "WINDOW",
            "ZELLIJ",
            "SECURITYSESSIONID",
            "COMMAND_MODE",
            "MACHTYPE",
            "WSL_INTEROP",
        ),
        *("CI", "CONTINUOUS_INTEGRATION", "JOB_NAME", "JOB_URL", "NODE_NAME", "NODE_LABELS", "EXECUTOR_NUMBER"),
        *("WORKSPACE", "WORKSPACE_TMP", "HUDSON_URL", "HUDSON_HOME", "HUDSON_COOKIE", "RUN_DISPLAY_URL", "STAGE_NAME"),
        *("PYTEST_CURRENT_TEST", "MAKELEVEL", "MAKEFLAGS", "MFLAGS", "MAKE_TERMOUT", "MAKE_TERMERR", "SUDO_COMMAND"),
        *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PIPENV_ACTIVE", "POETRY_ACTIVE", "UV", "_CE_CONDA", "_CE_M"),
        *("SUDO_USER", "SUDO_UID", "SUDO_GID", "container_uuid", "DIRENV_DIFF", "DIRENV_DIR", "DIRENV_FILE"),
    )
)
OF_SESSION_STARTS = (
    *("TERM_", "SSH_", "XDG_SESSION", "XDG_RUNTIME", "XDG_SEAT", "XDG_VTNR", "XDG_CURRENT", "XDG_MENU", "DBUS_"),
    *("GPG_", "GNOME_", "GTK_", "QT_", "KDE_", "KONSOLE_", "ITERM", "LC_TERMINAL", "VTE_", "ALACRITTY_", "KITTY_"),
    *("WEZTERM_", "GHOSTTY_", "WT_", "VSCODE_", "CURSOR_", "JETBRAINS_", "TERMINAL_", "__CF", "XPC_", "Apple_"),
    *("GITHUB_", "RUNNER_", "ACTIONS_", "GITLAB_", "CI_", "FF_", "BUILDKITE", "CIRCLE", "JENKINS_", "BUILD_", "RUN_"),
    *("TRAVIS", "DRONE_", "BITBUCKET_", "SYSTEM_", "AGENT_", "TEAMCITY_", "CODEBUILD_", "APPVEYOR", "SEMAPHORE_"),
    *("SLURM_", "SLURMD_", "PBS_", "LSB_", "SGE_", "FLUX_", "OMPI_", "PMI", "PMIX_", "KUBERNETES_", "ECS_"),
    *("CONDA_", "_OLD_VIRTUAL_", "PYENV_", "NVM_", "ASDF_", "MISE_", "VOLTA_", "SDKMAN_"),
    *("npm_", "BASH_FUNC_", "DIRENV_"),
)
# What Kubernetes and Docker set for every service that happens to run beside.
OF_SERVICES = ("_SERVICE_HOST", "_SERVICE_PORT", "_PORT", "_ADDR", "_PROTO")
COST = 1 << 10  # of scrypt: to try out values of a short digest is to cost something


def collect(context: CaptureContext) -> Steps:
    """Sort the child's environment into values to keep, names to keep, and the rest."""
    yield from ()
    values: dict[str, str] = {}
    names: list[str] = []
    rest: dict[str, str] = {}
    asked = _VariableNames(context.settings.env_allow)
    hidden = _VariableNames(context.settings.env_secret)
    for name in sorted(context.environ):
        if name.startswith("EVALPROV_"):
            continue  # ours, as EVALPROV_SEED is where a trial of several records a run of its own
        shown = context.scrub.text(readable(name))
        if name in hidden or is_secret_variable(name):
            names.append(shown)
        elif name in asked or is_allowed(name):
            values[shown] = readable(from_root(context.scrub.text(context.environ[name]), context.root))
        else:
            if name.startswith(RELEVANT_STARTS):
                names.append(shown)
            if not is_of_session(name):
                rest[name] = context.environ[name]
    found: VariableFacts = {"env": values, "env_names": names}
    return Findings(
        {"software": found}, later=Later(lambda _: Findings({"software": {"env_rest": digest_of(context, rest)}}))
    )


def digest_of(context: CaptureContext, rest: Mapping[str, str]) -> str:
    """Return a digest of variables too short to tell their values; the project's and the user's place do not count."""
    import hashlib

    lines = []
    places = [(context.root, "."), (context.environ.get("HOME", ""), "~")]
    for name, value in sorted(rest.items()):
        plain = context.scrub.less_credentials(value)
        for place, sign in places:
            if len(place) > 1:
                plain = plain.replace(place, sign)
        lines.append(os.fsencode(f"{name}={plain}"))
    digest = hashlib.scrypt(b"\0".join(lines), salt=b"evalprov", n=COST, r=8, p=1, dklen=3)
    return f"scrypt:{digest.hex()}"


def is_of_session(name: str) -> bool:
    """Say whether a variable is of the session, the person or the machine."""
    return name in OF_SESSION or name.startswith(OF_SESSION_STARTS) or (name.isupper() and name.endswith(OF_SERVICES))


def is_allowed(name: str) -> bool:
    """Say whether a variable is recorded with its value, whatever the settings say."""
    return name in ALLOWED or name.startswith(ALLOWED_STARTS) or name.endswith(ALLOWED_ENDS)


class _VariableNames:
    """Names and globs of the settings; the case of letters does not count."""

    def __init__(self, given: Sequence[str]) -> None:
        self._plain = {name.lower() for name in given if not set(name) & set("*?[")}
        self._globs = [name.lower() for name in given if name.lower() not in self._plain]

    def __contains__(self, name: str) -> bool:
        if name.lower() in self._plain:
            return True
        if not self._globs:
            return False
        from fnmatch import fnmatchcase

        return any(fnmatchcase(name.lower(), glob) for glob in self._globs)
