"""From a user's table to arrays: task, target, rows to train and to validate on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_number
from steepest.core.suggest import did_you_mean
from steepest.data.features import Features
from steepest.data.orders import split
from steepest.data.reading import table_and_target
from steepest.data.target import Target
from steepest.data.weights import class_weights, row_weights, sample_weights
from steepest.problems.losses import Loss, get_loss


class Rows(NamedTuple):
    """Encoded rows."""

    inputs: np.ndarray[Any, Any]
    """(n, d) float32."""
    target: np.ndarray[Any, Any]
    """(n,) float32, or int32 class indices."""
    weight: np.ndarray[Any, Any]
    """(n,) float32."""


class TableData(NamedTuple):
    """All that a fit needs to know of its table."""

    features: Features
    target: Target
    loss: Loss
    train: Rows
    validation: Rows | None


def prepare(
    data: Any,
    target: str | int | None,
    *,
    task: str | None,
    loss: Any,
    validation: Any,
    ignore: str | int | Iterable[str | int],
    class_weight: str | Mapping[Any, float] | None,
    sample_weight: Any,
    standardize: bool,
    seed: int,
) -> TableData:
    """Read, infer, check, split and encode.

    Everything learnt (means, levels, classes' weights) is learnt from training rows
    alone; only the labels of the target are taken from all rows.

    Raises:
        UsageError, DataError: whatever does not fit, before anything is trained.
    """
    table, name = table_and_target(data, target)
    found = Target.infer(table[name], task=task, name=name)
    chosen = get_loss(loss, task=found.task)
    _, keep = found.encode(table[name])
    weights = _given_weights(sample_weight, table)[keep]
    table = table.filter(pa.array(keep))
    train_rows, held_rows = _split(table, found, validation, seed)
    train = table.take(pa.array(train_rows))
    if chosen.scales_target:
        found = _scaled(found, train, validation)
    y, _ = found.encode(table[name])
    chosen.check_target(y, n_classes=len(found.classes) or None)
    left_out = {name, *_ignored(ignore, table)}
    if isinstance(sample_weight, str):
        left_out.add(sample_weight)
    features = Features.infer(train, exclude=left_out, standardize=standardize)
    if _is_share(validation) and validation and not len(held_rows):
        features = replace(features, notes=(*features.notes, _none_held(table)))
    factors = [weights]
    if class_weight is not None:
        factors.append(class_weights(y, found, class_weight))
    rows = Rows(features.encode(table), y, row_weights(*factors))
    held = Rows(*(part[held_rows] for part in rows)) if len(held_rows) else None
    if validation is not None and not _is_share(validation):
        held = _own_validation(validation, features, found, chosen)
    elif held is not None and not held.weight.any():
        raise DataError("validation: every row in it weighs 0; take a larger share.")
    return TableData(
        features, found, chosen, Rows(*(part[train_rows] for part in rows)), held
    )


def encode_rows(data: Any, features: Features, target: Target) -> Rows:
    """Another table, with its target, as rows of weight 1; missing targets dropped."""
    table, name = table_and_target(data, target.name)
    y, keep = target.encode(table[name])
    if not keep.any():
        raise DataError(f"target {name}: every value is missing in this table.")
    kept = table.filter(pa.array(keep))
    return Rows(features.encode(kept), y, np.ones(len(y), np.float32))


def _own_validation(data: Any, features: Features, target: Target, loss: Loss) -> Rows:
    try:
        rows = encode_rows(data, features, target)
    except DataError as error:
        raise DataError(f"validation: {error}") from error
    loss.check_target(rows.target, n_classes=len(target.classes) or None)
    return rows


def _given_weights(sample_weight: Any, table: pa.Table) -> np.ndarray[Any, Any]:
    if sample_weight is None:
        return np.ones(table.num_rows)
    return sample_weights(sample_weight, table)


def _ignored(ignore: str | int | Iterable[str | int], table: pa.Table) -> list[str]:
    """The names of columns to leave out; a whole number is a name too."""
    asked = [ignore] if isinstance(ignore, str | int) else ignore
    names = [str(name) for name in asked]
    known = set(table.column_names)
    for name in names:
        if name not in known:
            near = did_you_mean(name, table.column_names)
            raise UsageError(f"ignore={name!r}: no such column. {near}")
    return names


def _scaled(target: Target, train: pa.Table, validation: Any) -> Target:
    """The target with mean and deviation of the training rows."""
    column = train[target.name]
    try:
        learnt = Target.infer(column, task=target.task, name=target.name, scale=True)
    except DataError as error:
        raise DataError(
            f"validation={validation!r} leaves {train.num_rows:,} rows to train on: "
            f"too few. Hold out fewer rows. Of those rows: {error}"
        ) from error
    return replace(target, center=learnt.center, scale=learnt.scale)


def _none_held(table: pa.Table) -> str:
    return (
        f"validation: no row is held out, {table.num_rows} are too few; metrics are "
        "those of the training rows."
    )


def _is_share(validation: Any) -> bool:
    return is_number(validation) or isinstance(validation, bool)


def _split(
    table: pa.Table, target: Target, validation: Any, seed: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(training, validation) rows; no validation rows where none are to be taken."""
    everything = np.arange(table.num_rows), np.zeros(0, int)
    if validation is None or not _is_share(validation):
        return everything
    if isinstance(validation, bool) or not 0 <= validation < 1:
        raise UsageError(
            f"validation={validation!r}: must be a share in [0, 1), a table, or None."
        )
    if round(validation * table.num_rows) == 0:  # a share of less than a row
        return everything
    strata = target.encode(table[target.name])[0] if target.classes else None
    return split(table.num_rows, float(validation), seed=seed, strata=strata)
