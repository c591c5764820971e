"""Kernels beside a plain NumPy loop, step by step: rules, losses, rows and batches."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.sparse import csr_matrix
from scipy.special import expit, logsumexp

from steepest.descent import kernels
from steepest.descent.kernels import Plan
from steepest.steps.optimizers import get_optimizer

N, D = 67, 5
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}
RULES = ("gd", "momentum", "adagrad", "adam")
ONE_OUTPUT = {
    "squared": 1.0,
    "absolute": 1.0,
    "huber": 0.7,
    "quantile": 0.8,
    "poisson": 1.0,
    "log": 1.0,
    "hinge": 1.0,
    "squared_hinge": 1.0,
    "focal": 2.0,
}


def table(loss, dtype=np.float64, k=1, seed=0):
    """Rows of which two thirds of the values are 0, targets and weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, D)) * (rng.random((N, D)) < 0.35)
    X[3] = 0.0
    y = rng.standard_normal(N)
    if k > 1:
        y = rng.integers(0, k, N)
    elif loss == "poisson":
        y = rng.poisson(1.5, N)
    elif loss in ("log", "hinge", "squared_hinge", "focal"):
        y = rng.random(N) < 0.5
    weight = rng.uniform(0.1, 2.0, N)
    return X.astype(dtype), y.astype(dtype), weight.astype(dtype)


def csr(X):
    m = csr_matrix(X)
    return m.data, m.indices, m.indptr


def by_formula(loss, number, p, y):
    """(values, slopes) of rows of one output: the formulas, in NumPy."""
    r, sign = p - y, np.where(y > 0, 1.0, -1.0)
    m, right = sign * p, expit(sign * p)
    return {
        "squared": lambda: (r**2, 2 * r),
        "absolute": lambda: (np.abs(r), np.sign(r)),
        "huber": lambda: (
            np.where(np.abs(r) < number, r**2 / 2, number * (np.abs(r) - number / 2)),
            np.clip(r, -number, number),
        ),
        "quantile": lambda: (
            np.maximum(-number * r, (1 - number) * r),
            np.where(r > 0, 1 - number, -number),
        ),
        "poisson": lambda: (
            np.exp(p) - y - y * p + y * np.log(np.where(y > 0, y, 1)),
            np.exp(p) - y,
        ),
        "log": lambda: (np.logaddexp(0, -m), -sign * (1 - right)),
        "hinge": lambda: (np.maximum(0, 1 - m), -sign * (m < 1)),
        "squared_hinge": lambda: (
            np.maximum(0, 1 - m) ** 2,
            -2 * sign * np.maximum(0, 1 - m),
        ),
        "focal": lambda: (
            -((1 - right) ** number) * np.log(right),
            sign
            * (
                number * (1 - right) ** number * right * np.log(right)
                - (1 - right) ** (number + 1)
            ),
        ),
    }[loss]()


def gradient(plan, w, b, X, y, weight):
    """(sum of w * loss, mean gradients by weight and bias with the L2 term)."""
    z = X @ w.T + b
    if len(b) == 1:
        value, slope = by_formula(plan.loss, plan.parameter, z[:, 0], y)
        slope = slope[:, None]
    else:
        value = logsumexp(z, axis=1) - z[np.arange(len(y)), y.astype(int)]
        slope = np.exp(z - logsumexp(z, axis=1, keepdims=True))
        slope[np.arange(len(y)), y.astype(int)] -= 1
    g = slope * (weight / weight.sum())[:, None]
    return np.sum(weight * value), g.T @ X + plan.l2 * w, g.sum(0) * plan.bias


def walk(plan, X, y, weight, rates, k=1):
    """Yield (loss, w, b) after every step, by the rules' formulas."""
    x = np.zeros((k, D + 1))
    first, second = np.zeros_like(x), np.zeros_like(x)
    for t, rate in enumerate(rates):
        rows = slice(t * plan.batch_size, (t + 1) * plan.batch_size)
        w, b = x[:, :-1], x[:, -1]
        loss, gw, gb = gradient(plan, w, b, X[rows], y[rows], weight[rows])
        g = np.column_stack([gw, gb])
        if plan.rule == "gd":
            x = x - rate * g
        elif plan.rule == "momentum":
            first = plan.momentum * first - rate * g
            x = x + first
        elif plan.rule == "adagrad":
            first = first + g**2
            x = x - rate * g / np.sqrt(first + 1e-10)
        else:
            first = plan.b1 * first + (1 - plan.b1) * g
            second = plan.b2 * second + (1 - plan.b2) * g**2
            mean = first / (1 - plan.b1 ** (t + 1))
            square = second / (1 - plan.b2 ** (t + 1))
            x = x - rate * mean / (np.sqrt(square) + 1e-8)
        yield loss, x[:, :-1], x[:, -1]


def rates_of(n, size):
    return 0.05 / np.sqrt(1 + np.arange(-(-n // size)))


def follow(plan, X, y, weight, k=1, *, sparse=False, many=True):
    """(loss, w, b) after every step, or after all in one call."""
    weights = kernels.start(plan, k, D, X.dtype)
    rates, size = rates_of(len(y), plan.batch_size), plan.batch_size
    cuts = range(len(rates)) if many else [0]
    for step in cuts:
        rows = slice(step * size, (step + 1) * size if many else None)
        part = csr(X[rows]) if sparse else X[rows]
        used = rates[step : step + 1] if many else rates
        tally = kernels.train(plan, weights, part, y[rows], weight[rows], used)
        assert tally.finite
        yield tally.loss_sum, *kernels.coefficients(weights)


def check(plan, dtype, k=1, *, sparse=False):
    X, y, weight = table(plan.loss, dtype, k)
    rates, tol = rates_of(N, plan.batch_size), TOLERANCE[dtype]
    exact = [a.astype(np.float64) for a in (X, y, weight)]
    want = list(walk(plan, *exact, rates, k))
    got = list(follow(plan, X, y, weight, k, sparse=sparse))
    assert len(got) == len(want)
    for (loss, w, b), (loss_want, w_want, b_want) in zip(got, want, strict=True):
        assert w.dtype == dtype
        np.testing.assert_allclose(w, w_want, rtol=tol, atol=tol)
        np.testing.assert_allclose(b, b_want, rtol=tol, atol=tol)
        np.testing.assert_allclose(loss, loss_want, rtol=10 * tol, atol=tol)
    # In one call: the same bits, but where four steps share a reading of the weights.
    ((loss, w, b),) = follow(plan, X, y, weight, k, sparse=sparse, many=False)
    fours = plan.rule == "gd" and plan.batch_size == 1 and k == 1 and not sparse
    close = 100 * np.finfo(dtype).eps if fours else 0
    np.testing.assert_allclose(w, got[-1][1], rtol=close, atol=close)
    np.testing.assert_allclose(b, got[-1][2], rtol=close, atol=close)
    together = max(1e-12, close)
    np.testing.assert_allclose(loss, sum(step[0] for step in got), rtol=together)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("size", [1, 3, 32, N])
@pytest.mark.parametrize("rule", RULES)
def test_every_loss_follows_the_formulas(rule, size, sparse):
    for loss, number in ONE_OUTPUT.items():
        plan = Plan(loss=loss, parameter=number, rule=rule, batch_size=size)
        check(plan, np.float64, sparse=sparse)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("size", [1, 32])
@pytest.mark.parametrize("rule", RULES)
def test_float32_follows_the_formulas(rule, size, sparse):
    for loss in ("squared", "log"):
        plan = Plan(loss=loss, rule=rule, batch_size=size, l2=0.05)
        check(plan, np.float32, sparse=sparse)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("size", [1, 3, N])
@pytest.mark.parametrize("rule", RULES)
def test_softmax_follows_the_formulas(rule, size, sparse):
    plan = Plan(loss="cross_entropy", rule=rule, batch_size=size, l2=0.01)
    check(plan, np.float64, k=4, sparse=sparse)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("rule", RULES)
def test_l2_and_no_bias_follow_the_formulas(rule, size, sparse):
    for bias in (True, False):
        plan = Plan(rule=rule, batch_size=size, l2=0.3, bias=bias)
        check(plan, np.float64, sparse=sparse)


def test_a_scale_that_grows_small_is_multiplied_into_the_weights():
    # Each step keeps a tenth, or turns the sign: 67 steps pass any fixed scale.
    for l2, rate in ((9.0, 0.1), (30.0, 0.1), (10.0, 0.1)):
        plan = Plan(l2=l2, batch_size=1)
        X, y, weight = table("squared")
        rates = np.full(N, rate)
        *_, (_, w_want, b_want) = walk(plan, X, y, weight, rates)
        weights = kernels.start(plan, 1, D, np.float64)
        kernels.train(plan, weights, csr(X), y, weight, rates)
        w, b = kernels.coefficients(weights)
        np.testing.assert_allclose(w, w_want, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(b, b_want, rtol=1e-10)


@pytest.mark.parametrize("rule", RULES)
def test_a_step_is_that_of_the_optimizer_table(rule):
    plan = Plan(loss="log", rule=rule, batch_size=16)
    X, y, weight = table("log")
    rates = np.full(5, 0.1)
    weights = kernels.start(plan, 1, D, np.float64)
    with jax.enable_x64(True):
        entry = get_optimizer(rule)
        hyper = {name: h.default for name, h in entry.hyper.items()}
        tx = entry.build(0.1, **hyper)
        params = {"weight": jnp.zeros((D, 1)), "bias": jnp.zeros(1)}
        state = tx.init(params)

        def objective(p, rows):
            z = (X[rows] @ p["weight"])[:, 0] + p["bias"]
            values = jnp.logaddexp(0.0, jnp.where(y[rows] > 0, -z, z))
            return jnp.sum(weight[rows] * values) / jnp.sum(weight[rows])

        for step in range(5):
            rows = slice(16 * step, min(16 * step + 16, N))
            grad = jax.grad(objective)(params, rows)
            updates, state = tx.update(grad, state, params)
            params = optax.apply_updates(params, updates)
            part = slice(step, step + 1)
            kernels.train(plan, weights, X[rows], y[rows], weight[rows], rates[part])
            w, b = kernels.coefficients(weights)
            np.testing.assert_allclose(w[0], params["weight"][:, 0], atol=1e-12)
            np.testing.assert_allclose(b, params["bias"], atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
def test_an_order_is_the_rows_in_that_order(sparse):
    X, y, weight = table("log")
    order = np.random.default_rng(1).permutation(N)
    hand = csr if sparse else np.ascontiguousarray
    for rule, size in itertools.product((*RULES, "normalized"), (1, 7)):
        plan = Plan(loss="log", rule=rule, batch_size=size)
        rates = rates_of(N, size)
        here, there = (kernels.start(plan, 1, D, np.float64) for _ in range(2))
        kernels.train(plan, here, hand(X), y, weight, rates, order=order)
        kernels.train(plan, there, hand(X[order]), y[order], weight[order], rates)
        for got, want in zip(here[:2], there[:2], strict=True):
            np.testing.assert_array_equal(got, want)


def test_a_part_of_an_order_is_a_part_of_the_rows():
    X, y, weight = table("squared")
    plan = Plan(batch_size=4)
    here, there = (kernels.start(plan, 1, D, np.float64) for _ in range(2))
    order = np.array([5, 9, 1, 0, 7])
    kernels.train(plan, here, X, y, weight, [0.1, 0.1], order=order)
    kernels.train(plan, there, X[order], y[order], weight[order], [0.1, 0.1])
    np.testing.assert_array_equal(here.weight, there.weight)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("rule", RULES)
def test_weight_two_is_the_row_twice_in_a_full_batch(rule, sparse):
    X, y, _ = table("log")
    twice = np.arange(N) % 3 == 0
    hand = csr if sparse else np.ascontiguousarray
    doubled = np.repeat(np.arange(N), 1 + twice)
    results = []
    for rows, weight in ((np.arange(N), 1.0 + twice), (doubled, None)):
        plan = Plan(loss="log", rule=rule, batch_size=rows.size)
        weights = kernels.start(plan, 1, D, np.float64)
        for _ in range(3):
            args = hand(X[rows]), y[rows], weight, [0.1]
            tally = kernels.train(plan, weights, *args)
        assert tally.weight_sum == doubled.size
        results.append(kernels.coefficients(weights)[0])
    np.testing.assert_allclose(*results, atol=1e-13)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("size", [1, 4])
def test_a_row_of_weight_0_counts_for_nothing(size, sparse):
    X, y, weight = table("squared")
    y[:4], weight[:4] = 1e300, 0.0  # a whole batch of them; their loss is inf
    plan = Plan(batch_size=size)
    weights = kernels.start(plan, 1, D, np.float64)
    rates = np.full(-(-N // size), 0.01)
    hand = csr(X) if sparse else X
    tally = kernels.train(plan, weights, hand, y, weight, rates)
    assert tally.finite
    rest = kernels.start(plan, 1, D, np.float64)
    kernels.train(plan, rest, X[4:], y[4:], weight[4:], rates[-(-4 // size) :])
    np.testing.assert_allclose(weights.weight, rest.weight, atol=1e-14)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("rule", [*RULES, "normalized"])
def test_what_is_not_finite_is_told(rule, bad, sparse):
    for size in (1, 8):
        X, y, weight = table("log")
        X[10, 2] = bad
        plan = Plan(loss="log", rule=rule, batch_size=size)
        weights = kernels.start(plan, 1, D, np.float64)
        hand = csr(X) if sparse else X
        tally = kernels.train(plan, weights, hand, y, weight, rates_of(N, size))
        assert not tally.finite


def test_descent_that_diverges_is_told():
    X, y, weight = table("squared")
    plan = Plan(batch_size=N)
    weights = kernels.start(plan, 1, D, np.float64)
    for _ in range(2000):
        tally = kernels.train(plan, weights, X, y, weight, [5.0])
    assert not tally.finite


def test_read_only_rows_need_no_second_kernel():
    from steepest.descent.kernels import per_sample

    X, y, weight = table("squared")
    plan = Plan()
    for writeable in (True, False):
        for array in (X, y, weight):
            array.flags.writeable = writeable
        weights = kernels.start(plan, 1, D, np.float64)
        kernels.train(plan, weights, X, y, weight, rates_of(N, 1))
        known = set(per_sample.rows.signatures)
        if writeable:
            before, kept = known, weights.weight
    assert known == before
    np.testing.assert_array_equal(weights.weight, kept)
