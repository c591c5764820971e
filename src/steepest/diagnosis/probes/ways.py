"""The way on from a point: what values on the rays that leave it say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from steepest.diagnosis.probes.places import Place, place_of
from steepest.diagnosis.rates import middle

LENGTHS = 0.5 ** np.arange(20, -1, -1)
"""Where a ray is probed, in units of 1 + |param| (of the param that moves most)."""
NEARBY = 13
"""Up to here (a hundredth) the values say how large the function is around the end."""
CLOSE = 1e-3
"""A minimum this near, in units of 1 + |param|, is reached where gtol is met, too."""
NEAR, SHARE = 0.1, 1e-5
"""Or one this near, if what is left to gain is this share of what the run gained."""
NOTHING = 1e-14
"""A gain of this share of what the run gained is rounding, however far it is."""
LOUD = 4.0
"""Noise, in units of how much values at one point were seen to differ."""


class Way(NamedTuple):
    """Where the value goes on each of m rays that leave a point.

    Each ray is followed while the value improves or stays, up to length 1.
    """

    distances: np.ndarray
    """(m,) how far the best value on the ray is, in units of 1 + |param|; 0 where no
    value beats the point's own by more than rounding."""
    gains: np.ndarray
    """(m,) how much better it is, >= 0."""
    rises: bool
    """Whether every ray turned for the worse within its length."""
    tops: np.ndarray
    """(m,) how much better the best value on the whole ray is, also behind a ridge; 0
    where that is none, or the last: a slope that leaves the ray has no top on it."""
    points: np.ndarray
    """(m, n) where the best value on each ray is."""
    place: Place = Place()
    """What stands in the way close by."""
    slope: float = math.nan
    """The norm of the gradient, with what pushes against bounds; nan when unknown."""

    @property
    def level(self) -> bool:
        """Whether the gradient is exactly 0, so that no smaller gtol helps."""
        return self.slope == 0

    def onward(self, drop: float, *, small: bool) -> np.ndarray | None:
        """The (n,) point to go on from: the best of the tops, None where none is good.

        Where the gradient is exactly 0 a slope that leaves its ray will do, too.

        Args:
            drop: how much better than the start the point is.
            small: whether the gradient there meets gtol.
        """
        further = self.further(drop, small=small) is not None
        ray = int(np.argmax(self.tops))
        if not self.tops[ray] and further and self.level:
            return self.points[int(np.argmax(self.gains))]  # no gradient leads there
        worth = self.tops[ray] > SHARE * max(drop, 0.0)
        worth |= self.tops[ray] > 0 and further
        return self.points[ray] if worth else None

    def further(self, drop: float, *, small: bool) -> tuple[float, float] | None:
        """(distance, gain) of the ray that shows the point is no minimum, or None.

        Args:
            drop: how much better than the start the point is.
            small: whether the gradient there meets gtol.

        >>> import numpy as np
        >>> none = np.zeros(1)
        >>> way = Way(np.array([0.002]), np.array([1e-9]), True, none, none[:, None])
        >>> way.further(1.0, small=True)
        """
        drop = max(drop, 0.0)
        done = (self.distances <= NEAR) & (self.gains <= SHARE * drop)
        done |= self.gains <= NOTHING * drop
        if small:
            done |= self.distances <= CLOSE
        if done.all():
            return None
        ray = int(np.argmax(np.where(done, -np.inf, self.gains)))
        return float(self.distances[ray]), float(self.gains[ray])


class Probed(NamedTuple):
    """Values on m rays, as they are asked for."""

    value: Callable[[int, int], float]
    """(ray, k) -> the value at LENGTHS[k] on a ray, inf where it is not finite."""
    glance: tuple[int, ...]
    """Where every ray is looked at, of LENGTHS."""
    ends: np.ndarray
    """(m,) whether a ray ends at its last length, at the bounds."""
    sloped: bool
    """Whether the first ray leads against a gradient that is not 0."""
    eps: float
    """Relative rounding of the values."""
    differ: float = 0.0
    """How far values at one point differ."""


def follow(here: float, values: np.ndarray) -> Way:
    """The Way behind the values on rays, its points the lengths on them.

    Args:
        here: value at the point; small is good.
        values: (m, 21) values at LENGTHS on each ray; what is not finite is worse.

    >>> import numpy as np
    >>> follow(0.0, LENGTHS[None] ** 2).distances
    array([0.])
    """
    values = np.where(np.isfinite(values), values, np.inf)
    eps, ends = float(np.finfo(float).eps), np.zeros(len(values), bool)
    every = tuple(range(len(LENGTHS)))
    table = values.tolist()
    probed = Probed(lambda ray, k: table[ray][k], every, ends, False, eps)
    return way_of(here, probed)._replace(place=Place())


def way_of(here: float, probed: Probed) -> Way:
    """The Way behind values that are asked for one by one.

    Args:
        here: value at the point; small is good.
        probed: the values on the rays.
    """
    value, glance, m = probed.value, probed.glance, len(probed.ends)
    seen = np.array([[value(ray, k) for k in glance] for ray in range(m)])
    around = np.abs(seen[:, glance.index(NEARBY)])
    around = around[np.isfinite(around)]
    typical = middle(around) if len(around) else 0.0
    noise = 8 * probed.eps * max(abs(here), typical) + LOUD * probed.differ
    rays = ((value(ray, k) for k in range(len(LENGTHS))) for ray in range(m))
    found = [_walk(float(here), ray, noise) for ray in rays]
    distances, gains, rises = (np.array(column) for column in zip(*found, strict=True))
    best = seen.argmin(axis=1)
    tops = here - seen.min(axis=1)
    inside = (best < len(glance) - 1) | probed.ends
    tops = np.where(inside & (tops > noise), tops, 0.0)
    place = Place("noisy", probed.differ)
    if not probed.differ:
        place = place_of(here, value, m, sloped=probed.sloped, noise=noise)
    points = LENGTHS[list(glance)][best][:, None]
    return Way(distances, gains, bool(rises.all()), tops, points, place)


def _walk(here: float, ray: Iterable[float], noise: float) -> tuple[float, float, bool]:
    """(distance, gain) of the best value before the ray rises, and whether it does."""
    distance, best = 0.0, here
    for length, value in zip(LENGTHS, ray, strict=True):
        if value > best + noise:
            return distance, here - best, True
        if value < best - noise:
            distance, best = float(length), value
    return distance, here - best, False
