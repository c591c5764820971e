"""Rows written down: bit for bit what encoding the whole table gives."""

import contextlib

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import DataError
from steepest.data import encoding
from steepest.data.encoding import Stream, distinct_of, encoded, size_of, tiles
from steepest.data.features import Features
from steepest.data.orders import held_out
from steepest.data.plain_numbers import places
from steepest.data.shards import open_shards
from steepest.data.shelf import Shelf
from steepest.data.target import Target
from steepest.data.weights import class_weights, row_weights

ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-300, 3e38, -3e38, 1e39, 1e308, 5e-324]
KINDS = ["f8", "f4", "f2", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"]


def mixed(n=300, seed=0):
    """Columns of all kinds, with gaps."""
    rng = np.random.default_rng(seed)
    gap = rng.random(n) < 0.2
    numbers = {kind: rng.integers(0, 100, n).astype(kind) for kind in KINDS}
    odd = rng.normal(size=n)
    odd[: len(ODD)] = ODD
    days = rng.integers(0, 10**9, n)
    return pa.table(
        {
            **{f"plain {kind}": values for kind, values in numbers.items()},
            **{
                f"gaps {kind}": pa.array(values, mask=gap)
                for kind, values in numbers.items()
            },
            "odd": odd,
            "odd f4": np.clip(odd, -3e38, 3e38).astype("f4"),
            "decimal": pa.array(days % 1000).cast(pa.decimal128(25, 2)),
            "text": pa.array([f"t{i % 5}" for i in days], mask=gap),
            "coded": pa.array([f"t{i % 7}" for i in days]).dictionary_encode(),
            "when": pa.array(days).cast(pa.timestamp("s")),
            "time": pa.array(days % 86400).cast(pa.int32()).cast(pa.time32("s")),
            "long": pa.array(days).cast(pa.duration("s")),
            "mostly gone": pa.array([3.0] * n, mask=np.arange(n) % 3 > 0),
        }
    )


def both(features, table, held):
    """(rows to train on, rows to validate on), from the tiles of a table."""
    fit, rest = [], []
    for tile in tiles(features, table, held):
        cut = tile.size - tile.held
        fit.append(tile.rows[:cut].copy())
        rest.append(tile.rows[cut:].copy())
    stack = scipy.sparse.vstack if features.sparse else np.concatenate
    return stack(fit), stack(rest)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("chunks", [1, 3])
@pytest.mark.parametrize("tile_bytes", [1, 4096, 1 << 19])
def test_tiles_are_the_encoded_table(monkeypatch, standardize, chunks, tile_bytes):
    monkeypatch.setattr(encoding, "TILE_BYTES", tile_bytes)
    whole = mixed()
    size = -(-whole.num_rows // chunks)
    table = pa.concat_tables(whole.slice(i, size) for i in range(0, 300, size))
    features = Features.infer(whole, standardize=standardize)
    held = np.random.default_rng(1).random(300) < 0.3
    want = features.encode(whole)
    fit, rest = both(features, table, held)
    assert fit.dtype == np.float32
    assert fit.tobytes() == want[~held].tobytes()
    assert rest.tobytes() == want[held].tobytes()


def test_sparse_tiles_are_the_encoded_table():
    table = mixed()
    features = Features.infer(table, hash_bits=6)
    held = np.arange(300) % 4 == 1
    want = features.encode(table)
    fit, rest = both(features, table, held)
    assert abs(fit - want[~held]).max() == 0
    assert abs(rest - want[held]).max() == 0


VALUES = st.one_of(st.none(), st.sampled_from(ODD), st.floats(width=32))


@given(st.lists(VALUES, min_size=2, max_size=80), st.booleans(), st.randoms())
def test_any_numbers_are_encoded_bit_for_bit(values, short, random):
    column = pa.array(values, pa.float32() if short else pa.float64())
    table = pa.table({"x": column, "row": np.arange(len(values))})
    features = Features.infer(table)
    held = np.array([random.random() < 0.5 for _ in values])
    want = features.encode(table)
    fit, rest = both(features, table, held)
    assert fit.tobytes() == want[~held].tobytes()
    assert rest.tobytes() == want[held].tobytes()


@given(st.lists(st.booleans(), max_size=50))
def test_rows_to_validate_on_stand_behind_the_others(held):
    held = np.array(held, bool)
    at = places(held)
    np.testing.assert_array_equal(at[np.argsort(held, kind="stable")], range(len(held)))


def stream_of(table, folder, *, share=0.0, weight=None, classes=None, size=37, **how):
    cut = (table.slice(i, size) for i in range(0, table.num_rows, size))
    left_out = {"y", *([weight] if weight else [])}
    features = Features.infer(table, exclude=left_out, **how)
    target = Target.infer(table["y"], name="y")
    shards = open_shards(cut, folder)
    return Stream(
        shards=shards, features=features, sieve=features, target=target,
        labels=target, share=share, weight=weight, class_weight=classes,
        check=lambda _: None, seed=4,
    )  # fmt: skip


def labelled(n=300):
    rng = np.random.default_rng(2)
    y = pa.array(rng.choice(["p", "q", "r"], n), mask=np.arange(n) % 13 == 5)
    return mixed(n).append_column("y", y).append_column("w", [rng.random(n) * 9])


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("size", [7, 1000])
@pytest.mark.parametrize("bits", [None, 6])
def test_rows_on_disk_are_those_of_the_table(tmp_path, share, size, bits):
    table = labelled()
    stream = stream_of(table, tmp_path, share=share, size=size, hash_bits=bits)
    told = []
    done = encoded(stream, tmp_path, told.append)
    y, keep = stream.target.encode(table["y"])
    held = held_out(0, 300, share, seed=4)[keep]
    rows = stream.features.encode(table.filter(pa.array(keep)))
    for shelf, which in ((done.train, ~held), (done.held, held)):
        assert shelf.n_rows == which.sum()
        np.testing.assert_array_equal(shelf.target, y[which])
        if which.any():
            assert abs(shelf.inputs - rows[which]).max() == 0
        assert shelf.weight is None
        shelf.check()
    assert (done.unknown, done.gaps) == (int((~keep).sum()), 0)
    assert len(told) == (bits is None)
    sizes = sum(path.stat().st_size for path in tmp_path.glob("*.bin"))
    assert done.n_bytes == sizes


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("classes", [None, "balanced", {"p": 3, "q": 0.5}])
def test_weights_are_those_of_the_table_in_memory(tmp_path, weight, classes):
    table = labelled()
    stream = stream_of(table, tmp_path, share=0.3, weight=weight, classes=classes)
    done = encoded(stream, tmp_path, lambda _: None)
    y, keep = stream.target.encode(table["y"])
    given = np.ones(300) if weight is None else table["w"].to_numpy()
    factors = [given[keep]]
    if classes is not None:
        factors.append(class_weights(y, stream.target, classes))
    want, held = row_weights(*factors), held_out(0, 300, 0.3, seed=4)[keep]
    for shelf, which in ((done.train, ~held), (done.held, held)):
        if weight is None and classes is None:
            assert shelf.weight is None
        else:
            np.testing.assert_allclose(shelf.weight, want[which], rtol=2e-7)


def test_large_weights_do_not_overflow(tmp_path):
    table = labelled().drop_columns(["w"])
    table = table.append_column("w", [np.full(300, 1e308)])
    done = encoded(stream_of(table, tmp_path, weight="w"), tmp_path, lambda _: None)
    np.testing.assert_allclose(done.train.weight, 1)


def weights(values):
    return labelled().drop_columns(["w"]).append_column("w", [values])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros(300), "every row to train on weighs 0"),
        (np.where(held_out(0, 300, 0.3, seed=4), 0.0, 1.0), "to validate on weighs 0"),
        (np.where(held_out(0, 300, 0.3, seed=4), 1.0, 0.0), "to train on weighs 0"),
        (np.where(np.arange(300) == 50, -1.0, 1.0), "batch 2: w, row 14: weight -1"),
        (np.where(np.arange(300) == 50, np.nan, 1.0), "batch 2: w, row 14: weight na"),
    ],
)
def test_weights_that_cannot_be_used_are_told(tmp_path, values, told):
    stream = stream_of(weights(values), tmp_path, share=0.3, weight="w")
    with pytest.raises(DataError, match=told):
        encoded(stream, tmp_path, lambda _: None)


def test_weights_may_leave_nothing_to_learn(tmp_path):
    table = labelled()
    only = np.array([label == "q" for label in table["y"].to_pylist()], float)
    with pytest.raises(DataError, match="it is 'q' in every row to train on that weig"):
        encoded(
            stream_of(weights(only), tmp_path, weight="w"), tmp_path, lambda _: None
        )


def test_values_that_do_not_fit_are_told_by_their_place(tmp_path):
    good = pa.table({"x": [1.5, 2.5, 5.5] * 30, "y": np.arange(90.0)})
    bad = good.set_column(0, "x", [["1", "2"] * 44 + ["five", "6"]])
    learnt = stream_of(good, tmp_path).features
    stream = stream_of(bad, tmp_path)._replace(features=learnt, sieve=learnt)
    with pytest.raises(DataError, match="batch 3: column x, row 15: 'five' is not"):
        encoded(stream, tmp_path, lambda _: None)


def test_too_little_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    class Usage:
        free = 10

    monkeypatch.setattr(encoding.shutil, "disk_usage", lambda _: Usage)
    stream = stream_of(labelled(), tmp_path)
    with pytest.raises(DataError, match=r"0.1 MB are needed .* free\. Name a folder"):
        encoded(stream, tmp_path, lambda _: None)
    assert not list(tmp_path.glob("*.bin"))


def test_labels_beyond_those_known_are_found(tmp_path):
    table = pa.table({"y": ["p", None, "q"] * 30 + ["r", "p", "s"]})
    shards = open_shards((table.slice(i, 20) for i in range(0, 93, 20)), tmp_path)
    found = distinct_of(shards, "y", table["y"].slice(0, 9), most=10)
    assert found.to_pylist() == ["r", "s"]
    assert not len(distinct_of(shards, "y", table["y"].slice(0, 9), most=2))


def test_shelves_know_when_they_are_not_whole(tmp_path):
    def made():
        shelf = Shelf(tmp_path, "train", 2, sparse=False, dtype=np.float32)
        with contextlib.ExitStack() as stack:
            shelf.open(stack)
            shelf.add(np.ones((3, 2)), np.zeros(3), np.ones(3))
        shelf.weigh(np.ones(3))
        shelf.check()
        return shelf

    for part in ("values", "target", "given", "weight"):
        shelf = made()
        path = shelf.paths[part]
        for damage in (path.read_bytes()[:-1], path.read_bytes() + b"0"):
            path.write_bytes(damage)
            with pytest.raises(DataError, match=f"train-{part}.bin: damaged"):
                shelf.check()
        path.unlink()
        with pytest.raises(DataError, match="damaged"):
            shelf.check()


def test_sizes_are_told_as_people_write_them():
    assert [size_of(n) for n in (0, 1e6, 1.5e9)] == ["0.1 MB", "1.0 MB", "1.5 GB"]
