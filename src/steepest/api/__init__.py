"""The doors: what users call. Each loads what it needs when it is first opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.core.lazy import from_places

if TYPE_CHECKING:
    from steepest.api.annealing import anneal
    from steepest.api.diagnosing import Diagnosis, diagnose
    from steepest.api.explaining import explain
    from steepest.api.fitted import Fitted, load
    from steepest.api.functions import maximize, minimize
    from steepest.api.racing import race
    from steepest.api.restarting import restarts
    from steepest.api.resuming import resume
    from steepest.api.tables import fit

__all__ = [
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
]
__getattr__ = from_places(
    __name__,
    globals(),
    {
        "steepest.api.annealing": ("anneal",),
        "steepest.api.diagnosing": ("Diagnosis", "diagnose"),
        "steepest.api.explaining": ("explain",),
        "steepest.api.fitted": ("Fitted", "load"),
        "steepest.api.functions": ("maximize", "minimize"),
        "steepest.api.racing": ("race",),
        "steepest.api.restarting": ("restarts",),
        "steepest.api.resuming": ("resume",),
        "steepest.api.tables": ("fit",),
    },
)
