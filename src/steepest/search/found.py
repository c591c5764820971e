"""Found: what many runs from many starts came to."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from steepest.core.plain import array_to_json, number_to_json, tree_to_json
from steepest.core.words import plural
from steepest.records import Run, Stop
from steepest.records.verdict import Kind
from steepest.search.points import NAMES, Point, many_of, point_to_json, values_of

SCHEMA = "steepest.restarts/1"


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
        ends: where each run ended, the best first.
        starts: a tree of (n, ...): where the runs began.
        asked: how many runs were asked for; fewer were made after an early stop.
        why: why no more runs were made.
        outside: runs that ended outside of the bounds their starts were drawn from.
        seconds: wall-clock time, compilation included.
        settings: everything that was asked and chosen, as plain data.
        again: makes the run from one of the starts alone.
        look: finds the distinct points, see `points`.
    """

    params: Any
    ends: Ends
    starts: Any
    asked: int
    why: str
    outside: int
    seconds: float
    settings: dict[str, Any]
    again: Callable[[int], Run] = field(compare=False)
    look: Callable[[], tuple[Point, ...]] = field(compare=False)

    @functools.cached_property
    def best(self) -> Run:
        """The best run, made once more alone, with its trace and verdict."""
        return self.run(int(self.ends.start[0]))

    def run(self, start: int) -> Run:
        """The run from one of the starts, made once more alone.

        Its verdict knows what the other runs found: `local_minimum` where it ended at
        a minimum and they found a better one.

        Args:
            start: row of `starts`; `ends.start` tells which run began where.
        """
        return self.again(start)

    @functools.cached_property
    def points(self) -> tuple[Point, ...]:
        """The distinct points that runs came to rest at, the best first.

        They are told apart when they are first asked for, and the best surveyed.
        """
        return self.look()

    @property
    def value(self) -> float:
        """The best value found."""
        return float(self.ends.value[0])

    @property
    def n(self) -> int:
        """Runs made."""
        return len(self.ends.value)

    @property
    def goal(self) -> Kind:
        """What is sought: "minimum", or climbing "maximum"."""
        return "maximum" if self.settings["direction"] == "maximize" else "minimum"

    @property
    def minima(self) -> tuple[Point, ...]:
        """The distinct minima (climbing: maxima), the best first."""
        return tuple(point for point in self.points if point.kind == self.goal)

    @property
    def others(self) -> tuple[Point, ...]:
        """The ends that are none: saddles, plateaus, slopes."""
        goal = self.goal
        return tuple(p for p in self.points if p.kind is not None and p.kind != goal)

    @property
    def unmeasured(self) -> tuple[Point, ...]:
        """The ends beyond those surveyed: minima and others may be among them."""
        return tuple(point for point in self.points if point.kind is None)

    @property
    def top(self) -> Point | None:
        """The point of the best value, None where that run did not come to rest."""
        points = self.points[:1]
        return points[0] if points and points[0].value == self.value else None

    @property
    def stops(self) -> dict[str, int]:
        """How many runs ended for each reason, the most frequent first."""
        return dict(Counter(stop.name for stop in self.ends.stop).most_common())

    @property
    def converged(self) -> int:
        """Runs that ended at a minimum, or reached the target."""
        reached = sum(stop is Stop.TARGET for stop in self.ends.stop)
        return reached + sum(point.times for point in self.minima)

    @property
    def elsewhere(self) -> int:
        """Runs that came to rest at one of the other ends."""
        return sum(point.times for point in self.others)

    @property
    def unknown(self) -> int:
        """Runs that came to rest where no survey was made."""
        return sum(point.times for point in self.unmeasured)

    @property
    def failed(self) -> int:
        """Runs that blew up, or never saw a finite value."""
        return sum(self.failures.values())

    @property
    def failures(self) -> dict[str, int]:
        """How many runs failed for each reason, the most frequent first."""
        pairs = zip(self.ends.stop, self.ends.steps, strict=True)
        whys = [_failure(stop, int(steps)) for stop, steps in pairs if stop.failed]
        return dict(Counter(whys).most_common())

    @property
    def headline(self) -> str:
        """What was found, in one line."""
        if self.failed == self.n:
            return (
                f"{'All' if self.n > 1 else 'The'} {plural(self.n, 'run')} failed "
                f"({_listed(self.failures)}): best value seen {self.value:.10g}."
            )
        best = f"value {self.value:.10g} ({self._top})"
        return f"Best of {plural(self.n, 'run')}: {best}."

    @property
    def _top(self) -> str:
        """What is known of the best value's place."""
        point = self.top
        if point is None:
            stop = self.ends.stop[0]
            return {
                Stop.TARGET: "the target was reached",
                Stop.DIVERGED: "from a run that diverged",
                Stop.NONFINITE: "from a run that met inf or nan",
            }.get(stop, "from a run that did not converge")
        times = f"found {plural(point.times, 'time')}"
        if point.kind == self.goal:
            return f"a {point.kind}, {times}"
        if point.kind is None:
            return f"what sort of point was not measured, {times}"
        return f"no {self.goal} but a {NAMES.get(point.kind, point.kind)}, {times}"

    @property
    def tally(self) -> str:
        """How the runs ended, in words."""
        reached = self.stops.get(Stop.TARGET.name, 0)
        minima, others = self.converged - reached, self.elsewhere
        rest = self.n - self.converged - others - self.unknown - self.failed
        words = []
        if minima:
            found = plural(len(self.minima), f"distinct {self.goal}")
            words.append(f"{minima:,} converged to {found}")
        if reached:
            words.append(f"{reached:,} reached the target")
        kinds: list[Kind | None] = [point.kind for point in self.others]
        for kind in dict.fromkeys(kinds):
            alike = [point for point in self.others if point.kind == kind]
            found = many_of(len(alike), kind)
            words.append(f"{sum(p.times for p in alike):,} ended at {found}")
        if self.unknown:
            found = plural(len(self.unmeasured), "further point")
            words.append(f"{self.unknown:,} came to rest at {found}, not surveyed")
        if rest:
            words.append(f"{rest:,} did not converge")
        if self.failed:
            words.append(f"{self.failed:,} failed ({_listed(self.failures)})")
        some = minima or reached or self.unknown
        return ", ".join(words if some else ["0 converged", *words])

    def notes(self) -> list[tuple[str, str]]:
        """What else is to be told once, each under a name."""
        told = []
        if self.outside:
            left = f"{plural(self.outside, 'run')} left the bounds, which only say"
            advice = "where runs begin; keep_bounds=True keeps them inside"
            told.append(("outside", f"{left} {advice}"))
        if not (self.converged or self.elsewhere or self.unknown):
            told.append(("next", self._advice))
        return told + [("note", note) for note in self.settings.get("notes", ())]

    @property
    def _advice(self) -> str:
        """What to do where no run came to rest."""
        auto = self.settings.get("optimizer_chosen") == "auto"
        other = "" if auto else ", or use optimizer='auto', which needs no rate"
        if self.failed == self.n:
            finds = self.settings.get("learning_rate") is None
            least = "keep the runs within bounds" if finds else "lower learning_rate"
            return f"{least}{other}"
        budget = "max_seconds" if Stop.MAX_SECONDS.name in self.stops else "max_steps"
        now = self.settings.get(budget)
        return f"raise {budget} (now {now:g}){other}" if now else f"raise {budget}"

    def to_json(self) -> dict[str, Any]:
        """All but the starts as plain data (schema steepest.restarts/1)."""
        params, layout = tree_to_json(self.params)
        return {
            "schema": SCHEMA,
            "params": params,
            "params_layout": layout,
            "value": number_to_json(self.value),
            "kind": None if self.top is None else self.top.kind,
            "minima": [point_to_json(point) for point in self.minima],
            "others": [point_to_json(point) for point in self.others],
            "not_surveyed": [point_to_json(point) for point in self.unmeasured],
            "runs": {
                "asked": self.asked,
                "made": self.n,
                "converged": self.converged,
                "elsewhere": self.elsewhere,
                "not_surveyed": self.unknown,
                "failed": self.failed,
                "failures": self.failures,
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
        lines = [("params", _short(self.params)), ("runs", self.tally)]
        if self.minima[1:]:
            lines.append(("next", values_of(self.minima[1:])))
        if self.others:
            lines.append(("others", values_of(self.others, kinds=True)))
        lines += [("ended", self.why), ("seconds", f"{self.seconds:.3g}")]
        told = [f"  {name:<9}  {text}" for name, text in [*lines, *self.notes()]]
        return "\n".join([self.headline, *told])


def _failure(stop: Stop, steps: int) -> str:
    if stop is Stop.DIVERGED:
        return "diverged"
    return "met inf or nan" if steps else "not finite at the start"


def _listed(counts: Any) -> str:
    """Counts with what they count.

    >>> _listed({"diverged": 2, "not finite at the start": 1})
    '2 diverged, 1 not finite at the start'
    """
    pairs = counts.items() if isinstance(counts, dict) else counts
    return ", ".join(f"{count:,} {name}" for name, count in pairs)


def came_to_rest(stop: Stop) -> bool:
    """Whether a run ended at a point that may be a minimum.

    Args:
        stop: why it ended.

    >>> came_to_rest(Stop.GRADIENT_SMALL), came_to_rest(Stop.MAX_STEPS)
    (True, False)
    """
    return stop is Stop.PRECISION or (stop.converged and stop is not Stop.TARGET)


def _short(params: Any, limit: int = 200) -> str:
    text = " ".join(str(params).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
