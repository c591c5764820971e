"""Steps that survive raw columns: whatever their units, and at any learning rate.

Three ideas in one pass over a row. Each column has its own rate, falling with the sum
of its squared gradients (Duchi, Hazan, Singer 2011). Columns are measured by the
largest |x| met so far, and a weight is scaled down when a larger one comes (Ross,
Mineiro, Langford 2013, Normalized online learning, algorithm 2, NAG). And the
prediction of the row moves as it would in infinitely many small steps, in closed form,
so that it never passes its target (Karampatziakis, Langford 2011, Online importance
weight aware updates, table 1). With N_j = max |x_j|, s_j = sum w g^2 x_j^2:

    h = M sum_j x_j^2 / (N_j sqrt(s_j)),  M = sqrt(sum w / sum w sum_j (x_j / N_j)^2)
    weight_j += M u x_j / (N_j sqrt(s_j)),  u = (p(rate * w) - p) / h

with p(t) the solution of p' = -h slope(p), p(0) = p. The bias is a column of ones.
"""

from __future__ import annotations

import math
from typing import Any

from steepest.descent.kernels.compiled import kernel, part
from steepest.descent.kernels.dense import at_row
from steepest.descent.kernels.losses import at
from steepest.descent.kernels.plan import (
    ABSOLUTE,
    BATCH,
    BIAS,
    CROSS_ENTROPY,
    HINGE,
    HUBER,
    LOG,
    LOSS,
    NORMS,
    PARAMETER,
    POISSON,
    QUANTILE,
    SQUARED,
    SQUARED_HINGE,
    STEPS,
    WEIGHTS,
)
from steepest.descent.kernels.steps import average

TOP = 30.0
"""Log mean beyond which poisson goes on as its tangent."""


@part
def rise(m: float, t: float) -> float:
    """How far a margin rises under the log loss in time t > 0.

    d + exp(m) (exp(d) - 1) = t, by Newton from above, where it cannot overshoot.
    """
    small = math.exp(-abs(m))
    a, b = (small, 1.0) if m > 0.0 else (1.0, small)
    d = min(t, math.log1p(t * math.exp(min(-m, 700.0))))
    for _ in range(50):
        up = math.expm1(d)
        step = (a * (d - t) + b * up) / (a + b * (up + 1.0))
        d -= step
        if not step > 1e-14 * d:
            break
    return d


@part
def fall(p: float, y: float, t: float) -> float:
    """Where a log mean goes under the Poisson loss in time t."""
    if p > TOP:
        slope = math.exp(TOP) - y
        until = (p - TOP) / slope if slope > 0.0 else math.inf
        if t <= until:
            return p - t * slope
        p, t = TOP, t - until
    far = -math.expm1(-t * y) / y if y > 0.0 else t
    return p - math.log(math.exp(-t * y) + math.exp(p) * far)


@part
def towards(r: float, by: float) -> float:
    """Return r moved towards 0 by at most `by`."""
    return r - min(max(r, -by), by)


@part
def implicit(own: Any, code: int, number: float, p: float, y: float, t: float) -> float:
    """Return p + d, d = -t slope(p + d), by halving; the plain step if none is nearer.

    For losses without a closed form (Kulis and Bartlett 2010).
    """
    far = -t * at(own, code, number, p, y)[1]
    if not abs(far) < math.inf:
        return p + far
    near = 0.0
    for _ in range(60):
        half = 0.5 * (near + far)
        # Still short of the root when the step from there would go on.
        if (half + t * at(own, code, number, p + half, y)[1]) * far < 0.0:
            near = half
        else:
            far = half
    return p + far


@part
def moved(own: Any, code: int, number: float, p: float, y: float, t: float) -> float:
    """The prediction after time t of p' = -slope(p).

    Args:
        own: the user's loss, or None.
        code: of the loss.
        number: its parameter.
        p: the prediction before.
        y: the target.
        t: learning rate * importance * h.
    """
    if own is not None:
        return implicit(own, code, number, p, y, t)
    if code in (LOG, CROSS_ENTROPY):
        return p + rise(p, t) if y > 0.0 else p - rise(-p, t)
    if code in (HINGE, SQUARED_HINGE):
        sign = 1.0 if y > 0.0 else -1.0
        short = max(0.0, 1.0 - sign * p)
        if code == HINGE:
            return p + sign * min(short, t)
        return p - sign * short * math.expm1(-2.0 * t)
    r = p - y
    if code == SQUARED:
        return p + r * math.expm1(-2.0 * t)
    if code == ABSOLUTE:
        return y + towards(r, t)
    if code == QUANTILE:
        return y + towards(r, t * ((1.0 - number) if r > 0.0 else number))
    if code == HUBER:
        until = max(abs(r) - number, 0.0) / number
        r = towards(r, min(t, until) * number)
        return y + r * math.exp(-max(t - until, 0.0))
    if code == POISSON:
        return fall(p, y, t)
    return implicit(own, code, number, p, y, t)


@part
def measure(
    plan: Any, w: Any, largest: Any, numbers: Any, share: float, data: Any,
    indices: Any, low: int, high: int, z: Any,
) -> None:  # fmt: skip
    """Note the sizes of a row's columns, and put its outputs (no bias) into z."""
    norm = plan[BIAS]
    for c in range(w.shape[0]):
        z[c] = 0.0
    for t in range(low, high):
        x = float(data[t])
        if x == 0.0:
            continue
        j = indices[t] if indices.size > 0 else t - low
        size = abs(x)
        if not size <= largest[j]:
            for c in range(w.shape[0]):
                w[c, j] *= w.dtype.type(largest[j] / size)
            largest[j] = size
        norm += (x / largest[j]) ** 2
        for c in range(w.shape[0]):
            z[c] += x * w[c, j]
    numbers[WEIGHTS] += share
    numbers[NORMS] += share * norm


@part
def update(
    own: Any, plan: Any, rate: float, share: float, M: float, w: Any, b: Any,
    first: Any, largest: Any, data: Any, indices: Any, low: int, high: int, y: float,
    p: float, slope: float, c: int,
) -> None:  # fmt: skip
    """Move the weights of one output; `slope` is that of the loss at p."""
    d, square = w.shape[1], share * slope * slope
    h = 0.0
    if plan[BIAS] != 0.0:
        first[c, d] += square
        h += 1.0 / math.sqrt(first[c, d])
    for t in range(low, high):
        x = float(data[t])
        if x != 0.0:
            j = indices[t] if indices.size > 0 else t - low
            first[c, j] += square * x * x
            if first[c, j] > 0.0:
                h += x * x / (math.sqrt(first[c, j]) * largest[j])
    h *= M
    if not h > 0.0:
        return
    number = plan[PARAMETER]
    there = moved(own, plan[LOSS], number, p, y, rate * share * h)
    u = M * (there - p) / h
    if plan[BIAS] != 0.0:
        b[c] += u / math.sqrt(first[c, d])
    for t in range(low, high):
        x = float(data[t])
        if x != 0.0:
            j = indices[t] if indices.size > 0 else t - low
            if first[c, j] > 0.0:
                w[c, j] += u * x / (math.sqrt(first[c, j]) * largest[j])


@kernel
def rows(
    own: Any, plan: Any, numbers: Any, w: Any, b: Any, first: Any, largest: Any,
    total: Any, z: Any, s: Any, data: Any, indices: Any, indptr: Any, y: Any,
    importance: Any, order: Any, rates: Any,
) -> tuple[float, float]:  # fmt: skip
    """One update a row; dense rows have no indices and no indptr."""
    k, d = w.shape
    loss, weights, size = 0.0, 0.0, int(plan[BATCH])
    n = order.size if order.size > 0 else y.size
    for i in range(min(n, rates.size * size)):
        r = order[i] if order.size > 0 else i
        share = float(importance[r]) if importance.size > 0 else 1.0
        if share > 0.0:
            low = indptr[r] - indptr[0] if indptr.size > 0 else r * d
            high = indptr[r + 1] - indptr[0] if indptr.size > 0 else r * d + d
            measure(plan, w, largest, numbers, share, data, indices, low, high, z[0])
            for c in range(k):
                z[0, c] += b[c]
            loss += share * at_row(own, plan, z[0], float(y[r]), 1.0, s[0])
            weights += share
            M = math.sqrt(numbers[WEIGHTS] / numbers[NORMS])
            for c in range(k):
                if s[0, c] != 0.0:
                    p, target = z[0, c], float(y[r])
                    if k > 1:
                        # Each class by itself, the others held: a log loss of odds.
                        target = 1.0 if int(y[r]) == c else 0.0
                        p = odds(z[0], c)
                    update(
                        own, plan, rates[i // size], share, M, w, b, first, largest,
                        data, indices, low, high, target, p, s[0, c], c,
                    )  # fmt: skip
        numbers[STEPS] += 1.0
        average(plan, numbers, w, b, total)
    return loss, weights


@part
def odds(z: Any, c: int) -> float:
    """z[c] - log of the sum of the other exp(z)."""
    top = -math.inf
    for other in range(z.size):
        if other != c and not z[other] <= top:
            top = z[other]
    total = 0.0
    for other in range(z.size):
        if other != c:
            total += math.exp(z[other] - top)
    return z[c] - top - math.log(total)
