"""Arrow to NumPy: every type that holds a number, a truth or a moment."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from steepest.core.errors import DataError
from steepest.data.arrays import (
    MISSING,
    as_column,
    mean_and_scale,
    to_booleans,
    to_numbers,
    to_seconds,
    to_text,
)

NUMERIC = [
    *(pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(9, 2)),
]


@pytest.mark.parametrize("kind", NUMERIC, ids=str)
def test_every_numeric_type_becomes_float64(kind):
    values = [decimal.Decimal(1), decimal.Decimal(3), None]
    if not pa.types.is_decimal(kind):
        values = [1, 3, None] if pa.types.is_integer(kind) else [1.0, 3.0, None]
    if pa.types.is_float16(kind):
        values = [np.float16(1), np.float16(3), None]
    column = pa.chunked_array([pa.array(values, kind)])
    got = to_numbers(column, "x")
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, [1.0, 3.0, np.nan])


def test_large_integers_are_rounded_not_refused():
    assert to_numbers(as_column([2**62 + 1], "x"), "x")[0] == 2.0**62


def test_duration_is_seconds():
    column = pa.chunked_array([pa.array([1500, None], pa.duration("ms"))])
    np.testing.assert_array_equal(to_numbers(column, "x"), [1.5, np.nan])


@pytest.mark.parametrize("word", MISSING)
def test_words_for_missing_in_text(word):
    assert np.isnan(to_numbers(as_column([word, "1"], "x"), "x")[0])


@pytest.mark.parametrize("bad", [0, 1, 6, 99])
def test_text_that_is_no_number_is_named_with_its_row(bad):
    values = [str(i) for i in range(100)]
    values[bad] = "12a"
    with pytest.raises(DataError, match=rf"column x, row {bad + 1}: '12a'"):
        to_numbers(as_column(values, "x"), "x")
    with pytest.raises(DataError, match=rf"row {bad + 1001}: '12a'"):
        to_numbers(as_column(values, "x"), "x", first_row=1000)


def test_the_first_of_several_bad_values_is_named():
    values = ["1", "2", "bad", "3", "worse", "4"]
    column = pa.chunked_array([values[:1], values[1:4], values[4:]])
    with pytest.raises(DataError, match="row 3: 'bad'"):
        to_numbers(column, "x")


def test_a_date_is_no_number():
    with pytest.raises(DataError, match="needs numbers, got date32"):
        to_numbers(as_column([dt.date(2020, 1, 1)], "x"), "x")


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([True, None, False], [1, np.nan, 0]),
        (["TRUE", "", "false"], [1, np.nan, 0]),
        ([1, None, 0], [1, np.nan, 0]),
        ([1.0, np.nan, 0.0], [1, np.nan, 0]),
    ],
)
def test_booleans(values, want):
    np.testing.assert_array_equal(to_booleans(as_column(values, "b"), "b"), want)


@pytest.mark.parametrize("bad", [2, 0.5, "maybe"])
def test_what_is_neither_true_nor_false(bad):
    values = [None, bad]
    with pytest.raises(DataError, match=r"column b, row 2: .*true or false"):
        to_booleans(as_column(values, "b"), "b")


MOMENTS = [dt.datetime(1969, 12, 31, 23), dt.datetime(2013, 7, 9, 10, 30, 15), None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit(unit):
    column = pa.chunked_array([pa.array(MOMENTS, pa.timestamp(unit))])
    want = [m.replace(tzinfo=dt.UTC).timestamp() if m else np.nan for m in MOMENTS]
    np.testing.assert_array_equal(to_seconds(column, "t"), want)


def test_text_dates_with_and_without_zone():
    want = MOMENTS[1].replace(tzinfo=dt.UTC).timestamp()
    for text in ("2013-07-09T10:30:15", "2013-07-09 10:30:15Z"):
        assert to_seconds(as_column([text, "NA"], "t"), "t")[0] == want
    with pytest.raises(DataError, match=r"row 2: 'soon' is not an ISO date"):
        to_seconds(as_column(["2013-07-09T10:30:15Z", "soon"], "t"), "t")


def test_zoned_timestamps_are_read_on_the_wall_clock():
    noon = dt.datetime(2020, 1, 1, 17, tzinfo=dt.UTC)
    column = pa.chunked_array([pa.array([noon], pa.timestamp("s", "America/New_York"))])
    assert to_seconds(column, "t")[0] % 86400 == 12 * 3600


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([pa.array([dt.time(1, 0, 1)], pa.time32("s"))]),
        pa.chunked_array([pa.array([dt.time(1, 0, 1)], pa.time64("us"))]),
        pa.chunked_array([["01:00:01"]]),
    ],
    ids=str,
)
def test_times_of_day(column):
    assert to_seconds(column, "t", clock=True)[0] == 3601.0


def test_times_of_day_are_no_dates_and_numbers_are_neither():
    clock = pa.chunked_array([pa.array([dt.time(1)], pa.time32("s"))])
    for column in (clock, pa.chunked_array([[1]])):
        with pytest.raises(DataError, match="needs dates"):
            to_seconds(column, "t")


@pytest.mark.parametrize(
    "values",
    [
        np.array(["a", "b"]),
        np.array(["a", "b"], object),
        pd.Series(["a", "b"]),
        pd.Series(["a", "b"], dtype="category"),
        pl.Series(["a", "b"]),
        pl.Series(["a", "b"], dtype=pl.Categorical),
        pa.array(["a", "b"], pa.string_view()),
        pa.array(["a", "b"]).dictionary_encode(),
        ("a", "b"),
    ],
    ids=lambda values: type(values).__module__,
)
def test_every_holder_of_text(values):
    assert to_text(as_column(values, "c"), "c").to_pylist() == ["a", "b"]


def test_nan_is_missing_from_numpy_and_pandas():
    for values in (np.array([1.0, np.nan]), pd.Series([1.0, np.nan]), [1.0, np.nan]):
        assert as_column(values, "x").null_count == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, "a"], "no common type"),
        (np.array([1 + 2j]), "no common type"),
        (np.ones((3, 2)), r"needs shape \(n,\)"),
        ("text", "needs a list"),
        (5, "needs a list"),
    ],
)
def test_what_is_no_column(values, told):
    with pytest.raises(DataError, match=told):
        as_column(values, "x")


def test_a_column_vector_is_a_column():
    assert as_column(np.ones((3, 1)), "x").to_pylist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_mean_and_scale_do_not_overflow(size):
    values = np.array([-1.0, 0.0, 0.5, 1.0])
    mean, scale = mean_and_scale(values * size)
    np.testing.assert_allclose(mean / size, values.mean(), rtol=1e-15)
    np.testing.assert_allclose(scale / size, values.std(), rtol=1e-15)


def test_mean_and_scale_far_from_zero():
    values = 1e9 + np.arange(5.0)
    np.testing.assert_allclose(mean_and_scale(values), (1e9 + 2, np.sqrt(2)), rtol=1e-6)
