"""A linear model's objective with its kinks rounded off, so that descent can settle.

|r| is replaced by what lies at most a width above it and has a slope everywhere,

    r^2 / (2 width) + width / 2  where |r| <= width,  else |r|

(Huber 1964; Nesterov 2005, Math. Programming 103:127). The absolute, the quantile and
the hinge loss are each c |p - t| plus a straight line in p. So Huber's kernel and one
gradient that never changes serve all three. The narrower the width the lower the whole:
a run that narrows it goes on falling. An L1 penalty has its kinks in the coefficients;
those are parted, weight = up - down with up, down >= 0, and its slope is constant.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.kernels import Csr, Plan
from steepest.descent.linear_tables import Table
from steepest.descent.summed import (
    Summed,
    SummedEngine,
    length,
    objective,
    packed,
    unpacked,
)
from steepest.problems.bounds import Bounds
from steepest.problems.layout import Vector
from steepest.records.state import State
from steepest.records.stop import Limits
from steepest.steps.rule import Rule

WIDEST, NARROWER, NARROWEST = 0.1, 0.2, 1e-6
"""Widths, for targets of deviation 1 and margins of 1: each a fifth of the last."""
GAP = 3e-4
"""Rounding that adds this share of the objective matters no more."""
LOOSE_GTOL, LOOSE_FTOL = 1e-3, 1e-6
"""Where a width but the last has served."""
CLOSER, CLOSEST = 1e-2, 1e-15
"""An ftol that proves too loose is tightened by the first, to the second at least."""
FINE_VALUES = 1 << 22
"""A table of so many values at most is read in float64: there slopes get smaller."""
KINKED = ("absolute", "quantile", "hinge")
"""Losses of c |p - t| and a straight line."""


class Kink(NamedTuple):
    """A loss as height * |p - target| + lean * p + rest, in means over the rows."""

    height: float
    table: Table
    """The rows, with the place of the kink as their target."""
    lean: dict[str, Any]
    """The gradient of the straight part, a tree like the params."""
    rest: float


def kink_of(plan: Plan, table: Table, n_outputs: int = 1) -> Kink | None:
    """The parts of a loss with a kink; None for one without.

    Args:
        plan: names the loss.
        table: the rows.
        n_outputs: of the model.
    """
    if plan.loss not in KINKED:
        return None
    y, weight = np.asarray(table.target, float), table.weight
    if plan.loss == "absolute":
        height, target, lean, rest = 1.0, y, np.zeros(len(y)), 0.0
    elif plan.loss == "quantile":
        height, target, lean = 0.5, y, np.full(len(y), 0.5 - plan.parameter)
        rest = -float(np.average(lean * y, weights=weight))
    else:
        target = np.where(y > 0, 1.0, -1.0)
        height, lean, rest = 0.5, -0.5 * target, 0.5
    dtype = table.dtype
    params: dict[str, Any] = {"weight": np.zeros((table.n_columns, n_outputs))}
    if plan.bias:
        params["bias"] = np.zeros(n_outputs)
    # the slope of (p + lean / 2)^2 at p = 0
    straight = table._replace(target=(-lean / 2).astype(dtype))
    slope = objective(Plan(bias=plan.bias), straight, params)[1]
    return Kink(height, table._replace(target=target.astype(dtype)), slope, rest)


class Rounded(Summed):
    """vector -> the rounded objective over all rows of a table.

    Args:
        size: numbers in the vector.
    """

    kink: Kink | None = None
    radius = 0.0
    """The width of the rounding."""
    parted = False
    """Whether the vector holds coefficients as up and down."""

    @property
    def height(self) -> float:
        """Of the kink; 0 where the loss has none."""
        return 0.0 if self.kink is None else self.kink.height

    def value_and_grad(self, params: Any) -> tuple[float, dict[str, Any]]:
        """(objective, its gradient) at a linear model's params, without any L1.

        Args:
            params: {"weight": (d, k)} and "bias" (k,) where there is one.
        """
        plan = replace(self.plan, l1=0.0) if self.parted else self.plan
        if self.kink is None:
            return objective(plan, self.table, params)
        height, table, lean, rest = self.kink
        huber = replace(plan, loss="huber", parameter=self.radius, l1=0.0, l2=0.0)
        near, slope = objective(huber, table, params)
        weight = np.asarray(params["weight"], float)
        value = height * (near / self.radius + self.radius / 2) + rest
        value += sum(float(np.vdot(lean[name], params[name])) for name in lean)
        value += plan.l2 / 2 * float(np.vdot(weight, weight))
        grad = {name: height / self.radius * slope[name] + lean[name] for name in lean}
        return value, {**grad, "weight": grad["weight"] + plan.l2 * weight}

    def _pair(self, vector: Vector) -> Vector:
        d, k = self.width
        params = joined(vector, d, k, bias=self.plan.bias, parted=self.parted)
        value, grad = self.value_and_grad(params)
        if not self.parted:
            return np.concatenate([[value], packed(grad, len(vector))])
        l1, up, down = self.plan.l1, *ends(vector, d, k, bias=self.plan.bias)
        value += l1 * (up.sum() + down.sum())
        slope, zeros = np.ravel(grad["weight"]), np.zeros(len(vector))
        bias = np.ravel(grad["bias"]) if self.plan.bias else zeros[:0]
        found = np.concatenate([[value], bias, l1 + slope, l1 - slope])
        return np.concatenate([found, zeros[len(found) - 1 :]])


def ends(vector: Any, d: int, k: int, *, bias: bool) -> tuple[Vector, Vector]:
    """(up, down), the parts of the coefficients.

    Args:
        vector: bias, up, down, filled up with zeros.
        d: columns.
        k: outputs.
        bias: whether there is one.
    """
    rest = np.asarray(vector, float)[k if bias else 0 :]
    return rest[: d * k], rest[d * k : 2 * d * k]


def joined(vector: Any, d: int, k: int, *, bias: bool, parted: bool) -> dict[str, Any]:
    """The params behind a vector: {"weight": (d, k)}, and "bias" (k,).

    >>> joined(np.array([1.0, 0.0, 2.0]), 1, 1, bias=True, parted=True)["weight"]
    array([[-2.]])
    """
    params = unpacked(vector, d, k, bias=bias)
    if not parted:
        return params
    up, down = ends(vector, d, k, bias=bias)
    return {**params, "weight": (up - down).reshape(d, k)}


@functools.lru_cache(maxsize=16)
def _kept(thread: int, size: int, parted: bool) -> Rounded:
    del thread
    found = Rounded(size)
    found.parted = parted
    return found


class RoundedEngine(SummedEngine):
    """The jax engine on an objective whose kinks are rounded off, ever less.

    Args:
        plan: the loss and its penalties; with an L1 penalty the vector is parted.
        table: the rows.
        n_outputs: of the model.
        rule: of the steps; one that stays sound within bounds where there is L1.
        numbers: the rule's.
        limits: the tolerances of the last width.
    """

    def __init__(
        self,
        plan: Plan,
        table: Table,
        n_outputs: int,
        rule: Rule,
        numbers: dict[str, Any],
        limits: Limits,
    ) -> None:
        table = _finer(table)
        d, parted = table.n_columns, plan.l1 > 0
        size = length(d * n_outputs * (1 + parted) + n_outputs)
        self.fn = _kept(threading.get_ident(), size, parted)
        self.fn.plan, self.fn.table, self.fn.width = plan, table, (d, n_outputs)
        self.fn.kink = kink_of(plan, table, n_outputs)
        self.last_limits = limits
        bounds = _room(size, d * n_outputs, n_outputs * plan.bias) if parted else None
        super().__init__(self.fn, rule, numbers, limits, bounds=bounds)
        self._round(WIDEST, 0.0)

    def _round(self, width: float, value: float) -> None:
        """Take a width, and the tolerances for it."""
        self.fn.radius, self.limits = width, self.last_limits
        if not self._narrow_enough(value):
            self.limits = self.last_limits._replace(gtol=LOOSE_GTOL, ftol=LOOSE_FTOL)

    def _narrow_enough(self, value: float) -> bool:
        """Whether rounding adds too little to matter."""
        return self.added <= max(GAP * value, self.fn.height * NARROWEST)

    @property
    def added(self) -> float:
        """What rounding adds to the objective, at most; what it hides, at most."""
        return self.fn.height * self.fn.radius / 2

    def memory(self) -> dict[str, Any]:
        """What it remembers beside the State, as plain data."""
        last = self.last_limits.ftol
        return {**super().memory(), "width": self.fn.radius, "last_ftol": last}

    def recall(self, memory: dict[str, Any]) -> None:
        """Be as `memory` told."""
        super().recall(memory)
        self.fn.radius = memory["width"]
        self.last_limits = self.last_limits._replace(ftol=memory["last_ftol"])

    def start(self, params: Any, stats: Any, key: Any) -> State:
        """The State before the first step, at a linear model's params or a vector."""
        if isinstance(params, dict):
            params = self.vector(params)
        return super().start(params, stats, key)

    def vector(self, params: Any) -> Vector:
        """The vector of a linear model's params."""
        if self.fn.parted:
            weight = np.asarray(params["weight"], float)
            both = np.concatenate(
                [np.ravel(np.maximum(s * weight, 0)) for s in (1, -1)]
            )
            params = {**params, "weight": both}
        return packed(params, self.fn.layout.size)

    def narrow(self, state: State) -> State | None:
        """The State at the same point under the next width; None after the last."""
        value = float(state.watch.best_value)
        if self._narrow_enough(value):
            return None
        self._round(self.fn.radius * NARROWER, value)
        return self.go_on(state, state.params)

    def look_longer(self, state: State) -> State | None:
        """The State at the same point with a smaller ftol; None after the smallest."""
        ftol = self.last_limits.ftol
        if ftol is None or ftol <= CLOSEST:
            return None
        self.last_limits = self.last_limits._replace(ftol=CLOSER * ftol)
        self.limits = self.last_limits
        return self.go_on(state, state.params)


def _finer(table: Table) -> Table:
    inputs = table.inputs
    if table.dtype == np.float64 or table.n_values > FINE_VALUES:
        return table
    if isinstance(inputs, Csr):
        inputs = inputs._replace(data=inputs.data.astype(float))
    else:
        inputs = inputs.astype(float)
    weight = None if table.weight is None else table.weight.astype(float)
    return Table(inputs, table.target.astype(float), weight, table.n_columns)


def _room(size: int, coefficients: int, first: int) -> Bounds:
    low = np.full(size, -np.inf)
    low[first : first + 2 * coefficients] = 0.0
    return Bounds(low, np.full(size, np.inf))
