"""Full passes: losses beside those of the package, gradients, threads, margins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from steepest.core.errors import DataError, UsageError
from steepest.descent import kernels
from steepest.descent.kernels import OwnLoss, Plan
from steepest.problems.losses import get_loss

PARAMETERS = {"huber": 0.7, "quantile": 0.8, "focal": 1.5}
OF_NUMBERS = ("squared", "absolute", "huber", "quantile", "poisson")
OF_TWO = ("log", "hinge", "squared_hinge", "focal")


def at_point(w, b, dtype=np.float64, plan=None):
    k, d = np.shape(w)
    weights = kernels.start(plan or Plan(loss="focal"), k, d, dtype)
    weights.weight[:], weights.bias[:] = w, b
    return weights


def of_package(name):
    parameter = PARAMETERS.get(name)
    return get_loss(name if parameter is None else f"{name}:{parameter}")


@pytest.mark.parametrize("name", [*OF_NUMBERS, *OF_TWO])
def test_value_and_slope_are_those_of_the_losses(name):
    # p = 1 * x: the gradient by the bias of one row is the slope.
    plan = Plan(loss=name, parameter=PARAMETERS.get(name, 1.0))
    weights = at_point([[1.0]], [0.0])
    points = [-700.0, -40.0, -3.3, -1e-9, 0.4, 1.7, 5.0, 29.9, 33.0, 700.0]
    targets = [0.0, 1.0] if name in OF_TWO else [0.0, 0.5, 3.0]
    loss = of_package(name)
    with jax.enable_x64(True):
        for p in points:
            for y in targets:
                both = jax.value_and_grad(loss)(jnp.float64(p), jnp.float64(y))
                X, target = np.array([[p]]), np.array([y])
                value, _, _, slope = kernels.total(plan, weights, X, target)
                got = value, slope.item()
                np.testing.assert_allclose(got, both, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ["quantile", "hinge"])
def test_slopes_at_kinks_are_those_of_the_losses(name):
    p = 1.0
    plan = Plan(loss=name, parameter=PARAMETERS.get(name, 1.0))
    weights = at_point([[1.0]], [0.0])
    _, _, _, slope = kernels.total(plan, weights, np.array([[p]]), np.array([1.0]))
    want = jax.grad(of_package(name))(jnp.float32(p), jnp.float32(1.0))
    np.testing.assert_allclose(slope, want, rtol=1e-6)


def test_the_slope_of_absolute_at_a_perfect_prediction_is_0():
    weights = at_point([[1.0]], [0.0])
    args = np.array([[2.0]]), np.array([2.0])
    told = kernels.total(Plan(loss="absolute"), weights, *args)
    assert (told[0], told[3].item()) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_losses_of_classes_are_those_of_the_package(name):
    plan = Plan(loss=name, parameter=PARAMETERS.get(name, 1.0))
    rng = np.random.default_rng(0)
    loss = of_package(name)
    with jax.enable_x64(True):
        for spread in (1.0, 30.0, 300.0):
            z, y = spread * rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
            for row, target in zip(z, y, strict=True):
                want = jax.value_and_grad(loss)(jnp.asarray(row), int(target))
                weights = at_point(np.zeros((4, 1)), row)
                args = np.zeros((1, 1)), np.array([target])
                value, _, _, slope = kernels.total(plan, weights, *args)
                np.testing.assert_allclose(value, want[0], rtol=1e-12, atol=1e-300)
                np.testing.assert_allclose(slope, want[1], rtol=1e-11, atol=1e-300)


def problem(k=1, n=700, d=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.5)
    y = rng.integers(0, max(k, 2), n).astype(float)
    return X, y, rng.uniform(0.0, 2.0, n), rng.standard_normal((k, d))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("k", [1, 3])
def test_the_gradient_is_the_difference_of_losses(k, sparse):
    X, y, weight, w = problem(k)
    plan = Plan(loss="focal", parameter=1.5)
    m = csr_matrix(X)
    hand = (m.data, m.indices, m.indptr) if sparse else X
    loss, share, gw, gb = kernels.total(plan, at_point(w, np.zeros(k)), hand, y, weight)
    np.testing.assert_allclose(share, weight.sum())
    e = 1e-6

    def value(w, b):
        return kernels.loss_total(plan, at_point(w, b), hand, y, weight)[0]

    np.testing.assert_allclose(loss, value(w, np.zeros(k)), rtol=1e-13)
    for c in range(k):
        move = e * np.eye(k)[c]
        slope = (value(w, move) - value(w, -move)) / (2 * e)
        np.testing.assert_allclose(gb[c], slope, rtol=1e-6, atol=1e-6)
        for j in range(w.shape[1]):
            move = e * np.outer(np.eye(k)[c], np.eye(w.shape[1])[j])
            up, down = value(w + move, np.zeros(k)), value(w - move, np.zeros(k))
            np.testing.assert_allclose(gw[c, j], (up - down) / (2 * e), rtol=1e-5)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_change_no_bit(dtype, sparse):
    X, y, weight, w = problem(3, n=5000)
    X = X.astype(dtype)
    m = csr_matrix(X)
    hand = (m.data, m.indices, m.indptr) if sparse else X
    plan, weights = Plan(loss="cross_entropy"), at_point(w, np.ones(3), dtype)
    want = kernels.total(plan, weights, hand, y, weight, threads=1)
    for threads in (2, 3, 8, None):
        got = kernels.total(plan, weights, hand, y, weight, threads=threads)
        for mine, theirs in zip(got, want, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        losses = kernels.loss_total(plan, weights, hand, y, weight, threads=threads)
        np.testing.assert_allclose(losses, want[:2], rtol=1e-6)


def test_a_full_step_is_the_total():
    X, y, weight, w = problem(3)
    plan = Plan(loss="cross_entropy", batch_size=len(y))
    weights = at_point(w, np.zeros(3), plan=plan)
    _, share, gw, gb = kernels.total(plan, weights, X, y, weight)
    kernels.train(plan, weights, X, y, weight, [0.5])
    np.testing.assert_allclose(weights.weight, w - 0.5 * gw / share, atol=1e-13)
    np.testing.assert_allclose(weights.bias, -0.5 * gb / share, atol=1e-13)


def test_margins_are_products_and_rows_may_be_a_stretch():
    X, y, _, w = problem(3)
    m = csr_matrix(X)
    weights = at_point(w, np.arange(3.0))
    want = X @ w.T + np.arange(3.0)
    np.testing.assert_allclose(kernels.margins(weights, X), want, atol=1e-13)
    part = m.indptr[100:201]
    stretch = m.data[part[0] : part[-1]], m.indices[part[0] : part[-1]], part
    got = kernels.margins(weights, stretch)
    np.testing.assert_allclose(got, want[100:200], atol=1e-13)
    plan = Plan(loss="cross_entropy")
    whole = kernels.total(plan, weights, np.ascontiguousarray(X[100:200]), y[100:200])
    some = kernels.total(plan, weights, stretch, y[100:200])
    np.testing.assert_allclose(some[2], whole[2], atol=1e-12)


def test_without_a_bias_it_has_no_gradient():
    X, y, _, w = problem()
    told = kernels.total(Plan(loss="log", bias=False), at_point(w, [0.0]), X, y)
    assert told[3].tolist() == [0.0]


def quartic(p, y):
    return (p - y) ** 4


def quartic_slope(p, y):
    return 4.0 * (p - y) ** 3


@pytest.fixture(scope="module")
def own_losses():
    """With its slope and without; made once, since each compiles kernels of its own."""
    return OwnLoss(quartic, quartic_slope), OwnLoss(quartic)


@pytest.mark.parametrize("rule", ["gd", "adam", "normalized"])
def test_an_own_loss_with_its_slope_and_without(rule, own_losses):
    X, y, weight, _ = problem(n=40)
    results = []
    for own in own_losses:
        plan = Plan(loss=own, rule=rule, batch_size=4)
        weights = kernels.start(plan, 1, X.shape[1], np.float64)
        for _ in range(3):
            assert kernels.train(plan, weights, X, y, weight, np.full(10, 0.02)).finite
        results.append(weights.weight)
        value = kernels.loss_total(plan, weights, X, y, weight)[0]
        p = kernels.margins(weights, X)[:, 0]
        np.testing.assert_allclose(value, np.sum(weight * (p - y) ** 4), rtol=1e-12)
    np.testing.assert_allclose(*results, atol=1e-8)
    assert np.abs(results[0]).max() > 1e-3


def test_an_own_loss_that_cannot_be_compiled_is_refused():
    with pytest.raises(UsageError, match="cannot be compiled.*two floats"):
        OwnLoss(lambda p, y: str(p) + y)
    with pytest.raises(UsageError, match="plain function"):
        OwnLoss("squared")  # type: ignore[arg-type]


BAD_PLANS = [
    ({"loss": "squard"}, "Did you mean squared"),
    ({"rule": "adm"}, "Did you mean adam"),
    ({"batch_size": 0}, "batch_size=0: must be a whole number >= 1"),
    ({"batch_size": 1.5}, "batch_size=1.5: must be a whole number >= 1"),
    ({"l1": -1.0}, "l1=-1.0: must be a finite number >= 0"),
    ({"l2": np.nan}, "l2=nan: must be a finite number >= 0"),
    ({"momentum": 1.0}, r"momentum=1.0: must be a number in \[0, 1\)"),
    ({"b2": np.nan}, r"b2=nan: must be a number in \[0, 1\)"),
    ({"average_from": -1}, "average_from=-1: must be >= 0"),
    ({"rule": "normalized", "l2": 0.1}, "l2=0.1: normalized steps have no penalty"),
]


@pytest.mark.parametrize(("options", "say"), BAD_PLANS, ids=lambda part: str(part)[:24])
def test_a_bad_plan_is_refused(options, say):
    with pytest.raises(UsageError, match=say):
        Plan(**options)


def test_outputs_that_the_loss_cannot_take_are_refused():
    with pytest.raises(UsageError, match="use loss='log'"):
        kernels.start(Plan(loss="cross_entropy"), 1, 2)
    with pytest.raises(UsageError, match="with 3 outputs: takes one"):
        kernels.start(Plan(loss="hinge"), 3, 2)
    with pytest.raises(UsageError, match="no safe step"):
        kernels.start(Plan(loss="focal", rule="normalized"), 3, 2)
    with pytest.raises(UsageError, match="dtype=int64: must be float32 or float64"):
        kernels.start(Plan(), 1, 2, int)


def test_bad_arrays_are_refused():
    plan = Plan(batch_size=2)
    weights = kernels.start(plan, 1, 3, np.float64)
    X, y, rates = np.ones((4, 3)), np.ones(4), np.ones(2)
    csr = csr_matrix(X)
    sparse = csr.data, csr.indices, csr.indptr
    cases = [
        ((X.astype(np.float32), y, None, rates), DataError, "X has dtype float32"),
        ((X[:, :2], y, None, rates), DataError, r"X has shape \(4, 2\)"),
        ((np.asfortranarray(X), y, None, rates), DataError, "one after another"),
        ((X, y[:3], None, rates), DataError, r"y has shape \(3,\): need \(4,\)"),
        ((X, y, y[:3], rates), DataError, r"sample_weight has shape \(3,\)"),
        ((X, y, None, rates[:1]), UsageError, "4 rows make 2 batches of 2"),
        (((csr.data[:5], *sparse[1:]), y, None, rates), DataError, "CSR rows: 5 val"),
    ]
    for args, error, say in cases:
        with pytest.raises(error, match=say):
            kernels.train(plan, weights, *args)
    with pytest.raises(UsageError, match="order: holds rows 0 to 9 of 4"):
        kernels.train(plan, weights, X, y, None, rates, order=[0, 1, 2, 9])
    with pytest.raises(UsageError, match="threads=0: must be >= 1"):
        kernels.total(plan, weights, X, y, threads=0)
    with pytest.raises(DataError, match="columns run from 0 to 2: need 0 to 1"):
        kernels.check_columns(kernels.Csr(*sparse), 2)
    several = Plan(loss="cross_entropy")
    two, classes = kernels.start(several, 2, 3, np.float64), np.array([1.0, 1, 4, 1])
    with pytest.raises(DataError, match="classes 1.0 to 4.0: need 0 to 1"):
        kernels.total(several, two, X, classes)
    assert not weights.weight.any()
