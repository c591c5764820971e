"""How a linear model is fitted: which engine makes which part of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from steepest.api.own_losses import is_own, kernel_of
from steepest.api.rounding import escape_of
from steepest.api.table_data import Rows
from steepest.data import orders
from steepest.descent import kernels
from steepest.descent.curvature import MOST_NUMBERS
from steepest.descent.kernels import Csr, Plan
from steepest.descent.kernels.plan import LOSSES as KERNELS
from steepest.descent.kernels.plan import RULES
from steepest.descent.linear_engine import (
    LinearEngine,
    RowSource,
    Table,
    of_table,
    picked,
    scaled,
)
from steepest.descent.parts import Leg
from steepest.descent.rounded import KINKED, RoundedEngine, joined
from steepest.descent.sources import START, PassSource, SampleSource
from steepest.descent.summed import WholeEngine, objective, packed
from steepest.problems.losses import LOSSES, Loss
from steepest.problems.models import Linear as LinearModel
from steepest.records.state import State
from steepest.records.stop import Stopping
from steepest.steps import LINEAR_OPTIMIZERS, Rule, settle

FULL_VALUES = 1 << 20
"""A table of so many values is read by kernels in a full batch, too: below it the
compiled loop, which does not call back, is faster."""
PASS_ROWS = 5_000
"""From so many rows on a pass of per-sample steps saves several passes of L-BFGS."""
POLISH, CURVED = "lbfgs", "bfgs"
"""What goes to the optimum, on the gradient over all rows; where a sample of them tells
the curvature, the latter."""
SHARE, FOR_A_NUMBER = 16, 32
"""A sample is one of so many rows, or so many rows for each param."""
FEWEST_SAMPLES = 4
"""How many samples a table must hold to begin with one."""
SAMPLE_GTOL = 1e-3
"""What is left of the gradient on a sample is not that of all rows."""
SHUFFLED_BYTES = 8 << 20
"""Beyond it rows are visited in an order that memory likes, not in any."""


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


class Parts(NamedTuple):
    """What `descend` is given for a fit."""

    engine: Any
    source: Any
    stopping: Stopping
    then: tuple[Leg, ...]
    judge: Any
    escape: Any = None


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
    first: First | Sample | None
    """What comes before, if anything."""
    seed: int
    to_optimum: bool = False
    """Whether the way was left to us: then kinks are rounded off."""
    average: bool = False
    """Whether the params are the mean of those that steps on batches met."""
    measures: bool = False
    """Whether validation rows only tell the loss: they do not choose the params."""

    @property
    def l1(self) -> float:
        """Weight of the sum of |coefficients|."""
        return self.numbers["objective"].get("l1", 0.0)

    @property
    def rounds(self) -> bool:
        """Whether kinks stand in the way to the optimum."""
        return self.to_optimum and kinked(self.loss, self.l1)

    @property
    def full(self) -> bool:
        """Whether each step is on all rows."""
        by_rows = self.average or self.rule.optimizer.name in LINEAR_OPTIMIZERS
        return self.batch_size == len(self.train.target) and not by_rows

    @property
    def average_from(self) -> int | None:
        """The step that averaging begins with: the second pass, or half of the run."""
        if not self.average:
            return None
        per_epoch = -(-len(self.train.target) // self.batch_size)
        steps = (self.stopping.max_epochs or 2) * per_epoch
        most = self.stopping.max_steps
        return min(per_epoch, (steps if most is None else min(steps, most)) // 2)

    def plan(self, rule: str, **options: Any) -> Plan:
        """What the kernels are told."""
        parameter = self.loss.parameter
        return Plan(
            loss=kernel_of(self.loss) or self.loss.name,
            parameter=parameter.value if parameter else 1.0,
            rule=rule,
            bias=self.model.bias,
            **options,
        )


def kinked(loss: Loss, l1: float) -> bool:
    """Whether an objective has kinks that can be rounded off.

    Args:
        loss: of a linear model.
        l1: weight of the sum of |coefficients|.
    """
    return (not is_own(loss) and loss.name in KINKED) or l1 > 0


def is_curved(loss: Loss, l1: float, n_rows: int, numbers: int) -> bool:
    """Whether steps on all rows begin with the curvature that a sample tells.

    Args:
        loss: of a linear model.
        l1: weight of the sum of |coefficients|.
        n_rows: of the table.
        numbers: params of the model.
    """
    smooth = loss.convex and not is_own(loss) and not kinked(loss, l1)
    return smooth and n_rows >= PASS_ROWS and numbers <= MOST_NUMBERS


def polish(loss: Loss, l1: float, n_rows: int, numbers: int) -> str:
    """The rule that goes to an optimum: one for bounds where coefficients may be 0.

    Args:
        loss: of a linear model.
        l1: weight of the sum of |coefficients|.
        n_rows: of the table.
        numbers: params of the model.
    """
    if l1 > 0:
        return "bb"
    return CURVED if is_curved(loss, l1, n_rows, numbers) else POLISH


def first_of(
    loss: Loss, l1: float, n_rows: int, numbers: int, *, standardize: bool
) -> First | Sample | None:
    """What brings the params near before all rows are read again and again.

    Args:
        loss: of a linear model.
        l1: weight of the sum of |coefficients|.
        n_rows: of the table.
        numbers: params of the model.
        standardize: whether columns are of one size.
    """
    if n_rows < PASS_ROWS or is_own(loss):
        return None
    if not standardize:
        return RAW
    if not is_curved(loss, l1, n_rows, numbers):
        return SCALED
    rows = max(n_rows // SHARE, FOR_A_NUMBER * numbers)
    return Sample(rows) if n_rows >= FEWEST_SAMPLES * rows else None


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


def parts_of(fit: Linear, *, whole: bool = False) -> Parts | None:
    """The parts of a fit that kernels make faster; None where they do not.

    Args:
        fit: everything settled.
        whole: whether kernels make full batches also of small tables.
    """
    if not has_kernel(fit.model, fit.loss):
        return None
    if not fit.full:
        return _by_rows(fit) if has_steps(fit) else None
    if fit.first is not None:
        return _to_optimum(fit)
    large = whole or fit.rounds or is_own(fit.loss)
    large = large or fit.train.n_values >= FULL_VALUES
    return _whole(fit) if large or fit.to_optimum else None


def has_steps(fit: Linear) -> bool:
    """Whether kernels know the rule of a fit on batches.

    Args:
        fit: everything settled.
    """
    rule = fit.rule
    return (
        rule.optimizer.name in RULES and not rule.searches and not fit.numbers["clips"]
    )


def _by_rows(fit: Linear) -> Parts:
    """Steps on batches."""
    plan = fit.plan(
        fit.rule.optimizer.name,
        batch_size=fit.batch_size,
        average_from=fit.average_from,
        **fit.numbers["objective"],
        **fit.numbers["hyper"],
    )
    engine, source = _rows(fit, plan, fit.rule, fit.numbers)
    return Parts(engine, source, fit.stopping, (), _judge(fit))


def _whole(fit: Linear) -> Parts:
    """Steps on all rows."""
    leg = _leg(fit)
    source, escape = leg.source(START), escape_of(leg.engine)
    return Parts(leg.engine, source, fit.stopping, (), _judge(fit), escape)


def _to_optimum(fit: Linear) -> Parts:
    """A pass row by row, then steps on all rows."""
    first = fit.first
    if isinstance(first, Sample):
        return _from_sample(fit, first)
    assert first is not None  # noqa: S101  asked for
    rule, numbers = settle("gd", first.rate)  # it gives the rate; the kernels the step
    plan = fit.plan(first.rule, batch_size=min(first.batch_size, len(fit.train.target)))
    engine, source = _rows(fit, plan, rule, numbers)
    before = replace(fit.stopping, gtol=None, ftol=None, max_epochs=1, patience=None)
    leg = _leg(fit)
    escape = escape_of(leg.engine)
    return Parts(engine, source, before, (leg,), _judge(fit), escape)


def _from_sample(fit: Linear, sample: Sample) -> Parts:
    """Steps on some rows, then on all of them."""
    n = len(fit.train.target)
    rows = np.random.default_rng(fit.seed).choice(n, sample.rows, replace=False)
    tolerances = {"gtol": SAMPLE_GTOL, "ftol": None, "patience": None}
    before = replace(fit.stopping, **tolerances, max_epochs=1)
    some = fit._replace(train=picked(fit.train, np.sort(rows)), stopping=before)
    source = SampleSource(n, sample.rows)
    return Parts(_leg(some).engine, source, before, (_leg(fit),), _judge(fit))


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

    table = scaled(table)
    engine = LinearEngine(Downhill, plan, rule, numbers, dtype=table.dtype)
    return engine, RowSource(table, plan.batch_size, order)


def _leg(fit: Linear) -> Leg:
    tolerances = fit.stopping
    if fit.validation is not None:  # patience is counted on the validation rows alone
        tolerances = replace(tolerances, patience=None)
    train = scaled(fit.train) if fit.rounds else fit.train
    told = (
        fit.plan("gd", **fit.numbers["objective"]),
        *(train, fit.n_outputs, fit.rule, fit.numbers, tolerances.limits()),
    )
    if fit.rounds:
        engine = RoundedEngine(*told)
    else:
        curved = fit.to_optimum and fit.rule.optimizer.name == CURVED
        engine = WholeEngine(*told, seed=fit.seed if curved else None)
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

    @property
    def restores(self) -> bool:
        """Whether the params that are best on them are returned."""
        return self.validates and not self.fit.measures

    def epoch(self, state: State) -> float | None:
        """Mean loss on the validation rows, None when there are none."""
        held = self.fit.validation
        if held is None:
            return None
        params = tree_of(self.fit, state.params)
        weights = of_table(self.plan, held, params, held.dtype)
        loss, rows = kernels.loss_total(
            self.plan, weights, held.inputs, held.target, held.weight
        )
        return loss / rows

    def end(self, params: Any, stats: Any) -> tuple[float, float]:
        """(objective, gradient norm) over all training rows."""
        del stats
        params = tree_of(self.fit, params)
        value, grad = objective(self.plan, self.fit.train, params)
        grad["weight"] = _least(grad["weight"], params["weight"], self.plan.l1)
        numbers = sum(np.size(part) for part in grad.values())
        return value, float(np.linalg.norm(packed(grad, numbers)))


def _least(grad: Any, weight: Any, l1: float) -> Any:
    """The shortest of the slopes that l1 |weight| has where a coefficient is 0."""
    spare = np.sign(grad) * np.maximum(np.abs(grad) - l1, 0.0)
    return np.where(np.asarray(weight) == 0, spare, grad)


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
    d, parted = fit.train.n_columns, fit.rounds and fit.l1 > 0
    return joined(params, d, fit.n_outputs, bias=fit.model.bias, parted=parted)


def table_of(rows: Rows) -> Table:
    """Encoded rows as kernels read them.

    Args:
        rows: of a table.
    """
    weight = None if (rows.weight == 1).all() else np.asarray(rows.weight)
    target = np.asarray(rows.target, rows.inputs.dtype)
    return Table(_read(rows.inputs), target, weight, rows.inputs.shape[1])


def _read(inputs: Any) -> np.ndarray[Any, Any] | Csr:
    if not scipy.sparse.issparse(inputs):
        return np.ascontiguousarray(inputs)
    places, ends = inputs.indices, inputs.indptr
    return Csr(inputs.data, places.astype(np.int32), ends.astype(np.int64))
