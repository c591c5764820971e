"""Metrics against plain formulas, and the edges where they do not exist."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from steepest.core.errors import DataError, UsageError
from steepest.problems.metrics import baseline, score

RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.5, 2.0, 30)
CLASSES = RNG.permutation(np.repeat([0, 1, 2], 10))
SHARES = RNG.dirichlet(np.ones(3), 30)


def area(score_of, positive, weights):
    """ROC AUC as the weighted share of pairs in the right order; ties count half."""
    a, b = score_of[positive], score_of[~positive]
    pairs = np.outer(weights[positive], weights[~positive])
    won = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    return (pairs * won).sum() / pairs.sum()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_regression_by_hand(weights):
    p, t = RNG.normal(size=(2, 30))
    w = np.ones(30) if weights is None else weights
    square = np.average((p - t) ** 2, weights=w)
    mean = np.average(t, weights=w)
    got = score("regression", p, t, weights=weights)
    assert list(got) == ["r2", "rmse", "mae"]
    assert math.isclose(got["rmse"], math.sqrt(square))
    assert math.isclose(got["mae"], np.average(abs(p - t), weights=w))
    assert math.isclose(
        got["r2"], 1 - square / np.average((t - mean) ** 2, weights=w), abs_tol=1e-12
    )


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_binary_by_hand_from_one_column_or_two(weights):
    p, t = SHARES[:, 0].round(1).clip(0.05, 0.95), CLASSES > 0
    w = np.ones(30) if weights is None else weights
    got = score("binary", p, t, weights=weights)
    assert math.isclose(got["accuracy"], np.average((p > 0.5) == t, weights=w))
    right = np.where(t, p, 1 - p)
    assert math.isclose(got["log_loss"], -np.average(np.log(right), weights=w))
    assert math.isclose(got["roc_auc"], area(p, t, w))
    columns = np.float32(np.stack([1 - p, p], axis=1))
    two = score("binary", columns, t, weights=weights)
    assert all(math.isclose(two[name], got[name], rel_tol=1e-6) for name in got)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_multiclass_by_hand(weights):
    w = np.ones(30) if weights is None else weights
    got = score("multiclass", np.float32(SHARES), CLASSES, weights=weights)
    hits = SHARES.argmax(axis=1) == CLASSES
    assert math.isclose(got["accuracy"], np.average(hits, weights=w))
    right = np.log(SHARES[np.arange(30), CLASSES])
    assert math.isclose(got["log_loss"], -np.average(right, weights=w), rel_tol=1e-6)
    areas = [area(SHARES[:, k], k == CLASSES, w) for k in range(3)]
    assert math.isclose(got["roc_auc"], np.mean(areas), rel_tol=1e-6)


def test_multiclass_of_two_is_binary():
    p, t = SHARES[:, 0], CLASSES > 0
    two = score("multiclass", np.stack([1 - p, p], axis=1), t)
    assert two == score("binary", p, t)


def test_what_does_not_exist_is_left_out():
    assert list(score("regression", [1.0, 2.0], [3.0, 3.0])) == ["rmse", "mae"]
    assert list(score("regression", [1.0], [3.0])) == ["rmse", "mae"]
    assert list(score("binary", [0.2, 0.6], [1, 1])) == ["accuracy", "log_loss"]
    some = score("multiclass", SHARES[:4], [0, 1, 0, 1])
    assert list(some) == ["accuracy", "log_loss"]


def test_rows_without_weight_do_not_count():
    weights = (CLASSES != 2) * 1.0
    got = score("multiclass", SHARES, CLASSES, weights=weights)
    kept = CLASSES != 2
    assert got == score("multiclass", SHARES[kept], CLASSES[kept])
    assert "roc_auc" not in got


def test_certain_and_wrong_is_bad_but_finite():
    got = score("binary", np.float32([0.0, 1.0]), [1, 0])
    assert got["accuracy"] == 0.0
    assert 10 < got["log_loss"] < math.inf


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20),
    st.integers(0, 2**32 - 1),
)
def test_the_mean_scores_zero_r2_and_no_constant_scores_better(target, seed):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1.0, len(target))
    predict = baseline("regression", target, weights=weights)
    best = score("regression", predict(len(target)), target, weights=weights)
    if "r2" in best and np.std(target) > 1e-6:
        assert abs(best["r2"]) < 1e-6
    other = np.full(len(target), rng.uniform(-1e6, 1e6))
    rmse = score("regression", other, target, weights=weights)["rmse"]
    assert best["rmse"] <= rmse * (1 + 1e-9) + 1e-9


def test_baselines_by_hand():
    assert (
        baseline("regression", [1.0, 3.0], weights=[3.0, 1.0])(2).tolist() == [1.5] * 2
    )
    binary = baseline("binary", [True, False, False, False])
    assert binary(3).tolist() == [0.25] * 3
    got = score("binary", binary(4), [1, 0, 0, 0])
    assert got["accuracy"] == 0.75
    assert got["roc_auc"] == 0.5
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert math.isclose(got["log_loss"], entropy)
    shares = baseline("multiclass", [0, 0, 1, 1], n_classes=3)
    assert shares(2).tolist() == [[0.5, 0.5, 0.0]] * 2
    assert baseline("multiclass", [0, 0, 1, 1])(1).shape == (1, 2)
    assert score("multiclass", shares(1), [2])["accuracy"] == 0.0


@pytest.mark.parametrize(
    ("prediction", "target", "weights", "message"),
    [
        ([], [], None, "no rows"),
        ([1.0], [1.0, 2.0], None, "prediction has 1 rows, target has 2"),
        ([1.0, 2.0], [1.0, 2.0], [1.0], "weights has 1 rows"),
        ([np.nan, 2.0], [1.0, 2.0], None, "prediction holds 1 values"),
        ([1.0, 2.0], [1.0, np.inf], None, "target holds 1 values"),
        ([1.0, 2.0], [1.0, 2.0], [1.0, -1.0], "weights must be >= 0"),
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], "no rows"),
    ],
)
def test_bad_rows(prediction, target, weights, message):
    with pytest.raises(DataError, match=message):
        score("regression", prediction, target, weights=weights)


def test_bad_calls():
    with pytest.raises(UsageError, match="Did you mean regression"):
        score("regresion", [1.0], [1.0])
    with pytest.raises(UsageError, match="Did you mean binary"):
        baseline("binarry", [1.0])
    with pytest.raises(UsageError, match="one column of probabilities"):
        score("multiclass", [0.5, 0.5], [0, 1])
    with pytest.raises(DataError, match="class numbers 0 to 2"):
        score("multiclass", SHARES[:2], [0, 3])


@st.composite
def scored(draw):
    """(n_classes, probabilities with ties, classes that may lack one, weights)."""
    n_classes, n_rows = draw(st.integers(2, 5)), draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([2, 5, 10**6]))
    parts = rng.integers(1, levels + 1, (n_rows, n_classes)).astype(float)
    target = rng.integers(0, n_classes - draw(st.integers(0, 1)), n_rows)
    weights = rng.uniform(0.1, 3.0, n_rows)
    weights = draw(st.sampled_from([None, weights, np.ones(n_rows)]))
    return n_classes, parts / parts.sum(axis=1, keepdims=True), target, weights


@settings(max_examples=150, deadline=None)
@given(scored())
def test_classes_beside_scikit_learn(case):
    n_classes, p, t, w = case
    got = score("multiclass", p, t, weights=w)
    labels = range(n_classes)
    want = {
        "accuracy": metrics.accuracy_score(t, p.argmax(axis=1), sample_weight=w),
        "log_loss": metrics.log_loss(t, p, labels=list(labels), sample_weight=w),
    }
    if set(t) == set(labels):
        shown = p[:, 1] if n_classes == 2 else p
        want["roc_auc"] = metrics.roc_auc_score(
            t, shown, sample_weight=w, multi_class="ovr"
        )
    assert got == pytest.approx(want, rel=1e-12, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40), st.integers(0, 2**32 - 1)
)
def test_regression_beside_scikit_learn(target, seed):
    rng = np.random.default_rng(seed)
    t = np.array(target) + rng.normal(size=len(target))
    p, w = t + rng.normal(size=t.size), rng.uniform(0.1, 3.0, t.size)
    want = {
        "r2": metrics.r2_score(t, p, sample_weight=w),
        "rmse": metrics.root_mean_squared_error(t, p, sample_weight=w),
        "mae": metrics.mean_absolute_error(t, p, sample_weight=w),
    }
    got = score("regression", p, t, weights=w)
    assert got == pytest.approx(want, rel=1e-12, abs=1e-12)


def test_huge_errors_do_not_overflow():
    got = score("regression", [1e200, 0.0], [0.0, 1.0])
    assert got["rmse"] == pytest.approx(1e200 / math.sqrt(2))
    assert "r2" not in got  # beyond the largest float


def test_what_are_no_probabilities():
    for bad in ([[-0.1, 1.1], [0.5, 0.5]], [[0.0, 0.0], [0.5, 0.5]]):
        with pytest.raises(DataError, match="probabilities must be >= 0"):
            score("multiclass", bad, [0, 1])
