"""The verdict on a run that did not blow up and fell short of its goal."""

from __future__ import annotations

from typing import Any

from steepest.diagnosis.advice import at_lower_bound, climbs, short_of, too_small
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.rates import (
    KINK,
    STABLE,
    overshoots,
    reached,
    smaller,
    steepest,
)
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict


def not_stationary(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    further: tuple[float, float] | None,
    settings: dict[str, Any],
    place: Place,
) -> Verdict:
    """An end where the gradient is large.

    Args:
        stop: why the run ended.
        trace: its rows, the last at the returned point.
        curvature: there, None when unknown.
        further: (distance, gain) of a better value nearby, None where there is none.
        settings: as for `judge_point`.
        place: what stands in the way.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> rows = Trace(Row(*(np.ones(1) for _ in Row._fields)))
    >>> not_stationary(Stop.MAX_STEPS, rows, None, None, {}, Place("edge")).converged
    False
    """
    gain = further[1] if further else 0.0
    advice, remedy = short_of(stop, trace, settings, gain, place=place)
    reference = ""
    evidence = {
        "grad_norm": float(trace.grad_norm[-1]),
        "grad_norm_start": float(trace.grad_norm[0]),
        "gtol": float(settings.get("gtol") or 0.0),
    }
    leaps = overshoots(trace, climbs=climbs(settings))
    if leaps and stop is not Stop.INTERRUPTED and place.kind == "plain":
        rate = reached(trace, settings)
        kink = rate is not None and curvature and rate * steepest(curvature) > KINK
        advice, remedy = smaller(rate, None if kink else curvature, 0.5)
        advice, reference = f"the steps leap to and fro: {advice}", STABLE
        evidence |= leaps
    if further is not None and not stop.budget:
        evidence |= {"distance": further[0], "gain": further[1]}
    if place.size:
        evidence[{"jump": "jump"}.get(place.kind, "noise")] = place.size
    why = _why(stop, trace, further, settings, place, measured=curvature is not None)
    words = f"Not converged: {why} ({end_of(trace)})."
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
    place: Place,
    *,
    measured: bool,
) -> str:
    """Why a run ended where the gradient is large."""
    if stop is Stop.PRECISION and at_lower_bound(trace, settings):
        return "the value came down to lower_bound, where no step is made"
    why = f"{stop.value[0].lower()}{stop.value[1:-1]}"
    if stop is Stop.PRECISION and settings.get("searches"):
        why = "no step finds a better value"
    if place.kind != "plain" and stop is not Stop.INTERRUPTED:
        stands = place.why("rises" if climbs(settings) else "falls")
        return f"{why}, and {stands}" if stop.budget else stands
    if further is not None and not stop.budget:
        return f"{why}, but {_better(further, settings)}"
    if not measured and stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        return f"{why}, and without curvature (not measured) that proves no end"
    return why


def goes_on(
    trace: Trace,
    further: tuple[float, float],
    settings: dict[str, Any],
    *,
    level: bool,
) -> Verdict:
    """A gradient that met gtol on a slope that does not end there.

    Args:
        trace: its rows, the last at the returned point.
        further: (distance, gain) of the better value nearby.
        settings: as for `judge_point`.
        level: whether the gradient is exactly 0.

    >>> from steepest.records import Row
    >>> rows = Trace(Row(*([0.0] for _ in Row._fields)))
    >>> goes_on(rows, (1.0, 0.5), {}, level=True).findings[0].remedy
    {'escape': True}
    """
    distance, gain = further
    gtol, grad_norm = float(settings.get("gtol") or 0.0), float(trace.grad_norm[-1])
    words = (
        f"Not converged: the gradient is {'0' if level else 'small'}, but "
        f"{_better(further, settings)} ({end_of(trace)})."
    )
    advice, remedy = _closer(trace, settings, distance, gtol)
    if level:
        advice, remedy = _off_level(settings)
    evidence = {
        "grad_norm": grad_norm,
        "gtol": gtol,
        "distance": distance,
        "gain": gain,
    }
    finding = Finding("not_stationary", "warning", advice, evidence, remedy=remedy)
    return Verdict(words, "not_stationary", converged=False, findings=(finding,))


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


def _better(further: tuple[float, float], settings: dict[str, Any]) -> str:
    distance, gain = further
    verb = "rises" if climbs(settings) else "falls"
    return (
        f"the slope goes on: the value {verb} by {gain:.2g} more within "
        f"{distance:.2g} * (1 + |params|)"
    )


def wrong_kind(
    kind: Kind,
    goal: str,
    trace: Trace,
    curvature: Curvature | None,
    settings: dict[str, Any],
) -> Verdict:
    """A stationary point that is not of the kind that was asked for.

    Args:
        kind: what it is.
        goal: what was asked for.
        trace: its rows, the last at the returned point.
        curvature: there.
        settings: as for `judge_point`.

    >>> from steepest.records import Row
    >>> rows = Trace(Row(*([0.0] for _ in Row._fields)))
    >>> wrong_kind("saddle", "minimum", rows, Curvature(-1.0, 1.0, 0.0), {}).converged
    False
    """
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
        advice, remedy = too_small(trace, settings) or (advice, remedy)
        advice = advice.removesuffix(".")
    reference = "second derivative test on the eigenvalues of the Hessian"
    finding = Finding(
        kind, "warning", f"{advice}.", evidence, remedy=remedy, reference=reference
    )
    headline = f"{words} ({end_of(trace)})."
    return Verdict(headline, kind, converged=False, findings=(finding,))


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
