"""What goes to the optimum of a linear model, where the way is left to us."""

from __future__ import annotations

from typing import Any, NamedTuple

from steepest.api.own_losses import is_own, kernel_of
from steepest.descent.curvature import MOST_NUMBERS
from steepest.descent.kernels.plan import LOSSES as KERNELS
from steepest.descent.rounded import KINKED
from steepest.problems.losses import LOSSES, Loss
from steepest.problems.models import Linear as LinearModel

PASS_ROWS = 5_000
"""From so many rows on, what comes before saves several passes over all of them."""
POLISH, CURVED = "lbfgs", "bfgs"
"""What goes to the optimum, on the gradient over all rows; where a sample of them tells
the curvature, the latter."""
SHARE, FOR_A_NUMBER = 16, 32
"""A sample is one of so many rows, or so many rows for each param."""
FEWEST_SAMPLES = 4
"""How many samples a table must hold to begin with one."""
SAMPLE_GTOL = 1e-3
"""What is left of the gradient on a sample is not that of all rows."""


class First(NamedTuple):
    """A pass on batches before the steps on all rows."""

    rule: str
    rate: float
    batch_size: int

    def __str__(self) -> str:
        return f"{self.rule} on batches once"


class Sample(NamedTuple):
    """Steps on some rows before the steps on all of them."""

    rows: int

    def __str__(self) -> str:
        return f"{CURVED} on a sample of {self.rows:,} rows"


SCALED, RAW = First("adagrad", 0.1, 32), First("normalized", 0.5, 1)
"""For columns of one size; and for columns in any units."""


class Case(NamedTuple):
    """What the way depends on."""

    loss: Loss
    l1: float
    """weight of the sum of |coefficients|"""
    n_rows: int
    numbers: int
    """params of the model"""

    @property
    def kinked(self) -> bool:
        """Whether the objective has kinks that can be rounded off."""
        return kinked(self.loss, self.l1)

    @property
    def curved(self) -> bool:
        """Whether steps on all rows begin with the curvature that a sample tells."""
        smooth = self.loss.convex and not is_own(self.loss) and not self.kinked
        return smooth and self.n_rows >= PASS_ROWS and self.numbers <= MOST_NUMBERS

    @property
    def rule(self) -> str:
        """What goes to the optimum: a rule for bounds where coefficients may be 0."""
        if self.l1 > 0:
            return "bb"
        return CURVED if self.curved else POLISH

    def first(self, *, standardize: bool) -> First | Sample | None:
        """What brings the params near before all rows are read again and again.

        Args:
            standardize: whether columns are of one size.
        """
        if self.n_rows < PASS_ROWS or is_own(self.loss):
            return None
        if not standardize:
            return RAW
        if not self.curved:
            return SCALED
        rows = max(self.n_rows // SHARE, FOR_A_NUMBER * self.numbers)
        return Sample(rows) if self.n_rows >= FEWEST_SAMPLES * rows else None


def kinked(loss: Loss, l1: float) -> bool:
    """Whether an objective has kinks that can be rounded off.

    Args:
        loss: of a linear model.
        l1: weight of the sum of |coefficients|.
    """
    return (not is_own(loss) and loss.name in KINKED) or l1 > 0


def has_kernel(model: Any, loss: Any) -> bool:
    """Whether kernels know the loss of a linear model.

    Args:
        model: what is fitted.
        loss: on what.
    """
    if not isinstance(model, LinearModel) or not isinstance(loss, Loss):
        return False
    if is_own(loss):  # it may bear any name
        return kernel_of(loss) is not None
    return loss.name in KERNELS and loss.fn is LOSSES[loss.name].fn
