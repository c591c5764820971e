"""How a linear model is fitted: which engine makes which part of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from steepest.api.table_data import Rows
from steepest.data import orders
from steepest.descent import kernels
from steepest.descent.kernels import Plan
from steepest.descent.kernels.plan import LOSSES as KERNELS
from steepest.descent.kernels.plan import RULES
from steepest.descent.linear_engine import LinearEngine, RowSource, Table, at
from steepest.descent.parts import Leg
from steepest.descent.sources import START, PassSource
from steepest.descent.summed import WholeEngine, objective, packed, unpacked
from steepest.problems.losses import LOSSES, Loss
from steepest.problems.models import Linear as LinearModel
from steepest.records.state import State
from steepest.records.stop import Stopping
from steepest.steps import Rule, settle

FULL_VALUES = 1 << 20
"""A table of so many values is read by kernels in a full batch, too: below it the
compiled loop, which does not call back, is faster."""
PASS_ROWS = 5_000
"""From so many rows on a pass of per-sample steps saves several passes of L-BFGS."""
POLISH = "lbfgs"
"""What goes to the optimum, on the gradient over all rows."""
SHUFFLED_BYTES = 8 << 20
"""Beyond it rows are visited in an order that memory likes, not in any."""


class First(NamedTuple):
    """A pass on batches before the steps on all rows."""

    rule: str
    rate: float
    batch_size: int


SCALED, RAW = First("adagrad", 0.1, 32), First("normalized", 0.5, 1)
"""For columns of one size; and for columns in any units."""


class Parts(NamedTuple):
    """What `descend` is given for a fit."""

    engine: Any
    source: Any
    stopping: Stopping
    then: tuple[Leg, ...]
    judge: Any


class Linear(NamedTuple):
    """A fit of a linear model, settled."""

    model: Any
    loss: Any
    train: Table
    validation: Table | None
    n_outputs: int
    rule: Rule
    numbers: dict[str, Any]
    stopping: Stopping
    batch_size: int
    first: First | None
    """What comes before, if anything."""
    seed: int

    @property
    def full(self) -> bool:
        """Whether each step is on all rows."""
        return self.batch_size == len(self.train.target)

    def plan(self, rule: str, **options: Any) -> Plan:
        """What the kernels are told."""
        parameter = self.loss.parameter
        return Plan(
            loss=self.loss.name,
            parameter=parameter.value if parameter else 1.0,
            rule=rule,
            bias=self.model.bias,
            **options,
        )


def has_kernel(model: Any, loss: Any) -> bool:
    """Whether kernels know the loss of a linear model.

    Args:
        model: what is fitted.
        loss: on what.
    """
    if not isinstance(model, LinearModel) or not isinstance(loss, Loss):
        return False
    # a function of the user's own may bear any name
    return loss.name in KERNELS and loss.fn is LOSSES[loss.name].fn


def parts_of(fit: Linear, *, whole: bool = False) -> Parts | None:
    """The parts of a fit that kernels make faster; None where they do not.

    Args:
        fit: everything settled.
        whole: whether kernels make full batches also of small tables.
    """
    if not has_kernel(fit.model, fit.loss):
        return None
    if not fit.full:
        return _by_rows(fit) if _has_steps(fit) else None
    if fit.first is not None:
        return _to_optimum(fit)
    large = whole or fit.train.n_values >= FULL_VALUES
    return _whole(fit) if large or fit.rule.optimizer.name == POLISH else None


def _has_steps(fit: Linear) -> bool:
    """Whether kernels know the rule."""
    rule = fit.rule
    return (
        rule.optimizer.name in RULES and not rule.searches and not fit.numbers["clips"]
    )


def _by_rows(fit: Linear) -> Parts:
    """Steps on batches."""
    plan = fit.plan(
        fit.rule.optimizer.name,
        batch_size=fit.batch_size,
        **fit.numbers["objective"],
        **fit.numbers["hyper"],
    )
    engine, source = _rows(fit, plan, fit.rule, fit.numbers)
    return Parts(engine, source, fit.stopping, (), _judge(fit))


def _whole(fit: Linear) -> Parts:
    """Steps on all rows."""
    leg = _leg(fit)
    return Parts(leg.engine, leg.source(START), fit.stopping, (), _judge(fit))


def _to_optimum(fit: Linear) -> Parts:
    """A pass row by row, then steps on all rows."""
    assert fit.first is not None  # noqa: S101  asked for
    first = fit.first
    rule, numbers = settle("gd", first.rate)  # it gives the rate; the kernels the step
    plan = fit.plan(first.rule, batch_size=min(first.batch_size, len(fit.train.target)))
    engine, source = _rows(fit, plan, rule, numbers)
    before = replace(fit.stopping, gtol=None, ftol=None, max_epochs=1, patience=None)
    return Parts(engine, source, before, (_leg(fit),), _judge(fit))


def _rows(
    fit: Linear, plan: Plan, rule: Rule, numbers: dict[str, Any]
) -> tuple[LinearEngine, RowSource]:
    """Steps on batches, the rows in an order that each epoch draws anew."""
    table = fit.train
    n, width = len(table.target), max(1, table.n_values // len(table.target))

    def order(epoch: int) -> np.ndarray[Any, Any]:
        if table.n_values * table.dtype.itemsize <= SHUFFLED_BYTES:
            return orders.order(n, seed=fit.seed, epoch=epoch).astype(np.int64)
        return kernels.shuffle_order(n, width, seed=fit.seed, epoch=epoch)

    engine = LinearEngine(Downhill, plan, rule, numbers, dtype=table.dtype)
    return engine, RowSource(table, plan.batch_size, order)


def _leg(fit: Linear) -> Leg:
    tolerances = fit.stopping
    if fit.validation is not None:  # patience is counted on the validation rows alone
        tolerances = replace(tolerances, patience=None)
    engine = WholeEngine(
        fit.plan("gd", **fit.numbers["objective"]),
        fit.train,
        fit.n_outputs,
        fit.rule,
        fit.numbers,
        tolerances.limits(),
    )
    n = len(fit.train.target)
    return Leg(engine, lambda since: PassSource(n, since), fit.stopping)


class Downhill:
    """What the loop asks of an objective that only the kernels know."""

    sign = 1.0


class LinearJudge:
    """What the loop asks about a linear model: measured by one pass of the kernels.

    Args:
        plan: the loss and its penalties.
        fit: whose rows are read.
    """

    def __init__(self, plan: Plan, fit: Linear) -> None:
        self.plan, self.fit = plan, fit

    @property
    def validates(self) -> bool:
        """Whether there are validation rows."""
        return self.fit.validation is not None

    def epoch(self, state: State) -> float | None:
        """Mean loss on the validation rows, None when there are none."""
        held = self.fit.validation
        if held is None:
            return None
        weights = at(self.plan, tree_of(self.fit, state.params), held.dtype)
        loss, rows = kernels.loss_total(
            self.plan, weights, held.inputs, held.target, held.weight
        )
        return loss / rows

    def end(self, params: Any, stats: Any) -> tuple[float, float]:
        """(objective, gradient norm) over all training rows."""
        del stats
        params = tree_of(self.fit, params)
        value, grad = objective(self.plan, self.fit.train, params)
        numbers = sum(np.size(part) for part in grad.values())
        return value, float(np.linalg.norm(packed(grad, numbers)))


def _judge(fit: Linear) -> LinearJudge:
    return LinearJudge(fit.plan("gd", **fit.numbers["objective"]), fit)


def tree_of(fit: Linear, params: Any) -> dict[str, Any]:
    """The model's params, from those or from the vector that an engine moves.

    Args:
        fit: tells the shapes.
        params: either.
    """
    if isinstance(params, dict):
        return params
    d = fit.train.n_columns
    return unpacked(params, d, fit.n_outputs, bias=fit.model.bias)


def table_of(rows: Rows) -> Table:
    """Encoded rows as kernels read them.

    Args:
        rows: of a table.
    """
    weight = None if (rows.weight == 1).all() else np.asarray(rows.weight)
    inputs = np.ascontiguousarray(rows.inputs)
    target = np.asarray(rows.target, inputs.dtype)
    return Table(inputs, target, weight, inputs.shape[1])
