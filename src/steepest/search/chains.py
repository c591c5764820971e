"""Chains: what simulated annealing came to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from steepest.core.plain import array_to_json
from steepest.core.words import plural
from steepest.records import Run, Stop

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


class Ran(NamedTuple):
    """How the chains were run."""

    steps: int
    """Steps that the longest made."""
    lost: int
    """Chains that ended at once: not finite where they began."""
    cut: Stop | None = None
    """What ended them before all their steps were made: Ctrl-C, or a time budget."""


@dataclass(frozen=True, repr=False)
class Annealed:
    """The outcome of simulated annealing.

    Args:
        best: the descent from the best point of all chains; its steps are 0 where none
            was asked for.
        chains: the best point of each chain.
        ran: how the chains were run.
        seconds: wall-clock time, compilation included.
        settings: temperature, cooling and all else asked and chosen, as plain data.
    """

    best: Run
    chains: Chains
    ran: Ran
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

    @property
    def lost(self) -> int:
        """Chains that ended at once: not finite where they began."""
        return self.ran.lost

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the chains, or the descent."""
        return Stop.INTERRUPTED in (self.ran.cut, self.best.stop)

    @property
    def polished(self) -> bool:
        """Whether a descent followed the chains."""
        return bool(self.settings["polish"]) and self.ran.cut is not Stop.INTERRUPTED

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data (schema steepest.anneal/1), without the trace."""
        return {
            **self.best.to_json(trace=False),
            "schema": SCHEMA,
            "chains": array_to_json(self.chains.value),
            "chains_lost": self.lost,
            "chains_steps": self.ran.steps,
            "chains_cut": None if self.ran.cut is None else self.ran.cut.name,
            "polished": self.polished,
            "seconds": self.seconds,
            "settings": self.settings,
        }

    @property
    def tally(self) -> str:
        """How many chains there were, and what became of them, in words."""
        return tally_of(len(self.chains.value), self.ran, self.settings)

    def __repr__(self) -> str:
        """A few lines a person can read."""
        values, asked = self.chains.value, self.settings
        spread = f"best {values[0]:.6g}, median {np.median(values):.6g}"
        cooled = f"from temperature {asked['temperature']:.3g}"
        return (
            f"{self.best!r}\n"
            f"  chains     {self.tally}\n"
            f"  ended at   {spread}\n"
            f"  annealed   {cooled}, times {asked['cooling']:.6g} at each step"
        )


def tally_of(kept: int, ran: Ran, settings: dict[str, Any]) -> str:
    """How many chains there were, and what became of them, in words.

    Args:
        kept: chains that had a finite value.
        ran: how they were run.
        settings: steps, as asked for.

    >>> tally_of(4, Ran(20, 0), {"steps": 20})
    '4 chains of 20 steps'
    >>> tally_of(4, Ran(7, 1, Stop.MAX_SECONDS), {"steps": 20})
    '5 chains, 7 of 20 steps made: the time budget ran out; 1 not finite at the ...'
    """
    words, asked = plural(kept + ran.lost, "chain"), plural(settings["steps"], "step")
    if ran.cut is None:
        words += f" of {asked}"
    else:
        words += f", {ran.steps:,} of {asked} made: {_WHY[ran.cut]}"
    if ran.lost:
        words += f"; {ran.lost:,} not finite at the start, and lost"
    return words


_WHY = {
    Stop.INTERRUPTED: "interrupted",
    Stop.MAX_SECONDS: "the time budget ran out",
}


def unpolished(best: Run, ran: Ran, settings: dict[str, Any]) -> Run:
    """The run of no steps, from the best point of all chains, judged as what it is.

    Args:
        best: that run.
        ran: how the chains were run.
        settings: steps, n and polish, as asked for.
    """
    told = f"value {best.value:.6g}, gradient norm {best.grad_norm:.2g}"
    where = f"best point of {plural(settings['n'], 'chain')}: {told}"
    if ran.cut is Stop.INTERRUPTED:
        asked = f"{ran.steps:,} of {plural(settings['steps'], 'step')}"
        headline = f"Interrupted after {asked}; {where}."
        best = replace(best, stop=Stop.INTERRUPTED)
    elif best.converged:
        return best
    else:
        advice = "no descent was asked for (polish=True)"
        headline = f"{where[0].upper()}{where[1:]}; {advice}."
    verdict = replace(best.verdict, headline=headline, converged=False, findings=())
    return replace(best, verdict=verdict)
