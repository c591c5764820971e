"""The tail of a trace: how fast it converges, what is left, how many steps more."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from steepest.records.trace import Trace

LEAST = 6
"""Rows that a tail has at least."""
SHARE = 0.5
"""It begins at this share of the steps."""
STEADY = 0.15
"""The fit may miss the logarithm by this share of its fall over the tail, or by a
tenth of a power of e: else what comes next is anyone's guess."""
AHEAD = 3.0
"""A slow power law is not believed to bring more than so much of what it brought."""
WITHIN, ACROSS = 3.0, 0.25
"""A minimum that steps swing about is within so many of them, and half of one away."""
MOST_STEPS = 1e9
"""A forecast beyond it is none."""


class Tail(NamedTuple):
    """How the gradient norm falls over the last half of the steps."""

    law: Literal["linear", "power", "none"] = "none"
    """linear: by a factor a step, as q^t; power: as t^-p; none: neither, or not."""
    number: float = math.nan
    """q or p."""
    fall: float = math.nan
    """The gradient norm at the end, as a share of that where the tail begins."""
    left: float = math.nan
    """How much better the value would still become, by the same law; >= 0. Without a
    law an estimate from how the values of the tail fall or swing."""
    steps: int = 0
    """The steps that the tail is long."""

    def steps_to(self, trace: Trace, grad_norm: float) -> float:
        """How many steps in all until the gradient norm is down to some number.

        |g_t| = |g_T| q^(t - T)   or   |g_T| (t / T)^-p

        Args:
            trace: whose tail it is.
            grad_norm: what is to be reached, > 0.

        Returns:
            Steps from the start of the run; nan where no law is known.

        >>> from steepest.records import Row
        >>> rows = Row(*(np.ones(2) for _ in Row._fields))
        >>> rows = rows._replace(step=np.array([0, 100]))
        >>> Tail("linear", 0.1).steps_to(Trace(rows), 1e-6)
        106.0
        """
        last, now = float(trace.step[-1]), float(trace.grad_norm[-1])
        if self.law == "none" or not grad_norm > 0 or not now > 0:
            return math.nan
        ahead = max(0.0, math.log(now / grad_norm))
        if self.law == "linear":
            return last + math.ceil(ahead / -math.log(self.number))
        grown = ahead / self.number
        steps = last * math.exp(min(grown, 50.0))
        return steps if steps < MOST_STEPS else math.inf


def tail_of(trace: Trace) -> Tail:
    """The law that the end of a run follows, if it follows one.

    Lines are fitted to log |g| over steps and over log steps; the better one counts
    where it falls and misses little.

    Args:
        trace: rows of a descent, the last at the returned point.

    >>> from steepest.records import Row
    >>> steps = np.arange(50.0)
    >>> rows = Row(*(np.zeros(50) for _ in Row._fields))
    >>> rows = rows._replace(step=steps, value=0.81**steps, grad_norm=0.9**steps)
    >>> tail = tail_of(Trace(rows))
    >>> tail.law, round(tail.number, 6), round(tail.left / 0.81**49, 2)
    ('linear', 0.9, 1.0)
    """
    step, norm, value = _last_half(trace)
    if len(step) < LEAST:
        return Tail()
    log, fall = np.log(norm), float(norm[-1] / norm[0])
    span = int(step[-1] - step[0])
    with np.errstate(all="ignore"):
        left = _left_without_law(trace, step, value, float(norm[-1]))
    none = Tail(fall=fall, left=left, steps=span)
    if not fall < 1:
        return none
    found = []
    for law, axis in (("linear", step), ("power", np.log(step + 1.0))):
        from_mean, aside = axis - axis.mean(), log - log.mean()
        slope = (from_mean @ aside) / (from_mean @ from_mean)
        miss = float(np.sqrt(np.mean((aside - slope * from_mean) ** 2)))
        drop = -float(slope) * float(axis[-1] - axis[0])
        found.append((miss, drop, law, float(slope)))
    miss, drop, law, slope = min(found)
    if not (slope < 0 and drop > 0 and miss <= max(STEADY * drop, 0.1 * (drop > 0.1))):
        return none
    if law == "linear":
        number, share = math.exp(slope), math.exp(2 * slope * span)
        if number >= 1:
            return none
        # values of a linear law fall by its square: v - v* shrinks by `share`
        left = abs(value[0] - value[-1]) * share / max(1 - share, 1e-12)
        return Tail("linear", number, fall, float(left), span)
    power = -slope
    return Tail("power", power, fall, _left_by_power(step, value, power), span)


def _left_by_power(step: np.ndarray, value: np.ndarray, power: float) -> float:
    """What is left where |g| ~ t^-p: then the value goes as t^(1 - 2p)."""
    decay, gained = 2 * power - 1, float(abs(value[0] - value[-1]))
    if decay <= 0:
        return AHEAD * gained
    share = ((step[-1] + 1) / (step[0] + 1)) ** -decay
    return gained * min(AHEAD, share / max(1 - share, 1e-12))


def _left_without_law(
    trace: Trace, step: np.ndarray, value: np.ndarray, slope: float
) -> float:
    """What may be left where values swing, or fall by no law.

    By Aitken's rule where they fall ever less. Else what the last half of them span;
    where gradients turn back no more than the slope at the end promises within three
    steps, for the minimum lies between them, and at least what it promises within a
    quarter of one.
    """
    quarters = np.interp(step[0] + np.array([0, 0.5, 1]) * np.ptp(step), step, value)
    first, second = quarters[0] - quarters[1], quarters[1] - quarters[2]
    if abs(first) > abs(second) and first * second > 0 and _falls(value):
        return float(second**2 / (first - second) * np.sign(first))
    late = np.asarray(trace.step) >= step[0]
    promised = slope * _typical(trace.update_norm[late])
    last = value[step >= step[0] + 0.5 * np.ptp(step)]
    left = float(np.ptp(last))
    if not _typical(trace.cosine[late]) < 0 or math.isnan(promised):
        return left
    return max(min(left, WITHIN * promised), ACROSS * promised)


def _typical(numbers: np.ndarray) -> float:
    """The median of those that are numbers, nan where there are none."""
    found = numbers[np.isfinite(numbers)]
    return float(np.median(found)) if len(found) else math.nan


def _falls(value: np.ndarray) -> bool:
    """Whether values go one way nearly always."""
    steps = np.diff(value)
    gross = float(np.abs(steps).sum())
    return abs(float(value[-1] - value[0])) > 0.9 * gross


def _last_half(trace: Trace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(steps, norms, values) of the last half of the steps, where they are numbers."""
    step = np.asarray(trace.step, float)
    norm, value = np.asarray(trace.grad_norm, float), np.asarray(trace.value, float)
    if not len(step):
        return step, norm, value
    first = step[0] + SHARE * (step[-1] - step[0])
    good = (step >= first) & np.isfinite(norm) & (norm > 0) & np.isfinite(value)
    return step[good], norm[good], value[good]
