"""Chains: what simulated annealing came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.core.plain import array_to_json
from steepest.records import Run

SCHEMA = "steepest.anneal/1"


class Chains(NamedTuple):
    """The best point that each chain saw, the best chain first."""

    params: Any
    """A tree of (n, ...)."""
    value: np.ndarray[Any, Any]
    """(n,) the objective there."""
    step: np.ndarray[Any, Any]
    """(n,) the step it was seen at."""


@dataclass(frozen=True, repr=False)
class Annealed:
    """The outcome of simulated annealing.

    Args:
        best: the descent from the best point of all chains; its steps are 0 where none
            was asked for.
        chains: the best point of each chain.
        seconds: wall-clock time, compilation included.
        settings: temperature, cooling and all else asked and chosen, as plain data.
    """

    best: Run
    chains: Chains
    seconds: float
    settings: dict[str, Any]

    @property
    def params(self) -> Any:
        """The best point, in the shape of the start."""
        return self.best.params

    @property
    def value(self) -> float:
        """The objective there."""
        return self.best.value

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data (schema steepest.anneal/1), without the trace."""
        return {
            **self.best.to_json(trace=False),
            "schema": SCHEMA,
            "chains": array_to_json(self.chains.value),
            "seconds": self.seconds,
            "settings": self.settings,
        }

    def __repr__(self) -> str:
        """A few lines a person can read."""
        values, asked = self.chains.value, self.settings
        spread = f"best {values[0]:.6g}, median {np.median(values):.6g}"
        cooled = f"from temperature {asked['temperature']:.3g}"
        by = f"times {asked['cooling']:.6g} at each"
        return (
            f"{self.best!r}\n"
            f"  chains     {len(values)}: {spread}\n"
            f"  annealed   {asked['steps']:,} steps {cooled}, {by}"
        )
