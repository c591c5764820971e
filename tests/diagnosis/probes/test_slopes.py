"""Gradients that somebody wrote, beside the slope of the function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.diagnosis.probes.slopes import has_own_rule, mismatch
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout


def foreign(grad, fn=lambda x: float(x @ x)):
    return Foreign(fn, grad, Layout.of(np.zeros(3)))


POINT = np.array([1.0, -2.0, 0.5])


def test_a_right_gradient_is_never_blamed():
    right = foreign(lambda x: 2 * x)
    for size in (0.0, 1e-9, 1.0, 1e6):
        assert mismatch(right, [("at the end", size * POINT)]) is None
    assert mismatch(foreign(None), [("at the end", POINT)]) is None
    assert mismatch(right, []) is None


@pytest.mark.parametrize("factor", [0.5, 1.05, -1.0, 0.0])
def test_the_worst_coordinate_is_named(factor):
    wrong = foreign(lambda x: 2 * x * np.array([1.0, factor, 1.0]))
    found = mismatch(wrong, [("at the end", POINT)])
    assert found is not None
    assert (found.coordinate, found.where) == ("params[1]", "at the end")
    assert found.given == pytest.approx(-4 * factor)
    assert found.slope == pytest.approx(-4, rel=1e-6)
    assert found.error == pytest.approx(
        min(1, abs(1 - factor) / max(1, abs(factor))), rel=1e-5
    )


def test_a_fault_elsewhere_is_found_half_way():
    late = foreign(lambda x: 2 * x * (1.0 if x[0] > 0.5 else 2.0))
    points = [("at the end", np.ones(3)), ("half way", -np.ones(3))]
    found = mismatch(late, points)
    assert found is not None
    assert found.where == "half way"


def test_few_values_are_asked_for_where_all_is_well():
    calls = []

    def counted(x):
        calls.append(x)
        return float(x @ x)

    mismatch(foreign(lambda x: 2 * x, counted), [("at the end", POINT)])
    assert len(calls) <= 5  # the point, and two directions of two values


def test_kinks_and_noise_are_no_faults():
    kink = foreign(np.sign, lambda x: float(np.abs(x).sum()))
    assert mismatch(kink, [("at the end", np.zeros(3))]) is None
    rng = np.random.default_rng(0)
    noisy = foreign(lambda x: 2 * x, lambda x: float(x @ x) + 1e-3 * rng.normal())
    assert mismatch(noisy, [("at the end", POINT)]) is None


@jax.custom_jvp
def halved(x):
    return jnp.sum(x**2)


halved.defjvp(lambda x, v: (halved(*x), jnp.sum(x[0] * v[0])))


def test_a_rule_registered_with_jax_is_looked_at():
    assert has_own_rule(halved, POINT)
    assert has_own_rule(lambda x: jnp.where(x[0] > 0, 1, 2) * halved(x), POINT)
    assert not has_own_rule(lambda x: jnp.sum(jax.nn.relu(x)), POINT)
    with jax.enable_x64(True):
        found = mismatch(halved, [("at the end", POINT)])
        assert mismatch(lambda x: jnp.sum(x**3), [("at the end", POINT)]) is None
    assert found is not None
    assert found.own_rule
    assert found.slope == pytest.approx(2 * found.given, rel=1e-5)
