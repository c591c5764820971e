"""fit on sparse rows, given or hashed: as on dense ones, and never dense."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge

import steepest as sp
from steepest.api.sparse_fits import narrowed, used_columns, widened
from steepest.core.errors import DataError, UsageError
from steepest.descent.kernels import Csr
from steepest.descent.linear_tables import Table

EXAMPLES = Path(__file__).parents[2] / "examples"
RNG = np.random.default_rng(0)
N = 400


@pytest.fixture(scope="module")
def frame():
    shop = RNG.integers(0, 30, N)
    size = RNG.normal(20.0, 5.0, N)
    price = 2 * size + 3 * RNG.normal(size=30)[shop] + RNG.normal(size=N)
    return pd.DataFrame(
        {
            "shop": [f"shop {i}" for i in shop],
            "size": np.where(np.arange(N) % 17 == 0, np.nan, size),
            "price": price,
            "dear": np.where(price > 40, "yes", "no"),
            "class": np.digitize(price, [36, 44]).astype(str),
        }
    )


@pytest.fixture(scope="module")
def rows():
    dense = RNG.normal(size=(N, 12)) * (RNG.random((N, 12)) < 0.3)
    y = dense @ RNG.normal(size=12) + 0.1 * RNG.normal(size=N) + 1
    return scipy.sparse.csr_array(dense), y


@pytest.fixture
def never_dense(monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError(f"made dense: {self.shape}")

    for kind in (scipy.sparse.csr_array, scipy.sparse.csc_array):
        monkeypatch.setattr(kind, "toarray", refuse)
        monkeypatch.setattr(kind, "todense", refuse)


OTHERS = {"price": ["dear", "class"], "dear": ["price", "class"]}
OTHERS["class"] = ["price", "dear"]


@pytest.mark.parametrize("target", OTHERS)
def test_without_collisions_it_is_the_fit_on_levels(frame, target, never_dense):
    options = dict(ignore=OTHERS[target], l2=0.01, validation=None, gtol=1e-7)
    dense = sp.fit(frame, target, **options)
    hashed = sp.fit(frame, target, hash_bits=20, **options)
    assert hashed.run.converged
    assert hashed.run.value == pytest.approx(dense.run.value, rel=1e-4)
    want = dense.predict(frame)
    if target == "price":
        np.testing.assert_allclose(hashed.predict(frame), want, rtol=1e-2)
    else:
        np.testing.assert_allclose(
            hashed.predict_proba(frame), dense.predict_proba(frame), atol=5e-3
        )
        assert (hashed.predict(frame) == want).mean() > 0.99
    assert hashed.run.settings["hash_bits"] == 20
    assert hashed.run.settings["columns"] == 2**20 + 2
    assert "shop: its 30 values are hashed" in hashed.run.settings["notes"][0]


def test_sparse_rows_are_fitted_as_dense_ones(rows, never_dense):
    X, y = rows
    table = X.todok().toarray()
    options = dict(standardize=False, l2=0.01, validation=None, gtol=1e-7)
    dense = sp.fit((table, y), **options)
    for kind in (X, X.tocsc(), scipy.sparse.csr_matrix(X), X.tocoo()):
        sparse = sp.fit((kind, y), **options)
        np.testing.assert_allclose(
            sparse.params["weight"], dense.params["weight"], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            sparse.predict(kind), dense.predict(table), rtol=1e-3, atol=1e-4
        )
    theirs = Ridge(0.01 * N / 2, tol=1e-10).fit(table, (y - y.mean()) / y.std())
    np.testing.assert_allclose(
        sparse.params["weight"][:, 0], theirs.coef_, rtol=1e-3, atol=1e-4
    )
    assert sparse.to_json()["columns"][:2] == ["x0", "x1"]


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer="gd", learning_rate=0.1, batch_size=8),
        dict(optimizer="adam", batch_size=32),
        dict(optimizer="adagrad", batch_size=1),
        dict(optimizer="momentum", batch_size="full", epochs=200),
        dict(l1=1e-3),
    ],
    ids=["gd", "adam", "adagrad", "full", "l1"],
)
def test_steps_on_batches(rows, options, never_dense):
    fitted = sp.fit(rows, **{"epochs": 40, **options})
    assert fitted.metrics["validation"]["r2"] > 0.9


def test_a_saved_model_predicts_the_same(frame, rows, tmp_path):
    hashed = sp.fit(frame, "price", ignore=OTHERS["price"], hash_bits=16)
    again = sp.load(hashed.save(tmp_path / "hashed"))
    new = frame.assign(shop="new shop")
    np.testing.assert_array_equal(again.predict(new), hashed.predict(new))
    assert np.isfinite(again.predict(new)).all()
    assert again.evaluate(frame) == hashed.evaluate(frame)
    sparse = sp.fit(rows, save=tmp_path / "sparse")
    again = sp.load(tmp_path / "sparse")
    np.testing.assert_array_equal(again.predict(rows[0]), sparse.predict(rows[0]))


def test_labels_may_lack_weights_may_count_and_rows_may_be_given_to_validate(rows):
    X, y = rows
    labels = [
        None if i % 5 == 0 else "high" if v > 1 else "low" for i, v in enumerate(y)
    ]
    weight = RNG.integers(1, 3, N)
    fitted = sp.fit((X, labels), sample_weight=weight, validation=(X, labels))
    assert fitted.run.settings["rows"]["target_missing"] == N // 5
    assert fitted.metrics["validation"]["accuracy"] > 0.9
    assert set(fitted.predict(X)) == {"high", "low"}


def test_words_of_a_text_are_learnt_from():
    good, bad = ["fine", "lovely", "great"], ["dull", "awful", "poor"]
    late = RNG.random(N) < 0.5
    texts = [
        f"Scene {i}: a {RNG.choice(bad if b else good)} film, all in all"
        for i, b in enumerate(late)
    ]
    fitted = sp.fit({"said": texts, "bad": late}, "bad", hash_bits=14, l2=1e-3)
    assert fitted.metrics["validation"]["accuracy"] == 1.0
    said = {"said": ["What a LOVELY film it is", "what an awful film it is"]}
    assert fitted.predict(said).tolist() == [False, True]
    counts = CountVectorizer().fit(texts)
    sparse = sp.fit((counts.transform(texts), late), l2=1e-3)
    given = counts.transform(said["said"])
    assert sparse.predict(given).tolist() == [False, True]


def test_flights_with_every_tail_number(never_dense):
    options = dict(validation=0.2, epochs=3)
    fitted = sp.fit(EXAMPLES / "flights.parquet", "arr_delay", hash_bits=18, **options)
    notes = " ".join(fitted.run.settings["notes"])
    assert "tailnum: its 3,6" in notes
    assert fitted.metrics["validation"]["r2"] > 0.8
    assert np.count_nonzero(fitted.params["weight"]) < 5000


REFUSED = {
    "bits": (dict(hash_bits=0), "hash_bits=0: must be a whole number from 1 to 24"),
    "model": (dict(hash_bits=8, model="mlp"), "hash_bits=8: makes sparse rows"),
    "rule": (
        dict(hash_bits=8, optimizer="rmsprop", batch_size=8),
        "optimizer='rmsprop': on batches of sparse rows",
    ),
    "clip": (
        dict(hash_bits=8, optimizer="gd", learning_rate=0.1, clip_norm=1.0),
        "without clipping",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_dense_rows_is_refused(frame, case):
    options, told = REFUSED[case]
    with pytest.raises(UsageError, match=told):
        sp.fit(frame, "price", ignore=OTHERS["price"], **options)


def test_a_network_or_a_loss_of_ones_own_is_refused_on_sparse_rows(rows):
    with pytest.raises(UsageError, match="model='mlp': sparse rows"):
        sp.fit(rows, model="mlp")
    with pytest.raises(UsageError, match="sparse rows need a loss of two plain num"):
        sp.fit(rows, loss=lambda p, y: jnp.cosh(p - y) - 1)


def test_bad_rows_are_named(rows):
    X, y = rows
    bad = X.copy()
    bad.data[bad.indptr[4]] = np.nan
    with pytest.raises(DataError, match=r"row 5, column \d+: nan"):
        sp.fit((bad, y))
    with pytest.raises(DataError, match="X has 400 rows, y has 399"):
        sp.fit((X, y[1:]))
    with pytest.raises(DataError, match="have 11 columns, the model was fitted to 12"):
        sp.fit((X, y), epochs=2).predict(X[:, 1:])


def test_columns_that_are_not_used_are_left_out_and_come_back_as_zeros():
    rows = scipy.sparse.csr_array([[0.0, 2, 0, 0, 1], [0.0, 0, 0, 3, 4]])
    table = Table(Csr(rows.data, rows.indices, rows.indptr), np.zeros(2), None, 5)
    used = used_columns(table)
    assert used.tolist() == [1, 3, 4]
    held = scipy.sparse.csr_array([[7.0, 8, 0, 0, 0], [0.0, 0, 9, 0, 6]])
    other = Table(Csr(held.data, held.indices, held.indptr), np.zeros(2), None, 5)
    for given, want in ((table, rows), (other, held)):
        few = narrowed(given, used)
        assert few.n_columns == 3
        found = scipy.sparse.csr_array(tuple(few.inputs), shape=(2, 3))
        np.testing.assert_array_equal(found.toarray(), want.toarray()[:, used])
    params = {"bias": np.ones(1), "weight": np.array([[1.0], [2.0], [3.0]])}
    assert widened(params, used, 5)["weight"].ravel().tolist() == [0, 1, 0, 2, 3]
    assert widened(params, None, 3) is params
    assert used_columns(table._replace(inputs=rows.toarray())) is None
