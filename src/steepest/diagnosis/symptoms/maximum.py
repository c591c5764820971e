"""Maximum: a descent that stopped at the top (climbing: at the bottom)."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.diagnosis.symptoms.saddle import REFERENCE
from steepest.records.verdict import Finding


def find(case: Case) -> Finding | None:
    """An end that is a minimum of the wrong side; named maximum, climbing minimum.

    Args:
        case: judged.
    """
    wrong = "minimum" if case.climbs else "maximum"
    if case.kind != wrong or case.curvature is None or case.converged:
        return None
    door = "minimize" if case.climbs else "maximize"
    advice = "start elsewhere: a small random shift of the start is enough"
    remedy: dict[str, bool] = {}
    if not case.settings.get("escape"):
        advice = (
            f"set escape=True to leave it, or {advice}; if a {wrong} is what you seek, "
            f"use {door}"
        )
        remedy = {"escape": True}
    return Finding(
        wrong,
        "warning",
        f"{advice}.",
        {
            "eigenvalue_min": case.curvature.smallest,
            "eigenvalue_max": case.curvature.largest,
        },
        remedy=remedy,
        reference=REFERENCE,
    )
