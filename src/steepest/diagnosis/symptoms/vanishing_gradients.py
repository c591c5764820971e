"""Vanishing gradients: what reaches the front layers of a network is too little."""

from __future__ import annotations

from typing import Any

from steepest.diagnosis.case import Case
from steepest.diagnosis.signals import FAINT, changed, is_stuck, option, signals_of
from steepest.records.verdict import Finding

LAYERS = 3
"""Weight matrices of the shallowest network in which a gradient can vanish."""
DEEP = 10
"""From so many hidden layers on, a better activation is not enough."""
REFERENCE = (
    "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward "
    "neural networks; He et al. 2015, arXiv 1502.01852"
)


def find(case: Case) -> Finding | None:
    """Front layers whose weights hardly matter to the loss, in a run that is stuck.

    Args:
        case: of a fit.
    """
    signals = signals_of(case)
    if signals is None or len(signals.names) < LAYERS or not is_stuck(case, signals):
        return None
    front, late = float(signals.early[0]), float(signals.late[0])
    if max(front, late, float(signals.first[0])) >= FAINT:
        return None
    words, remedy = _cure(case, len(signals.names) - 1)
    advice = (
        f"changing {signals.names[0]} by its whole size moves the loss by next to "
        f"nothing (a share of {front:.1g}): {words}."
    )
    evidence = {
        "reach_front": front,
        "reach_back": float(signals.early[-1]),
        "factor_per_layer": signals.factor,
        "learned": signals.learned,
    }
    last = int(case.trace.step[-1])
    return Finding(
        *("vanishing_gradients", "warning", advice, evidence, (0, last), remedy),
        reference=REFERENCE,
    )


def _cure(case: Case, hidden: int) -> tuple[str, dict[str, Any]]:
    """Weights that keep a signal's size; else what helps it through."""
    if option(case, "init", "auto") in ("normal", "zeros", "lecun"):
        words = "take init='auto', which keeps the size of a signal from layer to layer"
        return words, changed(case, init="auto")
    better: dict[str, Any] = {}
    words = []
    if option(case, "activation") in ("sigmoid", "tanh"):
        better["activation"] = "relu"
        words.append("activation='relu'")
    if hidden >= DEEP or not better:  # shortcuts alone let a signal grow
        if not option(case, "residual", False):
            better["residual"] = True
            words.append("residual=True")
        if option(case, "norm", "none") == "none":
            better["norm"] = "batch"
            words.append("norm='batch'")
    if not better:
        better["hidden"] = option(case, "hidden", [])[: max(2, hidden // 2)]
        words.append("half the hidden layers")
    return f"take {' and '.join(words)}", changed(case, **better)
