"""Noise floor: a constant rate on batches holds the loss above what it could be."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.batches import Hover, hover_of, is_early, lacks, turns_back
from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import fall_of, is_near, rate_of
from steepest.records.verdict import Finding

STEADY = 0.3
"""A rate that fell to less of its largest lets the noise fade already."""
OWED = 0.2
"""So much of what a fit lacks must be owed to noise."""
LATE = 0.7
"""A fit whose best epoch comes before this share of them has learnt what it could..."""
LEARNT = 0.9
"""... if its training loss fell below this share of what it was then."""
LOUDER = 0.3
"""Unless the noise costs more than this share of the gain."""
AIMED = 0.6
"""Gradients of successive batches that agree so well are no noise."""
REFERENCE = (
    "Bottou, Curtis, Nocedal 2018, arXiv 1606.04838, theorem 4.6; gradient noise "
    "scale: McCandlish et al. 2018, arXiv 1812.06162"
)


def find(case: Case) -> Finding | None:
    """Batches whose noise costs more than a few percent of the way.

    Args:
        case: of a fit.
    """
    if not case.on_table or case.noise is None or case.settings.get("average"):
        return None
    if case.stop is None or case.stop.failed or case.stop.converged:
        return None
    rate = rate_of(case)
    if rate is None or rate[1] < STEADY or turns_back(case):
        return None
    if is_early(case):
        return None
    hover = hover_of(case)
    if hover is None or hover.cosine > AIMED or not _is_owed(case, hover):
        return None
    noise = case.noise
    evidence = {
        "excess": hover.excess,
        "gain": hover.gain,
        "noise_scale": noise.scale,
        "noise_scale_low": noise.low,
        "noise_scale_high": noise.high,
        "batch_size": float(case.settings.get("batch_size") or 1),
    }
    words, remedy = _cure(case)
    advice = (
        f"batches of {evidence['batch_size']:g} rows at a constant rate keep the loss "
        f"about {hover.excess:.2g} above what it could be: {words}."
    )
    return Finding("noise_floor", "warning", advice, evidence, None, remedy, REFERENCE)


def _is_owed(case: Case, hover: Hover) -> bool:
    """Whether noise is what the fit lacks most of."""
    fall = fall_of(case)
    if fall is not None and fall.left > hover.excess:
        return False  # it is on its way still
    if case.reach is None:
        well = _peaked(case) or is_near(case)
        return hover.loud and (hover.excess > LOUDER * hover.gain or not well)
    short = case.reach.now - case.reach.least
    return lacks(case) and hover.excess > OWED * short


def _peaked(case: Case) -> bool:
    """Whether rows unseen fared best long before the end: then noise is no lack."""
    curve, trace = case.trace.validation, case.trace
    loss = np.asarray(curve.loss, float)
    if not len(loss) or int(np.nanargmin(loss)) >= LATE * (len(loss) - 1):
        return False
    step, value = np.asarray(trace.step)[:-1], np.asarray(trace.value, float)[:-1]
    best, long = curve.step[int(np.nanargmin(loss))], (1 - LATE) * step[-1] / 2
    then, end = value[np.abs(step - best) <= long], value[step >= step[-1] - long]
    return len(then) == 0 or bool(np.nanmean(end) < LEARNT * np.nanmean(then))


def _cure(case: Case) -> tuple[str, dict[str, Any]]:
    size = int(case.settings.get("batch_size") or 1)
    words = "set schedule='cosine', which lets the noise fade to nothing, or "
    return f"{words}batch_size={8 * size}", {"schedule": "cosine"}
