"""The verdict on a run that did not blow up and fell short of its goal."""

from __future__ import annotations

from typing import Any

from steepest.diagnosis.advice import at_lower_bound, climbs, short_of, too_small
from steepest.diagnosis.case import Case
from steepest.diagnosis.harm import is_harmed
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind

SMALL_GRADIENT = "at a minimum the gradient is 0: Fermat's rule"


def short_words(case: Case) -> str:
    """The headline on an end where the gradient is large.

    Args:
        case: with what was seen around its end.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> rows = Trace(Row(*(np.ones(1) for _ in Row._fields)))
    >>> short_words(Case(rows, Stop.INTERRUPTED))
    'Not converged: interrupted; what was reached is returned (value 1, gradient ...'
    """
    return f"Not converged: {_why(case)} ({end_of(case.trace)})."


def unexplained(case: Case) -> Finding:
    """An end where the gradient is large, and no symptom says why.

    Args:
        case: measured.
    """
    further, place, trace = case.further, case.place, case.trace
    assert case.stop is not None  # noqa: S101  runs of our own end with a cause
    settings = dict(case.settings)
    gain = further[1] if further else 0.0
    advice, remedy = short_of(case.stop, trace, settings, gain, place=place)
    evidence = {
        "grad_norm": float(trace.grad_norm[-1]),
        "grad_norm_start": float(trace.grad_norm[0]),
        "gtol": float(settings.get("gtol") or 0.0),
    }
    if further is not None and not case.stop.budget:
        evidence |= {"distance": further[0], "gain": further[1]}
    if place.size:
        evidence[{"jump": "jump"}.get(place.kind, "noise")] = place.size
    return Finding(
        "not_stationary",
        "warning" if is_harmed(case) or not _settled(case) else "info",
        advice,
        evidence,
        remedy=remedy,
        reference=SMALL_GRADIENT,
    )


def _settled(case: Case) -> bool:
    """Whether an end by steps of their own length, at no edge, may be near enough."""
    plain = case.place.kind in ("plain", "ridge")
    return plain and not case.settings.get("searches")


def _why(case: Case) -> str:
    """Why a run ended where the gradient is large."""
    stop, place, further = case.stop, case.place, case.further
    assert stop is not None  # noqa: S101  runs of our own end with a cause
    if stop is Stop.PRECISION and at_lower_bound(case.trace, dict(case.settings)):
        return "the value came down to lower_bound, where no step is made"
    why = f"{stop.value[0].lower()}{stop.value[1:-1]}"
    if stop is Stop.PRECISION and case.settings.get("searches"):
        why = "no step finds a better value"
    if place.kind != "plain" and stop is not Stop.INTERRUPTED:
        stands = place.why("rises" if case.climbs else "falls")
        return f"{why}, and {stands}" if stop.budget else stands
    if further is not None and not stop.budget:
        return f"{why}, but {_better(further, case)}"
    if case.curvature is None and stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        return f"{why}, and without curvature (not measured) that proves no end"
    return why


def goes_on_words(case: Case, *, level: bool) -> str:
    """The headline on a gradient that met gtol on a slope that does not end there.

    Args:
        case: whose `further` is known.
        level: whether the gradient is exactly 0.
    """
    assert case.further is not None  # noqa: S101  asked before
    return (
        f"Not converged: the gradient is {'0' if level else 'small'}, but "
        f"{_better(case.further, case)} ({end_of(case.trace)})."
    )


def goes_on(case: Case, *, level: bool) -> Finding:
    """A small gradient on a slope that goes on, which no symptom explains.

    Args:
        case: whose `further` is known.
        level: whether the gradient is exactly 0.

    >>> from steepest.records import Row
    >>> rows = Trace(Row(*([0.0] for _ in Row._fields)))
    >>> goes_on(Case(rows, further=(1.0, 0.5)), level=True).remedy
    {'escape': True}
    """
    assert case.further is not None  # noqa: S101  asked before
    distance, gain = case.further
    trace, settings = case.trace, dict(case.settings)
    gtol = float(settings.get("gtol") or 0.0)
    advice, remedy = _closer(trace, settings, distance, gtol)
    if level:
        advice, remedy = _off_level(settings)
    evidence = {
        "grad_norm": float(trace.grad_norm[-1]),
        "gtol": gtol,
        "distance": distance,
        "gain": gain,
    }
    return Finding(
        "not_stationary",
        "warning",
        advice,
        evidence,
        remedy=remedy,
        reference=SMALL_GRADIENT,
    )


def _closer(
    trace: Trace, settings: dict[str, Any], distance: float, gtol: float
) -> tuple[str, dict[str, Any]]:
    """(advice, remedy) where a smaller gtol leads on."""
    advice = f"lower gtol (now {gtol:g}), or rescale the function or its params."
    if distance >= 1:
        side = "maximum" if climbs(settings) else "minimum"
        advice = f"there may be no {side} this way: start elsewhere; if not, {advice}"
    begun = int(trace.step[-1]) > 0 and distance >= 1
    return (not begun and too_small(trace, settings)) or (advice, {})


def _off_level(settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(advice, remedy) where the gradient is 0 and no gtol is small enough."""
    if settings.get("escape"):
        return "start elsewhere: where the gradient is exactly 0 it shows no way.", {}
    advice = (
        "set escape=True to go on from the best point in sight, or start elsewhere: "
        "where the gradient is exactly 0 it shows no way."
    )
    return advice, {"escape": True}


def _better(further: tuple[float, float], case: Case) -> str:
    distance, gain = further
    verb = "rises" if case.climbs else "falls"
    return (
        f"the slope goes on: the value {verb} by {gain:.2g} more within "
        f"{distance:.2g} * (1 + |params|)"
    )


def wrong_kind(kind: Kind, goal: str, trace: Trace) -> str:
    """The headline on a stationary point that is not of the kind that was asked for.

    Args:
        kind: what it is.
        goal: what was asked for.
        trace: its rows, the last at the returned point.

    >>> from steepest.records import Row
    >>> rows = Trace(Row(*([0.0] for _ in Row._fields)))
    >>> wrong_kind("maximum", "minimum", rows)
    'Stopped at a maximum, not a minimum (value 0, gradient norm 0).'
    """
    words = {
        "plateau": "Stopped on a plateau: neither gradient nor curvature show a way",
        "saddle": "Stopped at a saddle: the function still curves away on both sides",
    }.get(kind, f"Stopped at a {kind}, not a {goal}")
    return f"{words} ({end_of(trace)})."


def end_of(trace: Trace) -> str:
    """The numbers at the end, in words.

    Args:
        trace: its rows, the last at the returned point.

    >>> from steepest.records import Row
    >>> end_of(Trace(Row(*([-0.0] for _ in Row._fields))))
    'value 0, gradient norm 0'
    """
    value, grad_norm = trace.value[-1] + 0.0, trace.grad_norm[-1] + 0.0  # no -0
    return f"value {value:.6g}, gradient norm {grad_norm:.2g}"
