"""What a fit to a table lacks: harm as a share of what epochs could have brought."""

from __future__ import annotations

import math

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.epochs import Fall

HARMED = 0.05
"""A fit that made all but this share of the way is as good as one could ask for."""
GAINING, BOTH = 0.06, 0.02
"""Of what a fit gained, the last part must have brought the first of these shares on
the rows it is judged by, and the second in training, to say that much is to come."""
WORSE = 1.5
"""A start so many times above the best constant is no chance of the first batches."""
NEAR = 0.03
"""A metric that lacks less than this share of what it can gain lacks nothing."""
SIGNAL = 0.02
"""Columns that tell less than this share of the target have nothing to lack."""
CLOSE = 0.02
"""What further epochs may leave of that which is still to gain."""
SURE = 2.0
"""A fall this many standard errors long is one."""


def lack_of(case: Case) -> float:
    """The share of the way to the least loss that a fit did not go; nan if unknown.

    By the least loss that the same rows allow a linear model; else by where the loss
    was heading, on validation rows and in training, if it was still far from level.

    Args:
        case: of a fit.

    >>> from steepest.records import Trace
    >>> from steepest.records.row import empty
    >>> lack_of(Case(Trace(empty())))
    nan
    """
    if case.reach is not None:
        if case.reach.start - case.reach.least < SIGNAL * abs(case.reach.start):
            return 0.0
        return case.reach.share
    fall = fall_of(case)
    if fall is None:
        return math.nan
    seen = case.falls_seen
    clear = [one for one in seen if one.error <= one.gained]
    slowest = min(one.recent for one in (fall, *clear))
    least = min(
        one.share_left for one in (fall, *seen) if one is fall or one.top > one.now
    )
    if fall.recent < GAINING or slowest < BOTH or is_near(case):
        return min(fall.share_left, slowest, HARMED)
    # both must tell of it: few rows judge by chance, and steps on batches hover
    return fall.share_left if least > HARMED else min(fall.share_left, HARMED)


def is_near(case: Case) -> bool:
    """Whether a metric, of which 1 is the most, is near that.

    Args:
        case: of a fit.
    """
    if case.metric is None or not np.isfinite(case.metric).all():
        return False
    ours, baseline = case.metric
    return baseline < 1 and 1 - ours < NEAR * (1 - baseline)


def fall_of(case: Case) -> Fall | None:
    """The fall that says what is still to gain; None where the loss does not fall.

    That on validation rows where they are known, while the one in training does not
    rise.

    Args:
        case: of a fit.
    """
    found = case.falls_seen
    if not found or not is_falling(found[0]):
        return None
    rises = any(one.gained < -SURE * one.error for one in found)
    return None if rises else found[0]


def is_falling(fall: Fall) -> bool:
    """Whether the loss fell over the last part of a run.

    Args:
        fall: of it.
    """
    least = max(SURE * fall.error, 1e-12 * abs(fall.start))
    return fall.gained > least and fall.now < fall.start


def times_of(case: Case) -> float:
    """How many times the steps that were made it takes; inf where none would do.

    A share s that is left after T steps is s^k after k T, if each part gains the same
    share of what is left.

    Args:
        case: of a fit that is known to lack something.
    """
    fall, lack = fall_of(case), lack_of(case)
    if case.reach is not None and lack > 0:
        start = case.reach.start
        worse = [one.start for one in case.falls_seen if one.start > WORSE * start]
        start = max([start, *worse])  # it may have begun worse than the best constant
        lack = (case.reach.now - case.reach.least) / (start - case.reach.least)
        return math.log(CLOSE) / math.log(lack) if lack < 1 else math.inf
    if fall is None:
        return 1.0
    return 1 + fall.steps_to(CLOSE) / max(1.0, float(case.trace.step[-1]))


def rate_of(case: Case) -> tuple[float, float] | None:
    """(the rate of the last step, by the largest of the run); None where it is hidden.

    Args:
        case: of a fit.
    """
    rates = np.asarray(case.trace.learning_rate, float)
    rates = rates[np.isfinite(rates)]
    if case.settings.get("learning_rate") is None or not len(rates):
        return None
    top = float(rates.max())
    return (float(rates[-1]), float(rates[-1]) / top) if top > 0 else None
