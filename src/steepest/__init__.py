"""Gradient descent, whole: minimise a function, fit a table, know how it ended.

>>> import steepest as sp
>>> run = sp.minimize("x**2 + y**2", {"x": 3.0, "y": 4.0})
>>> run.verdict.kind
'minimum'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.api import Fitted, fit, load, maximize, minimize
    from steepest.core.errors import (
        DataError,
        FormulaError,
        SteepestError,
        UsageError,
    )
    from steepest.problems.formulas import parse
    from steepest.problems.gallery import GALLERY
    from steepest.problems.losses import LOSSES
    from steepest.problems.models import MLP, Linear
    from steepest.records import Finding, Run, Stop, Stopping, Trace, Verdict
    from steepest.steps import OPTIMIZERS, SCHEDULES

_PLACES = {
    "steepest.api": ("Fitted", "fit", "load", "maximize", "minimize"),
    "steepest.core.errors": (
        "DataError",
        "FormulaError",
        "SteepestError",
        "UsageError",
    ),
    "steepest.problems.formulas": ("parse",),
    "steepest.problems.gallery": ("GALLERY",),
    "steepest.problems.losses": ("LOSSES",),
    "steepest.problems.models": ("MLP", "Linear"),
    "steepest.records": ("Finding", "Run", "Stop", "Stopping", "Trace", "Verdict"),
    "steepest.steps": ("OPTIMIZERS", "SCHEDULES"),
}
_HOME = {name: place for place, names in _PLACES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "GALLERY",
    "LOSSES",
    "MLP",
    "OPTIMIZERS",
    "SCHEDULES",
    "DataError",
    "Finding",
    "Fitted",
    "FormulaError",
    "Linear",
    "Run",
    "SteepestError",
    "Stop",
    "Stopping",
    "Trace",
    "UsageError",
    "Verdict",
    "fit",
    "load",
    "maximize",
    "minimize",
    "parse",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name from where it lives, the first time it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
