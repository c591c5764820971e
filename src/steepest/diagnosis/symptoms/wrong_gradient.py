"""Wrong gradient: what was given as the gradient is not the slope of the function."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.diagnosis.probes.slopes import WRONG
from steepest.records.verdict import Finding

REFERENCE = (
    "central differences, relative error above 1e-2: Dennis, Schnabel 1983, Numerical "
    "Methods, section 5.6"
)


def find(case: Case) -> Finding | None:
    """A slope that values contradict.

    Args:
        case: with what was found of the `slope`.
    """
    found = case.slope
    if found is None or not found.error > WRONG:
        return None
    who = "the rule registered with jax" if found.own_rule else "grad"
    cure = "mend or remove the rule" if found.own_rule else "mend it, or leave grad out"
    advice = (
        f"{who} is not the gradient of the function: {found.where} {found.coordinate} "
        f"has {found.given:.6g}, but the slope there is {found.slope:.6g} (central "
        f"difference); {cure}: jax makes gradients by itself."
    )
    evidence = {
        "given": found.given,
        "slope": found.slope,
        "relative_error": found.error,
    }
    remedy = {} if found.own_rule else {"grad": None}
    return Finding(
        "wrong_gradient",
        "warning",
        advice,
        evidence,
        remedy=remedy,
        reference=REFERENCE,
    )
