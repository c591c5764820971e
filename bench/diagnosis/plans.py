"""What is run: families of problems, healthy configurations and planted faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import steepest as sp

PARTS = ("functions", "tables", "networks")


class Fault(NamedTuple):
    """A way to spoil a run."""

    names: frozenset[str]
    """The symptoms that name it rightly."""
    harms: bool = True
    """Whether it counts only where the run ends clearly worse than its twins; columns
    are what they are, whatever came of the fit."""
    infos: bool = False
    """Whether a finding of severity info names it, too: what costs nothing is worth
    knowing, and no alarm."""


def _fault(*names: str, harms: bool = True, infos: bool = False) -> Fault:
    return Fault(frozenset(names), harms, infos)


BLOWN = ("diverging", "step_too_large", "nonfinite", "backed_off")
FAULTS: dict[str, Fault] = {
    "rate too large": _fault(*BLOWN),
    # on batches, what the rate costs is noise that does not fade
    "rate too large, batches": _fault(*BLOWN, "noise_floor"),
    "rate too large, network": _fault(
        *BLOWN, "noise_floor", "exploding_gradients", "dead_units", "saturated_units"
    ),
    "rate too small": _fault("step_too_small", "budget_short"),
    "budget cut short": _fault("budget_short"),
    "params of many scales": _fault("ill_conditioned"),
    "start at a saddle": _fault("saddle"),
    "start at a maximum": _fault("maximum"),
    "climb from a minimum": _fault("minimum"),
    "start on a plateau": _fault("plateau"),
    "wrong gradient": _fault("wrong_gradient"),
    "undefined on the way": _fault("nonfinite", "diverging", "backed_off"),
    "undefined at the minimum": _fault("nonfinite", "backed_off"),
    "local minimum": _fault("local_minimum"),
    "noise of small batches": _fault("noise_floor", "step_too_large"),
    "overfitting": _fault("overfitting"),
    "columns of many scales": _fault("unscaled_columns", "ill_conditioned"),
    "columns x 1,000, network": _fault("unscaled_columns", "saturated_units"),
    "constant column": _fault("constant_columns", harms=False, infos=True),
    "collinear columns": _fault("collinear_columns", harms=False, infos=True),
    "leaking column": _fault("leaking_column", harms=False),
    "classes 1 : 200": _fault("imbalance", harms=False, infos=True),
    "vanishing gradients": _fault("vanishing_gradients"),
    "exploding gradients": _fault("exploding_gradients", *BLOWN),
    "dead units": _fault("dead_units"),
    "saturated units": _fault("saturated_units"),
}
"""Each fault that is planted. Two names stand where they tell the same cause."""


class Made(NamedTuple):
    """A run that was made, and how good its end is."""

    what: Any
    """A Run or a Fitted."""
    loss_of: Callable[[Any], float]
    """The loss of such a thing, the lower the better: the value of a function, or the
    loss on rows that no fit saw."""
    start: float
    """The loss of the start, or of the prediction that ignores every column."""
    seconds: float
    accuracy: float | None = None
    """On those rows, where labels are predicted."""

    @property
    def run(self) -> sp.Run:
        """The run itself."""
        return self.what if isinstance(self.what, sp.Run) else self.what.run

    @property
    def loss(self) -> float:
        """How good it is."""
        return self.loss_of(self.what)


class Plan(NamedTuple):
    """A run that may be made."""

    config: str
    """What is run, in words."""
    make: Callable[[], Made]
    fault: str | None = None
    """One of FAULTS; None for a configuration meant to be healthy."""
    best: Callable[[], float] | None = None
    """The best loss within reach, where it is not that of its group."""


class Group(NamedTuple):
    """Runs whose ends can be compared: one problem, one start or one split."""

    plans: list[Plan]
    best: float = np.inf
    """A loss that is known to be within reach; the healthy plans may find a lower."""


class Family(NamedTuple):
    """Problems of one sort."""

    part: str
    """One of PARTS."""
    name: str
    half: str
    """"tune": thresholds may be set on it. "judge": it only measures."""
    group: Callable[[int], Group]
    """seed -> what is run on it."""
    near: float
    """A healthy end lacks at most this share of the way from the start to the best."""
    harmed: float
    """A harmed end lacks more than this share of it."""


def halved(
    part: str, problems: dict[str, Any], near: float = 0.05, harmed: float = 0.05
) -> list[Family]:
    """Families of a part, every other one to tune on.

    Args:
        part: one of PARTS.
        problems: name -> seed -> Group, in the order that is halved.
        near: see Family.
        harmed: see Family.

    >>> [f.half for f in halved("functions", {"a": None, "b": None})]
    ['tune', 'judge']
    """
    halves = ("tune", "judge")
    return [
        Family(part, name, halves[i % 2], group, near, harmed)
        for i, (name, group) in enumerate(problems.items())
    ]


def rng_of(name: str, seed: int) -> np.random.Generator:
    """Random numbers of a problem: the same in every process.

    >>> int(rng_of("booth", 1).integers(10)) == int(rng_of("booth", 1).integers(10))
    True
    """
    return np.random.default_rng([seed, *name.encode()])


def rounds(families: list[Family], seeds: int) -> Iterator[tuple[Family, int]]:
    """(family, seed): every family with the first seed, then with the next.

    Parts take turns, so that a few of them are a sample of all.

    Args:
        families: of any parts.
        seeds: how many.
    """
    by_part = [[f for f in families if f.part == part] for part in PARTS]
    longest = max(map(len, by_part), default=0)
    mixed = [some[i] for i in range(longest) for some in by_part if i < len(some)]
    for seed in range(seeds):
        for family in mixed:
            yield family, seed
