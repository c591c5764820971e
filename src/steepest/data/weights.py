"""How much each row counts: weights by class, by row, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.data.arrays import as_column, to_numbers
from steepest.data.target import Label, Target


def class_weights(
    indices: np.ndarray[Any, Any], target: Target, weights: str | Mapping[Label, float]
) -> np.ndarray[Any, Any]:
    """The weight of each row by its class.

    "balanced" gives class c the weight n / (k n_c): every class counts the same
    (King and Zeng 2001, "Logistic regression in rare events data").

    Args:
        indices: (n,) class of each row, as `Target.encode` gives it.
        target: a target with classes.
        weights: "balanced", or label -> weight >= 0; labels not named weigh 1.

    Returns:
        (n,) float64, not yet scaled: hand it to `row_weights`.

    Raises:
        UsageError: a regression, an unknown word or label, a weight that is negative
            or not finite.

    >>> target = Target.infer(["a", "b", "b", "b"])
    >>> class_weights(np.array([0, 1, 1, 1]), target, "balanced").round(2)
    array([2.  , 0.67, 0.67, 0.67])
    """
    classes = len(target.classes)  # none in a regression, which is refused
    counts = np.bincount(indices, minlength=classes) if classes else np.zeros(0)
    return of_classes(counts, target, weights)[indices]


def of_classes(
    counts: np.ndarray[Any, Any], target: Target, weights: str | Mapping[Label, float]
) -> np.ndarray[Any, Any]:
    """The weight of each class: (k,) float64.

    Args:
        counts: (k,) rows of each.
        target: as for `class_weights`.
        weights: as for `class_weights`.

    Raises:
        UsageError: as `class_weights`.
    """
    if not target.classes:
        need = "needs classes, the task is regression. Use sample_weight"
        raise UsageError(f"class_weight: {need}.")
    if isinstance(weights, str):
        if weights != "balanced":
            told = 'needs "balanced" or a dict of label and weight'
            raise UsageError(f"class_weight={weights!r}: {told}.")
        return counts.sum() / (len(target.classes) * np.maximum(counts, 1))
    if not isinstance(weights, Mapping):
        told = 'needs "balanced" or a dict of label and weight'
        raise UsageError(f"class_weight={weights!r:.60}: {told}.")
    return _from_labels(target, weights)


def sample_weights(values: Any, table: pa.Table) -> np.ndarray[Any, Any]:
    """The weight of each row from a column of the table or an array.

    Args:
        values: the name of a column, or (n,) weights, >= 0 and finite, not all 0.
        table: the n rows.

    Returns:
        (n,) float64, not yet scaled: hand it to `row_weights`.

    Raises:
        DataError: no such column, another length, or weights that are negative, not
            finite, missing or all 0.

    >>> sample_weights("w", pa.table({"w": [1, 3]}))
    array([1., 3.])
    """
    name = values if isinstance(values, str) else "sample_weight"
    if isinstance(values, str):
        if values not in table.column_names:
            near = did_you_mean(values, table.column_names)
            raise DataError(f"sample_weight={values!r}: no such column. {near}")
        values = table.column(values)
    weights = to_numbers(as_column(values, name), name)
    if weights.size != table.num_rows:
        lengths = f"{weights.size} weights for {table.num_rows} rows"
        raise DataError(f"{name}: {lengths}. It needs one for each row.")
    _refuse_wrong(weights, name)
    if not weights.any():
        raise DataError(f"{name}: every weight is 0. At least one must be above.")
    return weights


def check_weights(name: str, table: pa.Table) -> np.ndarray[Any, Any]:
    """The weights in a column of some rows of a table; here all may be 0.

    Args:
        name: of the column.
        table: (n rows) with it.

    Raises:
        DataError: a weight that is negative, not finite or missing.
    """
    weights = to_numbers(as_column(table[name], name), name)
    _refuse_wrong(weights, name)
    return weights


def _refuse_wrong(weights: np.ndarray[Any, Any], name: str) -> None:
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if wrong.size:
        place = f"{name}, row {wrong[0] + 1}"
        raise DataError(
            f"{place}: weight {weights[wrong[0]]:g} must be finite and >= 0."
        )


def row_weights(
    factor: np.ndarray[Any, Any], *others: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The product of the factors, scaled to mean 1.

    With mean 1 a weighted loss has the size of the plain one, so a learning rate or a
    penalty keeps its meaning.

    Args:
        factor: (n,) weights of the rows in use, from `class_weights` or
            `sample_weights`.
        others: more of them, also (n,).

    Returns:
        (n,) float32 of mean 1.

    Raises:
        DataError: no row keeps a weight above 0.

    >>> row_weights(np.array([1.0, 3.0]))
    array([0.5, 1.5], dtype=float32)
    """
    # Each factor is scaled first: a product of large weights cannot overflow.
    weights = np.prod([f / (f.max() or 1.0) for f in (factor, *others)], axis=0)
    if not weights.any():
        raise DataError("weights: no row in use has a weight above 0.")
    return (weights / weights.mean()).astype(np.float32)


def _from_labels(
    target: Target, weights: Mapping[Label, float]
) -> np.ndarray[Any, Any]:
    """One weight a class from a dict of labels."""
    by_class = np.ones(len(target.classes))
    names = [str(label) for label in target.classes]
    for label, weight in weights.items():
        # A command line or a JSON file has only text for labels.
        known = label in target.classes
        if not known and str(label) not in names:
            near = did_you_mean(str(label), names[:50])
            raise UsageError(f"class_weight: {label!r} is not a class. {near}")
        if not (isinstance(weight, (int, float)) and 0.0 <= weight < np.inf):
            told = f"{weight!r} must be a finite number >= 0"
            raise UsageError(f"class_weight of {label!r}: {told}.")
        place = target.classes.index(label) if known else names.index(str(label))
        by_class[place] = weight
    if not by_class.any():
        raise UsageError("class_weight: every weight is 0. At least one must be above.")
    return by_class
