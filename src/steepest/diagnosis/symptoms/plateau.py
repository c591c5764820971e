"""Plateau: neither the gradient nor the curvature show a way."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.advice import too_small
from steepest.diagnosis.case import Case
from steepest.diagnosis.symptoms.saddle import REFERENCE
from steepest.records.stop import Stop
from steepest.records.verdict import Finding

HIDDEN = 100.0
"""A fall so many times what the gradient promises is not seen by it."""


def find(case: Case) -> Finding | None:
    """An end that is level to second order and no minimum.

    Where a better value was seen further off, escape=True goes there.

    Args:
        case: judged.
    """
    curvature, further = case.curvature, case.further
    if curvature is None or curvature.kind != "plateau" or case.converged:
        return None
    seen = further is not None and case.stop is Stop.GRADIENT_SMALL
    if case.kind != "plateau" and not (seen and _ends_in_sight(case)):
        return None
    advice = "start elsewhere, nearer to where the function slopes"
    remedy: dict[str, Any] = {}
    evidence = {
        "eigenvalue_min": curvature.smallest,
        "eigenvalue_max": curvature.largest,
        "grad_norm": float(case.trace.grad_norm[-1]),
    }
    if further is not None:
        evidence |= {"distance": further[0], "gain": further[1]}
    begun = int(case.trace.step[-1]) > 0 and further is not None and further[0] >= 1
    scale = None if begun else too_small(case.trace, dict(case.settings))
    # a slope that hides the fall ahead leads nowhere, however closely it is followed
    hidden = further is not None and further[1] > HIDDEN * further[0] * _slope(case)
    if scale is not None and not hidden:
        advice, remedy = scale
    elif seen and not case.settings.get("escape"):
        advice = (
            "set escape=True to go on from the best point in sight, or start elsewhere"
        )
        remedy = {"escape": True}
    advice = f"{advice.removesuffix('.')}."
    return Finding(
        "plateau", "warning", advice, evidence, remedy=remedy, reference=REFERENCE
    )


def _slope(case: Case) -> float:
    """The fall that the gradient promises within 1 + |params|."""
    trace = case.trace
    return float(trace.grad_norm[-1]) * (1 + float(trace.param_norm[-1]))


def _ends_in_sight(case: Case) -> bool:
    """Whether a better value was seen that is no endless slope; or no step was made."""
    if case.place.kind != "plain" or case.way is None:
        return False
    tops = case.way.tops
    return int(case.trace.step[-1]) == 0 or (tops is not None and bool(np.any(tops)))
