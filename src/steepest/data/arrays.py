"""From Arrow columns to NumPy, with errors that name column, row and value.

Rows are counted from 1, below the header. Missing is null, nan, or in text one of
the words in `MISSING`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from steepest.core.errors import DataError

pc: Any = compute  # its functions are made at import; a type checker cannot see them

MISSING = (
    *("", "?", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-NaN"),
    *("-nan", "NULL", "Null", "null", "None", "none"),
)
NAN_WORDS = ("nan", "NaN", "NaT", "<NA>")
"""What missing labels become where NumPy and pandas turn them into text."""
SECONDS_PER = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
LARGEST = float(np.finfo(np.float32).max)
TEXT = pa.large_string()  # one type for all text: its chunks have no 2 GB limit


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this Arrow type are text.

    >>> is_text(pa.string()), is_text(pa.int64())
    (True, False)
    """
    types = pa.types
    return (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
    )


def kind_of(kind: pa.DataType) -> str:
    """What an Arrow type holds: number, boolean, text, moment, nothing or unknown.

    >>> kind_of(pa.decimal128(9, 2)), kind_of(pa.date32()), kind_of(pa.null())
    ('number', 'moment', 'nothing')
    >>> kind_of(pa.dictionary(pa.int8(), pa.string())), kind_of(pa.list_(pa.int8()))
    ('text', 'unknown')
    """
    types = pa.types
    if types.is_dictionary(kind):
        return "unknown" if kind_of(kind.value_type) == "unknown" else "text"
    tests = {
        "text": [is_text],
        "boolean": [types.is_boolean],
        "number": [
            *(types.is_integer, types.is_floating),
            *(types.is_decimal, types.is_duration),
        ],
        "moment": [types.is_date, types.is_timestamp, types.is_time],
        "nothing": [types.is_null],
    }
    found = (name for name, asks in tests.items() if any(ask(kind) for ask in asks))
    return next(found, "unknown")


def as_column(values: Any, name: str) -> pa.ChunkedArray:
    """One column from an array, a series, an Arrow array or a list; nan is missing.

    Args:
        values: (n,) or (n, 1) values of one type.
        name: used in errors only.

    Raises:
        DataError: more than one column, or values that share no type.

    >>> as_column([1.0, None], "x").null_count
    1
    """
    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise DataError(f"column {name}: needs a list or array, got {values!r:.60}.")
    if hasattr(values, "__array__") and not isinstance(values, pa.Array):
        values = _one_dimension(values, name)
    try:
        column = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"column {name}{_odd_one(values) or f' ({error})'}: no common type. Make "
            "its values all numbers, all text or all dates."
        ) from error
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def _odd_one(values: Any) -> str:
    """Where the first value is that is of another type than those above it.

    >>> _odd_one(["a", None, 1])
    ', row 3: 1 is of type int, unlike those above it'
    """
    seen: set[str] = set()
    for row, value in enumerate(values, start=1):
        if value is None or str(value) in NAN_WORDS:
            continue
        kind = type(value).__name__
        seen.add("number" if kind in ("int", "float") else kind)
        if len(seen) > 1:
            return (
                f", row {row}: {value!r:.60} is of type {kind}, unlike those above it"
            )
    return ""


def _one_dimension(values: Any, name: str) -> Any:
    """The values, an (n, 1) array flattened; series of frames stay as they are."""
    shape = np.shape(values)
    if len(shape) == 2 and shape[1] == 1:
        return np.asarray(values)[:, 0]
    if len(shape) != 1:
        raise DataError(f"column {name}: needs shape (n,), got {shape}.")
    known = type(values).__module__.split(".")[0] in ("numpy", "pandas", "polars")
    return values if known else np.asarray(values)


def to_text(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """The values as text; nulls and empty text are null.

    >>> to_text(as_column([1, None], "x"), "x").to_pylist()
    ['1', None]
    """
    if kind_of(column.type) == "unknown":
        raise DataError(f"column {name}: needs text, got {column.type}.")
    text = column.cast(TEXT)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, TEXT), text)


def to_numbers(
    column: pa.ChunkedArray, name: str, *, first_row: int = 0
) -> np.ndarray[Any, Any]:
    """The values as float64, shape (n,); missing is nan. Text is parsed.

    Args:
        column: numbers, booleans, durations (as seconds) or text that holds numbers.
        name: used in errors.
        first_row: where the column starts in the table, for row numbers in errors.

    Raises:
        DataError: a value that is not a number, with its row.

    >>> to_numbers(as_column(["1.5", "NA"], "x"), "x")
    array([1.5, nan])
    """
    kind = kind_of(column.type)
    if kind in ("moment", "unknown"):
        raise DataError(f"column {name}: needs numbers, got {column.type}.")
    if kind == "text":
        return _parse(column, pa.float64(), name, first_row, "a number").to_numpy()
    if pa.types.is_duration(column.type):
        ticks = column.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy()
        return ticks * SECONDS_PER[column.type.unit]
    return column.cast(pa.float64(), safe=False).to_numpy()


def to_booleans(
    column: pa.ChunkedArray, name: str, *, first_row: int = 0
) -> np.ndarray[Any, Any]:
    """The values as 0.0 and 1.0, shape (n,); missing is nan.

    >>> to_booleans(as_column(["true", None, "False"], "x"), "x")
    array([ 1., nan,  0.])
    """
    if kind_of(column.type) == "text":
        column = _parse(column, pa.bool_(), name, first_row, "true or false")
    values = to_numbers(column, name, first_row=first_row)
    wrong = np.flatnonzero(~np.isnan(values) & (values != 0.0) & (values != 1.0))
    if wrong.size:
        place = f"column {name}, row {first_row + wrong[0] + 1}"
        raise DataError(f"{place}: {values[wrong[0]]:g} is not true or false.")
    return values


def to_seconds(
    column: pa.ChunkedArray, name: str, *, clock: bool = False, first_row: int = 0
) -> np.ndarray[Any, Any]:
    """Seconds since 1970 on the wall clock, or since midnight; missing is nan.

    Args:
        column: dates, timestamps or ISO text; times of day with `clock`.
        name: used in errors.
        clock: the column holds times of day.
        first_row: where the column starts in the table, for row numbers in errors.

    >>> to_seconds(as_column(["1970-01-02"], "x"), "x")
    array([86400.])
    """
    kind, moment = kind_of(column.type), pa.timestamp("us")
    if kind not in ("text", "moment", "nothing") or (
        kind == "moment" and not clock and pa.types.is_time(column.type)
    ):
        need = "times of day" if clock else "dates"
        raise DataError(f"column {name}: needs {need}, got {column.type}.")
    if kind == "text":
        what = (
            "a time of day" if clock else "an ISO date (2013-01-31 or 2013-01-31T10:00)"
        )
        column = _parse(column, moment, name, first_row, what, clock=clock)
    elif pa.types.is_time(column.type):
        whole = pa.int32() if column.type.bit_width == 32 else pa.int64()
        ticks = column.cast(whole).cast(pa.float64()).to_numpy()
        return ticks * SECONDS_PER[column.type.unit]
    elif pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = pc.local_timestamp(column)
    ticks = (
        column.cast(moment, safe=False).cast(pa.int64()).cast(pa.float64(), safe=False)
    )
    return ticks.to_numpy() / 1e6


def _parse(
    column: pa.ChunkedArray,
    kind: pa.DataType,
    name: str,
    first_row: int,
    what: str,
    *,
    clock: bool = False,
) -> pa.ChunkedArray:
    """Text as values of another type; the first value that is none is named."""
    text = pc.utf8_trim_whitespace(to_text(column, name))
    gone = pc.is_in(text, value_set=pa.array(MISSING, TEXT))
    text = pc.if_else(gone, pa.scalar(None, TEXT), text)
    full = text
    if clock:
        day, mark = pa.scalar("1970-01-01", TEXT), pa.scalar("T", TEXT)
        full = pc.binary_join_element_wise(day, text, mark)
    kinds = [kind]
    if pa.types.is_timestamp(kind):
        kinds.append(pa.timestamp("us", "UTC"))  # for text that ends in a zone
    for each in kinds:
        try:
            return full.cast(each).cast(kind)
        except pa.ArrowInvalid:
            continue
    row = max(_first_bad(full, each) for each in kinds)
    place = f"column {name}, row {first_row + row + 1}"
    advice = "Correct it, or leave it empty if it is missing."
    raise DataError(f"{place}: {text[row].as_py()!r} is not {what}. {advice}")


def _first_bad(text: pa.ChunkedArray, kind: pa.DataType) -> int:
    """The first row that cannot be cast, by bisection: log n casts, no row loop."""
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            text.slice(low, middle - low).cast(kind)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low


def mean_and_scale(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Mean and standard deviation (over n) of finite float64 values.

    Values are first divided by the largest, so that squares of 1e300 do not overflow.

    >>> mean_and_scale(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    top = float(np.abs(values).max()) or 1.0
    unit = values / top
    return top * float(unit.mean()), top * float(unit.std())
