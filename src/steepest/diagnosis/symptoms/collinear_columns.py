"""Collinear columns: some tell what others tell already."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

SHOWN = 5
REFERENCE = "Belsley, Kuh, Welsch 1980, Regression Diagnostics, ch. 3"


def find(case: Case) -> Finding | None:
    """Number columns that are others again, or sums of others.

    The prediction is as good as without them, so it is no alarm; but which of them
    bears the coefficient is left to chance.

    Args:
        case: of a fit.
    """
    columns = case.columns
    if columns is None or not (columns.pairs or columns.sums):
        return None
    evidence = {"pairs": float(len(columns.pairs)), "sums": float(len(columns.sums))}
    if columns.pairs:
        one, other, near = max(columns.pairs, key=lambda pair: abs(pair[2]))
        evidence["correlation"] = near
        words = f"{other} is {one} over again (correlation {near:.6g})"
        spare = sorted({pair[1] for pair in columns.pairs})
        more = len(spare) - 1
        words += f", and so are {more} more of others" if more else ""
    else:
        told = columns.sums
        names = ", ".join(told[:SHOWN]) + (", ..." if len(told) > SHOWN else "")
        words, spare = f"of {names} each is a sum of the others", [told[-1]]
    listed = ", ".join(map(repr, spare[:SHOWN])) + (", ..." if spare[SHOWN:] else "")
    advice = (
        f"{words}: predictions are sound, single coefficients mean little. Set "
        f"ignore=[{listed}] to read them."
    )
    return Finding(
        "collinear_columns",
        "info",
        advice,
        evidence,
        remedy={"ignore": spare},
        reference=REFERENCE,
    )
