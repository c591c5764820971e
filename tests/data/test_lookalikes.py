"""Numbers written as no parser reads them: seen, told, and read where it is safe."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import DataError
from steepest.data.inference import Rules, infer_column
from steepest.data.lookalikes import decimal_commas, number_habit
from steepest.data.reading import read_table
from steepest.data.target import Target


@pytest.mark.parametrize(
    ("texts", "habit"),
    [
        (["0,5", "1,25", "3"], "with a decimal comma"),
        (["-0,5", "1,5e3"], "with a decimal comma"),
        (["1,000", "12,345,678", "7"], "with thousands marks"),
        (["1.234,56", "1.000,00"], "with thousands marks"),
        (["12%", "7.5 %"], "with a percent sign"),
        (["$5", "$1,200.50"], "with a currency sign"),
    ],
)
def test_habits_are_known(texts, habit):
    example = next(text for text in texts if not text.isdigit())
    assert number_habit(pa.array(texts)) == (habit, example)


@pytest.mark.parametrize(
    "texts", [["1", "2.5"], ["a,b", "c"], ["0,5", "half"], ["192.168.0.1", "x"], ["%"]]
)
def test_other_text_is_left_alone(texts):
    assert number_habit(pa.array(texts)) is None


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_decimal_commas_give_the_same_numbers(numbers):
    texts = [repr(number).replace(".", ",") for number in numbers]
    read = decimal_commas(pa.chunked_array([[*texts, "0,5", None]]))
    assert read.to_pylist() == [*numbers, 0.5, None]


def test_a_column_without_commas_or_with_other_text_is_no_number():
    for texts in (["1", "2"], ["0,5", "x"], ["0,5", "0.5"], [None], ["1,000,000"]):
        column = pa.chunked_array([pa.array(texts, pa.string())])
        assert decimal_commas(column) is None


def test_a_file_with_semicolons_has_decimal_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c;d\n0,5;x;1;1,5\n-2;0,5;2;NA\n")
    table = read_table(path)
    assert table.to_pydict() == {
        "a": [0.5, -2.0],
        "b": ["x", "0,5"],
        "c": [1, 2],
        "d": [1.5, None],
    }


def test_a_file_with_commas_keeps_them_as_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"0,5",1\n"1,5",2\n')
    assert read_table(path)["a"].to_pylist() == ["0,5", "1,5"]


def test_a_feature_says_what_it_looks_like_and_what_to_do():
    column = pa.chunked_array([[f"{i},5" for i in range(50)]])
    guess = infer_column("x", column, Rules())
    told = " ".join(guess.notes)
    assert guess.column is None
    assert "looks like numbers with a decimal comma, such as '0,5'" in told
    assert "plain numbers (1234.5)" in told
    assert "name or a key" not in told


def test_a_target_of_such_numbers_is_refused_unless_asked_for():
    values = [f"{i % 40},25" for i in range(200)]
    with pytest.raises(DataError, match=r"40 distinct.*'0,25'.*decimal comma"):
        Target.infer(values, name="y")
    assert len(Target.infer(values, task="multiclass").classes) == 40


def test_a_mostly_unique_target_is_refused_unless_asked_for():
    names = [f"n{i}" for i in range(60)]
    values = [*names, *names[:50]]
    with pytest.raises(DataError, match=r"60 distinct values in 110 rows.*'n0'"):
        Target.infer(values, name="y")
    with pytest.raises(DataError, match="task='regression' if all are numbers"):
        Target.infer([str(i + 0.5) for i in range(30)], name="y")
    assert len(Target.infer(values, task="multiclass").classes) == 60
    assert Target.infer(names[:20]).task == "multiclass"  # few: one row a class
    assert Target.infer(np.repeat(names, 2)).task == "multiclass"
