"""Diverging: the value runs away the wrong way, or without end the right way."""

from __future__ import annotations

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.spectrum import spectrum_of
from steepest.diagnosis.rates import STABLE, reached, steepest
from steepest.diagnosis.stability import shorter
from steepest.records.row import Row
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding

BOTTOMLESS = 1e6
"""A value this far from the start, the right way, has no end there."""
GROWN = 10.0
"""A value this many times higher above the best than the start was is on its way up."""
LEAST = 5
"""Rows that a rise takes."""
NEAR = 10.0
"""The curvature that bounds the rate is that of the first rows, up to this many times
the start's height: far out it may be any."""


def find(case: Case) -> Finding | None:
    """Diverged, or rising still where the budget ended.

    Args:
        case: measured.
    """
    trace = case.trace
    if not len(trace):
        return None
    if case.stop is Stop.DIVERGED:
        seen = trace.value[:-1] if len(trace) > 1 else trace.value
        worst = float(seen[-1])
    elif case.stop is Stop.NONFINITE or case.converged:
        return None
    else:
        path = path_of(trace, case)
        if not _rises(path, climbs=case.climbs):
            return None
        worst = float(path[-1])
    steps, first = int(trace.step[-1]), float(trace.value[0])
    evidence = {"value_start": first, "value_worst": worst}
    if is_endless(first, worst, climbs=case.climbs):
        advice, remedy = "check the function's sign, or start elsewhere.", {}
    else:
        near = _near_the_start(case)
        advice, remedy = shorter(near, reached(trace, dict(case.settings)), 0.1)
        if case.curvature is not None:
            evidence["curvature"] = steepest(case.curvature)
        elif near.spectrum is not None and np.isfinite(near.spectrum.largest):
            evidence["curvature"] = near.spectrum.largest
    return Finding(
        "diverging", "error", advice, evidence, (0, steps), remedy, reference=STABLE
    )


def is_endless(first: float, worst: float, *, climbs: bool) -> bool:
    """Whether a value went the right way, so far that it has no end there.

    Args:
        first: the value at the start.
        worst: where it went.
        climbs: whether large values are sought.

    >>> is_endless(0.0, -1e9, climbs=False), is_endless(0.0, 1e9, climbs=False)
    (True, False)
    """
    far = abs(worst) > BOTTOMLESS * (1 + abs(first))
    return far and (worst < first) is not climbs


def path_of(trace: Trace, case: Case) -> np.ndarray:
    """(n,) the values on the way, without the row of a best point of earlier.

    Args:
        trace: of the case.
        case: whose last row may be such.
    """
    values = np.asarray(trace.value, float)
    returned = case.stop is not None and len(trace) > 2
    if returned and not np.isfinite(trace.cosine[-1]):
        values = values[:-1]
    return values[np.isfinite(values)]


def _rises(path: np.ndarray, *, climbs: bool) -> bool:
    """Whether the values end far above the start, and highest at the end."""
    if len(path) < LEAST:
        return False
    path = -path if climbs else path
    least = path.min()
    height = max(path[0] - least, 0.1 * abs(path[0]), 1e-300)
    half = path[len(path) // 2 :]
    return bool(
        path[-1] - least > GROWN * height
        and path[-1] >= 0.5 * half.max()
        and np.median(half) > np.median(path[: len(path) // 2])
        and path[-1] - least > 2 * (half[0] - least)
    )


def _near_the_start(case: Case) -> Case:
    """The case with the curvature of the rows that are not far out yet."""
    trace, spectrum = case.trace, case.spectrum
    if not case.exact or spectrum is None or spectrum.quadratic:
        return case
    height = np.abs(np.asarray(trace.value, float) - float(trace.value[0]))
    far = np.flatnonzero(~(height <= NEAR * (1 + abs(float(trace.value[0])))))
    n = max(2, int(far[0])) if len(far) else len(trace)
    rows = Row(*(np.asarray(column)[:n] for column in trace.rows))
    return case._replace(spectrum=spectrum_of(Trace(rows)))
