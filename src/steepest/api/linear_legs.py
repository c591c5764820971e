"""How a linear model is fitted: which engine makes which part of the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from steepest.api.linear_choice import (
    CURVED,
    SAMPLE_GTOL,
    First,
    Sample,
    has_kernel,
    kinked,
)
from steepest.api.own_losses import is_own, kernel_of
from steepest.api.rounding import escape_of
from steepest.api.table_data import Rows
from steepest.core.mapped import is_mapped
from steepest.data import orders
from steepest.data.orders import CHUNK_BYTES
from steepest.descent import kernels
from steepest.descent.kernels import Csr, Plan
from steepest.descent.kernels.plan import RULES
from steepest.descent.linear_engine import LinearEngine, RowSource
from steepest.descent.linear_tables import (
    Table,
    of_table,
    picked,
    pieces,
    rows_in,
    scaled,
)
from steepest.descent.parts import Leg
from steepest.descent.rounded import RoundedEngine, joined
from steepest.descent.sources import START, PassSource, SampleSource
from steepest.descent.summed import WholeEngine, objective, packed
from steepest.records.state import State
from steepest.records.stop import Stopping
from steepest.steps import LINEAR_OPTIMIZERS, Rule, settle

FULL_VALUES = 1 << 20
"""A table of so many values is read by kernels in a full batch, too: below it the
compiled loop, which does not call back, is faster."""
SHUFFLED_BYTES = 8 << 20
"""Beyond it rows are visited in an order that memory likes, not in any."""


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

    def order(n: int, epoch: int, chunk: int) -> np.ndarray[Any, Any]:
        drawn = {"seed": fit.seed, "epoch": epoch, "chunk": chunk}
        if n * width * table.dtype.itemsize <= SHUFFLED_BYTES:
            return orders.order(n, **drawn).astype(np.int64)
        return kernels.shuffle_order(n, width, **drawn)

    table, size = scaled(table), plan.batch_size
    engine = LinearEngine(Downhill, plan, rule, numbers, dtype=table.dtype)
    most = rows_in(table, CHUNK_BYTES) // size * size if table.in_file else n
    chunks = orders.Chunks(n, max(most, size), seed=fit.seed)
    return engine, RowSource(table, size, chunks, order)


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
        sums = [
            kernels.loss_total(
                self.plan, weights, part.inputs, part.target, part.weight
            )
            for part in pieces(held)
        ]
        loss, rows = (sum(part) for part in zip(*sums, strict=True))
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
    weight, target = rows.weight, rows.target
    if not any(weight.strides) or (weight == 1).all():
        weight = None
    if not is_mapped(target):  # one in a file is brought to the kind of the rows later
        target = np.asarray(target, rows.inputs.dtype)
    return Table(rows_read(rows.inputs), target, weight, rows.inputs.shape[1])


def rows_read(inputs: Any) -> np.ndarray[Any, Any] | Csr:
    """Rows, dense or of SciPy, as kernels read them.

    Args:
        inputs: (n, d).
    """
    if not scipy.sparse.issparse(inputs):
        return np.ascontiguousarray(inputs)
    places, ends = inputs.indices, inputs.indptr
    columns = places.astype(np.int32, copy=False)
    return Csr(inputs.data, columns, ends.astype(np.int64, copy=False))
