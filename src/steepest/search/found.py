"""Found: what many runs from many starts came to."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from steepest.core.plain import array_to_json, number_to_json, tree_to_json
from steepest.records import Run, Stop

SCHEMA = "steepest.restarts/1"


class Minimum(NamedTuple):
    """One of the distinct minima (climbing: maxima)."""

    params: Any
    """The point, in the shape of the start."""
    value: float
    """The objective there."""
    times: int
    """How many runs ended there."""
    start: int
    """Row of `starts` that its best run began at."""


class Ends(NamedTuple):
    """Where each run ended, the best first."""

    start: np.ndarray[Any, Any]
    """(n,) row of `starts` it began at."""
    params: Any
    """A tree of (n, ...)."""
    value: np.ndarray[Any, Any]
    """(n,) the objective; inf (climbing: -inf) where it never was finite."""
    grad_norm: np.ndarray[Any, Any]
    """(n,)"""
    steps: np.ndarray[Any, Any]
    """(n,) updates made."""
    stop: list[Stop]
    """(n,) why it ended."""


@dataclass(frozen=True, repr=False)
class Restarts:
    """The outcome of many runs: the distinct minima, and every run's end.

    Args:
        params: the point of the best value, in the shape of the start.
        minima: the distinct points that runs converged to, the best first.
        ends: where each run ended, the best first.
        starts: a tree of (n, ...): where the runs began.
        asked: how many runs were asked for; fewer were made after an early stop.
        why: why no more runs were made.
        outside: runs that ended outside of the bounds their starts were drawn from.
        seconds: wall-clock time, compilation included.
        settings: everything that was asked and chosen, as plain data.
        again: makes the best run alone.
    """

    params: Any
    minima: tuple[Minimum, ...]
    ends: Ends
    starts: Any
    asked: int
    why: str
    outside: int
    seconds: float
    settings: dict[str, Any]
    again: Callable[[], Run] = field(compare=False)

    @functools.cached_property
    def best(self) -> Run:
        """The best run, made once more alone, with its trace and verdict."""
        return self.again()

    @property
    def value(self) -> float:
        """The best value found."""
        return float(self.ends.value[0])

    @property
    def n(self) -> int:
        """Runs made."""
        return len(self.ends.value)

    @property
    def stops(self) -> dict[str, int]:
        """How many runs ended for each reason, the most frequent first."""
        return dict(Counter(stop.name for stop in self.ends.stop).most_common())

    @property
    def converged(self) -> int:
        """Runs that met a tolerance, or that floating point let go no further."""
        return sum(came_to_rest(stop) for stop in self.ends.stop)

    @property
    def failed(self) -> int:
        """Runs that blew up, or never saw a finite value."""
        return sum(stop.failed for stop in self.ends.stop)

    def to_json(self) -> dict[str, Any]:
        """All but the starts as plain data (schema steepest.restarts/1)."""
        params, layout = tree_to_json(self.params)
        return {
            "schema": SCHEMA,
            "params": params,
            "params_layout": layout,
            "value": number_to_json(self.value),
            "minima": [
                {
                    "params": tree_to_json(found.params)[0],
                    "value": number_to_json(found.value),
                    "count": found.times,
                }
                for found in self.minima
            ],
            "runs": {
                "asked": self.asked,
                "made": self.n,
                "converged": self.converged,
                "failed": self.failed,
                "outside": self.outside,
                "stops": self.stops,
                "why": self.why,
            },
            "values": array_to_json(self.ends.value),
            "seconds": self.seconds,
            "settings": self.settings,
        }

    def __repr__(self) -> str:
        """A few lines a person can read."""
        best = self.minima[0] if self.minima else None
        times = "no run converged" if best is None else f"found {best.times:,} times"
        rest = self.n - self.converged - self.failed
        ended = (
            f"{self.converged:,} converged to {len(self.minima):,} distinct points, "
            f"{rest:,} did not, {self.failed:,} failed"
        )
        lines = [
            f"Best of {self.n:,} runs: value {self.value:.10g} ({times}).",
            f"  params     {_short(self.params)}",
            f"  runs       {ended}",
            *(["  " + self._other()] if len(self.minima) > 1 else []),
            f"  ended      {self.why}",
            f"  seconds    {self.seconds:.3g}",
        ]
        if self.outside:
            lines.append(
                f"  outside    {self.outside:,} runs left the bounds, which only say "
                "where runs begin; keep_bounds=True keeps them inside"
            )
        return "\n".join(lines)

    def _other(self) -> str:
        shown = [f"{m.value:.6g} (x{m.times:,})" for m in self.minima[1:5]]
        more = ", ..." if len(self.minima) > 5 else ""
        return f"next       {', '.join(shown)}{more}"


def came_to_rest(stop: Stop) -> bool:
    """Whether a run ended at a point that may be called a minimum.

    Args:
        stop: why it ended.

    >>> came_to_rest(Stop.GRADIENT_SMALL), came_to_rest(Stop.MAX_STEPS)
    (True, False)
    """
    return stop.converged or stop is Stop.PRECISION


def _short(params: Any, limit: int = 200) -> str:
    text = " ".join(str(params).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
