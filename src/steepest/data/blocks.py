"""Blocks: the rows of a table in the order of an epoch, a few batches at a time.

Every row of an epoch is in exactly one batch, the ragged last one included. What a
block holds depends on (seed, epoch, position) alone, so a run can resume anywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import UsageError
from steepest.data.orders import order

BLOCK_BYTES = 4 << 20
"""Size of a block: large enough to hide the cost of a call, small enough for caches."""


class Block(NamedTuple):
    """Some batches of one epoch."""

    arrays: tuple[np.ndarray[Any, Any], ...]
    """Each (n_batches, batch_size, ...): inputs, target, weight."""
    first: int
    """Number of the first batch within the epoch."""
    n_batches: int
    """How many batches count; a shorter last block is filled up behind them."""


class Blocks:
    """A table in memory as a source of blocks.

    Args:
        arrays: arrays with one leading axis of rows: inputs, target, weight.
        batch_size: rows a batch, from 1; "full" for all of them in one batch.
        seed: of the shuffles; each epoch draws its own order.

    Raises:
        UsageError: a batch size that is not a whole number >= 1.

    >>> blocks = Blocks((np.arange(5.0),), batch_size=2, seed=0)
    >>> blocks.batches_per_epoch, blocks.samples_at(4)
    (3, 7)
    """

    def __init__(
        self,
        arrays: tuple[np.ndarray[Any, Any], ...],
        *,
        batch_size: int | str,
        seed: int = 0,
    ) -> None:
        self.arrays, self.seed = arrays, seed
        self.n_rows = len(arrays[0])
        self.batch_size = _batch_size(batch_size, self.n_rows)
        self.batches_per_epoch = -(-self.n_rows // self.batch_size)
        row_bytes = sum(a.nbytes for a in arrays) / self.n_rows
        fit = int(BLOCK_BYTES / (row_bytes * self.batch_size))
        self.capacity = max(1, min(fit, self.n_rows // self.batch_size))
        self._order: tuple[int, np.ndarray[Any, Any]] = (-1, np.zeros(0, np.int32))

    @property
    def full(self) -> bool:
        """Whether every batch is the whole table: then batches do not differ."""
        return self.batch_size == self.n_rows

    def samples_at(self, step: Any) -> Any:
        """Rows trained on before a step (or an array of steps)."""
        epochs, within = divmod(step, self.batches_per_epoch)
        return epochs * self.n_rows + within * self.batch_size

    def block(self, epoch: int, batch: int) -> Block:
        """The block that holds a batch of an epoch.

        Blocks have a fixed number of batches, so that one program fits them all; the
        ragged batch at the end is a block of its own.
        """
        whole = self.n_rows // self.batch_size
        if batch >= whole:
            rows = self._rows(epoch)[whole * self.batch_size :]
            return Block(self._gather(rows, 1, len(rows)), whole, 1)
        first = batch - batch % self.capacity
        count = min(self.capacity, whole - first)
        start = first * self.batch_size
        rows = self._rows(epoch)[start : start + count * self.batch_size]
        if count < self.capacity:  # filled up with rows that no step will read
            rows = np.resize(rows, self.capacity * self.batch_size)
        return Block(self._gather(rows, self.capacity, self.batch_size), first, count)

    def _rows(self, epoch: int) -> np.ndarray[Any, Any]:
        if self.full:
            return np.arange(self.n_rows)
        if self._order[0] != epoch:
            self._order = (epoch, order(self.n_rows, seed=self.seed, epoch=epoch))
        return self._order[1]

    def _gather(
        self, rows: np.ndarray[Any, Any], n_batches: int, size: int
    ) -> tuple[np.ndarray[Any, Any], ...]:
        def shaped(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            picked = array if self.full else array.take(rows, axis=0)
            return picked.reshape(n_batches, size, *array.shape[1:])

        return tuple(shaped(array) for array in self.arrays)


def _batch_size(batch_size: int | str, n_rows: int) -> int:
    if batch_size == "full":
        return n_rows
    whole = isinstance(batch_size, int | np.integer) and not isinstance(
        batch_size, bool
    )
    if not whole or not int(batch_size) >= 1:
        raise UsageError(
            f"batch_size={batch_size!r}: must be a whole number >= 1, 'full' or 'auto'."
        )
    return min(int(batch_size), n_rows)
