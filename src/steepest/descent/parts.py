"""The parts that the loop plays with: what it asks of them, and what it tells."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from steepest.descent.jax_engine import Rows
from steepest.descent.log import Log
from steepest.descent.snapshot import Snapshot
from steepest.descent.sources import Mark, Source, Stretch
from steepest.records.layers import Layers
from steepest.records.row import Row
from steepest.records.state import State
from steepest.records.stop import Stop, Stopping
from steepest.records.trace import Trace


class Event(NamedTuple):
    """What a watcher is told after each stretch."""

    state: State
    rows: Row
    path: Any
    log: Log
    seconds: float
    stop: Stop | None
    snapshot: Callable[[], Snapshot]
    """All that the descent can go on from; good until the next stretch."""
    layers: Layers | None = None
    """Of a network, what the new rows tell."""


class Watcher(Protocol):
    """Anyone who looks on: progress bars, files, live pages."""

    def open(self) -> None:
        """The run begins."""
        ...

    def tell(self, event: Event) -> None:
        """A stretch is done."""
        ...

    def close(self) -> None:
        """The run is over, whatever the way."""
        ...


class Engine(Protocol):
    """Makes the steps of a stretch; knows nothing of shuffles, files or watchers."""

    @property
    def objective(self) -> Any:
        """What is made small; its `sign` is -1 where that is a climb."""
        ...

    @property
    def searches(self) -> bool:
        """Whether it tries points, and takes back those that are too high."""
        ...

    @property
    def grain(self) -> int:
        """Steps between two places where a stretch may end; 1 where it may anywhere."""
        ...

    def scope(self) -> contextlib.AbstractContextManager[None]:
        """The precision that it works in, for this thread."""
        ...

    def start(self, params: Any, stats: Any, key: Any) -> State:
        """The State before the first step."""
        ...

    def advance(
        self, state: State, stretch: Stretch, *, max_steps: int | None = None
    ) -> tuple[State, Rows, Stop | None]:
        """The State, the rows and the cause of a stop after a stretch."""
        ...

    def memory(self) -> dict[str, Any]:
        """What it remembers beside the State, as plain data."""
        ...

    def recall(self, memory: dict[str, Any]) -> None:
        """Be as `memory` told."""
        ...


class Judge(Protocol):
    """Measures a table's model: at the end of epochs, and once at the end."""

    @property
    def validates(self) -> bool:
        """Whether there are validation rows."""
        ...

    @property
    def restores(self) -> bool:
        """Whether the params that are best on them are returned."""
        ...

    def epoch(self, state: State) -> float | None:
        """Loss on the validation rows, None when there are none."""
        ...

    def end(self, params: Any, stats: Any) -> tuple[float, float]:
        """(objective, gradient norm) over all training rows."""
        ...


class Leg(NamedTuple):
    """A part of a run that another engine makes, from where the one before ended."""

    engine: Engine
    source: Callable[[Mark], Source]
    """The source, from where in the run it takes over."""
    stopping: Stopping


class Ended(NamedTuple):
    """What the loop hands back."""

    params: Any
    stats: Any
    value: float
    grad_norm: float
    best_step: int
    state: State
    trace: Trace
    stop: Stop
    seconds: float
