"""A table as a matrix of numbers, by rules that are learnt once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.data.columns import Column, column_from_json
from steepest.data.files import refuse_twice
from steepest.data.inference import Rules, infer_column
from steepest.data.reading import array_width

BLOCK_ROWS = 65536  # rows encoded at a time: bounds the temporary memory


@dataclass(frozen=True)
class Features:
    """How each column of a table becomes numbers.

    Args:
        columns: the columns in use, in the order of the training table.
        notes: sentences about columns that were left out or need a look.
        widths: the least and the most columns a NumPy array must have to be the like
            of the one learnt from; None if a table with names was learnt from.

    >>> features = Features.infer(pa.table({"x": [1.0, 3.0], "c": ["a", "b"]}))
    >>> features.names
    ('x', 'c=a', 'c=b', 'c=other')
    >>> features.encode(pa.table({"c": ["a", "new"], "x": [2.0, None]}))
    array([[0., 1., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32)
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    widths: tuple[int, int] | None = None

    @classmethod
    def infer(
        cls,
        table: pa.Table,
        *,
        exclude: Iterable[str] = (),
        max_levels: int = 64,
        standardize: bool = True,
    ) -> Features:
        """Learn the encoding of every column but the excluded ones.

        Args:
            table: the training rows.
            exclude: columns not to use: the target, weights, keys.
            max_levels: levels of a category that get a column of their own; the rest
                share one.
            standardize: numbers become (x - mean) / standard deviation; False leaves
                them raw.

        Returns:
            The learnt encoding, equal for equal tables however they are chunked.

        Raises:
            UsageError: an excluded column that is not there, or max_levels < 1.
            DataError: no column that could be used.
        """
        if not max_levels >= 1:
            raise UsageError(f"max_levels={max_levels}: must be at least 1.")
        exclude = {exclude} if isinstance(exclude, str) else set(exclude)
        found = _by_name(table)
        for name in sorted(exclude - set(found)):
            near = did_you_mean(name, found)
            raise UsageError(f"exclude {name!r}: no such column. {near}")
        rules = Rules(max_levels=max_levels, standardize=standardize)
        names = [name for name in found if name not in exclude]
        guesses = [infer_column(name, found[name], rules) for name in names]
        notes = tuple(note for guess in guesses for note in guess.notes)
        columns = tuple(guess.column for guess in guesses if guess.column is not None)
        if not columns:
            told = " ".join(notes) or "There is no column beside the target."
            raise DataError(f"no column can be used as a feature. {told}")
        return cls(columns, notes, _widths(table, names))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the d encoded columns."""
        return tuple(name for column in self.columns for name in column.names)

    def encode(self, table: pa.Table) -> np.ndarray[Any, Any]:
        """The table as numbers: float32, C order, shape (n, d), always finite.

        Columns are found by name: their order and any others do not matter.

        Raises:
            DataError: a column that is absent, a value that does not fit it, with
                its row, or a NumPy array of another width.
        """
        self._check_width(table)
        by_name = _by_name(table)
        self._require(list(by_name))
        n_rows, found = table.num_rows, [by_name[c.name] for c in self.columns]
        encoded = np.empty((n_rows, len(self.names)), np.float32)
        for start in range(0, n_rows, BLOCK_ROWS):
            stop, left = min(start + BLOCK_ROWS, n_rows), 0
            for column, values in zip(self.columns, found, strict=True):
                block = values.slice(start, stop - start)
                part = column.encode(block, first_row=start)
                encoded[start:stop, left : left + part.shape[1]] = part
                left += part.shape[1]
        return encoded

    def _check_width(self, table: pa.Table) -> None:
        """An array's columns are known by place alone: their number must be right."""
        width = array_width(table)
        if width is None or self.widths is None:
            return
        low, high = self.widths
        if not low <= width <= high:
            need = f"{low}" if low == high else f"{low} to {high}"
            raise DataError(
                f"the array has {width} columns, the model was fitted to {need}. Give "
                "the same columns in the same order, or a table with names."
            )

    def _require(self, present: list[str]) -> None:
        """Name every column that is absent, with near names among those present."""
        known = set(present)
        absent = [c.name for c in self.columns if c.name not in known]
        if absent:
            hints = [did_you_mean(name, present) for name in absent[:20]]
            each = ", ".join(
                f"{name} ({hint.rstrip('.')})" if hint.startswith("Did") else name
                for name, hint in zip(absent, hints, strict=False)
            ) + (", ..." if len(absent) > 20 else "")
            has = ", ".join(present[:20])
            raise DataError(
                f"the table lacks columns the model needs: {each}. It has: {has}."
            )

    def to_json(self) -> dict[str, Any]:
        """A plain dict; numbers survive JSON exactly."""
        columns = [column.to_json() for column in self.columns]
        widths = None if self.widths is None else list(self.widths)
        return {"columns": columns, "notes": list(self.notes), "widths": widths}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Features:
        """The features that `to_json` wrote: they encode to the same bits."""
        try:
            columns, notes, widths = data["columns"], data["notes"], data["widths"]
        except (KeyError, TypeError) as error:
            raise DataError(f"features: not what to_json writes ({error}).") from error
        return cls(
            tuple(column_from_json(column) for column in columns),
            tuple(notes),
            None if widths is None else tuple(widths),
        )


def _by_name(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The columns by name, looked up once: a look-up in Arrow walks over all names."""
    found = dict(zip(table.column_names, table.columns, strict=True))
    if len(found) < table.num_columns:
        refuse_twice(table, "the table")
    return found


def _widths(table: pa.Table, used: list[str]) -> tuple[int, int] | None:
    """Excluded columns at the end of an array, such as the target, may be absent."""
    width = array_width(table)
    if width is None:
        return None
    known = set(used)
    places = [i for i in range(width) if f"x{i}" in known]
    return places[-1] + 1 if places else 0, width
