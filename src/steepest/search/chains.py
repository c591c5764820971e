"""Chains: what simulated annealing came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.core.plain import array_to_json
from steepest.core.words import plural
from steepest.records import Run

SCHEMA = "steepest.anneal/1"


class Chains(NamedTuple):
    """The best point that each chain saw, the best chain first.

    Chains that began where the objective is not finite are not among them.
    """

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
        lost: chains that ended at once: not finite where they began.
        seconds: wall-clock time, compilation included.
        settings: temperature, cooling and all else asked and chosen, as plain data.
    """

    best: Run
    chains: Chains
    lost: int
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
            "chains_lost": self.lost,
            "seconds": self.seconds,
            "settings": self.settings,
        }

    @property
    def tally(self) -> str:
        """How many chains there were, and what became of them, in words."""
        made = len(self.chains.value) + self.lost
        words = f"{plural(made, 'chain')} of {plural(self.settings['steps'], 'step')}"
        if self.lost:
            words += f"; {self.lost:,} not finite at the start, and lost"
        return words

    def __repr__(self) -> str:
        """A few lines a person can read."""
        values, asked = self.chains.value, self.settings
        spread = f"best {values[0]:.6g}, median {np.median(values):.6g}"
        cooled = f"from temperature {asked['temperature']:.3g}"
        return (
            f"{self.best!r}\n"
            f"  chains     {self.tally}\n"
            f"  their best {spread}\n"
            f"  annealed   {cooled}, times {asked['cooling']:.6g} at each step"
        )
