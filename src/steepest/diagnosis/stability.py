"""Stability: how the rate of a run compares with the curvature that it met."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.rates import round_down, smaller, steepest

EDGE = 2.0
"""Plain descent on a quadratic is stable for rate * curvature below it."""


class Stability(NamedTuple):
    """A rule whose rate has the unit of 1 / curvature, and the curvature it met."""

    rate: float
    """The learning rate of its last step."""
    reach: float
    """The rate of the plain descent that goes as far in many steps."""
    limit: float
    """On a quadratic the rule is stable for rate * curvature below it."""
    curvature: float
    """The largest that is known: a lower bound of the largest there was."""

    @property
    def ratio(self) -> float:
        """Rate * curvature, scaled so that the edge of stability is 2 for each rule."""
        return EDGE * self.rate * self.curvature / self.limit

    @property
    def advised(self) -> float:
        """1 / curvature, to two digits."""
        return round_down(1 / self.curvature)


def stability_of(case: Case) -> Stability | None:
    """The rate of a run beside the curvature; None where they cannot be compared.

    Plain descent: stable below 2 / curvature; with momentum b below 2 (1 + b) /
    curvature, and Nesterov's form below 2 (1 + b) / ((1 + 2 b) curvature). Known by
    the optimizer's name, or by steps that are rate * gradient.

    Args:
        case: measured.

    Source: Polyak 1964; O'Donoghue, Candes 2015, Found. Comput. Math. 15:715, sec. 4.

    >>> from steepest.records import Trace
    >>> from steepest.records.row import empty
    >>> stability_of(Case(Trace(empty()), spectrum=None))
    """
    spectrum = case.spectrum
    if spectrum is None:
        return None
    name = case.settings.get("optimizer")
    decay = float(case.settings.get("momentum") or 0.0)
    limit = {
        "gd": EDGE,
        "momentum": EDGE * (1 + decay),
        "nesterov": EDGE * (1 + decay) / (1 + 2 * decay),
    }.get(str(name))
    if name is None and np.isfinite(spectrum.rate):
        limit = EDGE
    if limit is None or case.settings.get("searches"):
        return None
    rates = np.asarray(case.trace.learning_rate, float)
    rates = rates[np.isfinite(rates) & (rates > 0)]
    curvature = spectrum.largest
    if case.curvature is not None and not spectrum.quadratic:
        curvature = float(np.fmax(curvature, steepest(case.curvature)))
    if not len(rates) or not curvature > 0 or not math.isfinite(curvature):
        return None
    rate = float(rates[-1])
    return Stability(rate, rate / (1 - decay), limit, curvature)


def shorter(
    case: Case, rate: float | None, share: float, *, kink: bool = False
) -> tuple[str, dict[str, Any]]:
    """(advice, remedy): a rate that is stable, where one was too large.

    Of a quadratic 1 / curvature, which the trace tells; else at most that, as far as it
    is known, and at most a share of the old rate.

    Args:
        case: measured.
        rate: the learning rate; None where a rule hides it.
        share: of the old rate.
        kink: whether curvature tells nothing here.
    """
    if rate is None or kink:
        return smaller(rate, None, share)
    known = case.curvature
    spectrum = case.spectrum
    at = stability_of(case)
    if at is not None and spectrum is not None:
        if spectrum.quadratic and at.advised < rate:
            words = (
                f"try learning_rate={at.advised:g}, which is 1 / curvature as the "
                "gradients show it, or optimizer='auto', which needs none."
            )
            return words, {"learning_rate": at.advised}
        if known is None:
            known = Curvature(at.curvature, at.curvature, 0.0)
    if case.settings.get("optimizer") not in (None, "gd", "momentum", "nesterov"):
        known = None  # its rate is no length per gradient
    return smaller(rate, known, share)
