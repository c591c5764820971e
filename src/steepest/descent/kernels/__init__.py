"""Linear models at memory speed: kernels, compiled when they are first used.

>>> weights = start(plan := Plan(loss="log"), 1, 2)
>>> weights.weight.shape
(1, 2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.core.lazy import from_places
from steepest.descent.kernels.plan import (
    Csr,
    Memory,
    Plan,
    Tally,
    Weights,
    coefficients,
    start,
)
from steepest.descent.kernels.rows_in import check_columns

if TYPE_CHECKING:
    from steepest.descent.kernels.calls import bends, loss_total, margins, total, train
    from steepest.descent.kernels.own import OwnLoss
    from steepest.descent.kernels.prepared import Prepared, picked_rows
    from steepest.descent.kernels.shuffle import shuffle_order

# What needs numba is fetched when it is asked for.
__getattr__ = from_places(
    __name__,
    globals(),
    {
        f"{__name__}.calls": ("bends", "loss_total", "margins", "total", "train"),
        f"{__name__}.own": ("OwnLoss",),
        f"{__name__}.prepared": ("Prepared", "picked_rows"),
        f"{__name__}.shuffle": ("shuffle_order",),
    },
)

__all__ = [
    "Csr",
    "Memory",
    "OwnLoss",
    "Plan",
    "Prepared",
    "Tally",
    "Weights",
    "bends",
    "check_columns",
    "coefficients",
    "loss_total",
    "margins",
    "picked_rows",
    "shuffle_order",
    "start",
    "total",
    "train",
]
