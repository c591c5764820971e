"""The task that a target makes, and its values there and back."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.core.errors import DataError, UsageError
from steepest.data.target import Target

INFERRED = {
    "text, 2": (["a", "b", "a"], "binary", ("a", "b")),
    "text, 3": (["c", "b", "a", None], "multiclass", ("a", "b", "c")),
    "booleans": ([True, False, None], "binary", (False, True)),
    "dictionary": (pd.Series(["b", "a"], dtype="category"), "binary", ("a", "b")),
    "0 and 1": ([0, 1, 1, None], "binary", (0, 1)),
    "-1 and 1": ([-1.0, 1.0, 1.0], "binary", (-1.0, 1.0)),
    "few whole numbers": (list(range(3)) * 5, "multiclass", (0, 1, 2)),
    "few whole floats": ([0.0, 1.0, 2.0] * 5, "multiclass", (0.0, 1.0, 2.0)),
    "rare whole numbers": (list(range(3)) * 4, "regression", ()),
    "many whole numbers": (list(range(21)) * 9, "regression", ()),
    "fractions": ([0.5, 1.0, 2.0] * 9, "regression", ()),
    "two rows": ([1.0, 3.0], "regression", ()),
}


@pytest.mark.parametrize("case", INFERRED)
def test_the_task_is_inferred_with_a_reason(case):
    values, task, classes = INFERRED[case]
    target = Target.infer(values, name="t")
    assert (target.task, target.classes) == (task, classes)
    assert [type(label) for label in target.classes] == [type(c) for c in classes]
    assert target.reason.startswith("t holds ")
    assert target.reason.endswith(".")


@pytest.mark.parametrize("case", INFERRED)
def test_json_keeps_everything(case):
    target = Target.infer(INFERRED[case][0], scale=True)
    again = Target.from_json(json.loads(json.dumps(target.to_json(), allow_nan=False)))
    assert again == target
    assert list(map(type, again.classes)) == list(map(type, target.classes))


@pytest.mark.parametrize("case", [case for case in INFERRED if INFERRED[case][2]])
def test_labels_there_and_back(case):
    values = INFERRED[case][0]
    target = Target.infer(values)
    y, keep = target.encode(values)
    known = [v for v in list(values) if v is not None]
    assert y.dtype == np.int32
    assert keep.sum() == len(known)
    assert target.decode(y).tolist() == known


def test_the_task_can_be_set():
    values = [0, 1, 2, 1]
    assert Target.infer(values, task="multiclass").classes == (0, 1, 2)
    assert Target.infer([0, 1, 1], task="regression").classes == ()
    assert Target.infer([0, 1, 1], task="regression").reason == (
        "task=regression was asked for."
    )
    assert Target.infer(["1", "2.5"], task="regression").task == "regression"


@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e6, 1e6, width=32), st.just(float("inf"))),
        max_size=30,
    )
)
@settings(max_examples=50, deadline=None)
def test_a_regression_is_standardised_and_comes_back(rest):
    values = pa.array([*rest, -3.0, 0.5, 10.0], pa.float64())
    target = Target.infer(values, task="regression", scale=True)
    y, keep = target.encode(values)
    known = np.array(
        [v for v in values.to_pylist() if v is not None and np.isfinite(v)]
    )
    assert y.dtype == np.float32
    np.testing.assert_array_equal(
        keep, [v is not None and np.isfinite(v) for v in values.to_pylist()]
    )
    np.testing.assert_allclose([y.mean(), y.std()], [0, 1], atol=1e-4)
    np.testing.assert_allclose(target.decode(y), known, atol=1e-6 * np.ptp(known))
    assert target.missing == (~keep).sum()


def test_a_raw_regression_is_left_as_it_is():
    target = Target.infer([1.5, 2.5, None, 9.0])
    y, keep = target.encode([9.0, None])
    assert (y.tolist(), keep.tolist(), target.missing) == ([9.0], [True, False], 1)
    assert target.decode([2.0]).tolist() == [2.0]


@pytest.mark.parametrize(
    ("train", "later", "want"),
    [
        ([0, 1, 1], ["1", "0", "NA"], [1, 0]),
        ([0, 1, 1], [1.0, 0.0, np.nan], [1, 0]),
        ([0, 1, 1], pa.array([1, 0], pa.int8()), [1, 0]),
        ([0, 1000, 1], pa.array([1, 0], pa.int8()), [1, 0]),
        ([0, 2**60 + 1, 2**60 + 2] * 5, [2**60 + 2, 2**60 + 1], [2, 1]),
        ([True, False], ["true", "FALSE", ""], [1, 0]),
        ([True, False], [1, 0], [1, 0]),
        (["a", "b"], pd.Series(["b", "a"], dtype="category"), [1, 0]),
        (["1", "2"], [2, 1], [1, 0]),
    ],
)
def test_labels_of_another_type_are_known_again(train, later, want):
    assert Target.infer(train, task="multiclass").encode(later)[0].tolist() == want


def test_decode_keeps_the_shape():
    target = Target.infer(["a", "b"])
    assert target.decode(np.array([[0, 1], [1, 0]])).tolist() == [
        ["a", "b"],
        ["b", "a"],
    ]


BAD = {
    "all missing": ([None, None], {}, "every value is missing"),
    "all nan": (np.array([np.nan, np.inf]), {}, "every value is missing"),
    "constant": ([5, 5, None], {}, "it is 5 in every row"),
    "constant text": (["a", "a"], {}, "it is 'a' in every row"),
    "dates": ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], {}, "cannot be predicted"),
    "lists": ([[1], [2]], {}, "cannot be predicted"),
    "text regression": (["1", "b"], {"task": "regression"}, r"is text.*row 2: 'b'"),
    "bool regression": ([True, False], {"task": "regression"}, "true and false"),
    "binary of 3": (["a", "b", "c"], {"task": "binary"}, r"3 classes \(a, b, c\)"),
    "a key": (
        [f"k{i}" for i in range(1001)],
        {"task": "multiclass"},
        "1,001 classes, at most 1,000",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_targets_that_cannot_be_learnt(case):
    values, options, told = BAD[case]
    with pytest.raises(DataError, match=told) as caught:
        Target.infer(values, name="late", **options)
    assert "target late" in str(caught.value)


def test_unknown_task():
    with pytest.raises(UsageError, match="Did you mean regression"):
        Target.infer([1, 2], task="regresion")


@pytest.mark.parametrize(
    ("train", "later", "told"),
    [
        (["cat", "dog"], ["dog", None, "dgo"], r"row 3: 'dgo'.*Did you mean dog"),
        ([0, 1, 1], [0, 2], r"row 2: 2 is not a class"),
        ([0, 1, 1], [0.5], r"row 1: 0\.5 is not a class"),
        ([0, 1, 1], ["x"], r"row 1: 'x' is not a number"),
        ([1.0, 2.5, 7.5], ["x"], r"row 1: 'x' is not a number"),
        ([1.0, 2.5, 7.5], [1e300], "float32"),
    ],
)
def test_values_that_training_did_not_have(train, later, told):
    with pytest.raises(DataError, match=told):
        Target.infer(train).encode(later)


def test_json_that_holds_no_target():
    for bad in ({}, {"classes": [], "name": "t"}, {"classes": [], "other": 1}, []):
        with pytest.raises(DataError, match="target"):
            Target.from_json(bad)
