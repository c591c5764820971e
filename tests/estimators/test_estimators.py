"""The estimators in scikit-learn's world, beside its own models and SciPy."""

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import steepest as sp
from steepest.estimators import DescentClassifier, DescentRegressor
from steepest.problems.losses import get_loss

RNG = np.random.default_rng(0)
X, Y = load_diabetes(return_X_y=True, scaled=False)
CANCER = load_breast_cancer(return_X_y=True)
WINE = load_wine(return_X_y=True)
IRIS = load_iris(return_X_y=True)


@parametrize_with_checks([DescentClassifier(), DescentRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("data", [CANCER, WINE, IRIS], ids=["cancer", "wine", "iris"])
def test_the_default_is_scaled_logistic_regression_to_the_optimum(data):
    rows, y = data
    ours = DescentClassifier().fit(rows, y)
    l2 = ours.run_.settings["penalty"]["l2"]
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    C = 1 / (l2 * len(y))
    theirs = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(scaled, y)
    assert ours.run_.converged
    np.testing.assert_allclose(
        ours.predict_proba(rows), theirs.predict_proba(scaled), atol=2e-5
    )
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(scaled))


def test_raw_columns_score_as_scaled_ones():
    ours = cross_val_score(DescentRegressor(), X, Y).mean()
    theirs = cross_val_score(make_pipeline(StandardScaler(), Ridge()), X, Y).mean()
    assert ours == pytest.approx(theirs, abs=0.01)


def objective(theta, loss, rows, y, l2):
    margin = rows @ theta[:-1] + theta[-1]
    return float(np.mean(loss(margin, y))) + l2 / 2 * float(theta[:-1] @ theta[:-1])


@pytest.mark.parametrize("name", ["squared", "huber:0.5", "poisson"])
def test_every_smooth_loss_reaches_the_optimum_of_scipy(name):
    rows = RNG.normal(size=(80, 3))
    y = np.exp(0.3 * rows[:, 0]) if name == "poisson" else rows @ [1.0, -2.0, 0.5]
    y = y + (0 if name == "poisson" else RNG.normal(size=80))
    loss = get_loss(name)
    ours = DescentRegressor(name, l2=0.1, standardize=False).fit(rows, y)
    scaled = loss.scales_target
    centre, spread = (y.mean(), y.std()) if scaled else (0.0, 1.0)
    seen = (y - centre) / spread
    found = scipy.optimize.minimize(
        objective, np.zeros(4), (loss, rows, seen, 0.1), options={"gtol": 1e-4}
    )
    theta = np.append(ours.coef_, ours.intercept_ - centre) / spread
    mine = objective(theta, loss, rows, seen, 0.1)
    assert mine <= found.fun + 1e-5
    assert ours.run_.converged


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csr_array])
def test_sparse_rows_give_the_coefficients_of_dense_ones(kind):
    rows = RNG.normal(size=(200, 6)) * (RNG.random((200, 6)) < 0.4)
    y = rows @ RNG.normal(size=6) + 0.1 * RNG.normal(size=200) + 3
    dense = DescentRegressor(l2=0.0).fit(rows, y)
    sparse = DescentRegressor(l2=0.0).fit(kind(rows), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-5)
    np.testing.assert_allclose(sparse.predict(kind(rows)), dense.predict(rows), 1e-5)


def test_l1_sets_coefficients_to_0():
    rows = RNG.normal(size=(400, 8))
    y = rows[:, 0] - 2 * rows[:, 3] + 0.1 * RNG.normal(size=400)
    model = DescentRegressor(l1=0.1, l2=0.0, epochs=50).fit(rows, y)
    assert set(np.flatnonzero(model.coef_)) == {0, 3}


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "focal:2"])
def test_other_losses_of_classes(loss):
    model = DescentClassifier(loss).fit(*IRIS)
    assert model.score(*IRIS) > 0.93
    assert model.coef_.shape == (3, 4)
    assert hasattr(model, "predict_proba") is loss.startswith("focal")


def test_batches_and_named_rules():
    for options in (
        dict(optimizer="adam", batch_size=32, epochs=30),
        dict(optimizer="gd", learning_rate=0.1, batch_size=1, epochs=5),
        dict(optimizer="momentum", batch_size="full", epochs=300),
        dict(optimizer="lbfgs"),
    ):
        model = DescentClassifier(**options).fit(*CANCER)
        assert model.score(*CANCER) > 0.96, options


def test_weights_count_rows():
    rows, y = CANCER
    weight = RNG.integers(0, 3, len(y))
    twice = DescentClassifier().fit(
        np.repeat(rows, weight, axis=0), np.repeat(y, weight)
    )
    once = DescentClassifier().fit(rows, y, sample_weight=weight)
    np.testing.assert_allclose(once.coef_, twice.coef_, rtol=1e-4, atol=1e-7)


def test_a_validation_set_of_ones_own_keeps_the_best():
    rows, y = CANCER
    model = DescentClassifier(
        l2=0.0, validation=(rows[400:], y[400:]), patience=5, epochs=200
    ).fit(rows[:400], y[:400])
    curve = model.run_.trace.validation.loss
    held = -np.log(model.predict_proba(rows[400:])[np.arange(len(y) - 400), y[400:]])
    assert held.mean() == pytest.approx(curve.min(), rel=1e-6)
    assert model.run_.stop is sp.Stop.PATIENCE
    share = DescentClassifier(validation=0.2).fit(rows, y)
    assert len(share.run_.trace.validation.loss) > 1


def test_classes_that_appear_later_are_learnt():
    rows, y = WINE
    model = DescentClassifier()
    order = np.argsort(y, kind="stable")
    model.partial_fit(rows[order[:60]], y[order[:60]])
    assert len(model.classes_) == 2
    mixed = RNG.permutation(len(y))
    for _ in range(20):
        model.partial_fit(rows[mixed], y[mixed])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.score(rows, y) > 0.9, "raw columns, no rate"
    assert model.predict_proba(rows).sum(axis=1) == pytest.approx(1)
    text = DescentClassifier().partial_fit(rows[:1], ["b"])
    assert text.predict(rows[:2]).tolist() == ["b", "b"]
    text.partial_fit(rows[-1:], ["a"])
    assert text.classes_.tolist() == ["a", "b"]


def test_partial_fit_goes_on_from_a_fit_and_in_pieces_as_in_one():
    model = DescentRegressor().fit(X, Y)
    before = model.score(X, Y)
    assert model.partial_fit(X, Y).score(X, Y) > before - 0.05
    whole = DescentRegressor().partial_fit(X, Y)
    parts = DescentRegressor().partial_fit(X[:100], Y[:100])
    parts.partial_fit(X[100:], Y[100:])
    np.testing.assert_array_equal(whole.coef_, parts.coef_)


def test_a_warm_start_begins_where_the_last_fit_ended():
    model = DescentClassifier(warm_start=True, l2=1e-3).fit(*CANCER)
    cold = model.run_.steps
    coef = model.coef_.copy()
    model.fit(*CANCER)
    assert model.run_.steps < cold / 3
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-4, atol=1e-6)


def test_pipelines_grids_and_frames():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    grid = GridSearchCV(
        make_pipeline(
            StandardScaler().set_output(transform="pandas"), DescentClassifier()
        ),
        {"descentclassifier__l2": [1e-3, 1e-1]},
        cv=3,
    ).fit(frame, y)
    assert grid.score(frame, y) > 0.95
    model = DescentClassifier().fit(frame, y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns=str.upper))
    assert isinstance(frame, pd.DataFrame)


def test_labels_of_text_and_class_weights():
    rows, y = CANCER
    names = np.array(["bad", "good"])[y]
    model = DescentClassifier(class_weight={"bad": 100.0, "good": 1.0}).fit(rows, names)
    plain = DescentClassifier().fit(rows, names)
    assert (model.predict(rows) == "bad").sum() > (plain.predict(rows) == "bad").sum()
    assert (
        DescentClassifier(class_weight="balanced").fit(rows, names).score(rows, names)
        > 0.95
    )


BAD = {
    "nan": (dict(), (np.full((4, 1), np.nan), [0, 1, 0, 1]), "NaN"),
    "one class": (dict(), (np.ones((4, 1)), [1, 1, 1, 1]), "one class"),
    "l2": (dict(l2=-1), IRIS, "l2=-1: must be >= 0"),
    "l1": (dict(l1=np.inf), IRIS, "l1=inf"),
    "batch": (dict(batch_size=0), IRIS, "batch_size=0"),
    "optimizer": (dict(optimizer="adm"), IRIS, "Did you mean adam"),
    "loss": (dict(loss="log_loss"), IRIS, "loss='log_loss'"),
    "regression loss": (dict(loss="squared"), IRIS, "squared"),
    "whole": (dict(optimizer="bb", batch_size=8), IRIS, "whole gradients"),
    "rate": (dict(learning_rate=-1.0), IRIS, "learning_rate=-1.0"),
    "labels": (dict(), (np.ones((3, 1)), [0.5, 1.7, 2.2]), "continuous"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_meant_is_refused(name):
    options, data, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        DescentClassifier(**options).fit(*data)


def test_weights_that_cannot_be_meant_are_refused():
    rows, y = IRIS
    for weight, words in (
        (-np.ones(len(y)), "egative"),
        (np.zeros(len(y)), "non-zero"),
    ):
        with pytest.raises(ValueError, match=words):
            DescentClassifier().fit(rows, y, sample_weight=weight)
    with pytest.raises(ValueError, match="poisson"):
        DescentRegressor("poisson").fit(rows, -np.ones(len(y)))
    model = DescentClassifier().fit(rows, y)
    with pytest.raises(ValueError, match="not in the training y"):
        DescentClassifier(validation=(rows, np.where(y == 2, 9, y))).fit(rows, y)
    assert model.coef_.shape == (3, 4)


def test_a_stream_that_overflows_keeps_what_it_had():
    model = DescentRegressor().partial_fit(X, Y)
    coef = model.coef_.copy()
    with pytest.raises(sp.DataError, match="inf or nan"):
        model.partial_fit(np.full((2, X.shape[1]), 1e200), np.array([1e300, -1e300]))
    np.testing.assert_array_equal(model.coef_, coef)
