"""A table as a matrix: beside scikit-learn's preprocessing, and at predict time."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from steepest.core.errors import DataError, UsageError
from steepest.data import features as module
from steepest.data.features import Features
from steepest.data.reading import read_table, table_and_target

RNG = np.random.default_rng(0)
N = 300


def gaps(values, share=0.1):
    return [None if RNG.random() < share else v for v in values]


TABLE = pa.table(
    {
        "x": gaps(RNG.normal(50.0, 10.0, N).tolist()),
        "n": RNG.integers(0, 99, N),
        "late": gaps((RNG.random(N) < 0.3).tolist()),
        "carrier": gaps(RNG.choice(["UA", "B6", "DL"], N).tolist()),
        "day": [dt.date(2013, 1, 1) + dt.timedelta(days=i) for i in range(N)],
        "key": [f"row {i}" for i in range(N)],
        "y": RNG.normal(size=N),
    }
)
FEATURES = Features.infer(TABLE, exclude=["y"])


def encoded(name, table=TABLE, features=FEATURES):
    return features.encode(table)[:, features.names.index(name)]


def test_names_and_shape():
    matrix = FEATURES.encode(TABLE)
    assert matrix.shape == (N, len(FEATURES.names))
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert FEATURES.names[:5] == ("x", "x missing", "n", "late", "late missing")
    assert set(FEATURES.names[5:8]) == {"carrier=B6", "carrier=DL", "carrier=UA"}
    assert FEATURES.names[8:] == (
        *("carrier=other", "carrier missing", "day days"),
        *("day month sin", "day month cos", "day weekday sin", "day weekday cos"),
    )
    assert FEATURES.notes == (
        "key: left out, all 300 values differ, like a name or a key.",
    )


def test_numbers_agree_with_scikit_learn():
    raw = TABLE.select(["x", "n"]).to_pandas().to_numpy(np.float64)
    # Ours learns mean and scale from the known values, as StandardScaler does, and
    # fills with the mean, which is then 0.
    want = SimpleImputer(strategy="constant", fill_value=0.0).fit_transform(
        StandardScaler().fit_transform(raw)
    )
    got = np.stack([encoded("x"), encoded("n")], axis=1)
    np.testing.assert_allclose(got, want, atol=1e-6)
    flags = MissingIndicator().fit_transform(raw)
    np.testing.assert_array_equal(encoded("x missing"), flags[:, 0])


def test_categories_agree_with_scikit_learn():
    text = TABLE.select(["carrier"]).to_pandas().fillna("missing")
    want = OneHotEncoder(sparse_output=False).fit(text)
    slots = ["carrier=B6", "carrier=DL", "carrier=UA", "carrier missing"]
    got = np.stack([encoded(name) for name in slots], axis=1)
    np.testing.assert_array_equal(got, want.transform(text))
    assert not encoded("carrier=other").any()


def test_rare_categories_agree_with_scikit_learn():
    text = pd.DataFrame({"c": RNG.choice(list("aaaabbbccd"), 500)})
    encoder = OneHotEncoder(max_categories=3, sparse_output=False).fit(text)
    features = Features.infer(pa.Table.from_pandas(text), max_levels=2)
    assert features.names == ("c=a", "c=b", "c=other")
    got = features.encode(pa.Table.from_pandas(text))
    np.testing.assert_array_equal(got, encoder.transform(text))


def test_days_agree_with_pandas():
    days = TABLE.column("day").to_pandas().astype("datetime64[ns]")
    ordinal = days.map(dt.datetime.toordinal).to_numpy(np.float64)
    want = (ordinal - ordinal.mean()) / ordinal.std()
    np.testing.assert_allclose(encoded("day days"), want, atol=1e-6)
    angle = 2 * np.pi * (days.dt.month - 1) / 12
    np.testing.assert_allclose(encoded("day month sin"), np.sin(angle), atol=1e-6)
    np.testing.assert_allclose(
        encoded("day weekday cos"),
        np.cos(2 * np.pi * days.dt.day_of_week / 7),
        atol=1e-6,
    )


def test_blocks_and_chunks_do_not_matter(monkeypatch):
    want = FEATURES.encode(TABLE)
    monkeypatch.setattr(module, "BLOCK_ROWS", 37)
    chunked = pa.concat_tables([TABLE.slice(i, 11) for i in range(0, N, 11)])
    assert Features.infer(chunked, exclude=["y"]) == FEATURES
    np.testing.assert_array_equal(FEATURES.encode(chunked), want)


@given(st.integers(0, N), st.integers(0, N))
@settings(max_examples=20, deadline=None)
def test_a_slice_encodes_to_a_slice(start, length):
    part = FEATURES.encode(TABLE.slice(start, length))
    np.testing.assert_array_equal(part, FEATURES.encode(TABLE)[start : start + length])


def infer_or_none(table):
    try:
        return Features.infer(table)
    except DataError:  # a table of constants
        return None


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats()),
            st.one_of(st.none(), st.text(max_size=3)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.datetimes()),
        ),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_table_is_encoded_finite_and_survives_json(rows):
    kinds = {
        "a": pa.float64(),
        "b": pa.string(),
        "c": pa.bool_(),
        "d": pa.timestamp("us"),
    }
    columns = zip(*rows, strict=True)
    table = pa.table(
        {k: pa.array(v, t) for (k, t), v in zip(kinds.items(), columns, strict=True)}
    )
    features = infer_or_none(table)
    if features is None:
        return
    matrix = features.encode(table)
    assert np.isfinite(matrix).all()
    text = json.dumps(features.to_json(), allow_nan=False)
    again = Features.from_json(json.loads(text))
    assert again == features
    assert again.encode(table).tobytes() == matrix.tobytes()


def test_order_and_extra_columns_do_not_matter():
    other = TABLE.select(list(reversed(TABLE.column_names))).append_column(
        "more", pa.nulls(N)
    )
    np.testing.assert_array_equal(FEATURES.encode(other), FEATURES.encode(TABLE))


def change(name, values):
    place = TABLE.column_names.index(name)
    part = TABLE.slice(0, len(values))
    return part.set_column(place, name, pa.array(values))


def test_an_unseen_category_is_other():
    np.testing.assert_array_equal(
        encoded("carrier=other", change("carrier", ["new", "UA", None])), [1, 0, 0]
    )


def test_numbers_written_as_text_are_read():
    table = change("x", ["50", " 1e1 ", "NA"])
    want = change("x", [50.0, 10.0, None])
    np.testing.assert_array_equal(FEATURES.encode(table), FEATURES.encode(want))


def test_numbers_where_text_was_are_levels():
    features = Features.infer(pa.table({"zip": ["7", "8", "7", "x"]}))
    got = features.encode(pa.table({"zip": [7, 8, 9]}))
    assert [features.names[i] for i in got.argmax(axis=1)] == [
        "zip=7",
        "zip=8",
        "zip=other",
    ]


def test_far_values_stay_finite():
    table = change("x", [1e308, -1e308, np.inf, np.nan])
    assert np.isfinite(FEATURES.encode(table)).all()


def test_text_where_a_number_was_names_column_row_and_value(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 10)
    values = ["1"] * 40
    values[33] = "12a"
    with pytest.raises(DataError, match="column x, row 34: '12a' is not a number"):
        FEATURES.encode(change("x", values))


def test_absent_columns_are_all_named():
    table = TABLE.drop_columns(["x", "carrier"]).append_column("carier", pa.nulls(N))
    with pytest.raises(DataError) as caught:
        FEATURES.encode(table)
    assert "needs: x, carrier (Did you mean carier?). It has:" in str(caught.value)


def test_a_column_twice_is_refused():
    table = pa.table([[1, 2], [3, 4]], names=["a", "a"])
    with pytest.raises(DataError, match="twice"):
        Features.infer(table)
    with pytest.raises(DataError, match="twice"):
        Features.infer(pa.table({"a": [1, 2]})).encode(table)


def test_bad_options():
    with pytest.raises(UsageError, match=r"exclude 'yy': no such column"):
        Features.infer(TABLE, exclude=["yy"])
    with pytest.raises(UsageError, match="max_levels=0"):
        Features.infer(TABLE, max_levels=0)
    with pytest.raises(DataError, match=r"no column can be used.*it is 1 in every row"):
        Features.infer(pa.table({"a": [1, 1]}))
    with pytest.raises(DataError, match="no column beside the target"):
        Features.infer(pa.table({"a": [1, 2]}), exclude="a")


def test_json_that_holds_no_features():
    for bad in (
        {},
        {"columns": []},
        {"columns": [], "notes": []},
        [],
        {"columns": [{"kind": "x"}], "notes": []},
    ):
        with pytest.raises(DataError):
            Features.from_json(bad)


def test_an_array_of_another_width_is_refused():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(9, 5))
    features = Features.infer(read_table(wide[:, :3]))
    again = Features.from_json(features.to_json())
    assert again == features
    for width in (1, 2, 4, 5):
        with pytest.raises(DataError, match=f"has {width} columns?,.*fitted to 3"):
            again.encode(read_table(wide[:, :width]))
    joined, _ = table_and_target((wide, np.ones(9)))
    with pytest.raises(DataError, match="has 5 columns"):
        features.encode(joined.filter(pa.array([True] * 9)))
    assert features.encode(read_table(wide[:, :3])).shape == (9, 3)
    named = pa.table({f"x{i}": wide[:, i] for i in range(5)})
    assert features.encode(named).shape == (9, 3)  # names are enough


def test_an_array_may_come_without_the_excluded_columns_at_its_end():
    array = np.arange(20.0).reshape(5, 4) ** 2
    features = Features.infer(read_table(array), exclude=["x3"])
    want = features.encode(read_table(array))
    np.testing.assert_array_equal(features.encode(read_table(array[:, :3])), want)
    with pytest.raises(DataError, match="fitted to 3 to 4"):
        features.encode(read_table(array[:, :2]))


def test_an_array_with_a_constant_column_at_its_end_keeps_its_width():
    array = np.array([[1.0, 7.0], [2.0, 7.0]])
    features = Features.infer(read_table(array))
    assert features.encode(read_table(array)).shape == (2, 1)
    with pytest.raises(DataError, match="fitted to 2"):
        features.encode(read_table(array[:, :1]))


def test_looking_up_columns_does_not_grow_with_the_square_of_their_number(monkeypatch):
    table = pa.table({f"c{i}": [1.0, 2.0] for i in range(40)})
    calls = []
    by_name = module._by_name

    def counted(table):
        calls.append(table)
        return by_name(table)

    monkeypatch.setattr(module, "_by_name", counted)
    features = Features.infer(table)
    features.encode(table)
    assert len(calls) == 2
    assert features.names == tuple(table.column_names)
