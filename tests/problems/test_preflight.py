"""The check of a given gradient: no right one is refused, and faults are found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.core.errors import DataError
from steepest.problems.preflight import check_gradient


def powers(x):
    return float(np.sum(x**4 - 3 * x**2 + x))


def product(x):
    return float(np.prod(2 + x))


FUNCTIONS = {
    "powers": (powers, lambda x: 4 * x**3 - 6 * x + 1),
    "exp": (lambda x: float(np.exp(x).sum()), np.exp),
    "product": (product, lambda x: product(x) / (2 + x)),
    "waves": (lambda x: float(np.sin(3 * x).sum()), lambda x: 3 * np.cos(3 * x)),
    "kinks": (lambda x: float(np.abs(x).sum()), np.sign),
}
names = st.sampled_from(sorted(FUNCTIONS))
units = st.floats(-8, 8).map(lambda power: 10.0**power)


def scaled(name, size, unit, point):
    """height * f(x / unit) and its gradient, at unit * point."""
    fn, grad = FUNCTIONS[name]
    point = unit * point
    return (
        lambda x: size * fn(x / unit),
        point,
        size * grad(point / unit) / unit,
    )


@settings(max_examples=300)
@given(names, units, units, st.sampled_from([1, 2, 5, 8, 9, 30]), st.integers(0, 99))
def test_a_right_gradient_is_never_refused(name, size, unit, n, seed):
    point = np.random.default_rng(seed).uniform(-1.5, 1.5, n)
    check_gradient(*scaled(name, size, unit, point))
    check_gradient(*scaled(name, size, unit, point.round()))


@settings(max_examples=100)
@given(units, st.floats(-12, 0), st.integers(0, 99))
def test_noise_is_no_fault(size, power, seed):
    rng = np.random.default_rng(seed)
    point = rng.normal(size=5)

    def shaken(x):
        return size * float(x @ x + 10**power * rng.normal())

    check_gradient(shaken, point, 2 * size * point)


@settings(max_examples=50)
@given(st.integers(0, 999))
def test_values_in_32_bits_are_no_fault(seed):
    rng = np.random.default_rng(seed)
    square = rng.normal(size=(4, 4))
    square, point = square @ square.T, rng.normal(size=4)
    check_gradient(
        lambda x: float(np.float32(x @ square @ x / 2)), point, square @ point
    )


def test_no_side_of_a_kink_is_refused_and_edges_of_the_domain_are_not():
    for slope in (-1.0, -0.3, 0.0, 1.0):
        check_gradient(lambda x: abs(float(x[0])), np.zeros(1), np.array([slope]))
    tiny = np.array([1e-9])
    with np.errstate(all="ignore"):
        check_gradient(lambda x: np.log(x[0]), tiny, 1 / tiny)
        check_gradient(lambda x: np.sqrt(x[0]), tiny, 0.5 / np.sqrt(tiny))

    def fails(x):
        raise ZeroDivisionError

    check_gradient(fails, np.ones(2), np.ones(2))


FAULTS = {
    "one percent": lambda grad, i: np.where(np.arange(len(grad)) == i, 1.01, 1) * grad,
    "sign": lambda grad, i: -grad,
    "one sign": lambda grad, i: np.where(np.arange(len(grad)) == i, -1, 1) * grad,
    "zero": lambda grad, i: np.where(np.arange(len(grad)) == i, 0, grad),
    "swapped": lambda grad, i: np.roll(grad, 1),
    "doubled": lambda grad, i: 2 * grad,
}


@settings(max_examples=200)
@given(
    names,
    st.sampled_from(sorted(FAULTS)),
    units,
    st.floats(-2, 2).map(lambda power: 10.0**power),
    st.sampled_from([1, 2, 5, 8, 20]),
    st.integers(0, 99),
)
def test_faults_of_one_percent_and_more_are_found(name, fault, size, unit, n, seed):
    point = np.random.default_rng(seed).uniform(0.1, 1.5, n)
    fn, point, grad = scaled(name, size, unit, point)
    weights = np.abs(grad) * np.maximum(1, np.abs(point))
    wrong = FAULTS[fault](grad, int(np.argmax(weights)))
    error = np.abs(wrong - grad) * np.maximum(1, np.abs(point))
    if error.max() < 0.0099 * np.linalg.norm(weights):
        return  # two equal slopes swapped, or too small a share of a long gradient
    with pytest.raises(DataError, match="grad is not the gradient of the function"):
        check_gradient(fn, point, wrong)


@pytest.mark.parametrize("n", [3, 30, 2000])
def test_the_worst_coordinate_is_named_with_both_slopes(n):
    point = np.linspace(1.0, 2.0, n)
    grad = 2 * point
    grad[1] = 50.0
    with pytest.raises(DataError) as caught:
        check_gradient(lambda x: float(x @ x), point, grad, name="w[{}]".format)
    if n == 2000:  # not every axis is looked at
        assert "another" in str(caught.value) or "w[1] has 50" in str(caught.value)
    else:
        slope = f"{2 * point[1]:.6g}"
        assert f"w[1] has 50, but the slope there is {slope} " in str(caught.value)


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (-1.0, "All of it has the wrong sign."),
        (2.0, "All of it is 2 times the slope."),
        (0.5, "All of it is 0.5 times the slope."),
        (0.0, "All of it is zero."),
    ],
)
@pytest.mark.parametrize("n", [2, 20])
def test_one_factor_for_all_is_told(factor, told, n):
    point = np.linspace(0.5, 2.0, n)
    with pytest.raises(DataError, match=told):
        check_gradient(powers, point, factor * (4 * point**3 - 6 * point + 1))


def test_one_wrong_coordinate_is_no_factor():
    grad = np.array([2.0, 2.02])
    with pytest.raises(DataError) as caught:
        check_gradient(lambda x: float(x @ x), np.ones(2), grad)
    assert "All of it" not in str(caught.value)


def test_a_right_gradient_costs_few_values():
    calls = []

    def counted(x):
        calls.append(1)
        return float(x @ x)

    for n, most in ((2, 5), (8, 17), (1000, 17)):
        calls.clear()
        point = np.linspace(1.0, 2.0, n)
        check_gradient(counted, point, 2 * point)
        assert len(calls) <= most
