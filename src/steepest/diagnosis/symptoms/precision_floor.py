"""Precision floor: converged as far as numbers of this precision can tell."""

from __future__ import annotations

import math

import numpy as np

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

REFERENCE = (
    "Dennis, Schnabel 1983, Numerical Methods, sections 5.6 and 7.2: what rounding "
    "leaves of a gradient"
)


def find(case: Case) -> Finding | None:
    """A gradient that cannot become as small as was asked for.

    Args:
        case: judged, with its `limit`.
    """
    if not case.limit or not case.converged:
        return None
    grad_norm, gtol = float(case.trace.grad_norm[-1]), case.settings.get("gtol")
    least = _round_up(2 * grad_norm)
    advice = f"nothing is left to gain{case.limit}"
    remedy: dict[str, float] = {}
    if gtol and least > gtol:
        advice += f": gtol={gtol:g} cannot be met here, gtol={least:g} can"
        remedy = {"gtol": least}
    evidence = {
        "grad_norm": grad_norm,
        "value": float(case.trace.value[-1]),
        "eps": float(np.finfo(float).eps),
    }
    return Finding(
        "precision_floor",
        "info",
        f"{advice}.",
        evidence,
        remedy=remedy,
        reference=REFERENCE,
    )


def _round_up(number: float) -> float:
    """One digit, never less than the number; 0 for 0."""
    if not number > 0 or not math.isfinite(number):
        return 0.0
    unit = 10.0 ** math.floor(math.log10(number))
    return float(f"{math.ceil(number / unit) * unit:.1g}")
