"""Environment variables: values by allow-list, names of the relevant rest, and never a secret's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.capture.collector import Found, Scene, Steps
from evalprov.capture.text import readable
from evalprov.secrets import is_secret_variable

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def collect(scene: Scene) -> Steps:
    """Sort the child's environment into values to keep, names to keep, and the rest."""
    yield from ()
    values: dict[str, str] = {}
    names: list[str] = []
    asked = _Names(scene.settings.env_allow)
    hidden = _Names(scene.settings.env_secret)
    for name in sorted(scene.environ):
        shown = scene.scrub.text(readable(name))
        if name in hidden or is_secret_variable(name):
            names.append(shown)
        elif name in asked or _allowed(name):
            values[shown] = readable(scene.scrub.text(scene.environ[name]))
        elif name.startswith(RELEVANT_STARTS):
            names.append(shown)
    return Found({"software": {"env": values, "env_names": names}})


def _allowed(name: str) -> bool:
    if name.startswith("EVALPROV_"):
        return False  # ours, as EVALPROV_SEED is where a trial of several records a run of its own
    return name in ALLOWED or name.startswith(ALLOWED_STARTS) or name.endswith(ALLOWED_ENDS)


class _Names:
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
