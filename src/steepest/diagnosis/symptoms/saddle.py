"""Saddle: the gradient is small, and the function curves away on both sides."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

REFERENCE = "second derivative test on the eigenvalues of the Hessian"


def find(case: Case) -> Finding | None:
    """An end whose Hessian has eigenvalues of both signs.

    Args:
        case: judged.
    """
    if case.kind != "saddle" or case.curvature is None or case.converged:
        return None
    advice = "set escape=True to leave along its negative curvature, or start elsewhere"
    remedy = {"escape": True}
    if case.settings.get("escape"):
        advice = "start elsewhere: a small random shift of the start is enough"
        remedy = {"restarts": 20}
    return Finding(
        "saddle",
        "warning",
        f"{advice}.",
        {
            "eigenvalue_min": case.curvature.smallest,
            "eigenvalue_max": case.curvature.largest,
        },
        remedy=remedy,
        reference=REFERENCE,
    )
