"""Model names that a provider moves to another model while the name stays."""

from __future__ import annotations

import re

# Each pattern is a whole name that is known to move, with a dated one of the same kind. A family that has no
# dated names is not here: there is nothing better to ask for.
FAMILIES: tuple[tuple[str, str], ...] = (
    (r"gpt-3\.5-turbo(-16k)?", "gpt-3.5-turbo-0125"),
    (r"gpt-4(-32k)?", "gpt-4-0613"),
    (r"gpt-4-turbo(-preview)?", "gpt-4-turbo-2024-04-09"),
    (r"gpt-4o", "gpt-4o-2024-08-06"),
    (r"gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    (r"gpt-4\.1", "gpt-4.1-2025-04-14"),
    (r"gpt-4\.1-mini", "gpt-4.1-mini-2025-04-14"),
    (r"gpt-4\.1-nano", "gpt-4.1-nano-2025-04-14"),
    (r"gpt-4\.5-preview", "gpt-4.5-preview-2025-02-27"),
    (r"gpt-5", "gpt-5-2025-08-07"),
    (r"gpt-5-mini", "gpt-5-mini-2025-08-07"),
    (r"gpt-5-nano", "gpt-5-nano-2025-08-07"),
    (r"o1", "o1-2024-12-17"),
    (r"o1-preview", "o1-preview-2024-09-12"),
    (r"o1-mini", "o1-mini-2024-09-12"),
    (r"o3", "o3-2025-04-16"),
    (r"o3-mini", "o3-mini-2025-01-31"),
    (r"o4-mini", "o4-mini-2025-04-16"),
    (r"claude-3-opus(-latest)?", "claude-3-opus-20240229"),
    (r"claude-3-sonnet", "claude-3-sonnet-20240229"),
    (r"claude-3-haiku", "claude-3-haiku-20240307"),
    (r"claude-3[-.]5-sonnet(-latest)?", "claude-3-5-sonnet-20241022"),
    (r"claude-3[-.]5-haiku(-latest)?", "claude-3-5-haiku-20241022"),
    (r"claude-3[-.]7-sonnet(-latest)?", "claude-3-7-sonnet-20250219"),
    (r"claude-(opus|sonnet)-4(-0|-latest)?", r"claude-\1-4-20250514"),
    (r"claude-opus-4[-.]1(-latest)?", "claude-opus-4-1-20250805"),
    (r"claude-sonnet-4[-.]5(-latest)?", "claude-sonnet-4-5-20250929"),
    (r"claude-haiku-4[-.]5(-latest)?", "claude-haiku-4-5-20251001"),
    (r"gemini-1\.0-pro(-latest)?", "gemini-1.0-pro-002"),
    (r"gemini-1\.5-(pro|flash)(-latest)?", r"gemini-1.5-\1-002"),
    (r"gemini-1\.5-flash-8b(-latest)?", "gemini-1.5-flash-8b-001"),
    (r"gemini-2\.0-flash(-lite)?(-latest)?", r"gemini-2.0-flash\1-001"),
    (r"mistral-(small|medium|large)", "mistral-large-2407"),
    (r"command-r(-plus)?", r"command-r\1-08-2024"),
    (r"qwen-(max|plus|turbo)", "qwen-max-2025-01-25"),
)
LATEST = r".+[-:@]latest"
# What providers, gateways and clouds put in front: openai/gpt-4o, models/gemini-1.5-pro, us.anthropic.claude-...
PREFIX = r"(?:.*/)?(?:(?:[a-z]{2,6}\.)?(?:anthropic|mistral|cohere)\.)?"


def alias_note(model: str) -> str | None:
    """Say that a model name is an alias and what to name instead; null for a dated or an unknown one."""
    name = model.strip().lower()
    bare = re.sub(rf"\A{PREFIX}", "", name)
    for pattern, dated in FAMILIES:
        if found := re.fullmatch(pattern, bare):
            example = found.expand(dated) if "\\" in dated else dated
            return f"model {model} is an alias that its provider can move; a dated name stays, such as {example}"
    if re.fullmatch(LATEST, bare):
        return f"model {model} is an alias that its provider can move; a dated name stays"
    return None
