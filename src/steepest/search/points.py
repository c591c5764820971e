"""Points: the distinct ends of many runs, each with its kind."""

from __future__ import annotations

from typing import Any, NamedTuple

from steepest.core.plain import number_to_json, tree_to_json
from steepest.core.words import plural
from steepest.records.verdict import Kind

NAMES: dict[Kind | None, str] = {
    None: "point",
    "not_stationary": "point on a slope that goes on",
    "saddle": "saddle",
    "plateau": "plateau",
    "minimum": "minimum",
    "maximum": "maximum",
}
"""What an end is called, by its kind."""


class Point(NamedTuple):
    """One of the distinct points that runs came to rest at."""

    params: Any
    """The point, in the shape of the start."""
    value: float
    """The objective there."""
    times: int
    """How many runs ended there."""
    start: int
    """Row of `starts` that its best run began at."""
    kind: Kind | None
    """What sort of point it is; None where no survey was made."""

    @property
    def words(self) -> str:
        """The kind as people write it.

        >>> Point(0.0, 0.0, 1, 0, "not_stationary").words
        'slope'
        """
        names = {None: "not surveyed", "not_stationary": "slope"}
        return names.get(self.kind, str(self.kind))


def many_of(n: int, kind: Kind | None) -> str:
    """So many ends of one kind, in words.

    Args:
        n: how many.
        kind: of them all.

    >>> many_of(1, "saddle"), many_of(2, "not_stationary")
    ('1 saddle', '2 points on a slope that goes on')
    """
    noun, _, tail = NAMES.get(kind, f"{kind} end").partition(" on ")
    return f"{plural(n, noun)} {tail and f'on {tail}'}".rstrip()


def values_of(points: tuple[Point, ...], *, kinds: bool = False) -> str:
    """The values of the first points, in one line.

    Args:
        points: which.
        kinds: whether their kinds are told, too.
    """
    shown = [
        f"{p.value:.6g} (x{p.times:,}{', ' + p.words if kinds else ''})"
        for p in points[:4]
    ]
    return ", ".join([*shown, "..."] if len(points) > 4 else shown)


def point_to_json(point: Point) -> dict[str, Any]:
    """A point as plain data.

    Args:
        point: which.
    """
    return {
        "params": tree_to_json(point.params)[0],
        "value": number_to_json(point.value),
        "count": point.times,
        "kind": point.kind,
    }
