"""Errors, near misses, spellings and numbers: what a person reads and types."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import DataError, FormulaError, SteepestError, UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.core.spec import parse_spec
from steepest.core.suggest import did_you_mean


@pytest.mark.parametrize(
    ("error", "code"),
    [(SteepestError, 1), (UsageError, 2), (DataError, 5), (FormulaError, 5)],
)
def test_each_error_carries_its_exit_code(error, code):
    assert error("why").exit_code == code
    assert isinstance(error("why"), SteepestError)


@pytest.mark.parametrize("error", [UsageError, DataError, FormulaError])
def test_those_about_input_are_value_errors_too(error):
    assert issubclass(error, ValueError)


@given(st.text("xyz+ ", min_size=1), st.data())
def test_the_caret_stands_below_the_column(text, data):
    column = data.draw(st.integers(0, len(text)))
    first, shown, caret = str(FormulaError("why", text, column)).split("\n")
    assert (first, shown[2:]) == ("why", text)
    assert caret.index("^") == column + 2


@pytest.mark.parametrize("place", [{}, {"text": "x"}, {"column": 0}])
def test_without_a_place_there_is_no_caret(place):
    assert str(FormulaError("why", **place)) == "why"


def test_a_near_miss_is_named():
    assert did_you_mean("momentm", ["gd", "momentum"]) == "Did you mean momentum?"


def test_two_near_misses_are_named():
    assert did_you_mean("adamx", ["adam", "adamw", "gd"]).count(" or ") == 1


def test_far_from_everything_all_are_named():
    assert did_you_mean("qqq", iter(["gd", "adam"])) == "Known: gd, adam."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cosine", ("cosine", {})),
        (" cosine : ", ("cosine", {})),
        ("mlp:hidden=64/32,norm=batch", ("mlp", {"hidden": (64, 32), "norm": "batch"})),
        ("a: b = 1 , c = 2.5", ("a", {"b": 1, "c": 2.5})),
        ("a:b=1e-3,c=-2,d=true,e=false", ("a", dict(b=1e-3, c=-2, d=True, e=False))),
        ("a:b=x:y", ("a", {"b": "x:y"})),
        ("a:b=c=d", ("a", {"b": "c=d"})),
    ],
)
def test_spelling(text, expected):
    name, options = parse_spec(text)
    assert (name, options) == expected
    kinds = {key: type(value) for key, value in expected[1].items()}
    assert {key: type(value) for key, value in options.items()} == kinds


@pytest.mark.parametrize("text", ["a:b", "a:=1", "a:b=", "a:b=1,", "a:b=1,,c=2", "a:,"])
def test_half_an_option_is_refused(text):
    with pytest.raises(UsageError, match="write name:option=value"):
        parse_spec(text)


def test_an_option_given_twice_is_refused():
    with pytest.raises(UsageError, match="b is given twice; give it once"):
        parse_spec("a:b=1,b=1")


VALUES = st.integers() | st.floats(allow_nan=False) | st.booleans()


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), VALUES))
def test_what_is_spelt_is_read(options):
    spelt = ",".join(f"{k}={str(v).lower()}" for k, v in options.items())
    assert parse_spec(f"name:{spelt}") == ("name", options)


@pytest.mark.parametrize(
    "number", [0, -1, 0.5, math.nan, math.inf, np.int8(1), np.float32(1), jnp.array(2)]
)
def test_a_number(number):
    assert is_number(number)


@pytest.mark.parametrize(
    "thing",
    [True, np.True_, "1", b"1", None, [1], [[1], [1, 2]], {}, np.ones(1), jnp.ones(2)],
)
def test_no_number(thing):
    assert not is_number(thing)
    assert not is_whole(thing)


@pytest.mark.parametrize("number", [0, -3, 7.0, np.int64(5), np.float32(4), 10**30])
def test_a_whole_number(number):
    assert is_whole(number)


@pytest.mark.parametrize("number", [0.5, math.nan, math.inf, -math.inf])
def test_no_whole_number(number):
    assert not is_whole(number)
