"""Values and gradients of formulas, held to NumPy, SciPy and hand derivatives."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import FormulaError, UsageError
from steepest.problems.formulas import FUNCTIONS, parse


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def gradient(text, **params):
    params = {name: jnp.asarray(value, float) for name, value in params.items()}
    return jax.jit(jax.grad(parse(text)))(params)


def test_the_numbers_of_the_articles():
    coupled = parse("x^2 + x*y + y^2")
    assert float(coupled({"x": 2.0, "y": 1.0})) == 7.0
    assert gradient("x^2 + x*y + y^2", x=2.0, y=1.0) == {"x": 5.0, "y": 4.0}
    bowl = gradient("x**2 + y**2", x=3.0, y=4.0)
    assert bowl == {"x": 6.0, "y": 8.0}
    assert [float(gradient("x^2", x=x)["x"]) for x in (5.0, 3.0, -2.0)] == [10, 6, -4]


# Formula, point, hand-derived gradient.
BY_HAND = [
    ("x**2", {"x": -3.0}, {"x": -6.0}),
    ("x**2", {"x": 0.0}, {"x": 0.0}),
    ("x**3", {"x": -2.0}, {"x": 12.0}),
    ("x**-1", {"x": -2.0}, {"x": -0.25}),
    ("x**0", {"x": 0.0}, {"x": 0.0}),
    ("x**1", {"x": 0.0}, {"x": 1.0}),
    ("x**2.0", {"x": -1.0}, {"x": -2.0}),
    ("x**(4/2)", {"x": -1.0}, {"x": -2.0}),
    ("x**0.5", {"x": 4.0}, {"x": 0.25}),
    ("x**1.5", {"x": 0.0}, {"x": 0.0}),
    ("(x^2 + y^2)^(1/2)", {"x": 0.0, "y": 0.0}, {"x": 0.0, "y": 0.0}),
    ("sqrt(x^2 + y^2)", {"x": 0.0, "y": 0.0}, {"x": 0.0, "y": 0.0}),
    ("sqrt(x^2 + y^2)", {"x": 3.0, "y": 4.0}, {"x": 0.6, "y": 0.8}),
    ("norm(v)", {"v": [0.0, 0.0]}, {"v": [0.0, 0.0]}),
    ("norm(v)", {"v": [3.0, -4.0]}, {"v": [0.6, -0.8]}),
    ("abs(x)", {"x": 0.0}, {"x": 0.0}),
    ("abs(x)", {"x": -2.0}, {"x": -1.0}),
    ("relu(x)", {"x": 0.0}, {"x": 0.0}),
    ("2^x", {"x": 3.0}, {"x": 8 * math.log(2)}),
    ("x^y", {"x": 2.0, "y": 3.0}, {"x": 12.0, "y": 8 * math.log(2)}),
    ("e^x", {"x": 1.0}, {"x": math.e}),
    ("x/y", {"x": 1.0, "y": 2.0}, {"x": 0.5, "y": -0.25}),
    ("max(x, y)", {"x": 1.0, "y": 2.0}, {"x": 0.0, "y": 1.0}),
    ("min(x, y, 0)", {"x": -1.0, "y": 2.0}, {"x": 1.0, "y": 0.0}),
    ("prod(v)", {"v": [0.0, 3.0]}, {"v": [3.0, 0.0]}),
    ("mean(v^2)", {"v": [1.0, -3.0]}, {"v": [1.0, -3.0]}),
    ("dot(v, w)", {"v": [1.0, 2.0], "w": [3.0, 4.0]}, {"v": [3, 4], "w": [1, 2]}),
    ("v[0]*v[-1]", {"v": [2.0, 5.0, 7.0]}, {"v": [7.0, 0.0, 2.0]}),
    ("sum(v[1:]*v[:-1])", {"v": [1.0, 2.0, 3.0]}, {"v": [2.0, 4.0, 2.0]}),
    ("sum(v[::-1]*w)", {"v": [1.0, 2.0], "w": [3.0, 4.0]}, {"v": [4, 3], "w": [2, 1]}),
    ("sum(a*v)", {"a": 2.0, "v": [3.0, 4.0]}, {"a": 7.0, "v": [2.0, 2.0]}),
]


@pytest.mark.parametrize(("text", "point", "expected"), BY_HAND)
def test_gradient_is_the_one_derived_by_hand(text, point, expected):
    got = gradient(text, **point)
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-14)


finite = st.floats(-1e3, 1e3, allow_subnormal=False)
neuron = jax.jit(jax.grad(parse("(w*x - y)^2")))
rosenbrock = jax.jit(
    jax.value_and_grad(parse("sum(100*(x[1:] - x[:-1]**2)^2 + (1 - x[:-1])^2)"))
)


@given(w=finite, x=finite, y=finite)
def test_one_neuron(w, x, y):
    with jax.enable_x64(True):
        slope = neuron({"w": w, "x": x, "y": y})["w"]
    np.testing.assert_allclose(slope, 2 * (w * x - y) * x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [2, 5])
@given(data=st.data())
def test_typed_rosenbrock_is_scipys(n, data):
    point = np.array(data.draw(st.lists(finite, min_size=n, max_size=n)))
    with jax.enable_x64(True):
        value, slope = rosenbrock({"x": point})
    np.testing.assert_allclose(value, scipy.optimize.rosen(point), rtol=1e-9, atol=1e-9)
    expected = scipy.optimize.rosen_der(point)
    np.testing.assert_allclose(slope["x"], expected, rtol=1e-9, atol=1e-3)


# Where NumPy has the same name it is the reference.
REFERENCE = {
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "min": lambda *given: functools.reduce(np.minimum, given),
    "max": lambda *given: functools.reduce(np.maximum, given),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "norm": np.linalg.norm,
}


@functools.cache
def call_of(name, n):
    """A compiled call of n arguments, and a point inside every domain."""
    names = [f"a{i}" for i in range(n)]
    rng = np.random.default_rng(n)
    shape = (3,) if FUNCTIONS[name].reduces else ()
    point = {key: np.asarray(rng.uniform(0.2, 0.8, shape)) for key in names}
    call = parse(f"{name}({', '.join(names)})")
    return jax.jit(jax.value_and_grad(call)), point


CALLS = [
    (name, n)
    for name, function in FUNCTIONS.items()
    for n in range(function.fewest, (function.most or function.fewest + 1) + 1)
]


@pytest.mark.parametrize(("name", "n"), CALLS)
def test_every_function_has_the_value_of_its_reference(name, n):
    call, point = call_of(name, n)
    reference = REFERENCE.get(name) or getattr(np, name)
    expected = reference(*(np.asarray(value) for value in point.values()))
    np.testing.assert_allclose(call(point)[0], expected, rtol=1e-13)


@pytest.mark.parametrize(("name", "n"), CALLS)
def test_every_function_has_the_slope_of_its_differences(name, n):
    call, point = call_of(name, n)
    slope, step = call(point)[1], 1e-6
    for key, value in point.items():
        for i in np.ndindex(value.shape):
            move = np.zeros(value.shape)
            move[i] = step
            above, _ = call({**point, key: value + move})
            below, _ = call({**point, key: value - move})
            difference = (above - below) / (2 * step)
            np.testing.assert_allclose(slope[key][i], difference, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("text", ["9**9**9*x", "x/0", "1/x - 1/x + 10^400*x"])
def test_arithmetic_overflows_to_inf_and_nan_without_a_crash(text):
    assert not math.isfinite(parse(text)({"x": 0.0 if "1/x" in text else 1.0}))


def test_log_and_sqrt_outside_their_domain_are_nan():
    assert math.isnan(parse("sqrt(x) + log(x)")({"x": -1.0}))


def test_vmap_and_jit_agree_with_single_calls():
    formula = parse("sum((v - a)^2) + sin(a)")
    many = {"v": jnp.arange(12.0).reshape(4, 3), "a": jnp.arange(4.0)}
    together = jax.jit(jax.vmap(formula))(many)
    single = [formula({"v": many["v"][i], "a": many["a"][i]}) for i in range(4)]
    np.testing.assert_allclose(together, single, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_set_the_precision(dtype):
    formula = parse("pi*x^2.5 + 0.1*sum(v^2) + sqrt(x) + norm(v)/3")
    number, vector = (jax.ShapeDtypeStruct(shape, dtype) for shape in ((), (3,)))
    with jax.numpy_dtype_promotion("strict"):
        value, slope = jax.eval_shape(
            jax.value_and_grad(formula), {"x": number, "v": vector}
        )
    assert {value.dtype, slope["x"].dtype, slope["v"].dtype} == {np.dtype(dtype)}


def test_whole_numbers_count_as_floats():
    assert float(parse("1/x + v[0]/2")({"x": 4, "v": [1, 2]})) == 0.75


def test_equal_formulas_share_one_trace():
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(formula, point):
        traces.append(formula.text)
        return formula(point)

    run(parse("x^2 + 1"), {"x": 1.0})
    assert float(run(parse("x**2+1"), {"x": 2.0})) == 5.0
    assert traces == ["x^2 + 1"]


def test_a_vector_is_no_value():
    with pytest.raises(FormulaError, match=r"length 2.*sum\(x\^2\)") as caught:
        parse("x^2")({"x": [1.0, 2.0]})
    assert caught.value.exit_code == 5


BAD_STARTS = [
    ("x + y", {"x": 1.0}, ["needs a value for y"]),
    ("x + y + z", {"x": 1.0}, ["needs a value for y, z"]),
    ("x + yy", {"x": 1.0, "yyy": 1.0}, ["value for yy", "no variable yyy", "mean yy"]),
    ("x + y", {"x": 1, "y": 1, "a": 1, "b": 2}, ["no variable a", "no variable b"]),
    ("x*e", {"x": 1.0, "e": 2.0}, ["e is the constant 2.71828"]),
    ("x", {1: 1.0, "x": 1.0}, ["no variable 1"]),
    ("x", [1.0], ["names its variables", "list"]),
    ("x", 1.0, ["names its variables", "float"]),
    ("x", None, ["names its variables"]),
    ("x", {"x": "1"}, ["x='1'", "number"]),
    ("x", {"x": None}, ["x=None", "number"]),
    ("x", {"x": 1j}, ["number"]),
    ("x", {"x": True}, ["number"]),
    ("x", {"x": 10**400}, ["number"]),
    ("x", {"x": math.nan}, ["x=nan", "finite"]),
    ("sum(x)", {"x": [1.0, math.inf]}, ["finite"]),
    ("sum(x)", {"x": []}, ["(0,)"]),
    ("sum(x)", {"x": [[1.0]]}, ["(1, 1)"]),
    ("sum(x)", {"x": [[1.0], [1.0, 2.0]]}, ["flat list"]),
    ("x[0]", {"x": 1.0}, ["x[0]", "one number", "x=[1, 2]"]),
    ("sum(x[1:])", {"x": 1.0}, ["x[1:]", "one number"]),
    ("sum(x)", {"x": 1.0}, ["sum needs a vector", "list"]),
    ("dot(x, y)", {"x": [1.0], "y": 1.0}, ["dot needs a vector", "y is one number"]),
    ("x[2]", {"x": [1, 2]}, ["x[2]", "length 2", "x[1]"]),
    ("x[-3]", {"x": [1, 2]}, ["x[-3]", "length 2"]),
    ("sum(x[1:])", {"x": [1]}, ["x[1:] selects nothing", "length 1"]),
    ("sum(x + y)", {"x": [1, 2], "y": [1, 2, 3]}, ["x + y", "lengths 2 and 3"]),
    ("dot(x, y)", {"x": [1, 2], "y": [1, 2, 3]}, ["dot(x, y)", "2 and 3"]),
    ("sum(max(x, y))", {"x": [1], "y": [1, 2]}, ["max(x, y)", "1 and 2"]),
]


@pytest.mark.parametrize(("text", "start", "words"), BAD_STARTS)
def test_a_start_that_does_not_fit_is_refused(text, start, words):
    with pytest.raises(UsageError) as caught:
        parse(text).check(start)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 2


def test_check_refuses_what_cannot_be_minimised():
    with pytest.raises(FormulaError, match="no variables"):
        parse("2*pi").check({})
    with pytest.raises(FormulaError, match="gives a vector"):
        parse("x[1:]").check({"x": [1, 2, 3]})


def test_check_accepts_what_fits():
    parse("sum(x^2) + a").check({"x": np.ones(3), "a": 2**40})
    parse("x + a").check({"x": np.float32(1), "a": jnp.asarray(1)})


def test_a_call_checks_its_names_too():
    with pytest.raises(UsageError, match="needs a value for y"):
        parse("x + y")({"x": 1.0})


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        ("sqrt(x)", math.inf),
        ("x^0.5", math.inf),
        ("sqrt(4*x)", math.inf),
        ("sqrt(x^2)", 0.0),
        ("sqrt(x*x)", 0.0),
        ("sqrt(abs(x))", 0.0),
        ("sqrt(x^2 + abs(x))", 0.0),
        ("(x^2)^0.5", 0.0),
        ("x^1.5", 0.0),
    ],
)
def test_a_root_rests_only_where_its_argument_cannot_cross_zero(text, slope):
    assert float(jax.grad(parse(text))({"x": 0.0})["x"]) == slope
