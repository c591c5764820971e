"""How strongly to penalise a linear model: by rows that were left out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from steepest.api import linear_legs as legs
from steepest.api.linear_legs import Linear
from steepest.core import random
from steepest.data import orders
from steepest.descent import kernels
from steepest.descent.curvature import dense_rows
from steepest.descent.linear_tables import Table, at, picked, scaled
from steepest.descent.loop import descend
from steepest.problems.losses import LOSSES, Loss
from steepest.records import Stopping

Array = np.ndarray[Any, Any]
SMOOTH = ("squared", "huber", "poisson", "log", "cross_entropy", "squared_hinge")
"""Losses whose gradient has no jumps."""
FEWEST_ROWS = 20
"""Fewer cannot tell one strength from another."""
ENOUGH_ROWS = 1000
"""So many rows a param tell it, whatever the penalty."""
MOST_ROWS = 10_000
"""The penalty on the sum of losses says how large coefficients are before any row is
seen: so it does not depend on the number of rows, and so many are enough to find it."""
MOST_NUMBERS = 1024
"""Params up to which each row is left out in turn; a matrix of them all is needed."""
MOST_WORK = 1 << 29
"""Rows times the square of params: beyond it, fewer rows are drawn."""
FEWEST_A_NUMBER = 4
"""Rows for each param that are drawn all the same."""
FOLDS = 5
MOST_VALUES = 1 << 21
"""Where a pass reads more, one fold is held out, not each in turn."""
STRONGEST, LEAST = 10.0, 1e-4
"""The first strength, on the mean of losses of columns of size 1, and the last, on
their sum, where a single row counts for 1."""
STEP = 10.0
"""From one strength to the next."""
FINEST = 0.25
"""Of a STEP: rows do not tell it finer, and rounding does not change it."""
BETTER = 0.999
"""The way to weaker strengths ends where the loss is not below so much of the least."""
FEWEST = 3
"""Strengths that are tried: the strongest may be too strong to show any gain."""
ALIKE = 0.25
"""Of strengths whose losses differ by less than so many standard errors of that
difference, the strongest is taken."""
PASSES, FTOL = 40, 1e-3
"""Of the descents on folds, which need not come nearer than those can tell."""


class Strength(NamedTuple):
    """An l2, and why."""

    l2: float
    """of the mean loss"""
    reason: str
    tried: tuple[tuple[float, float], ...] = ()
    """(l2, mean loss of rows left out), from strong to weak"""


class Tried(NamedTuple):
    """One strength, and the losses of rows that its models did not see."""

    l2: float
    losses: Array
    """(n,)"""
    weight: Array
    """(n,) how much each row counts"""

    @property
    def mean(self) -> float:
        """Over the rows."""
        return float(self.weight @ self.losses / self.weight.sum())


def is_smooth(loss: Any) -> bool:
    """Whether the strength under a loss can be found from its curvature.

    Args:
        loss: of a linear model; a user's own may be anything.
    """
    if not isinstance(loss, Loss) or loss.name not in SMOOTH:
        return False
    return loss.fn is LOSSES[loss.name].fn


def strength_of(fit: Linear) -> Strength:
    """The l2 whose models predict rows best that they did not see.

    Along a path from strong to weak, by warm starts. Up to MOST_NUMBERS params each row
    is left out in turn, by one Newton step from the fit to all (for the squared loss
    that is exact); then weights that are whole numbers count rows, to the last digit.
    Beyond, each of FOLDS parts is held out in turn, alike in their targets. Where rows
    are too few to tell, or so many that it does not matter, a single row's worth.
    Validation rows are not asked: they are to tell the loss.

    Args:
        fit: everything settled but its l2.

    References:
        Allen 1974, Technometrics 16:125; Rad and Maleki 2020, J. R. Stat. Soc. B
        82:965; Stone 1974, "Cross-validatory choice and assessment of statistical
        predictions"; Friedman, Hastie, Tibshirani 2010 (paths by warm starts).
    """
    weight = _weights(table := fit.train)
    total = float(weight.sum())
    rows = total if (weight == np.round(weight)).all() else np.count_nonzero(weight)
    params = (table.n_columns + fit.model.bias) * fit.n_outputs
    one = 1.0 / total
    if rows < FEWEST_ROWS:
        return Strength(one, "one row's worth: too few rows to leave any out")
    if rows >= ENOUGH_ROWS * params:
        return Strength(one, "one row's worth: rows are many, it hardly matters")
    by_row = params <= MOST_NUMBERS
    worth = max(FEWEST_A_NUMBER * params, MOST_WORK // params**2)
    most = min(MOST_ROWS, worth) if by_row else MOST_ROWS
    fit = fit._replace(train=_drawn(table, most, fit.seed))
    path = _by_row(fit, total) if by_row else _by_fold(fit, total)
    tried = list(_until_flat(path, LEAST * one))
    how = "rows left out one at a time" if by_row else "rows held out in turn"
    reason = f"predicts {how} best, of {len(tried)} strengths"
    return Strength(best(tried), reason, tuple((each.l2, each.mean) for each in tried))


def best(tried: list[Tried]) -> float:
    """The strongest that cannot be told from the best, or where a parabola is least.

    The standard error is that of the mean difference, row by row: far less than that
    of a mean itself.

    Args:
        tried: from strong to weak, each STEP weaker than the one before.

    References:
        Breiman, Friedman, Olshen, Stone 1984, section 3.4.3 (the one-standard-error
        rule; here milder, and of differences).
    """
    means = [each.mean for each in tried]
    at = int(np.argmin(means))
    first = next(i for i, each in enumerate(tried) if _alike(each, tried[at]))
    if first < at or not 0 < at < len(tried) - 1:
        return tried[first].l2
    before, here, after = means[at - 1 : at + 2]
    bend = before - 2 * here + after
    shift = (before - after) / (2 * bend) if bend > 0 else 0.0
    return float(tried[at].l2 / STEP ** (np.round(shift / FINEST) * FINEST))


def _alike(one: Tried, least: Tried) -> bool:
    share = one.weight / one.weight.sum()
    more = one.losses - least.losses
    mean = share @ more
    error = np.sqrt(share @ (more - mean) ** 2 / one.weight.sum())
    return bool(mean <= ALIKE * error)


def _until_flat(path: Iterator[Tried], last: float) -> Iterator[Tried]:
    """The way to weaker strengths, until it no longer pays."""
    least = np.inf
    for tried, each in enumerate(path, start=1):
        yield each
        flat = tried >= FEWEST and not each.mean < BETTER * least
        if flat or each.l2 / STEP < last:
            return
        least = min(least, each.mean)


def _by_row(fit: Linear, total: float) -> Iterator[Tried]:
    """Each row left out in turn."""
    from steepest.descent.left_out import Rows, left_out, optimum

    table, bias = fit.train, fit.model.bias
    X = dense_rows(table, np.arange(len(table.target)))
    if bias:
        X = np.column_stack([np.ones(len(X)), X])
    weight = np.asarray(_weights(table), float)
    rows = Rows(fit.plan("gd"), X, np.asarray(table.target, float), weight)
    params, l2 = np.zeros((X.shape[1], fit.n_outputs)), STRONGEST
    while True:
        found = optimum(rows, params, l2 * total)
        yield Tried(l2, left_out(rows, found), weight)
        params, l2 = found.params, l2 / STEP


def _by_fold(fit: Linear, total: float) -> Iterator[Tried]:
    """Each of some parts held out in turn, or one of them."""
    from steepest.descent.row_losses import row_losses

    k, bias = fit.n_outputs, fit.model.bias
    zeros = {"weight": np.zeros((fit.train.n_columns, k))}
    if bias:
        zeros = {"bias": np.zeros(k), **zeros}
    plan, table = fit.plan("gd"), fit.train
    folds, l2 = list(_folds(table, fit.seed)), STRONGEST
    starts = [zeros for _ in folds]
    weight = np.concatenate([_weights(table)[held] for _, held in folds])
    while True:
        losses = []
        for i, (kept, held) in enumerate(folds):
            train, rest = picked(table, kept), picked(table, held)
            # fewer rows are left in a fold: the same strength is more of their mean
            share = total / float(_weights(train).sum())
            starts[i] = descended(fit._replace(train=train), l2 * share, starts[i])
            margins = kernels.margins(at(plan, starts[i], rest.dtype), rest.inputs)
            losses.append(row_losses(plan, margins, rest.target)[0])
        yield Tried(l2, np.concatenate(losses), weight)
        l2 /= STEP


def descended(fit: Linear, l2: float, params: Any) -> Any:
    """Near the optimum of an l2, from params, by the steps that the fit will make."""
    stopping = Stopping(ftol=FTOL, max_epochs=PASSES)
    numbers = {**fit.numbers, "objective": {"l2": l2}}
    fit = fit._replace(
        first=None, validation=None, numbers=numbers, stopping=stopping
    )._replace(batch_size=len(fit.train.target))
    parts = legs.parts_of(fit, whole=True)
    assert parts is not None  # noqa: S101  kernels know smooth losses
    state = parts.engine.start(params, (), random.key(fit.seed))
    ended = descend(parts.engine, parts.source, state, parts.stopping)
    return legs.tree_of(fit, np.asarray(ended.params))


def _weights(table: Table) -> Array:
    given = table.weight
    return np.ones(len(table.target)) if given is None else given


def _drawn(table: Table, most: int, seed: int) -> Table:
    """So many of the rows at most."""
    n = len(table.target)
    if n > most:
        table = picked(table, np.sort(orders.order(n, seed=seed)[:most]))
    return scaled(table)


def _folds(table: Table, seed: int) -> Iterator[tuple[Array, Array]]:
    """(places of rows to learn from, of rows held out)."""
    n = len(table.target)
    mixed = orders.order(n, seed=seed)
    # neighbours in the target go to different folds: each has its share of all of them
    mixed = mixed[np.argsort(table.target[mixed], kind="stable")]
    fold = np.empty(n, int)
    fold[mixed] = np.arange(n) % FOLDS
    for i in range(FOLDS if table.n_values <= MOST_VALUES else 1):
        yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)
