"""Losses of the user's own: of plain numbers or of arrays; what is refused."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from sklearn.datasets import load_diabetes

import steepest as sp
from steepest.api.own_losses import KERNEL, TRACED, is_own, kernel_of, settled
from steepest.core.errors import DataError, UsageError
from steepest.problems.losses import LOSSES, get_loss

X, Y = load_diabetes(return_X_y=True)
X, Y = X[:120] / X[:120].std(axis=0), Y[:120] / 50
WAYS = {"validation": None}


def squared(p, t):
    return (p - t) ** 2


def log_cosh(p, t):
    r = abs(p - t)
    return r + math.log1p(math.exp(-2 * r)) - math.log(2)


def log_cosh_of_arrays(p, t):
    return jnp.logaddexp(p - t, t - p) - math.log(2)


def least_log_cosh():
    def total(theta):
        r = X @ theta[:-1] + theta[-1] - Y
        return np.mean(np.logaddexp(r, -r) - math.log(2))

    found = scipy.optimize.minimize(total, np.zeros(X.shape[1] + 1), tol=1e-10)
    return found.fun


def test_arithmetic_makes_the_steps_of_the_built_in_loss():
    steps = {"optimizer": "momentum", "batch_size": "full", "epochs": 30, **WAYS}
    scaled = (Y - Y.mean()) / Y.std()  # as the built-in one sees it
    run = sp.fit((X, scaled), loss=squared, **steps).run
    assert run.settings["loss_taken_as"] == KERNEL
    own, built_in = run.trace, sp.fit((X, scaled), loss="squared", **steps).run.trace
    np.testing.assert_allclose(own.value, built_in.value, rtol=1e-4)
    np.testing.assert_allclose(own.grad_norm, built_in.grad_norm, rtol=1e-4)


def test_both_ways_of_writing_a_loss_reach_the_optimum_of_scipy():
    least = least_log_cosh()
    taken = {}
    for loss in (log_cosh, log_cosh_of_arrays):
        fitted = sp.fit((X, Y), loss=loss, **WAYS)
        assert fitted.run.value == pytest.approx(least, rel=1e-5)
        assert fitted.run.settings["optimizer"] == "lbfgs"
        taken[loss] = fitted.run.settings["loss_taken_as"]
    assert taken == {log_cosh: KERNEL, log_cosh_of_arrays: TRACED}


def test_steps_that_no_kernel_makes_are_traced():
    steps = {"optimizer": "rmsprop", "batch_size": 8, "epochs": 1, **WAYS}
    fitted = sp.fit((X, Y), loss=squared, **steps)
    assert fitted.run.settings["loss_taken_as"] == TRACED
    with pytest.raises(UsageError, match="steps that no kernel makes need a loss for"):
        sp.fit((X, Y), loss=log_cosh, **steps)


def test_a_model_is_saved_and_loaded_with_its_loss_handed_over(tmp_path):
    fitted = sp.fit((X, Y), loss=log_cosh, epochs=2, save=tmp_path / "m", **WAYS)
    again = sp.load(tmp_path / "m", loss=log_cosh)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_the_same_function_is_compiled_once_and_others_pass_through():
    ones = [settled(get_loss(squared), Y, linear=True) for _ in range(2)]
    assert kernel_of(ones[0]) is kernel_of(ones[1])
    assert ones[0] == ones[1]
    assert hash(ones[0]) == hash(ones[1])
    huber = LOSSES["huber"]
    assert settled(huber, Y, linear=True) is huber
    assert not is_own(huber)
    for_network = settled(get_loss(squared), Y, linear=False)
    assert kernel_of(for_network) is None


@pytest.mark.parametrize(
    ("loss", "kind", "words"),
    [
        (lambda p: p, UsageError, "takes (p); it must take two arguments"),
        (lambda p, t: jnp.mean((p - t) ** 2), UsageError, "returned shape ()"),
        (lambda p, t: (p, t), UsageError, "returns (0.0, "),
        (lambda p, t: jnp.stack([p, t]), UsageError, "returned shape (2, 3)"),
        (lambda p, t: np.array([p, t]), UsageError, "must return one real number"),
        (lambda p, t: None, UsageError, "returns None for prediction 0.0"),
        (lambda p, t: p > t, UsageError, "returns False for prediction 0.0"),
        (lambda p, t: 1j * p, UsageError, "must return one real number"),
        (lambda p, t: jnp.round(p).astype(int), UsageError, "int32, which have no"),
        (lambda p, t: math.log(p), DataError, "is -inf at prediction 0.0 and target"),
        (lambda p, t: jnp.log(p) * t, DataError, "is -inf at prediction 0.0"),
        (lambda p, t: p * math.nan, DataError, "is nan at prediction 0.0"),
        (lambda p, t: str(p).x, UsageError, "can be used neither way. On two numbers"),
    ],
    ids=[
        *("arity", "mean", "pair", "stack", "array", "none", "truth", "complex"),
        *("whole", "log", "jnp-log", "nan", "neither"),
    ],
)
def test_what_is_no_loss_of_a_row_is_refused(loss, kind, words):
    with pytest.raises(kind) as caught:
        sp.fit((X, Y), loss=loss, **WAYS)
    assert words in str(caught.value)


def test_a_loss_that_is_never_finite_is_refused_for_networks_too():
    with pytest.raises(DataError, match="is nan at prediction 0.0"):
        sp.fit((X, Y), loss=lambda p, t: p * jnp.nan, model="mlp", epochs=1)
    # only at 0 itself: networks may never come there
    fitted = sp.fit((X, Y), loss=lambda p, t: 1 / p + 0 * t, model="mlp", epochs=1)
    assert fitted.run is not None


@pytest.mark.parametrize(
    ("options", "target"),
    [({"model": "mlp"}, Y), ({}, np.digitize(Y, [2.0, 4.0]).astype(str))],
    ids=["network", "classes"],
)
def test_plain_numbers_are_for_linear_models_of_one_output(options, target):
    with pytest.raises(UsageError, match=r"written with\s+jax.numpy"):
        sp.fit((X, target), loss=log_cosh, **options, **WAYS)
