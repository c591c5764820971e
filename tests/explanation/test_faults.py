"""Where there is no value or no slope: which part is to blame, and that it is told."""

from __future__ import annotations

import numpy as np
import pytest

import steepest as sp
from steepest.core.errors import FormulaError, UsageError
from steepest.explanation.faults import faults_of
from steepest.explanation.graph import build, flow
from steepest.problems.formulas import parse

NOTHING = [
    ("abs(x^2)", {"x": 0.0}),
    ("x*abs(x)", {"x": 0.0}),
    ("sqrt(x^4)", {"x": 0.0}),
    ("norm(v)^2", {"v": [0.0, 0.0]}),
    ("max(x, 1) + x", {"x": 0.5}),
    ("abs(x)^1.5", {"x": 0.0}),
    ("x^3", {"x": 0.0}),
    ("1e12 + x^2", {"x": 0.0}),
]
MATTERS = [
    ("abs(x - 2)", {"x": 2.0}, "kink", "abs(x - 2)"),
    ("1e-9*abs(x)", {"x": 0.0}, "kink", "abs(x)"),
    ("relu(x) + y", {"x": 0.0, "y": 1.0}, "kink", "relu(x)"),
    ("max(x, y)", {"x": 1.0, "y": 1.0}, "kink", "max(x, y)"),
    ("sqrt(x^2 + y^2)", {"x": 0.0, "y": 0.0}, "kink", "sqrt(x**2 + y**2)"),
    ("norm(v)", {"v": [0.0, 0.0]}, "kink", "norm(v)"),
    ("sum(abs(v - 1))", {"v": [0.0, 1.0]}, "kink", "abs(v - 1)"),
    ("sign(x)", {"x": 0.0}, "jump", "sign(x)"),
    ("1 + sqrt(x)", {"x": 0.0}, "endless", "sqrt(x)"),
    ("x^0.5", {"x": 0.0}, "endless", "x**0.5"),
    ("asin(x)", {"x": 1.0}, "endless", "asin(x)"),
    ("log(x - 3)", {"x": 1.0}, "undefined", "log(x - 3)"),
    ("2 + log(0*x)", {"x": 1.0}, "undefined", "log(0*x)"),
    ("sqrt(-x)", {"x": 4.0}, "undefined", "sqrt(-x)"),
    ("y/(x - 1)", {"x": 1.0, "y": 2.0}, "undefined", "y/(x - 1)"),
    ("x^(-2)", {"x": 0.0}, "undefined", "x**-2"),
    ("x^1.5", {"x": -1.0}, "undefined", "x**1.5"),
    ("acos(x)", {"x": 2.0}, "undefined", "acos(x)"),
    ("sum(log(v))", {"v": [1.0, -2.0]}, "undefined", "log(v)"),
    ("exp(x^2)", {"x": 100.0}, "overflow", "exp(x**2)"),
]


def faults(text: str, point: dict):
    params = {name: np.asarray(x, float) for name, x in point.items()}
    return faults_of(flow(build(parse(text).tree), params), params, params)


@pytest.mark.parametrize(("text", "point"), NOTHING)
def test_where_a_slope_exists_nothing_is_told(text, point):
    assert faults(text, point) == []


@pytest.mark.parametrize(("text", "point", "kind", "where"), MATTERS)
def test_the_part_to_blame_is_named(text, point, kind, where):
    [fault] = faults(text, point)
    assert (fault.kind, fault.where) == (kind, where)
    assert where in fault.text


def test_slopes_of_both_sides_are_told():
    [fault] = faults("3*abs(x) + x", {"x": 0.0})
    assert fault.along == ("x",)
    assert fault.text.endswith("the slope is -2 on the left, 4 on the right.")


def test_of_a_vector_the_entry_is_named():
    [fault] = faults("sum(log(v))", {"v": [1.0, 2.0, -3.0]})
    assert "(entry 2)" in fault.text
    assert "v is -3 there" in fault.text


def test_a_kink_is_explained_and_stepped_from():
    told = sp.explain("abs(x) + y^2", {"x": 0.0, "y": 3.0})
    text = told.to_text()
    assert "does not exist here; descent goes by 0" in text
    assert "the slope is -1 on the left, 1 on the right" in " ".join(text.split())
    assert told.steps[0].after.x == pytest.approx([0.0, 2.4])
    assert not told.point.stops


def test_without_a_value_there_are_formulas_and_no_steps():
    told = sp.explain("log(x - 3)", {"x": 1.0}, steps=3, backprop=False)
    assert told.steps == ()
    assert told.point.stops
    text = told.to_text()
    assert "f has no value." in text
    assert "∂f/∂x = 1/(x - 3)" in text
    assert told.to_json()["value"] is None
    assert told.difference is None


def test_steps_end_where_numbers_do():
    told = sp.explain("x^4", 3.0, learning_rate=10.0, steps=50)
    assert told.diverged
    assert 2 <= len(told.steps) < 10
    assert "overflows" in told.to_text()
    assert "try a smaller learning rate" in told.to_text()


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"at": {"x": 1.0}}, UsageError, r"The point needs a value for y\."),
        ({"at": {"x": 1.0, "y": 1.0, "z": 2.0}}, UsageError, "no variable z"),
        ({}, UsageError, r"at: missing; give the point"),
        ({"learning_rate": 0.0}, UsageError, r"learning_rate=0.0: must be > 0"),
        ({"learning_rate": float("nan")}, UsageError, "must be > 0 and finite"),
        ({"learning_rate": "fast"}, UsageError, "must be > 0 and finite"),
        ({"steps": -1}, UsageError, "steps=-1: must be a whole number"),
        ({"steps": 1.5}, UsageError, "steps=1.5: must be a whole number"),
        ({"direction": "up"}, UsageError, "direction='up': unknown"),
        ({"optimizer": "adm"}, UsageError, "Did you mean adam"),
        ({"optimizer": "bfgs"}, UsageError, "cannot be written out"),
        ({"momentum": 0.5}, UsageError, "optimizer gd has none"),
        ({"lr": 0.5}, UsageError, "lr: there is no such option"),
        ({"optimizer": "dog", "learning_rate": 1.0}, UsageError, "finds its own"),
        ({"optimizer": "momentum", "momentum": 2.0}, UsageError, "momentum=2.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked, error, match):
    point = {"at": {"x": 1.0, "y": 2.0}} if asked and "at" not in asked else {}
    with pytest.raises(error, match=match):
        sp.explain("x*y", **point, **asked)


def test_a_bad_formula_shows_the_place():
    with pytest.raises(FormulaError, match=r"2x\n   \^"):
        sp.explain("2x", {"x": 1.0})


def test_backprop_of_a_function_is_refused():
    with pytest.raises(UsageError, match="needs a formula"):
        sp.explain(lambda x: x**2, 3.0, backprop=True)
