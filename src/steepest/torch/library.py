"""PyTorch itself, which nothing else of steepest needs."""

from __future__ import annotations

import importlib
from typing import Any

from steepest.core.errors import UsageError


def torch() -> Any:
    """The module torch.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise UsageError(
            "watch: needs PyTorch, which is not here: pip install 'steepest[torch]'."
        ) from error
