"""Starts: what comes in, in which shape it goes on, and what is refused."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.core.errors import DataError, FormulaError, UsageError
from steepest.problems.start import example_start, pose


def summed(x):
    return jnp.sum(x**2)


def test_a_list_for_a_formula_is_one_vector_not_many_leaves():
    problem = pose("sum((x - a)^2) + dot(x, x)", {"x": [1, 2, 3], "a": 1})
    assert set(problem.start) == {"x", "a"}
    assert isinstance(problem.start["a"], float)
    assert problem.start["x"].dtype == np.float64
    assert problem.start["x"].tolist() == [1.0, 2.0, 3.0]


def test_params_of_a_formula_come_back_as_floats_and_arrays():
    run = sp.minimize("sum((x - 1)^2) + y^2", {"x": [1, 2, 3], "y": np.float32(2)})
    assert isinstance(run.params["y"], float)
    assert isinstance(run.params["x"], np.ndarray)
    assert run.params["x"] == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.parametrize("start", [[1, 2], np.array([1.0, 2.0]), (1, 2)])
def test_a_formula_of_one_variable_takes_a_bare_start(start):
    problem = pose("sum(x^2)", start)
    assert problem.start.tolist() == [1.0, 2.0]
    assert float(problem.fn(problem.start)) == 5.0
    assert isinstance(pose("x^2", 3).start, float)


def test_lists_of_numbers_are_arrays_for_a_function_and_trees_keep_their_shape():
    assert pose(summed, [1, 2]).start.shape == (2,)
    assert pose(summed, [[1, 2], [3, 4]]).start.shape == (2, 2)
    tree = pose(lambda t: jnp.sum(t["a"]) + t["b"][0], {"a": np.ones(2), "b": (1,)})
    assert tree.start["b"] == (1.0,)


def test_the_start_is_a_copy():
    start = np.ones(2)
    pose(summed, start).start[0] = 7.0
    assert start[0] == 1.0


def test_a_function_is_traced_in_double_precision():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pose(lambda x: jnp.sum(x.astype(jnp.float64) ** 2), np.ones(3))


def test_a_bare_word_is_a_formula_where_the_start_names_it():
    assert pose("theta", {"theta": 1.0}).start == {"theta": 1.0}
    for start in (None, 1.0, {"x": 1.0}):
        with pytest.raises(UsageError, match="no function of the gallery"):
            pose("theta", start)
    with pytest.raises(UsageError, match="Did you mean rosenbrock"):
        pose("rosenbrok")


def test_example_starts():
    assert example_start("dot(x, x) + theta") == {"x": [1.0, 1.0], "theta": 1.0}
    assert example_start("rosenbrock") == {}
    with pytest.raises(UsageError, match="Did you mean"):
        example_start("rosenbrok")
    with pytest.raises(UsageError, match=r"start: missing.*'x': \[1.0, 1.0\]"):
        pose("sum(x)")


@pytest.mark.parametrize(
    ("objective", "start", "told"),
    [
        (summed, [[1, 2], [3]], "different lengths"),
        ("rosenbrock", [[1, 2], [3]], "different lengths"),
        ("x^2", [[1, 2], [3]], "flat list"),
        (summed, np.zeros(0), "no number"),
        (summed, [], "no number"),
        (summed, {"a": np.zeros(0)}, "no number"),
        ("rosenbrock", np.zeros(0), "n > 0"),
        ("rosenbrock", [], "n > 0"),
        ("sum(x)", np.zeros(0), r"n > 0"),
        ("rosenbrock", ["a", "b"], "must be a number"),
        ("rosenbrock", "ab", "must be a number"),
        ("rosenbrock", [1.0, float("nan")], "finite"),
        ("rosenbrock", {"x": 1.0, "y": [1.0, 2.0]}, "different lengths"),
        (summed, [True, False], "must be a number"),
        (summed, [1.0, float("inf")], "finite"),
        (summed, {"a": 1j}, "a=1j: must be a number"),
        ("x + y", 1.0, "names its variables"),
        ("x[0]", 1.0, "one number here"),
    ],
)
def test_bad_starts(objective, start, told):
    with pytest.raises(UsageError, match=told):
        pose(objective, start)


def silent(x):
    raise ValueError


def test_objectives_that_give_no_real_number():
    for fn, told in [
        (lambda x: x, "array of shape"),
        (lambda x: (jnp.sum(x), 1), "returns tuple"),
        (lambda x: jnp.sum(x).astype(int), "returns int64"),
        (silent, "cannot be traced"),
    ]:
        with pytest.raises(DataError, match=told):
            pose(fn, np.ones(2))
    with pytest.raises(FormulaError, match="vector"):
        pose("x * 2", {"x": [1, 2]})
