"""The column to predict: which task it makes, and its values as numbers and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.data.arrays import (
    LARGEST,
    NAN_WORDS,
    TEXT,
    as_column,
    kind_of,
    mean_and_scale,
    pc,
    to_booleans,
    to_numbers,
    to_text,
)
from steepest.data.lookalikes import number_habit

Label = str | int | float | bool
TASKS = ("regression", "binary", "multiclass")
MOST_SPAN = 1 << 16
"""Whole numbers this close together are looked up in a table."""
MAX_CLASSES = 1000
FEW_CLASSES = 20  # whole numbers with at most so many values may be classes ...
SEEN_OFTEN = 5  # ... when each occurs at least so often
FEW_TEXTS = 20  # text with more distinct values, most of them unique, is no label


@dataclass(frozen=True)
class Target:
    """What is predicted, and how its values become numbers.

    Args:
        name: the column.
        task: "regression", "binary" or "multiclass".
        classes: the labels in order, of their own type; () for regression.
        center: what encoding subtracts; 0 unless a scaled regression.
        scale: what encoding divides by; 1 unless a scaled regression.
        reason: why this task, in one sentence.
        missing: rows without a usable value when this was inferred.

    >>> target = Target.infer(["no", "yes", "no"], name="late")
    >>> target.task, target.classes, target.reason
    ('binary', ('no', 'yes'), 'late holds text with 2 distinct values.')
    >>> target.encode(["yes", None])
    (array([1], dtype=int32), array([ True, False]))
    >>> target.decode(np.array([0, 1])).tolist()
    ['no', 'yes']
    """

    name: str
    task: str
    classes: tuple[Label, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    reason: str = ""
    missing: int = 0

    @classmethod
    def infer(
        cls,
        column: Any,
        *,
        task: str | None = None,
        name: str = "target",
        scale: bool = False,
    ) -> Target:
        """Learn the task and the labels or the scale.

        Text and booleans are classes; a number with 2 distinct values is binary; whole
        numbers with at most 20 distinct values, each seen at least 5 times, are
        classes; anything else is a regression.

        Args:
            column: (n,) training values: Arrow, NumPy, series or list.
            task: the task, when it is not to be inferred.
            name: the column's name.
            scale: a regression is encoded as (y - mean) / standard deviation.

        Raises:
            UsageError: an unknown task.
            DataError: all missing, constant, text for a regression, dates, more than
                two classes for binary, more than 1,000 classes; without `task`, text
                that is mostly unique or looks like numbers.
        """
        if task is not None and task not in TASKS:
            raise UsageError(
                f"task={task!r}: unknown. {did_you_mean(str(task), TASKS)}"
            )
        values = as_column(column, name)
        known = _known(values, name)
        if task is None:
            task, reason = _infer_task(known, name)
        else:
            reason = f"task={task} was asked for."
        missing = len(values) - len(known)
        if task == "regression":
            center, spread = _measure(known, name, scale=scale)
            return cls(name, task, (), center, spread, reason, missing)
        labels = _labels(known, name)
        if task == "binary" and len(labels) > 2:
            some = ", ".join(map(str, labels[:5]))
            some += ", ..." * (len(labels) > 5)
            parts = any(isinstance(one, float) and one % 1 for one in labels)
            noun, use = "classes", "multiclass"
            if parts:
                noun, use = "distinct values", "regression"
            told = f"{len(labels)} {noun} ({some}), binary needs 2"
            raise DataError(f"target {name}: {told}. Use task='{use}'.")
        return cls(name, task, labels, reason=reason, missing=missing)

    def encode(self, column: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The values as numbers, without the rows that have none.

        Args:
            column: (n,) values: Arrow, NumPy, series or list.

        Returns:
            y of shape (m,): float32 for a regression, else the int32 index of the
            class; and keep of shape (n,): true for the m rows with a value.

        Raises:
            DataError: a label that training did not have, with its row.
        """
        values = as_column(column, self.name)
        if self.task == "regression":
            numbers = to_numbers(values, self.name)
            keep = np.isfinite(numbers)
            y = (numbers[keep] - self.center) / self.scale
            if y.size and not np.abs(y).max() <= LARGEST:
                told = f"a value is beyond {LARGEST:.1e}, the end of float32"
                raise DataError(f"target {self.name}: {told}. Divide the column.")
            return y.astype(np.float32), keep
        index = self._whole(values)
        if index is not None:
            return index, np.ones(len(index), bool)
        labels = self._typed(values)
        known = pa.array(self.classes).cast(labels.type, safe=False)
        index = pc.index_in(labels, value_set=known)
        keep = pc.is_valid(labels).to_numpy()
        unseen = np.flatnonzero(keep & pc.is_null(index).to_numpy())
        if unseen.size:
            label = values[int(unseen[0])].as_py()
            names = [str(label) for label in self.classes]
            near = did_you_mean(str(label), names[:50])
            place = f"target {self.name}, row {unseen[0] + 1}"
            raise DataError(f"{place}: {label!r} is not a class of the model. {near}")
        return index.to_numpy()[keep].astype(np.int32), keep

    def _whole(self, values: pa.ChunkedArray) -> np.ndarray[Any, Any] | None:
        """The index of whole numbers none of which is missing or unseen: most often."""
        plain = pa.types.is_signed_integer(values.type) and not values.null_count
        if not plain or not all(type(label) is int for label in self.classes):
            return None
        labels, numbers = np.array(self.classes), values.to_numpy()
        low, high = int(labels[0]), int(labels[-1])
        outside = not len(numbers) or numbers.min() < low or numbers.max() > high
        if high - low >= MOST_SPAN or outside:
            return None
        table = np.full(high - low + 1, -1, np.int32)
        table[labels - low] = np.arange(len(labels))
        index = table.take(numbers.astype(np.intp) - low)
        return index if (index >= 0).all() else None

    def _typed(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """The values in the type of the classes; missing is null."""
        label = self.classes[0]
        if isinstance(label, str):
            return _label_text(values, self.name)
        if isinstance(label, bool):
            numbers = to_booleans(values, self.name)
        elif isinstance(label, int) and pa.types.is_integer(values.type):
            wide = pa.types.is_uint64(values.type)
            return values if wide else values.cast(pa.int64())  # exact beyond 2**53
        else:
            numbers = to_numbers(values, self.name)
            numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        column = pa.chunked_array([pa.array(numbers, from_pandas=True)])
        return column.cast(pa.bool_()) if isinstance(label, bool) else column

    def decode(self, prediction: Any) -> np.ndarray[Any, Any]:
        """Predictions in the units of the table, or class indices as labels.

        Args:
            prediction: any shape: encoded values of a regression, or class indices.
        """
        if self.task == "regression":
            return np.asarray(prediction, np.float64) * self.scale + self.center
        return np.array(self.classes)[np.asarray(prediction, np.int64)]

    def to_json(self) -> dict[str, Any]:
        """A plain dict; labels keep their types, numbers survive exactly."""
        return {**dataclasses.asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Target:
        """The target that `to_json` wrote."""
        try:
            return cls(**{**data, "classes": tuple(data["classes"])})
        except (KeyError, TypeError) as error:
            raise DataError(f"target: not what to_json writes ({error}).") from error


def _known(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """The values that are there and finite; at least two different ones."""
    kind = kind_of(column.type)
    if kind in ("moment", "unknown"):
        told = f"{column.type} cannot be predicted"
        raise DataError(f"target {name}: {told}. Turn it into a number or a label.")
    if kind == "number":
        finite = np.isfinite(to_numbers(column, name))
        known = column.filter(pa.array(finite))
    else:
        known = (_label_text(column, name) if kind == "text" else column).drop_null()
    if not len(known):
        raise DataError(
            f"target {name}: every value is missing. Choose another column."
        )
    if pc.count_distinct(known).as_py() == 1:
        told = f"it is {known[0].as_py()!r} in every row, so there is nothing to learn"
        raise DataError(f"target {name}: {told}. Choose another column.")
    return known


def _label_text(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Labels as text; what missing ones become in NumPy and pandas is missing."""
    text = to_text(values, name)
    gone = pc.is_in(text, value_set=pa.array(NAN_WORDS, TEXT))
    return pc.if_else(gone, pa.scalar(None, TEXT), text)


def _infer_task(known: pa.ChunkedArray, name: str) -> tuple[str, str]:
    """The task and why."""
    counts = pc.value_counts(known).field(1).to_numpy()
    n_distinct, kind = counts.size, kind_of(known.type)
    told = f"with {n_distinct} distinct values"
    if kind != "number":
        noun = "text" if kind == "text" else "true and false"
        if n_distinct > FEW_TEXTS:
            _refuse_free_text(known, n_distinct, name)
        task = "binary" if n_distinct == 2 else "multiclass"
        return task, f"{name} holds {noun} {told}."
    if n_distinct == 2 and len(known) > 2:
        return "binary", f"{name} holds numbers {told}."
    numbers = to_numbers(known, name)
    whole = bool(np.all(numbers == np.floor(numbers)))
    if whole and n_distinct <= FEW_CLASSES and counts.min() >= SEEN_OFTEN:
        often = f"each at least {counts.min()} times"
        return "multiclass", f"{name} holds whole numbers {told}, {often}."
    return "regression", f"{name} holds numbers {told}."


def _refuse_free_text(known: pa.ChunkedArray, n_distinct: int, name: str) -> None:
    """Text that is hardly a label: numbers that were not understood, or mostly unique.

    Few texts pass even if each is unique: a small table may have one row a class.
    """
    distinct = pc.unique(known)
    habit = number_habit(distinct)
    told = f"text with {n_distinct:,} distinct values in {len(known):,} rows"
    insist = "set task='multiclass' if they are classes"
    if habit is not None:
        raise DataError(
            f"target {name}: {told}, such as {habit[1]!r}. It looks like numbers "
            f"{habit[0]}: write them as plain numbers (1234.5), or {insist}."
        )
    if 2 * n_distinct > len(known):
        raise DataError(
            f"target {name}: {told}, such as {distinct[0].as_py()!r:.60}. It looks "
            "like free text, or numbers that were not understood: choose another "
            f"column, set task='regression' if all are numbers, or {insist}."
        )


def _measure(known: pa.ChunkedArray, name: str, *, scale: bool) -> tuple[float, float]:
    """Centre and scale of a regression's target."""
    if kind_of(known.type) == "boolean":
        raise DataError(f"target {name}: true and false. Use task='binary'.")
    try:
        numbers = to_numbers(known, name)
    except DataError as error:
        raise DataError(
            f"target {name} is text, a regression needs numbers: {error}"
        ) from error
    center, spread = mean_and_scale(numbers)
    return (center, spread) if scale and spread > 0.0 else (0.0, 1.0)


def _labels(known: pa.ChunkedArray, name: str) -> tuple[Label, ...]:
    """The distinct labels: text in its order, numbers rising, false before true."""
    distinct = pc.unique(known)
    if len(distinct) > MAX_CLASSES:
        told = f"{len(distinct):,} classes, at most {MAX_CLASSES:,} are possible"
        raise DataError(
            f"target {name}: {told}. Is it a key, or a number for regression?"
        )
    if pa.types.is_integer(distinct.type) or kind_of(distinct.type) != "number":
        return tuple(sorted(distinct.to_pylist()))
    return tuple(sorted(to_numbers(pa.chunked_array([distinct]), name).tolist()))
