"""Estimators with hidden layers, in scikit-learn's world."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import steepest as sp
from steepest.estimators import DescentClassifier, DescentRegressor
from steepest.estimators.network_stream import Moments
from steepest.estimators.scale import Scale

CANCER, WINE = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True, scaled=False)
DIGITS = load_digits(return_X_y=True)
RNG = np.random.default_rng(0)


@parametrize_with_checks([DescentClassifier(hidden=(8,)), DescentRegressor(hidden=8)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rings():
    """Two classes that no line parts, of few rows."""
    angle = RNG.uniform(0, 2 * np.pi, 200)
    radius = np.repeat([1.0, 3.0], 100) + 0.2 * RNG.normal(size=200)
    rows = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return 100 * rows + [5000, 0], np.repeat(["in", "out"], 100)


def test_a_network_learns_what_a_line_cannot(rings):
    assert DescentClassifier().fit(*rings).score(*rings) < 0.7
    model = DescentClassifier(hidden=32, l2=0).fit(*rings)
    assert model.score(*rings) > 0.98
    assert model.run_.settings["batch_size"] == 200, "few rows are taken whole"
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        again.predict_proba(rings[0]), model.predict_proba(rings[0])
    )


def test_outputs_by_hand(rings):
    model = DescentClassifier(hidden=(5, 3), epochs=3).fit(*rings)
    scale, params = model.network_.scale, model.network_.params
    h = (rings[0] - rings[0].mean(axis=0)) / rings[0].std(axis=0)
    np.testing.assert_allclose(h, scale.rows(rings[0]), rtol=1e-9)
    for block in params.hidden:
        h = np.maximum(h @ block.linear.weight.T + block.linear.bias, 0)
    margin = h @ params.output.weight[0] + params.output.bias[0]
    np.testing.assert_allclose(model.decision_function(rings[0]), margin, rtol=1e-9)
    np.testing.assert_allclose(
        model.predict_proba(rings[0])[:, 1], 1 / (1 + np.exp(-margin)), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("kind", "rival", "data", "slack"),
    [
        (DescentClassifier, MLPClassifier, WINE, 0.03),
        (DescentRegressor, MLPRegressor, DIABETES, 0.05),
    ],
    ids=["wine", "diabetes"],
)
def test_defaults_beside_scikit_learns_network(kind, rival, data, slack):
    rows, y = data
    ours = cross_val_score(kind(hidden=(32,), validation=0.2), rows, y, cv=3).mean()
    peer = rival(hidden_layer_sizes=(32,), early_stopping=True, random_state=0)
    peer.set_params(max_iter=2000, learning_rate_init=0.01)
    pipe = make_pipeline(StandardScaler(), peer)
    assert ours > cross_val_score(pipe, rows, y, cv=3).mean() - slack


def test_several_classes_weights_and_batches():
    rows, y = DIGITS
    model = DescentClassifier(hidden=32, epochs=10).fit(rows, y)
    assert model.score(rows, y) > 0.97
    assert model.predict_proba(rows).sum(axis=1) == pytest.approx(1)
    assert model.decision_function(rows).shape == (len(y), 10)
    heavy = DescentClassifier(hidden=32, epochs=10, class_weight={8: 50.0})
    assert (heavy.fit(rows, y).predict(rows) == 8).sum() > (y == 8).sum()
    balanced = DescentClassifier(hidden=32, epochs=10, class_weight="balanced")
    assert balanced.fit(rows, y).score(rows, y) > 0.97


def test_rows_of_weight_0_may_fill_a_batch():
    rows, y = DIGITS
    weight = (np.arange(len(y)) < 300) * 1.0
    some = DescentClassifier(hidden=8, epochs=3, batch_size=16)
    some.fit(rows, y, sample_weight=weight)
    alone = clone(some).fit(rows[:300], y[:300])
    np.testing.assert_array_equal(some.predict(rows), alone.predict(rows))
    some.partial_fit(rows, y, sample_weight=weight)
    assert np.isfinite(some.predict_proba(rows)).all()


def test_the_best_epoch_on_rows_of_ones_own_is_restored():
    rows, y = CANCER
    held = rows[400:], y[400:]
    options = dict(hidden=32, batch_size=16, learning_rate=0.03, validation=held)
    model = DescentClassifier(**options, patience=3, epochs=100)
    model.fit(rows[:400], y[:400])
    curve = model.run_.trace.validation
    best = int(curve.epoch[np.argmin(curve.loss)])
    assert model.run_.stop is sp.Stop.PATIENCE
    assert curve.epoch[-1] - best == 3
    chance = model.predict_proba(held[0])[np.arange(len(held[1])), held[1]]
    assert -np.log(chance).mean() == pytest.approx(curve.loss.min(), rel=1e-4)
    again = DescentClassifier(**options, epochs=best).fit(rows[:400], y[:400])
    np.testing.assert_allclose(
        again.predict_proba(rows), model.predict_proba(rows), atol=1e-6
    )


def test_a_warm_start_goes_on_under_another_scale():
    rows, y = DIABETES
    model = DescentRegressor(hidden=16, warm_start=True, epochs=200).fit(rows, y)
    before = model.predict(3 * rows + 1)
    model.set_params(epochs=1, learning_rate=1e-9, optimizer="gd")
    model.fit(3 * rows + 1, 5 * y - 2)
    np.testing.assert_allclose(model.predict(3 * rows + 1), before, rtol=1e-3)
    moved = Scale(RNG.normal(size=10), RNG.uniform(1, 2, 10), 3.0, 0.5)
    same = model.network_.rescaled(moved)
    raw = model.network_.raw(3 * rows + 1)
    np.testing.assert_allclose(same.raw(3 * rows + 1), raw, rtol=1e-3)


# ---- rows as they come ----


def test_classes_that_come_later_grow_the_last_layer():
    rows, y = WINE
    model = DescentClassifier(hidden=16)
    early = np.flatnonzero(y < 2)
    model.partial_fit(rows[early], y[early])
    assert model.predict_proba(rows).shape == (178, 2)
    mixed = RNG.permutation(len(y))
    for _ in range(60):
        model.partial_fit(rows[mixed], y[mixed])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.score(rows, y) > 0.95
    alone = DescentClassifier(hidden=4).partial_fit(rows[:1], ["b"])
    assert alone.predict(rows[:2]).tolist() == ["b", "b"]
    alone.partial_fit(rows[-1:], ["a"])
    assert alone.classes_.tolist() == ["a", "b"]


def test_a_stream_goes_on_from_a_fit_and_survives_a_pickle():
    rows, y = CANCER
    model = DescentClassifier(hidden=16, epochs=20).fit(rows, y)
    before = model.decision_function(rows)
    assert len(model.network_.params.output.bias) == 1
    model.set_params(learning_rate=1e-8).partial_fit(rows[:32], y[:32])
    assert len(model.network_.params.output.bias) == 2
    np.testing.assert_allclose(model.decision_function(rows), before, atol=1e-3)
    twin = pickle.loads(pickle.dumps(model))
    for one in (model, twin):
        one.partial_fit(rows, y)
    np.testing.assert_array_equal(
        model.decision_function(rows), twin.decision_function(rows)
    )


def test_pieces_are_seen_by_the_scale_of_all_rows_so_far():
    values, weight = RNG.normal(5, 3, size=(50, 2)), RNG.uniform(0.1, 2, 50)
    moments = Moments(0.0, np.zeros(2), np.zeros(2))
    for part in (slice(0, 1), slice(1, 20), slice(20, 50)):
        moments = moments.met(values[part], weight[part])
    mean = np.average(values, axis=0, weights=weight)
    np.testing.assert_allclose(moments.mean, mean)
    np.testing.assert_allclose(
        moments.size, np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    )
    rows, y = DIABETES
    model = DescentRegressor(hidden=16)
    for _ in range(30):
        model.partial_fit(rows, y)
    np.testing.assert_allclose(model.network_.scale.mean, rows.mean(axis=0))
    assert model.score(rows, y) > 0.4


def test_a_stream_that_overflows_keeps_what_it_had():
    rows, y = DIABETES
    model = DescentRegressor(hidden=8).partial_fit(rows, y)
    before = model.predict(rows)
    with pytest.raises(sp.DataError, match="inf or nan"):
        model.partial_fit(np.full((2, 10), 1e200), np.array([1e300, -1e300]))
    np.testing.assert_array_equal(model.predict(rows), before)


def test_another_kind_of_model_leaves_nothing_of_the_first():
    model = DescentClassifier(hidden=8, epochs=3).fit(*WINE)
    with pytest.raises(AttributeError, match="coef_: is of a linear model, and hidden"):
        _ = model.coef_
    model.set_params(hidden=None, epochs=None).fit(*WINE)
    assert model.coef_.shape == (3, 13)
    assert not hasattr(model, "network_")
    model.set_params(hidden=4).partial_fit(*WINE)
    assert not hasattr(model, "coef_")
    model.set_params(hidden=None).partial_fit(*WINE)
    assert model.coef_.shape == (3, 13)
    assert not hasattr(model, "network_")


BAD = {
    "width": (dict(hidden=0), "hidden=0: need one whole number >= 1"),
    "text": (dict(hidden="64"), "hidden='64'"),
    "intercept": (dict(fit_intercept=False), "fit_intercept=False: the layers"),
    "average": (dict(average=True), "is for linear models"),
    "normalized": (dict(optimizer="normalized"), "normalized"),
    "loss": (dict(loss="hinge"), "loss=hinge serves binary"),
    "batch": (dict(batch_size=179), "only 178 rows"),
    "batch of 0": (dict(batch_size=0), "batch_size=0"),
    "l2": (dict(l2=-1.0), "l2=-1.0: must be >= 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_meant_is_refused(case):
    options, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        DescentClassifier(**{"hidden": 4, **options}).fit(*WINE)


def test_sparse_rows_and_whole_gradients_are_refused():
    rows, y = WINE
    with pytest.raises(TypeError, match="dense"):
        DescentClassifier(hidden=4).fit(scipy.sparse.csr_array(rows), y)
    with pytest.raises(sp.UsageError, match="takes whole gradients"):
        DescentClassifier(hidden=4, optimizer="lbfgs").partial_fit(rows, y)
