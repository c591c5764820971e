"""Networks of the estimators: fitted by the door that `steepest.fit` goes through."""

from __future__ import annotations

import functools
import inspect
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from steepest.api import fit
from steepest.api.fit_plan import Plan
from steepest.api.fitting import Fitting, fitting_of
from steepest.api.linear_rules import check_average
from steepest.api.runs import make_run
from steepest.api.table_data import Rows as TableRows
from steepest.api.table_data import TableData
from steepest.core.errors import UsageError
from steepest.data.blocks import batch_rows
from steepest.data.target import Target
from steepest.diagnosis import judge_fit
from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.units import units_of
from steepest.estimators.rows import plain
from steepest.estimators.scale import Scale
from steepest.problems.losses import Loss
from steepest.problems.models import MLP
from steepest.records import Run

Array = np.ndarray[Any, Any]
FEW = 256
"""Tables of so few rows are taken whole in every step: then neither the order of rows
matters, nor whether a row stands there twice or weighs 2."""
LEAST, MOST = 16, 4096
"""Rows predicted at a time; calls are filled up to powers of two, to share programs."""


class Columns(NamedTuple):
    """What a fit asks of columns that are numbers already."""

    width: int
    sparse: bool = False


class Learnt(NamedTuple):
    """A trained network, and how it sees columns and target."""

    recipe: MLP
    params: Any
    stats: Any
    scale: Scale

    def raw(self, X: Array) -> Array:
        """(n, k) outputs, in the unit of the target."""
        parts = []
        with jax.enable_x64(True):
            for start in range(0, len(X), MOST):
                rows = self.scale.rows(np.asarray(X[start : start + MOST], float))
                filled = np.zeros((max(LEAST, power_of_two(len(rows))), X.shape[1]))
                filled[: len(rows)] = rows
                out = _outputs(self.recipe, self.params, self.stats, filled)
                parts.append(np.asarray(out)[: len(rows)])
        return self.scale.centre + self.scale.spread * np.concatenate(parts)

    def rescaled(self, scale: Scale) -> Learnt:
        """The same function of the columns as they came, under another scale."""
        old, params = self.scale, self.params
        first, last = params.hidden[0].linear, params.output
        weight = first.weight * (scale.size / old.size)
        bias = first.bias + (first.weight / old.size) @ (scale.mean - old.mean)
        share = old.spread / scale.spread
        moved = (old.centre - scale.centre) / scale.spread
        params = _replaced(params, lambda of: of.hidden[0].linear, weight, bias)
        found = self._replace(params=params, scale=scale)
        return found.ending_in(share * last.weight, share * last.bias + moved)

    def ending_in(self, weight: Array, bias: Array) -> Learnt:
        """With another last layer."""
        params = _replaced(self.params, lambda of: of.output, weight, bias)
        return self._replace(params=params)

    def in_order(self, order: Array) -> Learnt:
        """With outputs in another order; those it does not name stay behind."""
        last = self.params.output
        if len(order) < 2:
            return self
        return self.ending_in(last.weight[order], last.bias[order])

    def with_outputs(self, n: int) -> Learnt:
        """Of two classes, with one output, the margin, or with one for each."""
        last = self.params.output
        if n == 1 and len(last.bias) == 2:
            return self.ending_in(np.diff(last.weight, axis=0), np.diff(last.bias))
        if n > 1 and len(last.bias) == 1:
            half = np.array([[-0.5], [0.5]])
            return self.ending_in(half * last.weight, half[:, 0] * last.bias)
        return self


def learn(
    asked: dict[str, Any],
    loss: Loss,
    train: Any,
    held: Any,
    scale: Scale,
    classes: int,
    known: Learnt | None,
) -> tuple[Learnt, Run]:
    """A network for checked rows.

    Args:
        asked: the options of the estimator, and its seed.
        loss: settled.
        train: Rows to train on.
        held: Rows to judge on, or None.
        scale: of columns and target.
        classes: how many labels there are, 0 for numbers.
        known: to begin at, or None.
    """
    whole = _is_whole(asked["batch_size"], len(train.y))
    options = _options(asked, whole=whole, weight=train.weight)
    recipe, table = network_of(asked), _table(loss, train, held, scale, classes)
    fitting, plan = fitting_of(table, recipe, options)
    start = None
    if known is not None:
        known = known.rescaled(scale)
        start = known.params, known.stats
    precision = "float64" if whole and train.X.dtype == np.float64 else "float32"
    fitting = fitting._replace(start=start, precision=precision)
    ended, _ = fitting.run([])
    settings = _told(asked, fitting, plan)
    end = ended.state.params, ended.state.stats
    units = units_of(recipe, fitting.fresh(), end, table.train.inputs)
    verdict = judge_fit(Case(ended.trace, ended.stop, settings, units=units))
    params, stats = jax.device_get((ended.params, ended.stats))
    run = make_run(ended, params=params, verdict=verdict, settings=settings)
    return Learnt(recipe, params, stats, scale), run


def network_of(asked: dict[str, Any]) -> MLP:
    """The network that an estimator names, refused where its options do not fit."""
    if not asked["fit_intercept"]:
        raise UsageError(
            "fit_intercept=False: the layers of a network have a bias each. Leave it "
            "out, or leave hidden out."
        )
    recipe = MLP(hidden=asked["hidden"])
    check_average(
        *(asked["average"], recipe, asked["optimizer"]),
        *(asked["batch_size"], asked["learning_rate"]),
    )
    return recipe


def that_count(rows: Any) -> Any:
    """Rows without those of weight 0: a batch of them alone would have no mean.

    Args:
        rows: Rows, or None.
    """
    if rows is None or (rows.weight > 0).all():
        return rows
    return type(rows)(*(part[rows.weight > 0] for part in rows))


def _is_whole(batch_size: Any, n_rows: int) -> bool:
    """Whether every step is on all rows."""
    if isinstance(batch_size, str) and batch_size == "auto":
        return n_rows <= FEW
    return batch_rows(batch_size, n_rows) == n_rows


def _options(asked: dict[str, Any], *, whole: bool, weight: Array) -> dict[str, Any]:
    """The estimator's options as those of `steepest.fit`."""
    known = inspect.signature(fit).parameters.items()
    options = {name: one.default for name, one in known} | {"hyper": {}}
    same = ("optimizer", "learning_rate", "schedule", "average", "epochs", "patience")
    options |= {name: asked[name] for name in (*same, "l1", "max_seconds", "seed")}
    l2 = asked["l2"]
    free = isinstance(l2, str) and l2 == "auto"
    return options | {
        "batch_size": "full" if whole else asked["batch_size"],
        "gtol": asked["tol"] if whole else None,
        "l2": 1 / weight.sum() if free and whole else l2,
    }


def _table(loss: Loss, train: Any, held: Any, scale: Scale, classes: int) -> TableData:
    """Rows as `steepest.fit` prepares them."""
    task = "regression" if not classes else "binary" if classes < 3 else "multiclass"
    target = Target("y", task, tuple(range(classes)))

    def rows_of(rows: Any) -> TableRows | None:
        if rows is None:
            return None
        y = rows.y.astype(np.int32) if classes else scale.target(rows.y)
        dtype = rows.X.dtype
        y = y if classes else y.astype(dtype)
        return TableRows(scale.rows(rows.X), y, rows.weight.astype(dtype))

    columns: Any = Columns(train.X.shape[1])
    rows: Any = rows_of(train)
    return TableData(columns, target, loss, rows, rows_of(held))


def _told(asked: dict[str, Any], fitting: Fitting, plan: Plan) -> dict[str, Any]:
    rule, stopping = fitting.rule, fitting.stopping
    named = rule.optimizer.learning_rate is not None
    return {
        **{name: plain(value) for name, value in asked.items()},
        "optimizer": rule.optimizer.name,
        "learning_rate": fitting.numbers["learning_rate"] if named else None,
        "schedule": None if plan.schedule is None else str(plan.schedule),
        "batch_size": fitting.blocks.batch_size,
        "epochs": stopping.max_epochs,
        "gtol": stopping.gtol,
        "penalty": fitting.numbers["objective"],
        "model": fitting.model.to_json(),
        "chosen": plan.chosen,
        "precision": fitting.precision,
    }


def _replaced(params: Any, where: Any, weight: Array, bias: Array) -> Any:
    """A network with other numbers in one layer."""
    arrays = tuple(
        np.asarray(one, where(params).weight.dtype) for one in (weight, bias)
    )
    return eqx.tree_at(lambda of: (where(of).weight, where(of).bias), params, arrays)


def power_of_two(n: int) -> int:
    """The least that is not below n.

    >>> power_of_two(5)
    8
    """
    return 1 << max(n - 1, 0).bit_length()


@functools.partial(jax.jit, static_argnums=0)
def _outputs(recipe: MLP, params: Any, stats: Any, rows: Any) -> Any:
    return recipe.apply(params, stats, rows, training=False)[0]
