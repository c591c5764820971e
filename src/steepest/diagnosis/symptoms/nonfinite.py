"""Non-finite: a number became inf or nan, and which one was the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.rates import STABLE, reached, steepest
from steepest.diagnosis.stability import shorter
from steepest.records.stop import Stop
from steepest.records.verdict import Finding

CLIP = 1.0
"""The length that gradients are cut to where no rate is there to be lowered."""


def find(case: Case) -> Finding | None:
    """The first number that was inf or nan, and a way to stay clear of it.

    Args:
        case: of a run that ended there.
    """
    if case.stop is not Stop.NONFINITE or not len(case.trace):
        return None
    trace, offender = case.trace, case.trace.offender
    seen = trace.value[:-1] if len(trace) > 1 else trace.value
    numbers = {"value_start": float(trace.value[0]), "value_last": float(seen[-1])}
    evidence = {name: n for name, n in numbers.items() if np.isfinite(n)}
    if case.curvature is not None:
        evidence["curvature"] = steepest(case.curvature)
    step = int(trace.step[-1]) if offender is None else offender.step
    what = "a number became inf or nan" if offender is None else offender.words
    advice, remedy = _way_out(case)
    return Finding(
        "nonfinite",
        "error",
        f"{what}: {advice}",
        {**evidence, "step": float(step)},
        (0, step),
        remedy,
        STABLE,
    )


def _way_out(case: Case) -> tuple[str, dict[str, Any]]:
    """Smaller steps; of a function the edge of its domain may be the cause."""
    rate = reached(case.trace, dict(case.settings))
    if rate is None and case.on_table:
        return f"cut long gradients, clip_norm={CLIP:g}.", {"clip_norm": CLIP}
    advice, remedy = shorter(case, rate, 0.1)
    if case.on_table:
        return advice, remedy
    hold = "" if case.settings.get("bounds") else "set bounds= that hold to it, or "
    return f"keep to where the function is defined: {hold}{advice}", remedy
