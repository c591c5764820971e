"""Kernels of plain descent on dense rows, a row a step, one output.

A step needs the weights only through its prediction. That of a later row is known from
the products of the rows: (w - c0 x0) . x1 = w . x1 - c0 x0 . x1. So four rows go
together: the sums over columns wait for nothing, and from step to step only numbers
are handed on.
"""

from __future__ import annotations

import math
from typing import Any

from steepest.descent.kernels.compiled import inlined, kernel
from steepest.descent.kernels.dense import visit
from steepest.descent.kernels.losses import log1p_of_share
from steepest.descent.kernels.plan import BIAS, L2
from steepest.descent.kernels.pull import pull

LARGE = 1e200
"""A product of factors beyond it is folded into the sum of losses."""


@kernel
def rows(
    own: Any, plan: Any, w: Any, b: Any, X: Any, y: Any, importance: Any, order: Any,
    rates: Any,
) -> tuple[float, float]:  # fmt: skip
    """Plain descent, one row a step, one output: no gradient is ever stored."""
    bias, l2, loss, weights, product = float(b[0]), plan[L2], 0.0, 0.0, 1.0
    whole = rates.size - rates.size % 4
    for i in range(0, whole, 4):
        value, factor, share, bias = four(
            own, plan, w, bias, X, y, importance, order, rates, i, l2
        )
        loss += value
        weights += share
        product *= factor
        if product > LARGE:
            loss += math.log(product)
            product = 1.0
    for i in range(whole, rates.size):
        r, dot = visit(X, y, order, i), w.dtype.type(0)
        for j in range(X.shape[1]):
            dot += X[r, j] * w[0, j]
        value, e, share, c = pull(
            own, plan, y, importance, r, rates[i], float(dot) + bias
        )
        loss += value + log1p_of_share(e)
        weights += share
        keep, pace = w.dtype.type(1.0 - rates[i] * l2), w.dtype.type(c)
        for j in range(X.shape[1]):
            w[0, j] = keep * w[0, j] - pace * X[r, j]
        bias -= plan[BIAS] * c
    b[0] = bias
    return loss + math.log(product), weights


@inlined
def four(
    own: Any, plan: Any, w: Any, bias: float, X: Any, y: Any, importance: Any,
    order: Any, rates: Any, i: int, l2: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Four steps of one row each, with one reading and one writing of the weights."""
    zero, fit = w.dtype.type(0), plan[BIAS]
    r0, r1 = visit(X, y, order, i), visit(X, y, order, i + 1)
    r2, r3 = visit(X, y, order, i + 2), visit(X, y, order, i + 3)
    d0, d1, d2, d3 = zero, zero, zero, zero
    g01, g02, g03, g12, g13, g23 = zero, zero, zero, zero, zero, zero
    for j in range(X.shape[1]):
        x0, x1, x2, x3, v = X[r0, j], X[r1, j], X[r2, j], X[r3, j], w[0, j]
        d0 += x0 * v
        d1 += x1 * v
        d2 += x2 * v
        d3 += x3 * v
        g01 += x0 * x1
        g02 += x0 * x2
        g03 += x0 * x3
        g12 += x1 * x2
        g13 += x1 * x3
        g23 += x2 * x3
    v0, e0, s0, c0 = pull(own, plan, y, importance, r0, rates[i], d0 + bias)
    bias -= fit * c0
    keep = 1.0 - rates[i] * l2
    v1, e1, s1, c1 = pull(
        own, plan, y, importance, r1, rates[i + 1], keep * d1 - c0 * g01 + bias
    )
    bias -= fit * c1
    k = 1.0 - rates[i + 1] * l2
    keep, c0 = k * keep, k * c0
    p = keep * d2 - (c0 * g02 + c1 * g12) + bias
    v2, e2, s2, c2 = pull(own, plan, y, importance, r2, rates[i + 2], p)
    bias -= fit * c2
    k = 1.0 - rates[i + 2] * l2
    keep, c0, c1 = k * keep, k * c0, k * c1
    p = keep * d3 - ((c0 * g03 + c1 * g13) + c2 * g23) + bias
    v3, e3, s3, c3 = pull(own, plan, y, importance, r3, rates[i + 3], p)
    bias -= fit * c3
    k = 1.0 - rates[i + 3] * l2
    kept, a0, a1 = w.dtype.type(k * keep), w.dtype.type(k * c0), w.dtype.type(k * c1)
    a2, a3 = w.dtype.type(k * c2), w.dtype.type(c3)
    for j in range(X.shape[1]):
        w[0, j] = kept * w[0, j] - (
            (a0 * X[r0, j] + a1 * X[r1, j]) + (a2 * X[r2, j] + a3 * X[r3, j])
        )
    value, factor = (v0 + v1) + (v2 + v3), (1 + e0) * (1 + e1) * (1 + e2) * (1 + e3)
    return value, factor, (s0 + s1) + (s2 + s3), bias
