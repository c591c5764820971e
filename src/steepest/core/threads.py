"""Work on stretches of rows, side by side: NumPy and kernels let other threads run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

WORTH_THREADS = 1 << 18
"""Values from which on a second thread saves more than it costs."""


def cores(values: int) -> int:
    """How many threads are worth it: as many as the process may use, or 1.

    Args:
        values: numbers to be read.

    >>> cores(1000)
    1
    """
    if values < WORTH_THREADS:
        return 1
    # Linux alone tells how many cores the process may use.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def each(work: Callable[[Any], Any], parts: Sequence[Any], threads: int) -> list[Any]:
    """What work returns for each part, in the order of the parts.

    Args:
        work: part -> anything.
        parts: of the whole.
        threads: >= 1.

    >>> each(abs, [-1, 2], 2)
    [1, 2]
    """
    if threads == 1 or len(parts) == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))
