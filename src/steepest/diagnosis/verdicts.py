"""The verdict: judged from the trace and the end point, not copied from the stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.diagnosis.advice import (
    at_edge,
    at_lower_bound,
    climbs,
    short_of,
    too_small,
)
from steepest.diagnosis.curvature import Curvature
from steepest.diagnosis.failures import failed
from steepest.diagnosis.kinks import BALANCED
from steepest.diagnosis.probes import Way
from steepest.diagnosis.rates import (
    KINK,
    STABLE,
    overshoots,
    reached,
    smaller,
    steepest,
)
from steepest.diagnosis.remarks import backed_off, bounded, where
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict

EPS = float(np.finfo(float).eps)
DIFFERENCES = "central differences"
"""What settings["gradient"] says where no exact gradient is known."""
BLUR = 10 * EPS ** (2 / 3)
"""Error of a central difference, relative to the values it is made of."""
ROUNDINGS = 100
"""Roundings of the params, and of the value, that may keep a gradient from 0."""


def judge_point(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    way: Way | None = None,
    *,
    settings: dict[str, Any],
    held: Mapping[str, float] | None = None,
    imbalance: float | None = None,
) -> Verdict:
    """What a descent on a function came to.

    Args:
        stop: why the run ended.
        trace: its rows, the last at the returned point.
        curvature: of the function there (of the function itself, also when
            climbing); None when it is unknown.
        way: where the value goes on rays that leave the point; None when unknown.
        settings: learning_rate, direction ("minimize" or "maximize"), gtol, gradient
            ("jax", "given" or "central differences"), searches (whether the rule takes
            bad trials back by itself); what is left out is unknown.
        held: the coordinates that lie on bounds and where, see `on_bounds`.
        imbalance: of the slopes around, see `kinks.imbalance`; None when unknown.

    Returns:
        The verdict. `converged` is true at a minimum (climbing: a maximum) and where
        a target was reached, and nowhere else. A minimum curves up, or rises on all
        sides, and no better value is near (`Way.further`); a small gradient or a
        value that stopped changing alone is none.

    >>> from steepest.records import Row
    >>> rows = Row(*([0.0, 0.0] for _ in Row._fields))._replace(grad_norm=[2.0, 0.0])
    >>> saddle = Curvature(smallest=-2.0, largest=2.0, noise=1e-12)
    >>> judge_point(Stop.GRADIENT_SMALL, Trace(rows), saddle, settings={}).kind
    'saddle'
    """
    held = held or {}
    if stop.failed:
        verdict, remarks = failed(stop, trace, curvature, settings), []
    else:
        kink = imbalance is not None and imbalance <= BALANCED
        kink = kink and not at_edge(trace, settings)
        verdict = _judge(stop, trace, curvature, way, settings, held, kink=kink)
        remarks = [bounded(held, fixed=_fixed(settings))]
    remarks += [Finding("note", "info", note) for note in settings.get("notes", ())]
    advised = any("learning_rate" in finding.remedy for finding in verdict.findings)
    edge = not verdict.converged and at_edge(trace, settings)
    remarks = [backed_off(trace, settings, advised=advised, edge=edge), *remarks]
    found = (*verdict.findings, *(remark for remark in remarks if remark is not None))
    gravest = sorted(found, key=lambda finding: finding.severity == "info")
    return replace(verdict, findings=tuple(gravest))


def _judge(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    way: Way | None,
    settings: dict[str, Any],
    held: Mapping[str, float],
    *,
    kink: bool,
) -> Verdict:
    """The verdict on a run that did not blow up."""
    goal: Kind = "maximum" if climbs(settings) else "minimum"
    small = bool(trace.grad_norm[-1] <= (settings.get("gtol") or 0.0))
    drop = abs(float(trace.value[0]) - float(trace.value[-1]))
    further = None if way is None else way.further(drop, small=small)
    kind: Kind = goal if curvature is None else curvature.kind
    above = way is not None and way.rises and further is None
    kink = kink and above and not small and not stop.budget
    if above and (kink or kind == "plateau"):
        kind = goal  # a kink, or x**4: no curvature, but higher on all sides
    measured = way is not None and curvature is not None
    settled = kind == goal and measured and further is None
    limit = ", at a kink" if kink else ""
    limit = limit or _limit(stop, trace, curvature, settings, settled=settled)
    stationary = small or bool(limit)
    if stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        stationary |= settled
    if stop is Stop.TARGET:
        words = f"The target was reached: {_end(trace)}."
        return Verdict(words, kind if stationary else "not_stationary", converged=True)
    if not stationary:
        return _not_stationary(stop, trace, curvature, further, settings)
    if kind != goal:
        return _wrong_kind(kind, goal, trace, curvature, further, settings)
    if further is not None:
        return _goes_on(trace, further, settings)
    how = "" if curvature is not None else " (curvature not measured)"
    place = f" on the bounds ({where(held)})" if held else ""
    limit = "" if small else limit
    words = f"Converged to a {goal}{place}{how}{limit}: {_end(trace)}."
    return Verdict(words, kind, converged=True)


def at_floor(trace: Trace, settings: dict[str, Any]) -> bool:
    """Whether the gradient at the end may be no more than its own error.

    Central differences are in error by about eps^(2/3) max(1, |f|), so that a smaller
    gtol cannot be met. Then curvature decides: measure it, whatever ended the run.

    Args:
        trace: the rows, the last at the returned point.
        settings: as for `judge_point`; only `gradient` is read.

    Source: Dennis and Schnabel (1983), Numerical Methods, section 5.6.

    >>> from steepest.records import Row
    >>> trace = Trace(Row(*([1e-10] for _ in Row._fields)))
    >>> at_floor(trace, {"gradient": "central differences"}), at_floor(trace, {})
    (True, False)
    """
    if settings.get("gradient") != DIFFERENCES:
        return False
    floor = 1e3 * BLUR * max(1.0, abs(float(trace.value[-1])))
    return bool(trace.grad_norm[-1] <= floor)


def _limit(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    settings: dict[str, Any],
    *,
    settled: bool,
) -> str:
    """What keeps the gradient from being smaller still, in words; empty if nothing."""
    if stop is Stop.PRECISION and _rounded(trace, curvature):
        return " at the limit of floating point"
    if settings.get("gradient") != DIFFERENCES or not settled or curvature is None:
        return ""
    # Noise of second differences with steps eps^(1/4) is that of first differences
    # with eps^(1/3), times eps^(-1/6): so it tells of noisy functions, too.
    floor = BLUR * max(1.0, abs(float(trace.value[-1])))
    floor = max(floor, EPS ** (1 / 6) * curvature.noise)
    if trace.grad_norm[-1] > floor:
        return ""
    return " at the limit of its central differences"


def _rounded(trace: Trace, curvature: Curvature | None) -> bool:
    """Whether rounding of the params alone makes a gradient like this."""
    if curvature is None:
        return False
    if trace.grad_norm[-1] > trace.grad_norm[0]:
        return False  # steeper than where it began: a kink, or the edge of the domain
    reach = ROUNDINGS * EPS * (1 + float(trace.param_norm[-1]))
    steep = steepest(curvature)
    least = ROUNDINGS * EPS * abs(float(trace.value[-1])) + steep * reach**2
    if curvature.decrement > least:
        return False  # there is more to gain than rounding hides
    return bool(trace.grad_norm[-1] <= reach * steep)


def _not_stationary(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    further: tuple[float, float] | None,
    settings: dict[str, Any],
) -> Verdict:
    advice, remedy = short_of(stop, trace, settings, further[1] if further else 0.0)
    reference = ""
    evidence = {
        "grad_norm": float(trace.grad_norm[-1]),
        "grad_norm_start": float(trace.grad_norm[0]),
        "gtol": float(settings.get("gtol") or 0.0),
    }
    leaps = overshoots(trace, climbs=climbs(settings))
    if leaps and stop is not Stop.INTERRUPTED:
        rate = reached(trace, settings)
        kink = rate is not None and curvature and rate * steepest(curvature) > KINK
        advice, remedy = smaller(rate, None if kink else curvature, 0.5)
        advice, reference = f"the steps leap to and fro: {advice}", STABLE
        evidence |= leaps
    if further is not None and not stop.budget:
        evidence |= {"distance": further[0], "gain": further[1]}
    why = _why(stop, trace, further, settings, measured=curvature is not None)
    words = f"Not converged: {why} ({_end(trace)})."
    finding = Finding(
        "not_stationary",
        "warning",
        advice,
        evidence,
        remedy=remedy,
        reference=reference,
    )
    return Verdict(words, "not_stationary", converged=False, findings=(finding,))


def _why(
    stop: Stop,
    trace: Trace,
    further: tuple[float, float] | None,
    settings: dict[str, Any],
    *,
    measured: bool,
) -> str:
    """Why a run ended where the gradient is large."""
    if stop is Stop.PRECISION and at_lower_bound(trace, settings):
        return "the value came down to lower_bound, where no step is made"
    why = f"{stop.value[0].lower()}{stop.value[1:-1]}"
    if at_edge(trace, settings) and stop is not Stop.INTERRUPTED:
        edge = "the edge of the function's domain, beyond which it is inf or nan"
        verb = "rises" if climbs(settings) else "falls"
        return f"{why}, at {edge}" if stop.budget else f"the value {verb} to {edge}"
    if further is not None and not stop.budget:
        return f"{why}, but {_better(further, settings)}"
    if not measured and stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        return f"{why}, and without curvature (not measured) that proves no end"
    return why


def _goes_on(
    trace: Trace, further: tuple[float, float], settings: dict[str, Any]
) -> Verdict:
    """A gradient that met gtol on a slope that does not end there."""
    distance, gain = further
    gtol, grad_norm = float(settings.get("gtol") or 0.0), float(trace.grad_norm[-1])
    words = (
        f"Not converged: the gradient is small, but {_better(further, settings)} "
        f"({_end(trace)})."
    )
    advice = f"lower gtol (now {gtol:g}), or rescale the function or its params."
    if distance >= 1:
        side = "maximum" if climbs(settings) else "minimum"
        advice = f"there may be no {side} this way: start elsewhere; if not, {advice}"
    advice, remedy = too_small(trace, settings) or (advice, {})
    evidence = {
        "grad_norm": grad_norm,
        "gtol": gtol,
        "distance": distance,
        "gain": gain,
    }
    finding = Finding("not_stationary", "warning", advice, evidence, remedy=remedy)
    return Verdict(words, "not_stationary", converged=False, findings=(finding,))


def _better(further: tuple[float, float], settings: dict[str, Any]) -> str:
    distance, gain = further
    verb = "rises" if climbs(settings) else "falls"
    return (
        f"the slope goes on: the value {verb} by {gain:.2g} more within "
        f"{distance:.2g} * (1 + |params|)"
    )


def _wrong_kind(
    kind: Kind,
    goal: str,
    trace: Trace,
    curvature: Curvature | None,
    further: tuple[float, float] | None,
    settings: dict[str, Any],
) -> Verdict:
    assert curvature is not None  # noqa: S101  only a measured kind can be wrong
    evidence = {
        "eigenvalue_min": curvature.smallest,
        "eigenvalue_max": curvature.largest,
    }
    words = {
        "plateau": "Stopped on a plateau: neither gradient nor curvature show a way",
        "saddle": "Stopped at a saddle: the function still curves away on both sides",
    }.get(kind, f"Stopped at a {kind}, not a {goal}")
    advice = "start elsewhere: a small random shift of the start is enough"
    remedy: dict[str, Any] = {}
    if kind == "saddle":
        advice = (
            "set escape=True to leave along its negative curvature, or start elsewhere"
        )
        remedy = {"escape": True}
    if kind == "plateau":
        advice = "start elsewhere, nearer to where the function slopes"
        if further is not None:
            words += f", but {_better(further, settings)}"
        advice, remedy = too_small(trace, settings) or (advice, remedy)
        advice = advice.removesuffix(".")
    reference = "second derivative test on the eigenvalues of the Hessian"
    finding = Finding(
        kind, "warning", f"{advice}.", evidence, remedy=remedy, reference=reference
    )
    headline = f"{words} ({_end(trace)})."
    return Verdict(headline, kind, converged=False, findings=(finding,))


def _fixed(settings: dict[str, Any]) -> bool:
    """Whether the bounds leave no coordinate any room."""
    bounds = settings.get("bounds")
    return bounds is not None and bounds[0] == bounds[1]


def _end(trace: Trace) -> str:
    value, grad_norm = trace.value[-1], trace.grad_norm[-1]
    return f"value {value:.6g}, gradient norm {grad_norm:.2g}"
