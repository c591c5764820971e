"""A table as a matrix of numbers, by rules that are learnt once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.core.words import plural
from steepest.data.columns import KINDS, Column, column_from_json
from steepest.data.files import refuse_twice
from steepest.data.gaps import Gaps, check_missing
from steepest.data.hashing import check_bits
from steepest.data.inference import Rules, infer_column
from steepest.data.reading import array_width
from steepest.data.sparse_rows import sparse_width
from steepest.data.wide import (
    WIDE,
    Hashed,
    SparseRows,
    is_wide,
    side_by_side,
    stacked,
    width_of,
)

BLOCK_ROWS = 65536  # rows encoded at a time: bounds the temporary memory


@dataclass(frozen=True)
class Features:
    """How each column of a table becomes numbers.

    Args:
        columns: the columns in use, in the order of the training table.
        notes: sentences about columns that were left out or need a look.
        widths: the least and the most columns a NumPy array must have to be the like
            of the one learnt from; None if a table with names was learnt from.
        missing: "impute" fills in what is missing, and so does "drop", but `complete`
            names the rows to leave out; with "refuse" it is an error.

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
    missing: str = "impute"

    @classmethod
    def infer(
        cls,
        table: pa.Table,
        *,
        exclude: Iterable[str] = (),
        max_levels: int = 64,
        standardize: bool = True,
        hash_bits: int | None = None,
        missing: str = "impute",
        rows: np.ndarray[Any, Any] | None = None,
    ) -> Features:
        """Learn the encoding of every column but the excluded ones.

        Args:
            table: the training rows.
            exclude: columns not to use: the target, weights, keys.
            max_levels: levels of a category that get a column of their own; the rest
                share one.
            standardize: numbers become (x - mean) / standard deviation, sparse rows x /
                the usual size of what is not 0; False leaves them raw.
            hash_bits: text is hashed into 2^hash_bits columns behind all others; None
                gives its levels columns of their own.
            missing: what is done about missing values: "impute", "drop" or "refuse".
            rows: (n,) number of each row where it came from, for notes; None counts
                from 1.

        Returns:
            The learnt encoding, equal for equal tables however they are chunked.

        Raises:
            UsageError: an excluded column that is not there, max_levels < 1, bits that
                are not 1 to 24, or a way with missing values that is none.
            DataError: no column that could be used.
        """
        if not max_levels >= 1:
            raise UsageError(f"max_levels={max_levels}: must be at least 1.")
        exclude = {exclude} if isinstance(exclude, str) else set(exclude)
        found = _by_name(table)
        for name in sorted(exclude - set(found)):
            near = did_you_mean(name, found)
            raise UsageError(f"exclude {name!r}: no such column. {near}")
        if hash_bits is not None:
            hash_bits = check_bits(hash_bits)
        check_missing(missing)
        rules = Rules(max_levels, standardize, hash_bits, sparse_width(table), rows)
        names = [name for name in found if name not in exclude]
        guesses = [infer_column(name, found[name], rules) for name in names]
        notes = tuple(note for guess in guesses for note in guess.notes)
        columns = tuple(guess.column for guess in guesses if guess.column is not None)
        if hash_bits is not None and not any(isinstance(c, Hashed) for c in columns):
            notes = (*notes, "hash_bits: there is no column of text to hash.")
        if not columns:
            told = " ".join(notes) or "There is no column beside the target."
            raise DataError(f"no column can be used as a feature. {told}")
        return cls(columns, notes, _widths(table, names), missing)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the encoded columns; hashed ones, the last, have none."""
        return tuple(name for column in self.columns for name in column.names)

    @property
    def width(self) -> int:
        """How many encoded columns there are."""
        return width_of(self.columns)

    @property
    def sparse(self) -> bool:
        """Whether rows are encoded as sparse ones."""
        return is_wide(self.columns)

    def encode(self, table: pa.Table) -> Any:
        """The table as numbers: float32, C order, shape (n, d), always finite.

        Columns are found by name: their order and any others do not matter. Where
        some are hashed, or were sparse when they came, a csr_array.

        Raises:
            DataError: a column that is absent, a value that does not fit it, with
                its row, a NumPy array of another width, or with missing="refuse" a
                value that is missing.
        """
        by_name = self.found(table)
        if self.missing == "refuse":
            advice = (
                "The model was fitted to refuse them: correct them, or fit another."
            )
            Gaps(self.columns, by_name).refuse(advice)
        n_rows, found = table.num_rows, [by_name[c.name] for c in self.columns]
        if self.sparse:
            starts = range(0, max(n_rows, 1), BLOCK_ROWS)
            blocks = [
                side_by_side(self.columns, list(self._parts(found, at)))
                for at in starts
            ]
            return stacked(blocks)
        encoded = np.empty((n_rows, self.width), np.float32)
        for start in range(0, n_rows, BLOCK_ROWS):
            left = 0
            for part in self._parts(found, start):
                encoded[start : start + len(part), left : left + part.shape[1]] = part
                left += part.shape[1]
        return encoded

    def gaps(self, table: pa.Table, **options: Any) -> Gaps:
        """Where the columns lack a value.

        Args:
            table: (n rows) with the columns.
            **options: see `Gaps`.
        """
        return Gaps(self.columns, self.found(table), **options)

    def complete(self, table: pa.Table) -> np.ndarray[Any, Any]:
        """(n,) true for rows to use: with missing="drop", those that lack nothing.

        Args:
            table: (n rows) with the columns.
        """
        if self.missing != "drop":
            return np.ones(table.num_rows, bool)
        return ~self.gaps(table).rows

    def found(self, table: pa.Table) -> dict[str, pa.ChunkedArray]:
        """The columns by name, once it is sure that those in use are there."""
        self._check_width(table)
        by_name = _by_name(table)
        self._require(list(by_name))
        return by_name

    def _parts(self, found: list[pa.ChunkedArray], start: int) -> Iterator[Any]:
        """A block of rows, encoded column by column."""
        for column, values in zip(self.columns, found, strict=True):
            block = values.slice(start, BLOCK_ROWS)
            yield column.encode(block, first_row=start)

    def _check_width(self, table: pa.Table) -> None:
        """An array's columns are known by place alone: their number must be right."""
        self._check_sparse(sparse_width(table))
        width = array_width(table)
        if width is None or self.widths is None:
            return
        low, high = self.widths
        if not low <= width <= high:
            need = f"{low}" if low == high else f"{low} to {high}"
            raise DataError(
                f"the array has {plural(width, 'column')}, the model was fitted to "
                f"{need}. Give the same columns in the same order, or a table with "
                "names."
            )

    def _check_sparse(self, width: int | None) -> None:
        """Sparse rows go to a model that was fitted to sparse rows, and no others."""
        need = [c.width for c in self.columns if isinstance(c, SparseRows)]
        if not need and width is not None:
            raise DataError(
                "the rows are sparse, the model was fitted to columns of their own. "
                "Give a table like the one it was fitted to, or X.toarray()."
            )
        if need and width is None:
            raise DataError(
                f"the model was fitted to sparse rows of {need[0]:,} columns. Give "
                "such rows: scipy.sparse.csr_array(X)."
            )
        if need and width != need[0]:
            raise DataError(
                f"the sparse rows have {width:,} columns, the model was fitted to "
                f"{need[0]:,}. Give the same columns in the same order."
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
        return {
            "columns": columns,
            "notes": list(self.notes),
            "widths": widths,
            "missing": self.missing,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Features:
        """The features that `to_json` wrote: they encode to the same bits."""
        try:
            columns, notes, widths = data["columns"], data["notes"], data["widths"]
        except (KeyError, TypeError) as error:
            raise DataError(f"features: not what to_json writes ({error}).") from error
        return cls(
            tuple(column_from_json(column, KINDS | WIDE) for column in columns),
            tuple(notes),
            None if widths is None else tuple(widths),
            data.get("missing", "impute"),
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
