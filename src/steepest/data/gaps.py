"""Missing values: where they are, and what is done about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.core.words import plural
from steepest.data.arrays import kind_of, to_numbers
from steepest.data.columns import Column, Presence

Array = np.ndarray[Any, Any]
WAYS = ("impute", "drop", "refuse")
"""What can be done: fill in and flag, leave the rows out, or raise an error."""
SHOWN = 3
"""Columns that a note names."""

ADVICE = (
    "Correct them, or set missing='impute' to fill them in, or missing='drop' to leave "
    "the rows out."
)


def check_missing(missing: Any) -> str:
    """The way, if it is one.

    Raises:
        UsageError: any other.

    >>> check_missing("drop")
    'drop'
    """
    if missing not in WAYS:
        near = did_you_mean(str(missing), WAYS)
        raise UsageError(f"missing={missing!r}: unknown. {near}")
    return missing


class Gaps:
    """Where the columns in use lack a value.

    Args:
        columns: as encoded.
        found: the values of each, by name; all of n rows.
        within: (n,) true for the rows that are looked at; None for all.
        presence: whether columns of which only this is used are looked at, too.

    >>> from steepest.data.features import Features
    >>> table = pa.table({"x": [1.0, None, 3.0], "c": ["a", "b", None]})
    >>> gaps = Gaps(Features.infer(table).columns, dict(zip("xc", table.columns)))
    >>> gaps.told()
    'x 1 (row 2), c 1 (row 3)'
    >>> gaps.rows.tolist()
    [False, True, True]
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        found: Mapping[str, pa.ChunkedArray],
        *,
        within: Array | None = None,
        presence: bool = False,
    ) -> None:
        self.by_name: dict[str, Array] = {}
        self.rows = np.zeros(len(found[columns[0].name]), bool)
        for column in columns:
            values = found[column.name]
            skip = isinstance(column, Presence) and not presence
            if skip or _is_full(values):
                continue
            gone = column.gone(values)
            if within is not None:
                gone &= within
            if gone.any():
                self.by_name[column.name] = gone
                self.rows |= gone

    def told(self) -> str:
        """How many each column lacks, and where the first is, the worst first."""
        counts = {name: int(gone.sum()) for name, gone in self.by_name.items()}
        worst = sorted(counts, key=lambda name: -counts[name])
        each = [
            f"{name} {counts[name]:,} ({'first in ' * (counts[name] > 1)}row "
            f"{np.argmax(self.by_name[name]) + 1:,})"
            for name in worst[:SHOWN]
        ]
        rest = len(worst) - SHOWN
        return ", ".join(each) + (f", {plural(rest, 'more column')}" * (rest > 0))

    def refuse(self, advice: str = ADVICE) -> None:
        """Raise an error where there are any.

        Args:
            advice: what to do.

        Raises:
            DataError: with the first row that lacks a value, and its column.
        """
        if not self.rows.any():
            return
        row = int(np.argmax(self.rows))
        name = next(name for name, gone in self.by_name.items() if gone[row])
        n = int(self.rows.sum())
        those = f"{n:,} rows of {len(self.rows):,} lack" if n > 1 else "One row lacks"
        raise DataError(
            f"column {name}, row {row + 1:,}: missing or not finite. {those} a value: "
            f"{self.told()}. {advice}"
        )


def refuse_missing_target(name: str, keep: Array) -> None:
    """Raise an error where rows lack the target.

    Args:
        name: of the target.
        keep: (n,) true for the rows that have one.

    Raises:
        DataError: with the first of these rows.
    """
    if keep.all():
        return
    lacking = plural(int((~keep).sum()), "row")
    raise DataError(
        f"target {name}, row {np.argmin(keep) + 1:,}: missing or not finite, in "
        f"{lacking} of {len(keep):,}. Correct them, or set missing='impute' or "
        "missing='drop', which leave such rows out."
    )


def infinite_note(column: pa.ChunkedArray, name: str) -> tuple[str, ...]:
    """A note where a target holds infinite numbers.

    Args:
        column: (n,) its values.
        name: of the target.

    >>> infinite_note(pa.chunked_array([[1.0, float("inf")]]), "y")
    ('y: 1 infinite value counts as missing (row 2).',)
    """
    if kind_of(column.type) != "number":
        return ()
    infinite = np.isinf(to_numbers(column, name))
    n = int(infinite.sum())
    if not n:
        return ()
    told = "value counts" if n == 1 else "values count"
    first = f"{'first in ' * (n > 1)}row {np.argmax(infinite) + 1:,}"
    return (f"{name}: {n:,} infinite {told} as missing ({first}).",)


def _is_full(values: pa.ChunkedArray) -> bool:
    """Whether the type alone tells that nothing is missing."""
    kinds = pa.types.is_integer, pa.types.is_boolean
    return not values.null_count and any(is_kind(values.type) for is_kind in kinds)
