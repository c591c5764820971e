"""Rows on disk: for the rest of a fit they are what rows in memory are."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamed import arrays, assert_same, mixed, parquet, rows_of

from steepest.api import streaming
from steepest.core.errors import DataError, UsageError
from steepest.core.mapped import is_mapped
from steepest.data import csv_spool, spool

OPTIONS = {
    "as they are": {},
    "drop": {"missing": "drop"},
    "raw": {"standardize": False},
    "ignored": {"ignore": ["text", "whole"]},
    "hashed": {"hash_bits": 5},
    "weighed": {"sample_weight": "w"},
    "multiclass": {"target": "label", "ignore": "y"},
    "balanced": {"target": "label", "ignore": "y", "class_weight": "balanced"},
    "both weights": {
        "target": "label",
        "sample_weight": "w",
        "class_weight": {"low": 3},
        "missing": "drop",
    },
    "truth": {"target": "true"},
    "huber": {"loss": "huber:2"},
    "asked": {"target": "whole", "task": "multiclass"},
}


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("kind", ["parquet", "csv", "frames"])
def test_streamed_rows_are_those_in_memory(tmp_path, monkeypatch, kind, how):
    monkeypatch.setattr(csv_spool, "BLOCK_BYTES", 2000)
    frame = mixed()
    data, source = parquet(tmp_path, frame), frame
    if kind == "csv":
        data = source = tmp_path / "rows.csv"
        frame.to_csv(data, index=False)
    elif kind == "frames":
        data = (frame[i : i + 37] for i in range(0, len(frame), 37))
    asked = {"target": "y", **OPTIONS[how]}
    found, want = (
        rows_of(d, stream=s, **asked) for d, s in ((data, True), (source, False))
    )
    assert_same(found, want)
    parts = [found.train.inputs, found.train.target]
    values = [
        getattr(part, "data", part) if how == "hashed" else part for part in parts
    ]
    assert is_mapped(found.train.target)
    assert is_mapped(values[0])
    assert "rows are read from disk" in found.features.notes[-1]


CELLS = {
    "n": st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
    "i": st.one_of(st.none(), st.integers(-9, 9)),
    "t": st.one_of(st.none(), st.sampled_from("uvwx")),
    "b": st.one_of(st.none(), st.booleans()),
    "w": st.floats(0.0625, 8, width=32),
}
TYPES = {
    "n": pa.float64(), "i": pa.int64(), "t": pa.string(), "b": pa.bool_(),
    "w": pa.float64(), "y": pa.float64(),
}  # fmt: skip


@st.composite
def tables(draw):
    n = draw(st.integers(2, 40))
    columns = {
        name: draw(st.lists(cells, min_size=n, max_size=n))
        for name, cells in CELLS.items()
    }
    labels = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.5]))
    columns["y"] = draw(st.lists(labels, min_size=n, max_size=n))
    arrays = [pa.array(columns[name], kind) for name, kind in TYPES.items()]
    return pa.table(arrays, names=list(TYPES))


@given(
    tables(),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    st.sampled_from(["impute", "drop", "refuse"]),
    st.sampled_from([None, "w"]),
    st.sampled_from([(), ("t",), ("n", "i")]),
    st.sampled_from([None, 3]),
)
@settings(max_examples=50)
def test_any_table_streams_as_it_is_held(table, sizes, missing, weight, ignore, bits):
    ends = [0, *(end for end in np.cumsum(sizes) if end < len(table)), len(table)]
    cut = [table.slice(a, b - a) for a, b in itertools.pairwise(ends)]
    asked = {
        "missing": missing,
        "sample_weight": weight,
        "ignore": ignore,
        "hash_bits": bits,
    }
    try:
        want = rows_of(table, stream=False, **asked)
    except DataError:
        with pytest.raises(DataError):
            rows_of(iter(cut), stream=True, **asked)
        return
    found = rows_of(iter(cut), stream=True, **asked)
    assert found.features.columns == want.features.columns
    assert found.target.classes == want.target.classes
    both = arrays(found.train), arrays(want.train)
    for one, two, off in zip(*both, (0, 0, 2e-7), strict=True):
        np.testing.assert_allclose(one, two, rtol=off, atol=0)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_validation_rows_are_the_same_however_parts_are_cut(tmp_path, share):
    frame = mixed(2000)
    found = []
    for size in (2000, 300, 41):
        rows = rows_of(
            parquet(tmp_path, frame, size), stream=True, validation=share, seed=3
        )
        found.append(arrays(rows.train) + arrays(rows.validation))
        used = frame.y.notna().sum()
        count = len(rows.validation.target)
        assert len(rows.train.target) + count == used
        assert abs(count - share * used) < 5 * np.sqrt(used * share * (1 - share))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_validation_rows_teach_nothing(tmp_path):
    frame = mixed(1000)
    path = parquet(tmp_path, frame)
    rows = rows_of(path, stream=True, validation=0.3, seed=5)
    held = streaming.held_rows(np.arange(1000), 0.3, seed=5)
    alone = rows_of(frame[~held], stream=False)
    assert rows.features.columns == alone.features.columns
    assert rows.target.center == alone.target.center
    np.testing.assert_array_equal(rows.train.inputs, alone.train.inputs)
    np.testing.assert_array_equal(
        rows.validation.inputs,
        alone.features.encode(pa.table(frame[held].dropna(subset="y"))),
    )


def test_labels_outside_the_sample_are_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLE_ROWS", 64)
    monkeypatch.setattr(streaming, "_sample_rows", lambda _: 64)
    frame = mixed(400)
    frame["label"] = np.where(np.arange(400) % 100 == 99, "rare", frame.label)
    frame.loc[399, "label"] = "once"
    path = parquet(tmp_path, frame, size=100)
    rows = rows_of(path, "label", stream=True, ignore="y")
    assert rows.target.classes == ("high", "low", "mid", "once", "rare")
    assert set(np.asarray(rows.train.target)) == {0, 1, 2, 3, 4}
    assert any("was learnt from 64 rows" in note for note in rows.features.notes)


def test_a_target_that_is_constant_in_the_sample_is_learnt(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "_sample_rows", lambda _: 64)
    frame = mixed(400).assign(y=np.arange(400) >= 200)
    rows = rows_of(parquet(tmp_path, frame, size=400), stream=True)
    assert rows.target.classes == (False, True)
    assert np.asarray(rows.train.target).mean() == 0.5


def test_a_row_group_out_of_the_sample_may_hold_odd_values(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "_sample_rows", lambda _: 64)
    frame = mixed(400)
    frame.loc[350, "number"] = np.inf
    frame.loc[351, "number"] = 1e300
    frame.loc[352, "text"] = "never seen"
    rows = rows_of(parquet(tmp_path, frame, size=400), stream=True)
    assert np.isfinite(rows.train.inputs).all()
    want = rows.features.encode(pa.table(frame.dropna(subset="y")))
    np.testing.assert_array_equal(rows.train.inputs, want)


def test_too_few_rows_to_validate_on_are_told(tmp_path):
    rows = rows_of(mixed(4), stream=True, validation=0.01)
    assert rows.validation is None
    assert any("no row is held out" in note for note in rows.features.notes)


def test_shards_without_rows_are_told(tmp_path):
    frame = mixed()
    frame.to_csv(tmp_path / "0.csv", index=False)
    frame[:0].to_csv(tmp_path / "1.csv", index=False)
    rows = rows_of(tmp_path, stream=True)
    assert "passed over, without rows" in rows.features.notes[0]


def test_pairs_need_no_name_for_their_target():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(20, 2)), rng.normal(size=20)) for _ in range(4)]
    whole = np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])
    for name in (None, "late"):
        found = rows_of(iter(pairs), name, stream=True)
        assert_same(found, rows_of(whole, name, stream=False))


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"target": None}, UsageError, "name the column to predict"),
        ({"target": "Y"}, DataError, "target 'Y': no such column"),
        ({"ignore": ["nil"]}, UsageError, "ignore='nil': no such column"),
        ({"sample_weight": np.ones(400)}, UsageError, "from a column; name it"),
        ({"sample_weight": "W"}, DataError, "sample_weight='W': no such column"),
        ({"class_weight": "balanced"}, UsageError, "class_weight: needs classes"),
        ({"validation": 1.0}, UsageError, r"validation=1.0: must be a share"),
        ({"validation": True}, UsageError, "validation=True: must be a share"),
        ({"validation": 0.99999}, DataError, "leaves no rows to train on"),
        ({"validation": "absent.csv"}, DataError, "absent.csv: no such file"),
        ({"missing": "guess"}, UsageError, "missing='guess'"),
        ({"missing": "refuse"}, DataError, "row group 1: target y, row 6: missing"),
        ({"missing": "refuse", "target": "w"}, DataError, "row group 1: column numb"),
        ({"loss": "logistic"}, UsageError, "logistic"),
        ({"stream": "yes"}, UsageError, "stream='yes': must be True, False or 'auto'"),
        ({"hash_bits": 99}, UsageError, "hash_bits"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path, asked, error, told):
    asked = {"target": "y", "stream": True, **asked}
    with pytest.raises(error, match=told):
        rows_of(parquet(tmp_path, mixed()), **asked)


@pytest.mark.parametrize("asked", [{"missing": "guess"}, {"validation": 2}])
def test_options_are_checked_before_anything_is_read(asked):
    def batches():
        raise AssertionError("read")
        yield

    with pytest.raises(UsageError):
        rows_of(batches(), stream=True, **asked)


def test_missing_refuse_looks_at_columns_of_which_only_presence_is_used(tmp_path):
    frame = mixed().dropna()
    frame["k"] = np.where(np.arange(len(frame)) % 2, np.nan, 3.0)
    with pytest.raises(DataError, match="row group 1: column k, row 2"):
        rows_of(parquet(tmp_path, frame), stream=True, missing="refuse")


def test_nested_columns_are_left_out_and_told(tmp_path):
    frame = mixed()
    frame["pair"] = [{"a": 1}] * len(frame)
    frame["list"] = [[1, 2]] * len(frame)
    rows = rows_of(parquet(tmp_path, frame), stream=True)
    assert {"pair", "list"}.isdisjoint(c.name for c in rows.features.columns)
    assert sum("left out" in note for note in rows.features.notes) == 2


def test_names_may_be_odd(tmp_path):
    names = {"number": " a b", "whole": "é", "w": "", "text": "x\ny", "true": "s.q"}
    frame = mixed().rename(columns=names).assign(**{"s": [{"q": 1}] * 400, "a.b": 1.5})
    frame.loc[::2, "a.b"] = 2
    found = rows_of(parquet(tmp_path, frame), stream=True)
    assert_same(found, rows_of(parquet(tmp_path, frame), stream=False))


def test_spooled_batches_may_be_cut(monkeypatch):
    monkeypatch.setattr(spool, "BATCH_ROWS", 17)
    frame = mixed()
    assert_same(rows_of(frame, stream=True), rows_of(frame, stream=False))
