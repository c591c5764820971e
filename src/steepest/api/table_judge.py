"""Measures the model of a fit: on validation rows, and over all training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.api.table_data import Rows
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
    """

    def __init__(self, engine: JaxEngine, train: Rows, validation: Rows | None) -> None:
        self._engine, self._train = engine, train
        self._held = None if validation is None else list(chunks(validation))

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
        return self._engine.loss(state.params, state.stats, self._held)

    def end(self, params: Any, stats: Any) -> tuple[float, float]:
        """(objective, gradient norm) over all training rows."""
        return self._engine.measure(params, stats, chunks(self._train))


def chunks(rows: Rows) -> Iterator[Batch]:
    """The rows in pieces of one shape."""
    n = len(rows.target)
    size = min(CHUNK, n)
    for start in range(0, n, size):
        part = [array[start : start + size] for array in rows]
        short = size - len(part[0])
        if short:
            part = [np.concatenate([a, np.repeat(a[:1], short, 0)]) for a in part]
            part[2] = np.concatenate([part[2][: size - short], np.zeros(short)])
        inputs, target, weight = part
        yield Batch(
            jnp.asarray(inputs), jnp.asarray(target), jnp.asarray(weight, jnp.float32)
        )
