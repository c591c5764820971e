"""Times that can be compared: rivals take turns, and medians are told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

Times = dict[str, list[float]]


def once(work: Callable[[], Any]) -> float:
    """Seconds that a call takes, with what it leaves to the device."""
    began = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - began


def in_turns(rivals: Mapping[str, Callable[[], Any]], *, repeats: int) -> Times:
    """Seconds of each rival in each round; all are warmed up once.

    A machine that is busy for a while slows every rival of a round, so ratios hold.

    Args:
        rivals: calls by name.
        repeats: rounds.
    """
    for work in rivals.values():
        once(work)
    times: Times = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, work in rivals.items():
            times[name].append(once(work))
    return times


def median(times: Times, name: str) -> float:
    """The median of a rival's seconds."""
    return statistics.median(times[name])


def ratio(times: Times, name: str, against: str) -> float:
    """The median over rounds of one rival's time over another's.

    >>> ratio({"a": [2.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b")
    2.0
    """
    rounds = zip(times[name], times[against], strict=True)
    return statistics.median(mine / theirs for mine, theirs in rounds)
