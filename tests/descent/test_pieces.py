"""Rows that lie in a file, read a piece at a time: the numbers of rows in memory."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.core import random
from steepest.core.mapped import is_mapped, mapped
from steepest.data.blocks import Blocks
from steepest.data.orders import Chunks, order
from steepest.descent import linear_tables
from steepest.descent.kernels import Csr, Plan
from steepest.descent.linear_engine import LinearEngine, RowSource
from steepest.descent.linear_tables import Table, picked, pieces
from steepest.descent.loop import descend
from steepest.descent.sources import TableSource
from steepest.descent.summed import objective
from steepest.problems.losses import LOSSES
from steepest.problems.models import Linear
from steepest.problems.objectives import TableObjective
from steepest.records import Stopping
from steepest.steps import settle

RNG = np.random.default_rng(0)
N, D = 500, 6
X = RNG.normal(size=(N, D))
X[RNG.random(X.shape) < 0.4] = 0
LINE = X @ RNG.normal(size=D) + RNG.normal(size=N) / 10
WEIGHT = RNG.uniform(0.5, 2, N)


class Judge:
    validates = restores = False

    def epoch(self, state):
        return None

    def end(self, params, stats):
        return 0.0, 0.0


def in_file(folder, name, array):
    (folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
    return mapped(folder / name, array.dtype, array.shape)


def sparse(rows):
    where = rows != 0
    ends = np.concatenate([[0], np.cumsum(where.sum(axis=1))])
    return Csr(rows[where], np.nonzero(where)[1].astype(np.int32), ends)


def tables(folder, *, of=X, y=LINE, csr=False, weight=WEIGHT):
    """The same rows in memory and in files."""
    inputs = sparse(of) if csr else of
    held = Table(inputs, y, weight, D)
    if csr:
        kept = Csr(*(in_file(folder, f"x{i}", part) for i, part in enumerate(inputs)))
    else:
        kept = in_file(folder, "x", inputs)
    some = None if weight is None else in_file(folder, "w", weight)
    return held, Table(kept, in_file(folder, "y", y), some, D)


def dense(inputs):
    if not isinstance(inputs, Csr):
        return np.array(inputs)
    rows = np.zeros((len(inputs.indptr) - 1, D))
    ends = inputs.indptr - inputs.indptr[0]
    for i, (low, high) in enumerate(itertools.pairwise(ends)):
        rows[i, inputs.indices[low:high]] = inputs.data[low:high]
    return rows


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("n_bytes", [1, 700, 5000, 1 << 25])
def test_pieces_are_the_table_in_its_order(tmp_path, monkeypatch, csr, n_bytes):
    monkeypatch.setattr(linear_tables, "PIECE_BYTES", n_bytes)
    held, kept = tables(tmp_path, csr=csr)
    assert [part is held for part in pieces(held)] == [True]
    found = [
        (dense(part.inputs), part.target.copy(), part.weight.copy())
        for part in pieces(kept)
    ]
    assert (len(found) == 1) == (n_bytes == 1 << 25)
    for one, two in zip(
        map(np.concatenate, zip(*found, strict=True)), (X, LINE, WEIGHT), strict=True
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("csr", [False, True])
def test_rows_are_picked_in_the_order_asked_for(tmp_path, monkeypatch, csr):
    monkeypatch.setattr(linear_tables, "PIECE_BYTES", 700)
    held, kept = tables(tmp_path, csr=csr)
    for rows in (RNG.integers(0, N, 60), np.arange(N)[::-1], np.zeros(0, int)):
        some = picked(kept, rows)
        assert not is_mapped(some.target)
        np.testing.assert_array_equal(dense(some.inputs), X[rows])
        np.testing.assert_array_equal(some.target, LINE[rows])
        np.testing.assert_array_equal(some.weight, WEIGHT[rows])
        if len(rows):
            same = picked(held, rows)
            np.testing.assert_array_equal(dense(some.inputs), dense(same.inputs))


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("loss", ["squared", "log", "huber", "absolute"])
def test_a_pass_over_pieces_sums_to_the_same(tmp_path, monkeypatch, csr, weighed, loss):
    y = (LINE > 0).astype(float) if loss == "log" else LINE
    weight = WEIGHT if weighed else None
    held, kept = tables(tmp_path, csr=csr, y=y, weight=weight)
    plan = Plan(loss=loss, l2=0.3)
    params = {"bias": np.array([0.3]), "weight": RNG.normal(size=(D, 1))}
    want, slope = objective(plan, held, params)
    monkeypatch.setattr(linear_tables, "PIECE_BYTES", 900)
    found, grad = objective(plan, kept, params)
    assert found == pytest.approx(want, rel=1e-13)
    for name, part in grad.items():
        np.testing.assert_allclose(part, slope[name], rtol=1e-11, atol=1e-13)


def visited(n, epoch, chunk):
    return order(n, seed=3, epoch=epoch, chunk=chunk).astype(np.int64)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 3))
@settings(max_examples=30)
def test_an_epoch_visits_each_row_once(tmp_path_factory, batch, batches, epoch):
    _, kept = tables(tmp_path_factory.mktemp("rows"), y=np.arange(float(N)))
    chunks = Chunks(N, batch * batches, seed=3)
    source = RowSource(kept, batch, chunks, visited)
    seen, sizes, at = [], [], 0
    while at < source.per_epoch:
        visits, first, steps, _ = source.stretch(epoch, at, 1 + at % 3)
        for k in range(first, first + steps):
            rows = visits.order[k * batch : (k + 1) * batch]
            seen.extend(visits.table.target[rows])
            sizes.append(len(rows))
        at += steps
    np.testing.assert_array_equal(np.sort(seen), np.arange(N))
    assert set(sizes[:-1]) <= {batch}
    # entered anywhere, an epoch goes on as it would have
    middle = source.per_epoch // 2
    fresh = RowSource(kept, batch, Chunks(N, batch * batches, seed=3), visited)
    one, two = (each.stretch(epoch, middle, 1) for each in (source, fresh))
    np.testing.assert_array_equal(one.batches.order, two.batches.order)
    np.testing.assert_array_equal(one.batches.table.target, two.batches.table.target)
    assert one[1:] == two[1:]


def in_order(source, epochs):
    """The batches of rows that a source tells of, by their place in the table."""
    for epoch in range(epochs):
        at = 0
        while at < source.per_epoch:
            visits, first, steps, _ = source.stretch(epoch, at, 7)
            for k in range(first, first + steps):
                size = source.batch_size
                rows = visits.order[k * size : (k + 1) * size]
                yield dense(visits.table.inputs)[rows], visits.table.target[rows]
            at += steps


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize(("batch", "chunk"), [(1, 64), (8, 64), (32, 32), (100, 300)])
def test_steps_follow_a_loop_by_hand_in_the_order_told(tmp_path, csr, batch, chunk):
    _, kept = tables(tmp_path, csr=csr, weight=None)

    def source():
        return RowSource(kept, batch, Chunks(N, chunk, seed=3), visited)

    rule, numbers = settle("gd", 0.01)
    plan = Plan(loss="squared", batch_size=batch, l2=0.1)
    objective_ = TableObjective(Linear(), LOSSES["squared"])
    numbers["objective"] = {"l2": 0.1}
    engine = LinearEngine(objective_, plan, rule, numbers, dtype=np.float64)
    params = {"bias": np.zeros(1), "weight": np.zeros((D, 1))}
    start = engine.start(params, (), random.key(0))
    ended = descend(engine, source(), start, Stopping(max_epochs=2), judge=Judge())
    weight, bias = np.zeros(D), 0.0
    for rows, y in in_order(source(), 2):
        slope = 2 * (rows @ weight + bias - y) / len(y)
        weight, bias = (
            weight - 0.01 * (rows.T @ slope + 0.1 * weight),
            bias - 0.01 * slope.sum(),
        )
    np.testing.assert_allclose(ended.params["weight"][:, 0], weight, rtol=1e-9)
    np.testing.assert_allclose(ended.params["bias"], bias, rtol=1e-9)


def test_blocks_of_a_file_are_made_ahead_and_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("steepest.data.blocks.CHUNK_BYTES", 4000)
    monkeypatch.setattr("steepest.data.blocks.BLOCK_BYTES", 1000)
    _, kept = tables(tmp_path)
    arrays = kept.inputs, kept.target, kept.weight
    source = TableSource(Blocks(arrays, batch_size=20, seed=1))
    plain = Blocks(arrays, batch_size=20, seed=1)
    for epoch in range(2):
        for batch in range(source.per_epoch):
            found, first, _, _ = source.stretch(epoch, batch, 1)
            block = plain.block(epoch, batch)
            assert first == batch - block.first
            for one, two in zip(found, block.arrays, strict=True):
                np.testing.assert_array_equal(one, two.astype(one.dtype))
