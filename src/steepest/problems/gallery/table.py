"""The gallery: every test function under its name.

To add one, add an entry to a file beside this one; the conformance tests take it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.gallery import bowls, hills, saddles, valleys
from steepest.problems.gallery.surface import Surface

GALLERY: Mapping[str, Surface] = MappingProxyType(
    {
        surface.name: surface
        for family in (bowls, valleys, hills, saddles)
        for surface in family.SURFACES
    }
)


def get(name: str) -> Surface:
    """The surface of that name.

    Args:
        name: a key of GALLERY.

    Raises:
        UsageError: there is none of that name.

    >>> get("himmelblau").minima[0]
    Point(at=(3.0, 2.0), value=0.0, kind='minimum')
    >>> get("rosenbrok")
    Traceback (most recent call last):
    steepest.core.errors.UsageError: The gallery has no 'rosenbrok'. Did you mean
    rosenbrock?
    """
    if isinstance(name, str) and name in GALLERY:
        return GALLERY[name]
    raise UsageError(f"The gallery has no {name!r}. {did_you_mean(str(name), GALLERY)}")
