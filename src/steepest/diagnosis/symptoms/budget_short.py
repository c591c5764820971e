"""Budget short: the run was on its way, and its budget ended it."""

from __future__ import annotations

import math
from typing import Any

from steepest.diagnosis import tables
from steepest.diagnosis.advice import at_lower_bound, short_of
from steepest.diagnosis.case import Case
from steepest.diagnosis.harm import is_harmed, share_left
from steepest.diagnosis.probes.tail import Tail
from steepest.records.stop import Stop
from steepest.records.verdict import Finding

SPARE = 1.2
"""Steps that are advised, as a multiple of those foreseen."""
FAR = 30.0
"""More than so many budgets are not advised: another rule needs fewer."""
TINY = 1e-6
"""Without gtol the gradient is to come down to this share of its start."""
AUTO: dict[str, Any] = {"optimizer": "auto", "learning_rate": None}
REFERENCE = (
    "Nesterov 2004, Introductory Lectures on Convex Optimization, theorem 2.1.15: "
    "linear convergence, so that the last steps foretell the next"
)


def find(case: Case) -> Finding | None:
    """A budget that ended a descent on a function, and what it would have taken.

    Worth knowing where little was left to gain, an alarm where much was.

    Args:
        case: judged and measured.
    """
    stop, settings = case.stop, dict(case.settings)
    if case.on_table:
        return tables.short(case)
    if stop is None or not stop.budget or case.converged or not len(case.trace):
        return None
    if case.place.kind != "plain" or at_lower_bound(case.trace, settings):
        return None
    tail = case.tail or Tail()
    goal = _goal(case)
    steps = tail.steps_to(case.trace, goal)
    advice, remedy = _advice(case, tail, goal, steps)
    evidence = {
        "grad_norm": float(case.trace.grad_norm[-1]),
        "grad_norm_start": float(case.trace.grad_norm[0]),
        "gtol": float(settings.get("gtol") or 0.0),
    }
    if math.isfinite(steps):
        evidence["steps_needed"] = steps
    share = share_left(case)
    if math.isfinite(share):
        evidence["share_left"] = share
    return Finding(
        "budget_short",
        "warning" if is_harmed(case) else "info",
        advice,
        evidence,
        remedy=remedy,
        reference=REFERENCE,
    )


def _goal(case: Case) -> float:
    """The gradient norm that is to be reached."""
    gtol = float(case.settings.get("gtol") or 0.0)
    return gtol or TINY * float(case.trace.grad_norm[0])


def _advice(
    case: Case, tail: Tail, goal: float, steps: float
) -> tuple[str, dict[str, Any]]:
    """(advice, remedy): the budget that would do, or another rule."""
    stop, settings, done = case.stop, dict(case.settings), int(case.trace.step[-1])
    assert stop is not None  # noqa: S101  asked before
    words, other = short_of(stop, case.trace, settings)
    auto = settings.get("optimizer_chosen") == "auto"
    if other or not math.isfinite(steps) or not done:
        return words, other or ({} if auto else AUTO)
    law = (
        f"by a factor of {tail.number:.6g} a step"
        if tail.law == "linear"
        else f"as steps^-{tail.number:.2g}"
    )
    told = (
        f"over the last {tail.steps:,} steps the gradient norm fell {law}, so that "
        f"{goal:.2g} takes about {_round_up(steps):,.0f} steps"
    )
    faster = "" if auto else ", or use optimizer='auto', which needs fewer"
    need = SPARE * steps / done
    budget = settings.get(stop.name.lower())
    if need > FAR and not auto:
        return f"use optimizer='auto': {told} this way.", AUTO
    if stop is Stop.MAX_STEPS:
        most = _round_up(SPARE * steps)
        return f"raise max_steps to {most:,.0f}: {told}{faster}.", {"max_steps": most}
    if stop is Stop.MAX_SECONDS and budget:
        most = float(f"{need * float(budget):.2g}")
        return f"raise max_seconds to {most:g}: {told}{faster}.", {"max_seconds": most}
    return words, other


def _round_up(number: float) -> int:
    """Two digits of a count, never less than it is."""
    unit = 10 ** max(0, math.floor(math.log10(max(number, 1.0))) - 1)
    return math.ceil(number / unit) * unit
