"""Gradient descent, whole: minimise a function, fit a table, know how it ended.

>>> import steepest as sp
>>> run = sp.minimize("x**2 + y**2", {"x": 3.0, "y": 4.0})
>>> run.verdict.kind
'minimum'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.core.lazy import from_places

if TYPE_CHECKING:
    from steepest.api import (
        Diagnosis,
        Fitted,
        anneal,
        diagnose,
        explain,
        fit,
        load,
        maximize,
        minimize,
        race,
        restarts,
        resume,
    )
    from steepest.core.errors import (
        DataError,
        FormulaError,
        ResumeWarning,
        SaveWarning,
        SteepestError,
        UsageError,
    )
    from steepest.estimators import (
        DescentClassifier,
        DescentRegressor,
        HashingEncoder,
    )
    from steepest.problems.formulas import parse
    from steepest.problems.gallery import GALLERY
    from steepest.problems.losses import LOSSES
    from steepest.problems.models import MLP, Linear
    from steepest.records import Finding, Run, Stop, Stopping, Trace, Verdict
    from steepest.steps import OPTIMIZERS, SCHEDULES

_PLACES = {
    "steepest.api": (
        "Diagnosis",
        "Fitted",
        "anneal",
        "diagnose",
        "explain",
        "fit",
        "load",
        "maximize",
        "minimize",
        "race",
        "restarts",
        "resume",
    ),
    "steepest.core.errors": (
        "DataError",
        "FormulaError",
        "ResumeWarning",
        "SaveWarning",
        "SteepestError",
        "UsageError",
    ),
    "steepest.estimators": (
        "DescentClassifier",
        "DescentRegressor",
        "HashingEncoder",
    ),
    "steepest.problems.formulas": ("parse",),
    "steepest.problems.gallery": ("GALLERY",),
    "steepest.problems.losses": ("LOSSES",),
    "steepest.problems.models": ("MLP", "Linear"),
    "steepest.records": ("Finding", "Run", "Stop", "Stopping", "Trace", "Verdict"),
    "steepest.steps": ("OPTIMIZERS", "SCHEDULES"),
}
__version__ = "0.1.0"
__all__ = [
    "GALLERY",
    "LOSSES",
    "MLP",
    "OPTIMIZERS",
    "SCHEDULES",
    "DataError",
    "DescentClassifier",
    "DescentRegressor",
    "Diagnosis",
    "Finding",
    "Fitted",
    "FormulaError",
    "HashingEncoder",
    "Linear",
    "ResumeWarning",
    "Run",
    "SaveWarning",
    "SteepestError",
    "Stop",
    "Stopping",
    "Trace",
    "UsageError",
    "Verdict",
    "anneal",
    "diagnose",
    "explain",
    "fit",
    "load",
    "maximize",
    "minimize",
    "parse",
    "race",
    "restarts",
    "resume",
]


__getattr__ = from_places(__name__, globals(), _PLACES)


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
