"""HashingEncoder in scikit-learn's world, beside its FeatureHasher."""

import datetime as dt
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import steepest as sp
from steepest.core.errors import DataError, UsageError
from steepest.estimators import DescentClassifier, DescentRegressor, HashingEncoder

RNG = np.random.default_rng(0)
N = 300
FRAME = pd.DataFrame(
    {
        "shop": [f"shop {i}" for i in RNG.integers(0, 40, N)],
        "size": RNG.normal(size=N),
        "open": RNG.random(N) < 0.5,
        "city": pd.Categorical(RNG.choice(["Rom", "Oslo", None], N)),
    }
)


@parametrize_with_checks([HashingEncoder(bits=6)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_categories_are_those_of_the_feature_hasher():
    rows = HashingEncoder(10).fit_transform(FRAME[["shop"]])
    hasher = FeatureHasher(2**10, dtype=np.float32)
    want = hasher.transform(FRAME[["shop"]].to_dict("records"))
    assert isinstance(rows, scipy.sparse.csr_array)
    assert rows.dtype == np.float32
    assert (rows != want).nnz == 0


def test_numbers_and_flags_come_first_as_they_are():
    frame = FRAME.assign(size=np.where(np.arange(N) % 7 == 0, np.nan, FRAME["size"]))
    encoder = HashingEncoder(5).fit(frame)
    rows = encoder.transform(frame).toarray()
    names = encoder.get_feature_names_out()
    assert names[:5].tolist() == [
        "size",
        "size missing",
        "open",
        "open missing",
        "hash0",
    ]
    assert rows.shape == (N, len(names)) == (N, 4 + 2**5)
    gone = frame["size"].isna()
    np.testing.assert_allclose(rows[:, 0], frame["size"].fillna(0.0), rtol=1e-6)
    np.testing.assert_array_equal(rows[:, 1], gone)
    np.testing.assert_array_equal(rows[:, 2], FRAME["open"])


@pytest.mark.parametrize("wrap", [pl.from_pandas, pa.Table.from_pandas])
def test_every_kind_of_frame_gives_the_same_rows(wrap):
    want = HashingEncoder(8).fit_transform(FRAME)
    assert (HashingEncoder(8).fit_transform(wrap(FRAME)) != want).nnz == 0


def test_nothing_is_learnt_from_values():
    first, rest = FRAME[:100], FRAME[100:]
    one, two = HashingEncoder(8).fit(first), HashingEncoder(8).fit(rest)
    assert (one.transform(FRAME) != two.transform(FRAME)).nnz == 0
    again = pickle.loads(pickle.dumps(clone(one).fit(first)))
    assert (one.transform(rest) != again.transform(rest)).nnz == 0


def test_words_are_hashed_where_text_is_named():
    frame = pd.DataFrame({"said": ["So good, so good", "bad"], "kind": ["a b", "c"]})
    rows = HashingEncoder(12, text="said").fit_transform(frame)
    assert abs(rows).sum(axis=1).tolist() == [5, 2]
    assert (rows != HashingEncoder(12, text=["said"]).fit_transform(frame)).nnz == 0
    array = frame.to_numpy(object)
    whole = HashingEncoder(12, text=[0]).fit_transform(array)
    assert abs(whole).sum(axis=1).tolist() == [5, 2]


def test_a_column_that_lost_its_values_keeps_its_place():
    encoder = HashingEncoder(8).fit(FRAME)
    empty = FRAME.assign(shop=np.nan, size=None)[:3]
    assert encoder.transform(empty).shape == (3, 4 + 2**8)


def test_in_a_pipeline_it_is_one_hot_encoding_without_a_dictionary():
    effect = dict(zip(FRAME["shop"].unique(), RNG.normal(size=40), strict=False))
    margin = FRAME["size"] + 2 * FRAME["shop"].map(effect)
    y = np.where(margin + 0.3 * RNG.normal(size=N) > 0, "yes", "no")
    X = FRAME[["shop", "size"]]
    ours = make_pipeline(HashingEncoder(20), DescentClassifier(l2=1 / N)).fit(X, y)
    one_hot = make_column_transformer(
        (OneHotEncoder(), ["shop"]), (StandardScaler(with_mean=False), ["size"])
    )
    theirs = make_pipeline(one_hot, LogisticRegression(tol=1e-8)).fit(X, y)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=0.01
    )
    new = X.assign(shop="never seen")
    assert set(ours.predict(new)) <= {"yes", "no"}
    assert ours[-1].coef_.shape == (1, 2 + 2**20)


def test_columns_of_no_use_to_a_descent_keep_zeros():
    rows = HashingEncoder(16).fit_transform(FRAME[["shop"]])
    y = RNG.random(N) < 0.5
    model = DescentClassifier().fit(rows, y)
    used = np.unique(rows.indices)
    assert set(np.flatnonzero(model.coef_)) <= set(used)
    few = DescentClassifier().fit(rows[:, used], y)
    np.testing.assert_allclose(model.coef_[:, used], few.coef_, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(model.run_.params["weight"].shape, (2**16, 1))


def test_rows_without_a_value_leave_the_intercept():
    y = np.array([1.0, 3.0, 5.0])
    model = DescentRegressor().fit(scipy.sparse.csr_array((3, 4)), y)
    assert model.coef_.tolist() == [0, 0, 0, 0]
    assert model.intercept_ == pytest.approx(3.0)


REFUSED = {
    "bits": (HashingEncoder(40), FRAME, UsageError, "bits=40: must be a whole number"),
    "text": (HashingEncoder(text="sad"), FRAME, UsageError, "text='sad': no such"),
    "dates": (
        HashingEncoder(),
        pd.DataFrame({"day": [dt.date(2020, 1, 1)]}),
        DataError,
        "day: date32.* neither a number nor a category",
    ),
    "infinite": (
        HashingEncoder(),
        pd.DataFrame({"x": [1.0, -np.inf]}),
        DataError,
        "column x, row 2: infinite",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_hashed_is_refused(case):
    encoder, data, kind, told = REFUSED[case]
    with pytest.raises(kind, match=told):
        encoder.fit(data)


def test_text_where_numbers_were_is_refused():
    encoder = HashingEncoder(8).fit(FRAME)
    with pytest.raises(DataError, match="column size, row 1: 'large' is not a number"):
        encoder.transform(FRAME.assign(size="large"))


def test_it_is_a_name_of_the_face():
    assert sp.HashingEncoder is HashingEncoder
