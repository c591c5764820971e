"""Dead units: hidden units whose output is the same on every row."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.signals import (
    FAINT,
    Signals,
    asked_rate,
    changed,
    has_failed,
    is_stuck,
    option,
    signals_of,
    thickest,
)
from steepest.records.verdict import Finding

MOST = 0.9
"""A layer with this share of its units dead lets next to nothing pass."""
HIDDEN, SILENT = 2, 1e-6
"""Matrices of the smallest network with hidden units, and a reach that is none."""
FAMILY = ("relu", "leaky_relu", "gelu")
"""Activations that are flat on one side."""
REFERENCE = (
    "Lu, Shin, Su, Karniadakis 2019, Dying ReLU and initialization, arXiv 1903.06733; "
    "Maas, Hannun, Ng 2013, Rectifier nonlinearities"
)


def find(case: Case) -> Finding | None:
    """A layer that died, in a run that is stuck.

    Args:
        case: of a fit with its units.
    """
    units, signals = case.units, signals_of(case)
    if signals is None or not is_stuck(case, signals) or has_failed(case):
        return None
    if units is None:
        return _silent(case, signals)
    if units.activation not in FAMILY:
        return None
    layer = thickest(units.dead, MOST)
    if layer is None:
        return None
    before = max(units.dead_start)
    born = before >= MOST
    if not born and signals.first[0] < FAINT:
        return None  # nothing reached them: they died of that
    words, remedy = _born(case) if born else _killed(case)
    when = "before the first step" if born else "by the end"
    advice = (
        f"{units.dead[layer]:.0%} of the units of hidden layer {layer + 1} give the "
        f"same output on every row {when}: {words}."
    )
    evidence = {
        "dead_start": before,
        "dead_end": units.dead[layer],
        "hidden_layer": float(layer + 1),
        "learned": signals.learned,
    }
    last = int(case.trace.step[-1])
    return Finding(
        *("dead_units", "warning", advice, evidence, (0, last), remedy),
        reference=REFERENCE,
    )


def _silent(case: Case, signals: Signals) -> Finding | None:
    """A network of the user's own, in which no weight matrix moves the loss.

    Gradients that vanish on their way reach the last matrix still; where they do not,
    the units before it are at zero on every row.
    """
    reach = np.maximum(signals.first, signals.late)
    if len(reach) < HIDDEN or reach.max() > SILENT:
        return None
    words = "start their biases at 0 and their weights at random, or take model='mlp'"
    remedy: dict[str, Any] = {"model": "mlp"}
    if option(case, "kind") == "mlp":
        words, remedy = _born(case)
    advice = (
        "no weight matrix moves the loss, from the first step on, as hidden units give "
        f"zero on every row: {words}."
    )
    evidence = {"reach_most": float(reach.max()), "learned": signals.learned}
    last = int(case.trace.step[-1])
    return Finding(
        *("dead_units", "warning", advice, evidence, (0, last), remedy),
        reference=REFERENCE,
    )


def _born(case: Case) -> tuple[str, dict[str, Any]]:
    """Another start, or another activation."""
    if option(case, "init", "auto") in ("zeros", "normal"):
        return "take init='auto'", changed(case, init="auto")
    if option(case, "norm", "none") == "none":
        return "take norm='batch', which keeps units awake", changed(case, norm="batch")
    return "take activation='leaky_relu'", changed(case, activation="leaky_relu")


def _killed(case: Case) -> tuple[str, dict[str, Any]]:
    """Shorter steps, that do not throw the units out of reach of the rows."""
    rate = asked_rate(case)
    if rate is None:
        return "take activation='leaky_relu'", changed(case, activation="leaky_relu")
    words = (
        f"learning_rate={rate:g} is too large; optimizer='auto' needs none, and "
        "activation='leaky_relu' cannot die"
    )
    return words, {"optimizer": "auto", "learning_rate": None}
