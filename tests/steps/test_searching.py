"""The rules that take a step back: sixty steps of each beside NumPy written by hand.

The references know nothing of JAX or Optax. Each tells (the next point, the rate of the
step to it, whether the point before was taken back) and is told the point that ours
went to: so each step is compared, and rounding cannot grow along the path.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.steps import settle

STEPS = 60
DONE = 1e-6
"""At gradients shorter than this values differ by rounding: so may what is accepted."""


def guarded(first, after, fn, slope, x):
    """Descent from x' by `after`'s rates, not above the last ten heights."""
    g, heights, memory = slope(x), [fn(x)], None
    a, at, back = first(x, g), x, False
    while True:
        x = yield at - a * g, a, back
        s, f, new = x - at, fn(x), slope(x)
        finite = np.isfinite(f) and np.isfinite(new).all()
        back = not (finite and f <= max(heights[-10:]) + 1e-4 * (g @ s))
        a, memory = after(memory, a, s, new - g, back=back)
        if not back:
            at, g, heights = x, new, [*heights, f]
        elif finite:
            above = f - (heights[-1] + g @ s)
            share = -(g @ s) / (2 * above) if above > 0 else 0.5
            a *= min(max(share, 0.1), 0.5)
        else:
            a *= 0.1


def bb_after(shorts, a, s, y, *, back):
    shorts = shorts or []
    if back:
        return a, shorts
    if s @ y <= 1e-14 * np.linalg.norm(s) * np.linalg.norm(y):
        return 10 * a, []
    shorts = [*shorts, (s @ y) / (y @ y)][-5:]
    long = (s @ s) / (s @ y)
    return (min(shorts) if shorts[-1] < 0.8 * long else long), shorts


def adgd_after(ratio, a, s, y, *, back):
    ratio = np.inf if ratio is None else ratio
    if back:
        return a, min(ratio, 1.0)
    turn = np.linalg.norm(y)
    half = np.linalg.norm(s) / (2 * turn) if turn else np.inf
    new = min(np.sqrt(1 + ratio) * a, half)
    new = new if np.isfinite(new) else a
    return new, new / a


def unit(x, g):
    return 1 / np.linalg.norm(g)


def tiny(x, g):
    return 1e-6 * (1 + np.linalg.norm(x)) / np.linalg.norm(g)


def armijo(fn, slope, x, *, momentum=0.0, ahead=False):
    """Backtracking about a step with velocity."""
    at, f, g, v = x, fn(x), slope(x), 0 * x
    a, growth, back = 1 / np.linalg.norm(g), 2.0, False
    while True:
        for v_old in (v, 0 * x):
            v = momentum * v_old - a * g
            u = momentum * v - a * g if ahead else v
            if g @ u < 0:
                break
        coasts = momentum > 0 and v_old.any()
        x = yield at + u, a, back
        s, f_new, g_new = x - at, fn(x), slope(x)
        finite = np.isfinite(f_new) and np.isfinite(g_new).all()
        low = f_new <= f + 1e-4 * (g @ s)
        level = f_new <= f + 64 * np.finfo(float).eps * abs(f)
        low |= level and g_new @ s <= (2e-4 - 1) * (g @ s)
        back = not (finite and g @ s < 0 and low)
        if not back:
            at, f, g, a = x, f_new, g_new, growth * a
            continue
        v, growth = 0 * v, 1.05
        if not finite:
            a *= 0.1
        elif not coasts:
            a *= 0.5


# name: (what `settle` takes, reference)
RULES = {
    "adgd": (("adgd", None), functools.partial(guarded, tiny, adgd_after)),
    "bb": (("bb", None), functools.partial(guarded, unit, bb_after)),
    "gd": (("gd", "backtracking"), armijo),
    "momentum": (
        ("momentum", "backtracking"),
        functools.partial(armijo, momentum=0.9),
    ),
    "nesterov": (
        ("nesterov", "backtracking"),
        functools.partial(armijo, momentum=0.9, ahead=True),
    ),
}
EVERY = pytest.mark.parametrize("name", RULES)


SCALES = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0])


def bowl(p):
    return (SCALES * p**2).sum() / 2


def bowl_slope(p):
    return SCALES * p


def rosenbrock(p):
    return 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2


def rosenbrock_slope(p):
    x, y = p[:2]
    return np.array([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)])


def wells(p):
    """Concave about its start, with two wells in a bent valley."""
    return p[0] ** 4 - 3 * p[0] ** 2 + 50 * (p[1] - p[0] ** 3 / 10) ** 2


def wells_slope(p):
    x, off = p[0], p[1] - p[0] ** 3 / 10
    return np.array([4 * x**3 - 6 * x - 30 * off * x * x, 100 * off])


def barrier(p):
    """Finite within 0 < x < 1/2 only."""
    return 10 * (p[0] - p[1]) ** 2 - jnp.log(p[0]) - jnp.log(0.5 - p[0]) + p[1] ** 2


def barrier_slope(p):
    x, y = p[:2]
    inside = 0 < x < 0.5
    wall = -1 / x + 1 / (0.5 - x) if inside else np.nan
    return np.array([20 * (x - y) + wall, 20 * (y - x) + 2 * y])


def barrier_numpy(p):
    if not 0 < p[0] < 0.5:
        return np.nan
    return 10 * (p[0] - p[1]) ** 2 - np.log(p[0] * (0.5 - p[0])) + p[1] ** 2


def cliff(p):
    """A long gentle slope that ends at x = 1, short of a fall at x = 0."""
    return p[0] - jnp.log(p[0]) + p[1] ** 2 / 1e3


def cliff_numpy(p):
    return p[0] - np.log(p[0]) + p[1] ** 2 / 1e3 if p[0] > 0 else np.nan


def cliff_slope(p):
    return np.array([1 - 1 / p[0] if p[0] > 0 else np.nan, p[1] / 500])


# name: (ours, value in NumPy, slope in NumPy, start)
PROBLEMS = {
    "bowl": (bowl, bowl, bowl_slope, [3.0, -4.0, 1.0, 2.0, -1.0, 0.5]),
    "rosenbrock": (rosenbrock, rosenbrock, rosenbrock_slope, [-1.2, 1.0]),
    "wells": (wells, wells, wells_slope, [0.01, 0.3]),
    "barrier": (barrier, barrier_numpy, barrier_slope, [1e-6, 2.0]),
    "cliff": (cliff, cliff_numpy, cliff_slope, [50.0, 2.0]),
}
ALL = pytest.mark.parametrize("problem", PROBLEMS)


def wide(vector):
    """Every problem has six coordinates, some of them without effect."""
    return np.pad(np.asarray(vector, float), (0, len(SCALES) - len(vector)))


class Path(NamedTuple):
    """One entry for each step: where it left from, the rate."""

    points: Any
    rates: Any


# XLA's older emitters compile in half the time.
QUICK = {"xla_cpu_use_fusion_emitters": False}


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=QUICK)
def descend(rule, functions, which, numbers, start):
    """Which of the functions is a number: one program goes down all of them."""

    def fn(params):
        return jax.lax.switch(which, functions, params)

    carry = (start, rule.init(start))
    body = functools.partial(step, rule, fn, numbers)
    return Path(*jax.lax.scan(body, carry, jnp.arange(STEPS + 1))[1])


def step(rule, fn, numbers, carry, t):
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
    return (jax.tree.map(jnp.add, params, updates), state), (params, rate)


FUNCTIONS = tuple(problem[0] for problem in PROBLEMS.values())


def walk(name, problem, **options):
    """Sixty steps of ours."""
    with jax.enable_x64(True):
        rule, numbers = settle(*RULES[name][0], **options)
        which, start = [*PROBLEMS].index(problem), wide(PROBLEMS[problem][3])
        return jax.device_get(descend(rule, FUNCTIONS, which, numbers, start))


def told(reference, points):
    """What the reference does at each of the points: (next ones, rates, backs)."""
    next_steps = [next(reference)] + [reference.send(x) for x in points[1:]]
    return tuple(map(np.array, zip(*next_steps, strict=True)))


def beside(name, problem, points):
    """What the reference of a rule does at each of the points."""
    _, value, slope, _ = PROBLEMS[problem]
    return told(RULES[name][1](value, lambda x: wide(slope(x)), points[0]), points)


@ALL
@EVERY
def test_each_step_is_that_of_the_reference(name, problem):
    _, value, slope, start = PROBLEMS[problem]
    ours = walk(name, problem)
    points, rates, backs = beside(name, problem, ours.points)
    sizes = np.array([np.linalg.norm(slope(point)) for point in ours.points])
    end = np.argmax(sizes < DONE) or STEPS
    assert end > 12, "too short a path says little"
    np.testing.assert_array_equal(ours.points[0], wide(start))
    np.testing.assert_allclose(
        ours.points[1 : end + 1], points[:end], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(ours.rates[:end], rates[:end], rtol=1e-9)
    lost = ~np.isfinite([value(point) for point in ours.points])
    assert (backs >= lost).all()
    # The first step of adgd is too short for the barrier, a later one leaves the cliff.
    leaves = problem == "cliff" or (problem == "barrier" and name != "adgd")
    assert lost.any() == leaves


@EVERY
def test_steps_are_taken_back_on_the_way(name):
    """Else the comparison with the references says nothing of it."""
    backs = [beside(name, one, walk(name, one).points)[2] for one in PROBLEMS]
    assert any(back.any() for back in backs)


def test_adgd_on_a_convex_function_is_the_paper_s():
    """The guard by values does not show there."""
    assert not beside("adgd", "bowl", walk("adgd", "bowl").points)[2].any()


@pytest.mark.parametrize(("name", "ahead"), [("momentum", False), ("nesterov", True)])
def test_each_step_with_another_momentum(name, ahead):
    _, value, slope, _ = PROBLEMS["rosenbrock"]
    points = walk(name, "rosenbrock", momentum=0.5).points
    reference = armijo(
        value, lambda x: wide(slope(x)), points[0], momentum=0.5, ahead=ahead
    )
    np.testing.assert_allclose(points[1:], told(reference, points)[0][:-1], rtol=1e-9)


def shortened(g, most=2.0):
    return g * min(1.0, most / np.linalg.norm(g))


def rosenbrock_of_tree(params):
    return rosenbrock((params["x"], params["y"][0]))


@EVERY
def test_each_step_of_a_tree_with_gradients_cut_short(name):
    """A tree goes where its numbers in one array would."""
    _, value, slope, start = PROBLEMS["rosenbrock"]
    with jax.enable_x64(True):
        rule, numbers = settle(*RULES[name][0], clip_norm=2.0)
        start = {"x": jnp.asarray(start[0]), "y": jnp.asarray(start[1:])}
        path = descend(rule, (rosenbrock_of_tree,), 0, numbers, start)
        points = jax.device_get(path.points)
    points = np.column_stack([points["x"], points["y"]])[:40]
    reference = RULES[name][1](value, lambda x: shortened(slope(x)), points[0])
    np.testing.assert_allclose(points[1:], told(reference, points)[0][:-1], rtol=1e-9)


@EVERY
def test_many_runs_at_once_in_single_precision_go_each_their_own_way(name):
    starts = np.array([[-1.2, 1.0], [3.0, -4.0], [-2.0, 3.0]], "float32")
    with jax.enable_x64(False):
        rule, numbers = settle(*RULES[name][0])
        go = jax.vmap(lambda start: descend(rule, (rosenbrock,), 0, numbers, start))
        together = jax.device_get(go(jnp.asarray(starts))).points
    assert together.dtype == "float32"
    assert np.isfinite(together).all()
    for start, path in zip(starts, together[:, :20].astype(float), strict=True):
        np.testing.assert_array_equal(path[0], start)
        reference = RULES[name][1](rosenbrock, rosenbrock_slope, path[0])
        goal = told(reference, path)[0]
        np.testing.assert_allclose(path[1:], goal[:-1], rtol=2e-3, atol=1e-5)


def round_bowl(params):
    return sum(jnp.sum(x.astype(float) ** 2) for x in jax.tree.leaves(params))


@EVERY
def test_a_loop_can_carry_leaves_of_two_types_and_an_empty_one(name):
    with jax.enable_x64(True):
        start = {
            "w": jnp.array([1.0, -2.0], "float32"),
            "b": jnp.array(0.5),
            "none": jnp.zeros(0),
        }
        rule, numbers = settle(*RULES[name][0])
        carry = (start, rule.init(start))
        after, _ = jax.eval_shape(
            lambda c: step(rule, round_bowl, numbers, c, 0), carry
        )
        for old, new in zip(*map(jax.tree.leaves, (carry, after)), strict=True):
            assert (old.shape, old.dtype) == (new.shape, new.dtype)
