"""What estimators refuse: the place of a bad value, and no half-fitted model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as ss

import steepest as sp
from steepest import DescentClassifier, DescentRegressor, HashingEncoder

N = 60
X = np.random.default_rng(0).normal(size=(N, 3))
Y = X @ [1.0, 2.0, 3.0] + 1
LATE = np.where(Y > 0, "yes", "no").astype(object)
BOTH = [(DescentClassifier, LATE), (DescentRegressor, Y)]
IDS = ["classifier", "regressor"]


def spoilt(values, place, value):
    copy = np.array(values)
    copy[place] = value
    return copy


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("kind", "y"), BOTH, ids=IDS)
def test_places_are_named(kind, y, method):
    learn = getattr(kind(), method)
    bad = spoilt(X, (4, 1), np.nan)
    for rows, place in (
        (bad, r"X\[4, 1\] is NaN"),
        (spoilt(X, (9, 2), -np.inf), r"X\[9, 2\] is -inf"),
        (ss.csr_array(bad), r"X\[4, 1\] is NaN"),
        (pd.DataFrame(bad, columns=list("abc")), r"X\[4, 1\], in column 'b', is NaN"),
        (spoilt(X.astype(object), (3, 0), "red"), r"X\[3, 0\] is 'red'"),
    ):
        with pytest.raises(sp.DataError, match=place):
            learn(rows, y)
    for weight in (-1.0, np.nan, np.inf):
        with pytest.raises(
            sp.DataError, match=r"sample_weight\[4\] is .* must be fini"
        ):
            learn(X, y, sample_weight=spoilt(np.ones(N), 4, weight))
    with pytest.raises(ValueError, match="non-zero"):
        learn(X, y, sample_weight=np.zeros(N))


@pytest.mark.parametrize(("kind", "y"), BOTH, ids=IDS)
def test_indices_that_point_outside_never_reach_the_kernels(kind, y):
    model = kind().fit(X, y)
    for part, place, value in (
        ("indices", 13, 7),
        ("indices", 13, -1),
        ("indptr", 5, 90),
        ("indptr", -1, 999),
    ):
        rows = ss.csr_array(X)
        getattr(rows, part)[place] = value
        for use in (
            lambda rows: kind().fit(rows, y),
            lambda rows: kind().partial_fit(rows, y),
            lambda rows: kind(validation=(rows, y)).fit(X, y),
            model.predict,
            lambda rows: model.score(rows, y),
        ):
            with pytest.raises(sp.DataError, match="outside|do not fit"):
                use(rows)


@pytest.mark.parametrize("gone", [None, np.nan, pd.NA, "nan"], ids=str)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_missing_labels(gone, method):
    labels = spoilt(LATE, 4, gone)
    for y in (labels, list(labels), pd.Series(labels)):
        with pytest.raises(sp.DataError, match=r"y\[4\] is .*: a missing label"):
            getattr(DescentClassifier(), method)(X, y)
    with pytest.raises(sp.DataError, match=r"y\[4\] is NaN"):
        DescentRegressor().fit(X, spoilt(Y, 4, np.nan))


def test_labels_of_two_types():
    with pytest.raises(sp.DataError, match=r"different types \(int, str\)"):
        DescentClassifier().fit(X, spoilt(LATE, 4, 1))
    model = DescentClassifier().partial_fit(X, LATE)
    with pytest.raises(sp.DataError, match="are numbers, such as 0; those met before"):
        model.partial_fit(X, (Y > 0) * 1)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.partial_fit(X, np.full(N, "maybe")).classes_) == {
        *("maybe", "no", "yes")
    }


def test_one_class_that_counts():
    with pytest.raises(sp.DataError, match=r"one class only \(1.0\)"):
        DescentClassifier().fit(X, np.ones(N))
    with pytest.raises(sp.DataError, match=r"that weighs more than 0 \(yes\)"):
        DescentClassifier().fit(X, LATE, sample_weight=(Y > 0) * 1.0)
    with pytest.raises(sp.DataError, match=r"that weighs more than 0 \(yes\)"):
        DescentClassifier(class_weight={"no": 0}).fit(X, LATE)


def test_a_refusal_leaves_the_fitted_model_as_it_was():
    model = DescentClassifier().fit(X, LATE)
    before = model.predict(X)
    with pytest.raises(sp.DataError):
        model.fit(X, np.where(Y > 0, "a", "b"), sample_weight=-np.ones(N))
    np.testing.assert_array_equal(model.predict(X), before)


OPTIONS = {
    "batch": (dict(batch_size=61), "batch_size=61: there are only 60 rows"),
    "epochs": (dict(epochs=0), "epochs=0: must be"),
    "tol": (dict(tol=-1), "tol=-1: must be"),
    "validation above 1": (dict(validation=2.0), r"validation=2.0: must be a share"),
    "validation text": (dict(validation="x"), r"validation='x': must be a share"),
    "validation alone": (dict(validation=(X,)), "must be a share in .* a tuple"),
    "validation nan": (
        dict(validation=(spoilt(X, (4, 1), np.nan), LATE)),
        r"validation: X\[4, 1\] is NaN",
    ),
    "validation width": (dict(validation=(X[:, 1:], LATE)), "validation: X has 2"),
    "weights word": (dict(class_weight="even"), "class_weight='even': must be"),
    "weights number": (dict(class_weight=3), "class_weight=3: must be"),
    "weights below 0": (dict(class_weight={"yes": -1}), "class_weight of 'yes': -1"),
    "weights nan": (dict(class_weight={"yes": np.nan}), "class_weight of 'yes': nan"),
    "weights label": (dict(class_weight={"yess": 1}), "Did you mean yes"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_cannot_be_meant(case):
    options, told = OPTIONS[case]
    with pytest.raises(ValueError, match=told):
        DescentClassifier(**options).fit(X, LATE)


def test_weights_of_classes_that_come_later():
    model = DescentClassifier(class_weight={"yes": 2.0, "maybe": 3.0})
    model.partial_fit(X, LATE).partial_fit(X, np.full(N, "never"))
    assert len(model.classes_) == 3


def test_a_share_held_out_of_rare_classes():
    y = np.where(np.arange(N) == 0, "rare", LATE)
    assert len(DescentClassifier(validation=0.2).fit(X, y).classes_) == 3
    with pytest.raises(sp.DataError, match="on one side of the split weighs 0"):
        DescentRegressor(validation=0.5).fit(
            X, Y, sample_weight=(np.arange(N) < 1) * 1.0
        )


def test_squares_that_overflow():
    for kind, y in BOTH:
        with pytest.raises(sp.DataError, match=r"X\[:, 0\]: .* overflow"):
            kind().fit(X * 1e300, y)
    with pytest.raises(sp.DataError, match="y holds .*, whose square overflows"):
        DescentRegressor().fit(X, Y * 1e300)


@pytest.mark.parametrize("text", [3.5, None])
def test_names_of_text_columns(text):
    with pytest.raises(sp.UsageError, match="must be names of columns"):
        HashingEncoder(text=text).fit([["a"], ["b"]])
    mixed = pd.DataFrame({"a": ["x", 1]})
    with pytest.raises(sp.DataError, match="column a, row 2: 1 is of type int"):
        HashingEncoder().fit(mixed)
