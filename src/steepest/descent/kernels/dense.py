"""Kernels for rows that lie one after another in memory.

A row is read once: for its products with the weights, and, still in the nearest cache,
for its share of the gradient. Rows are visited as `order` says; an empty one stands for
the order in memory.
"""

from __future__ import annotations

from typing import Any

from steepest.descent.kernels.compiled import kernel, part, prefetch
from steepest.descent.kernels.losses import at, at_classes
from steepest.descent.kernels.plan import BATCH, BIAS, L2, LOSS, PARAMETER
from steepest.descent.kernels.steps import average, move

MOST_AHEAD, BYTES_AHEAD, LINE = 24, 16384, 64
"""How far ahead of its use a row out of order is asked for: in rows, and in bytes."""


@part
def ask(array: Any, low: int, high: int) -> None:
    """Ask memory for the lines that hold some elements."""
    for t in range(low, high, LINE // array.itemsize):
        prefetch(array, t)  # pyright: ignore[reportCallIssue]  numba's own call


@part
def visit(X: Any, order: Any, i: int) -> int:
    """The row to visit at place i; asks memory for one further on."""
    if order.size == 0:
        return i
    d = X.shape[1]
    ahead = i + min(MOST_AHEAD, 2 + BYTES_AHEAD // (d * X.itemsize + 1))
    if ahead < order.size:
        ask(X, order[ahead] * d, (order[ahead] + 1) * d)
    return order[i]


@part
def gather(  # noqa: C901  parted, it would cost a row's arithmetic in calls
    own: Any, plan: Any, w: Any, b: Any, X: Any, y: Any, importance: Any, order: Any,
    low: int, high: int, g: Any, z: Any, s: Any,
) -> tuple[float, float]:  # fmt: skip
    """Add the gradient of some rows to g; return sums of loss and weights.

    Four rows go together where there are four: weights and gradient are then read and
    written once for all of them.

    Args:
        own: the user's loss, or None.
        plan: its numbers.
        w: (k, d) weights.
        b: (k,) biases.
        X: (n, d) rows.
        y: (n,) targets.
        importance: (n,) weights of rows; empty for 1.
        order: (n,) rows in the order of visits; empty for 0, 1, ...
        low: first place.
        high: end of places.
        g: (k, d + 1) summed gradient, bias last.
        z: (4, k) space.
        s: (4, k) space.
    """
    k, d = w.shape
    zero = w.dtype.type(0)
    loss, weights, i = 0.0, 0.0, low
    while i < high:
        many = 4 if high - i >= 4 else 1
        r0 = visit(X, order, i)
        r1 = r2 = r3 = r0
        if many == 4:
            r1, r2 = visit(X, order, i + 1), visit(X, order, i + 2)
            r3 = visit(X, order, i + 3)
        for c in range(k):
            d0, d1, d2, d3 = zero, zero, zero, zero
            if many == 4:
                for j in range(d):
                    d0 += X[r0, j] * w[c, j]
                    d1 += X[r1, j] * w[c, j]
                    d2 += X[r2, j] * w[c, j]
                    d3 += X[r3, j] * w[c, j]
            else:
                for j in range(d):
                    d0 += X[r0, j] * w[c, j]
            z[0, c], z[1, c] = float(d0) + float(b[c]), float(d1) + float(b[c])
            z[2, c], z[3, c] = float(d2) + float(b[c]), float(d3) + float(b[c])
        for m in range(many):
            r = r0 if m == 0 else (r1 if m == 1 else (r2 if m == 2 else r3))
            share = float(importance[r]) if importance.size > 0 else 1.0
            value = at_row(own, plan, z[m], float(y[r]), share, s[m])
            if share > 0.0:
                loss += share * value
            weights += share
        for c in range(k):
            s0, s1 = w.dtype.type(s[0, c]), w.dtype.type(s[1, c])
            s2, s3 = w.dtype.type(s[2, c]), w.dtype.type(s[3, c])
            if many == 4:
                for j in range(d):
                    g[c, j] += (s0 * X[r0, j] + s1 * X[r1, j]) + (
                        s2 * X[r2, j] + s3 * X[r3, j]
                    )
                g[c, d] += (s0 + s1) + (s2 + s3)
            else:
                for j in range(d):
                    g[c, j] += s0 * X[r0, j]
                g[c, d] += s0
        i += many
    return loss, weights


@part
def at_row(own: Any, plan: Any, z: Any, y: float, share: float, s: Any) -> float:
    """The loss at the outputs z of a row; share * slopes are written to s."""
    if z.size == 1:
        value, s[0] = at(own, plan[LOSS], plan[PARAMETER], z[0], y)
    else:
        value = at_classes(plan[LOSS], plan[PARAMETER], z, int(y), s)
    for c in range(z.size):
        # A row of weight 0 counts for nothing, even where its slope is not finite.
        s[c] = share * s[c] if share > 0.0 else 0.0
    return value


@kernel
def rows(
    own: Any, plan: Any, w: Any, b: Any, X: Any, y: Any, importance: Any, order: Any,
    rates: Any,
) -> tuple[float, float]:  # fmt: skip
    """Plain descent, one row a step, one output: no gradient is ever stored."""
    d, at_bias = X.shape[1], float(b[0])
    code, number, fit_bias, l2 = plan[LOSS], plan[PARAMETER], plan[BIAS], plan[L2]
    loss, weights = 0.0, 0.0
    for i in range(rates.size):
        r = visit(X, order, i)
        dot = w.dtype.type(0)
        for j in range(d):
            dot += X[r, j] * w[0, j]
        value, slope = at(own, code, number, float(dot) + at_bias, float(y[r]))
        share = float(importance[r]) if importance.size > 0 else 1.0
        if share > 0.0:
            loss += share * value
            weights += share
        else:
            slope = 0.0
        pace = w.dtype.type(rates[i] * slope)
        keep = w.dtype.type(1.0 - rates[i] * l2)
        for j in range(d):
            w[0, j] = keep * w[0, j] - pace * X[r, j]
        # The bias is rounded to its own kind, so that a run may pause anywhere.
        at_bias = float(w.dtype.type(at_bias - fit_bias * rates[i] * slope))
    b[0] = at_bias
    return loss, weights


@kernel
def batches(
    own: Any, plan: Any, numbers: Any, w: Any, b: Any, first: Any, second: Any,
    penalty: Any, total: Any, g: Any, z: Any, s: Any, X: Any, y: Any, importance: Any,
    order: Any, rates: Any,
) -> tuple[float, float]:  # fmt: skip
    """Any rule but normalized, any batch size, any number of outputs."""
    loss, weights, size = 0.0, 0.0, int(plan[BATCH])
    n = order.size if order.size > 0 else y.size
    for step in range(rates.size):
        low, high = step * size, min((step + 1) * size, n)
        value, share = gather(
            own, plan, w, b, X, y, importance, order, low, high, g, z, s
        )
        loss += value
        weights += share
        share = 1.0 / share if share > 0.0 else 0.0
        move(plan, numbers, rates[step], share, w, b, g, first, second, penalty)
        average(plan, numbers, w, b, total)
    return loss, weights


@kernel
def gradient(
    own: Any, plan: Any, w: Any, b: Any, g: Any, z: Any, s: Any, X: Any, y: Any,
    importance: Any, order: Any,
) -> tuple[float, float]:  # fmt: skip
    """Sums of loss, weights and gradient over all rows, the last added to g."""
    return gather(own, plan, w, b, X, y, importance, order, 0, y.size, g, z, s)


@kernel
def picked(
    own: Any, plan: Any, w: Any, b: Any, g: Any, z: Any, s: Any, X: Any, y: Any,
    importance: Any, order: Any,
) -> tuple[float, float]:  # fmt: skip
    """As `gradient`, of the rows that `order` names alone."""
    return gather(own, plan, w, b, X, y, importance, order, 0, order.size, g, z, s)


@kernel
def losses(
    own: Any, plan: Any, margins: Any, y: Any, importance: Any, s: Any
) -> tuple[float, float]:
    """Sums of loss and weights over rows whose margins (n, k) are known."""
    loss, weights = 0.0, 0.0
    for i in range(y.size):
        share = float(importance[i]) if importance.size > 0 else 1.0
        value = at_row(own, plan, margins[i], float(y[i]), share, s[0])
        if share > 0.0:
            loss += share * value
        weights += share
    return loss, weights


@kernel
def outputs(w: Any, b: Any, X: Any, out: Any) -> None:
    """The margins of dense rows."""
    for i in range(X.shape[0]):
        for c in range(w.shape[0]):
            dot = w.dtype.type(0)
            for j in range(X.shape[1]):
                dot += X[i, j] * w[c, j]
            out[i, c] = dot + b[c]
