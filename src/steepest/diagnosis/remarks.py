"""Findings that stand beside a verdict: what bounds hold, how often a run went back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.rates import back_offs, reached
from steepest.records.trace import Trace
from steepest.records.verdict import Finding, Verdict

SHOWN = 3
"""Coordinates that are named; the rest are counted."""


def where(held: Mapping[str, float]) -> str:
    """Which coordinates lie on a bound, in words.

    Args:
        held: name -> value, see `on_bounds`.

    >>> where({"a": 0.0, "b": 1.0, "c": 2.5, "d": 4.0})
    'a at 0, b at 1, c at 2.5 and 1 more'
    """
    named = [f"{name} at {value:.6g}" for name, value in [*held.items()][:SHOWN]]
    more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
    return ", ".join(named) + more


def bounded(held: Mapping[str, float], *, fixed: bool = False) -> Finding | None:
    """That the point lies on bounds, so that they are part of the answer.

    Args:
        held: name -> value, see `on_bounds`.
        fixed: whether they leave no coordinate any room.

    >>> bounded({"x": 0.0}).advice
    'the bounds hold x at 0; widen them where they are not meant.'
    """
    if not held:
        return None
    advice = f"the bounds hold {where(held)}; widen them where they are not meant."
    if fixed:
        advice = (
            f"the bounds hold every coordinate ({where(held)}), so that nothing can "
            "move; widen them where they are not meant."
        )
    evidence = {"coordinates_on_bounds": float(len(held))}
    evidence |= dict([*held.items()][:SHOWN])
    return Finding("on_bounds", "info", advice, evidence)


def noisy(verdict: Verdict, place: Place) -> Finding | None:
    """That two values at one point differ, where a verdict on success hides it.

    Args:
        verdict: on the end.
        place: what was seen there.

    >>> end = Verdict("Converged.", "minimum", converged=True)
    >>> noisy(end, Place("noisy", 1e-4)).advice.partition(":")[0]
    'the values at one point differ, by about 0.0001'
    """
    if place.kind != "noisy" or not verdict.converged:
        return None
    advice = f"{place.why('')}: {place.advice({})}"
    return Finding("noisy", "info", advice, {"noise": place.size})


def backed_off(
    trace: Trace,
    settings: dict[str, Any],
    *,
    advised: bool = False,
    edge: bool = False,
    came_far: bool = False,
) -> Finding | None:
    """That the run met inf or nan and went back to its best point, with shorter steps.

    Args:
        trace: its rows.
        settings: learning_rate, optimizer_chosen, searches; see `judge_point`.
        advised: whether a graver finding names a rate already.
        edge: whether the run ended at the edge of the function's domain.
        came_far: whether the run gained what was within its reach all the same.

    >>> import numpy as np
    >>> from steepest.records import Row
    >>> rows = Row(*(np.array([1.0, np.nan, 1.0]) for _ in Row._fields))
    >>> trace = Trace(rows._replace(step=np.arange(3)))
    >>> backed_off(trace, {"learning_rate": 0.5}).remedy
    {'learning_rate': 0.05}
    """
    searches = bool(settings.get("searches"))
    steps = back_offs(trace, searches=searches)
    if not len(steps):
        return None
    span = (int(steps[0]), int(steps[-1]))
    evidence = {"times": float(len(steps)), "first_step": float(steps[0])}
    often = {1: "once", 2: "twice"}.get(len(steps), f"{len(steps)} times")
    if searches:
        advice = f"trial steps met inf or nan {often}, outside of the function's domain"
        if edge:
            advice += "; the run ends at its edge."
        else:
            advice += ", and were taken back, as a search may; the end is inside of it."
        return Finding("backed_off", "info", advice, evidence, span)
    rates = trace.learning_rate[np.isfinite(trace.learning_rate)]
    if len(rates):
        evidence["learning_rate"] = float(rates[-1])
    advice = (
        f"the run met inf or nan {often} and went back to its best point, with "
        "steps a tenth as long"
    )
    rate = reached(trace, settings)
    if rate is None or advised:
        return Finding("backed_off", "info", f"{advice}.", evidence, span)
    auto = "" if settings.get("optimizer_chosen") == "auto" else ", or optimizer='auto'"
    advice = f"{advice}: start with learning_rate={rate:g}{auto}."
    remedy = {"learning_rate": rate}
    severity = "info" if came_far else "warning"
    return Finding("backed_off", severity, advice, evidence, span, remedy)
