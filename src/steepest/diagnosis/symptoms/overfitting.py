"""Overfitting: the loss falls on rows that are learnt and rises on others."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.diagnosis.case import Case
from steepest.records.verdict import Finding

GAP, RISEN = 0.1, 0.05
"""The loss on validation rows is so much above that in training, as a share of it; and
so much above its own least, as a share of what it fell from the start."""
FEWEST = 6
"""Entries of the validation curve, and rows, that tell a rise from chance."""
REFERENCE = "Prechelt 1998, Early Stopping - But When?"


def find(case: Case) -> Finding | None:
    """A validation loss that rose again.

    A warning where the returned params are of the rise; where those of the best epoch
    were returned, it is good to know.

    Args:
        case: of a fit.
    """
    curve = case.trace.validation
    loss = np.asarray(curve.loss, float)
    if len(loss) < FEWEST or not np.isfinite(loss).all():
        return None
    if case.stop is not None and (case.stop.failed or not case.on_table):
        return None
    best = int(loss.argmin())
    after = loss[best:]
    last = float(np.median(loss[-max(3, len(loss) // 10) :]))
    fell, least = float(loss[0] - loss[best]), float(loss[best])
    training = _training(case)
    rises = len(after) >= FEWEST // 2 and last - least > RISEN * max(fell, 0.1 * least)
    if not rises or not (last - training) > GAP * abs(training) or best == 0:
        return None
    if not _goes_on(after):
        return None
    epoch = int(curve.epoch[best])
    evidence = {
        "validation_loss_best": least,
        "validation_loss_end": last,
        "training_loss_end": training,
        "epoch_best": float(epoch),
    }
    severity, words, remedy = _told(case, epoch)
    return Finding(
        "overfitting", severity, words, evidence, None, remedy, reference=REFERENCE
    )


def _told(case: Case, epoch: int) -> tuple[Any, str, dict[str, Any]]:
    rose = f"after epoch {epoch} the loss on validation rows rose again"
    if case.stop is None:  # a trace from elsewhere
        words = (
            f"{rose}: keep the params of that epoch, stop where it does not improve "
            "for patience=5 epochs, or use a larger l2 (weight decay)."
        )
        return "warning", words, {"patience": 5}
    chosen = case.settings.get("chosen")
    if isinstance(chosen, dict) and "l2" in chosen and case.converged:
        words = (
            f"{rose}; the params are those of the optimum, with the l2 whose models "
            "predict rows best that they did not see. patience=5 returns those of the "
            "best epoch."
        )
        return "info", words, {"patience": 5}
    if case.settings.get("restores", True):
        words = (
            f"{rose}; the params of that epoch are returned. patience=5 would save "
            "the epochs after it; l2 or a smaller model may go further."
        )
        return "info", words, {"patience": 5}
    words = (
        f"{rose}, and the params of the last one are returned: set patience=5, which "
        "returns those of the best epoch, or a larger l2."
    )
    return "warning", words, {"patience": 5}


def _training(case: Case) -> float:
    """The training loss over the last part of the run."""
    value = np.asarray(case.trace.value, float)
    value = value[:-1] if len(value) > 1 else value
    return float(np.nanmean(value[-max(1, len(value) // 10) :]))


def _goes_on(after: np.ndarray) -> bool:
    """Whether the loss after its best is higher late than early: a rise, no jitter."""
    half = len(after) // 2
    return half == 0 or float(np.median(after[half:])) > float(np.median(after[:half]))
