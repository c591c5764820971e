"""Comparing: what other runs on the same function say of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steepest.diagnosis.case import Better, Case
from steepest.diagnosis.symptoms import GRAVITY, local_minimum
from steepest.records.run import Run


def compared(run: Run, better: Better) -> Run:
    """The run, told of a better end where its own is only a local minimum.

    Args:
        run: of a descent on a function.
        better: the best that is known of many runs on that function.

    Returns:
        The run itself where it came as far.
    """
    case = Case(run.trace, run.stop, run.settings, run.verdict.kind)
    case = case._replace(converged=run.converged, better=better)
    found = local_minimum.find(case)
    if found is None:
        return run
    findings = sorted(
        (found, *run.verdict.findings), key=lambda one: GRAVITY.index(one.severity)
    )
    return replace(run, verdict=replace(run.verdict, findings=tuple(findings)))


def best_of(runs: Sequence[Run]) -> Better | None:
    """The best end of several runs on one function; None where none converged.

    Args:
        runs: all downhill, or all uphill.

    >>> best_of([]) is None
    True
    """
    ends = [run.value for run in runs if run.converged]
    if not ends:
        return None
    climbs = runs[0].settings.get("direction") == "maximize"
    best = max(ends) if climbs else min(ends)
    level = local_minimum.LEVEL * max(1.0, abs(best))
    times = sum(abs(end - best) <= level for end in ends)
    return Better(best, times, len(runs))
