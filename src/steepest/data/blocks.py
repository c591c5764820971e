"""Blocks: the rows of a table in the order of an epoch, a few batches at a time.

Every row of an epoch is in exactly one batch, the ragged last one included. What a
block holds depends on (seed, epoch, position) alone, so a run can resume anywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import UsageError
from steepest.core.mapped import is_mapped, release
from steepest.core.numbers import is_whole
from steepest.core.words import plural
from steepest.data.orders import CHUNK_BYTES, Chunk, Chunks, order

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
    """A table as a source of blocks.

    Args:
        arrays: arrays with one leading axis of rows: inputs, target, and last the
            weight of each row.
        batch_size: rows a batch, from 1 to all; "full" for all in one batch.
        seed: of the shuffles; each epoch draws its own order.
        fill: whether the ragged batch is filled up with rows of weight 0. Then one
            program fits all batches; not for models in which the rows of a batch
            meet (batch norm).

    Raises:
        UsageError: a batch size that is not a whole number from 1 to all rows.

    >>> blocks = Blocks((np.arange(5.0), np.ones(5)), batch_size=2, seed=0)
    >>> blocks.batches_per_epoch, blocks.samples_at(4)
    (3, 7)
    """

    def __init__(
        self,
        arrays: tuple[np.ndarray[Any, Any], ...],
        *,
        batch_size: int | str,
        seed: int = 0,
        fill: bool = True,
    ) -> None:
        self.arrays, self.seed = arrays, seed
        self.n_rows = len(arrays[0])
        self.batch_size = batch_rows(batch_size, self.n_rows)
        self.batches_per_epoch = -(-self.n_rows // self.batch_size)
        ragged = self.n_rows % self.batch_size > 0 and not fill
        self._even = self.batches_per_epoch - ragged
        row_bytes = sum(a.nbytes for a in arrays) / self.n_rows
        fit = int(BLOCK_BYTES / (row_bytes * self.batch_size))
        self.capacity = max(1, min(fit, self._even))
        block, chunk = self.capacity * self.batch_size, self.n_rows
        if any(map(is_mapped, arrays)):  # what is visited together fits into memory
            chunk = max(1, int(CHUNK_BYTES / (row_bytes * block))) * block
        self.chunks = Chunks(self.n_rows, chunk, seed=seed)
        self._held: tuple[int, Chunk, np.ndarray[Any, Any]] | None = None

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

        Blocks have a fixed number of batches, so that one program fits them all; a
        ragged batch that is not filled up is a block of its own.
        """
        if batch >= self._even:
            return Block(self._gather(epoch, self._even, 1, fill=False), self._even, 1)
        first = batch - batch % self.capacity
        count = min(self.capacity, self._even - first)
        arrays = self._gather(epoch, first, self.capacity, fill=True)
        return Block(arrays, first, count)

    def _rows(self, epoch: int, start: int, count: int) -> np.ndarray[Any, Any]:
        """Places of so many rows of an epoch, fewer at its end.

        They are of one chunk: chunks hold whole blocks, but for the last one.
        """
        chunk = self.chunks.at(epoch, start)
        if self._held is None or self._held[:2] != (epoch, chunk):
            if self._held is not None:
                self._let_go(self._held[1])
            drawn = order(chunk.rows, seed=self.seed, epoch=epoch, chunk=chunk.number)
            self._held = epoch, chunk, drawn
        first = start - chunk.before
        return chunk.first + self._held[2][first : first + count]

    def _let_go(self, chunk: Chunk) -> None:
        """Free the memory of rows that lie in a file."""
        for array in self.arrays:
            release(array[chunk.first : chunk.first + chunk.rows])

    def _gather(
        self, epoch: int, first: int, n_batches: int, *, fill: bool
    ) -> tuple[np.ndarray[Any, Any], ...]:
        """Some batches as arrays (n_batches, batch_size, ...)."""
        if self.full:
            return tuple(array[None] for array in self.arrays)
        start = first * self.batch_size
        rows = self._rows(epoch, start, n_batches * self.batch_size)
        real = len(rows)
        if fill and real < n_batches * self.batch_size:
            rows = np.resize(rows, n_batches * self.batch_size)
        picked = [array.take(rows, axis=0) for array in self.arrays]
        picked[-1][real:] = 0
        return tuple(a.reshape(n_batches, -1, *a.shape[1:]) for a in picked)


def batch_rows(batch_size: int | str, n_rows: int) -> int:
    """Rows a batch holds.

    Args:
        batch_size: a whole number from 1 to n_rows, or "full".
        n_rows: rows of the table.

    Raises:
        UsageError: anything else.

    >>> batch_rows("full", 10), batch_rows(10, 10), batch_rows(4, 10)
    (10, 10, 4)
    """
    if batch_size == "full":
        return n_rows
    if not (is_whole(batch_size) and int(batch_size) >= 1):
        raise UsageError(
            f"batch_size={batch_size!r}: must be a whole number >= 1, 'full' or 'auto'."
        )
    if int(batch_size) > n_rows:
        raise UsageError(
            f"batch_size={batch_size}: there are only {plural(n_rows, 'row')} to train "
            "on. Take at most so many, or batch_size='full' for all of them."
        )
    return int(batch_size)
