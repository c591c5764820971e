"""Means, deviations and labels, beside NumPy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from steepest import DescentClassifier, DescentRegressor
from steepest.estimators.classifier import labels_of
from steepest.estimators.scale import Scale, scale_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 5000, 200_000])
def test_moments_of_columns_far_from_zero(n, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 3)) * [1, 1e-3, 50] + [0, 1.0, 2e4]
    x[:, 2] += np.linspace(-300, 300, n)  # the first rows tell little of the mean
    x = x.astype(dtype)
    weight = rng.integers(0, 3, n).astype(float)
    weight[0] = 1
    scale = scale_of(x, weight, centre=True)
    exact = x.astype(float)
    mean = np.average(exact, axis=0, weights=weight)
    size = np.sqrt(np.average((exact - mean) ** 2, axis=0, weights=weight))
    close = 1e-4 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(scale.mean, mean, rtol=close, atol=close)
    np.testing.assert_allclose(scale.size, size, rtol=10 * close)


def test_only_columns_near_their_deviations_stay_as_they_are():
    near = Scale(np.array([1.0, -5.0]), np.array([1.0, 2.0]))
    assert near.is_near(np.float32)
    years = Scale(np.array([2013.0]), np.array([1.0]))
    assert not years.is_near(np.float32)
    assert years.is_near(np.float64)
    assert not Scale(np.zeros(1), np.array([1e-9])).is_near(np.float64)
    assert not Scale(np.zeros(1), np.array([1e9])).is_near(np.float32)


@pytest.mark.parametrize("shift", [0.0, 4000.0])
def test_a_shift_of_columns_changes_no_prediction(shift):
    # near columns are read as they lie, far ones in a scaled copy
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6000, 3)).astype(np.float32)
    y = x @ np.array([1.0, -2.0, 0.5], np.float32) + rng.standard_normal(6000)
    plain = DescentRegressor(l2=1e-4).fit(x, y)
    moved = DescentRegressor(l2=1e-4).fit(x + np.float32(shift), y)
    np.testing.assert_allclose(moved.coef_, plain.coef_, atol=2e-3)


@given(
    st.lists(st.integers(-2000, 2000), min_size=1, max_size=50),
    st.sampled_from([np.int64, np.int32, np.int16]),
)
def test_labels_are_numpys(values, dtype):
    y = np.array(values, dtype)
    labels, places = labels_of(y)
    want, where = np.unique(y, return_inverse=True)
    np.testing.assert_array_equal(labels, want)
    np.testing.assert_array_equal(places, where)
    assert labels.dtype == y.dtype


@pytest.mark.parametrize("y", [np.array([200, 7, 200], np.uint8), np.array([0, 2**62])])
def test_labels_of_other_whole_numbers(y):
    labels, places = labels_of(y)
    np.testing.assert_array_equal(labels[places], y)
    assert labels.dtype == y.dtype


def test_labels_may_be_words():
    x, y = load_iris(return_X_y=True)
    words = np.array(["a", "b", "c"])[y]
    assert DescentClassifier().fit(x, words).score(x, words) > 0.95


def test_what_varies_in_rows_of_weight_0_alone_does_not_vary():
    rows = np.random.default_rng(0).normal(3.0, 1.0, size=(90, 2))
    rows[:30, 0] = 0.0
    scale = scale_of(rows, (np.arange(90) < 30) * 1.0, centre=True)
    assert scale.size[0] == 1.0
    assert scale.size[1] == pytest.approx(rows[:30, 1].std())
