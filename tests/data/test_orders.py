"""Shuffles and splits: complete, disjoint, functions of their arguments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import DataError, UsageError
from steepest.data.orders import Chunks, held_out, held_rows, order, split

SEEDS = st.integers(0, 2**31 - 1)


@given(st.integers(0, 500), SEEDS, st.integers(0, 2**64 - 2))
def test_an_order_is_a_permutation_and_repeats(n_rows, seed, epoch):
    rows = order(n_rows, seed=seed, epoch=epoch)
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(np.sort(rows), np.arange(n_rows))
    np.testing.assert_array_equal(rows, order(n_rows, seed=seed, epoch=epoch))


def test_orders_differ_by_seed_and_by_epoch():
    orders = {
        tuple(order(50, seed=seed, epoch=epoch))
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_an_order_is_philox_keyed_by_seed_and_epoch():
    philox = np.random.Philox(key=np.array([3, 4], np.uint64))
    want = np.random.Generator(philox).permutation(20)
    np.testing.assert_array_equal(order(20, seed=3, epoch=4), want)


def test_orders_are_uniform():
    # Each row is as often first: 4,000 draws of 8 rows, within 5 standard deviations.
    first = np.bincount(
        [order(8, seed=0, epoch=e)[0] for e in range(4000)], minlength=8
    )
    assert np.abs(first - 500).max() < 5 * np.sqrt(500 * 7 / 8)


@given(st.integers(2, 300), st.floats(0, 0.999), SEEDS)
def test_a_split_is_disjoint_complete_sorted_and_repeats(n_rows, share, seed):
    training, validation = split(n_rows, share, seed=seed)
    together = np.concatenate([training, validation])
    np.testing.assert_array_equal(np.sort(together), np.arange(n_rows))
    assert (np.diff(training) > 0).all()
    assert (np.diff(validation) > 0).all()
    wanted = 0 if share == 0 else min(max(1, round(share * n_rows)), n_rows - 1)
    assert validation.size == wanted
    np.testing.assert_array_equal(validation, split(n_rows, share, seed=seed)[1])


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=200), st.floats(0.01, 0.9), SEEDS
)
def test_a_stratified_split_keeps_every_class_and_its_share(strata, share, seed):
    strata = np.array(strata)
    training, validation = split(len(strata), share, seed=seed, strata=strata)
    together = np.concatenate([training, validation])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(strata)))
    for label in np.unique(strata):
        n, n_validation = (strata == label).sum(), (strata[validation] == label).sum()
        assert (strata[training] == label).any()
        assert n_validation <= np.ceil(share * n)
        assert n_validation >= min(np.floor(share * n), n - 1)


@pytest.mark.parametrize("n_rows", [2, 3, 7, 10, 1000, 2**20])
def test_the_largest_share_leaves_a_row_for_training(n_rows):
    training, _ = split(n_rows, float(np.nextafter(1.0, 0.0)))
    assert training.size == 1


def test_strata_may_be_labels():
    strata = np.array(["a"] * 90 + ["b"] * 10)
    _, validation = split(100, 0.2, strata=strata)
    assert np.unique(strata[validation], return_counts=True)[1].tolist() == [18, 2]


def test_a_split_differs_by_seed_and_from_the_orders():
    splits = {tuple(split(50, 0.5, seed=seed)[1]) for seed in range(9)}
    assert len(splits) == 9


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: order(5, seed=-1), "seed=-1"),
        (lambda: order(5, seed=1.5), "seed=1.5"),
        (lambda: order(5, seed=2**31), "seed=2147483648"),
        (lambda: order(5, seed=True), "seed=True"),
        (lambda: order(5, epoch=-1), "epoch=-1"),
        (lambda: order(-5), "n_rows=-5"),
        (lambda: split(5, 1.0), r"validation=1\.0"),
        (lambda: split(5, float("nan")), "validation=nan"),
        (lambda: split(5, 0.5, strata=np.zeros(4)), "4 values for 5 rows"),
    ],
)
def test_bad_arguments(call, told):
    with pytest.raises(UsageError, match=told):
        call()


def test_one_row_cannot_be_split():
    with pytest.raises(DataError, match="1 rows"):
        split(1, 0.1)
    assert split(1, 0.0)[0].tolist() == [0]


@given(st.integers(1, 300), st.integers(1, 60), SEEDS, st.integers(0, 5))
def test_chunks_hold_every_row_once_and_only_the_last_is_short(n, size, seed, epoch):
    chunks = Chunks(n, size, seed=seed)
    found, place = [], 0
    while place < n:
        found.append(chunks.at(epoch, place))
        place += found[-1].rows
    rows = np.concatenate([np.arange(c.first, c.first + c.rows) for c in found])
    np.testing.assert_array_equal(np.sort(rows), np.arange(n))
    assert all(c.rows == min(size, n) for c in found[:-1])
    assert [c.number for c in found] == list(range(len(found)))
    assert [c.before for c in found] == np.cumsum([0, *(c.rows for c in found)])[
        :-1
    ].tolist()


@given(st.integers(1, 300), st.integers(1, 60), SEEDS, st.integers(0, 299))
def test_a_chunk_is_found_from_any_of_its_places(n, size, seed, place):
    chunks, place = Chunks(n, size, seed=seed), place % n
    chunk = chunks.at(3, place)
    assert chunk.before <= place < chunk.before + chunk.rows
    chunks.at(7, 0)  # another epoch between
    assert chunks.at(3, chunk.before) == chunk
    assert Chunks(n, size, seed=seed).at(3, chunk.before + chunk.rows - 1) == chunk


def test_the_order_of_chunks_is_drawn_for_each_epoch_and_seed():
    drawn = {
        tuple(Chunks(40, 4, seed=seed).at(epoch, 4 * k).first for k in range(10))
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(drawn) == 16


def test_no_rows_are_always_in_the_short_chunk():
    # 10 rows by 4: the short one lies at 0, 4 or 8, each in a third of the epochs
    chunks = Chunks(10, 4, seed=0)
    places = [chunks.at(epoch, 8).first for epoch in range(3000)]
    counts = np.bincount(places, minlength=9)[[0, 4, 8]]
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(3000 * 2 / 9)


def test_chunks_draw_their_rows_from_streams_of_their_own():
    orders = {tuple(order(30, seed=1, epoch=2, chunk=chunk)) for chunk in range(20)}
    assert len(orders) == 20
    np.testing.assert_array_equal(
        order(30, seed=1, epoch=2), order(30, seed=1, epoch=2, chunk=0)
    )


@given(st.integers(0, 200_000), st.integers(0, 70_000), st.floats(0, 0.99), SEEDS)
def test_held_out_rows_do_not_depend_on_how_they_are_asked_for(first, n, share, seed):
    found = held_out(first, n, share, seed=seed)
    assert found.shape == (n,)
    middle = n // 3
    parts = [
        held_out(first, middle, share, seed=seed),
        held_out(first + middle, n - middle, share, seed=seed),
    ]
    np.testing.assert_array_equal(found, np.concatenate(parts))
    some = first + np.arange(0, n, 7)
    np.testing.assert_array_equal(held_rows(some, share, seed=seed), found[::7])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9])
def test_the_held_out_share_is_near_what_was_asked_for(share):
    n = 400_000
    count = held_out(0, n, share, seed=6).sum()
    assert abs(count - share * n) <= 5 * np.sqrt(n * share * (1 - share))


def test_held_out_rows_differ_by_seed_and_from_block_to_block():
    block = 1 << 16
    drawn = {held_out(0, block, 0.5, seed=seed).tobytes() for seed in range(4)}
    drawn |= {held_out(block * k, block, 0.5, seed=0).tobytes() for k in range(1, 4)}
    assert len(drawn) == 7


def test_no_rows_are_held_out_of_none():
    assert held_out(5, 0, 0.5, seed=0).shape == (0,)
    assert held_rows(np.zeros(0, int), 0.5, seed=0).shape == (0,)
