"""How the loss of a fit went down: where it stood, and where it was heading."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.records.trace import Trace

Array = np.ndarray
FIRST = 10
"""Rows whose mean is the loss before training, without validation rows."""
SPAN = 0.2
"""A run's last part, and the two before it, are so long: they tell how it slows."""
SLOWEST = 0.9
"""A part that gained nearly as much as the one before tells of no end in sight: then no
more is promised than nine times as much again."""


class Fall(NamedTuple):
    """The loss of a fit, seen from its end."""

    start: float
    """before training"""
    top: float
    """that, or the loss of the best constant prediction where it is lower"""
    now: float
    """over the last part"""
    best: float
    """the lowest of the parts"""
    gained: float
    """over the last part, against the part before it"""
    before: float
    """over that part, against the one before it; what is below `top` counts"""
    error: float
    """of `gained`: the standard error of means over batches"""
    steps: float
    """updates that a part holds"""
    validated: bool
    """whether it is the loss on validation rows"""

    @property
    def ratio(self) -> float:
        """What each part gains, as a share of the part before."""
        if not self.before > 0:
            return SLOWEST
        return float(np.clip(self.gained / self.before, 0.0, SLOWEST))

    @property
    def recent(self) -> float:
        """What the last part gained, as a share of all that was gained."""
        return self.gained / (self.top - self.now) if self.now < self.top else 1.0

    @property
    def left(self) -> float:
        """What all further parts would gain, were each slower by the same share."""
        return max(self.gained, 0.0) * self.ratio / (1 - self.ratio)

    @property
    def share_left(self) -> float:
        """`left` as a share of all that could be gained from the start."""
        if self.now >= self.top:
            return 1.0
        return self.left / (self.top - self.now + self.left)

    def steps_to(self, share: float) -> float:
        """Further updates until so much of `left` is still left.

        Args:
            share: in (0, 1).
        """
        return self.steps * float(np.log(share) / np.log(max(self.ratio, 1e-3)))


def falls_of(trace: Trace, constant: float | None) -> tuple[Fall, ...]:
    """The loss on validation rows, where there are enough entries, and in training.

    Args:
        trace: of a fit to a table.
        constant: the loss of the best constant prediction, None where it is unknown.
    """
    curve, found = trace.validation, []
    loss, step = np.asarray(curve.loss, float), np.asarray(curve.step, float)
    seen = np.isfinite(loss)
    if seen.sum() >= 3:
        found.append(_fall(step[seen], loss[seen], constant, validated=True))
    value = np.asarray(trace.value, float)[:-1]
    step = np.asarray(trace.step, float)[:-1]
    seen = np.isfinite(value)
    if seen.sum() >= 3:
        found.append(_fall(step[seen], value[seen], constant, validated=False))
    return tuple(found)


def _fall(step: Array, loss: Array, constant: float | None, *, validated: bool) -> Fall:
    """Means over the last three parts; of few entries, the values between them.

    What a constant is as good as counts as no gain: a network begins far worse.
    """
    end, first = float(step[-1]), float(step[0])
    long = SPAN * (end - first)
    edges = [end - long, end - 2 * long, end - 3 * long]
    parts = []
    for low, high in zip(edges, [end, *edges], strict=False):
        inside = loss[(step > low) & (step <= high)]
        parts.append(inside)
    start = float(loss[0]) if validated else float(loss[:FIRST].mean())
    top = start if constant is None else min(start, constant)
    if min(map(len, parts)) < 2:  # entries are few: they are joined by lines
        long = (end - first) / 2 if len(loss) < 6 else long
        at = np.interp([end, end - long, end - 2 * long], step, loss)
        now, middle, early = map(float, at)
        error = 0.0 if validated else float(np.abs(np.diff(loss)).mean())
        best = float(loss.min())
    else:
        now, middle, early = (float(part.mean()) for part in parts)
        errors = [part.std(ddof=1) / np.sqrt(len(part)) for part in parts[:2]]
        error = float(np.hypot(*errors))
        best = min(now, middle, early)
    before = min(early, top) - min(middle, top)
    return Fall(start, top, now, best, middle - now, before, error, long, validated)
