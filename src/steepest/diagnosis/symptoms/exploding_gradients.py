"""Exploding gradients: steps of a network that its loss cannot follow."""

from __future__ import annotations

from typing import Any

from steepest.diagnosis.case import Case
from steepest.diagnosis.signals import (
    Signals,
    asked_rate,
    changed,
    has_failed,
    is_stuck,
    option,
    signals_of,
)
from steepest.records.verdict import Finding, Severity

LOUD = 1e3
"""A reach above it, before the first step: the weights are too large at the start."""
BURST, HIGH, LEAP = 1e3, 10.0, 0.5
"""During a run: a reach, a loss in units of the constant's, and a step in units of its
matrix, all of them beyond these."""
REFERENCE = (
    "Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural "
    "networks; He et al. 2015, arXiv 1502.01852"
)


def find(case: Case) -> Finding | None:
    """Gradients that grew beyond what steps can use, in a run that failed or is stuck.

    Args:
        case: of a fit.
    """
    signals = signals_of(case)
    if signals is None or not is_stuck(case, signals):
        return None
    first = float(signals.first.max())
    by_weights = first > LOUD
    by_steps = signals.most > BURST and signals.highest > HIGH and signals.update > LEAP
    if not (by_weights or by_steps):
        return None
    words, remedy = _weights(case) if by_weights else _steps(case)
    evidence = {
        "reach_start": first,
        "reach_most": min(signals.most, 1e300),
        "update_ratio": min(signals.update, 1e300),
        "loss_highest": min(signals.highest, 1e300),
    }
    severity: Severity = "error" if has_failed(case) else "warning"
    advice = f"{_told(signals, by_weights=by_weights)}: {words}."
    last = int(case.trace.step[-1])
    return Finding(
        *("exploding_gradients", severity, advice, evidence, (0, last), remedy),
        reference=REFERENCE,
    )


def _told(signals: Signals, *, by_weights: bool) -> str:
    if by_weights:
        name = signals.names[int(signals.first.argmax())]
        return (
            f"before the first step the gradient of {name} is "
            f"{signals.first.max():.1g} times what the loss can use"
        )
    return (
        f"steps of {signals.update:.2g} times the size of a weight matrix threw the "
        f"loss to {signals.highest:.2g} times that of a constant prediction"
    )


def _weights(case: Case) -> tuple[str, dict[str, Any]]:
    """Smaller weights at the start, or a norm that takes their size away."""
    if option(case, "norm", "none") == "none":
        words = "smaller initial weights, or norm='batch', which takes their size away"
        return words, changed(case, norm="batch")
    return _steps(case)


def _steps(case: Case) -> tuple[str, dict[str, Any]]:
    """Steps that no gradient makes long."""
    rate = asked_rate(case)
    if rate is None:
        return "cut long gradients, clip_norm=1", {"clip_norm": 1.0}
    words = (
        f"learning_rate={rate:g} is too large; optimizer='auto' needs none, and "
        "clip_norm=1 cuts long gradients"
    )
    return words, {"optimizer": "auto", "learning_rate": None}
