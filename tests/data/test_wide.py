"""Tables with hashed columns and sparse rows: what they encode to, and stay."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse

from steepest.core.errors import DataError, UsageError
from steepest.data import features as module
from steepest.data.features import Features
from steepest.data.reading import read_table
from steepest.data.wide import Hashed, SparseRows

RNG = np.random.default_rng(0)
N = 300
TABLE = pa.table(
    {
        "shop": [f"shop {i}" for i in RNG.integers(0, 90, N)],
        "x": RNG.normal(50.0, 10.0, N),
        "late": RNG.random(N) < 0.3,
        "city": [None if i % 9 == 0 else f"c{i % 4}" for i in range(N)],
        "said": [f"number {i} was quite good" for i in range(N)],
        "key": [f"k{i}" for i in range(N)],
    }
)
BITS = 12
HASHED = Features.infer(TABLE, hash_bits=BITS)
PLAIN = Features.infer(TABLE.select(["x", "late"]))
ROWS = scipy.sparse.random_array(
    (40, 7), density=0.3, rng=RNG, dtype=np.float64, format="csr"
)
SPARSE = Features.infer(read_table(ROWS))


def test_numbers_come_first_and_are_scaled_as_ever():
    rows = HASHED.encode(TABLE)
    assert isinstance(rows, scipy.sparse.csr_array)
    assert rows.dtype == np.float32
    assert rows.indices.dtype == rows.indptr.dtype == np.int32
    assert rows.shape == (N, HASHED.width) == (N, 2 + 2**BITS)
    assert HASHED.names == ("x", "late")
    np.testing.assert_array_equal(rows[:, :2].toarray(), PLAIN.encode(TABLE))


def test_hashed_columns_add_up_behind_them():
    columns = [c for c in HASHED.columns if isinstance(c, Hashed)]
    assert [(c.name, c.words) for c in columns] == [
        ("shop", False),
        ("city", False),
        ("said", True),
    ]
    want = sum(c.encode(TABLE[c.name]).toarray() for c in columns)
    np.testing.assert_array_equal(HASHED.encode(TABLE)[:, 2:].toarray(), want)


def test_a_person_is_told():
    assert HASHED.notes == (
        "shop: its 89 values are hashed into 4,096 columns.",
        "city: its 4 values are hashed into 4,096 columns, missing as one of them.",
        "said: its words are hashed into 4,096 columns.",
        "key: left out, all 300 values differ, like a name or a key.",
    )
    crowded = Features.infer(TABLE.select(["shop"]), hash_bits=4)
    assert crowded.notes[0].endswith("Many share one: take more bits.")
    none = Features.infer(TABLE.select(["x"]), hash_bits=4)
    assert none.notes == ("hash_bits: there is no column of text to hash.",)
    assert isinstance(none.encode(TABLE), np.ndarray)


def test_blocks_do_not_matter(monkeypatch):
    whole = HASHED.encode(TABLE)
    monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    parts = HASHED.encode(TABLE)
    assert (whole != parts).nnz == 0
    assert parts.indptr.dtype == np.int32
    assert HASHED.encode(TABLE.slice(0, 0)).shape == (0, HASHED.width)


def test_what_was_never_seen_has_its_place():
    new = pa.table(
        {"shop": ["new"], "x": [50.0], "late": [True], "city": [None], "said": [""]}
    )
    assert abs(HASHED.encode(new)[:, 2:]).sum() == 3


@pytest.mark.parametrize("features", [HASHED, SPARSE], ids=["hashed", "sparse"])
def test_json_gives_equal_features(features):
    text = json.dumps(features.to_json(), allow_nan=False)
    assert Features.from_json(json.loads(text)) == features


def test_bits_are_checked():
    with pytest.raises(UsageError, match="hash_bits=30"):
        Features.infer(TABLE, hash_bits=30)


def test_sparse_rows_keep_their_zeros_and_get_one_size():
    rows = SPARSE.encode(read_table(ROWS))
    dense = ROWS.toarray()
    size = [np.sqrt(np.mean(c[c != 0] ** 2)) for c in dense.T]
    np.testing.assert_allclose(rows.toarray(), dense / size, rtol=1e-6)
    assert rows.nnz == ROWS.nnz
    raw = Features.infer(read_table(ROWS), standardize=False)
    assert raw.columns == (SparseRows("x", 7, None),)
    np.testing.assert_allclose(raw.encode(read_table(ROWS)).toarray(), dense, 1e-6)


def test_columns_of_0_and_1_stay_as_they_are():
    ones = read_table((ROWS > 0.5).astype(float))
    assert Features.infer(ones).columns[0].sizes is None


def test_rows_without_a_value_are_refused():
    with pytest.raises(DataError, match="x: left out, it is 0 in every row"):
        Features.infer(read_table(scipy.sparse.csr_array((3, 2))))


def test_values_of_any_size_stay_finite():
    rows = scipy.sparse.csr_array([[1e300, 0.0, 1e-300], [0.0, 5e-324, 0.0]])
    found = Features.infer(read_table(rows)).encode(read_table(rows)).data
    assert np.isfinite(found).all()
    raw = Features.infer(read_table(rows), standardize=False)
    assert np.isfinite(raw.encode(read_table(rows)).data).all()


@pytest.mark.parametrize(
    ("features", "data", "told"),
    [
        (SPARSE, ROWS[:, :5], "have 5 columns, the model was fitted to 7"),
        (SPARSE, ROWS.toarray(), "fitted to sparse rows of 7 columns"),
        (HASHED, ROWS, "the rows are sparse"),
        (HASHED, pd.DataFrame({"x": [1.0]}), "lacks columns"),
    ],
    ids=["width", "dense", "sparse", "absent"],
)
def test_other_rows_than_those_learnt_from_are_refused(features, data, told):
    with pytest.raises(DataError, match=told):
        features.encode(read_table(data))
