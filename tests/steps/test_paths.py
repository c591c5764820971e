"""Ten steps of every optimizer beside a reference written by hand in NumPy.

The references know nothing of JAX or Optax: each yields the points of its path.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.steps import OPTIMIZERS, settle

STEPS = 10


def gd(grad, rate, x):
    for t in itertools.count():
        yield x
        x = x - rate(t) * grad(x)


def momentum(grad, rate, x, momentum=0.9):
    v = 0 * x
    for t in itertools.count():
        yield x
        v = momentum * v - rate(t) * grad(x)
        x = x + v


def nesterov(grad, rate, x, momentum=0.9):
    v = 0 * x
    for t in itertools.count():
        yield x
        push = rate(t) * grad(x)
        v = momentum * v - push
        x = x + momentum * v - push


def adagrad(grad, rate, x, eps=1e-10):
    s = 0 * x
    for t in itertools.count():
        yield x
        g = grad(x)
        s = s + g * g
        x = x - rate(t) * g / np.sqrt(s + eps)


def rmsprop(grad, rate, x, decay=0.9, eps=1e-8):
    s = 0 * x
    for t in itertools.count():
        yield x
        g = grad(x)
        s = decay * s + (1 - decay) * g * g
        x = x - rate(t) * g / (np.sqrt(s) + eps)


def adamw(grad, rate, x, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.01):
    m, s = 0 * x, 0 * x
    for t in itertools.count():
        yield x
        g = grad(x)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g * g
        m_hat, s_hat = m / (1 - b1 ** (t + 1)), s / (1 - b2 ** (t + 1))
        x = x - rate(t) * (m_hat / (np.sqrt(s_hat) + eps) + weight_decay * x)


def adam(grad, rate, x, b1=0.9, b2=0.999, eps=1e-8):
    return adamw(grad, rate, x, b1, b2, eps, weight_decay=0.0)


def adgd(grad, rate, x):
    size = np.linalg.norm
    yield x
    g = grad(x)
    a, ratio = 1e-6 * (1 + size(x)) / size(g), np.inf
    while True:
        x_old, g_old, a_old = x, g, a
        x = x - a * g
        yield x
        g = grad(x)
        flat = size(g - g_old) == 0
        half = np.inf if flat else size(x - x_old) / (2 * size(g - g_old))
        a = min(np.sqrt(1 + ratio) * a_old, half)
        a = a if np.isfinite(a) else a_old
        ratio = a / a_old


# name: (reference, learning rate, numbers of its own to try as well)
REFERENCES = {
    "gd": (gd, 4e-4, {}),
    "momentum": (momentum, 4e-4, {"momentum": 0.5}),
    "nesterov": (nesterov, 4e-4, {"momentum": 0.5}),
    "adagrad": (adagrad, 0.1, {"eps": 0.1}),
    "rmsprop": (rmsprop, 0.05, {"decay": 0.6, "eps": 0.01}),
    "adam": (adam, 0.05, {"b1": 0.5, "b2": 0.8, "eps": 0.1}),
    "adamw": (adamw, 0.05, {"b1": 0.6, "b2": 0.7, "eps": 0.1, "weight_decay": 2.0}),
    "adgd": (adgd, None, {}),
}
RATED = [name for name, (_, rate, _) in REFERENCES.items() if rate is not None]


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
EVERY = pytest.mark.parametrize("name", REFERENCES)
BOTH = pytest.mark.parametrize("problem", PROBLEMS)


@functools.partial(jax.jit, static_argnums=(0, 1))
def descend(fn, rule, numbers, start):
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
        return (params + updates, state), (params, rate)

    carry = (start, rule.init(start))
    (last, _), (points, rates) = jax.lax.scan(step, carry, jnp.arange(STEPS))
    return jnp.concatenate([points, last[None]]), rates


def walk(problem, rule, numbers):
    """Ten steps of ours: (points, rates used)."""
    fn, _, start = PROBLEMS[problem]
    with jax.enable_x64(True):
        return jax.device_get(descend(fn, rule, numbers, jnp.asarray(start)))


def expected(problem, name, rate, *, clip=lambda g: g, **hyper):
    _, slope, start = PROBLEMS[problem]
    path = REFERENCES[name][0](lambda x: clip(slope(x)), rate, start, **hyper)
    return np.stack(list(itertools.islice(path, STEPS + 1)))


def assert_same(ours, reference):
    np.testing.assert_allclose(ours, reference, rtol=1e-10, atol=1e-12)
    assert np.isfinite(reference).all()
    assert np.ptp(reference, axis=0).min() > 1e-6, "a path that stands still says none"


# These have references of their own, in the tests named after their modules.
ELSEWHERE = {"bb", "bfgs", "lbfgs", "dog", "dowg", "prodigy", "momo", "schedule_free"}


def test_every_optimizer_has_a_reference():
    assert REFERENCES.keys() | ELSEWHERE == OPTIMIZERS.keys()


@BOTH
@EVERY
def test_plain(name, problem):
    a = REFERENCES[name][1]
    ours, rates = walk(problem, *settle(name, a))
    assert_same(ours, expected(problem, name, lambda t: a))
    if a is not None:
        np.testing.assert_allclose(rates, a, rtol=1e-15)


@BOTH
@pytest.mark.parametrize("name", [name for name in REFERENCES if REFERENCES[name][2]])
def test_with_other_numbers(name, problem):
    _, a, hyper = REFERENCES[name]
    ours, _ = walk(problem, *settle(name, a, **hyper))
    assert_same(ours, expected(problem, name, lambda t: a, **hyper))


@pytest.mark.parametrize("name", RATED)
def test_with_a_rate_that_changes_each_step(name):
    a = REFERENCES[name][1]
    rule, numbers = settle(name, a, schedule="inverse_time:decay=0.5")
    ours, rates = walk("rosenbrock", rule, numbers)
    assert_same(ours, expected("rosenbrock", name, lambda t: a / (1 + 0.5 * t)))
    np.testing.assert_allclose(rates, a / (1 + 0.5 * np.arange(STEPS)), rtol=1e-14)


@pytest.mark.parametrize("name", ["gd", "adam"])
def test_with_a_function_for_the_rate(name):
    a = REFERENCES[name][1]
    rule, numbers = settle(name, schedule=lambda step: a * 0.8**step)
    ours, _ = walk("rosenbrock", rule, numbers)
    assert_same(ours, expected("rosenbrock", name, lambda t: a * 0.8**t))


def shortened(g, most=2.0):
    return g * min(1.0, most / np.linalg.norm(g))


def cut(g, most=1.5):
    return np.clip(g, -most, most)


# Each bound alone (the other far away), and both: by value first, then by norm.
CLIPS = {
    "norm": ((2.0, 1e9), shortened),
    "value": ((1e9, 1.5), cut),
    "both": ((2.0, 1.5), lambda g: shortened(cut(g))),
}


def coarse(name):
    """A rate for gradients that are cut short."""
    rate = REFERENCES[name][1]
    return None if rate is None else max(rate, 0.04)


# adgd's guard by values shows on clipped gradients: see test_searching.py.
@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("name", RATED)
def test_with_clipping(name, kind):
    (most_norm, most_value), clip = CLIPS[kind]
    a = coarse(name)
    rule, numbers = settle(name, a, clip_norm=most_norm, clip_value=most_value)
    ours, _ = walk("rosenbrock", rule, numbers)
    assert_same(ours, expected("rosenbrock", name, lambda t: a, clip=clip))


@pytest.mark.parametrize(
    ("options", "clip"), [({"clip_norm": 2.0}, shortened), ({"clip_value": 1.5}, cut)]
)
def test_with_one_bound_only(options, clip):
    a = coarse("momentum")
    ours, _ = walk("rosenbrock", *settle("momentum", a, **options))
    assert_same(ours, expected("rosenbrock", "momentum", lambda t: a, clip=clip))


def test_clipping_leaves_short_gradients_alone():
    a = REFERENCES["gd"][1]
    plain, _ = walk("rosenbrock", *settle("gd", a))
    clipped, _ = walk("rosenbrock", *settle("gd", a, clip_norm=1e6, clip_value=1e6))
    np.testing.assert_array_equal(plain, clipped)


def test_adgd_tells_the_rates_that_it_found():
    _, rates = walk("quadratic", *settle("adgd"))
    points = expected("quadratic", "adgd", None)
    slopes = [quadratic_slope(point) for point in points]
    for k in range(STEPS):
        np.testing.assert_allclose(points[k + 1], points[k] - rates[k] * slopes[k])


def incline(p):
    return 3 * p[0] + 4 * p[1]


def test_adgd_on_a_slope_without_curvature_lengthens_its_steps():
    with jax.enable_x64(True):
        _, rates = jax.device_get(descend(incline, *settle("adgd"), jnp.zeros(2)))
    assert np.isfinite(rates).all()
    assert all(later >= earlier > 0 for earlier, later in itertools.pairwise(rates))
    assert rates[5] > 2 * rates[0]
