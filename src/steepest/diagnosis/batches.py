"""The learning rate of a fit on batches: too small, too large, or too noisy."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import HARMED, lack_of
from steepest.diagnosis.stability import stability_of
from steepest.steps import OPTIMIZERS

BENDS = {
    "squared": 2.0,
    "huber": 1.0,
    "log": 0.25,
    "cross_entropy": 0.5,
    "squared_hinge": 2.0,
}
"""The largest curvature of a loss by the raw prediction."""
CARRIED = {
    "gd": "",
    "adagrad": "",
    "rmsprop": "",
    "momentum": "momentum",
    "nesterov": "momentum",
    "adam": "b1",
    "adamw": "b1",
}
"""Rules whose steps go along gradients, and what names the share of the last that they
keep."""
PLAIN = ("gd", "momentum", "nesterov")
TURNS = -0.2
"""Gradients of successive batches that turn back so much undo each other's steps."""
LOUD = 0.15
"""This is a rough estimate: no alarm below so much of the gain, where nothing else
tells what was within reach."""
TAIL = 0.2
"""The last part of the run, over which steps and gradients are taken together."""

FEW, HALF, AGREE, FEWEST = 60, 0.5, 0.3, 8
"""A fit of so few steps, whose loss is above this share of where it began, and whose
gradients agree so well from batch to batch, has only begun; and so has one
epoch of fewer steps than the last."""

THROWN, FAR = 3.0, 10.0
"""So many times the loss before training is a loss that steps threw there."""
LOST, LEFT = 0.9, 0.3
"""The best of such a fit still has the first share of the loss of a constant; or, if
it ended above its start after being thrown far, the second share."""


class Hover(NamedTuple):
    """A fit whose batches keep it above its optimum."""

    excess: float
    """how far above, by the length of steps and the noise of gradients"""
    gain: float
    """what the epochs brought, and this on top"""
    cosine: float
    """of successive gradients"""

    @property
    def loud(self) -> bool:
        """Whether the noise costs so much of the gain that it cannot be chance."""
        return self.excess > LOUD * self.gain


def usual_rate(case: Case) -> tuple[float, str] | None:
    """(a rate that suits, why) for the rule of a fit; None where it is not known.

    (1 - momentum) / (bend (lambda + tr / B)), for plain rules on linear models: bend
    is the largest curvature of the loss, lambda the largest eigenvalue of the mean
    x x^T, tr the mean |x|^2, which batches of B rows add to. Else the optimizer's own.

    Args:
        case: of a fit.

    Source: Bach, Moulines 2013, arXiv 1306.2119 (rates below 1 / mean |x|^2).
    """
    settings, columns = case.settings, case.columns
    name = str(settings.get("optimizer"))
    model = settings.get("model") or {}
    loss = str(settings.get("loss")).partition(":")[0]
    linear = isinstance(model, dict) and model.get("kind") == "linear"
    if name in PLAIN and linear and loss in BENDS and columns and columns.steepest:
        rows = max(1, int(settings.get("batch_size") or 1))
        bend = columns.steepest + (columns.trace or 0.0) / rows
        kept = 1 - float(settings.get("momentum") or 0.0)
        return kept / (BENDS[loss] * bend), "1 / curvature of the columns"
    at = stability_of(case)
    if at is not None:
        return at.advised, "1 / curvature as the gradients show it"
    known = OPTIMIZERS.get(name)
    if known is None or known.learning_rate is None:
        return None
    return known.learning_rate, f"what {name} takes by itself"


def hover_of(case: Case) -> Hover | None:
    """How far batches hold a fit above its optimum; None where rates are unknown.

    Around a minimum, steps of rate a along gradients of variance tr S hold descent
    a tr S / 4 above it (a curvature << 1), which is |step| |noise| / 4. Rules that sum
    up gradients go further by each than a single step of theirs is long.

    Args:
        case: of a fit on batches.

    Source: Bottou, Curtis, Nocedal 2018, arXiv 1606.04838, theorem 4.6.
    """
    trace, found = case.trace, case.falls_seen
    known = str(case.settings.get("optimizer")) in CARRIED
    if case.noise is None or not found or not known:
        return None
    steps = np.asarray(trace.update_norm, float)[:-1]
    count = max(8, int(TAIL * len(steps)))
    steps = steps[-count:]
    steps = steps[np.isfinite(steps)]
    if not len(steps):
        return None
    length = math.sqrt(float(np.mean(steps * steps)))
    noise = math.sqrt(case.noise.batch)
    excess = length * noise * _carried(case) / 4
    cosine = np.asarray(trace.cosine, float)[:-1][-count:]
    cosine = cosine[np.isfinite(cosine)]
    start, now = found[-1].start, found[-1].now
    gain = max(start - now, 0.0) + excess
    return Hover(excess, gain, float(cosine.mean()) if len(cosine) else math.nan)


def _carried(case: Case) -> float:
    """How far a rule goes by one gradient in all, in units of its usual step."""
    memory = CARRIED[str(case.settings.get("optimizer"))]
    kept = float(case.settings.get(memory) or 0.0)
    return math.sqrt((1 + kept) / (1 - kept)) if kept < 1 else 1.0


def lacks(case: Case) -> bool:
    """Whether a fit is known to lack more than it may.

    Args:
        case: of it.
    """
    return lack_of(case) > HARMED


def turns_back(case: Case) -> bool:
    """Whether steps on batches leap over the valley: each gradient undoes the last.

    Args:
        case: of a fit on batches.
    """
    hover = hover_of(case)
    return hover is not None and hover.cosine < TURNS


def is_early(case: Case) -> bool:
    """Whether a fit on batches made so few steps that it has only begun.

    Args:
        case: of it.
    """
    steps = int(case.trace.step[-1]) if len(case.trace) else 0
    hover, found = hover_of(case), case.falls_seen
    if not 0 < steps < FEW or not found:
        return False
    ahead = hover is not None and hover.cosine > AGREE
    brief = steps < FEWEST and case.settings.get("epochs") == 1
    return (ahead or brief) and found[0].now > HALF * found[0].top > 0


def thrown(case: Case) -> float:
    """How many times the loss before training it was thrown to; 0 where no harm came.

    Args:
        case: of a fit.
    """
    found, value = case.falls_seen, np.asarray(case.trace.value, float)[:-1]
    value = value[~np.isnan(value)]
    if not found or not len(value):
        return 0.0
    last, judged = found[-1], found[0]
    begun = [abs(float(value[0])), case.constant or 0.0]
    begun += [judged.start] if judged.validated else []
    # one batch may hold the outliers: only the mean of many tells
    high = max(last.start, last.now) if case.noise is not None else float(value.max())
    times = high / max(begun) if max(begun) > 0 else 0.0
    if not times > THROWN:
        return 0.0
    if case.reach is not None:
        return times if lack_of(case) > HARMED else 0.0
    curve = np.asarray(case.trace.validation.loss, float)
    best = float(np.nanmin(curve)) if judged.validated else judged.now
    risen = times > FAR or case.noise is None
    risen = risen and judged.now > judged.start and best > LEFT * judged.top
    return times if risen or best > LOST * judged.top else 0.0
