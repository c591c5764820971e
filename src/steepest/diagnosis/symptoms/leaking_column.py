"""A leaking column: it knows the target by itself, as if it were made from it."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

REFERENCE = (
    "Kaufman, Rosset, Perlich 2011, Leakage in Data Mining (KDD); neighbours along a "
    "column: Chatterjee 2021, J. Am. Stat. Assoc. 116:2009"
)


def find(case: Case) -> Finding | None:
    """One column that tells nearly all of the target, and all others tell little.

    Args:
        case: of a fit.
    """
    if case.columns is None or case.columns.leak is None:
        return None
    leak = case.columns.leak
    advice = (
        f"{leak.name} alone leaves {leak.alone:.2g} of the target open, all other "
        f"columns together {min(1.0, leak.others):.2g}: if it is not known before the "
        "target is, predictions will be far worse in use; then set "
        f"ignore=[{leak.name!r}]."
    )
    evidence = {
        "left_open_alone": float(leak.alone),
        "left_open_by_others": float(leak.others),
    }
    remedy = {"ignore": [leak.name]}
    return Finding(
        "leaking_column", "warning", advice, evidence, None, remedy, REFERENCE
    )
