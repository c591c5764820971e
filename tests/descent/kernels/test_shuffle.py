"""Orders that memory likes: complete, repeatable, and random enough."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core.errors import UsageError
from steepest.descent.kernels.shuffle import WINDOW, block_rows, shuffle_order


@given(st.integers(0, 5000), st.integers(1, 3000), st.integers(0, 2**31 - 1))
def test_an_order_visits_each_row_once_and_repeats(n_rows, n_columns, seed):
    order = shuffle_order(n_rows, n_columns, seed=seed, epoch=3)
    np.testing.assert_array_equal(np.sort(order), np.arange(n_rows))
    again = shuffle_order(n_rows, n_columns, seed=seed, epoch=3)
    np.testing.assert_array_equal(order, again)


def test_orders_differ_by_seed_and_epoch():
    orders = {
        tuple(shuffle_order(50, 28, seed=seed, epoch=epoch))
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(orders) == 16


def test_every_row_is_as_likely_anywhere():
    n, draws = 4096, 400
    places = np.empty((draws, n))
    for epoch in range(draws):
        places[epoch, shuffle_order(n, 28, epoch=epoch)] = np.arange(n)
    # The mean place of each row, within 5 standard deviations of the middle.
    far = np.abs(places.mean(axis=0) - (n - 1) / 2)
    assert far.max() < 5 * n / np.sqrt(12 * draws)


def test_a_window_mixes_many_blocks():
    n = 100_000
    order = shuffle_order(n, 28)
    window = order[WINDOW : 2 * WINDOW]
    assert len(np.unique(window // block_rows(28))) >= WINDOW // block_rows(28)
    # A window samples the whole file: its mean is that of so many blocks.
    sd = n / np.sqrt(12 * WINDOW / block_rows(28))
    assert abs(window.mean() - n / 2) < 4 * sd
    near = np.abs(np.diff(window)) == 1
    assert near.mean() < 0.01


def test_wide_rows_are_shuffled_fully():
    order = shuffle_order(20_000, 1000)
    window = order[:WINDOW]
    sd = 20_000 / np.sqrt(12 * WINDOW)
    assert abs(window.mean() - 10_000) < 4 * sd


def test_bad_arguments_are_refused():
    with pytest.raises(UsageError, match="seed=-1"):
        shuffle_order(5, 1, seed=-1)
    with pytest.raises(UsageError, match="epoch=-1"):
        shuffle_order(5, 1, epoch=-1)


def test_importing_the_package_imports_no_numba():
    code = (
        "import sys, steepest, steepest.descent.kernels as kernels;"
        "kernels.start(kernels.Plan(), 1, 2);"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
