"""Missing values: which rows lack them, what is told, and what each way does."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as ss

from steepest.core.errors import DataError, UsageError
from steepest.data.features import Features
from steepest.data.gaps import Gaps, check_missing, infinite_note, refuse_missing_target
from steepest.data.reading import read_table

TABLE = pa.table(
    {
        "x": [1.0, float("nan"), 3.0, float("inf"), 5.0],
        "n": [1, 2, None, 4, 5],
        "c": ["a", "b", "", "a", "b"],
        "late": [True, False, None, False, True],
        "day": ["2013-01-01", "2013-01-02", "2013-02-01", "NA", "2013-03-01"],
        "cabin": ["yes", None, "yes", None, "yes"],
        "whole": [1, 2, 3, 4, 6],
    }
)
FEATURES = Features.infer(TABLE)


def test_every_kind_of_column_knows_its_gaps():
    gaps = FEATURES.gaps(TABLE)
    where = {name: np.flatnonzero(gone).tolist() for name, gone in gaps.by_name.items()}
    want = {"x": [1, 3], "n": [2], "c": [2], "late": [2], "day": [3]}
    assert where == want  # cabin is used for nothing but its gaps
    assert gaps.rows.tolist() == [False, True, True, True, False]
    assert FEATURES.gaps(TABLE, presence=True).by_name["cabin"].sum() == 2


def test_gaps_are_those_that_encoding_flags():
    encoded = dict(zip(FEATURES.names, FEATURES.encode(TABLE).T, strict=True))
    for name, gone in FEATURES.gaps(TABLE, presence=True).by_name.items():
        np.testing.assert_array_equal(encoded[f"{name} missing"], gone)


def test_what_is_told_names_the_worst_columns_and_first_rows():
    told = FEATURES.gaps(TABLE).told()
    want = "x 2 (first in row 2), n 1 (row 3), c 1 (row 3)"
    assert told == f"{want}, 2 more columns"
    within = np.array([True, False, True, True, True])
    assert FEATURES.gaps(TABLE, within=within).told().startswith("x 1 (row 4)")


def test_refusing_names_row_and_column():
    with pytest.raises(DataError, match=r"column x, row 2: .* 3 rows of 5 lack"):
        FEATURES.gaps(TABLE).refuse()
    refusing = Features.infer(
        TABLE.slice(4).take([0, 0]).append_column("k", pa.array([1.0, 2.0])),
        missing="refuse",
    )
    bad = pa.table({"k": [1.0, None]})
    with pytest.raises(DataError, match=r"column k, row 2: .*fitted to refuse them"):
        refusing.encode(bad)
    again = Features.from_json(refusing.to_json())
    assert again.missing == "refuse"


def test_dropping_leaves_the_complete_rows():
    dropping = Features.infer(TABLE, missing="drop")
    assert dropping.complete(TABLE).tolist() == [True, False, False, False, True]
    assert FEATURES.complete(TABLE).all()
    # what is predicted is filled in: rows are not lost
    np.testing.assert_array_equal(dropping.encode(TABLE), FEATURES.encode(TABLE))


def test_sparse_rows_and_hashed_text():
    table = read_table(ss.csr_array([[0.0, 2.0], [1.0, 0.0]]))
    assert not Features.infer(table).gaps(table).rows.any()
    hashed = Features.infer(TABLE.select(["c", "x"]), hash_bits=4)
    assert hashed.gaps(TABLE).by_name["c"].tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_a_model_of_before_is_read():
    data = FEATURES.to_json()
    del data["missing"]
    assert Features.from_json(data) == FEATURES


def test_the_target():
    keep = np.array([True, False, False])
    with pytest.raises(DataError, match="target y, row 2: .* in 2 rows of 3"):
        refuse_missing_target("y", keep)
    refuse_missing_target("y", keep[:1])
    column = pa.chunked_array([[1.0, np.inf, -np.inf]])
    assert infinite_note(column, "y") == (
        "y: 2 infinite values count as missing (first in row 2).",
    )
    assert infinite_note(pa.chunked_array([["inf"]]), "y") == ()


def test_another_way_is_refused():
    with pytest.raises(UsageError, match="missing='mean': unknown. Known: impute, dr"):
        check_missing("mean")
    assert Gaps(FEATURES.columns[:1], {"x": TABLE["x"].slice(0, 1)}).told() == ""
