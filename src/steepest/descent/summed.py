"""A linear model's whole objective, as a function that compiled loops call back for.

The jax engine makes the steps, whatever the rule; one pass of the kernels over the
table gives each of them its value and its gradient. The params are one vector, filled
up with zeros to one of few lengths: so tables of many widths share a compiled loop.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent import kernels
from steepest.descent.curvature import inverse_curvature
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.kernels import Plan
from steepest.descent.linear_tables import Table, of_table, pieces
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout, Vector
from steepest.problems.objectives import FunctionObjective
from steepest.records.state import State
from steepest.records.stop import Limits
from steepest.steps.line_search import SearchState
from steepest.steps.rule import Rule

SHORTEST = 16
"""Numbers in the shortest vector."""
ROUNDING = 1e-7
"""Share of the value that is rounding where rows are in float32."""


def is_search(part: Any) -> bool:
    """Whether it is what a search along lines remembers."""
    return isinstance(part, SearchState)


class Summed(Foreign):
    """vector -> the objective over all rows of a table.

    sum(w * loss(x @ weight + bias, y)) / sum(w) + l1 |weight|_1 + l2 / 2 |weight|^2

    Rows are read in their own precision; what is summed over them is in float64.

    Args:
        size: numbers in the vector.
    """

    def __init__(self, size: int) -> None:
        super().__init__(self.loss, None, Layout.of(np.zeros(size)), "the objective")
        self.plan, self.table, self.width = Plan(), NOTHING, (0, 1)

    def loss(self, vector: Vector) -> float:
        """The objective at a vector of params."""
        return float(self._pair(vector)[0])

    def gradient_at(self, vector: Vector) -> Vector:
        """Its gradient there."""
        return self._pair(vector)[1:]

    def _host_both(self, bits: Any) -> Vector:
        return self._guarded(self._pair, 1 + self.layout.size, bits)

    def _pair(self, vector: Vector) -> Vector:
        params = unpacked(vector, *self.width, bias=self.plan.bias)
        value, grad = objective(self.plan, self.table, params)
        return np.concatenate([[value], packed(grad, len(vector))])


NOTHING = Table(np.zeros((0, 0)), np.zeros(0), None, 0)


def summed(plan: Plan, table: Table, n_outputs: int) -> Summed:
    """The Summed of a table: for widths alike the same one, compiled only once.

    It is good until the next call in this thread.

    Args:
        plan: the loss and its penalties.
        table: the rows.
        n_outputs: of the model.
    """
    size = length((table.n_columns + 1) * n_outputs)
    found = _kept(threading.get_ident(), size)
    found.plan, found.table, found.width = plan, table, (table.n_columns, n_outputs)
    return found


@functools.lru_cache(maxsize=16)
def _kept(thread: int, size: int) -> Summed:
    del thread
    return Summed(size)


def length(numbers: int) -> int:
    """Of the vector that holds so many numbers.

    >>> length(3), length(100)
    (16, 128)
    """
    return max(SHORTEST, 1 << (numbers - 1).bit_length())


class SummedEngine(JaxEngine):
    """The jax engine on a Summed, in float64.

    Args:
        fn: the objective.
        rule: of the steps.
        numbers: the rule's; penalties are the objective's own.
        limits: the tolerances.
        bounds: of the vector.
    """

    def __init__(
        self,
        fn: Summed,
        rule: Rule,
        numbers: dict[str, Any],
        limits: Limits,
        *,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(
            FunctionObjective(fn),
            rule,
            {**numbers, "objective": {}, "bounds": bounds},
            limits,
            path=False,
            stochastic=False,
            precision="float64",
        )


class WholeEngine(SummedEngine):
    """The jax engine on the objective over all rows of a table.

    Args:
        plan: the loss and its penalties.
        table: the rows.
        n_outputs: of the model.
        rule: of the steps.
        numbers: the rule's.
        limits: the tolerances.
        seed: of the rows whose curvature a dense quasi-Newton rule begins with; None
            where it begins with nothing.
    """

    def __init__(
        self,
        plan: Plan,
        table: Table,
        n_outputs: int,
        rule: Rule,
        numbers: dict[str, Any],
        limits: Limits,
        *,
        seed: int | None = None,
    ) -> None:
        self.told, self.seed = (plan, table, n_outputs), seed
        self.fn = summed(*self.told)
        super().__init__(self.fn, rule, numbers, limits)

    def start(self, params: Any, stats: Any, key: Any) -> State:
        """The State before the first step, at a linear model's params."""
        self.fn = summed(*self.told)  # another engine may have used it since
        state = super().start(packed(params, self.fn.layout.size), stats, key)

        def informed(part: Any) -> Any:
            return self._informed(part, params) if is_search(part) else part

        with self.scope():
            told = jax.tree.map(informed, state.opt_state, is_leaf=is_search)
            watch = self._coarser(state.watch, "rounding")
        return state._replace(opt_state=told, watch=watch)

    def _coarser(self, part: Any, name: str) -> Any:
        """What knows how fine values are, told that those of float32 rows are not."""
        if self.fn.table.dtype == np.float64:
            return part
        return part._replace(**{name: jnp.full_like(getattr(part, name), ROUNDING)})

    def _informed(self, search: SearchState, params: Any) -> SearchState:
        """A search that is told how fine its values are, and the curvature."""
        plan, table, (d, k) = self.fn.plan, self.fn.table, self.fn.width
        search = self._coarser(search, "floor")
        if self.seed is None:
            return search
        if not isinstance(params, dict):
            params = unpacked(params, d, k, bias=plan.bias)
        found = inverse_curvature(plan, table, params, seed=self.seed)
        known = np.eye(self.fn.layout.size)
        known[: len(found), : len(found)] = found
        return search._replace(
            known=jnp.asarray(known), fresh=jnp.zeros_like(search.fresh)
        )


def objective(plan: Plan, table: Table, params: Any) -> tuple[float, dict[str, Any]]:
    """The objective over all rows, and its gradient, a tree like the params.

    Args:
        plan: the loss and its penalties.
        table: the rows.
        params: {"weight": (d, k)} and "bias" (k,) where there is one.
    """
    weights, columns = of_table(plan, table, params, np.float64), table.columns
    sums = [
        kernels.total(plan, weights, piece.inputs, piece.target, piece.weight)
        for piece in pieces(table)
    ]
    loss, rows, slope, bias = (np.sum(part, axis=0) for part in zip(*sums, strict=True))
    weight, slope = np.asarray(params["weight"], float), slope.T
    if columns is not None:
        slope = columns.outside(slope, bias)
    value = loss / rows + plan.l1 * np.abs(weight).sum()
    value += plan.l2 / 2 * np.vdot(weight, weight)
    grad = {"weight": slope / rows + plan.l2 * weight + plan.l1 * np.sign(weight)}
    return float(value), {"bias": bias / rows, **grad} if plan.bias else grad


def packed(params: Any, size: int) -> Vector:
    """A linear model's params as one vector, filled up with zeros.

    >>> packed({"bias": np.ones(1), "weight": np.full((2, 1), 3.0)}, 4).tolist()
    [1.0, 3.0, 3.0, 0.0]
    """
    parts = [np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(params)]
    vector = np.concatenate(parts)
    return np.concatenate([vector, np.zeros(size - len(vector))])


def unpacked(vector: Any, d: int, k: int, *, bias: bool) -> dict[str, Any]:
    """The params behind a vector: {"weight": (d, k)}, and "bias" (k,).

    >>> unpacked(np.array([1.0, 3.0, 3.0, 0.0]), 2, 1, bias=True)["weight"].tolist()
    [[3.0], [3.0]]
    """
    vector = np.asarray(vector)
    first, rest = (vector[:k], vector[k:]) if bias else (None, vector)
    weight = rest[: d * k].reshape(d, k)
    return {"weight": weight} if first is None else {"bias": first, "weight": weight}
