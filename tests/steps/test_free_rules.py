"""The rules that need no learning rate, or none that must be tuned: fifty steps of each
beside NumPy written from the papers, and what a caller may count on.

The references know nothing of JAX or Optax. Each tells (the next point, the rate of the
step to it, the point to return by then) and is told the point that ours went to: so
each step is compared, and rounding cannot grow along a path that magnifies it.
"""

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.core.errors import UsageError
from steepest.steps import OPTIMIZERS, settle
from steepest.steps.reported import reported

STEPS = 50


def dog(fn, slope, x, *, first_distance=1e-6):
    """Ivgi, Hinder, Carmon 2023, arXiv 2302.12022."""
    start, far, squares = x, first_distance * (1 + np.linalg.norm(x)), 0.0
    while True:
        g = slope(x)
        far = max(far, np.linalg.norm(x - start))
        squares += g @ g
        rate = far / np.sqrt(squares)
        x = x - rate * g
        x = yield x, rate, x


def dowg(fn, slope, x, *, first_distance=0.01):
    """Khaled, Mishchenko, Jin 2023, arXiv 2305.16284, algorithm 1."""
    start, far, weighted = x, first_distance, 0.0
    while True:
        g = slope(x)
        far = max(far, np.linalg.norm(x - start))
        weighted += far**2 * (g @ g)
        rate = far**2 / np.sqrt(weighted)
        x = x - rate * g
        x = yield x, rate, x


def prodigy(fn, slope, x, *, first_distance=1e-6, b1=0.9, b2=0.999, eps=1e-8):
    """Mishchenko, Defazio 2024, arXiv 2306.06101: the Adam version, bias corrected."""
    start, d = x, first_distance
    m, v, above, below = 0 * x, 0 * x, 0.0, 0 * x
    for t in itertools.count(1):
        g, used = slope(x), d
        rate = d * np.sqrt(1 - b2**t) / (1 - b1**t)
        m = b1 * m + (1 - b1) * d * g
        v = b2 * v + (1 - b2) * (d * g) ** 2
        above = np.sqrt(b2) * above + rate * d * (g @ (start - x))
        below = np.sqrt(b2) * below + rate * d * g
        d = max(d, above / np.abs(below).sum())
        x = x - rate * m / (np.sqrt(v) + d * eps)
        x = yield x, used, x


def momo(fn, slope, x, *, rate=1.0, b1=0.9, lower_bound=0.0):
    """Schaipp et al. 2024, arXiv 2305.07583, algorithm 1, begun at the first gradient.

    The model is the mean of all tangents so far, weighed by age: no recursion here to
    share a fault with.
    """
    seen = []
    while True:
        seen.append((x, fn(x), slope(x)))
        age = np.arange(len(seen))[::-1]
        weights = (1 - b1) * b1 ** age.astype(float)
        weights[0] = b1 ** age[0]
        m = sum(w * g for w, (_, _, g) in zip(weights, seen, strict=True))
        tangents = [value + g @ (x - at) for at, value, g in seen]
        used = min(rate, max(weights @ tangents - lower_bound, 0) / (m @ m))
        x = x - used * m
        x = yield x, used, x


def schedule_free(fn, slope, y, *, rate=0.1, b1=0.9, b2=0.999, eps=1e-8):
    """Defazio et al. 2024, arXiv 2405.15682, algorithm 1 without its warm-up."""
    x, z, v = y, y, 0 * y
    for t in itertools.count(1):
        g = slope(y)
        v = b2 * v + (1 - b2) * g * g
        z = z - rate * g / (np.sqrt(v / (1 - b2**t)) + eps)
        x = (1 - 1 / t) * x + z / t
        y = yield (1 - b1) * z + b1 * x, rate, x


# name: (reference, rates to try, numbers of its own to try as well)
RULES = {
    "dog": (dog, (None,), [{"first_distance": 1e-3}, {"first_distance": 1e-8}]),
    "dowg": (dowg, (None,), [{"first_distance": 0.3}, {"first_distance": 1e-5}]),
    "prodigy": (
        prodigy,
        (None,),
        [
            {"first_distance": 1e-2},
            {"first_distance": 1e-3, "b1": 0.5, "b2": 0.9, "eps": 0.01},
            {"b1": 0.0, "b2": 0.99},
        ],
    ),
    "momo": (
        momo,
        (None, 0.002),
        [{"b1": 0.5}, {"b1": 0.0, "lower_bound": -3.0}, {"lower_bound": 0.5}],
    ),
    "schedule_free": (
        schedule_free,
        (None, 0.02),
        [{"b1": 0.5}, {"b1": 0.95, "b2": 0.9, "eps": 0.1}],
    ),
}


def quadratic(p):
    return p[0] ** 2 + p[0] * p[1] + 20 * p[1] ** 2


def quadratic_slope(p):
    return np.array([2 * p[0] + p[1], p[0] + 40 * p[1]])


def rosenbrock(p):
    return 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2


def rosenbrock_slope(p):
    x, y = p
    return np.array([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)])


PROBLEMS = {
    "quadratic": (quadratic, quadratic_slope, np.array([3.0, -4.0])),
    "rosenbrock": (rosenbrock, rosenbrock_slope, np.array([-1.2, 1.0])),
}
EVERY = pytest.mark.parametrize("name", RULES)
FREE = pytest.mark.parametrize("name", ["dog", "dowg", "prodigy"])
BOTH = pytest.mark.parametrize("problem", PROBLEMS)


def step(rule, fn, numbers, carry, t):
    params, state = carry
    value, slope = jax.value_and_grad(fn)(params)
    updates, state, _ = rule.update(
        slope,
        state,
        params,
        numbers=numbers,
        rate=rule.rate(numbers, t, 0),
        value=value,
        value_fn=fn,
        key=None,
    )
    moved = jax.tree.map(jnp.add, params, updates)
    return moved, state


class Path(NamedTuple):
    """Each field begins with the start and has an entry more for every step."""

    points: Any
    rates: Any
    """Of the step that leaves each point."""
    settled: Any


@functools.partial(jax.jit, static_argnums=(0, 1))
def descend(rule, fn, numbers, start):
    settled = rule.optimizer.settled or (lambda opt_state, params: params)

    def recorded(carry, t):
        params, state = carry
        carry = step(rule, fn, numbers, carry, t)
        return carry, Path(params, carry[1].learning_rate, settled(state, params))

    carry = (start, rule.init(start))
    return jax.lax.scan(recorded, carry, jnp.arange(STEPS + 1))[1]


def walk(name, problem, rate=None, **hyper):
    fn, _, start = PROBLEMS[problem]
    with jax.enable_x64(True):
        rule, numbers = settle(name, rate, **hyper)
        return jax.device_get(descend(rule, fn, numbers, jnp.asarray(start)))


def assert_each_step_is_the_papers(name, problem, rate=None, **hyper):
    fn, slope, start = PROBLEMS[problem]
    ours = walk(name, problem, rate, **hyper)
    options = hyper if rate is None else {"rate": rate, **hyper}
    reference = RULES[name][0](fn, slope, start, **options)
    told = [next(reference)] + [reference.send(x) for x in ours.points[1:-1]]
    points, rates, settled = map(np.array, zip(*told, strict=True))
    np.testing.assert_array_equal(ours.points[0], start)
    np.testing.assert_allclose(ours.points[1:], points, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.settled[1:], settled, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.rates[:-1], rates, rtol=1e-9)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).min() > 1e-9


@BOTH
@pytest.mark.parametrize(
    ("name", "rate"), [(name, rate) for name in RULES for rate in RULES[name][1]]
)
def test_each_step_is_that_of_the_paper(name, rate, problem):
    assert_each_step_is_the_papers(name, problem, rate)


@BOTH
@pytest.mark.parametrize(
    ("name", "number"),
    [(name, k) for name in RULES for k in range(len(RULES[name][2]))],
)
def test_each_step_with_other_numbers(name, number, problem):
    assert_each_step_is_the_papers(name, problem, **RULES[name][2][number])


@pytest.mark.parametrize("name", ["dog", "dowg"])
def test_the_rate_kept_is_the_length_of_the_step_over_that_of_the_gradient(name):
    points, rates, _ = walk(name, "rosenbrock")
    slopes = np.array([rosenbrock_slope(point) for point in points])
    moves = np.diff(points, axis=0)
    np.testing.assert_allclose(moves, -rates[:-1, None] * slopes[:-1], rtol=1e-7)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
@pytest.mark.parametrize("name", ["dog", "dowg"])
def test_the_scale_of_the_function_changes_no_step(name, scale):
    with jax.enable_x64(True):
        start = jnp.asarray(PROBLEMS["quadratic"][2])
        rule, numbers = settle(name)
        plain = descend(rule, quadratic, numbers, start)
        scaled = descend(rule, lambda p: scale * quadratic(p), numbers, start)
        np.testing.assert_allclose(scaled[0], plain[0], rtol=1e-6)


def test_momo_without_memory_halves_the_way_on_a_bowl():
    """It is Polyak's step then: f / |g|^2 = 1 / 4."""
    with jax.enable_x64(True):
        rule, numbers = settle("momo", b1=0.0)
        points = descend(rule, lambda p: jnp.sum(p**2), numbers, jnp.array([8.0]))[0]
    np.testing.assert_allclose(points[:6, 0], 8.0 / 2.0 ** np.arange(6), rtol=1e-12)


def test_schedule_free_returns_the_mean_of_the_fast_points():
    """All weights are equal at a constant rate: x is the mean of every z but z_0."""
    points, _, averaged = walk("schedule_free", "quadratic")
    fast = (points - 0.9 * averaged) / (1 - 0.9)
    for t in range(1, STEPS + 1):
        np.testing.assert_allclose(averaged[t], fast[1 : t + 1].mean(axis=0), rtol=1e-7)


def test_only_schedule_free_stands_for_another_point():
    with_settled = [name for name, entry in OPTIMIZERS.items() if entry.settled]
    assert with_settled == ["schedule_free"]


def shape_of(tree):
    leaves = jax.tree.leaves(tree)
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in leaves]


def uneven(params):
    return sum(
        (k + 1) * jnp.sum(leaf.astype(float) ** 2)
        for k, leaf in enumerate(jax.tree.leaves(params))
    )


STARTS = {
    "tree": {
        "w": np.array([[1.0, -2.0]]),
        "b": np.float64(0.5),
        "none": np.zeros((0,)),
    },
    "mixed": {"w": np.array([1.0, -2.0], "float32"), "b": np.float64(0.5)},
}


@pytest.mark.parametrize(("start", "double"), [("tree", False), ("mixed", True)])
@EVERY
def test_a_loop_can_carry_the_state(name, start, double):
    with jax.enable_x64(double):
        params = jax.tree.map(jnp.asarray, STARTS[start])
        rule, numbers = settle(name)
        carry = (params, rule.init(params))

        @jax.jit
        def fifty(carry, numbers):
            def body(t, carry):
                return step(rule, uneven, numbers, carry, t)

            return jax.lax.fori_loop(0, STEPS, body, carry)

        after = fifty(carry, numbers)
        assert shape_of(after) == shape_of(carry)
        assert float(uneven(after[0])) < float(uneven(params))


@EVERY
def test_a_tree_goes_where_its_numbers_in_one_array_go(name):
    with jax.enable_x64(True):
        rule, numbers = settle(name)
        flat = descend(rule, quadratic, numbers, jnp.array([3.0, -4.0]))
        tree = {"x": jnp.array(3.0), "y": jnp.array([-4.0])}
        split = descend(rule, _quadratic_of_tree, numbers, tree)
        np.testing.assert_allclose(split[0]["x"], flat[0][:, 0], rtol=1e-9)
        np.testing.assert_allclose(split[0]["y"][:, 0], flat[0][:, 1], rtol=1e-9)


def _quadratic_of_tree(tree):
    return quadratic((tree["x"], tree["y"][0]))


@EVERY
def test_a_start_without_slope_is_kept_and_does_no_harm(name):
    """Rules that compare gradients would divide 0 by 0 and lose the run."""
    rule, numbers = settle(name)
    origin = jnp.zeros(2)
    carry = step(rule, quadratic, numbers, (origin, rule.init(origin)), 0)
    np.testing.assert_array_equal(carry[0], origin)
    elsewhere = jnp.array([3.0, -4.0])
    late = step(rule, quadratic, numbers, (elsewhere, carry[1]), 1)
    early = step(rule, quadratic, numbers, (elsewhere, rule.init(elsewhere)), 0)
    for ours, other in zip(*map(jax.tree.leaves, (late, early)), strict=True):
        np.testing.assert_array_equal(ours, other)


def test_a_gradient_that_is_nan_is_not_hidden():
    rule = reported(OPTIMIZERS["gd"].build(0.1), lambda old, new, updates: 0.1)
    x = jnp.ones(2)
    updates, state = rule.update(jnp.array([0.0, jnp.nan]), rule.init(x), x)
    assert np.isnan(np.asarray(updates)).any()
    assert not state.fresh


@EVERY
def test_minimize_takes_it_by_name(name):
    run = sp.minimize("bowl", optimizer=name)
    assert run.value < 1e-9 * run.trace.value[0]
    assert run.converged
    assert run.verdict.kind == "minimum"
    assert np.isfinite(run.trace.learning_rate[:-1]).all()


@FREE
def test_minimize_tells_the_rates_that_the_rule_found(name):
    run = sp.minimize("bowl", optimizer=name, gtol=None, max_steps=STEPS)
    path = run.trace.path
    reference = RULES[name][0](lambda x: x @ x, lambda x: 2 * x, path[0])
    told = [next(reference)] + [reference.send(x) for x in path[1:STEPS]]
    rates = [rate for _, rate, _ in told]
    np.testing.assert_allclose(run.trace.learning_rate[:STEPS], rates, rtol=1e-9)


def test_momo_stops_where_it_was_told_the_function_ends():
    """And says that this is no minimum; with the true bound it gets there."""
    told = sp.minimize("x^2 - 5", 3.0, optimizer="momo", lower_bound=-5)
    assert told.converged
    assert told.value == pytest.approx(-5)
    wrong = sp.minimize("x^2 - 5", 3.0, optimizer="momo")
    assert wrong.value == pytest.approx(0, abs=1e-6)
    assert not wrong.converged


def test_numbers_reach_the_first_step():
    """They are not known when the state is made, and yet must count from the start."""
    runs = {
        distance: sp.minimize(
            "bowl", optimizer="dog", first_distance=distance, max_steps=1, gtol=None
        )
        for distance in (1e-9, 1e-3)
    }
    for distance, run in runs.items():
        assert run.trace.update_norm[0] == pytest.approx(6 * distance, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("dog", {"first_distance": 0}),
        ("dowg", {"first_distance": -1.0}),
        ("prodigy", {"first_distance": 0.0}),
        ("prodigy", {"b1": 1.0}),
        ("momo", {"b1": -0.1}),
        ("momo", {"lower_bound": -np.inf}),
        ("momo", {"lower_bound": "none"}),
        ("schedule_free", {"b1": 0.0}),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(name, hyper):
    (option,) = hyper
    with pytest.raises(UsageError, match=rf"{option}=.*must be a number in \["):
        sp.minimize("bowl", optimizer=name, **hyper)


@FREE
def test_a_rate_of_ones_own_is_refused(name):
    with pytest.raises(UsageError, match=rf"optimizer {name} brings its own rate"):
        sp.minimize("bowl", optimizer=name, learning_rate=0.1)
