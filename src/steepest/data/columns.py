"""How one column becomes numbers: a frozen dataclass for each kind.

A new kind is one class here, one entry in `KINDS`, and the rule in `inference.py`
that chooses it. Everything is learnt in training; encoding only applies it.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError
from steepest.data.arrays import (
    LARGEST,
    TEXT,
    kind_of,
    pc,
    to_booleans,
    to_numbers,
    to_seconds,
    to_text,
)

DAY = 86400.0


@dataclass(frozen=True)
class Column(ABC):
    """What every kind owes: encoded names, numbers, JSON."""

    name: str
    kind: ClassVar[str]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One name for each encoded column."""

    @abstractmethod
    def encode(
        self, column: pa.ChunkedArray, *, first_row: int = 0
    ) -> np.ndarray[Any, Any]:
        """The column as float32, shape (n, len(names)); always finite."""

    def gone(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """(n,) true where a value is missing; as text where a kind has no other way."""
        return pc.is_null(to_text(column, self.name)).to_numpy()

    def to_json(self) -> dict[str, Any]:
        """A plain dict; `column_from_json` gives an equal column back."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class Number(Column):
    """A number: (x - center) / scale; missing becomes `fill` and, if flagged, a 1.

    Infinite values count as missing.
    """

    center: float
    scale: float
    fill: float
    flag: bool
    kind: ClassVar[str] = "number"

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own name, then its flag."""
        return _flagged((self.name,), self.name, flag=self.flag)

    def encode(
        self, column: pa.ChunkedArray, *, first_row: int = 0
    ) -> np.ndarray[Any, Any]:
        """Standardised values and the flag."""
        values = to_numbers(column, self.name, first_row=first_row)
        gone = ~np.isfinite(values)
        values = _standardise(
            np.where(gone, self.fill, values), self.center, self.scale
        )
        return _stack([values], gone, flag=self.flag)

    def gone(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Missing or infinite."""
        return ~np.isfinite(to_numbers(column, self.name))


@dataclass(frozen=True)
class Boolean(Column):
    """True is 1, false is 0; missing becomes the share of true and, if flagged, a 1."""

    fill: float
    flag: bool
    kind: ClassVar[str] = "boolean"

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own name, then its flag."""
        return _flagged((self.name,), self.name, flag=self.flag)

    def encode(
        self, column: pa.ChunkedArray, *, first_row: int = 0
    ) -> np.ndarray[Any, Any]:
        """0, 1 and the flag."""
        values = to_booleans(column, self.name, first_row=first_row)
        gone = np.isnan(values)
        return _stack([np.where(gone, self.fill, values)], gone, flag=self.flag)

    def gone(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Missing, as text also by a word for it."""
        return np.isnan(to_booleans(column, self.name))


@dataclass(frozen=True)
class Category(Column):
    """One 0/1 column for each kept level, one for all others, one for missing.

    A level that was never seen in training goes to "other"; so does a missing value
    when none was missing in training.
    """

    levels: tuple[str, ...]
    flag: bool
    kind: ClassVar[str] = "category"

    @property
    def names(self) -> tuple[str, ...]:
        """`name=level` for each level, `name=other`, then the flag."""
        rest = "(other)" if "other" in self.levels else "other"
        slots = tuple(f"{self.name}={level}" for level in (*self.levels, rest))
        return _flagged(slots, self.name, flag=self.flag)

    def encode(
        self, column: pa.ChunkedArray, *, first_row: int = 0
    ) -> np.ndarray[Any, Any]:
        """A single 1 in each row."""
        del first_row  # any text is a valid category
        text = to_text(column, self.name)
        found = pc.index_in(text, value_set=pa.array(self.levels, TEXT))
        other = len(self.levels)
        slot = pc.fill_null(found, other).to_numpy()
        if self.flag:
            slot = np.where(pc.is_null(text).to_numpy(), other + 1, slot)
        encoded = np.zeros((len(column), len(self.names)), np.float32)
        encoded[np.arange(len(column)), slot] = 1.0
        return encoded


@dataclass(frozen=True)
class Moment(Column):
    """A date or time: days as a number, and where month, weekday and hour stand.

    A cyclic part is a point on the unit circle, so December lies beside January:
    (sin a, cos a), a = 2 pi part / period. Missing is the centre of the circle.
    """

    parts: tuple[str, ...]
    center: float
    scale: float
    fill: float
    clock: bool
    flag: bool
    kind: ClassVar[str] = "moment"

    @property
    def names(self) -> tuple[str, ...]:
        """`name days`, `name month sin`, `name month cos`, ..."""
        ends = [
            ["days"] if p == "days" else [f"{p} sin", f"{p} cos"] for p in self.parts
        ]
        slots = tuple(f"{self.name} {end}" for group in ends for end in group)
        return _flagged(slots, self.name, flag=self.flag)

    def encode(
        self, column: pa.ChunkedArray, *, first_row: int = 0
    ) -> np.ndarray[Any, Any]:
        """Days since 1970, standardised, and sine and cosine of each cyclic part."""
        seconds = to_seconds(column, self.name, clock=self.clock, first_row=first_row)
        gone = np.isnan(seconds)
        known = np.where(gone, 0.0, seconds)
        slots = []
        for part in self.parts:
            if part == "days":
                days = np.where(gone, self.fill, known / DAY)
                slots.append(_standardise(days, self.center, self.scale))
            else:
                angle = 2.0 * np.pi * turn(known, part)
                slots += [np.where(gone, 0.0, wave(angle)) for wave in (np.sin, np.cos)]
        return _stack(slots, gone, flag=self.flag)

    def gone(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Missing, as text also by a word for it."""
        return np.isnan(to_seconds(column, self.name, clock=self.clock))


@dataclass(frozen=True)
class Presence(Column):
    """Only whether the value is missing: for a column with a single known value."""

    kind: ClassVar[str] = "presence"

    @property
    def names(self) -> tuple[str, ...]:
        """The flag."""
        return _flagged((), self.name, flag=True)

    def encode(
        self, column: pa.ChunkedArray, *, first_row: int = 0
    ) -> np.ndarray[Any, Any]:
        """1 where the value is missing."""
        del first_row  # any value is valid
        return _stack([], self.gone(column), flag=True)

    def gone(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Missing or infinite."""
        if kind_of(column.type) == "number":
            return ~np.isfinite(to_numbers(column, self.name))
        return super().gone(column)


KINDS: dict[str, type[Column]] = {
    kind.kind: kind for kind in (Number, Boolean, Category, Moment, Presence)
}


def column_from_json(
    data: dict[str, Any], kinds: Mapping[str, type[Column]] = KINDS
) -> Column:
    """The column that `Column.to_json` wrote, of one of the kinds.

    >>> column_from_json({"kind": "presence", "name": "cabin"})
    Presence(name='cabin')
    """
    fields: dict[str, Any] = dict(data)
    kind = fields.pop("kind", None)
    for key in ("levels", "parts", "sizes"):
        if fields.get(key) is not None:
            fields[key] = tuple(fields[key])
    if kind not in kinds:
        raise DataError(f"column kind {kind!r}: unknown. Known: {', '.join(kinds)}.")
    try:
        return kinds[kind](**fields)
    except TypeError as error:
        raise DataError(f"column kind {kind!r}: {error}.") from error


def turn(seconds: np.ndarray[Any, Any], part: str) -> np.ndarray[Any, Any]:
    """Where each moment stands in its year, week or day, in [0, 1).

    Args:
        seconds: since 1970, all finite.
        part: "month" (January is 0), "weekday" (Monday is 0) or "hour".

    >>> turn(np.array([0.0, 43200.0]), "hour")
    array([0. , 0.5])
    """
    if part == "hour":
        return np.mod(seconds, DAY) / DAY
    days = np.floor(seconds / DAY)
    if part == "weekday":
        return np.mod(days + 3.0, 7.0) / 7.0  # 1 January 1970 was a Thursday
    months = (
        days.astype(np.int64)
        .astype("datetime64[D]")
        .astype("datetime64[M]")
        .astype(np.int64)
    )
    return np.mod(months, 12) / 12.0


def _standardise(
    values: np.ndarray[Any, Any], center: float, scale: float
) -> np.ndarray[Any, Any]:
    """(values - center) / scale, kept inside what float32 can hold."""
    with np.errstate(over="ignore"):
        return np.clip((values - center) / scale, -LARGEST, LARGEST)


def _stack(
    slots: list[np.ndarray[Any, Any]], gone: np.ndarray[Any, Any], *, flag: bool
) -> np.ndarray[Any, Any]:
    """The slots side by side as float32, the flag last."""
    return np.stack([*slots, gone] if flag else slots, axis=1).astype(np.float32)


def _flagged(slots: tuple[str, ...], name: str, *, flag: bool) -> tuple[str, ...]:
    """The names, with that of the flag last."""
    return (*slots, f"{name} missing") if flag else slots
