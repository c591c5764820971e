"""Curvature from the trace alone: what the norms and turns of the gradients betray.

Steps x' = x - r g on a quadratic with Hessian H make g' = (I - r H) g. So the numbers
g_s . g_t = sum_i c_i^2 (1 - r l_i)^(s + t) are moments of the eigenvalues l_i, weighted
by how much of the gradient lies along each: a few of them give the ends.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from steepest.records.trace import Trace

NODES = 6
"""Nodes of the quadrature: it reads one row more."""
ROUNDING = 1e-15
"""Relative error of a recorded norm or cosine."""
CLEAR = 0.05
"""A coefficient counts while rounding moves it by less than this share."""
PLAIN = 1e-6
"""Steps this close to rate * |gradient| are those of plain descent."""
SQUARE = 1e-3
"""A quadratic loses exactly the mean of the slopes at both ends of a step."""
LAST = 10
"""Rows that tell of the end."""
MANY = 4000
"""Steps one by one that are looked at: the first half of them, and the last."""


class Spectrum(NamedTuple):
    """What a trace tells of the curvature along its path; nan where it is silent."""

    largest: float = math.nan
    """The largest curvature met, as far as gradients show it: a lower bound."""
    at: int = 0
    """The step before which it was met."""
    rate: float = math.nan
    """The rate, where all steps were those of plain descent with one rate."""
    quadratic: bool = False
    """Whether values and gradients are those of a quadratic function."""
    smallest: float = math.nan
    """The curvature along the last steps of plain descent, where that is positive: of
    a quadratic that has come far, the least curvature that the start has a part in."""


NOTHING = Spectrum()
CLEAR_CHANGE = 1e3 * ROUNDING
"""A change of the gradient norm by this share of it is no rounding."""


def spectrum_of(trace: Trace) -> Spectrum:
    """The curvature that a trace shows.

    Of a quadratic under plain descent the largest node of the Gauss quadrature whose
    moments are the products of its first gradients. Else the greatest of

        |g' - g| / |x' - x|     and, under plain descent,     2 (1 - rho) / rate

    with rho the step quality: both are quotients of the Hessian along a step, and never
    exceed the largest curvature there.

    Args:
        trace: rows of a descent whose every step sees the same function; of steps on
            batches nothing is known.

    Source: Golub and Meurant (2010), Matrices, Moments and Quadrature, chapters 5, 6.

    >>> from steepest.records import Row, row
    >>> zeros = (np.zeros(4, row.dtype_of(name)) for name in Row._fields)
    >>> steps = np.arange(4)
    >>> rows = Row(*zeros)._replace(step=steps, learning_rate=np.full(4, 0.25))
    >>> norms = 2 * 0.5**steps  # x**2 from 1
    >>> rows = rows._replace(grad_norm=norms, update_norm=norms / 4)
    >>> rows = rows._replace(cosine=np.r_[np.nan, 1, 1, 1])
    >>> rows = rows._replace(step_quality=np.full(4, 0.75))
    >>> round(spectrum_of(Trace(rows)).largest, 6)
    2.0
    """
    rows = _Rows.of(trace)
    if rows is None:
        return NOTHING
    bounds = np.fmax(rows.turns(), rows.bends())
    if not np.isfinite(bounds).any():
        return _over_all(trace, rows)
    top = int(np.nanargmax(bounds))
    largest, at = float(bounds[top]), int(rows.step[top])
    rate = rows.plain_rate()
    quadratic = bool(np.isfinite(rate)) and rows.is_quadratic()
    if quadratic and rows.step[0] == trace.step[0]:
        first = _largest_node(*rows.moments()) / rate
        if first > largest:
            largest, at = first, int(rows.step[0])
    smallest = _along_the_end(trace, rows, rate) if np.isfinite(rate) else math.nan
    return Spectrum(largest, at, rate, quadratic, smallest)


def _over_all(trace: Trace, rows: _Rows) -> Spectrum:
    """Where each step alone is rounded away: the change over all of plain descent."""
    rate = rows.plain_rate()
    norm = np.asarray(trace.grad_norm, float)
    length = np.diff(trace.step) * np.asarray(trace.update_norm, float)[:-1]
    change = abs(norm[0] - norm[-1])
    if not np.isfinite(rate) or not change > CLEAR_CHANGE * norm[0]:
        return NOTHING
    with np.errstate(all="ignore"):
        found = change / length.sum()
    return Spectrum(float(found), int(trace.step[0]), rate) if found > 0 else NOTHING


def _along_the_end(trace: Trace, rows: _Rows, rate: float) -> float:
    """The curvature along the last steps of plain descent, nan where it is unknown.

    2 (1 - rho) / rate holds for rows that are many steps apart, too; where the value
    rounds it away, the turn of the last gradients that follow each other must do.
    """
    quality = np.asarray(trace.step_quality, float)[-LAST:]
    value, norm = trace.value[-LAST:], np.asarray(trace.grad_norm, float)[-LAST:]
    with np.errstate(all="ignore"):
        found = 2 * (1 - quality) / rate
        clear = 16 * ROUNDING * np.abs(value) / (rate * norm**2) <= CLEAR * np.abs(
            1 - quality
        )
    found = found[clear & np.isfinite(found) & (found > 0)]
    if len(found):
        return float(found[-1])
    ends = rows.step[-1] + 1 >= trace.step[-1] - LAST
    turns = rows.turns()[-LAST:]
    turns = turns[np.isfinite(turns)]
    return float(turns[-1]) if ends and len(turns) else math.nan


class _Rows(NamedTuple):
    """Steps one by one: each array has an entry a step, from a row to the next."""

    step: np.ndarray
    grad: np.ndarray
    """|g| where the step begins."""
    turned: np.ndarray
    """|g'| where it ends."""
    cosine: np.ndarray
    length: np.ndarray
    rate: np.ndarray
    quality: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, trace: Trace) -> _Rows | None:
        """Those of a trace, None where it has none."""
        before, after = slice(None, -1), slice(1, None)
        step = np.asarray(trace.step)
        with np.errstate(all="ignore"):
            cosine = np.asarray(trace.cosine, float)[after]
            norm = np.asarray(trace.grad_norm, float)
            length = np.asarray(trace.update_norm, float)[before]
            good = (np.diff(step) == 1) & np.isfinite(cosine) & (length > 0)
            good &= np.isfinite(norm[before]) & np.isfinite(norm[after])
            good &= np.isfinite(length) & (norm[before] > 0)
        index = np.flatnonzero(good)
        if not len(index):
            return None
        if len(index) > MANY:
            index = np.r_[index[: MANY // 2], index[-MANY // 2 :]]
        return cls(
            step[index],
            norm[index],
            norm[index + 1],
            cosine[index],
            length[index],
            np.asarray(trace.learning_rate, float)[index],
            np.asarray(trace.step_quality, float)[index + 1],
            np.asarray(trace.value, float)[index],
        )

    def turns(self) -> np.ndarray:
        """(n,) |g' - g| / |x' - x|, nan where rounding hides it."""
        with np.errstate(all="ignore"):
            ratio = self.turned / self.grad
            # 1 - cosine is exact where the product of the norms would round
            apart = (ratio - 1) ** 2 + 2 * ratio * (1 - self.cosine)
            hidden = 16 * ROUNDING * (1 + ratio) ** 2
            apart = np.where(apart > hidden, np.sqrt(apart), np.nan)
            found = apart * (self.grad / self.length)
        return np.where(np.isfinite(found), found, np.nan)

    def bends(self) -> np.ndarray:
        """(n,) 2 (1 - rho) / rate, nan where the step is not along the gradient."""
        with np.errstate(all="ignore"):
            along = np.abs(self.rate * self.grad - self.length) <= PLAIN * self.length
            found = 2 * (1 - self.quality) / self.rate
            # what rounding of the value makes of it
            error = 16 * ROUNDING * np.abs(self.value) / (self.rate * self.grad**2)
            clear = error <= SQUARE * np.abs(1 - self.quality)
        return np.where(along & clear & np.isfinite(found), found, np.nan)

    def plain_rate(self) -> float:
        """The one rate of plain descent, else nan."""
        rate = self.rate[0]
        if not (np.isfinite(rate) and rate > 0):
            return math.nan
        with np.errstate(all="ignore"):
            same = np.abs(self.rate - rate) <= PLAIN * rate
            plain = np.abs(rate * self.grad - self.length) <= PLAIN * self.length
        return float(rate) if (same & plain).all() else math.nan

    def is_quadratic(self) -> bool:
        """Whether the value falls by the mean of the slopes at both ends of a step."""
        with np.errstate(all="ignore"):
            mean = (1 + self.cosine * self.turned / self.grad) / 2
            off = np.abs(self.quality - mean)
            blur = 16 * ROUNDING * np.abs(self.value) / (self.rate * self.grad**2)
            known = np.isfinite(off) & (blur <= SQUARE * (1 - mean))
            agrees = off <= SQUARE * np.abs(1 - mean) + blur
        if not known.any():
            return True  # no value contradicts it
        return bool(agrees[known].mean() >= 0.9)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """(moments of 1 - rate * curvature from the first rows, their errors)."""
        n = 1
        while n < min(NODES + 1, len(self.step)) and (
            self.step[n] == self.step[n - 1] + 1
        ):
            n += 1
        found = [1.0]
        for k in range(n):
            ratio = self.turned[k] / self.grad[k]
            even = (self.grad[k] / self.grad[0]) ** 2
            found += [even * ratio * self.cosine[k], even * ratio**2]
        moments = np.array(found)
        sizes = np.array([abs(m) for m in found])
        sizes[1:-1] = np.sqrt(sizes[:-2] * sizes[2:])  # of the cosine's error
        return moments, 4 * ROUNDING * np.fmax(sizes, np.abs(moments))


def _largest_node(moments: np.ndarray, errors: np.ndarray) -> float:
    """The largest node in y = 1 - z of the quadrature with these moments in z.

    As many nodes are made as rounding leaves clear.
    """
    count = len(moments)
    shift = np.array(
        [
            [math.comb(j, k) * (-1) ** k if k <= j else 0 for k in range(count)]
            for j in range(count)
        ],
        float,
    )
    in_y, blur = shift @ moments, np.abs(shift) @ errors
    if count < 3 or not in_y[2] > blur[2]:
        return math.nan
    unit = math.sqrt(in_y[2])
    scale = unit ** -np.arange(count, dtype=float)
    return unit * _last_ritz(in_y * scale, blur * scale)


def _last_ritz(moments: np.ndarray, errors: np.ndarray) -> float:
    """The largest eigenvalue of the Jacobi matrix that belongs to moments."""
    size = len(moments) // 2
    index = np.add.outer(np.arange(size), np.arange(size))
    weight, shifted = moments[index], moments[index + 1]
    blur, blur_shifted = errors[index], errors[index + 1]
    middle, beside, norms = [], [], []
    for k in range(1, size + 1):
        # the polynomial of degree k - 1 that is orthogonal to all lower ones
        poly = np.ones(k)
        if k > 1:
            poly[:-1] = -np.linalg.lstsq(
                weight[: k - 1, : k - 1], weight[: k - 1, k - 1], rcond=None
            )[0]
        norm, moved = poly @ weight[:k, :k] @ poly, poly @ shifted[:k, :k] @ poly
        poly = np.abs(poly)
        off = poly @ blur[:k, :k] @ poly, poly @ blur_shifted[:k, :k] @ poly
        if not (norm > 0 and max(off) <= CLEAR * norm):
            break
        if norms:
            beside.append(math.sqrt(norm / norms[-1]))
        norms.append(norm)
        middle.append(moved / norm)
    if not middle:
        return math.nan
    jacobi = np.diag(middle) + np.diag(beside, 1) + np.diag(beside, -1)
    return float(np.linalg.eigvalsh(jacobi)[-1])
