"""The verdict on a descent whose kinks were rounded off: how far the minimum may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from steepest.records.stop import Stop
from steepest.records.verdict import Finding, Verdict

STEPS = ("budget_short", "step_too_small", "step_too_large", "ill_conditioned")
"""Symptoms of runs that fell short: near the minimum, this one did not."""
CLOSE, TINY = 1e-3, 1e-5
"""The end counts as the minimum where that is at most this share of the value lower, or
this number for targets of deviation 1."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How much lower the minimum of a convex objective may be.

    f(x) - f(y) <= added + slope * (|x - y| + steep)   for every y

    as the rounded objective is convex and at most `added` above f. It is told for
    |x - y| = |x|: a minimum that is no further away than the params are from 0.

    Args:
        value: the objective, without rounding.
        added: what rounding adds to it at most.
        slope: the norm of the gradient of the rounded objective, projected where
            coefficients are held at 0.
        steep: the norm of the gradient that is not projected, 0 where none is held.
        size: |x|, the norm of the params.

    >>> round(Gap(value=2.0, added=1e-3, slope=1e-4, steep=0.0, size=5.0).most, 6)
    0.0015
    """

    value: float
    added: float
    slope: float
    steep: float
    size: float

    @property
    def most(self) -> float:
        """The bound."""
        return self.added + self.slope * (self.size + self.steep)

    @property
    def closed(self) -> bool:
        """Whether the end counts as the minimum."""
        return self.most <= max(CLOSE * abs(self.value), TINY)


def judge_rounded(
    verdict: Verdict, stop: Stop, gap: Gap, *, score: str = "", validated: bool = False
) -> Verdict:
    """The verdict of a fit, with what rounding off its kinks leaves open.

    A gradient is never small at a kink, and that of the rounded objective says little
    by itself: minimum is said where the bound is small, and only there.

    Args:
        verdict: what `judge_fit` said.
        stop: why the run ended.
        gap: the bound at its end.
        score: one sentence about the metrics, for the headline.
        validated: whether other params, the best on validation rows, were returned.
    """
    rests = stop.converged or stop is Stop.PRECISION
    if stop.failed or not (gap.closed or rests):
        return verdict
    evidence = {"gap": gap.most, "rounding": gap.added, "value": gap.value}
    if gap.closed:
        advice = (
            f"the minimum is at most {gap.most:.2g} lower than where descent ended."
        )
        found = Finding("kinks_rounded", "info", advice, evidence)
        kept = tuple(one for one in verdict.findings if one.symptom not in STEPS)
        verdict = replace(verdict, findings=(*kept, found))
        if validated:
            return verdict
        words = f"Converged: the minimum is at most {gap.most:.2g} lower."
        return replace(
            verdict, headline=f"{words} {score}".strip(), kind="minimum", converged=True
        )
    advice = (
        "steps gain nothing more in this precision: a small l2 > 0 gives the objective "
        "a firm minimum, or take a smooth loss."
    )
    found = Finding("kinks_open", "warning", advice, evidence)
    words = f"Came to rest, but the minimum may be {gap.most:.2g} lower."
    return replace(
        verdict,
        headline=f"{words} {score}".strip(),
        kind="not_stationary",
        converged=False,
        findings=(found, *verdict.findings),
    )
