"""The pre-flight check: is the gradient that somebody wrote the slope of the function?

g . v is compared with difference slopes of the values along a few directions v. Only
values at hand decide: a direction on which they are too noisy, or vary too finely to be
resolved, proves nothing, and a gradient is refused only where it is surely wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import DataError

Vector = np.ndarray[Any, Any]
FEW = 8
"""Up to so many params each axis is a direction; beyond, so many random ones are."""
STEPS = (2e-4, 6e-3, 6e-9, 1e-11)
"""Step lengths after the first, eps^(1/3), in units of max(1, |param|): noisy functions
need long ones, and functions that vary finely need short ones."""
SHORT = 1e-5
"""Up to this step length the one-sided quotients differ by kinks only."""
CLOSE = 1e-3
"""A slope this close to a quotient, relative to the larger, agrees with it."""
CLEAR = 0.1
"""A quotient known to this share of the larger of it and the slope can contradict."""
COARSE = float(np.finfo(np.float32).eps)
MOST = 1000
"""Axes that are looked at for the worst coordinate."""


class Look(NamedTuple):
    """What the values at one step length say of a slope."""

    agrees: bool
    disagrees: bool
    blur: float
    """How well the quotient is known, as a share of the larger of it and the slope."""
    flat: bool = False
    """Whether all values were equal."""


def check_gradient(
    fn: Callable[[Vector], float],
    point: Vector,
    grad: Vector,
    *,
    name: Callable[[int], str] = "params[{}]".format,
    eps: float = float(np.finfo(float).eps),
    seed: int = 0,
) -> None:
    """Refuse a gradient that difference quotients contradict.

    |g . v - (f(x + h v) - f(x - h v)) / 2h| > 1e-3 max(|g . v|, |quotient|) + rounding

    A slope between the two one-sided quotients passes: it may be one side of a kink.
    What passes at the first step length passes. Else seven values are taken at each of
    five step lengths, their fourth differences tell noise, and the gradient is refused
    only if it disagrees at two lengths and agrees at none.

    Args:
        fn: vector -> value. Where it raises or is not finite, nothing is known.
        point: (n,) where to look.
        grad: (n,) the gradient given there.
        name: index -> what the coordinate is called.
        eps: rounding of the values, relative.
        seed: of the directions, where there are too many axes.

    Raises:
        DataError: it is not the gradient of fn; the worst coordinate is named.

    Source: fourth differences as a measure of noise: Moré and Wild (2011), Estimating
    computational noise, SIAM J. Sci. Comput. 33.

    >>> check_gradient(lambda x: float(x @ x), np.ones(2), 2 * np.ones(2))
    >>> check_gradient(lambda x: float(x @ x), np.ones(2), np.array([2.0, -2.0]))
    Traceback (most recent call last):
    steepest.core.errors.DataError: grad is not the gradient of the function: ...
    """
    fault = refuted(fn, point, grad, eps=eps, seed=seed)
    if fault is None:
        return
    head = "grad is not the gradient of the function"
    if fault.coordinate is None:
        raise DataError(f"{head}: along random directions the slope is another.")
    said = (
        f"{head}: at the start {name(fault.coordinate)} has {fault.given:.6g}, but "
        f"the slope there is {fault.slope:.6g} (central difference)."
    )
    raise DataError(f"{said} {fault.hint}".rstrip())


class Fault(NamedTuple):
    """How a gradient differs from the slope."""

    coordinate: int | None
    """The worst coordinate, None where no coordinate alone shows the fault."""
    given: float = np.nan
    slope: float = np.nan
    hint: str = ""
    """What one factor says where it explains every coordinate."""


def refuted(
    fn: Callable[[Vector], float],
    point: Vector,
    grad: Vector,
    *,
    eps: float,
    seed: int = 0,
    glances: int | None = None,
) -> Fault | None:
    """What is wrong with a gradient; None where nothing contradicts it.

    Args:
        fn: vector -> value. Where it raises or is not finite, nothing is known.
        point: (n,) where to look.
        grad: (n,) the gradient given there.
        eps: rounding of the values, relative.
        seed: of the directions.
        glances: look along so many random directions only, and closely only where two
            values contradict; None to look as `check_gradient` does.

    >>> wrong = np.array([2.0, 3.0])
    >>> fault = refuted(lambda x: float(x @ x), np.ones(2), wrong, eps=2.2e-16)
    >>> fault.coordinate, fault.given, round(fault.slope, 6)
    (1, 3.0, 2.0)
    """
    scale, n = np.maximum(1.0, np.abs(point)), len(point)
    rays = _Rays(fn, point, eps)
    rng = np.random.default_rng(seed)
    axes = n <= (FEW if glances is None else min(glances, FEW))
    some = (_axis(i, scale) for i in range(n)) if axes else _directions(scale, rng)
    ahead = [*itertools.islice(some, n if axes else glances or FEW)]
    if glances is not None:
        ahead = [ray for ray in ahead if rays.differs(float(grad @ ray), ray)]
    steps = np.array([rays.refutes(float(grad @ ray), ray) for ray in ahead])
    if not steps.any():
        return None
    step = float(steps[steps > 0][0])
    indices = np.arange(n) if n <= MOST else rng.choice(n, MOST, replace=False)
    slopes = np.array(
        [rays.quotient(_axis(i, scale), step) / scale[i] for i in indices.tolist()]
    )
    told = axes and len(steps) == n
    among = steps > 0 if told else np.isfinite(slopes)
    return _fault(grad[indices], slopes, indices, among, scale)


class _Rays:
    """Values of a function along lines through a point."""

    def __init__(
        self, fn: Callable[[Vector], float], point: Vector, eps: float
    ) -> None:
        self.fn, self.point, self.eps = fn, point, eps
        self.here = self._value(point)

    def _value(self, point: Vector) -> float:
        try:
            return float(self.fn(point))
        except Exception:  # out of the domain nothing is known
            return float("nan")

    def values(self, direction: Vector, step: float, reach: int) -> Vector:
        """(2 reach + 1,) values at multiples of a step."""
        return np.array(
            [
                self.here if k == 0 else self._value(self.point + k * step * direction)
                for k in range(-reach, reach + 1)
            ]
        )

    def quotient(self, direction: Vector, step: float) -> float:
        """The central difference quotient."""
        values = self.values(direction, step, 1)
        with np.errstate(all="ignore"):
            return float((values[2] - values[0]) / (2 * step))

    def differs(self, slope: float, direction: Vector) -> bool:
        """Whether two values alone contradict a slope."""
        step = self.eps ** (1 / 3)
        return _look(self.values(direction, step, 1), slope, step, self.eps).disagrees

    def refutes(self, slope: float, direction: Vector) -> float:
        """The step length that shows most clearly that a slope is wrong; 0: none."""
        first = self.eps ** (1 / 3)
        if _look(self.values(direction, first, 1), slope, first, self.eps).agrees:
            return 0.0
        looks = []
        for step in (first, *STEPS):
            look = _look(self.values(direction, step, 3), slope, step, self.eps)
            if look.agrees:
                return 0.0
            looks.append((look.blur, step, look))
        # Equal values where longer steps find others: on one stair of a staircase.
        stairs = not all(look.flat for *_, look in looks)
        against = [
            (blur, step)
            for blur, step, look in looks
            if look.disagrees and not (look.flat and stairs)
        ]
        return min(against)[1] if len(against) >= 2 else 0.0


def _look(values: Vector, slope: float, step: float, eps: float) -> Look:
    """What 3 or 7 values at multiples of a step say of the slope in their middle."""
    if not np.isfinite(values).all():
        return Look(agrees=False, disagrees=False, blur=np.inf)
    with np.errstate(all="ignore"):
        middle = len(values) // 2
        ahead = (values[middle + 1] - values[middle]) / step
        behind = (values[middle] - values[middle - 1]) / step
        quotient = (ahead + behind) / 2
        size = max(abs(slope), abs(quotient))
        if (values == np.float32(values)).all():
            eps = max(eps, COARSE)  # computed in 32 bits somewhere
        rounding = 8 * eps * np.abs(values).max()
        rough = np.abs(np.diff(values, 4)).max(initial=0.0)
        bend = 0.0
        if middle > 1:
            wide = (values[middle + 2] - values[middle - 2]) / (4 * step)
            bend = abs(wide - quotient)
        blur = (rounding + 2 * rough) / step + bend
        apart = max(min(ahead, behind) - slope, slope - max(ahead, behind), 0.0)
        resolved = rough <= CLEAR * np.ptp(values) + 2 * rounding
    differs = apart > CLOSE * size + blur
    # Over long steps curvature alone sets the one-sided quotients far apart.
    near = not differs if step <= SHORT else abs(slope - quotient) <= CLOSE * size
    flat = bool(np.ptp(values) == 0)
    same = near and (slope == quotient or blur <= CLOSE * size) and not flat
    disagrees = bool(differs and resolved and blur <= CLEAR * size)
    share = blur / size if size else 0.0
    return Look(bool(same), disagrees, share, flat)


def _axis(index: int, scale: Vector) -> Vector:
    axis = np.zeros(len(scale))
    axis[index] = scale[index]
    return axis


def _directions(scale: Vector, rng: np.random.Generator) -> Iterator[Vector]:
    """Random directions in which every coordinate counts, and no two alike."""
    for _ in range(FEW):
        signs = rng.choice([-1.0, 1.0], len(scale))
        yield signs * rng.uniform(0.5, 1.5, len(scale)) * scale


def _fault(
    grad: Vector, slopes: Vector, indices: Vector, among: Vector, scale: Vector
) -> Fault:
    """The worst coordinate, and what is wrong with all of them."""
    with np.errstate(all="ignore"):
        error = np.abs(grad - slopes) * scale[indices]
        share = error / np.maximum(np.abs(grad), np.abs(slopes)) / scale[indices]
    error = np.where(among & (share > CLOSE), error, -1.0)
    if not (error > 0).any():
        return Fault(None)
    worst = int(np.argmax(error))
    found = float(grad[worst]), float(slopes[worst])
    return Fault(int(indices[worst]), *found, _hint(grad, slopes))


def _hint(grad: Vector, slopes: Vector) -> str:
    """What one factor says where it explains every coordinate."""
    counts = np.abs(slopes) > 1e-6 * np.nanmax(np.abs(slopes), initial=0.0)
    counts &= np.isfinite(slopes)
    if not counts.any():
        return ""
    ratios = grad[counts] / slopes[counts]
    factor = float(np.median(ratios))
    if abs(factor - 1) < CLOSE or np.abs(ratios - factor).max() > CLOSE * abs(factor):
        return ""
    if abs(factor + 1) < CLOSE:
        return "All of it has the wrong sign."
    if factor == 0:
        return "All of it is zero."
    return f"All of it is {factor:.4g} times the slope."
