"""What one row asks of a linear model: its loss, and how far it pulls."""

from __future__ import annotations

from typing import Any

from steepest.descent.kernels.compiled import inlined
from steepest.descent.kernels.losses import at, log_loss
from steepest.descent.kernels.plan import LOG, LOSS, PARAMETER


@inlined
def weight_of(importance: Any, r: int) -> float:
    """The weight of a row: 1 where none are given."""
    return float(importance[r]) if importance.size > 0 else 1.0


@inlined
def pull(
    own: Any, plan: Any, y: Any, importance: Any, r: int, rate: float, p: float
) -> tuple[float, float, float, float]:
    """(v, e, w, c) of a row that is predicted as p.

    w * loss = v + log(1 + e), so that one logarithm may serve many rows, and
    c = rate * slope.
    """
    if own is None and plan[LOSS] == LOG and importance.size == 0:
        sign = 2.0 * (y[r] > 0.0) - 1.0
        value, e, slope = log_loss(sign * p)
        return value, e, 1.0, rate * (sign * slope)
    value, slope = at(own, plan[LOSS], plan[PARAMETER], p, float(y[r]))
    share = weight_of(importance, r)
    if share > 0.0:
        return share * value, 0.0, share, rate * slope
    return 0.0, 0.0, 0.0, 0.0
