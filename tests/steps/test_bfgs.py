"""bfgs and lbfgs: each trial is that of a plain program with a search loop in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import steepest as sp
from steepest.steps.bfgs import scale_by_lbfgs

C1, C2 = 1e-4, 0.9


def cubic(a, fa, sa, b, fb, sb):
    d1 = sa + sb - 3 * (fa - fb) / (a - b)
    with np.errstate(invalid="ignore"):
        d2 = np.sign(b - a) * np.sqrt(d1 * d1 - sa * sb)
    return b - (b - a) * (sb + d2 - d1) / (sb - sa + 2 * d2)


class Matrix:
    """The inverse Hessian as a matrix, by the product form of the update."""

    def __init__(self):
        self.h = None

    def learn(self, s, y):
        n, rho = len(s), 1 / (s @ y)
        h = np.eye(n) * (s @ y) / (y @ y) if self.h is None else self.h
        left = np.eye(n) - rho * np.outer(s, y)
        self.h = left @ h @ left.T + rho * np.outer(s, s)

    def times(self, g):
        return None if self.h is None else self.h @ g


class Products:
    """The last pairs, multiplied out into a matrix each time."""

    def __init__(self, most=20):
        self.pairs, self.most = [], most

    def learn(self, s, y):
        self.pairs = [*self.pairs, (s, y)][-self.most :]

    def times(self, g):
        if not self.pairs:
            return None
        s, y = self.pairs[-1]
        matrix = Matrix()
        matrix.h = np.eye(len(g)) * (s @ y) / (y @ y)
        for s, y in self.pairs:
            matrix.learn(s, y)
        return matrix.h @ g


def reference(fn, start, memory, steps):
    """Every point that is evaluated, by nested loops."""
    path = []

    def evaluate(x):
        path.append(x)
        return fn(x)

    x = np.array(start, float)
    f, g = evaluate(x)
    while len(path) <= steps:
        product = memory.times(g)
        d = -g if product is None else -product
        t = 1 / np.linalg.norm(g) if product is None else 1.0
        s0, low, high = g @ d, (0.0, f, g @ d), (np.inf, 0.0, 0.0)
        while len(path) <= steps:
            f_t, g_t = evaluate(x + t * d)
            s_t = g_t @ d
            if not np.isfinite(f_t) or f_t > f + C1 * t * s0:
                high = (t, f_t, s_t)
            elif s_t < C2 * s0:
                low = (t, f_t, s_t)
            else:
                break
            a, b = low[0], high[0]
            if not np.isfinite(b):
                guess = cubic(0.0, f, s0, *low)
                guess = guess if guess > a else 10 * a
                t = min(max(guess, 2 * a), 10 * a)
            elif not np.isfinite(high[1]):
                t = a + 0.1 * (b - a)
            else:
                near, far = (0.1, 0.9) if a > 0 else (0.1, 0.5)
                guess = cubic(*low, *high)
                guess = guess if np.isfinite(guess) else (a + b) / 2
                t = min(max(guess, a + near * (b - a)), a + far * (b - a))
        memory.learn(t * d, g_t - g)
        x, f, g = x + t * d, f_t, g_t
    return np.array(path[: steps + 1])


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def quadratic(x):
    return jnp.sum(jnp.array([1.0, 30.0, 7.0]) * (x - 1) ** 2) / 2


def barrier(x):
    return jnp.sum(x - 0.1 * jnp.log(x)) + jnp.sum(x**2)


def wavy(x):
    return jnp.sum(x**2 / 20 + jnp.cos(2 * x))


CASES = {
    "quadratic": (quadratic, [4.0, -3.0, 0.5], 8),
    "rosenbrock": (rosenbrock, [-1.2, 1.0, -1.2], 30),
    "barrier": (barrier, [3.0, 8.0], 14),
    "wavy": (wavy, [3.0, -4.0], 8),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("optimizer", "memory"), [("bfgs", Matrix), ("lbfgs", Products)]
)
def test_each_trial_is_that_of_a_nested_search(optimizer, memory, name):
    fn, start, steps = CASES[name]
    run = sp.minimize(
        fn, np.array(start), optimizer=optimizer, gtol=None, max_steps=steps
    )

    def both(x):
        with jax.enable_x64(True):
            value, grad = jax.value_and_grad(fn)(jnp.asarray(x))
            return float(value), np.asarray(grad)

    path = reference(both, start, memory(), steps)
    # the last row is the best point seen, whatever the last trial was
    np.testing.assert_allclose(run.trace.path[:-1], path[:-1], rtol=1e-7, atol=1e-9)


def test_the_barrier_is_met_and_left():
    fn, start, _ = CASES["barrier"]
    run = sp.minimize(fn, np.array([1e-3, 8.0]), optimizer="bfgs")
    assert run.converged
    assert sp.minimize(fn, np.array(start), optimizer="lbfgs").converged


@pytest.mark.parametrize("optimizer", ["bfgs", "lbfgs"])
def test_the_end_is_that_of_scipy(optimizer):
    start = np.zeros(10)
    run = sp.minimize(rosenbrock, start, optimizer=optimizer)
    found = scipy.optimize.minimize(
        scipy.optimize.rosen, start, jac=scipy.optimize.rosen_der, method="BFGS"
    )
    assert run.converged
    np.testing.assert_allclose(run.params, found.x, atol=1e-5)
    assert run.steps <= 1.5 * found.njev


@pytest.mark.parametrize("optimizer", ["bfgs", "lbfgs"])
def test_a_tree_goes_where_its_numbers_in_one_array_go(optimizer):
    def of_tree(p):
        return rosenbrock(jnp.concatenate([p["a"], p["b"][None]]))

    start = np.array([-1.2, 1.0, 0.5])
    flat = sp.minimize(rosenbrock, start, optimizer=optimizer)
    tree = {"a": start[:2], "b": 0.5}
    run = sp.minimize(of_tree, tree, optimizer=optimizer)
    np.testing.assert_allclose(run.trace.value, flat.trace.value, rtol=1e-9, atol=1e-25)


@pytest.mark.parametrize("optimizer", ["bfgs", "lbfgs"])
def test_at_the_floor_of_precision_it_stands_still(optimizer):
    run = sp.minimize(
        lambda x: 1e6 + jnp.sum((x - 1 / 3) ** 2),
        np.array([2.0, -1.0]),
        optimizer=optimizer,
        gtol=0.0,
        max_steps=2000,
    )
    assert run.stop in (sp.Stop.PRECISION, sp.Stop.GRADIENT_SMALL)
    assert run.steps < 500
    np.testing.assert_allclose(run.params, 1 / 3, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["bfgs", "lbfgs"])
def test_a_value_that_is_not_finite_is_taken_back(optimizer):
    run = sp.minimize("x - 100*log(x)", {"x": 1e-3}, optimizer=optimizer)
    assert run.converged
    assert run.params["x"] == pytest.approx(100.0)
    assert run.trace.finite[-1]


def test_a_function_without_end_is_told():
    run = sp.minimize("-x**3", {"x": 1.0})
    assert run.stop is sp.Stop.DIVERGED
    assert not run.converged


def test_pairs_beyond_the_memory_leave():
    rule = scale_by_lbfgs(2)
    x = jnp.array([1.0, 2.0, 3.0])
    state = rule.init(x)
    seen = []
    for _ in range(8):
        grad = jnp.array([1.0, 4.0, 9.0]) * x
        update, state = rule.update(grad, state, x, value=jnp.vdot(grad, x) / 2)
        seen.append(state.known.weights)
        x = x + update
    assert state.known.steps.shape == (2, 3)
    assert (np.asarray(seen[-1]) > 0).all()
