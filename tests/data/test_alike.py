"""Tables whose types differ a little: the types that hold all, and what is refused."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from steepest.core.errors import DataError
from steepest.data.alike import as_like, common, without_dictionaries

TEXT = pa.large_string()
NAMED = pa.dictionary(pa.int32(), pa.string())


def together(one, two):
    found = common(pa.schema({"x": two}), "b", pa.schema({"x": one}), "a")
    return found.field("x").type


@pytest.mark.parametrize(
    ("one", "two", "want"),
    [
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.int64(), pa.float32(), pa.float64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.decimal128(9, 2), pa.float64(), pa.float64()),
        (pa.null(), pa.int16(), pa.int16()),
        (pa.null(), pa.string(), TEXT),
        (pa.null(), NAMED, TEXT),
        (pa.string(), TEXT, TEXT),
        (pa.string(), pa.string_view(), TEXT),
        (NAMED, pa.string(), TEXT),
        (NAMED, pa.dictionary(pa.int8(), pa.string()), TEXT),
        (pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("ns")),
        (pa.date32(), pa.timestamp("us"), pa.timestamp("us")),
        (pa.date32(), pa.date64(), pa.date64()),
        (pa.time32("s"), pa.time64("us"), pa.time64("us")),
        (NAMED, NAMED, NAMED),
        (pa.bool_(), pa.bool_(), pa.bool_()),
    ],
    ids=str,
)
def test_a_type_holds_the_values_of_both(one, two, want):
    assert together(one, two) == want
    assert together(two, one) == want


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (pa.int64(), pa.string()),
        (pa.int64(), pa.bool_()),
        (pa.int64(), pa.timestamp("s")),
        (pa.int64(), pa.duration("s")),
        (pa.bool_(), pa.string()),
        (pa.timestamp("s"), pa.timestamp("s", "UTC")),
        (pa.timestamp("s"), pa.time32("s")),
        (pa.list_(pa.int8()), pa.int8()),
    ],
    ids=str,
)
def test_other_kinds_are_refused_by_name(one, two):
    with pytest.raises(DataError, match="^b: column x holds .*, in a it holds .*alike"):
        together(one, two)
    with pytest.raises(DataError, match="^b: column x holds"):
        together(two, one)


def test_nothing_between_two_kinds_does_not_join_them():
    # null and text go together, so do null and numbers; text and numbers do not
    first = common(pa.schema({"x": pa.string()}), "b", pa.schema({"x": pa.null()}), "a")
    with pytest.raises(DataError, match="^c: column x holds int8, in a"):
        common(pa.schema({"x": pa.int8()}), "c", first, "a")


def test_columns_absent_or_besides_are_named():
    like = pa.schema({"a": pa.int8(), "b": pa.int8(), "c": pa.int8()})
    with pytest.raises(DataError, match="two: lacks b, c and has d besides, unlike on"):
        common(pa.schema({"a": pa.int8(), "d": pa.int8()}), "two", like, "one")


def test_the_order_and_the_metadata_are_those_of_the_first():
    like = pa.schema({"a": pa.int8(), "b": pa.string()}, {"k": "v"})
    found = common(pa.schema({"b": TEXT, "a": pa.int64()}), "b", like, "a")
    assert found.names == ["a", "b"]
    assert found.types == [pa.int64(), TEXT]
    assert found.metadata == {b"k": b"v"}


def test_a_table_is_brought_to_the_types_and_the_order():
    schema = pa.schema({"a": pa.float64(), "b": TEXT, "t": pa.timestamp("ns")})
    table = pa.table(
        {
            "t": pa.array([dt.date(2024, 1, 2), None]),
            "b": pa.array(["u", None]).dictionary_encode(),
            "a": [2**53 + 1, None],  # rounded, as numbers beyond floats are
        }
    )
    found = as_like(table, schema, "a.parquet")
    assert found.schema.types == schema.types
    assert found.column_names == ["a", "b", "t"]
    assert found["a"].to_pylist() == [2.0**53, None]
    assert found["b"].to_pylist() == ["u", None]
    assert found["t"].cast(pa.date32()).to_pylist() == [dt.date(2024, 1, 2), None]


def test_a_table_of_these_types_is_not_copied():
    table = pa.table({"a": np.arange(3.0)}, metadata={"k": "v"})
    found = as_like(table, pa.schema({"a": pa.float64(), "b": pa.int8()}), "p")
    assert found["a"].chunk(0).buffers()[1].address == (
        table["a"].chunk(0).buffers()[1].address
    )
    assert found.schema.metadata == {b"k": b"v"}


def test_a_value_that_does_not_fit_names_its_place():
    year = pa.array([dt.datetime(3000, 1, 1)], pa.timestamp("s"))
    with pytest.raises(DataError, match=r"^p: column t holds timestamp\[s\], elsewher"):
        as_like(pa.table({"t": year}), pa.schema({"t": pa.timestamp("ns")}), "p")


def test_values_take_the_place_of_their_numbers():
    kinds = {"c": ["u", None], "n": [3, 4]}
    table = pa.table({k: pa.array(v).dictionary_encode() for k, v in kinds.items()})
    table = table.append_column("f", [[1.0, 2.0]])
    found = without_dictionaries(table)
    assert found.schema.types == [TEXT, pa.int64(), pa.float64()]
    assert found.to_pylist() == table.to_pylist()
    plain = pa.table({"f": [1.0]})
    assert without_dictionaries(plain) is plain
