"""Which kind each column becomes, and what a person is told."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from steepest.data.arrays import as_column
from steepest.data.columns import Boolean, Category, Moment, Number, Presence
from steepest.data.inference import Rules, count_values, infer_column


def guess(values, **rules):
    return infer_column("c", as_column(values, "c"), Rules(**rules))


DATES = [dt.date(2013, 1, 30) + dt.timedelta(days=i) for i in range(5)]
KINDS = {
    "integers": ([1, 2, 3], Number),
    "floats": ([0.5, None, 2.5], Number),
    "large integers": ([2**62, 1, 5], Number),
    "decimals": (pa.array([1, 2, 3]).cast(pa.decimal128(30, 2)), Number),
    "durations": (pa.array([1, 2], pa.duration("s")), Number),
    "booleans": ([True, False, None], Boolean),
    "text": (["a", "b", "a"], Category),
    "dictionary": (pa.array(["a", "b", "a"]).dictionary_encode(), Category),
    "few distinct texts": (["a", "b", "c"], Category),
    "dates": (DATES, Moment),
    "timestamps": ([dt.datetime(2013, 1, 1, h) for h in range(3)], Moment),
    "times": ([dt.time(1), dt.time(2)], Moment),
    "ISO text": ([str(d) for d in DATES], Moment),
    "one number or none": ([5, None], Presence),
    "one text or none": (["a", None], Presence),
    "one date or none": ([DATES[0], None], Presence),
    "one truth or none": ([True, None], Presence),
}


@pytest.mark.parametrize("case", KINDS)
def test_kinds(case):
    values, kind = KINDS[case]
    assert type(guess(values).column) is kind


LEFT_OUT = {
    "constant number": ([5, 5], "it is 5 in every row"),
    "constant text": (["a", "a"], "it is 'a' in every row"),
    "constant date": ([DATES[0]] * 2, "it is 2013-01-30 in every row"),
    "constant truth": ([False, False], "it is false in every row"),
    "all missing": ([None, None], "every value is missing"),
    "all nan": (pa.array([np.nan, np.nan]), "every value is missing"),
    "all infinite": ([np.inf, -np.inf], "every value is missing"),
    "empty text": (["", ""], "every value is missing"),
    "identifiers": ([f"id {i}" for i in range(10)], "all 10 values differ"),
    "lists": ([[1], [2]], "list<item: int64> is not used"),
    "structs": ([{"a": 1}, {"a": 2}], "is not used"),
    "bytes": ([b"a", b"b"], "binary is not used"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_left_out_and_told(case):
    values, told = LEFT_OUT[case]
    found = guess(values)
    assert found.column is None
    assert told in found.notes[-1]
    assert found.notes[-1].startswith("c: left out")


def test_infinite_values_count_as_missing_and_are_told():
    found = guess([1.0, np.inf, 3.0, -np.inf])
    assert found.column == Number("c", center=2.0, scale=1.0, fill=2.0, flag=True)
    assert found.notes == ("c: 2 infinite values counted as missing.",)


def test_raw_numbers_keep_their_units_and_still_fill_gaps():
    column = guess([10.0, None, 30.0], standardize=False).column
    np.testing.assert_array_equal(
        column.encode(as_column([10.0, None, 30.0], "c")), [[10, 0], [20, 1], [30, 0]]
    )


def test_the_most_frequent_levels_are_kept_and_the_rest_told():
    found = guess([*"aaabbccd", None], max_levels=2)
    assert found.column == Category("c", levels=("a", "b"), flag=True)
    assert "2 rarer levels of 4" in found.notes[0]
    assert found.column.names == ("c=a", "c=b", "c=other", "c missing")


def test_a_level_called_other_keeps_its_own_name():
    assert guess(["other", "a", "a"]).column.names == ("c=a", "c=other", "c=(other)")


def test_counts_are_in_order_of_frequency_then_text():
    assert list(count_values(as_column([*"zbbaay"], "c")).items()) == [
        ("a", 2),
        ("b", 2),
        ("y", 1),
        ("z", 1),
    ]


def test_one_typo_in_a_column_of_numbers_is_told():
    values = [str(i) for i in range(50)]
    values[17] = "17 km"
    found = guess(values)
    assert (
        "49 of 50 distinct values are numbers, but '17 km' (row 18)" in found.notes[0]
    )


def test_text_that_is_all_numbers_is_told():
    assert "all numbers" in guess([str(i % 20) for i in range(50)]).notes[0]


def test_text_that_only_begins_like_dates_is_text():
    assert type(guess(["2013-01-01", "2013-01-01", "soon"]).column) is Category


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (DATES, ("days", "month", "weekday")),
        ([*DATES[:1], DATES[0] - dt.timedelta(7)], ("days",)),
        ([dt.datetime(2013, 1, 1, h) for h in range(3)], ("hour",)),
        ([dt.time(h) for h in range(3)], ("hour",)),
        (
            [dt.datetime(2013, 1, 1) + dt.timedelta(hours=99 * i) for i in range(20)],
            ("days", "month", "weekday", "hour"),
        ),
    ],
)
def test_only_the_parts_of_a_moment_that_vary(values, parts):
    assert guess(values).column.parts == parts


def test_text_dates_and_dates_are_learnt_alike():
    assert guess([*map(str, DATES)]).column == guess(DATES).column
