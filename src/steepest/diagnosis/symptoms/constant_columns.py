"""Constant columns: the same in every row, so that they say nothing."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

SHOWN = 5
REFERENCE = (
    "a column without variance has no correlation with the target, and its "
    "coefficient is another bias"
)


def find(case: Case) -> Finding | None:
    """Columns that were left out, as they are the same in every training row.

    Args:
        case: of a fit.
    """
    if case.columns is None or not case.columns.constant:
        return None
    names = case.columns.constant
    told = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    one = len(names) == 1
    be, them = ("is", "it") if one else ("are", "them")
    advice = (
        f"{told} {be} the same in every row to train on and left out; name {them} in "
        "ignore, or see why nothing varies."
    )
    evidence = {"columns": float(len(names)), "rows": float(case.columns.rows)}
    remedy = {"ignore": list(names)}
    return Finding(
        "constant_columns", "info", advice, evidence, None, remedy, REFERENCE
    )
