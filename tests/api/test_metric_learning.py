"""Fits with contrastive and triplet loss: places of rows, recall@1, bad input."""

import runpy
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

import steepest as sp
from steepest.problems.neighbours import class_means, nearest, recall_at_1

DIGITS = load_digits(return_X_y=True)
TEST = np.arange(0, 1797, 3)
TRAIN = np.setdiff1d(np.arange(1797), TEST)
X, Y = DIGITS
IRIS, WINE = load_iris(return_X_y=True), load_wine(return_X_y=True)
QUICK = dict(epochs=2, batch_size=32, validation=None)


@pytest.fixture(scope="module")
def fitted():
    rows = X[TRAIN], Y[TRAIN]
    return sp.fit(rows, model="mlp:hidden=64,outputs=8", loss="triplet", epochs=100)


def test_rows_of_a_class_come_nearer_than_raw_columns(fitted):
    found = fitted.evaluate((X[TEST], Y[TEST]))
    deviation = X[TRAIN].std(axis=0)
    raw = X[TEST] / np.where(deviation > 0, deviation, 1)
    assert found["recall_at_1"] > recall_at_1(raw, Y[TEST])
    assert found["recall_at_1"] > 0.93
    assert "recall@1" in fitted.run.verdict.headline
    assert set(fitted.metrics) == {"validation", "baseline"}
    assert fitted.run.settings["chosen"]["batch_size"].startswith("rows are compared")


def test_places_labels_and_scores_belong_together(fitted):
    places = fitted.transform(X[TEST])
    assert places.shape == (len(TEST), 8)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1.0, rtol=1e-5)
    found = fitted.evaluate((X[TEST], Y[TEST]))
    right = fitted.predict(X[TEST]) == Y[TEST]
    assert right.mean() == pytest.approx(found["accuracy"])
    nearest_row = KNeighborsClassifier(2).fit(places, Y[TEST]).kneighbors(places)[1]
    hits = Y[TEST][nearest_row[:, 1]] == Y[TEST]
    assert hits.mean() == pytest.approx(found["recall_at_1"], abs=2e-3)


def test_it_is_saved_and_loaded(fitted, tmp_path):
    again = sp.load(fitted.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.transform(X[:9]), fitted.transform(X[:9]))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.metrics == fitted.metrics


@pytest.mark.parametrize(
    ("model", "loss"),
    [("linear:outputs=2", "contrastive"), ("linear", "triplet:margin=0.3")],
)
def test_a_linear_model_is_an_embedding_too(model, loss):
    found = sp.fit(WINE, model=model, loss=loss, epochs=50)
    width = 2 if "outputs" in model else 16
    assert found.transform(WINE[0][:3]).shape == (3, width)
    assert found.evaluate(WINE)["accuracy"] > 0.9
    assert found.run.trace.validation.loss.min() < found.run.trace.validation.loss[0]


def test_two_classes_of_text_and_an_own_module():
    labels = np.where(IRIS[1] == 0, "near", "far")
    layer = eqx.nn.Linear(4, 3, key=jax.random.key(0))
    found = sp.fit((IRIS[0], labels), model=layer, loss="triplet", epochs=30)
    assert found.transform(IRIS[0]).shape == (150, 3)
    assert set(found.predict(IRIS[0])) == {"near", "far"}
    assert found.metrics["validation"]["accuracy"] > 0.9


def test_batch_norm_meets_real_rows_only():
    found = sp.fit(IRIS, model="mlp:hidden=8,norm=batch", loss="contrastive", epochs=50)
    assert found.evaluate(IRIS)["recall_at_1"] > 0.85


def test_weights_of_0_leave_rows_out():
    wrong = np.concatenate([IRIS[1], np.arange(30) % 3])
    rows = np.concatenate([IRIS[0], IRIS[0][:30]])
    weight = np.concatenate([np.ones(150), np.zeros(30)])
    found = sp.fit((rows, wrong), loss="triplet", sample_weight=weight, epochs=30)
    assert found.evaluate(IRIS)["accuracy"] > 0.85


BAD = {
    "numbers": ((X, X[:, 20] + 0.5), {}, sp.UsageError, "numbers make none"),
    "one row a class": (
        (np.eye(6), list("abcdef")),
        {"task": "multiclass"},
        sp.DataError,
        "no two of one class",
    ),
    "batch of one": (IRIS, {"batch_size": 1}, sp.UsageError, "batch_size=1: loss=trip"),
    "margin": (IRIS, {"loss": "triplet:0"}, sp.UsageError, "margin must be"),
    "option": (IRIS, {"loss": "triplet:marginn=1"}, sp.UsageError, "Did you mean mar"),
    "width": (IRIS, {"model": "mlp:outputs=0"}, sp.UsageError, "outputs=0: must be"),
    "width elsewhere": (
        IRIS,
        {"model": "mlp:outputs=2", "loss": "auto"},
        sp.UsageError,
        "outputs=2: is the width of an embedding",
    ),
    "kernels": (IRIS, {"optimizer": "normalized"}, sp.UsageError, "not in the kernels"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learnt_is_refused(case):
    data, options, kind, words = BAD[case]
    with pytest.raises(kind) as caught:
        sp.fit(data, **{"loss": "triplet", **QUICK, **options})
    assert words in str(caught.value)


def test_what_an_embedding_cannot_tell(fitted):
    with pytest.raises(sp.UsageError, match="no probabilities"):
        fitted.predict_proba(X)
    line = sp.fit(IRIS, **{**QUICK, "epochs": 1})
    with pytest.raises(sp.UsageError, match="transform: gives embeddings"):
        line.transform(IRIS[0])


def test_the_example_runs(capsys):
    path = Path(__file__).parents[2] / "examples" / "digits_by_distance.py"
    runpy.run_path(str(path))["main"]()
    told = capsys.readouterr().out
    assert "recall@1" in told
    assert "450 new digits as 8 numbers each" in told


# ---- recall and nearest places ----


def test_recall_by_loops():
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(40, 3)) + 100, rng.integers(0, 6, 40)
    weight = rng.uniform(0, 1, 40) * (rng.random(40) < 0.8)
    rows = [i for i in range(40) if weight[i] > 0]
    hits, total = 0.0, 0.0
    for i in rows:
        others = [j for j in rows if j != i]
        if all(labels[j] != labels[i] for j in others):
            continue
        near = min(others, key=lambda j: np.sum((points[i] - points[j]) ** 2))
        hits += weight[i] * (labels[near] == labels[i])
        total += weight[i]
    assert recall_at_1(points, labels, weights=weight) == pytest.approx(hits / total)
    assert np.isnan(recall_at_1([[0.0], [1.0]], [0, 1]))


def test_recall_in_pieces_and_of_many_rows(monkeypatch):
    rng = np.random.default_rng(1)
    points, labels = rng.normal(size=(300, 2)), rng.integers(0, 3, 300)
    whole = recall_at_1(points, labels)
    monkeypatch.setattr("steepest.problems.neighbours.CHUNK", 1000)
    assert recall_at_1(points, labels) == whole
    monkeypatch.setattr("steepest.problems.neighbours.MOST_ROWS", 100)
    assert recall_at_1(points, labels) == recall_at_1(points, labels)


def test_means_are_scikit_learns_and_classes_without_rows_are_never_near():
    points = DIGITS[0] + np.random.default_rng(0).normal(size=DIGITS[0].shape)
    labels = DIGITS[1] + (DIGITS[1] > 4)
    means = class_means(points, labels, np.ones(len(labels)), 11)
    theirs = NearestCentroid().fit(points, labels)
    np.testing.assert_allclose(np.delete(means, 5, axis=0), theirs.centroids_, 1e-6)
    assert (nearest(points, means) == theirs.predict(points)).mean() > 0.999
    assert not np.isfinite(means[5]).any()
