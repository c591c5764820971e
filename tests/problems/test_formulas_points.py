"""Points as typed on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import UsageError
from steepest.problems.formulas import parse_point

number = st.floats(allow_nan=False, allow_infinity=False)
name = st.text("abzXYθµ", min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("x=3,y=4", {"x": 3.0, "y": 4.0}),
        (" x = 3 , y = 4 ", {"x": 3.0, "y": 4.0}),
        ("x=[1,2,3],y=0.5", {"x": [1.0, 2.0, 3.0], "y": 0.5}),
        ("x=[ 1, 2 ]", {"x": [1.0, 2.0]}),
        ("x=-1e-3", {"x": -0.001}),
        ("x=+.5", {"x": 0.5}),
        ("θ=1", {"θ": 1.0}),
        ("[1,2,3]", [1.0, 2.0, 3.0]),
        ("1, 2,3", [1.0, 2.0, 3.0]),
        ("-7", [-7.0]),
    ],
)
def test_a_point_is_read(text, point):
    assert parse_point(text) == point


@given(st.dictionaries(name, number | st.lists(number, min_size=1), min_size=1))
def test_what_python_prints_is_read_back(point):
    text = ",".join(f"{key}={value!r}" for key, value in point.items())
    assert parse_point(text) == point


@given(st.lists(number, min_size=1))
def test_a_printed_list_is_read_back(values):
    assert parse_point(str(values)) == values
    assert parse_point(str(values)[1:-1]) == values


BAD = [
    ("x=", 2, "missing"),
    ("x=1,", 4, "missing"),
    ("1,,2", 2, "missing"),
    ("x=[1,]", 5, "missing"),
    ("x=[]", 3, "empty"),
    ("[]", 1, "empty"),
    ("x=1,x=2", 4, "given twice"),
    ("x=1,2", 4, "no name"),
    ("1,x=2", 0, "no name"),
    ("[1],x=2", 0, "no name"),
    ("x=four", 2, "'four'"),
    ("x= four", 3, "'four'"),
    ("x=[1, a]", 6, "'a'"),
    ("x=nan", 2, "finite"),
    ("x=-inf", 2, "finite"),
    ("x=1e999", 2, "finite"),
    ("x=1_000", 2, "'1_000'"),
    ("x=0x1", 2, "'0x1'"),
    ("x=1 2", 2, "'1 2'"),
    ("x=y", 2, "'y'"),
    ("x", 0, "'x'"),
    ("=3", 0, "cannot be read"),
    ("x==3", 0, "cannot be read"),
    ("2x=3", 0, "cannot be read"),
    ("x=[1,2", 0, "cannot be read"),
    ("y=1,x=[1,[2]]", 4, "cannot be read"),
    ("x=1;y=2", 0, "cannot be read"),
    ("[1],[2]", 0, "'[1]'"),
]


@pytest.mark.parametrize(("text", "column", "cure"), BAD, ids=[bad[0] for bad in BAD])
def test_a_bad_point_is_refused_at_its_place(text, column, cure):
    with pytest.raises(UsageError) as caught:
        parse_point(text)
    message, shown, caret = str(caught.value).split("\n")
    assert cure in message
    assert shown == f"  {text}"
    assert caret == " " * (column + 2) + "^"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "  ", None, 3])
def test_no_point(text):
    with pytest.raises(UsageError, match="x=3,y=4"):
        parse_point(text)


@given(st.text(max_size=30) | st.text("x=1,[] .-e", max_size=15))
def test_any_text_is_a_point_or_a_usage_error(text):
    try:
        point = parse_point(text)
    except UsageError:
        return
    assert point
