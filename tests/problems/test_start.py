"""Starts: what comes in, in which shape it goes on, and what is refused."""

import warnings

import jax
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


def test_a_function_is_called_by_its_own_name_alone():
    def outer():
        def inner(x):
            return jnp.sum(x)

        return inner, lambda x: jnp.sum(x)

    assert [pose(fn, 1.0).label for fn in outer()] == ["inner", "function"]
    assert pose(lambda x: x**2, 1.0).label == "function"


def test_a_constant_beyond_32_bits_warns_nobody():
    assert pose("1e200*x", 1.0).start == 1.0  # warnings are errors


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
        (lambda x: (jnp.sum(x), 1), "returns tuple.*grad="),
        (lambda x: jnp.sum(x).astype(int), "whole number .int64"),
        (lambda x: None, "returns None; it must return one number"),
        (lambda x: {"value": jnp.sum(x)}, "returns dict; it must return one number"),
        (silent, "cannot be traced"),
    ]:
        with pytest.raises(DataError, match=told):
            pose(fn, np.ones(2))
    with pytest.raises(FormulaError, match="vector"):
        pose("x * 2", {"x": [1, 2]})


def host(x):
    """NumPy only: no tracer passes here."""
    return np.array(x, float)


@pytest.mark.parametrize(
    ("fn", "told"),
    [
        (lambda x: host(x), r"array of shape \(2,\).*take the sum or the mean"),
        (lambda x: host(x)[:1], r"array of shape \(1,\)"),
        (lambda x: list(host(x)), r"array of shape \(2,\)"),
        (lambda x: [[1.0], list(host(x))], "returns list"),
        (lambda x: int(host(x)[0]), "whole number .int64.*no slope"),
        (lambda x: bool(host(x)[0]), "whole number .bool"),
        (lambda x: host(x)[0] * 1j, "complex128; it must return a real number"),
        (lambda x: str(host(x)), "returns str"),
        (lambda x: host(x).fill(0), "returns None; it must return one number"),
        (lambda x: (host(x).sum(), host(x)), "returns tuple, of 2.*as grad="),
        (lambda x: host(x)[0] * np.nan, "the objective is nan and so is not finite"),
        (lambda x: np.log(host(x)[0] - 1), "is -inf and so is not finite"),
        (lambda x: host(x)[7], "cannot be traced.*NumPy arrays .IndexError: index 7"),
        (lambda x, y: 0.0, "cannot be traced.*one argument of the shape of the start"),
    ],
    ids=range(14),
)
def test_numpy_functions_that_give_no_finite_real_number(fn, told):
    with pytest.raises(DataError, match=told):
        pose(fn, np.ones(2))


def test_interrupts_at_the_door_are_not_caught():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pose(stopped, 1.0)


def squares(tree):
    return float(sum(np.sum(host(leaf) ** 2) for leaf in jax.tree.leaves(tree)))


TREE = {"w": np.ones((2, 1)), "b": 1.0}


@pytest.mark.parametrize(
    ("grad", "told"),
    [
        (lambda p: None, r"grad returns None.*gradient of shape b .*, w \(2, 1\)"),
        (lambda p: {"w": 2 * p["w"]}, "grad returns a dict of w; .*same tree"),
        (lambda p: [2 * p["b"], 2 * p["w"]], "grad returns a list of 2; .*same tree"),
        (
            lambda p: {"w": 2 * p["w"].ravel(), "b": 2.0},
            r"shape \(2,\) for w; it must have the shape of w, \(2, 1\)",
        ),
        (lambda p: {"w": 2 * p["w"], "b": [2.0]}, r"shape \(1,\) for b"),
        (lambda p: {"w": 2 * p["w"], "b": None}, "returns NoneType for b"),
        (lambda p: {"w": [[2.0], [1, 2]], "b": 2.0}, "returns a list of 2 for w"),
        (lambda p: {"w": 2j * p["w"], "b": 2.0}, "complex128 for w; .*real numbers"),
        (lambda p: {"w": 2 * p["w"], "b": np.nan}, "grad returns nan for b: .*smooth"),
        (lambda p: 1 / 0, "grad cannot be traced.*ZeroDivisionError"),
        (lambda p: {"w": -2 * p["w"], "b": -2.0}, "the wrong sign"),
        (
            lambda p: {"w": 2 * host(p["w"]) * [[1], [1.01]], "b": 2.0},
            r"w\[1,0\] has 2.02, but the slope there is 2 \(central",
        ),
    ],
    ids=range(12),
)
@pytest.mark.parametrize("traced", [True, False])
def test_gradients_that_cannot_be_meant(grad, told, traced):
    def given(params):
        return grad(params if traced else jax.tree.map(host, params))

    with pytest.raises(DataError, match=told):
        pose(squares, TREE, given)


def test_gradients_may_be_lists_of_numbers_for_arrays():
    problem = pose(squares, [1.0, 2.0], lambda x: [2 * x[0], 2 * x[1]])
    assert problem.fn.gradient(problem.start).tolist() == [2.0, 4.0]


def test_a_gradient_is_a_function_and_formulas_bring_their_own():
    with pytest.raises(UsageError, match="grad=True: must be a function"):
        pose(squares, TREE, True)
    for objective, start in [("x^2", 1.0), ("rosenbrock", None)]:
        with pytest.raises(UsageError, match="brings its own exact gradient"):
            pose(objective, start, lambda x: 2 * x)


def test_a_wrong_gradient_of_a_traced_function_is_refused_too():
    with pytest.raises(DataError, match="2 times the slope"):
        pose(summed, np.ones(2), lambda x: 4 * x)
    assert pose(summed, np.ones(2), lambda x: 2 * x).notes == ()


def test_a_problem_that_is_not_foreign_has_nothing_to_check():
    pose(summed, np.ones(2)).check()
