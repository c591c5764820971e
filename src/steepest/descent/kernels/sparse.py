"""Kernels for sparse rows (CSR). Plain descent touches only the columns of its rows.

The shrinking by L2 is one number for all weights, true weight = scale * weight (Bottou
2012, Stochastic gradient descent tricks, sec. 5.1); L1 is charged when a column is next
met (Tsuruoka, Tsujii, Ananiadou 2009); the sum of points is scales * weight + total,
where total changes with the weights that change (Xu 2011, arXiv 1107.2490, sec. 3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.descent.kernels.compiled import inlined, kernel, part, prefetch_near
from steepest.descent.kernels.dense import LINE, at_row
from steepest.descent.kernels.per_sample import LARGE
from steepest.descent.kernels.plan import (
    ADAGRAD,
    AVERAGE,
    AVERAGED,
    BATCH,
    BIAS,
    DUE,
    EPS,
    GD,
    L1,
    L2,
    NEVER,
    RULE,
    SCALE,
    SCALES,
    STEPS,
)
from steepest.descent.kernels.pull import pull
from steepest.descent.kernels.steps import average, move, move_row

SMALL = 1e-6
"""A scale below it is multiplied into the weights."""


AHEAD = 12
"""How many rows ahead of its use a row out of order is asked for."""


@part
def shrink(numbers: Any, keep: float, w: Any, total: Any) -> None:
    """Multiply all true weights by `keep`, nearly always through the scale."""
    if numbers[SCALE] * keep > SMALL:
        numbers[SCALE] *= keep
        return
    scale, scales = numbers[SCALE], numbers[SCALES]
    for c in range(w.shape[0]):
        for j in range(w.shape[1]):
            if total.size > 0:
                total[c, j] += scales * w[c, j]
            w[c, j] *= scale * keep
    numbers[SCALE], numbers[SCALES] = 1.0, 0.0


@part
def charge(numbers: Any, w: Any, paid: Any, c: int, j: int) -> None:
    """Clip a weight by the L1 penalty that is due and not yet paid."""
    scale, due = numbers[SCALE], numbers[DUE]
    z = float(w[c, j]) * scale
    if z > 0.0:
        w[c, j] = max(0.0, z - (due + paid[c, j])) / scale
    elif z < 0.0:
        w[c, j] = min(0.0, z + (due - paid[c, j])) / scale
    paid[c, j] += float(w[c, j]) * scale - z


@part
def settle(
    plan: Any, numbers: Any, pace: float, share: float, w: Any, g: Any, first: Any,
    paid: Any, total: Any, j: int,
) -> None:  # fmt: skip
    """The step of one column (gd, or adagrad without penalty); g is emptied."""
    for c in range(w.shape[0]):
        before = w[c, j]
        slope = g[c, j]
        if slope != 0.0:
            if plan[RULE] == ADAGRAD:
                slope = w.dtype.type(share) * slope
                first[c, j] += slope * slope
                slope = slope / math.sqrt(first[c, j] + w.dtype.type(plan[EPS]))
            w[c, j] -= w.dtype.type(pace) * slope
            g[c, j] = 0.0
        if paid.size > 0:
            charge(numbers, w, paid, c, j)
        if total.size > 0:
            total[c, j] -= numbers[SCALES] * (float(w[c, j]) - float(before))


@inlined
def ask(array: Any, low: int, high: int) -> None:
    """Ask memory for the lines that hold some elements."""
    for t in range(low, high, LINE // array.itemsize):
        prefetch_near(array, t)  # pyright: ignore[reportCallIssue]  numba's own call


@inlined
def visit(data: Any, indices: Any, indptr: Any, y: Any, order: Any, i: int) -> int:
    """The row to visit at place i; asks memory for one further on."""
    if order.size == 0:
        return i
    if i + 2 * AHEAD < order.size:
        r = order[i + 2 * AHEAD]
        ask(indptr, r, r + 1)
        ask(y, r, r + 1)
    if i + AHEAD < order.size:
        r = order[i + AHEAD]
        low, high = indptr[r] - indptr[0], indptr[r + 1] - indptr[0]
        ask(data, low, high)
        ask(indices, low, high)
    return order[i]


@inlined
def product(w: Any, c: int, data: Any, indices: Any, low: int, high: int) -> Any:
    """The product of a row and the weights of one output.

    Four sums, so that they need not wait for one another; an unsigned place is not
    asked whether it counts from the end.
    """
    zero, four = w.dtype.type(0), high - (high - low) % 4
    d0, d1, d2, d3 = zero, zero, zero, zero
    for t in range(low, four, 4):
        d0 += data[t] * w[c, np.uint32(indices[t])]
        d1 += data[t + 1] * w[c, np.uint32(indices[t + 1])]
        d2 += data[t + 2] * w[c, np.uint32(indices[t + 2])]
        d3 += data[t + 3] * w[c, np.uint32(indices[t + 3])]
    for t in range(four, high):
        d0 += data[t] * w[c, np.uint32(indices[t])]
    return (d0 + d1) + (d2 + d3)


@part
def gather(
    own: Any, plan: Any, numbers: Any, w: Any, b: Any, data: Any, indices: Any,
    low: int, high: int, y: float, share: float, g: Any, z: Any, s: Any,
) -> float:  # fmt: skip
    """Add the gradient of one row to g; return share * its loss."""
    for c in range(w.shape[0]):
        dot = product(w, c, data, indices, low, high)
        z[0, c] = float(dot) * numbers[SCALE] + float(b[c])
    value = at_row(own, plan, z[0], y, share, s[0])
    for c in range(w.shape[0]):
        slope = w.dtype.type(s[0, c])
        for t in range(low, high):
            g[c, np.uint32(indices[t])] += slope * data[t]
        g[c, w.shape[1]] += slope
    return share * value if share > 0.0 else 0.0


@kernel
def rows(
    own: Any, plan: Any, numbers: Any, w: Any, b: Any, total: Any, data: Any,
    indices: Any, indptr: Any, y: Any, importance: Any, order: Any, rates: Any,
) -> tuple[float, float]:  # fmt: skip
    """Plain descent, one row a step, one output, no L1, no mean."""
    bias, base, l2 = float(b[0]), indptr[0], plan[L2]
    loss, weights, factors = 0.0, 0.0, 1.0
    for i in range(rates.size):
        r = visit(data, indices, indptr, y, order, i)
        low, high = indptr[r] - base, indptr[r + 1] - base
        dot = float(product(w, 0, data, indices, low, high))
        p = dot * numbers[SCALE] + bias
        value, e, share, c = pull(own, plan, y, importance, r, rates[i], p)
        loss += value
        weights += share
        factors *= 1.0 + e
        if factors > LARGE:
            loss += math.log(factors)
            factors = 1.0
        if l2 > 0.0:
            shrink(numbers, 1.0 - rates[i] * l2, w, total)
        pace = w.dtype.type(c / numbers[SCALE])
        for t in range(low, high):
            w[0, np.uint32(indices[t])] -= pace * data[t]
        # The bias is rounded to its own kind, so that a run may pause anywhere.
        bias = float(w.dtype.type(bias - plan[BIAS] * c))
    b[0] = bias
    return loss + math.log(factors), weights


@part
def touch(
    plan: Any, numbers: Any, rate: float, share: float, w: Any, b: Any, g: Any,
    first: Any, paid: Any, total: Any, indices: Any, indptr: Any, order: Any,
    low: int, high: int, few: bool,
) -> None:  # fmt: skip
    """A step of gd, or of adagrad without penalty: of the columns met if few."""
    k, d = w.shape
    if plan[RULE] == GD:
        shrink(numbers, 1.0 - rate * plan[L2], w, total)
    numbers[STEPS] += 1.0
    numbers[DUE] += rate * plan[L1]
    pace = rate * share / numbers[SCALE] if plan[RULE] == GD else rate
    if few:
        for i in range(low, high):
            r = order[i] if order.size > 0 else i
            for t in range(indptr[r] - indptr[0], indptr[r + 1] - indptr[0]):
                settle(plan, numbers, pace, share, w, g, first, paid, total, indices[t])
    else:
        for j in range(d):
            settle(plan, numbers, pace, share, w, g, first, paid, total, j)
    late = numbers[STEPS] > plan[AVERAGE]
    for c in range(k):
        m = first[c] if first.size > 0 else g[c]
        if plan[BIAS] != 0.0:
            move_row(
                plan, 0.0, 0.0, 0.0, rate, share, b[c : c + 1], g[c, d:], m[d:], m[d:]
            )
        g[c, d] = 0.0
        if late:
            total[c, d] += b[c]
    if late:
        numbers[AVERAGED] += 1.0
        numbers[SCALES] += numbers[SCALE]


@kernel
def batches(
    own: Any, plan: Any, numbers: Any, w: Any, b: Any, first: Any, second: Any,
    paid: Any, total: Any, g: Any, z: Any, s: Any, data: Any, indices: Any,
    indptr: Any, y: Any, importance: Any, order: Any, rates: Any,
) -> tuple[float, float]:  # fmt: skip
    """Any rule but normalized, any batch size, any number of outputs."""
    loss, weights, size, base = 0.0, 0.0, int(plan[BATCH]), indptr[0]
    free = plan[L1] == 0.0 and plan[L2] == 0.0
    lazy = plan[RULE] == GD or (plan[RULE] == ADAGRAD and free)
    n = order.size if order.size > 0 else y.size
    for step in range(rates.size):
        low, high = step * size, min((step + 1) * size, n)
        gathered, met = 0.0, 0
        for i in range(low, high):
            r = visit(data, indices, indptr, y, order, i)
            begin, end = indptr[r] - base, indptr[r + 1] - base
            met += end - begin
            if paid.size > 0:
                for t in range(begin, end):
                    for c in range(w.shape[0]):
                        charge(numbers, w, paid, c, indices[t])
            share = float(importance[r]) if importance.size > 0 else 1.0
            loss += gather(
                own, plan, numbers, w, b, data, indices, begin, end, float(y[r]),
                share, g, z, s,
            )  # fmt: skip
            gathered += share
        weights += gathered
        share = 1.0 / gathered if gathered > 0.0 else 0.0
        if lazy:
            # A mean under L1 needs the weights of columns that were not met, too.
            few = met < w.shape[1] and not (paid.size > 0 and plan[AVERAGE] != NEVER)
            touch(
                plan, numbers, rates[step], share, w, b, g, first, paid, total,
                indices, indptr, order, low, high, few,
            )  # fmt: skip
        else:
            move(plan, numbers, rates[step], share, w, b, g, first, second, paid)
            average(plan, numbers, w, b, total)
    return loss, weights


@kernel
def gradient(
    own: Any, plan: Any, numbers: Any, w: Any, b: Any, g: Any, z: Any, s: Any,
    data: Any, indices: Any, indptr: Any, y: Any, importance: Any,
) -> tuple[float, float]:  # fmt: skip
    """Sums of loss, weights and gradient over all rows, the last added to g."""
    loss, weights, base = 0.0, 0.0, indptr[0]
    for i in range(y.size):
        share = float(importance[i]) if importance.size > 0 else 1.0
        loss += gather(
            own, plan, numbers, w, b, data, indices, indptr[i] - base,
            indptr[i + 1] - base, float(y[i]), share, g, z, s,
        )  # fmt: skip
        weights += share
    return loss, weights


@kernel
def outputs(w: Any, b: Any, data: Any, indices: Any, indptr: Any, out: Any) -> None:
    """The margins of sparse rows."""
    for i in range(indptr.size - 1):
        for c in range(w.shape[0]):
            dot = 0.0
            for t in range(indptr[i] - indptr[0], indptr[i + 1] - indptr[0]):
                dot += float(data[t]) * float(w[c, np.uint32(indices[t])])
            out[i, c] = dot + float(b[c])
