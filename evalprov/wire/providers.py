"""Who serves models: their hosts, by whole domain, and what each needs of a command that talks to us instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AUTO = "auto"
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Provider(NamedTuple):
    """One provider, by the name that OpenTelemetry gives it."""

    name: str
    hosts: tuple[str, ...]  # domains; each stands for those below it, too. A pattern where it has a sign of one
    keys: tuple[str, ...] = ()  # variables without which its libraries refuse to start
    base_url: tuple[str, str] = ("", "")  # the variable that moves it elsewhere, and what its value has at its end
    moved_by: tuple[str, ...] = ()  # other variables that do so


_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
PROVIDERS = (
    Provider("openai", ("api.openai.com",), ("OPENAI_API_KEY",), ("OPENAI_BASE_URL", "/v1"), ("OPENAI_API_BASE",)),
    Provider("azure.ai.openai", ("openai.azure.com",), ("AZURE_OPENAI_API_KEY",), moved_by=("AZURE_OPENAI_ENDPOINT",)),
    Provider("azure.ai.inference", ("services.ai.azure.com", "inference.ai.azure.com", "models.ai.azure.com")),
    Provider("anthropic", ("api.anthropic.com",), ("ANTHROPIC_API_KEY",), ("ANTHROPIC_BASE_URL", "")),
    Provider(
        "gcp.gemini",
        ("generativelanguage.googleapis.com",),
        ("GEMINI_API_KEY",),
        ("GOOGLE_GEMINI_BASE_URL", ""),
    ),
    Provider("gcp.vertex_ai", (r"(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com",)),
    Provider("aws.bedrock", (r"bedrock-(?:agent-)?runtime(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com|api\.aws)",), _AWS),
    Provider("mistral_ai", ("api.mistral.ai", "codestral.mistral.ai"), ("MISTRAL_API_KEY",)),
    Provider("cohere", ("api.cohere.com", "api.cohere.ai"), ("CO_API_KEY", "COHERE_API_KEY"), ("CO_API_URL", "")),
    Provider("groq", ("api.groq.com",), ("GROQ_API_KEY",), ("GROQ_BASE_URL", "")),
    Provider(
        "together",
        ("api.together.xyz", "api.together.ai", "api-inference.together.ai"),
        ("TOGETHER_API_KEY",),
        ("TOGETHER_BASE_URL", "/v1"),
    ),
    Provider(
        "huggingface",
        ("router.huggingface.co", "api-inference.huggingface.co", "endpoints.huggingface.cloud"),
        ("HF_TOKEN",),
    ),
    Provider("openrouter", ("openrouter.ai",), ("OPENROUTER_API_KEY",)),
    Provider("deepseek", ("api.deepseek.com",), ("DEEPSEEK_API_KEY",)),
    Provider("x_ai", ("api.x.ai",), ("XAI_API_KEY",)),
    Provider("perplexity", ("api.perplexity.ai",), ("PERPLEXITY_API_KEY",)),
    Provider("fireworks", ("api.fireworks.ai",), ("FIREWORKS_API_KEY",)),
    Provider("cerebras", ("api.cerebras.ai",), ("CEREBRAS_API_KEY",)),
    Provider("sambanova", ("api.sambanova.ai",), ("SAMBANOVA_API_KEY",)),
    Provider("nvidia", ("integrate.api.nvidia.com",), ("NVIDIA_API_KEY",)),
    Provider("replicate", ("api.replicate.com",), ("REPLICATE_API_TOKEN",)),
    Provider("voyage", ("api.voyageai.com",), ("VOYAGE_API_KEY",)),
    Provider("jina", ("api.jina.ai",), ("JINA_API_KEY",)),
    Provider("ai21", ("api.ai21.com",), ("AI21_API_KEY",)),
    Provider("moonshot", ("api.moonshot.ai", "api.moonshot.cn"), ("MOONSHOT_API_KEY",)),
    Provider("alibaba", ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"), ("DASHSCOPE_API_KEY",)),
    Provider("zhipu", ("open.bigmodel.cn", "api.z.ai"), ("ZHIPUAI_API_KEY",)),
    Provider("github", ("models.github.ai",)),
    Provider("ollama", ("ollama.com",), ("OLLAMA_API_KEY",), moved_by=("OLLAMA_HOST",)),
)
_BY_NAME = {one.name: one for one in PROVIDERS}


class Opened:
    """Which hosts are opened: those of the providers, and what the settings or the environment add."""

    def __init__(self, asked: Iterable[str] = (AUTO,)) -> None:
        self.own: dict[str, str] = {}  # host, or host:port, to the name it goes by
        names: set[str] = set()
        for word in asked:
            name, equals, place = word.rpartition("=")
            host = _place(place)
            if word == AUTO:
                names.update(_BY_NAME)
            elif word in _BY_NAME:
                names.add(word)
            else:
                self.own[host] = name if equals else host
        self._domains = {host: name for name in names for host in _BY_NAME[name].hosts if "\\" not in host}
        self._patterns = [(re.compile(host), name) for name in names for host in _BY_NAME[name].hosts if "\\" in host]

    def name(self, host: str, port: int) -> str | None:
        """Return the provider that a host belongs to; null where it is to pass unopened."""
        host = host.lower().rstrip(".")
        for above in _upward(host):
            if found := self.own.get(f"{above}:{port}") or self.own.get(above) or self._domains.get(above):
                return found
        return next((name for pattern, name in self._patterns if pattern.fullmatch(host)), None)

    def covers(self, word: str) -> bool:
        """Say whether an entry of NO_PROXY would keep a host that is opened from us."""
        word = word.strip().lower().lstrip("*").lstrip(".")
        return not word or any(
            host == word or host.endswith(f".{word}") or host.rpartition(":")[0] == word
            for host in (*self.own, *self._domains)
        )


def _upward(host: str) -> Iterable[str]:
    while host:
        yield host
        host = host.partition(".")[2]


def provider(name: str) -> Provider | None:
    """Return a provider by its name."""
    return _BY_NAME.get(name)


def from_environment(environ: Mapping[str, str]) -> list[str]:
    """Return the places to which the user's own environment moves a provider's clients, each with its name."""
    found = []
    for one in PROVIDERS:
        for variable in (one.base_url[0], *one.moved_by):
            place = environ.get(variable, "").strip() if variable else ""
            if place.startswith(("http://", "https://")):
                found.append(f"{one.name}={place}")
    return found


def is_local(asked: Iterable[str]) -> bool:
    """Say whether one of these is on this machine, which clients reach without a proxy unless they are told."""
    return any(_place(word.rpartition("=")[2]).rpartition(":")[0].strip("[]") in _LOCAL for word in asked)


def is_plain(asked: Iterable[str]) -> bool:
    """Say whether one of these is called without TLS."""
    return any(word.rpartition("=")[2].startswith("http://") for word in asked)


def _place(word: str) -> str:
    """Return the host of an address, with the port where it says one."""
    scheme, mark, rest = word.partition("://")
    host = (rest if mark else word).partition("/")[0].rpartition("@")[2].lower()
    if mark and scheme == "http" and not re.search(r":\d+$", host):
        return f"{host}:80"
    return host.removesuffix(":443")
