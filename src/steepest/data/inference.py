"""Which kind a column is, and what is learnt from it.

Each rule first measures (a few numbers about the column), then decides from the
measurements alone, so a stream of blocks could feed the same decisions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from steepest.core.errors import DataError
from steepest.core.words import plural
from steepest.data import wide
from steepest.data.arrays import (
    kind_of,
    mean_and_scale,
    pc,
    to_booleans,
    to_numbers,
    to_seconds,
    to_text,
)
from steepest.data.columns import (
    DAY,
    Boolean,
    Category,
    Column,
    Moment,
    Number,
    Presence,
    turn,
)
from steepest.data.hashing import is_prose
from steepest.data.lookalikes import NUMBER_LIKE, number_habit
from steepest.data.sparse_rows import is_sparse

FEW = 10  # this many distinct texts, none repeated, make an identifier
DATE_LIKE = re.compile(r"\s*\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Rules:
    """What the caller may choose: levels kept for a category, scaled numbers or raw."""

    max_levels: int = 64
    standardize: bool = True
    hash_bits: int | None = None
    """Text is hashed into 2^hash_bits columns; None for columns of its levels."""
    sparse_width: int | None = None
    """Columns of sparse rows, if the table holds such."""
    rows: np.ndarray[Any, Any] | None = None
    """(n,) number of each row where it came from; None counts from 1."""

    def row(self, place: int) -> int:
        """The number of the row at a place, counted from 0."""
        return place + 1 if self.rows is None else int(self.rows[place])


@dataclass(frozen=True)
class Guess:
    """A column, or None when it is left out, and what a person should be told."""

    column: Column | None
    notes: tuple[str, ...] = ()


def infer_column(name: str, column: pa.ChunkedArray, rules: Rules) -> Guess:
    """How to encode one column, learnt from its values.

    >>> infer_column("x", pa.chunked_array([[1, 3]]), Rules()).column
    Number(name='x', center=2.0, scale=1.0, fill=2.0, flag=False)
    >>> infer_column("x", pa.chunked_array([[7, 7]]), Rules()).notes
    ('x: left out, it is 7 in every row.',)
    """
    kind = kind_of(column.type)
    if rules.sparse_width is not None and is_sparse(column.type):
        return _sparse(name, column, rules.sparse_width, rules)
    if kind == "unknown":
        advice = "Turn it into columns of numbers or text to use it."
        return Guess(None, (f"{name}: left out, {column.type} is not used. {advice}",))
    if column.null_count == len(column):
        return _all_missing(name)
    decide = {"number": _number, "boolean": _boolean, "moment": _moment, "text": _text}
    return decide[kind](name, column, rules)


def _all_missing(name: str) -> Guess:
    return Guess(None, (f"{name}: left out, every value is missing.",))


def _single(name: str, value: Any, *, missing: bool) -> Guess:
    """A column with one known value: its gaps may still tell something."""
    if missing:
        told = f"{name}: always {value} or missing; only which of the two is used."
        return Guess(Presence(name), (told,))
    return Guess(None, (f"{name}: left out, it is {value} in every row.",))


def _sparse(name: str, column: pa.ChunkedArray, width: int, rules: Rules) -> Guess:
    found = wide.learnt(name, column, width, scale=rules.standardize)
    return Guess(found, () if found else (f"{name}: left out, it is 0 in every row.",))


def _number(name: str, column: pa.ChunkedArray, rules: Rules) -> Guess:
    values = to_numbers(column, name)
    seen = values[np.isfinite(values)]
    infinite = int(np.isinf(values).sum())
    notes = (
        (f"{name}: {plural(infinite, 'infinite value')} counted as missing.",)
        if infinite
        else ()
    )
    if not seen.size:
        return Guess(None, (*notes, *_all_missing(name).notes))
    missing = seen.size < values.size
    mean, scale = mean_and_scale(seen)
    if seen.min() == seen.max() or not scale > 0.0:
        guess = _single(name, f"{seen[0]:g}", missing=missing)
        return Guess(guess.column, (*notes, *guess.notes))
    raw = not rules.standardize
    center, scale = (0.0, 1.0) if raw else (mean, scale)
    return Guess(Number(name, center, scale, mean, missing), notes)


def _boolean(name: str, column: pa.ChunkedArray, rules: Rules) -> Guess:
    del rules
    values = to_booleans(column, name)
    seen = values[~np.isnan(values)]
    missing, share = seen.size < values.size, float(seen.mean())
    if share in (0.0, 1.0):
        return _single(name, "true" if share else "false", missing=missing)
    return Guess(Boolean(name, share, missing))


def _moment(name: str, column: pa.ChunkedArray, rules: Rules) -> Guess:
    clock = pa.types.is_time(column.type)
    values = to_seconds(column, name, clock=clock)
    seen = values[~np.isnan(values)]
    missing = seen.size < values.size
    if seen.min() == seen.max():
        shown = column.drop_null()[0].as_py()
        return _single(name, shown, missing=missing)
    cycles = ("hour",) if clock else ("month", "weekday", "hour")
    parts = tuple(part for part in cycles if np.ptp(turn(seen, part)) > 0.0)
    days = seen / DAY
    if not clock and np.ptp(np.floor(days)) > 0.0:
        parts = ("days", *parts)
    mean, scale = mean_and_scale(days)
    center, scale = (mean, scale) if rules.standardize else (0.0, 1.0)
    return Guess(Moment(name, parts, center, scale, mean, clock, missing))


def _text(name: str, column: pa.ChunkedArray, rules: Rules) -> Guess:
    text = to_text(column, name)
    counts = count_values(text)
    seen = sum(counts.values())
    if not counts:
        return _all_missing(name)
    if DATE_LIKE.match(next(iter(counts))):
        dates = _try_dates(name, text, rules)
        if dates is not None:
            return dates
    notes = _number_notes(name, text, counts, rules)
    if len(counts) == 1:
        return _single(name, repr(next(iter(counts))), missing=seen < len(text))
    bits = rules.hash_bits
    if bits is not None and is_prose(counts, n_distinct=len(counts), n_rows=seen):
        told = f"{name}: its words are hashed into {1 << bits:,} columns."
        return Guess(wide.Hashed(name, bits, True), (*notes, told))
    if len(counts) == seen and seen >= FEW:
        like = "" if notes else ", like a name or a key"
        told = f"{name}: left out, all {seen} values differ{like}."
        return Guess(None, (*notes, told))
    if bits is not None:
        gaps = seen < len(text)
        told = _told_hashed(name, len(counts), bits, missing=gaps)
        return Guess(wide.Hashed(name, bits, False), (*notes, told))
    column_ = Category(name, tuple(counts)[: rules.max_levels], seen < len(text))
    if len(counts) > rules.max_levels:
        rest = len(counts) - rules.max_levels
        told = f'{name}: {rest} rarer levels of {len(counts)} share the slot "other".'
        notes = (*notes, told)
    return Guess(column_, notes)


def _told_hashed(name: str, n_levels: int, bits: int, *, missing: bool) -> str:
    gaps = ", missing as one of them" if missing else ""
    told = f"{name}: its {n_levels:,} values are hashed into {1 << bits:,} columns"
    crowd = " Many share one: take more bits." if 4 * n_levels > 1 << bits else ""
    return f"{told}{gaps}.{crowd}"


def count_values(text: pa.ChunkedArray) -> dict[str, int]:
    """How often each text occurs, most frequent first, equals in order of the text.

    >>> count_values(pa.chunked_array([["b", "a", "b", None]]))
    {'b': 2, 'a': 1}
    """
    counted = pc.value_counts(text.drop_null())
    values, counts = (counted.field(i).to_pylist() for i in (0, 1))
    pairs = zip(values, counts, strict=True)
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _try_dates(name: str, text: pa.ChunkedArray, rules: Rules) -> Guess | None:
    """The guess for ISO dates, or None when some value is not one."""
    try:
        seconds = to_seconds(text, name)
    except DataError:
        return None
    if np.isnan(seconds).all():
        return None
    ticks = pa.array(np.round(seconds * 1e6), from_pandas=True).cast(pa.int64())
    return _moment(name, pa.chunked_array([ticks.cast(pa.timestamp("us"))]), rules)


def _number_notes(
    name: str, text: pa.ChunkedArray, counts: dict[str, int], rules: Rules
) -> tuple[str, ...]:
    """A warning for a column of numbers that a few words turned into text."""
    distinct = pa.array(counts, text.type)
    habit = number_habit(distinct)
    if habit is not None:
        told = f"it is text, but looks like numbers {habit[0]}, such as {habit[1]!r}"
        return (f"{name}: {told}. Write them as plain numbers (1234.5) to use them.",)
    numeric = pc.match_substring_regex(distinct, pattern=NUMBER_LIKE)
    n_numbers = pc.sum(numeric).as_py()
    if n_numbers < FEW or n_numbers < 0.9 * len(counts):
        return ()
    if n_numbers == len(counts):
        told = "its values are all numbers, but it is text. Convert it if it measures."
        return (f"{name}: {told}",)
    word = distinct.filter(pc.invert(numeric))[0].as_py()
    row = rules.row(pc.index(text, pa.scalar(word, text.type)).as_py())
    told = f"{n_numbers} of {len(counts)} distinct values are numbers, but {word!r}"
    return (f"{name}: {told} (row {row}) makes it text.",)
