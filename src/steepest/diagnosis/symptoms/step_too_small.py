"""Step too small: every step keeps its promise, and the run hardly gets anywhere."""

from __future__ import annotations

import math

import numpy as np

from steepest.diagnosis import tables
from steepest.diagnosis.case import Case
from steepest.diagnosis.harm import is_free, is_harmed, share_left
from steepest.diagnosis.rates import middle, round_down
from steepest.diagnosis.stability import stability_of
from steepest.records.stop import Stop
from steepest.records.verdict import Finding

SMALL = 0.1
"""Below this rate * curvature, ten times longer steps would do."""
STRAIGHT, BEND = 0.05, 0.5
"""Gradients that turn by less than the first (rad) a step call for longer steps, by any
rule: so long that they turn by the second."""
SWIFTER, LEAST, MOST = 10.0, 3.0, 1e4
"""So many times sooner the run should arrive; a rate is raised by LEAST to MOST."""
REFERENCE = (
    "on a quadratic a step of 1 / curvature keeps half of the slope's promise, a step "
    "that keeps all of it is too short"
)
ENDS = (Stop.VALUE_FLAT, Stop.STEP_SMALL, Stop.PRECISION)
"""Ends that short steps pretend, beside budgets."""


def find(case: Case) -> Finding | None:
    """A rate far below 1 / curvature, of a run that came to too little.

    Args:
        case: measured.
    """
    stop = case.stop
    if case.on_table:
        return tables.too_small(case)
    if stop is not None and not (stop.budget or stop in ENDS):
        return None
    if not is_free(case):
        return None
    found = _too_short(case) or _straight(case)
    if found is None:
        return None
    better, evidence, why = found
    quality = case.trace.step_quality[np.isfinite(case.trace.step_quality)]
    if len(quality):
        evidence["step_quality"] = middle(quality[-20:])
    share = share_left(case)
    if np.isfinite(share):
        evidence["share_left"] = share
    return Finding(
        "step_too_small",
        "warning",
        f"the steps are too short: {why}; try learning_rate={better:g}, or "
        "optimizer='auto', which needs none.",
        evidence,
        remedy={"learning_rate": better},
        reference=REFERENCE,
    )


Short = tuple[float, dict[str, float], str]
"""(a better rate, evidence, why in words)"""


def _too_short(case: Case) -> Short | None:
    """A rate far below 1 / curvature, where the two can be compared."""
    at = stability_of(case)
    if at is None or at.reach * at.curvature >= SMALL or not is_harmed(case):
        return None
    why = (
        f"learning_rate={at.rate:.3g} is {1 / (at.rate * at.curvature):,.0f} times "
        "shorter than 1 / curvature"
    )
    evidence = {"curvature": at.curvature, "rate_times_curvature": at.ratio}
    return at.advised, evidence, why


def _straight(case: Case) -> Short | None:
    """A rule of other steps that goes straight on, step after step."""
    rate, trace = case.settings.get("learning_rate"), case.trace
    cosine = trace.cosine[np.isfinite(trace.cosine)][-100:]
    if rate is None or len(cosine) < 5 or stability_of(case) or not is_harmed(case):
        return None
    turn = math.acos(min(1.0, max(-1.0, middle(cosine))))
    first, last = float(trace.grad_norm[0]), float(trace.grad_norm[-1])
    if turn > STRAIGHT or not first > 0:
        return None
    soon = SWIFTER / max(1 - last / first, SWIFTER / MOST)
    factor = min(soon, BEND / max(turn, BEND / MOST))
    if factor < LEAST:
        return None
    evidence = {"turn": turn, "grad_norm_kept": last / first}
    why = f"the gradient turns by only {turn:.1g} rad a step"
    return round_down(float(rate) * factor), evidence, why
