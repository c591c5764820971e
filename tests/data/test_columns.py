"""What every kind of column owes. A new entry of KINDS needs one entry in SAMPLES."""

import datetime as dt
import json
import random

import numpy as np
import pyarrow as pa
import pytest

from steepest.core.errors import DataError
from steepest.data.columns import KINDS, column_from_json, turn
from steepest.data.inference import Rules, infer_column

DAYS = [dt.datetime(2013, 1, 1) + dt.timedelta(hours=37 * i) for i in range(40)]
VALUES = {
    "number": [float(i * i) for i in range(40)],
    "boolean": [i % 3 == 0 for i in range(40)],
    "category": [f"level {i % 7}" for i in range(40)],
    "moment": DAYS,
    "presence": [5] * 40,
}
SAMPLES = {
    kind: pa.chunked_array([pa.array([None, *values[1:]])])
    for kind, values in VALUES.items()
}


def test_every_kind_has_a_sample():
    assert set(SAMPLES) == set(KINDS)


@pytest.fixture(params=sorted(SAMPLES))
def kind(request):
    return request.param


@pytest.fixture
def column(kind):
    return infer_column("c", SAMPLES[kind], Rules()).column


def test_the_sample_is_of_its_kind(kind, column):
    assert column.kind == kind
    assert isinstance(column, KINDS[kind])


def test_it_encodes_finite_float32_of_its_width(kind, column):
    encoded = column.encode(SAMPLES[kind])
    assert encoded.dtype == np.float32
    assert encoded.shape == (40, len(column.names))
    assert np.isfinite(encoded).all()
    assert len(set(column.names)) == len(column.names)


def test_the_flag_marks_the_missing_row(kind, column):
    assert column.names[-1] == "c missing"
    flag = column.encode(SAMPLES[kind])[:, -1]
    np.testing.assert_array_equal(flag, [1.0] + [0.0] * 39)


def test_json_gives_an_equal_column_and_equal_bits(kind, column):
    again = column_from_json(json.loads(json.dumps(column.to_json(), allow_nan=False)))
    assert again == column
    assert (
        again.encode(SAMPLES[kind]).tobytes() == column.encode(SAMPLES[kind]).tobytes()
    )


def test_a_slice_encodes_to_a_slice(kind, column):
    part = column.encode(SAMPLES[kind].slice(3, 9))
    np.testing.assert_array_equal(part, column.encode(SAMPLES[kind])[3:12])


def test_chunks_do_not_matter(kind, column):
    whole = SAMPLES[kind]
    chunked = pa.chunked_array([whole.slice(i, 7).chunk(0) for i in range(0, 40, 7)])
    assert infer_column("c", chunked, Rules()).column == column
    np.testing.assert_array_equal(column.encode(chunked), column.encode(whole))


def test_the_order_of_rows_only_orders_the_rows(kind, column):
    rows = list(range(40))
    random.Random(0).shuffle(rows)
    mixed = SAMPLES[kind].take(pa.array(rows))
    learnt = infer_column("c", mixed, Rules()).column
    want = column.encode(SAMPLES[kind])[rows]
    np.testing.assert_allclose(learnt.encode(mixed), want, rtol=1e-6, atol=1e-6)


def test_all_missing_at_predict_time_is_no_error(kind, column):
    encoded = column.encode(pa.chunked_array([pa.nulls(2)]))
    np.testing.assert_array_equal(encoded[:, -1], 1.0)
    assert np.isfinite(encoded).all()


def test_nested_values_are_refused(kind, column):
    with pytest.raises(DataError, match="column c"):
        column.encode(pa.chunked_array([[[1, 2]]]))


def test_no_rows_is_no_error(column, kind):
    assert column.encode(SAMPLES[kind].slice(0, 0)).shape == (0, len(column.names))


@pytest.mark.parametrize(
    "bad",
    [{"kind": "none", "name": "x"}, {"name": "x"}, {"kind": "number", "name": "x"}],
)
def test_json_of_no_column(bad):
    with pytest.raises(DataError, match="column kind"):
        column_from_json(bad)


def test_turns_agree_with_the_calendar():
    seconds = np.array([d.replace(tzinfo=dt.UTC).timestamp() for d in DAYS])
    want = np.array([[d.month - 1, d.weekday(), d.hour] for d in DAYS])
    got = [
        turn(seconds, p) * n for p, n in (("month", 12), ("weekday", 7), ("hour", 24))
    ]
    np.testing.assert_allclose(np.stack(got, axis=1), want, atol=1e-9)


def test_turns_before_1970():
    day = dt.datetime(1969, 2, 3, 6, tzinfo=dt.UTC)
    seconds = np.array([day.timestamp()])
    turns = [float(turn(seconds, part)[0]) for part in ("month", "weekday", "hour")]
    np.testing.assert_allclose(turns, [1 / 12, day.weekday() / 7, 0.25])
