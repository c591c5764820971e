"""Fits of rows on disk: the same bits as fits of rows in memory."""

import functools

import jax
import numpy as np
import pytest
from streamed import mixed, parquet, rows_of

import steepest as sp
from steepest.api import linear_legs
from steepest.data import blocks, encoding
from steepest.descent import linear_tables


def small(monkeypatch):
    """Pieces and chunks of so few rows that there are many of them."""
    monkeypatch.setattr(linear_tables, "PIECE_BYTES", 4000)
    monkeypatch.setattr(linear_legs, "CHUNK_BYTES", 4000)
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 4000)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(encoding, "PIECE_ROWS", 30)


FITS = {
    "to the optimum": {},
    "a row a step": {
        "optimizer": "gd",
        "learning_rate": 0.01,
        "batch_size": 1,
        "epochs": 2,
    },
    "mini-batches": {
        "optimizer": "adam",
        "learning_rate": 0.01,
        "batch_size": 32,
        "epochs": 2,
    },
    "hashed": {"hash_bits": 5},
    "l1": {"l1": 0.1},
    "normalized": {"optimizer": "normalized", "epochs": 1},
    "batch norm": {"model": "mlp:hidden=8,norm=batch", "epochs": 1, "batch_size": 64},
}


@pytest.mark.parametrize("how", FITS)
def test_a_streamed_fit_ends_in_the_same_bits(tmp_path, how):
    frame = mixed()
    fit = functools.partial(
        sp.fit, target="y", validation=None, progress=False, **FITS[how]
    )
    found, want = fit(parquet(tmp_path, frame), stream=True), fit(frame)
    for one, two in zip(
        jax.tree.leaves(found.params), jax.tree.leaves(want.params), strict=True
    ):
        assert np.asarray(one).tobytes() == np.asarray(two).tobytes()
    assert found.run.value == want.run.value
    assert found.metrics == want.metrics
    np.testing.assert_array_equal(found.predict(frame), want.predict(frame))


def test_own_validation_rows_are_judged_on(tmp_path):
    frame, held = mixed(), mixed(60, seed=1)
    held.to_csv(tmp_path / "held.csv", index=False)
    fit = functools.partial(
        sp.fit, target="y", validation=tmp_path / "held.csv", progress=False
    )
    found, want = fit(parquet(tmp_path, frame), stream=True), fit(frame)
    assert found.metrics == want.metrics


@pytest.mark.parametrize("batch_size", [1, 7, 64, 300])
def test_every_row_once_an_epoch_and_batches_whole(tmp_path, monkeypatch, batch_size):
    small(monkeypatch)
    frame = mixed().assign(y=np.arange(400.0))
    rows = rows_of(parquet(tmp_path, frame), stream=True)
    arrays_in = (rows.train.inputs, rows.train.target, rows.train.weight)
    source = blocks.Blocks(arrays_in, batch_size=batch_size, seed=1)
    assert source.chunks.chunk_rows < 400 or batch_size == 300
    epochs = []
    for epoch in range(3):
        seen, batch = [], 0
        while batch < source.batches_per_epoch:
            block = source.block(epoch, batch)
            target, weight = (part[: block.n_batches] for part in block.arrays[1:])
            counts = (weight > 0).sum(axis=1)
            whole = counts == batch_size
            last = block.first + block.n_batches == source.batches_per_epoch
            assert whole[:-1].all()
            assert whole[-1] or last
            seen.append(target[weight > 0])
            batch = block.first + block.n_batches
        epochs.append(np.concatenate(seen))
        np.testing.assert_array_equal(
            np.sort(epochs[-1]), np.sort(np.asarray(rows.train.target))
        )
    assert not np.array_equal(epochs[0], epochs[1])
    again = blocks.Blocks(arrays_in, batch_size=batch_size, seed=1)
    middle = again.batches_per_epoch // 2
    for one, two in zip(
        again.block(2, middle).arrays, source.block(2, middle).arrays, strict=True
    ):
        np.testing.assert_array_equal(one, two)
