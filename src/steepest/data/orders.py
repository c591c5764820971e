"""Orders of rows: shuffles and a split. Functions of the seed alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_whole
from steepest.core.random import check_seed

SPLIT = 2**64 - 1  # the stream of the split: an epoch that no run reaches
CHUNKS = 2**62
"""Parts the keys of the order of chunks from others, which hold the seed alone."""
CHUNK_BYTES = 64 << 20
"""Of rows that lie in a file so many are mixed with one another."""
SPLIT_ROWS = 1 << 16
"""Rows whose parts are drawn together where a table is too large for one order."""


def order(
    n_rows: int, *, seed: int = 0, epoch: int = 0, chunk: int = 0
) -> np.ndarray[Any, Any]:
    """The order in which an epoch visits the rows: each row once.

    Drawn by Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
    keyed by (seed, epoch): any epoch can be drawn without those before it, and neither
    time nor threads matter.

    Args:
        n_rows: number of rows, >= 0.
        seed: in [0, 2**31).
        epoch: in [0, 2**64 - 1).
        chunk: of a larger table, >= 0; the rows are those of it.

    Returns:
        (n_rows,) int32, or int64 beyond 2**31 rows.

    Raises:
        UsageError: an argument outside its range.

    >>> sorted(order(4, seed=1, epoch=2).tolist())
    [0, 1, 2, 3]
    """
    if not (is_whole(epoch) and 0 <= epoch < SPLIT):
        raise UsageError(f"epoch={epoch}: must be a whole number from 0 on.")
    return _permutation(n_rows, seed, epoch, chunk)


class Chunk(NamedTuple):
    """Rows side by side that are visited before others follow."""

    number: int
    """Its place in the epoch, from 0 on."""
    first: int
    """Its first row."""
    rows: int
    """How many rows it has."""
    before: int
    """Rows of the epoch that are visited before it."""


class Chunks:
    """A table cut into pieces that fit into memory, in an order that each epoch draws.

    All have the same number of rows but one, which comes last; where in the table that
    one lies differs from epoch to epoch, so no rows are always the last.

    Args:
        n_rows: of the table, >= 1.
        chunk_rows: of a piece, >= 1.
        seed: in [0, 2**31).

    >>> chunks = Chunks(10, 4, seed=0)
    >>> [chunks.at(1, place)[1:] for place in (0, 4, 8)]
    [(2, 4, 0), (6, 4, 4), (0, 2, 8)]
    """

    def __init__(self, n_rows: int, chunk_rows: int, *, seed: int) -> None:
        self.n_rows, self.seed = n_rows, check_seed(seed)
        self.chunk_rows = min(chunk_rows, n_rows)
        self._drawn: tuple[int, np.ndarray[Any, Any], int] | None = None

    def at(self, epoch: int, place: int) -> Chunk:
        """The chunk that holds a row of an epoch.

        Args:
            epoch: >= 0.
            place: rows of the epoch visited before that row.
        """
        number, size = place // self.chunk_rows, self.chunk_rows
        whole, rest = divmod(self.n_rows, size)
        if self._drawn is None or self._drawn[0] != epoch:
            self._drawn = (epoch, *self._draw(epoch, whole))
        _, order, short = self._drawn
        if number == whole:
            return Chunk(number, short * size, rest, number * size)
        k = int(order[number])
        first = k * size + (rest if k >= short else 0)
        return Chunk(number, first, size, number * size)

    def _draw(self, epoch: int, whole: int) -> tuple[np.ndarray[Any, Any], int]:
        """(order of the whole chunks, how many of them lie before the short one)."""
        key = np.array([CHUNKS + self.seed, epoch], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key))
        return generator.permutation(whole), int(generator.integers(whole + 1))


def held_out(
    first: int, n_rows: int, share: float, *, seed: int
) -> np.ndarray[Any, Any]:
    """Which rows of a table of unknown length validate: each by a draw of its own.

    Args:
        first: number of the first row that is asked for.
        n_rows: how many are.
        share: probability of each, in [0, 1).
        seed: in [0, 2**31).

    Returns:
        (n_rows,) true for them, the same however the rows are asked for.

    >>> whole = held_out(0, 100_000, 0.1, seed=3)
    >>> part = held_out(70_000, 9, 0.1, seed=3)
    >>> int(whole.sum()), bool((part == whole[70_000:70_009]).all())
    (10114, True)
    """
    if not share:
        return np.zeros(n_rows, bool)
    parts = []
    for block in range(first // SPLIT_ROWS, -(-(first + n_rows) // SPLIT_ROWS)):
        generator = _generator(seed, SPLIT, block)
        parts.append(generator.random(SPLIT_ROWS, np.float32) < share)
    start = first % SPLIT_ROWS
    found = np.concatenate(parts) if parts else np.zeros(0, bool)
    return found[start : start + n_rows]


def held_rows(
    rows: np.ndarray[Any, Any], share: float, *, seed: int
) -> np.ndarray[Any, Any]:
    """Which of some rows validate, by their numbers: see `held_out`.

    Args:
        rows: (m,) rising numbers.
        share: as for `held_out`.
        seed: as for `held_out`.

    >>> held_rows(np.array([5, 70_001]), 0.1, seed=3).shape
    (2,)
    """
    found = np.zeros(len(rows), bool)
    blocks = rows // SPLIT_ROWS
    for block in np.unique(blocks):
        first = int(block) * SPLIT_ROWS
        drawn = held_out(first, SPLIT_ROWS, share, seed=seed)
        found[blocks == block] = drawn[rows[blocks == block] - first]
    return found


def split(
    n_rows: int,
    share: float,
    *,
    seed: int = 0,
    strata: np.ndarray[Any, Any] | None = None,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows for training and rows for validation, each in rising order.

    Args:
        n_rows: number of rows.
        share: share of the rows for validation, in [0, 1). At least one row when
            above 0, and at least one row stays for training.
        seed: in [0, 2**31).
        strata: (n_rows,) class of each row. Each class gives its share (by largest
            remainder) and keeps at least one row in training; a class of one row
            gives none.

    Returns:
        (training, validation): disjoint, together all rows.

    Raises:
        UsageError: a share outside [0, 1), or strata of another length.
        DataError: too few rows to split.

    >>> training, validation = split(10, 0.2)
    >>> training.size, validation.size
    (8, 2)
    """
    if not 0.0 <= share < 1.0:
        raise UsageError(f"validation={share}: must be a share in [0, 1), such as 0.1.")
    if share > 0.0 and n_rows < 2:
        raise DataError(f"{n_rows} rows: a validation share needs at least 2.")
    if strata is None:
        strata = np.zeros(n_rows, np.int32)
    if len(strata) != n_rows:
        raise UsageError(f"strata: {len(strata)} values for {n_rows} rows.")
    shuffled = _permutation(n_rows, seed, SPLIT)
    _, group, counts = np.unique(strata, return_inverse=True, return_counts=True)
    take = _quotas(counts, share)
    # Rows shuffled, then gathered by class: the first few of each class validate.
    by_class = shuffled[np.argsort(group[shuffled], kind="stable")]
    rank = np.arange(n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = rank < take[group[by_class]]
    return np.sort(by_class[~chosen]), np.sort(by_class[chosen])


def _permutation(
    n_rows: int, seed: int, epoch: int, chunk: int = 0
) -> np.ndarray[Any, Any]:
    """All rows in the order of the stream (seed, epoch, chunk)."""
    if not (is_whole(n_rows) and n_rows >= 0):
        raise UsageError(f"n_rows={n_rows}: must be a whole number >= 0.")
    kind = np.int32 if n_rows < 2**31 else np.int64
    generator = _generator(seed, epoch, chunk)
    return generator.permutation(np.arange(n_rows, dtype=kind))


def _generator(seed: int, epoch: int, part: int) -> np.random.Generator:
    """The stream (seed, epoch, part)."""
    key = np.array([check_seed(seed), epoch], np.uint64)
    counter = np.array([0, 0, 0, part], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def _quotas(counts: np.ndarray[Any, Any], share: float) -> np.ndarray[Any, Any]:
    """How many rows each class gives to validation, by largest remainder."""
    n_rows = int(counts.sum())
    total = 0 if share == 0.0 else max(1, round(share * n_rows))
    exact = share * counts
    take = np.floor(exact).astype(np.int64)  # below counts, as share < 1
    # The first that get one more are those that lost most to rounding down.
    lost = exact - take
    for k in np.argsort(-lost, kind="stable"):
        if take.sum() < total and lost[k] > 0.0 and take[k] < counts[k] - 1:
            take[k] += 1
    return take
