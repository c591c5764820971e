"""Saddle: the gradient is small, and the function curves away on both sides."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

REFERENCE = "second derivative test on the eigenvalues of the Hessian"
FAINT = 1e-6
"""A curvature below this share of the others, and of what was gained, leads nowhere:
valleys of minima are so level."""


def find(case: Case) -> Finding | None:
    """An end whose Hessian has eigenvalues of both signs.

    Args:
        case: judged.
    """
    if case.kind != "saddle" or case.curvature is None or case.converged:
        return None
    small, large = case.curvature.smallest, case.curvature.largest
    values = case.trace.value
    gained = abs(float(values[0]) - float(values[-1])) if len(values) else 0.0
    downward = abs(large if case.climbs else small)
    faint = downward < FAINT * min(gained, max(abs(small), abs(large)))
    advice = "set escape=True to leave along its negative curvature, or start elsewhere"
    remedy = {"escape": True}
    if case.settings.get("escape"):
        advice = "start elsewhere: a small random shift of the start is enough"
        remedy = {"restarts": 20}
    return Finding(
        "saddle",
        "info" if faint else "warning",
        f"{advice}.",
        {
            "eigenvalue_min": small,
            "eigenvalue_max": large,
        },
        remedy=remedy,
        reference=REFERENCE,
    )
