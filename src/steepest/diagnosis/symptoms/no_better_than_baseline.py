"""No better than the baseline: steps did what they could, the model tells nothing."""

from __future__ import annotations

import numpy as np

from steepest.diagnosis.case import Case
from steepest.diagnosis.symptoms.learned_nothing import (
    beats,
    blames_the_rate,
    fell,
    losses_of,
)
from steepest.records.verdict import Finding

TOLD = 0.05
"""A loss that fell by more than this share on the rows of the metric told something."""
REFERENCE = "a model is compared with the prediction that ignores every column"


def find(case: Case) -> Finding | None:
    """A model that is worse than the prediction that ignores every column.

    Args:
        case: of a fit.
    """
    ends = losses_of(case)
    if ends is None or case.metric is None or beats(case):
        return None
    first, best, last = ends
    gained = first - best  # a quantile may be told well by a poor mean
    if not np.isfinite(case.metric).all() or gained > TOLD * abs(first):
        return None
    if not fell(ends) and blames_the_rate(case):
        return None
    evidence = {
        "metric": case.metric[0],
        "metric_baseline": case.metric[1],
        "loss_start": first,
        "loss_best": best,
        "loss_end": last,
    }
    model = case.settings.get("model")
    linear = not isinstance(model, dict) or model.get("kind") == "linear"
    remedy = {"model": "mlp"} if linear else {}
    others = "try model='mlp', or other columns" if linear else "try other columns"
    advice = (
        f"the model is not better than the baseline: {others}; these columns may say "
        "nothing of the target."
    )
    return Finding(
        "no_better_than_baseline", "warning", advice, evidence, None, remedy, REFERENCE
    )
