"""Places where descent cannot end well: edges, poles, jumps, and values that are noisy.

Each is told from values close by, not from what the run met on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

ROWS = 4
"""Rays that are looked at: against the gradient, Newton's, and one axis both ways."""
NEAR, NEXT, FAR, WIDE = 0, 3, 8, 16
"""Where on a ray, as powers of two above 2^-20."""
SHRINKS = 0.5
"""Falls towards a pole, each over a distance 2^8 times shorter than the last, do not
shrink below this share: log|x| keeps them all; sqrt|x|, a cusp, a sixteenth."""
ABRUPT = 8.0
"""A rise this much larger than the change over seven times the distance is a jump."""
ROUNDING = 1e-14
"""A fall of this share of the values is none."""


class Place(NamedTuple):
    """What stands in the way close to a point."""

    kind: Literal["plain", "edge", "pole", "jump", "ridge", "noisy"] = "plain"
    size: float = 0.0
    """How high a jump is; how far two values at one point differ."""

    def why(self, verb: str) -> str:
        """The place in words that follow "Not converged: ".

        Args:
            verb: "falls" or "rises", which is what was asked for.

        >>> Place("jump", 0.1).why("falls")
        'the value jumps the wrong way close by, by 0.1'
        """
        edge = "the edge of the function's domain, beyond which it is inf or nan"
        return {
            "edge": f"the value {verb} to {edge}",
            "pole": f"the value {verb} without bound on the way to a pole close by",
            "jump": f"the value jumps the wrong way close by, by {self.size:.2g}",
            "ridge": f"the function has a kink here, along which it still {verb}",
            "noisy": f"the values at one point differ, by about {self.size:.1g}",
        }.get(self.kind, "")

    def advice(self, settings: dict[str, Any]) -> str:
        """What to do there.

        Args:
            settings: as for `judge_point`; bounds, direction and
                optimizer_chosen are read.

        >>> Place("pole").advice({})
        'there is no minimum here: set bounds= that keep off the pole.'
        """
        goal = "maximum" if settings.get("direction") == "maximize" else "minimum"
        bounded = settings.get("bounds") is not None
        auto = settings.get("optimizer_chosen") == "auto"
        other = "start elsewhere" if auto else "use optimizer='auto'"
        inside = "where the function and its gradient are finite"
        if self.kind == "edge" and bounded:
            return f"narrow the bounds to {inside}."
        return {
            "edge": "set bounds= that hold the params to where the function is finite, "
            "or start elsewhere.",
            "pole": f"there is no {goal} here: "
            f"{'narrow the' if bounded else 'set'} bounds= that keep off the pole.",
            "jump": "no slope leads across a jump: smooth the function, or search by "
            "values alone, with anneal.",
            "ridge": f"{other}, or smooth the kink, such as sqrt(x^2 + 1e-6) for "
            "abs(x).",
            "noisy": "nothing finer than the noise can be found: fix the function's "
            "seed, average more values, or accept this point.",
        }.get(self.kind, "")


def place_of(
    here: float,
    value: Callable[[int, int], float],
    rows: int,
    *,
    sloped: bool,
    noise: float,
) -> Place:
    """What stands in the way of a point, told by values on the rays that leave it.

    An edge: no value on the ray against the slope (on any ray, where there is none).
    A pole: values that fall towards the point without bound. A jump: a rise on the ray
    against the slope that does not go on rising.

    Args:
        here: the value at the point; small is good.
        value: (ray, k) -> the value at 2^(k - 20) on a ray, inf where there is none.
        rows: how many rays there are.
        sloped: whether the first ray leads against a gradient.
        noise: by how much values may differ from rounding.

    >>> place_of(0.0, lambda ray, k: 1.0, 1, sloped=True, noise=1e-15)
    Place(kind='jump', size=1.0)
    """
    rays = range(min(rows, ROWS))
    ahead = rays[:1] if sloped else rays
    if any(np.isinf([value(ray, NEAR), value(ray, FAR)]).any() for ray in ahead):
        return Place("edge")
    if any(_sinks(here, value, ray) for ray in rays):
        return Place("pole")
    if sloped:
        rise = value(0, NEAR) - here
        more = abs(value(0, NEXT) - value(0, NEAR))
        if rise > max(10 * noise, ABRUPT * more):
            return Place("jump", float(rise))
    return Place()


def _sinks(here: float, value: Callable[[int, int], float], ray: int) -> bool:
    """Whether values fall without bound on the way to the point along a ray."""
    near, far, wide = (value(ray, k) for k in (NEAR, FAR, WIDE))
    last, middle, first = near - here, far - near, wide - far
    if not np.isfinite([last, middle, first]).all():
        return False
    if first <= ROUNDING * max(abs(far), abs(wide)):
        return False
    return bool(middle >= SHRINKS * first and last >= SHRINKS * middle)
