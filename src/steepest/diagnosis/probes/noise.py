"""The noise of batches: how far their gradients are from that over all rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.records.trace import Trace

TAIL, FEWEST = 200, 8
"""The last batches that are looked at, and how many it takes."""
SHARE = 0.34
"""But no more than this share of the run: the noise changes along the way."""
DEVIATIONS = 1.96
"""Either side of the mean: 95 % of normal errors lie within."""


class Noise(NamedTuple):
    """What differs between the gradient of a batch and that over all rows."""

    batch: float
    """E |g_B|^2 - |G|^2: the variance of a batch gradient, all params together"""
    full: float
    """|G|^2 over all rows, at the returned params"""
    scale: float
    """rows of a batch whose noise is as long as |G|: tr(Sigma) / |G|^2"""
    low: float
    """of its 95 % interval"""
    high: float
    batches: int
    """that were looked at"""


def noise_of(trace: Trace, batch_size: int, n_rows: int) -> Noise | None:
    """The gradient noise scale at the end of a fit on batches.

    B = tr(Sigma) / |G|^2;  E |g_b|^2 = |G|^2 + (tr(Sigma) / b) (n - b) / (n - 1)

    The gradients of batches of b rows are those of the last rows of the trace, G is
    that over all n rows in its last one, which is at the returned params.

    Args:
        trace: rows of a fit whose batches differ.
        batch_size: b.
        n_rows: n.

    Returns:
        None where fewer than 8 batches are known, or all rows are in each.

    >>> from steepest.records import Row
    >>> grads = np.array([3.0, 5.0] * 20 + [1.0])
    >>> rows = Row(*(np.zeros(41) for _ in Row._fields))._replace(grad_norm=grads)
    >>> found = noise_of(Trace(rows), 10, 10**9)
    >>> round(found.scale), found.low < found.scale < found.high
    (166, True)

    Source: McCandlish et al. 2018, arXiv 1812.06162, eq. 2.9 and appendix A.1.
    """
    if batch_size >= n_rows or len(trace) < FEWEST + 1:
        return None
    count = int(min(TAIL, max(FEWEST, SHARE * len(trace))))
    norms = np.asarray(trace.grad_norm, float)[:-1][-count:]
    full = float(trace.grad_norm[-1]) ** 2
    with np.errstate(over="ignore"):
        squares = norms * norms
    squares = squares[np.isfinite(squares)]
    if len(squares) < FEWEST or not np.isfinite(full):
        return None
    mean = float(squares.mean())
    error = DEVIATIONS * float(squares.std(ddof=1)) / len(squares) ** 0.5
    times = batch_size * (n_rows - 1) / (n_rows - batch_size) / max(full, 1e-300)
    low, scale, high = (
        float(max(0.0, edge - full) * times)
        for edge in (mean - error, mean, mean + error)
    )
    return Noise(max(0.0, mean - full), full, scale, low, high, len(squares))
