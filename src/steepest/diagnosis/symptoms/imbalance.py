"""Imbalance: a class so rare that the model never predicts it."""

from __future__ import annotations

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

RARE, VERY_RARE = 0.05, 0.02
"""Classes with a smaller share of the rows are told; rarer ones, if they are never
predicted, are a warning."""
IGNORED = 0.05
"""Recall below which a class is as good as never predicted."""
REFERENCE = "He, Garcia 2009, IEEE Trans. Knowl. Data Eng. 21:1263"


def find(case: Case) -> Finding | None:
    """The rarest class, where it is a small part of the rows.

    Args:
        case: of a fit.
    """
    rare = case.rare
    if rare is None or rare.recall is None or rare.share > RARE:
        return None
    if case.settings.get("class_weight") is not None and rare.recall > IGNORED:
        return None
    ignored = rare.recall < IGNORED
    grave = ignored and rare.share < VERY_RARE
    told = f"{rare.label} is {rare.share:.2%} of the rows to train on"
    found = "never" if rare.recall == 0 else f"in {rare.recall:.0%} of its rows"
    advice = (
        f"{told}, and predict names it {found}: set class_weight='balanced', or use "
        "predict_proba with a threshold of your own."
    )
    if not ignored:
        advice = (
            f"{told}; predict names it {found}. class_weight='balanced' would name it "
            "more often."
        )
    evidence = {
        "share": rare.share,
        "rows": float(rare.rows),
        "recall": rare.recall,
    }
    return Finding(
        "imbalance",
        "warning" if grave else "info",
        advice,
        evidence,
        remedy={"class_weight": "balanced"},
        reference=REFERENCE,
    )
