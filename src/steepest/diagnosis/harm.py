"""Harm: how far a run fell short, in what it is for. Alarms are raised by it alone."""

from __future__ import annotations

import math

import numpy as np

from steepest.diagnosis.advice import at_lower_bound
from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import HARMED, lack_of
from steepest.records.stop import Stop

SHARE = 1e-3
"""A run that made all but this share of the gain within its reach came far enough."""
TURNS, BACK = 20, -0.9
"""So many last steps whose gradients turn back as much leap to and fro."""


def still_to_gain(case: Case) -> float:
    """How much better the value could still become; nan where nothing tells.

    Half the Newton decrement, where the end is at the bottom of a bowl. Else the
    largest of: what the tail's law leaves; |g|^2 / (2 curvature) of a quadratic along
    the last steps; a better value that was seen.

    Args:
        case: measured.

    >>> from steepest.records import Trace
    >>> from steepest.records.row import empty
    >>> still_to_gain(Case(Trace(empty())))
    nan
    """
    spectrum, trace, curvature = case.spectrum, case.trace, case.curvature
    goal = "maximum" if case.climbs else "minimum"
    if case.further is None and curvature is not None and curvature.kind == goal:
        near = curvature.decrement / 2
        if not curvature.estimated and near <= SHARE * _gained(case):
            return near  # a bowl was seen, and the end is at its bottom
    seen = [math.nan]
    if case.tail is not None:
        seen.append(case.tail.left)
    if spectrum is not None and spectrum.smallest > 0:
        with np.errstate(over="ignore"):
            seen.append(float(trace.grad_norm[-1]) ** 2 / (2 * spectrum.smallest))
    if case.further is not None:
        seen.append(case.further[1])
    found = [one for one in seen if not math.isnan(one)]
    return max(found, default=math.nan)


def _gained(case: Case) -> float:
    """How much better than the start the end is."""
    return abs(float(case.trace.value[0]) - float(case.trace.value[-1]))


def share_left(case: Case) -> float:
    """What is still to gain, as a share of that and what was gained; in [0, 1] or nan.

    Args:
        case: measured.

    >>> from steepest.records import Row, Trace
    >>> rows = Row(*(np.ones(2) for _ in Row._fields))
    >>> rows = rows._replace(value=np.array([4.0, 1.0]))
    >>> share_left(Case(Trace(rows), further=(1.0, 1.0)))
    0.25
    """
    if not len(case.trace):
        return math.nan
    with np.errstate(all="ignore"):
        left, gained = still_to_gain(case), _gained(case)
    if math.isinf(left):
        return 1.0
    return left / (left + gained) if left + gained != 0 else 0.0


def is_harmed(case: Case) -> bool:
    """Whether a run that was not interrupted came to less than was within its reach.

    Args:
        case: measured. Where nothing tells what is left, an end that is known to be no
            success counts as harm, and one of which nothing is known does not.
    """
    if case.converged or case.stop in (Stop.TARGET, Stop.INTERRUPTED):
        return False
    if case.on_table:
        return lack_of(case) > HARMED
    share = share_left(case)
    guessed = case.tail is not None and case.tail.law == "none" and not case.further
    if (math.isnan(share) or guessed) and _leap(case) <= SHARE:
        return False
    if math.isnan(share):
        return case.converged is False
    return share > SHARE


def _leap(case: Case) -> float:
    """What the last step promised, as a share of all gained, of steps that turn back.

    At a kink slopes never get small; steps to and fro across it tell by their length
    how far it is. inf where steps do not turn back.
    """
    trace = case.trace
    cosine = trace.cosine[np.isfinite(trace.cosine)][-TURNS:]
    steps = np.flatnonzero(np.isfinite(trace.update_norm))
    gained = abs(float(trace.value[0]) - float(trace.value[-1]))
    if len(cosine) < TURNS or np.median(cosine) > BACK or not len(steps):
        return math.inf
    promise = trace.update_norm[steps[-1]] * trace.grad_norm[steps[-1]]
    return float(promise / gained) if gained > 0 else math.inf


def is_free(case: Case) -> bool:
    """Whether nothing stood in the way of a run's steps, so that they may be to blame.

    Args:
        case: measured.
    """
    if case.place.kind != "plain" or case.settings.get("searches") or not case.exact:
        return False
    if not len(case.trace) or case.stop is Stop.INTERRUPTED:
        return False
    return not at_lower_bound(case.trace, dict(case.settings))


def is_slowed(case: Case) -> bool:
    """Whether a run was harmed with nothing in its way.

    Args:
        case: measured.
    """
    return is_free(case) and is_harmed(case)
