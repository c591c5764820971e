"""Losses inside kernels: value and slope of one row, chosen by a number.

The formulas are those of steepest.problems.losses; tests hold the two together. The
switch costs nothing that can be measured, and unlike a kernel for each loss it is found
on disk by the next process.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.descent.kernels.compiled import inlined, part
from steepest.descent.kernels.plan import (
    ABSOLUTE,
    CROSS_ENTROPY,
    HINGE,
    HUBER,
    LOG,
    QUANTILE,
    SQUARED,
    SQUARED_HINGE,
)

LOG_MEAN_MAX = 30.0
"""As in steepest.problems.losses.regression: beyond it exp goes on as its tangent."""


@part
def regression(code: int, number: float, p: float, y: float) -> tuple[float, float]:
    """(value, slope) of a loss whose target is a number."""
    r = p - y
    if code == SQUARED:
        return r * r, 2.0 * r
    if code == ABSOLUTE:
        return abs(r), float(np.sign(r))
    if code == HUBER:
        near = min(abs(r), number)
        return near * (abs(r) - 0.5 * near), min(max(r, -number), number)
    if code == QUANTILE:
        if r == 0.0:
            return 0.0, 0.5 - number
        return max(-number * r, (1.0 - number) * r), (r > 0.0) - number
    excess = max(p - LOG_MEAN_MAX, 0.0)
    mean = math.exp(p - excess)
    most = y * math.log(y) if y > 0.0 else 0.0
    return mean * (1.0 + excess) - y - y * p + most, mean - y


@inlined
def log1p_of_share(e: float) -> float:
    """log(1 + e) for e in [0, 1] to the last bit but one, without a call.

    2 (t + t^3 / 3 + t^5 / 5 + ...), t = e / (2 + e) (Gregory 1668).
    """
    t = e / (2.0 + e)
    z = t * t
    z2 = z * z
    z4 = z2 * z2
    # Parted by powers of two: short chains keep several units of a core at work.
    a = (1.0 + z * (1 / 3)) + z2 * (1 / 5 + z * (1 / 7))
    b = (1 / 9 + z * (1 / 11)) + z2 * (1 / 13 + z * (1 / 15))
    c = (1 / 17 + z * (1 / 19)) + z2 * (1 / 21 + z * (1 / 23))
    d = (1 / 25 + z * (1 / 27)) + z2 * (1 / 29 + z * (1 / 31))
    return 2.0 * t * ((a + z4 * b) + z4 * z4 * (c + z4 * d))


@inlined
def log_loss(m: float) -> tuple[float, float, float]:
    """(v, e, slope) of the log loss log(1 + exp(-m)) = v + log(1 + e), 0 <= e <= 1.

    No branch: one that depends on the class is guessed wrong every other row.
    """
    odds = math.exp(m)
    e = min(odds, 1.0 / odds)
    return max(-m, 0.0), e, -1.0 / (1.0 + odds)


@part
def by_margin(code: int, number: float, m: float) -> tuple[float, float]:
    """(value, slope) of a loss of classes at a margin, or at log odds."""
    if code in (LOG, CROSS_ENTROPY):
        value, e, slope = log_loss(m)
        return value + log1p_of_share(e), slope
    if code == HINGE:
        slope = -0.5 if m == 1.0 else -1.0 * (m < 1.0)
        return max(0.0, 1.0 - m), slope + 0.0 * m  # a nan stays one
    if code == SQUARED_HINGE:
        short = max(0.0, 1.0 - m)
        return short * short, -2.0 * short
    e = math.exp(-abs(m))
    rest = log1p_of_share(e)
    right = (1.0 if m >= 0.0 else e) / (1.0 + e)
    wrong = (e if m >= 0.0 else 1.0) / (1.0 + e)
    surprise = max(-m, 0.0) + rest
    factor = math.exp(-number * (max(m, 0.0) + rest))
    return factor * surprise, -factor * (number * right * surprise + wrong)


@part
def at(own: Any, code: int, number: float, p: float, y: float) -> tuple[float, float]:
    """(value, slope) of one row, for one output.

    Args:
        own: None, or a jitted (p, y) -> (value, slope) that is used instead.
        code: of the loss.
        number: its parameter.
        p: the raw prediction.
        y: the target.
    """
    if own is not None:
        return own(p, y)
    if code >= LOG:
        sign = 2.0 * (y > 0.0) - 1.0
        value, slope = by_margin(code, number, sign * p)
        return value, sign * slope
    return regression(code, number, p, y)


@part
def at_classes(code: int, number: float, z: Any, y: int, slope: Any) -> float:
    """The value of one row of k > 1 outputs; its slopes are written to `slope`.

    f(odds), odds = z[y] - log(sum of the other exp(z)): the log loss or focal loss.
    """
    top = -math.inf
    for c in range(z.size):
        if c != y and not z[c] <= top:
            top = z[c]
    others = 0.0
    for c in range(z.size):
        if c != y:
            slope[c] = math.exp(z[c] - top)
            others += slope[c]
    value, s = by_margin(code, number, z[y] - top - math.log(others))
    for c in range(z.size):
        slope[c] *= -s / others
    slope[y] = s
    return value
