"""Unscaled columns: sizes so different that no one learning rate suits them all."""

from __future__ import annotations

from steepest.diagnosis.batches import PLAIN
from steepest.diagnosis.case import Case
from steepest.diagnosis.lacks import HARMED, SIGNAL, lack_of
from steepest.records.verdict import Finding

RATIO = 10.0
"""Sizes of columns that differ by less harm no descent."""
WORSE = 30.0
"""The condition number is so many times what it would be of columns of one size."""
REFERENCE = "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, sec. 4.3"


def find(case: Case) -> Finding | None:
    """Columns left as they are, whose sizes keep a fit from getting far.

    Args:
        case: of a fit.
    """
    columns, settings = case.columns, case.settings
    if columns is None or columns.ratio < RATIO or case.stop is None:
        return None
    worse = (columns.condition or 0.0) / (columns.scaled or 1.0)
    if columns.condition is not None and worse < WORSE:
        return None
    harmed = _is_harmed(case)
    if not harmed and str(settings.get("optimizer")) not in PLAIN:
        return None
    evidence = {"ratio": columns.ratio}
    if columns.condition is not None and columns.scaled is not None:
        evidence |= {"condition": columns.condition, "condition_scaled": columns.scaled}
    advice = (
        f"column {columns.largest} is {columns.ratio:.2g} times as large as "
        f"{columns.smallest}, so a rate that suits one is wrong for the other: set "
        "standardize=True."
    )
    return Finding(
        "unscaled_columns",
        "warning" if harmed else "info",
        advice,
        evidence,
        remedy={"standardize": True},
        reference=REFERENCE,
    )


def _is_harmed(case: Case) -> bool:
    """Whether the fit blew up, or lacks what scaled columns would bring."""
    if case.stop is not None and case.stop.failed:
        return True
    if case.converged or (case.stop is not None and case.stop.converged):
        return False
    lack = lack_of(case)
    if case.reach is not None:
        return lack > HARMED
    return lack > HARMED or _is_blind(case)


def _is_blind(case: Case) -> bool:
    """Whether the model tells nothing of the target, while its columns may."""
    if case.metric is None:
        return False
    return case.metric[0] <= case.metric[1] + SIGNAL
