"""From a user's table to arrays: task, target, rows to train and to validate on."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.mapped import is_mapped
from steepest.core.numbers import is_number
from steepest.core.suggest import did_you_mean
from steepest.core.words import plural
from steepest.data.features import Features
from steepest.data.gaps import check_missing, infinite_note, refuse_missing_target
from steepest.data.orders import split
from steepest.data.reading import table_and_target
from steepest.data.target import TASKS, Target
from steepest.data.weights import class_weights, row_weights, sample_weights
from steepest.problems.losses import Loss, get_loss


class Rows(NamedTuple):
    """Encoded rows."""

    inputs: Any
    """(n, d) float32, an array or sparse rows."""
    target: np.ndarray[Any, Any]
    """(n,) float32, or int32 class indices."""
    weight: np.ndarray[Any, Any]
    """(n,) float32."""


MOST_JUDGED = 1 << 17
"""Rows of a file that metrics are taken of."""


def sampled(rows: Rows) -> Rows:
    """The rows; of many in a file as many as metrics need, evenly spread over it.

    Args:
        rows: to be judged.
    """
    n = len(rows.target)
    if n <= MOST_JUDGED or not is_mapped(rows.target):
        return rows
    return Rows(*(part[:: -(-n // MOST_JUDGED)] for part in rows))


class TableData(NamedTuple):
    """All that a fit needs to know of its table."""

    features: Features
    target: Target
    loss: Loss
    train: Rows
    validation: Rows | None
    dropped: int = 0
    """rows with a target that were left out for lack of another value"""


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
    hash_bits: int | None,
    missing: str,
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
    chosen = loss_for(loss, found, asked=task)
    factors = [_given_weights(sample_weight, table)]
    left_out = {name, *ignored(ignore, table.column_names)}
    if isinstance(sample_weight, str):
        left_out.add(sample_weight)
    learn = functools.partial(
        Features.infer,
        exclude=left_out,
        standardize=standardize,
        hash_bits=hash_bits,
        missing=check_missing(missing),
    )
    usable = _usable(table, found, learn, missing)
    places, whole = np.flatnonzero(usable.keep), table
    table, found = table.filter(pa.array(usable.keep)), usable.target
    train_rows, held_rows = _split(table, found, validation, seed)
    train = table.take(pa.array(train_rows))
    if chosen.scales_target:
        found = _scaled(found, train, validation)
    y, _ = found.encode(table[name])
    chosen.check_target(y, n_classes=len(found.classes) or None, rows=places + 1)
    features = learn(train, rows=places[train_rows] + 1)
    notes = [*usable.notes, *features.notes, *_filled(features, whole, usable.keep)]
    if is_share(validation) and validation and not len(held_rows):
        notes.append(_none_held(table))
    features = replace(features, notes=tuple(notes))
    factors = [factor[usable.keep] for factor in factors]
    if class_weight is not None:
        factors.append(class_weights(y, found, class_weight))
    weight = row_weights(*factors)
    if class_weight is not None or sample_weight is not None:
        _refuse_one_value(found, y[train_rows], weight[train_rows])
    rows = Rows(_encoded(features, whole, usable.keep), y, weight)
    held = Rows(*(part[held_rows] for part in rows)) if len(held_rows) else None
    if validation is not None and not is_share(validation):
        held = own_validation(validation, features, found, chosen)
    elif held is not None and not held.weight.any():
        raise DataError("validation: every row in it weighs 0; take a larger share.")
    train_part = Rows(*(part[train_rows] for part in rows))
    return TableData(features, found, chosen, train_part, held, usable.dropped)


def loss_for(loss: Any, target: Target, *, asked: str | None) -> Loss:
    """The loss, refused where the target is not for it."""
    try:
        return get_loss(loss, task=target.task)
    except UsageError as error:
        known = get_loss(loss)  # raises the same where the task is not to blame
        others = [task for task in known.tasks if task in TASKS]
        if asked is not None or not others:
            raise
        hint = f"{target.reason} If it is meant otherwise, set task={others[0]!r}."
        raise UsageError(f"{error} {hint}") from error


class Usable(NamedTuple):
    """The rows of a table that are used."""

    keep: np.ndarray[Any, Any]
    """(n,) true for them"""
    target: Target
    notes: tuple[str, ...] = ()
    dropped: int = 0
    """rows with a target that were left out for lack of another value"""


def _usable(table: pa.Table, found: Target, learn: Any, missing: str) -> Usable:
    """Which rows are used, and what the user should be told of the others."""
    column, name = table[found.name], found.name
    _, keep = found.encode(column)
    notes = infinite_note(column, name)
    if missing == "impute":
        return Usable(keep, found, notes)
    if missing == "refuse":
        refuse_missing_target(name, keep)
        learn(table).gaps(table, presence=True).refuse()
        return Usable(keep, found)
    gaps = learn(table.filter(pa.array(keep))).gaps(table, within=keep)
    if not gaps.rows.any():
        return Usable(keep, found, notes)
    keep, dropped = keep & ~gaps.rows, int(gaps.rows.sum())
    notes = (*notes, f"rows left out for lack of a value: {gaps.told()}.")
    try:
        again = Target.infer(column.filter(pa.array(keep)), task=found.task, name=name)
    except DataError as error:
        left = f"{plural(int(keep.sum()), 'row')} of {len(keep):,}"
        raise DataError(
            f"missing='drop' leaves {left}, too few to learn from; missing are "
            f"{gaps.told()}. Leave such columns out, or set missing='impute'."
        ) from error
    again = replace(again, reason=found.reason, missing=found.missing)
    return Usable(keep, again, notes, dropped)


def _filled(
    features: Features, table: pa.Table, keep: np.ndarray[Any, Any]
) -> tuple[str, ...]:
    """A note on what is filled in."""
    if features.missing != "impute":
        return ()
    told = features.gaps(table, within=keep).told()
    return (f"missing values are filled in and flagged: {told}.",) if told else ()


def _refuse_one_value(
    target: Target, y: np.ndarray[Any, Any], weight: np.ndarray[Any, Any]
) -> None:
    """Weights of 0 may leave one value alone to train on, or none."""
    seen = y[weight > 0]
    if len(seen) and not (seen == seen[0]).all():
        return
    told = "every row to train on weighs 0"
    if len(seen):
        value = target.decode(seen[:1]).tolist()[0]
        told = f"it is {value!r} in every row to train on that weighs more than 0"
    raise DataError(
        f"target {target.name}: {told}, so there is nothing to learn. Give rows of "
        "other values a weight above 0."
    )


def _encoded(features: Features, table: pa.Table, keep: np.ndarray[Any, Any]) -> Any:
    """The rows to keep as numbers; errors count rows in the whole table."""
    try:
        return features.encode(table.filter(pa.array(keep)))
    except DataError:
        features.encode(table)
        raise


def encode_rows(data: Any, features: Features, target: Target) -> Rows:
    """Another table, with its target, as rows of weight 1; missing targets dropped.

    Args:
        data: the table.
        features: how its columns become numbers; it may leave out rows, too.
        target: how its target does.
    """
    table, name = table_and_target(data, target.name)
    y, keep = target.encode(table[name])
    if not keep.any():
        raise DataError(f"target {name}: every value is missing in this table.")
    whole = features.complete(table)
    y, keep = y[whole[keep]], keep & whole
    if not keep.any():
        raise DataError(
            "every row lacks a value, and the model leaves such rows out "
            "(missing='drop')."
        )
    return Rows(_encoded(features, table, keep), y, np.ones(len(y), np.float32))


def own_validation(data: Any, features: Features, target: Target, loss: Loss) -> Rows:
    """The rows of a table of the user's own to validate on.

    Args:
        data: the table.
        features: how its columns become numbers.
        target: how its target does.
        loss: that is measured.

    Raises:
        DataError: a table that does not fit.
    """
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


def ignored(
    ignore: str | int | Iterable[str | int], columns: Sequence[str]
) -> list[str]:
    """The names of columns to leave out; a whole number is a name too.

    Args:
        ignore: one, or several.
        columns: that there are.

    Raises:
        UsageError: a name that is not among them.
    """
    asked = [ignore] if isinstance(ignore, str | int) else ignore
    names = [str(name) for name in asked]
    known = set(columns)
    for name in names:
        if name not in known:
            near = did_you_mean(name, columns)
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


def is_share(validation: Any) -> bool:
    """Whether it is a number, and not a table.

    >>> is_share(0.1), is_share("held.csv")
    (True, False)
    """
    return is_number(validation) or isinstance(validation, bool)


def _split(
    table: pa.Table, target: Target, validation: Any, seed: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(training, validation) rows; no validation rows where none are to be taken."""
    everything = np.arange(table.num_rows), np.zeros(0, int)
    if validation is None or not is_share(validation):
        return everything
    if isinstance(validation, bool) or not 0 <= validation < 1:
        raise UsageError(
            f"validation={validation!r}: must be a share in [0, 1), a table, or None."
        )
    if round(validation * table.num_rows) == 0:  # a share of less than a row
        return everything
    strata = target.encode(table[target.name])[0] if target.classes else None
    return split(table.num_rows, float(validation), seed=seed, strata=strata)
