"""Estimators with a loss of the user's own, normalized steps, averages, kinks."""

import math
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from steepest.core.errors import UsageError
from steepest.estimators import DescentClassifier, DescentRegressor

X, Y = load_diabetes(return_X_y=True, scaled=False)
CANCER, WINE = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)


def squared(p, t):
    return (p - t) ** 2


def logistic(p, t):
    m = p if t > 0 else -p
    return max(-m, 0.0) + math.log1p(math.exp(-abs(m)))


def test_an_own_loss_of_numbers_is_cloned_pickled_and_goes_on():
    ours = clone(DescentRegressor(squared)).fit(X, Y)
    theirs = DescentRegressor("squared", l2=0.0).fit(X, Y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-4)
    assert ours.run_.settings["loss"] == "squared"
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again.predict(X), ours.predict(X))
    again.partial_fit(X, Y)
    assert np.isfinite(again.coef_).all()


@pytest.mark.parametrize("data", [CANCER, WINE], ids=["cancer", "wine"])
def test_an_own_loss_of_classes_is_the_built_in_one(data):
    ours = clone(DescentClassifier(logistic, l2=0.01)).fit(*data)
    theirs = DescentClassifier("log", l2=0.01).fit(*data)
    np.testing.assert_allclose(
        ours.decision_function(data[0]), theirs.decision_function(data[0]), atol=2e-3
    )
    assert not hasattr(ours, "predict_proba")
    with pytest.raises(UsageError, match="learns by the log loss"):
        ours.partial_fit(*data)


@pytest.mark.parametrize("rate", [1e-3, 0.5, 50.0])
def test_normalized_on_raw_columns_at_any_rate(rate):
    for data in (CANCER, WINE):
        ours = DescentClassifier(
            optimizer="normalized", learning_rate=rate, standardize=False, epochs=5
        ).fit(*data)
        assert not ours.run_.stop.failed
        assert ours.run_.value <= 1.1
        assert np.isfinite(ours.coef_).all()
        assert ours.run_.settings["optimizer"] == "normalized"
    ours = DescentClassifier(optimizer="normalized", standardize=False).fit(*CANCER)
    assert ours.score(*CANCER) > 0.88


def test_averages():
    ours = DescentClassifier(average=True).fit(*CANCER)
    assert ours.score(*CANCER) > 0.97
    assert ours.run_.settings["optimizer"] == "adagrad"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": lambda p, t: jnp.abs(p - t)}, "this one is for arrays"),
        ({"optimizer": "normalized", "l2": 0.1}, "normalized steps have no penalty"),
        ({"average": True, "optimizer": "lbfgs"}, "average=True with 'lbfgs'"),
        ({"average": "yes"}, "must be True or False"),
    ],
    ids=["arrays", "penalty", "lbfgs", "word"],
)
def test_what_is_refused(options, words):
    with pytest.raises(UsageError) as caught:
        DescentRegressor(**options).fit(X, Y)
    assert words in str(caught.value)
