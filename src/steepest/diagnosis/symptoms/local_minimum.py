"""Local minimum: others, from other starts, found a better one."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

LEVEL = 1e-6
"""Ends within this of each other, relative to max(1, |value|), are level."""
LEAST = 20
"""Restarts that are advised at least."""
REFERENCE = (
    "Rinnooy Kan, Timmer 1987, Math. Prog. 39:27: many starts, since one descent finds "
    "the minimum of its own basin"
)


def find(case: Case) -> Finding | None:
    """A better end that is known from other runs on the same function.

    Args:
        case: judged, with what is known of `better`.
    """
    if case.better is None or not case.converged or not len(case.trace):
        return None
    best, times, runs = case.better
    value = float(case.trace.value[-1])
    gain = best - value if case.climbs else value - best
    if not gain > LEVEL * max(1.0, abs(best)):
        return None
    goal = "maximum" if case.climbs else "minimum"
    n = max(runs, LEAST)
    advice = (
        f"{times:,} of {runs:,} runs came to a better {goal}, {best:.6g} in place of "
        f"{value:.6g}: use restarts with n={n}, and take the best."
    )
    evidence = {
        "value": value,
        "value_best": best,
        "times": float(times),
        "runs": float(runs),
    }
    return Finding(
        "local_minimum",
        "warning",
        advice,
        evidence,
        remedy={"restarts": n},
        reference=REFERENCE,
    )
