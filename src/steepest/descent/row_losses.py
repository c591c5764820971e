"""Each row's loss and its slope, where a sum over rows is not enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.kernels.calls import kernel_of, own_of
from steepest.descent.kernels.compiled import kernel
from steepest.descent.kernels.losses import at, at_classes
from steepest.descent.kernels.plan import LOSS, PARAMETER, Plan

Array = np.ndarray[Any, Any]


@kernel
def one_by_one(
    own: Any, plan: Any, margins: Any, y: Any, value: Any, slope: Any
) -> None:
    """Value and slope of each row, margins (n, k) known."""
    code, number = plan[LOSS], plan[PARAMETER]
    for i in range(y.size):
        if margins.shape[1] > 1:
            value[i] = at_classes(code, number, margins[i], int(y[i]), slope[i])
        else:
            told = at(own, code, number, margins[i, 0], y[i])
            value[i], slope[i, 0] = told


def row_losses(plan: Plan, margins: Array, y: Array) -> tuple[Array, Array]:
    """(loss (n,), its slope by the margins (n, k)) of each row, in float64.

    Args:
        plan: the loss.
        margins: (n, k) raw predictions.
        y: (n,) targets.

    >>> value, slope = row_losses(Plan(), np.array([[3.0]]), np.array([1.0]))
    >>> value.tolist(), slope.tolist()
    ([4.0], [[4.0]])
    """
    value, slope = np.empty(len(y)), np.empty(margins.shape)
    run = kernel_of(one_by_one, plan)
    given = np.ascontiguousarray(margins, float), np.asarray(y, float)
    run(own_of(plan), plan.numbers(), *given, value, slope)
    return value, slope
