"""Ill-conditioned: steep one way, level another, so that no one rate suits both."""

from __future__ import annotations

import math
from typing import Any

from steepest.diagnosis.case import Case
from steepest.diagnosis.harm import is_slowed, share_left
from steepest.diagnosis.rates import round_down
from steepest.diagnosis.stability import Stability, stability_of
from steepest.diagnosis.symptoms.step_too_small import SMALL
from steepest.records.verdict import Finding

LEAST = 100.0
"""A condition number below it slows no descent by much."""
MARGIN = 1.25
"""A largest curvature that gradients show may be less than the largest there is."""
REFERENCE = (
    "Polyak 1964, USSR Comput. Math. 4(5):1: about k steps for descent with condition "
    "number k, sqrt(k) with momentum"
)


def find(case: Case) -> Finding | None:
    """A large condition number, of a run that its budget ended too early.

    The curvatures are those of the Hessian at the end, where it was measured; else the
    largest that the trace shows and the one along its last steps.

    Args:
        case: measured.
    """
    if case.stop is not None and not case.stop.budget:
        return None
    at = stability_of(case)
    if at is None or not is_slowed(case):
        return None
    if at.reach * at.curvature < SMALL or at.ratio > 2:
        return None
    found = _ends(case, at)
    if found is None or found[1] < LEAST * found[0]:
        return None
    least, most, measured = found
    condition = most / least
    ways, remedy = _cure(case, least, most if measured else MARGIN * most)
    seen = "at the end" if measured else "as the gradients show it"
    return Finding(
        "ill_conditioned",
        "warning",
        f"the curvature differs by a factor of {condition:,.0f} between directions "
        f"({seen}), which makes plain steps slow: {ways}, or rescale the params.",
        {
            "condition": condition,
            "curvature_max": most,
            "curvature_min": least,
            "share_left": _number(share_left(case)),
        },
        remedy=remedy,
        reference=REFERENCE,
    )


def _ends(case: Case, at: Stability) -> tuple[float, float, bool] | None:
    """(least, largest curvature, whether by the Hessian), None where unknown."""
    curvature, spectrum = case.curvature, case.spectrum
    if curvature is not None and not curvature.estimated:
        sign = -1.0 if case.climbs else 1.0
        least, most = sorted([sign * curvature.smallest, sign * curvature.largest])
        if least > curvature.noise:
            return least, most, True
    if spectrum is None or not spectrum.smallest > 0:
        return None
    return spectrum.smallest, at.curvature, False


def _cure(case: Case, least: float, most: float) -> tuple[str, dict[str, Any]]:
    """(words, remedy): Polyak's momentum on a quadratic, else a rule that learns it."""
    auto: dict[str, Any] = {"optimizer": "auto", "learning_rate": None}
    words = "use optimizer='auto'"
    quadratic = case.spectrum is not None and case.spectrum.quadratic
    if not quadratic or case.on_table or case.settings.get("bounds") is not None:
        return words, auto
    root = math.sqrt(most / least)
    decay = round(((root - 1) / (root + 1)) ** 2, 4)
    rate = round_down(4 / (math.sqrt(most) + math.sqrt(least)) ** 2)
    told = (
        f"use optimizer='momentum' with momentum={decay:g} and learning_rate={rate:g}, "
        "or optimizer='auto'"
    )
    return told, {"optimizer": "momentum", "momentum": decay, "learning_rate": rate}


def _number(share: float) -> float:
    return share if math.isfinite(share) else 1.0
