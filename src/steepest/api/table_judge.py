"""Measures the model of a fit: on validation rows, and over all training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.api.table_data import Rows
from steepest.core.mapped import is_mapped, release
from steepest.descent.jax_engine import JaxEngine
from steepest.problems.objectives import Batch
from steepest.records.state import State

CHUNK = 4096
"""Rows judged at a time; the last chunk is filled up with rows of weight 0."""


class TableJudge:
    """What the loop asks about a model.

    Args:
        engine: knows the objective.
        train: training rows.
        validation: validation rows, or None.
        most: rows judged at a time.
    """

    def __init__(
        self,
        engine: JaxEngine,
        train: Rows,
        validation: Rows | None,
        *,
        most: int = CHUNK,
    ) -> None:
        self._engine, self._train, self._held = engine, train, validation
        self._most = most
        self._batches: list[Batch] | None = None

    @property
    def validates(self) -> bool:
        """Whether there are validation rows."""
        return self._held is not None

    @property
    def restores(self) -> bool:
        """Whether the params that are best on them are returned."""
        return self.validates

    def epoch(self, state: State) -> float | None:
        """Mean loss on the validation rows, None when there are none."""
        if self._held is None:
            return None
        if self._batches is None and not is_mapped(self._held.target):
            self._batches = list(chunks(self._held, self._most))  # in our precision
        batches = self._batches or chunks(self._held, self._most)
        return self._engine.loss(state.params, state.stats, batches)

    def end(self, params: Any, stats: Any) -> tuple[float, float]:
        """(objective, gradient norm) over all training rows."""
        return self._engine.measure(params, stats, chunks(self._train, self._most))


def chunks(rows: Rows, most: int = CHUNK) -> Iterator[Batch]:
    """The rows in pieces of one shape; of rows in a file none are held for longer."""
    n = len(rows.target)
    size = min(most, n)
    for start in range(0, n, size):
        some = [array[start : start + size] for array in rows]
        # jax may read what it is given later, when it would be in memory again
        part = [np.array(array) if is_mapped(array) else array for array in some]
        for array in some:
            release(array)
        short = size - len(part[0])
        if short:
            part = [np.concatenate([a, np.repeat(a[:1], short, 0)]) for a in part]
            part[2] = np.concatenate([part[2][: size - short], np.zeros(short)])
        inputs, target, weight = part
        yield Batch(
            jnp.asarray(inputs), jnp.asarray(target), jnp.asarray(weight, jnp.float32)
        )
