"""The kernels as functions of Python. Importing it imports numba."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from steepest.core.errors import UsageError
from steepest.core.mapped import release
from steepest.core.threads import cores, each
from steepest.descent.kernels import dense, normalized, per_sample, sparse
from steepest.descent.kernels.compiled import for_own_loss
from steepest.descent.kernels.plan import (
    GD,
    NORMALIZED,
    RULES,
    SCALE,
    SCALES,
    Array,
    Csr,
    Plan,
    Tally,
    Weights,
    check_outputs,
    coefficients,
)
from steepest.descent.kernels.rows_in import (
    n_rows,
    plain,
    rows_of,
    shares,
    targets,
    visits,
)

MOST_CHUNKS = 64
"""Into how many stretches a full pass is cut at most, whatever the threads."""
CHUNK_NUMBERS = 1 << 21
"""How many numbers the gradients of all stretches may hold."""
CHUNK_ROWS, CHUNK_VALUES = 256, 1 << 20
"""Rows of a stretch, at least, and numbers: calling a kernel takes some 30 us."""


def train(
    plan: Plan,
    weights: Weights,
    X: Any,
    y: Any,
    sample_weight: Any,
    rates: Any,
    *,
    order: Any = None,
) -> Tally:
    """Make len(rates) steps over consecutive batches; the last may be ragged.

    Args:
        plan: the objective and the rule.
        weights: changed in place.
        X: (n, d) rows, C-contiguous, or (data, indices, indptr) of CSR, in the dtype of
            the weights. Column numbers are trusted: see `check_columns`.
        y: (n,) targets, or class numbers.
        sample_weight: (n,) >= 0, or None. A row of weight 0 counts for nothing; a
            batch of them makes the rule's step with gradient 0.
        rates: (n_steps,) learning rate of each step.
        order: (m,) rows in the order of visits; None for as they lie.

    Returns:
        The losses met on the way, and whether all is finite at the end.

    Raises:
        DataError: arrays that do not fit the weights.
        UsageError: more or fewer rates than batches.

    >>> from steepest.descent.kernels import start
    >>> weights = start(plan := Plan(batch_size=2), 1, 1)
    >>> X, y = np.ones((3, 1), np.float32), np.ones(3)
    >>> train(plan, weights, X, y, None, [0.25, 0.25])
    Tally(loss_sum=2.0, weight_sum=3.0, finite=True)
    >>> weights.weight.item(), weights.bias.item()
    (0.5, 0.5)
    """
    X = rows_of(X, weights)
    check_outputs(plan, len(weights.bias))
    y = targets(y, X, weights)
    rates = np.require(rates, np.float64, ["C", "W"])
    order = visits(order, y.size)
    n_visits = order.size or y.size
    if rates.shape != (-(-n_visits // plan.batch_size),):
        raise UsageError(
            f"rates has shape {rates.shape}: {n_visits} rows make "
            f"{-(-n_visits // plan.batch_size)} batches of {plan.batch_size}."
        )
    steps = steps_sparse if isinstance(X, Csr) else steps_dense
    if RULES[plan.rule] == NORMALIZED:
        steps = steps_normalized
    told = steps(plan, weights, X, (y, shares(sample_weight, y), order, rates))
    return Tally(*told, finite=_finite(told[0], weights))


def steps_dense(plan: Plan, weights: Weights, X: Any, rest: Any) -> tuple:
    """Steps on dense rows: (sum of w * loss, sum of w)."""
    w, b, memory = weights
    fold(weights)
    numbers = plan.numbers()
    if _simple(plan, w):
        run = kernel_of(per_sample.rows, plan)
        return run(own_of(plan), numbers, w, b, X, *rest)
    run = kernel_of(dense.batches, plan)
    kept = memory.first, memory.second, memory.penalty, memory.total
    room = room_for(w)
    return run(own_of(plan), numbers, memory.numbers, w, b, *kept, *room, X, *rest)


def steps_sparse(plan: Plan, weights: Weights, X: Any, rest: Any) -> tuple:
    """Steps on sparse rows: (sum of w * loss, sum of w)."""
    w, b, memory = weights
    numbers = plan.numbers()
    if _simple(plan, w):
        run = kernel_of(sparse.rows, plan)
        return run(own_of(plan), numbers, memory.numbers, w, b, memory.total, *X, *rest)
    run = kernel_of(sparse.batches, plan)
    kept = memory.first, memory.second, memory.penalty, memory.total
    room = room_for(w)
    return run(own_of(plan), numbers, memory.numbers, w, b, *kept, *room, *X, *rest)


def steps_normalized(plan: Plan, weights: Weights, X: Any, rest: Any) -> tuple:
    """Normalized steps: (sum of w * loss, sum of w)."""
    w, b, memory = weights
    if not isinstance(X, Csr):
        X = Csr(X.reshape(-1), np.zeros(0, np.int32), np.zeros(0, np.int64))
    run = kernel_of(normalized.rows, plan)
    kept = memory.first, memory.largest, memory.total
    room = room_for(w)[1:]
    return run(
        own_of(plan), plan.numbers(), memory.numbers, w, b, *kept, *room, *X, *rest
    )


def _simple(plan: Plan, w: Array) -> bool:
    """Whether it is plain descent, a row a step, with nothing to remember."""
    plain = RULES[plan.rule] == GD and plan.l1 == 0 and plan.average_from is None
    return plain and plan.batch_size == 1 and len(w) == 1


def room_for(w: Array) -> tuple[Array, Array, Array]:
    """Space that kernels work in: gradient, outputs and slopes of four rows."""
    k, d = w.shape
    return np.zeros((k, d + 1), w.dtype), np.zeros((4, k)), np.zeros((4, k))


def own_of(plan: Plan) -> Any:
    """The user's loss as kernels take it, None for a built-in one."""
    return plan.loss.compiled if plan.own else None


def kernel_of(entry: Any, plan: Plan) -> Any:
    """The kernel that serves a plan: one of its own for a loss of the user's."""
    return _without_cache(entry) if plan.own else entry


@functools.cache
def _without_cache(entry: Any) -> Any:
    return for_own_loss(entry)


def _finite(loss: float, weights: Weights) -> bool:
    w, b, memory = weights
    return bool(
        math.isfinite(loss)
        and np.isfinite(memory.numbers).all()
        and np.isfinite(b).all()
        and np.isfinite(w).all()
    )


def fold(weights: Weights) -> None:
    """Multiply the scale that sparse steps leave beside the weights into them."""
    w, _, memory = weights
    numbers = memory.numbers
    if numbers[SCALES] != 0.0:
        memory.total[:, :-1] += numbers[SCALES] * w
        numbers[SCALES] = 0.0
    if numbers[SCALE] != 1.0:
        w *= w.dtype.type(numbers[SCALE])
        numbers[SCALE] = 1.0


def total(
    plan: Plan,
    weights: Weights,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    threads: int | None = None,
    averaged: bool = False,
) -> tuple[float, float, Array, Array]:
    """Sums over all rows: one pass of loss and gradient, without penalties.

    The rows are cut into stretches that do not depend on the threads, and added in
    their order: the result is the same, to the bit, for any number of threads.

    Args:
        plan: the loss.
        weights: the point; left as it is. It may be in float64 where the rows are in
            float32: then it is not rounded, and the gradient has no stairs.
        X: rows, as in `train`.
        y: (n,) targets.
        sample_weight: (n,) or None.
        threads: None for as many as the process may use.
        averaged: at the mean of the points.

    Returns:
        (sum of w * loss, sum of w, gradient of the first by weight (k, d), and by bias
        (k,)), the gradients in float64.

    >>> from steepest.descent.kernels import start
    >>> X, y = np.ones((2, 1), np.float32), np.ones(2)
    >>> total(plan := Plan(), start(plan, 1, 1), X, y)
    (2.0, 2.0, array([[-4.]]), array([-4.]))
    """
    X, y, given, (whole, b) = _ask(plan, weights, X, y, sample_weight, averaged)
    w, fine = parted(whole, X)
    b, cuts = b.astype(float), _cuts(y.size, w.size)
    numbers, own = plan.numbers(), own_of(plan)

    def stretch(cut: tuple[int, int]) -> tuple[float, float, Array]:
        low, high = cut
        g, z, s = room_for(w)
        sums = np.zeros(g.shape)
        part, at = _part(X, low, high), slice(low, high)
        if isinstance(part, Csr):
            run = kernel_of(sparse.gradient, plan)
            beside = (own, numbers, np.ones(2))
            told = run(*beside, whole, b, sums, z, s, *part, y[at], given[at])
        else:
            run = kernel_of(dense.gradient, plan)
            none = np.zeros(0, np.int64)
            rest = (part, y[at], given[at], none)
            told = run(own, numbers, w, fine, b, g, z, s, *rest, sums)
            release(part)
        return *told, sums

    parts = each(stretch, cuts, _threads(threads, X))
    gradient = np.zeros((w.shape[0], w.shape[1] + 1))
    loss = weight = 0.0
    for value, share, g in parts:
        loss, weight = loss + value, weight + share
        gradient += g
    return loss, weight, gradient[:, :-1].copy(), gradient[:, -1] * plan.bias


def parted(w: Array, X: Array | Csr) -> tuple[Array, Array]:
    """Weights in the kind of the rows, and what was rounded off; (0, 0) for nothing."""
    kind = (X.data if isinstance(X, Csr) else X).dtype
    if w.dtype == kind:
        return w, np.zeros((0, 0), kind)
    coarse = w.astype(kind)
    return coarse, (w - coarse).astype(kind)


def loss_total(
    plan: Plan,
    weights: Weights,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    threads: int | None = None,
    averaged: bool = False,
) -> tuple[float, float]:
    """(sum of w * loss, sum of w) over all rows; arguments as in `total`.

    >>> from steepest.descent.kernels import start
    >>> X, y = np.ones((2, 1), np.float32), np.ones(2)
    >>> loss_total(plan := Plan(), start(plan, 1, 1), X, y)
    (2.0, 2.0)
    """
    X, y, given, (w, b) = _ask(plan, weights, X, y, sample_weight, averaged)
    numbers, own, run = plan.numbers(), own_of(plan), kernel_of(dense.losses, plan)

    def stretch(cut: tuple[int, int]) -> tuple[float, float]:
        low, high = cut
        at, s = slice(low, high), np.zeros((4, len(b)))
        z = np.empty((high - low, len(b)))
        part = _part(X, low, high)
        _outputs(w, b, part, z)
        if not isinstance(part, Csr):
            release(part)
        return run(own, numbers, z, y[at], given[at], s)

    parts = each(stretch, _cuts(y.size, w.size), _threads(threads, X))
    return sum(value for value, _ in parts), sum(share for _, share in parts)


def bends(plan: Plan, margins: Array, y: Any) -> Array:
    """The second derivative of each row's loss by its prediction: (n,), in float64.

    Args:
        plan: a loss of one output.
        margins: (n,) predictions.
        y: (n,) targets.

    >>> bends(Plan(), np.array([3.0]), np.array([1.0])).round(6)
    array([2.])
    """
    out = np.empty(len(margins))
    run = kernel_of(dense.bends, plan)
    run(own_of(plan), plan.numbers(), plain(margins, float), plain(y, float), out)
    return out


def margins(weights: Weights, X: Any, *, averaged: bool = False) -> Array:
    """X @ weight.T + bias: (n, k), in float64.

    >>> from steepest.descent.kernels import start
    >>> margins(start(Plan(), 1, 2), np.ones((3, 2), np.float32)).shape
    (3, 1)
    """
    X = rows_of(X, weights)
    w, b = coefficients(weights, averaged=averaged)
    out = np.empty((n_rows(X), len(b)))
    _outputs(w, b, X, out)
    return out


def _outputs(w: Array, b: Array, X: Any, out: Array) -> None:
    if isinstance(X, Csr):
        sparse.outputs(w, b, *X, out)
    else:
        dense.outputs(w, b, X, out)


def _ask(
    plan: Plan, weights: Weights, X: Any, y: Any, sample_weight: Any, averaged: bool
) -> tuple:
    X = rows_of(X, weights, finer=True)
    check_outputs(plan, len(weights.bias))
    y = targets(y, X, weights)
    given = shares(sample_weight, y)
    return X, y, given, coefficients(weights, averaged=averaged)


def _cuts(n: int, size: int) -> list[tuple[int, int]]:
    """Stretches of rows, a function of the shape alone."""
    most = max(1, min(MOST_CHUNKS, CHUNK_NUMBERS // max(size, 1)))
    rows = max(CHUNK_ROWS, CHUNK_VALUES // max(size, 1))
    chunks = max(1, min(most, -(-n // rows)))
    edges = [n * i // chunks for i in range(chunks + 1)]
    return list(itertools.pairwise(edges))


def _part(X: Array | Csr, low: int, high: int) -> Any:
    if not isinstance(X, Csr):
        return X[low:high]
    indptr = X.indptr[low : high + 1]
    at = slice(indptr[0] - X.indptr[0], indptr[-1] - X.indptr[0])
    return Csr(X.data[at], X.indices[at], indptr)


def _threads(asked: int | None, X: Array | Csr) -> int:
    if asked is None:
        return cores(X.data.size if isinstance(X, Csr) else X.size)
    if not asked >= 1:
        raise UsageError(f"threads={asked}: must be >= 1, or None for all cores.")
    return asked
