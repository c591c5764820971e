"""Losses against other people's implementations and formulas written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics

from steepest.problems.losses import LOSSES, get_loss

CLASSES = 4


@pytest.fixture
def rng():
    """Random numbers, in a test that compares float64 with float64."""
    with jax.enable_x64(True):
        yield np.random.default_rng(8)


def values(loss, prediction, target):
    """Compiled whole, which is quicker than operation by operation."""
    return np.asarray(jax.jit(loss)(prediction, target))


def test_squared_and_absolute_are_the_metrics(rng):
    p, t = rng.normal(size=(2, 50))
    metrics = sklearn.metrics
    assert np.isclose(
        values(LOSSES["squared"], p, t).mean(), metrics.mean_squared_error(t, p)
    )
    assert np.isclose(
        values(LOSSES["absolute"], p, t).mean(), metrics.mean_absolute_error(t, p)
    )


def test_a_perfect_prediction_has_no_slope_under_the_absolute_loss():
    slopes = jax.vmap(jax.grad(LOSSES["absolute"].fn))
    prediction = jnp.array([1.0, 2.0, 0.5])
    assert slopes(prediction, jnp.ones(3)).tolist() == [0.0, 1.0, -1.0]


def test_one_neuron_slope(rng):
    w, x, y = rng.normal(size=3)
    slope = jax.grad(lambda w: LOSSES["squared"](w * x, y))(w)
    assert np.isclose(slope, 2 * (w * x - y) * x)


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_huber_is_scipys(rng, delta):
    p, t = 3 * rng.normal(size=(2, 50))
    np.testing.assert_allclose(
        values(get_loss("huber", delta=delta), p, t), scipy.special.huber(delta, p - t)
    )


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_quantile_is_scikit_learns_pinball(rng, q):
    p, t = rng.normal(size=(2, 50))
    want = sklearn.metrics.mean_pinball_loss(t, p, alpha=q)
    assert np.isclose(values(get_loss("quantile", q=q), p, t).mean(), want)


def test_poisson_is_half_the_deviance(rng):
    p, t = rng.normal(size=50), rng.integers(0, 9, 50)
    want = sklearn.metrics.mean_poisson_deviance(t, np.exp(p)) / 2
    assert np.isclose(values(LOSSES["poisson"], p, t).mean(), want)
    assert np.allclose(LOSSES["poisson"].link(p), np.exp(p))


def test_poisson_goes_on_as_a_tangent():
    value, slope = jax.jit(jax.value_and_grad(LOSSES["poisson"]))(50.0, 0.0)
    assert np.isclose(slope, np.exp(30.0))
    assert np.isclose(value, np.exp(30.0) * 21)


def test_log_and_cross_entropy_are_scikit_learns(rng):
    p, t = rng.normal(size=50), rng.integers(0, 2, 50)
    want = sklearn.metrics.log_loss(t, LOSSES["log"].link(p))
    assert np.isclose(values(LOSSES["log"], p, t).mean(), want)
    p, t = rng.normal(size=(50, CLASSES)), rng.integers(0, CLASSES, 50)
    want = sklearn.metrics.log_loss(t, LOSSES["cross_entropy"].link(p))
    assert np.isclose(values(LOSSES["cross_entropy"], p, t).mean(), want)


def test_log_loss_keeps_its_digits_where_the_row_is_right():
    got = values(LOSSES["log"], jnp.float32(40.0), 1)
    np.testing.assert_allclose(got, np.exp(-40.0), rtol=1e-5)
    got = values(LOSSES["cross_entropy"], jnp.float32([[40.0, 0.0]]), jnp.array([0]))
    np.testing.assert_allclose(got, np.exp(-40.0), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_classes_of_any_dtype_mean_the_same(rng, dtype):
    p, t = rng.normal(size=9), rng.integers(0, 2, 9)
    for name in ("log", "hinge", "squared_hinge", "focal"):
        np.testing.assert_allclose(
            values(LOSSES[name], p, t.astype(dtype)),
            values(LOSSES[name], p, t),
            rtol=1e-6,
        )


def test_hinge_is_scikit_learns_and_squared_hinge_its_square(rng):
    p, t = rng.normal(size=50), rng.integers(0, 2, 50)
    hinge = values(LOSSES["hinge"], p, t)
    assert np.isclose(hinge.mean(), sklearn.metrics.hinge_loss(t, p, labels=[0, 1]))
    np.testing.assert_allclose(values(LOSSES["squared_hinge"], p, t), hinge**2)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_by_hand_for_two_and_more_classes(rng, gamma):
    loss = get_loss("focal", gamma=gamma)
    p, t = rng.normal(size=20), rng.integers(0, 2, 20)
    right = np.where(t == 1, scipy.special.expit(p), scipy.special.expit(-p))
    np.testing.assert_allclose(
        values(loss, p, t), -((1 - right) ** gamma) * np.log(right)
    )
    p, t = rng.normal(size=(20, CLASSES)), rng.integers(0, CLASSES, 20)
    right = scipy.special.softmax(p, axis=1)[np.arange(20), t]
    np.testing.assert_allclose(
        values(loss, p, t), -((1 - right) ** gamma) * np.log(right)
    )


def test_contrastive_by_hand(rng):
    a, b, same = rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), rng.integers(0, 2, 9)
    d = np.linalg.norm(a - b, axis=1)
    want = np.where(same, d**2, np.maximum(0, 2.0 - d) ** 2) / 2
    np.testing.assert_allclose(
        values(get_loss("contrastive", margin=2.0), (a, b), same), want
    )


def test_triplet_by_hand(rng):
    a, p, n = rng.normal(size=(3, 9, 2))
    d = [np.linalg.norm(a - other, axis=1) ** 2 for other in (p, n)]
    want = np.maximum(0, d[0] - d[1] + 0.5)
    np.testing.assert_allclose(
        values(get_loss("triplet", margin=0.5), (a, p, n), None), want
    )


def test_best_constants_are_the_mean_the_median_and_the_quantile(rng):
    t = rng.exponential(size=501)
    at = np.linspace(0, 5, 2001)

    def best(spec):
        loss = get_loss(spec)
        means = jax.vmap(lambda c: loss(jnp.full(501, c), t).mean())(at)
        return at[np.argmin(means)]

    assert np.isclose(best("squared"), t.mean(), atol=0.003)
    assert np.isclose(best("absolute"), np.median(t), atol=0.003)
    assert np.isclose(best("quantile:0.9"), np.quantile(t, 0.9), atol=0.003)
