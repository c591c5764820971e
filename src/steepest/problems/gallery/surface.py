"""A test function with all that is known about it: one entry of the gallery."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import jax

from steepest.core.errors import UsageError


class Point(NamedTuple):
    """A point where the gradient is zero.

    Args:
        at: coordinates, one for each dimension.
        value: the value of the function there.
        kind: what the point is.
    """

    at: tuple[float, ...]
    value: float
    kind: Literal["minimum", "saddle", "maximum"] = "minimum"


@dataclass(frozen=True)
class Surface:
    """A function of one array, where to start on it, and where its minima lie.

    An entry is hashable and stays the same object, so compiled code is found again.
    The conformance tests hold every entry to what it states.

    Args:
        name: its name in the gallery.
        fn: takes an array of shape (n,), returns a scalar; pure jax.numpy.
        formula: the same as a typed formula: of x and y where n is 2 and fixed, else
            of the vector x, with i standing for the vector 1, 2, ..., n.
        domain: (low, high) for each coordinate: where it is usually looked at.
        start: a point of the domain from which descent has something to show.
        lesson: what it teaches, in one line.
        reference: the paper or book it comes from.
        minima: minima, the lowest first; empty if it has none. They need not be all.
        stationary: other points of zero gradient: saddles and maxima.
        any_dimension: True if `sized` gives it in other dimensions.

    >>> from steepest.problems.gallery import get
    >>> get("booth").minima[0].at
    (1.0, 3.0)
    """

    name: str
    fn: Callable[[jax.Array], jax.Array]
    formula: str
    domain: tuple[tuple[float, float], ...]
    start: tuple[float, ...]
    lesson: str
    reference: str
    minima: tuple[Point, ...] = ()
    stationary: tuple[Point, ...] = ()
    any_dimension: bool = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """The value at x, an array of shape (n,)."""
        return self.fn(x)

    @property
    def dimension(self) -> int:
        """The number of coordinates n."""
        return len(self.start)

    def sized(self, n: int) -> Surface:
        """The same surface in n dimensions.

        Domain and start repeat. Of the minima those are kept that have all coordinates
        equal: in the surfaces of any dimension these stay minima, and their value
        grows in proportion to n.

        Args:
            n: the number of dimensions, at least 2.

        Raises:
            UsageError: n is too small, or the surface has one dimension only.

        >>> from steepest.problems.gallery import get
        >>> get("rosenbrock").sized(3).minima
        (Point(at=(1.0, 1.0, 1.0), value=0.0, kind='minimum'),)
        """
        if n == self.dimension:
            return self
        if not self.any_dimension:
            raise UsageError(
                f"n={n}: {self.name} has {self.dimension} dimensions and no other."
            )
        if isinstance(n, bool) or not isinstance(n, int) or n < 2:
            raise UsageError(f"n={n}: must be a whole number of at least 2.")
        return _sized(self, n)


@functools.cache
def _sized(surface: Surface, n: int) -> Surface:
    m = surface.dimension
    minima = tuple(
        Point(at=(at[0],) * n, value=value * n / m)
        for at, value, _ in surface.minima
        if len(set(at)) == 1
    )
    return replace(
        surface,
        domain=tuple(surface.domain[i % m] for i in range(n)),
        start=tuple(surface.start[i % m] for i in range(n)),
        minima=minima,
        stationary=(),
    )
