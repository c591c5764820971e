"""The verdict on a run that blew up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.diagnosis.advice import climbs
from steepest.diagnosis.symptoms.diverging import is_endless
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Kind, Verdict


def failed(stop: Stop, trace: Trace, settings: Mapping[str, Any]) -> Verdict:
    """The verdict on a run that blew up, without its findings.

    Args:
        stop: DIVERGED or NONFINITE.
        trace: its rows, the last at the returned point.
        settings: as for `judge_point`.

    >>> from steepest.records import Row
    >>> rows = Row(*([1.0, 1.0] for _ in Row._fields))
    >>> failed(Stop.NONFINITE, Trace(rows), {}).kind
    'nonfinite'
    """
    rate, steps = settings.get("learning_rate"), int(trace.step[-1])
    seen = trace.value[:-1] if len(trace) > 1 else trace.value
    first, worst = float(trace.value[0]), float(seen[-1])
    climbing, diverged = climbs(dict(settings)), stop is Stop.DIVERGED
    endless = diverged and is_endless(first, worst, climbs=climbing)
    named = "" if rate is None or endless else f" with learning_rate={rate:g}"
    how = _how(first, worst, climbs=climbing)
    headline = f"Diverged{named}: {how} within {steps} steps; the best point is kept."
    if not diverged:
        lost = f"a parameter, value or gradient became inf or nan, after {steps} steps"
        if trace.offender is not None:
            lost = trace.offender.words
        headline = f"Stopped{named} where {lost}; the best point is kept."
    kind: Kind = "diverged" if diverged else "nonfinite"
    return Verdict(headline, kind, converged=False)


def _how(first: float, worst: float, *, climbs: bool) -> str:
    """The wrong way, or the right way without an end."""
    down = worst < first
    if down is climbs:
        verb = "fell" if down else "rose"
        return f"the value {verb} from {first:.3g} to {worst:.3g}"
    return f"the value {'falls' if down else 'rises'} without bound (to {worst:.3g})"
