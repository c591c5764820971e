"""Fits that learn an embedding: what they leave open, and how good it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.api.table_data import Rows, TableData
from steepest.core.errors import DataError, UsageError
from steepest.core.mapped import is_mapped
from steepest.core.numbers import is_whole
from steepest.data.blocks import batch_rows
from steepest.data.orders import order
from steepest.data.target import Target
from steepest.problems.losses import Loss
from steepest.problems.models import Model, model_from_json
from steepest.problems.neighbours import class_means, nearest, recall_at_1

WIDTH = 16
"""Numbers that a row becomes, where the model does not say."""
A_CLASS, FEWEST_MET, MOST_MET = 8, 128, 512
"""Rows of a class that a batch should hold, and rows of a batch, where it is open."""
STEPS, RATE, SCHEDULE = 2000, 0.01, "cosine"
"""Updates to aim at, and adam's rate; bench/metric shows what they lead to."""
MOST_JUDGED = 1024
"""Rows that meet when a model is judged: distances take their square."""
MOST_PLACED = 100_000
"""Rows that the mean of a class and the scores are of, at most."""
METRIC = "recall_at_1"


def with_width(model: Model, loss: Loss, n_inputs: int) -> Model:
    """The model with the width of its embedding, if it is to be one.

    Args:
        model: as the user gave it.
        loss: of the fit.
        n_inputs: columns.

    Raises:
        UsageError: a width for what is no embedding.

    >>> from steepest.problems.losses import get_loss
    >>> from steepest.problems.models import Linear
    >>> with_width(Linear(), get_loss("triplet"), 3)
    Linear(bias=True, outputs=16)
    """
    if loss.embeds:
        known = model.width(n_inputs) is not None
        return (
            model if known else model_from_json({**model.to_json(), "outputs": WIDTH})
        )
    if model.outputs is not None:
        raise UsageError(
            f"outputs={model.outputs}: is the width of an embedding, of "
            f"loss='contrastive' or loss='triplet'. With loss={loss} the target says "
            "how many outputs there are; leave it out."
        )
    return model


def outputs_of(model: Model, loss: Loss, target: Target, n_inputs: int) -> int:
    """Outputs of a model: an embedding's width; else one a class from three on.

    Args:
        model: with its width settled.
        loss: of the fit.
        target: of the table.
        n_inputs: columns.
    """
    if loss.embeds:
        return model.width(n_inputs) or WIDTH
    by_class = target.task == "multiclass" or loss.tasks == ("multiclass",)
    return len(target.classes) if by_class else 1


def left_open(
    asked: dict[str, Any], table: TableData
) -> tuple[dict[str, Any], dict[str, str]]:
    """(options with those chosen that rows in pairs need, why each was).

    Args:
        asked: the options of `fit`.
        table: prepared rows.

    Raises:
        UsageError: a batch of one row.
        DataError: no two training rows of one class, or one class alone.
    """
    n_rows, found, why = len(table.train.target), dict(asked), {}
    _check_alike(table)
    if asked["batch_size"] == "auto":
        size = np.clip(A_CLASS * len(table.target.classes), FEWEST_MET, MOST_MET)
        found["batch_size"] = max(2, min(int(size), n_rows // 2))
        why["batch_size"] = "rows are compared with those of their batch"
    size = found["batch_size"]
    if is_whole(size) and size == 1:
        raise UsageError(
            f"batch_size=1: loss={table.loss} compares rows of a batch with each "
            f"other. Take 2 or more; {FEWEST_MET} is usual."
        )
    if asked["epochs"] is None:
        steps = STEPS * batch_rows(size, n_rows) // n_rows
        found["epochs"] = int(np.clip(steps, 10, 1000))
        why["epochs"] = f"about {STEPS} updates, from 10 to 1000 epochs"
    free = asked["optimizer"] == "auto" and not asked["average"]
    if free and asked["learning_rate"] is None and asked["schedule"] is None:
        found |= {"learning_rate": RATE, "schedule": SCHEDULE}
        why["learning_rate"] = f"{RATE:g}, faded out by {SCHEDULE}"
    if isinstance(asked["l2"], str):
        found["l2"] = 0.0
    return found, why


def _check_alike(table: TableData) -> None:
    target, train = table.target, table.train
    counts = np.bincount(train.target[train.weight > 0], minlength=len(target.classes))
    if (counts > 1).any() and np.count_nonzero(counts) > 1:
        return
    lacks = "no two of one class" if counts.max(initial=0) <= 1 else "one class alone"
    raise DataError(
        f"target {target.name}: among the rows to train on that weigh more than 0 are "
        f"{lacks}. loss={table.loss} needs like rows and unlike ones; choose another "
        "target, or give more rows."
    )


def mixed(rows: Rows, seed: int) -> Rows:
    """The rows in an order of their own: a table is often sorted by class.

    Args:
        rows: encoded rows.
        seed: of the order.
    """
    if is_mapped(rows.target):  # these lie in an order of their own
        return rows
    at = order(len(rows.target), seed=seed)
    return Rows(*(part[at] for part in rows))


class Judged(NamedTuple):
    """How good an embedding is."""

    centres: Any
    """(k, width) mean of each class in training"""
    metrics: dict[str, dict[str, float]]


def judged(points: Any, train: Rows, validation: Rows | None, n_classes: int) -> Judged:
    """Scores on validation rows, or on training rows, beside those of the columns.

    Args:
        points: a function, encoded inputs -> (n, width) places.
        train: training rows.
        validation: validation rows, or None.
        n_classes: of the target.
    """
    where = "training" if validation is None else "validation"
    train, rows = _some(train), _some(validation or train)
    found, centres = {}, None
    for name, place in ((where, points), ("baseline", np.asarray)):
        known = place(train.inputs)
        middle = class_means(known, train.target, train.weight, n_classes)
        found[name] = scores(place(rows.inputs), rows, middle)
        centres = middle if centres is None else centres
    return Judged(centres, found)


def _some(rows: Rows) -> Rows:
    """The rows, or of very many some that stand evenly among them."""
    stride = -(-len(rows.target) // MOST_PLACED)
    return Rows(*(np.asarray(part[::stride]) for part in rows))


def scores(points: Any, rows: Rows, centres: Any) -> dict[str, float]:
    """Recall@1 among the rows, and the accuracy of the nearest class mean.

    Args:
        points: (n, width) places of the rows.
        rows: their labels and weights.
        centres: (k, width) mean place of each class in training.
    """
    right = nearest(points, centres) == rows.target
    found = {
        METRIC: recall_at_1(points, rows.target, weights=rows.weight),
        "accuracy": float(np.average(right, weights=rows.weight)),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}
