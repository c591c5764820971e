"""Log: rows as they come in, with the clock, the epoch and the samples added."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import numpy as np

from steepest.descent.jax_engine import Rows
from steepest.descent.sources import Source
from steepest.records import row as rows_of
from steepest.records.layers import Layers, concatenate
from steepest.records.offender import Offender
from steepest.records.row import Row
from steepest.records.trace import Trace, Validation

FIRST = 10
"""Rows whose mean is the loss before training, without validation rows."""


class Log:
    """Collects what becomes the Trace.

    Args:
        source: tells which rows of data a step stands for.
        sign: -1 when climbing: rows show the value as the user knows it.
    """

    def __init__(self, source: Source, sign: float = 1.0) -> None:
        self.source, self._sign = source, sign
        self._parts: list[Row] = []
        self._paths: list[Any] = []
        self._layers: list[Layers | None] = []
        self.offender: Offender | None = None
        """What was not finite first, once the run has ended by it."""
        self.judged: list[tuple[int, int, float]] = []
        """(epoch, step, loss) each time the validation rows were judged."""

    def add(self, rows: Rows, *, since: float, until: float) -> Row:
        """Take in the rows of a stretch that ran between two times of the clock."""
        info, n = dict(rows.info), len(rows.info["step"])
        step = info["step"].astype(np.int64)
        info["value"] = self._sign * info["value"]
        info["finite"] = info["finite"].astype(bool)
        share = (np.arange(n) + 1) / max(n, 1)
        part = Row(
            epoch=self.source.epoch_at(step),
            samples=self.source.samples_at(step),
            seconds=since + (until - since) * share,
            evals=step + 1,
            **info,
        )
        self._parts.append(part)
        self._paths.append(rows.path)
        self._layers.append(rows.layers)
        return part

    @property
    def last_step(self) -> int:
        """The step of the newest row, -1 before the first."""
        for part in reversed(self._parts):
            if len(part.step):
                return int(part.step[-1])
        return -1

    def last_point(self) -> tuple[float, float]:
        """(value, gradient norm) of the newest row."""
        part = next(part for part in reversed(self._parts) if len(part.value))
        return float(part.value[-1]), float(part.grad_norm[-1])

    def first_loss(self) -> float:
        """The loss before training: on validation rows, or of the first batches."""
        if self.judged:
            return self.judged[0][2]
        values = itertools.chain.from_iterable(part.value for part in self._parts)
        return float(np.mean(list(itertools.islice(values, FIRST))))

    def epoch_loss(self, epoch: int) -> float | None:
        """Mean training loss over the rows of an epoch, None when it has none."""
        values = []
        for part in reversed(self._parts):
            if len(part.epoch) and part.epoch[-1] < epoch:
                break
            values.append(part.value[part.epoch == epoch])
        found = np.concatenate(values[::-1])
        return float(found.mean()) if len(found) else None

    def so_far(self) -> tuple[Row, Any]:
        """All rows, and their params where these are recorded, else None."""
        rows = rows_of.concatenate(self._parts)
        paths = [path for path in self._paths if jax.tree.leaves(path)]
        path = None
        if paths:
            path = jax.tree.map(lambda *leaves: np.concatenate(leaves), *paths)
        return rows, path

    @property
    def layers(self) -> Layers | None:
        """What is known of the layers of a network, else None."""
        return concatenate(self._layers)

    def restore(
        self, rows: Row, path: Any, judged: Any, layers: Layers | None = None
    ) -> None:
        """Begin with rows of earlier.

        Args:
            rows: from `so_far`.
            path: likewise, () where it was None.
            judged: (n, 3) what `judged` held.
            layers: what `layers` was.
        """
        self._parts, self._paths, self._layers = [rows], [path], [layers]
        self.judged = [(int(e), int(s), float(loss)) for e, s, loss in judged]

    def trace(self) -> Trace:
        """All rows so far."""
        rows, path = self.so_far()
        columns = zip(*self.judged, strict=True) if self.judged else ((), (), ())
        epoch, step, loss = (np.array(column) for column in columns)
        curve = Validation(epoch.astype(int), step.astype(int), loss.astype(float))
        return Trace(rows, curve, path, self.layers, self.offender)

    def close(self, closing: dict[str, Any], params: Any, *, replace: bool) -> None:
        """Make the last row one at the returned params.

        Args:
            closing: the columns known there; the others become nan.
            params: the returned params, for the path.
            replace: whether the last row gives way (it described another point) or
                stays (the steps have rows of their own).
        """
        if replace:
            self._drop_last()
        columns = {name: np.array([np.nan]) for name in Row._fields}
        columns |= {name: np.array([value]) for name, value in closing.items()}
        self._parts.append(Row(**columns))
        if self._paths and jax.tree.leaves(self._paths[-1]):
            self._paths.append(jax.tree.map(lambda p: np.asarray(p)[None], params))

    def _drop_last(self) -> None:
        """Take back the newest row; the step before it says what it arrived at."""
        layers = self.layers
        self._layers = [None if layers is None else layers.before(self.last_step)]
        dropped = bool(self._parts[-1].finite[-1])
        for kept in (self._parts, self._paths):
            kept[-1] = jax.tree.map(lambda column: column[:-1], kept[-1])
        for i, part in reversed(list(enumerate(self._parts))):
            if len(part.finite):
                arrived = np.append(part.finite[:-1], part.finite[-1] & dropped)
                self._parts[i] = part._replace(finite=arrived)
                return
