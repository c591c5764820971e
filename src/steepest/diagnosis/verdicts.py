"""The verdict: judged from the trace and the end point, not copied from the stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.diagnosis.case import NOTHING, Case
from steepest.diagnosis.failures import failed
from steepest.diagnosis.harm import is_harmed
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.probes.kinks import BALANCED, RIDGE
from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.probes.slopes import Mismatch
from steepest.diagnosis.probes.ways import Way
from steepest.diagnosis.rates import back_offs, steepest
from steepest.diagnosis.remarks import backed_off, bounded, noisy, where
from steepest.diagnosis.shortfalls import (
    end_of,
    goes_on,
    goes_on_words,
    short_words,
    unexplained,
    wrong_kind,
)
from steepest.diagnosis.symptoms import GRAVITY, findings_of
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Kind, Verdict

EPS = float(np.finfo(float).eps)
DIFFERENCES = "central differences"
"""What settings["gradient"] says where no exact gradient is known."""
BLUR = 10 * EPS ** (2 / 3)
"""Error of a central difference, relative to the values it is made of."""
NEARBY = 0.01
"""A maximum this far, in units of 1 + |params|, was not what stopped a run."""
ROUNDINGS = 100
"""Roundings of the params, and of the value, that may keep a gradient from 0."""
TAIL, OFTEN = 40, 5
"""So many of the last rows at inf or nan tell that an end may be at an edge."""


def judge_point(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    way: Way | None = None,
    *,
    settings: dict[str, Any],
    held: Mapping[str, float] | None = None,
    imbalance: float | None = None,
    slope: Mismatch | None = None,
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
        slope: where the gradient was found to be wrong, see `slopes.mismatch`.

    Returns:
        The verdict. `converged` is true at a minimum (climbing: a maximum) and where
        a target was reached, and nowhere else. A minimum curves up, or rises on all
        sides, and no better value is near (`Way.further`); a small gradient or a
        value that stopped changing alone is none.

    >>> from steepest.records import Row
    >>> rows = Row(*(np.zeros(2) for _ in Row._fields))
    >>> rows = rows._replace(grad_norm=np.array([2.0, 0.0]))
    >>> saddle = Curvature(smallest=-2.0, largest=2.0, noise=1e-12)
    >>> judge_point(Stop.GRADIENT_SMALL, Trace(rows), saddle, settings={}).kind
    'saddle'
    """
    case = Case(trace, stop, settings, curvature=curvature, way=way)
    case = case._replace(slope=slope, place=_place(way))
    return judge_case(case, held=held or {}, imbalance=imbalance)[0]


def judge_case(
    case: Case,
    *,
    held: Mapping[str, float] = NOTHING,
    imbalance: float | None = None,
) -> tuple[Verdict, Case]:
    """The verdict of `judge_point`, and the case as it was judged.

    Args:
        case: trace, stop, settings, and what was measured at the end.
        held: as for `judge_point`.
        imbalance: as for `judge_point`.
    """
    stop, trace, settings = case.stop, case.trace, dict(case.settings)
    assert stop is not None  # noqa: S101  runs of our own end with a cause
    remarks: list[Finding | None] = []
    if stop.failed:
        verdict = failed(stop, trace, settings)
        case = case._replace(kind=verdict.kind, converged=False).measured()
    else:
        if imbalance is not None and BALANCED < imbalance <= RIDGE:
            ridge = case.place if case.place.kind != "plain" else Place("ridge")
            case = case._replace(place=ridge)
        kink = imbalance is not None and imbalance <= BALANCED
        verdict, case = _judge(case, held, kink=kink)
        remarks = [bounded(held, fixed=_fixed(settings)), noisy(verdict, case.place)]
    found = _explained(case)
    remarks += [Finding("note", "info", note) for note in settings.get("notes", ())]
    advised = any("learning_rate" in finding.remedy for finding in found)
    edge = not verdict.converged and case.place.kind == "edge"
    came_far = verdict.converged or not is_harmed(case)
    back = backed_off(trace, settings, advised=advised, edge=edge, came_far=came_far)
    remarks = [back, *remarks]
    found = (*found, *(remark for remark in remarks if remark is not None))
    gravest = sorted(found, key=lambda finding: GRAVITY.index(finding.severity))
    return replace(verdict, findings=tuple(gravest)), case


def _explained(case: Case) -> tuple[Finding, ...]:
    """The findings of symptoms; where none explains a bad end, one that tells of it."""
    found = findings_of(case)
    bad = [finding for finding in found if finding.severity != "info"]
    told = {finding.symptom for finding in found}
    if case.converged or bad or told & {"budget_short", "saddle"}:
        return found
    if case.stop is not None and case.stop.failed:
        return found
    met = meets_gtol(case.trace, dict(case.settings)) and case.further is not None
    if met and not _pressed(case.way, case.place, dict(case.settings)):
        level = case.way is not None and case.way.level
        return (goes_on(case, level=level), *found)
    return (unexplained(case), *found)


def _judge(
    case: Case, held: Mapping[str, float], *, kink: bool
) -> tuple[Verdict, Case]:
    """The verdict on a run that did not blow up, and the case as it was judged."""
    verdict, further, limit = _headline(case, held, kink=kink)
    case = case._replace(kind=verdict.kind, converged=verdict.converged)
    return verdict, case._replace(further=further, limit=limit).measured()


def _headline(
    case: Case, held: Mapping[str, float], *, kink: bool
) -> tuple[Verdict, tuple[float, float] | None, str]:
    """(verdict without findings, a better value nearby, what limits the gradient)."""
    trace, curvature, way, place = case.trace, case.curvature, case.way, case.place
    settings, stop = dict(case.settings), case.stop
    assert stop is not None  # noqa: S101  runs of our own end with a cause
    goal: Kind = "maximum" if case.climbs else "minimum"
    small = meets_gtol(trace, settings) and not _pressed(way, place, settings)
    drop = abs(float(trace.value[0]) - float(trace.value[-1]))
    further = None if way is None else way.further(drop, small=small)
    kind: Kind = goal if curvature is None else _kind_near(curvature, trace)
    above = way is not None and way.rises and further is None
    kink = kink and above and not small and not stop.budget and place.kind == "plain"
    if above and (kink or kind == "plateau"):
        kind = goal  # a kink, or x**4: no curvature, but higher on all sides
    measured = way is not None and curvature is not None and not curvature.estimated
    settled = kind == goal and measured and further is None
    limit = _limit(stop, trace, curvature, settings, place, settled=settled)
    if kink and not (limit and _bowl(curvature)):
        limit = ", at a kink"
    stationary = small or bool(limit)
    if not stop.converged and curvature is None and way is None:
        stationary = False  # nobody looked: no claim
    if stop in (Stop.VALUE_FLAT, Stop.STEP_SMALL):
        stationary |= settled

    def told(words: str, kind: Kind, *, converged: bool = False) -> Any:
        why = limit if converged and not small and not limit.startswith(",") else ""
        return Verdict(words, kind, converged), further, why

    if stop is Stop.TARGET:
        words = f"The target was reached: {end_of(trace)}."
        return told(words, kind if stationary else "not_stationary", converged=True)
    if not stationary:
        return told(short_words(case._replace(further=further)), "not_stationary")
    if kind != goal and not (kind == "plateau" and further is not None):
        return told(wrong_kind(kind, goal, trace), kind)
    if further is not None:
        level = way is not None and way.level
        words = goes_on_words(case._replace(further=further), level=level)
        return told(words, "not_stationary")
    on = f" on the bounds ({where(held)})" if held else ""
    shown = "" if small else limit
    words = f"Converged to a {goal}{on}{_how(curvature)}{shown}: {end_of(trace)}."
    return told(words, kind, converged=True)


def _kind_near(curvature: Curvature, trace: Trace) -> Kind:
    """The kind of point that is near; a slope whose top or bottom is far has none."""
    if curvature.kind not in ("minimum", "maximum") or curvature.estimated:
        return curvature.kind
    least = min(abs(curvature.smallest), abs(curvature.largest))
    reach = NEARBY * (1 + float(trace.param_norm[-1])) * least
    near = curvature.kind == "minimum" or trace.grad_norm[-1] <= reach
    return curvature.kind if near else "plateau"


def _how(curvature: Curvature | None) -> str:
    """What the claim of a minimum rests on, where that is less than a whole Hessian."""
    if curvature is None:
        return " (curvature not measured)"
    return " (curvature estimated by Lanczos)" if curvature.estimated else ""


def meets_gtol(trace: Trace, settings: dict[str, Any]) -> bool:
    """Whether the gradient at the end is as small as was asked for.

    Args:
        trace: the rows, the last at the returned point.
        settings: gtol.

    >>> from steepest.records import Row
    >>> meets_gtol(Trace(Row(*([1e-10] for _ in Row._fields))), {"gtol": 1e-6})
    True
    """
    return bool(trace.grad_norm[-1] <= (settings.get("gtol") or 0.0))


def worth_a_look(trace: Trace, settings: dict[str, Any]) -> bool:
    """Whether an end tells so much that its surroundings decide, whatever ended it.

    The gradient meets gtol, or may be no more than its own error: central differences
    are in error by about eps^(2/3) max(1, |f|), so that a smaller gtol cannot be met.
    Or the last trials met inf or nan: the end may be at an edge.

    Args:
        trace: the rows, the last at the returned point.
        settings: as for `judge_point`: gtol, gradient and searches are read.

    Source: Dennis and Schnabel (1983), Numerical Methods, section 5.6.

    >>> from steepest.records import Row
    >>> trace = Trace(Row(*([1e-10] for _ in Row._fields)))
    >>> worth_a_look(trace, {"gradient": "central differences"})
    True
    >>> worth_a_look(trace, {"gradient": "jax", "gtol": 1e-12})
    False
    """
    floor = 1e3 * BLUR * max(1.0, abs(float(trace.value[-1])))
    blurred = settings.get("gradient") == DIFFERENCES
    if meets_gtol(trace, settings) or (blurred and trace.grad_norm[-1] <= floor):
        return True
    if not settings.get("searches"):
        return False
    lost = back_offs(trace, searches=True)
    return bool((lost >= trace.step[-TAIL:][0]).sum() >= OFTEN)


def _pressed(way: Way | None, place: Place, settings: dict[str, Any]) -> bool:
    """Whether bounds alone make a gradient small, at an edge or a pole on them."""
    steep = way is not None and way.slope > (settings.get("gtol") or 0.0)
    return steep and place.kind in ("edge", "pole")


def _place(way: Way | None) -> Place:
    """What stands in the way close by, as far as that is known."""
    return Place() if way is None else way.place


def _bowl(curvature: Curvature | None) -> bool:
    """Whether every curvature stands out of the noise, with one sign: at no kink."""
    if curvature is None:
        return False
    least, most, noise = curvature.smallest, curvature.largest, curvature.noise
    return least > noise or most < -noise


def _limit(
    stop: Stop,
    trace: Trace,
    curvature: Curvature | None,
    settings: dict[str, Any],
    place: Place,
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
    if place.kind == "noisy":
        return f" within the noise of its values (about {place.size:.1g})"
    return " at the limit of its central differences"


def _rounded(trace: Trace, curvature: Curvature | None) -> bool:
    """Whether rounding, of the params or of the value, makes a gradient like this."""
    if curvature is None or curvature.estimated:
        return False
    if trace.grad_norm[-1] > trace.grad_norm[0]:
        return False  # steeper than where it began: a kink, or the edge of the domain
    reach = ROUNDINGS * EPS * (1 + float(trace.param_norm[-1]))
    steep = steepest(curvature)
    hidden = ROUNDINGS * EPS * abs(float(trace.value[-1]))
    if curvature.decrement > hidden + steep * reach**2:
        return False  # there is more to gain than rounding hides
    if _bowl(curvature) and curvature.decrement <= hidden:
        return True  # no value can tell this point from the best
    return bool(trace.grad_norm[-1] <= reach * steep)


def _fixed(settings: dict[str, Any]) -> bool:
    """Whether the bounds leave no coordinate any room."""
    bounds = settings.get("bounds")
    return bounds is not None and bounds[0] == bounds[1]
