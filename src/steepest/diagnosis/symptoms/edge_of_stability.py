"""Edge of stability: the rate is as large as the curvature bears, and all is well."""

from __future__ import annotations

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.rates import steepest
from steepest.diagnosis.stability import stability_of
from steepest.diagnosis.symptoms.diverging import path_of
from steepest.records.verdict import Finding

LOW, HIGH = 1.8, 2.2
LEAST = 10
"""Rows that a judgement takes."""
REFERENCE = (
    "Cohen et al. 2021, arXiv 2103.00065: full-batch descent hovers where rate * "
    "curvature is 2 while its value goes on falling"
)


def find(case: Case) -> Finding | None:
    """Rate * curvature near 2 with a running best that still falls: worth knowing.

    Args:
        case: measured.
    """
    at = stability_of(case)
    if at is None or (case.stop is not None and case.stop.failed):
        return None
    if case.curvature is not None:  # what it is where the run ended counts
        at = at._replace(curvature=steepest(case.curvature))
    elif case.spectrum is None or not case.spectrum.quadratic:
        return None
    if not LOW <= at.ratio <= HIGH or not _falls(case):
        return None
    advice = (
        "the rate is at the edge of stability: steps overshoot along the steepest "
        f"direction and still gain; {at.advised:g} would be 1 / curvature."
    )
    return Finding(
        "edge_of_stability",
        "info",
        advice,
        {"rate_times_curvature": at.ratio, "curvature": at.curvature},
        reference=REFERENCE,
    )


def _falls(case: Case) -> bool:
    """Whether the best of the last half beats the best of the first."""
    path = path_of(case.trace, case) * (-1 if case.climbs else 1)
    half = len(path) // 2
    return half >= LEAST // 2 and bool(np.min(path[half:]) < np.min(path[:half]))
