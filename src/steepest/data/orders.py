"""Orders of rows: shuffles and a split. Functions of the seed alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_whole
from steepest.core.random import check_seed

SPLIT = 2**64 - 1  # the stream of the split: an epoch that no run reaches


def order(n_rows: int, *, seed: int = 0, epoch: int = 0) -> np.ndarray[Any, Any]:
    """The order in which an epoch visits the rows: each row once.

    Drawn by Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
    keyed by (seed, epoch): any epoch can be drawn without those before it, and neither
    time nor threads matter.

    Args:
        n_rows: number of rows, >= 0.
        seed: in [0, 2**31).
        epoch: in [0, 2**64 - 1).

    Returns:
        (n_rows,) int32, or int64 beyond 2**31 rows.

    Raises:
        UsageError: an argument outside its range.

    >>> sorted(order(4, seed=1, epoch=2).tolist())
    [0, 1, 2, 3]
    """
    if not (is_whole(epoch) and 0 <= epoch < SPLIT):
        raise UsageError(f"epoch={epoch}: must be a whole number from 0 on.")
    return _permutation(n_rows, seed, epoch)


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


def _permutation(n_rows: int, seed: int, epoch: int) -> np.ndarray[Any, Any]:
    """All rows in the order of the stream (seed, epoch)."""
    if not (is_whole(n_rows) and n_rows >= 0):
        raise UsageError(f"n_rows={n_rows}: must be a whole number >= 0.")
    key = np.array([check_seed(seed), epoch], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    kind = np.int32 if n_rows < 2**31 else np.int64
    return generator.permutation(np.arange(n_rows, dtype=kind))


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
