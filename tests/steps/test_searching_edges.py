"""The rules that take a step back, where there is nothing to find or nowhere to go.

In single precision, where overflow is near.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.problems.bounds import Bounds, clip
from steepest.steps import settle

STEPS = 60
RULES = {
    "adgd": None,
    "bb": None,
    "gd": "backtracking",
    "momentum": "backtracking",
    "nesterov": "backtracking",
}
EVERY = pytest.mark.parametrize("name", RULES)
FAR = 1e9


@jax.custom_jvp
def liar(p):
    """Rises on every side of (1, 2), with a slope that denies it."""
    return jnp.sum(jnp.abs(p - jnp.array([1.0, 2.0])))


liar.defjvp(lambda p, t: (liar(*p), jnp.sum(t[0])))


def speck(p):
    """Finite at (1, 2) alone."""
    here = jnp.all(p == jnp.array([1.0, 2.0]))
    return jnp.where(here, jnp.sum(p), jnp.nan)


FUNCTIONS = {
    "liar": liar,
    "speck": speck,
    "top": lambda p: p[0] ** 2 + p[0] * p[1] + 20 * p[1] ** 2,
    "plain": lambda p: 0 * p[0],
    "log": lambda p: (p[0] - p[1]) ** 2 - jnp.log(p[0]),
    "abyss": lambda p: -p[0],
    "far": lambda p: (p[0] / FAR - 2) ** 2,
    "wall": lambda p: (p[0] - 2) ** 2 + (p[1] - 3) ** 2 + p[0] * p[1],
}
EVERYWHERE = Bounds(np.full(2, -np.inf, "float32"), np.full(2, np.inf, "float32"))


# XLA's older emitters compile in half the time.
QUICK = {"xla_cpu_use_fusion_emitters": False}


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def descend(rule, which, numbers, start, bounds):
    """(points, updates, rates); one program for all the functions."""

    def fn(params):
        return jax.lax.switch(which, list(FUNCTIONS.values()), params)

    def step(carry, t):
        params, state = carry
        value, slope = jax.value_and_grad(fn)(params)
        updates, state, rate = rule.update(
            slope,
            state,
            params,
            numbers=numbers,
            rate=rule.rate(numbers, t, 0),
            value=value,
            value_fn=fn,
        )
        return (clip(params + updates, bounds), state), (params, updates, rate)

    carry = (start, rule.init(start))
    return jax.lax.scan(step, carry, jnp.arange(STEPS + 1))[1]


def walk(name, function, start, bounds=EVERYWHERE):
    with jax.enable_x64(False):
        rule, numbers = settle(name, RULES[name])
        start, which = jnp.asarray(start, "float32"), [*FUNCTIONS].index(function)
        return jax.device_get(descend(rule, which, numbers, start, bounds))


@pytest.mark.parametrize("function", ["liar", "speck"])
@EVERY
def test_a_search_that_cannot_go_on_stands_still(name, function):
    points, updates, rates = walk(name, function, [1.0, 2.0])
    assert np.isfinite(updates).all()
    np.testing.assert_array_equal(updates[-2:], 0)
    np.testing.assert_array_equal(points[-1], [1.0, 2.0])
    assert rates[-1] == 0


@pytest.mark.parametrize("function", ["top", "plain"])
@EVERY
def test_a_start_without_slope_is_kept(name, function):
    np.testing.assert_array_equal(walk(name, function, [0.0, 0.0])[1], 0)


@EVERY
def test_a_start_that_is_not_finite_does_no_harm(name):
    np.testing.assert_array_equal(walk(name, "log", [-1.0, 2.0])[1], 0)


@EVERY
def test_an_abyss_is_fallen_into_without_overflow(name):
    points, _, _ = walk(name, "abyss", [0.0, 0.0])
    assert np.isfinite(points).all()
    assert points[-1, 0] > (1e6 if name != "adgd" else 1)


@EVERY
def test_params_far_from_zero_feel_the_first_step(name):
    points, _, _ = walk(name, "far", [FAR, 0.0])
    assert points[-1, 0] == pytest.approx(2 * FAR, rel=1e-2)


@EVERY
def test_a_wall_is_slid_along(name):
    """min (x - 2)^2 + (y - 3)^2 + xy in [0, 1/2] x [0, 5]: at x = 1/2, y = 11/4."""
    bounds = Bounds(np.float32([0.0, 0.0]), np.float32([0.5, 5.0]))
    points, _, _ = walk(name, "wall", [0.1, 0.1], bounds)
    assert (points >= bounds.low).all()
    assert (points <= bounds.high).all()
    np.testing.assert_allclose(points[-1], [0.5, 2.75], atol=1e-3)
