"""Kernels for rows that lie one after another in memory.

A row is read once: for its products with the weights, and, still in the nearest cache,
for its share of the gradient. Rows are visited as `order` says; an empty one stands for
the order in memory.
"""

from __future__ import annotations

from typing import Any

from steepest.descent.kernels.compiled import inlined, kernel, part, prefetch
from steepest.descent.kernels.losses import at, at_classes, log1p_of_share
from steepest.descent.kernels.plan import BATCH, LOSS, PARAMETER
from steepest.descent.kernels.pull import pull
from steepest.descent.kernels.steps import average, move

MOST_AHEAD, BYTES_AHEAD, LINE = 24, 16384, 64
"""How far ahead of its use a row out of order is asked for: in rows, and in bytes."""
SHORT = 256
"""Rows whose gradients are summed in their own precision."""
BEND_STEP = 1e-4
"""What slopes are differenced over, as a share of the prediction."""


@inlined
def ask(array: Any, low: int, high: int) -> None:
    """Ask memory for the lines that hold some elements."""
    for t in range(low, high, LINE // array.itemsize):
        prefetch(array, t)  # pyright: ignore[reportCallIssue]  numba's own call


@inlined
def visit(X: Any, y: Any, order: Any, i: int) -> int:
    """The row to visit at place i; asks memory for one further on."""
    if order.size == 0:
        return i
    d = X.shape[1]
    ahead = i + min(MOST_AHEAD, 2 + BYTES_AHEAD // (d * X.itemsize + 1))
    if ahead < order.size:
        r = order[ahead]
        ask(X, r * d, (r + 1) * d)
        ask(y, r, r + 1)
    return order[i]


@inlined
def product(X: Any, w: Any, c: int, r: int) -> float:
    """A row times the weights of an output."""
    dot = w.dtype.type(0)
    for j in range(X.shape[1]):
        dot += X[r, j] * w[c, j]
    return float(dot)


@inlined
def products(
    X: Any, w: Any, c: int, r0: int, r1: int, r2: int, r3: int
) -> tuple[float, float, float, float]:
    """Four rows times the weights of an output."""
    zero = w.dtype.type(0)
    d0, d1, d2, d3 = zero, zero, zero, zero
    for j in range(X.shape[1]):
        v = w[c, j]
        d0 += X[r0, j] * v
        d1 += X[r1, j] * v
        d2 += X[r2, j] * v
        d3 += X[r3, j] * v
    return float(d0), float(d1), float(d2), float(d3)


@part
def gather(  # noqa: C901  parted, it would cost a row's arithmetic in calls
    own: Any, plan: Any, w: Any, fine: Any, b: Any, X: Any, y: Any, importance: Any,
    order: Any, low: int, high: int, g: Any, z: Any, s: Any,
) -> tuple[float, float]:  # fmt: skip
    """Add the gradient of some rows to g; return sums of loss and weights.

    Four rows go together where there are four: weights and gradient are then read and
    written once for all of them.

    Args:
        own: the user's loss, or None.
        plan: its numbers.
        w: (k, d) weights.
        fine: (k, d) what was rounded off of them; empty for nothing.
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
    if k == 1:
        return gather_one(own, plan, w, fine, b, X, y, importance, order, low, high, g)
    loss, weights, i = 0.0, 0.0, low
    while i < high:
        many = 4 if high - i >= 4 else 1
        r0 = visit(X, y, order, i)
        r1 = r2 = r3 = r0
        if many == 4:
            r1, r2 = visit(X, y, order, i + 1), visit(X, y, order, i + 2)
            r3 = visit(X, y, order, i + 3)
        for c in range(k):
            for m in range(4):
                z[m, c] = b[c]
            for held in (w, fine):
                if held.size > 0 and many == 4:
                    d0, d1, d2, d3 = products(X, held, c, r0, r1, r2, r3)
                    z[0, c], z[1, c] = z[0, c] + d0, z[1, c] + d1
                    z[2, c], z[3, c] = z[2, c] + d2, z[3, c] + d3
                elif held.size > 0:
                    z[0, c] += product(X, held, c, r0)
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


@part
def gather_one(
    own: Any, plan: Any, w: Any, fine: Any, b: Any, X: Any, y: Any, importance: Any,
    order: Any, low: int, high: int, g: Any,
) -> tuple[float, float]:  # fmt: skip
    """As `gather`, of one output."""
    d, bias = X.shape[1], float(b[0])
    loss, weights = 0.0, 0.0
    whole = high - (high - low) % 4
    for i in range(low, whole, 4):
        r0, r1 = visit(X, y, order, i), visit(X, y, order, i + 1)
        r2, r3 = visit(X, y, order, i + 2), visit(X, y, order, i + 3)
        p0, p1, p2, p3 = products(X, w, 0, r0, r1, r2, r3)
        if fine.size > 0:
            f0, f1, f2, f3 = products(X, fine, 0, r0, r1, r2, r3)
            p0, p1, p2, p3 = p0 + f0, p1 + f1, p2 + f2, p3 + f3
        p0, p1, p2, p3 = p0 + bias, p1 + bias, p2 + bias, p3 + bias
        v0, e0, s0, c0 = pull(own, plan, y, importance, r0, 1.0, p0)
        v1, e1, s1, c1 = pull(own, plan, y, importance, r1, 1.0, p1)
        v2, e2, s2, c2 = pull(own, plan, y, importance, r2, 1.0, p2)
        v3, e3, s3, c3 = pull(own, plan, y, importance, r3, 1.0, p3)
        loss += (v0 + v1) + (v2 + v3)
        loss += (log1p_of_share(e0) + log1p_of_share(e1)) + (
            log1p_of_share(e2) + log1p_of_share(e3)
        )
        weights += (s0 + s1) + (s2 + s3)
        a0, a1 = w.dtype.type(s0 * c0), w.dtype.type(s1 * c1)
        a2, a3 = w.dtype.type(s2 * c2), w.dtype.type(s3 * c3)
        for j in range(d):
            g[0, j] += (a0 * X[r0, j] + a1 * X[r1, j]) + (a2 * X[r2, j] + a3 * X[r3, j])
        g[0, d] += (a0 + a1) + (a2 + a3)
    for i in range(whole, high):
        r = visit(X, y, order, i)
        p = product(X, w, 0, r) + bias
        if fine.size > 0:
            p += product(X, fine, 0, r)
        value, e, share, c = pull(own, plan, y, importance, r, 1.0, p)
        loss += value + log1p_of_share(e)
        weights += share
        pace = w.dtype.type(share * c)
        for j in range(d):
            g[0, j] += pace * X[r, j]
        g[0, d] += pace
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
            own, plan, w, w[:0], b, X, y, importance, order, low, high, g, z, s
        )
        loss += value
        weights += share
        share = 1.0 / share if share > 0.0 else 0.0
        move(plan, numbers, rates[step], share, w, b, g, first, second, penalty)
        average(plan, numbers, w, b, total)
    return loss, weights


@kernel
def gradient(
    own: Any, plan: Any, w: Any, fine: Any, b: Any, g: Any, z: Any, s: Any, X: Any,
    y: Any, importance: Any, order: Any, sums: Any,
) -> tuple[float, float]:  # fmt: skip
    """Sums of loss, weights and gradient over all rows, the last added to `sums`.

    What float32 loses grows with the length of a sum: they are short, and `sums`
    (k, d + 1) is in float64.
    """
    loss, weights, n = 0.0, 0.0, y.size
    for low in range(0, n, SHORT):
        high = min(low + SHORT, n)
        value, share = gather(
            own, plan, w, fine, b, X, y, importance, order, low, high, g, z, s
        )
        loss += value
        weights += share
        empty(g, sums)
    return loss, weights


@part
def empty(g: Any, sums: Any) -> None:
    """Add a short sum to the long one."""
    for c in range(g.shape[0]):
        for j in range(g.shape[1]):
            sums[c, j] += g[c, j]
            g[c, j] = 0.0


@kernel
def picked(
    own: Any, plan: Any, w: Any, b: Any, g: Any, z: Any, s: Any, X: Any, y: Any,
    importance: Any, order: Any,
) -> tuple[float, float]:  # fmt: skip
    """As `gradient`, of the rows that `order` names alone."""
    return gather(
        own, plan, w, w[:0], b, X, y, importance, order, 0, order.size, g, z, s
    )


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


@kernel
def bends(own: Any, plan: Any, margins: Any, y: Any, out: Any) -> None:
    """The second derivative of each row's loss, by central difference of its slope."""
    code, number = plan[LOSS], plan[PARAMETER]
    for i in range(y.size):
        p, target = margins[i], float(y[i])
        e = BEND_STEP * max(1.0, abs(p))
        above = at(own, code, number, p + e, target)[1]
        below = at(own, code, number, p - e, target)[1]
        out[i] = (above - below) / (2.0 * e)
