"""Step too large: steps leap over the valley, to and fro, and gain next to nothing."""

from __future__ import annotations

import numpy as np

from steepest.diagnosis import tables
from steepest.diagnosis.case import Case
from steepest.diagnosis.harm import SHARE, is_slowed
from steepest.diagnosis.rates import KINK, STABLE, middle, overshoots, reached, steepest
from steepest.diagnosis.stability import shorter, stability_of
from steepest.diagnosis.symptoms.diverging import path_of
from steepest.records.stop import Stop
from steepest.records.verdict import Finding

TURNS, KEEPS = -0.5, 0.1
"""Gradients that turn back this much while a step keeps no more than this share of the
slope's promise: on a quadratic, rate * curvature is above 1.8."""
LEAST = 50
"""Rows that these take: a healthy run may overshoot at first, too."""
FAR = 10.0
"""A peak so many times higher above the best than the start was."""
ROWS, NET = 100, 0.1
"""Over so many last rows a value that swings gains less than this share of its way."""


def find(case: Case) -> Finding | None:
    """Steps that leap to and fro, of a run that came to too little.

    Args:
        case: measured.
    """
    if not case.on_table:
        return _on_function(case)
    found = _on_function(case) if case.exact else None
    return found or tables.too_large(case)


def _on_function(case: Case) -> Finding | None:
    """The same, where each step saw the whole function."""
    stop = case.stop
    if stop is not None and (stop.failed or stop is Stop.INTERRUPTED):
        return None
    rate = reached(case.trace, dict(case.settings))
    if rate is None and case.stop is None:
        rates = case.trace.learning_rate[np.isfinite(case.trace.learning_rate)]
        rate = float(rates[-1]) if len(rates) else None
    if not is_slowed(case):
        return None
    leaps = overshoots(case.trace, climbs=case.climbs) or _turns(case)
    leaps = leaps or _swings(case) or _leapt(case) or _hovers(case)
    if not leaps:
        return None
    bend = 0.0 if case.curvature is None else steepest(case.curvature)
    kink = rate is not None and rate * bend > KINK
    advice, remedy = shorter(case, rate, 0.5 if "cosine" in leaps else 0.1, kink=kink)
    how = "led far above the start" if "value_peak" in leaps else "leap to and fro"
    evidence = dict(leaps)
    at = stability_of(case)
    if at is not None and not kink:
        evidence |= {"curvature": at.curvature, "rate_times_curvature": at.ratio}
    return Finding(
        "step_too_large",
        "warning",
        f"the steps {how}: {advice}",
        evidence,
        remedy=remedy,
        reference=STABLE,
    )


def _turns(case: Case) -> dict[str, float]:
    """Gradients that turn back on themselves, near the edge of stability."""
    trace = case.trace
    seen = np.isfinite(trace.cosine) & np.isfinite(trace.step_quality)
    if seen.sum() < 5:
        return {}
    cosine = middle(trace.cosine[seen][-20:])
    quality = middle(np.abs(trace.step_quality[seen][-20:]))
    if cosine > TURNS or quality > KEEPS:
        return {}
    return {"cosine": cosine, "step_quality": quality}


def _swings(case: Case) -> dict[str, float]:
    """Values that go up as much as down, by any rule that takes a rate."""
    if case.settings.get("learning_rate") is None:
        return {}
    values = path_of(case.trace, case)[-ROWS:]
    if len(values) < LEAST:
        return {}
    steps = np.diff(values)
    gross, net = float(np.abs(steps).sum()), float(abs(values[-1] - values[0]))
    back = float((steps[1:] * steps[:-1] < 0).mean())
    if not (gross > 0 and net < NET * gross and back > 0.1):
        return {}
    return {"net_over_gross": net / gross, "turning_back": back}


def _leapt(case: Case) -> dict[str, float]:
    """Steps that led far above the start, from where the run was on its way back."""
    path = path_of(case.trace, case) * (-1 if case.climbs else 1)
    if case.settings.get("learning_rate") is None or len(path) < LEAST:
        return {}
    height, peak = float(path[0] - path.min()), float(path.max() - path.min())
    if not peak > FAR * max(height, 1e-3 * abs(float(path[0])), 1e-300):
        return {}
    return {"value_start": float(path[0]), "value_peak": float(path.max())}


def _hovers(case: Case) -> dict[str, float]:
    """No new best in the last half, and the values stay clear above it.

    Late rows are an even number of steps apart: leaps to and fro then look still.
    """
    path = path_of(case.trace, case) * (-1 if case.climbs else 1)
    if case.settings.get("learning_rate") is None or len(path) < LEAST:
        return {}
    best = min(float(path.min()), _best(case))
    height = float(path[0]) - best
    gap = float(path[len(path) // 2 :].min()) - best
    return {"gap_to_best": gap} if gap > SHARE * max(height, 0.0) + 1e-300 else {}


def _best(case: Case) -> float:
    """The value at the point that was returned, small being good."""
    return float(case.trace.value[-1]) * (-1 if case.climbs else 1)
