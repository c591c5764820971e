"""Learned nothing: the loss of a fit never fell, and the rate does not tell why."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import HARMED, lack_of
from steepest.diagnosis.rates import round_down
from steepest.records.verdict import Finding

BETTER = 1e-3
"""A loss lower by this share, a metric higher by this much, is better."""
REFERENCE = "a model is compared with the prediction that ignores every column"


def find(case: Case) -> Finding | None:
    """A loss that hardly fell, of a model that beats no baseline.

    Args:
        case: of a fit.
    """
    ends = losses_of(case)
    if ends is None:
        return None
    if fell(ends) or beats(case) or not blames_the_rate(case):
        return None
    first, best, last = ends
    rose = last > first + BETTER * abs(first)
    advice, remedy = _other_rate(case.settings.get("learning_rate"), rose=rose)
    evidence = {"loss_start": first, "loss_best": best, "loss_end": last}
    return Finding(
        "learned_nothing", "warning", advice, evidence, None, remedy, REFERENCE
    )


def losses_of(case: Case) -> tuple[float, float, float] | None:
    """(first, best, last) loss: on validation rows, where there are any.

    Args:
        case: of a fit.

    Returns:
        None where it is no fit, it failed, or no step was made.
    """
    trace, curve = case.trace, case.trace.validation.loss
    losses = np.asarray(curve if len(curve) else trace.value, float)
    losses = losses[np.isfinite(losses)]
    if not case.on_table or len(losses) < 2 or trace.step[-1] == 0:
        return None
    if case.stop is not None and case.stop.failed:
        return None
    return float(losses[0]), float(losses.min()), float(losses[-1])


def fell(ends: tuple[float, float, float]) -> bool:
    """Whether the loss fell at all.

    Args:
        ends: first, best and last.

    >>> fell((1.0, 0.9, 1.2)), fell((1.0, 1.0, 1.0))
    (True, False)
    """
    return ends[1] < ends[0] - BETTER * abs(ends[0])


def blames_the_rate(case: Case) -> bool:
    """Whether other steps might have brought more.

    Not where descent came to rest, nor where the columns are known to tell nothing.

    Args:
        case: of a fit.
    """
    if case.converged or (case.stop is not None and case.stop.converged):
        return False
    return case.reach is None or lack_of(case) > HARMED


def beats(case: Case) -> bool:
    """Whether the model is known to be better than the baseline.

    Args:
        case: of a fit.
    """
    if case.metric is None or not np.isfinite(case.metric).all():
        return False
    return case.metric[0] > case.metric[1] + BETTER


def _other_rate(rate: float | None, *, rose: bool) -> tuple[str, dict[str, Any]]:
    if rose:
        told, factor = "the loss rose: lower learning_rate", 0.1
        more = "; if that brings nothing, the columns may say nothing of the target"
    else:
        told, factor = "the loss hardly moved: raise learning_rate", 10.0
        more = " or beyond, or run more epochs"
    if rate is None:
        return f"{told}.", {"optimizer": "auto"}
    new = round_down(rate * factor)
    return f"{told}, to {new:g}{more}.", {"learning_rate": new}
