"""The settings' rules for judging, with the user's own functions and people's labels that they name."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from evalprov.errors import EvalprovError, UnreadableError
from evalprov.judge.raters import labels_of
from evalprov.judge.rules import Label, Rules, rules_of
from evalprov.regular import reading
from evalprov.settings.trust import is_trusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from evalprov.settings import Settings

_PYTHON = "python:"


def rules_for(settings: Settings) -> Rules:
    """Return the rules in a project's settings; a function that they name is loaded only if they are trusted."""
    rules = rules_of(settings.declared)._replace(labels=_labels(settings))
    named = {name: rule for name, rule in rules.metrics.items() if (rule.aggregate or "").startswith(_PYTHON)}
    if not named or not is_trusted(settings, os.environ):
        return rules
    loaded = {
        name: rule._replace(function=_function(settings.root, rule.aggregate or "")) for name, rule in named.items()
    }
    return rules._replace(metrics={**rules.metrics, **loaded})


def _labels(settings: Settings) -> list[Label]:
    """Return people's labels, as they are now."""
    path = settings.declared.get("grader", {}).get("calibration")
    if path is None:
        return []
    try:
        with reading(os.path.join(settings.root, path)) as file:
            return labels_of(file.read(), path)
    except OSError as error:
        raise UnreadableError(f"cannot read {path}: {error.strerror}", "[grader] calibration names it") from None


def _function(root: str, aggregate: str) -> Callable[..., Any]:
    """Return the function that `python:module:function` names, found from the project root."""
    module, _, name = aggregate.removeprefix(_PYTHON).partition(":")
    if root not in sys.path:
        sys.path.insert(0, root)
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - a module of the user's may raise whatever it likes
        why = f"{aggregate} cannot be loaded: {type(error).__name__}: {error}"
        raise EvalprovError(why, f"it is looked for from {root}, as [metrics.NAME] aggregate says") from None
    if not callable(function):
        raise EvalprovError(f"{aggregate} cannot be loaded: {name} is no function")
    return function  # type: ignore[no-any-return]
