"""Case: all that is known of a run, for those who judge it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from steepest.diagnosis.epochs import Fall, falls_of
from steepest.diagnosis.probes.columns import Columns
from steepest.diagnosis.probes.curvature import Curvature
from steepest.diagnosis.probes.noise import Noise
from steepest.diagnosis.probes.places import Place
from steepest.diagnosis.probes.reach import Reach
from steepest.diagnosis.probes.slopes import Mismatch
from steepest.diagnosis.probes.spectrum import NOTHING as UNSEEN
from steepest.diagnosis.probes.spectrum import Spectrum, spectrum_of
from steepest.diagnosis.probes.tail import Tail, tail_of
from steepest.diagnosis.probes.units import Units
from steepest.diagnosis.probes.ways import Way
from steepest.records.stop import Stop
from steepest.records.trace import Trace
from steepest.records.verdict import Kind

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Better(NamedTuple):
    """The best of many runs, seen from one of them."""

    value: float
    """The best value."""
    times: int
    """How many runs came to it."""
    runs: int
    """How many were made."""


class Rare(NamedTuple):
    """The rarest class of a table."""

    label: str
    share: float
    """of the training rows"""
    rows: int
    recall: float | None
    """share of its training rows that the model tells; None where not asked"""


class Case(NamedTuple):
    """A run as its judges see it. What is None was not measured, or cannot be."""

    trace: Trace
    """Its rows; of a run of steepest's own the last is at the returned point."""
    stop: Stop | None = None
    """Why it ended; None for a trace from elsewhere."""
    settings: Mapping[str, Any] = NOTHING
    """What was asked and chosen, see `Run.settings`; what is left out is unknown."""
    kind: Kind | None = None
    """What sort of point it ended at, once that has been judged."""
    curvature: Curvature | None = None
    """At the end point, of the function itself, also when climbing."""
    way: Way | None = None
    """Where the value goes on the rays that leave the end point."""
    converged: bool | None = None
    """Whether the run did what it was asked to, once that has been judged."""
    further: tuple[float, float] | None = None
    """(distance, gain) of a better value near the end point, see `Way.further`."""
    place: Place = Place()
    """What stands in the way close to the end point."""
    limit: str = ""
    """What keeps the gradient at the end from being smaller still, in words."""
    slope: Mismatch | None = None
    """Where the gradient was found not to be the slope of the function."""
    better: Better | None = None
    """A better end that other runs on the same function came to."""
    spectrum: Spectrum | None = None
    """The curvature that the trace shows; `measured` adds it."""
    tail: Tail | None = None
    """How the run still converges at its end; `measured` adds it."""
    columns: Columns | None = None
    """Of a fit: what a sample of its rows tells of the columns."""
    noise: Noise | None = None
    """Of a fit on batches: the noise of their gradients at its end."""
    reach: Reach | None = None
    """Of a linear model that did not converge: how low its loss could be."""
    metric: tuple[float, float] | None = None
    """Of a fit: (the model's, the baseline's) number of a metric, larger is better."""
    units: Units | None = None
    """Of a network: how many of its hidden units are dead or saturated."""
    rare: Rare | None = None
    """Of a fit to classes: the rarest of them."""
    constant: float | None = None
    """Of a fit: the mean loss of the best constant prediction."""
    falls: tuple[Fall, ...] | None = None
    """Of a fit: how its loss went down, see `falls_seen`; `measured` adds it."""

    @property
    def falls_seen(self) -> tuple[Fall, ...]:
        """How the loss of a fit went down: on validation rows, then in training."""
        if self.falls is not None:
            return self.falls
        return falls_of(self.trace, self.constant)

    @property
    def climbs(self) -> bool:
        """Whether large values are sought."""
        return self.settings.get("direction") == "maximize"

    @property
    def on_table(self) -> bool:
        """Whether a model was fitted to a table."""
        return "target" in self.settings and "objective" not in self.settings

    @property
    def exact(self) -> bool:
        """Whether every step saw the same function: no batches of rows.

        Of rows from elsewhere that is known where they tell the step quality.
        """
        unknown = self.on_table or self.stop is None
        return not unknown or bool(np.isfinite(self.trace.step_quality).any())

    def measured(self) -> Case:
        """The case with what its trace alone tells.

        >>> from steepest.records.row import empty
        >>> Case(Trace(empty())).measured().tail.law
        'none'
        """
        spectrum, tail = self.spectrum, self.tail
        with np.errstate(all="ignore"):  # runs that blew up hold any number
            if spectrum is None:
                spectrum = spectrum_of(self.trace) if self.exact else UNSEEN
            tail = tail_of(self.trace) if tail is None else tail
            falls = self.falls_seen if self.on_table else self.falls
        return self._replace(spectrum=spectrum, tail=tail, falls=falls)
