"""Weights by class and by row, beside scikit-learn's."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from steepest.core.errors import DataError, UsageError
from steepest.data.target import Target
from steepest.data.weights import (
    check_weights,
    class_weights,
    of_classes,
    row_weights,
    sample_weights,
)

LABELS = np.array(["a"] * 6 + ["b"] * 3 + ["c"])
TARGET = Target.infer(LABELS)
INDICES, _ = TARGET.encode(LABELS)
TABLE = pa.table({"w": [1.0, 2.0, 3.0], "t": ["1", "2", "x"], "gap": [1, None, 2]})


@pytest.mark.parametrize("weights", ["balanced", {"a": 1, "b": 2.5, "c": 0}, {"b": 3}])
def test_class_weights_agree_with_scikit_learn(weights):
    got = class_weights(INDICES, TARGET, weights)
    np.testing.assert_allclose(got, compute_sample_weight(weights, LABELS))


def test_balanced_without_one_class_is_finite():
    assert np.isfinite(class_weights(INDICES[:6], TARGET, "balanced")).all()


def test_labels_may_be_numbers_truths_or_their_text():
    target = Target.infer([0, 1, 1])
    for weights in ({1: 5}, {"1": 5}):
        assert class_weights(np.array([0, 1]), target, weights).tolist() == [1, 5]
    target = Target.infer([True, False])
    for weights in ({True: 5}, {"True": 5}):
        assert class_weights(np.array([0, 1]), target, weights).tolist() == [1, 5]


def test_sample_weights_from_a_column_or_an_array():
    for values in ("w", [1, 2, 3], np.array([1.0, 2.0, 3.0]), pa.array([1, 2, 3])):
        assert sample_weights(values, TABLE).tolist() == [1, 2, 3]


def test_row_weights_are_a_product_of_mean_1():
    weights = row_weights(np.array([1.0, 2.0, 3.0]), np.array([4.0, 1.0, 0.0]))
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, np.array([4, 2, 0]) / 2)


def test_row_weights_of_any_size_do_not_overflow():
    weights = row_weights(np.full(4, 1e300), np.array([1e300, 1e300, 1e-300, 0]))
    np.testing.assert_allclose(weights, [2, 2, 0, 0])


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("balance", "class_weight='balance'"),
        ({"A": 1}, "'A' is not a class. Known: a, b, c"),
        ({"a": -1}, "-1 must be a finite number >= 0"),
        ({"a": float("nan")}, "nan must be"),
        ({"a": float("inf")}, "inf must be"),
        ({"a": "2"}, "'2' must be"),
        ({"a": 0, "b": 0, "c": 0}, "every weight is 0"),
    ],
)
def test_bad_class_weights(weights, told):
    with pytest.raises(UsageError, match=told):
        class_weights(INDICES, TARGET, weights)


def test_a_regression_has_no_classes():
    with pytest.raises(UsageError, match="needs classes"):
        class_weights(INDICES, Target.infer([1.5, 2.5, 3.5]), "balanced")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("v", "sample_weight='v': no such column. Known: w, t, gap"),
        ("t", "column t, row 3: 'x' is not a number"),
        ("gap", "gap, row 2: weight nan"),
        ([1, 2], "2 weights for 3 rows"),
        ([1, -2, 3], "row 2: weight -2"),
        ([1, 2, np.inf], "row 3: weight inf"),
        ([0, 0, 0], "every weight is 0"),
    ],
)
def test_bad_sample_weights(values, told):
    with pytest.raises(DataError, match=told):
        sample_weights(values, TABLE)


def test_no_row_in_use_has_weight():
    with pytest.raises(DataError, match="no row in use"):
        row_weights(np.array([1.0, 0.0]), np.array([0.0, 1.0]))


@pytest.mark.parametrize("weights", ["balanced", {"a": 1, "b": 2.5, "c": 0}, {"b": 3}])
def test_weights_of_classes_are_those_of_their_rows(weights):
    by_class = of_classes(np.bincount(INDICES, minlength=3), TARGET, weights)
    want = compute_sample_weight(weights, LABELS)
    np.testing.assert_allclose(by_class[INDICES], want)


def test_classes_may_be_counted_a_part_at_a_time():
    counts = sum(np.bincount(part, minlength=3) for part in np.split(INDICES, [2, 7]))
    np.testing.assert_allclose(
        of_classes(counts, TARGET, "balanced")[INDICES],
        class_weights(INDICES, TARGET, "balanced"),
    )


def test_the_target_of_a_regression_is_no_class():
    values = np.arange(10.0)
    target = Target.infer(values)
    y, _ = target.encode(values)
    for weights in ("balanced", {"a": 1}):
        with pytest.raises(UsageError, match="needs classes"):
            class_weights(y, target, weights)
        with pytest.raises(UsageError, match="needs classes"):
            of_classes(np.zeros(0), target, weights)


def test_some_rows_of_a_table_may_all_weigh_nothing():
    table = pa.table({"w": [0, 0], "text": ["1", "2.5"]})
    assert check_weights("w", table).tolist() == [0, 0]
    assert check_weights("text", table).tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0, -2.0], "w, row 2: weight -2 must be finite and >= 0"),
        ([1.0, np.inf], "w, row 2: weight inf"),
        ([1.0, None], "w, row 2: weight nan"),
        ([None, -1.0], "w, row 1: weight nan"),
        (["1", "u"], "column w, row 2: 'u' is not a number"),
    ],
)
def test_rows_that_cannot_weigh_so_are_named(values, told):
    with pytest.raises(DataError, match=told):
        check_weights("w", pa.table({"w": values}))
