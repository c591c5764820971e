"""Orders of rows that memory likes: blocks in random order, mixed in windows.

A fully random order waits for memory at nearly every narrow row. Here the file is cut
into blocks of some kilobytes, at an offset that each epoch draws; the blocks come in
random order; and the rows of each window, which many blocks fill, are shuffled.

How random that is: each row is as likely at any place of the epoch, up to the edges of
blocks. Two rows of different blocks meet as in a full shuffle. Rows that lie side by
side share a window, and are somewhat more likely to be in one batch: in a file sorted
by its target, a window holds about WINDOW / block independent stretches of it, not
WINDOW. Where that matters, give `train` an order of steepest.data.orders instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.core.errors import UsageError
from steepest.core.numbers import is_whole
from steepest.core.random import check_seed
from steepest.descent.kernels.compiled import kernel
from steepest.descent.kernels.plan import Array

WINDOW = 2048
"""Rows that are shuffled among themselves."""
BLOCK_VALUES = 4096
"""Values in a block: 16 kB in float32. Very wide rows are blocks by themselves."""
MOST_BLOCK_ROWS = 64
_STREAM = 2**63
"""Parts the keys from those of steepest.data.orders, which hold the seed alone."""


def shuffle_order(
    n_rows: int, n_columns: int, *, seed: int = 0, epoch: int = 0, chunk: int = 0
) -> Array:
    """The order in which an epoch visits the rows: each row once.

    A function of its arguments alone, drawn by Philox keyed by (seed, epoch).

    Args:
        n_rows: number of rows.
        n_columns: values in a row; the mean number of them in sparse rows.
        seed: in [0, 2**31).
        epoch: >= 0.
        chunk: of a larger table, >= 0; the rows are those of it.

    Returns:
        (n_rows,) int64.

    Raises:
        UsageError: a seed or an epoch outside its range.

    >>> sorted(shuffle_order(4, 1, seed=1, epoch=2).tolist())
    [0, 1, 2, 3]
    """
    if not (is_whole(epoch) and 0 <= epoch < 2**64):
        raise UsageError(f"epoch={epoch}: must be a whole number from 0 on.")
    key = np.array([_STREAM + check_seed(seed), epoch], np.uint64)
    bits = np.random.Philox(key=key, counter=np.array([0, 0, 0, chunk], np.uint64))
    block = block_rows(n_columns)
    raw = bits.random_raw(n_rows // 2 + 2).view(np.uint32)
    offset = int(raw[-1]) % block if block > 1 else 0
    blocks = np.random.Generator(bits).permutation(-(-(n_rows + offset) // block))
    order = np.empty(n_rows, np.int64)
    _fill(order, blocks, raw, block, offset, WINDOW)
    return order


def block_rows(n_columns: int) -> int:
    """Rows that stay side by side until they are shuffled in their window.

    >>> block_rows(28), block_rows(1000), block_rows(1)
    (64, 4, 64)
    """
    return min(MOST_BLOCK_ROWS, max(1, BLOCK_VALUES // max(n_columns, 1)))


@kernel
def _fill(
    order: Any, blocks: Any, raw: Any, block: int, offset: int, window: int
) -> None:
    """Write the rows of the blocks; shuffle each window as it fills.

    The inside-out form of Fisher and Yates 1938: a row takes the place of one of those
    before it, which moves to the end.
    """
    n, at, low = order.size, 0, 0
    for i in range(blocks.size):
        first = blocks[i] * block - offset
        for row in range(max(first, 0), min(first + block, n)):
            # A share of 32 random bits: off by less than 1e-6 of a fair draw.
            j = low + ((int(raw[at]) * (at - low + 1)) >> 32)
            order[at] = order[j]
            order[j] = row
            at += 1
            if at - low == window:
                low = at
