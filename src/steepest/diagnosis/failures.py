"""The verdict on a run that blew up."""

from __future__ import annotations

from typing import Any

from steepest.diagnosis.advice import climbs
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.rates import STABLE, reached, smaller, steepest
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict

BOTTOMLESS = 1e6
"""A value this far from the start, the right way, has no end there."""


def failed(
    stop: Stop, trace: Trace, curvature: Curvature | None, settings: dict[str, Any]
) -> Verdict:
    """The verdict on a run that blew up.

    Args:
        stop: DIVERGED or NONFINITE.
        trace: its rows, the last at the returned point.
        curvature: there, None when unknown.
        settings: as for `judge_point`.

    >>> from steepest.records import Row
    >>> rows = Row(*([1.0, 1.0] for _ in Row._fields))
    >>> failed(Stop.NONFINITE, Trace(rows), None, {}).kind
    'nonfinite'
    """
    rate, steps = settings.get("learning_rate"), int(trace.step[-1])
    seen = trace.value[:-1] if len(trace) > 1 else trace.value
    first, worst = float(trace.value[0]), float(seen[-1])
    climbing, diverged = climbs(settings), stop is Stop.DIVERGED
    far = abs(worst) > BOTTOMLESS * (1 + abs(first))
    endless = diverged and far and (worst < first) is not climbing
    named = "" if rate is None or endless else f" with learning_rate={rate:g}"
    how = _how(first, worst, climbs=climbing)
    headline = f"Diverged{named}: {how} within {steps} steps; the best point is kept."
    advice, remedy = smaller(reached(trace, settings), curvature)
    if endless:
        advice, remedy = "check the function's sign, or start elsewhere.", {}
    if not diverged:
        headline = (
            f"Stopped{named} where a parameter, value or gradient became inf or nan, "
            f"after {steps} steps; the best point is kept."
        )
        hold = "" if settings.get("bounds") else "set bounds= that hold to it, or "
        advice = f"keep to where the function is defined: {hold}{advice}"
    evidence = {"value_start": first, "value_worst": worst}
    if curvature is not None:
        evidence["curvature"] = steepest(curvature)
    kind: Kind = "diverged" if diverged else "nonfinite"
    finding = Finding(
        kind,
        "error",
        advice,
        evidence,
        steps=(0, steps),
        remedy=remedy,
        reference=STABLE,
    )
    return Verdict(headline, kind, converged=False, findings=(finding,))


def _how(first: float, worst: float, *, climbs: bool) -> str:
    """The wrong way, or the right way without an end."""
    down = worst < first
    if down is climbs:
        verb = "fell" if down else "rose"
        return f"the value {verb} from {first:.3g} to {worst:.3g}"
    return f"the value {'falls' if down else 'rises'} without bound (to {worst:.3g})"
