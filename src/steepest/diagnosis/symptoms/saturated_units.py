"""Saturated units: outputs at the ends of tanh or sigmoid, where no slope is left."""

from __future__ import annotations

from typing import Any

from steepest.diagnosis.case import Case
from steepest.diagnosis.signals import (
    asked_rate,
    changed,
    has_failed,
    is_stuck,
    option,
    signals_of,
    thickest,
)
from steepest.records.verdict import Finding

MOST = 0.8
"""A layer with this share of its units saturated lets next to no gradient pass."""
REFERENCE = (
    "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward "
    "neural networks, section 3; LeCun et al. 1998, Efficient BackProp, section 4.4"
)


def find(case: Case) -> Finding | None:
    """A layer at the ends of its range on nearly all rows, in a run that is stuck.

    Args:
        case: of a fit with its units.
    """
    units, signals = case.units, signals_of(case)
    if units is None or signals is None or not is_stuck(case, signals):
        return None
    if has_failed(case):
        return None
    layer = thickest(units.saturated, MOST)
    if layer is None:
        return None
    before = max(units.saturated_start)
    words, remedy = _cure(case, born=before >= MOST)
    advice = (
        f"{units.saturated[layer]:.0%} of the units of hidden layer {layer + 1} are at "
        f"an end of {units.activation}'s range on nearly all rows: {words}."
    )
    evidence = {
        "saturated_start": before,
        "saturated_end": units.saturated[layer],
        "hidden_layer": float(layer + 1),
        "learned": signals.learned,
    }
    last = int(case.trace.step[-1])
    return Finding(
        *("saturated_units", "warning", advice, evidence, (0, last), remedy),
        reference=REFERENCE,
    )


def _cure(case: Case, *, born: bool) -> tuple[str, dict[str, Any]]:
    """Shorter steps where they did it; else a norm that keeps units in their range."""
    rate = asked_rate(case)
    if not born and rate is not None:
        words = f"learning_rate={rate:g} is too large; optimizer='auto' needs none"
        return words, {"optimizer": "auto", "learning_rate": None}
    if option(case, "norm", "none") == "none":
        words = "take norm='batch', which keeps units in the midst of their range"
        return words, changed(case, norm="batch")
    return "take activation='relu'", changed(case, activation="relu")
