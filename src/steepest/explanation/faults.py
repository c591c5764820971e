"""Where a formula has no value or no slope, which of its parts is to blame, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from steepest.explanation.graph import Flow, Vertex, forward
from steepest.explanation.operations import Array, fixed
from steepest.explanation.writing import number, words_of
from steepest.problems.formulas import (
    Binary,
    Call,
    Constant,
    Node,
    Number,
    Variable,
    walk,
)

NEAR = 1e-6
"""How far to each side one looks, relative to max(1, |x|)."""
SHRINKS = 0.2
"""The slopes of both sides are one if, a hundred times nearer, they differ by less
than this share of what they did: on a curve a hundredth is left, at a kink all."""
NOISE = 1e-8
"""Differences of slopes below this share of the value are rounding."""
MOST_LOOKED_AT = 64
"""Coordinates along which both sides are looked at."""


class Fault(NamedTuple):
    """One sub-expression without value or slope.

    Args:
        kind: "undefined" (no value), "overflow", "endless" (a slope without bound),
            "kink" (another slope on each side) or "jump".
        where: the sub-expression.
        text: what is the matter, in a sentence or two.
        along: the coordinates along which there is no slope.
    """

    kind: str
    where: str
    text: str
    along: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether no step can be made from there."""
        return self.kind in ("undefined", "overflow", "endless")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**self._asdict(), "along": list(self.along)}


def faults_of(
    found: Flow, params: Mapping[str, Any], names: Mapping[str, Array]
) -> list[Fault]:
    """What is the matter with a formula at a point, from the inside out.

    A kink is told only where the formula as a whole has one: abs(x^2) has none.

    Args:
        found: from `graph.flow`.
        params: the point.
        names: the variables that move.

    >>> from steepest.explanation.graph import build, flow
    >>> from steepest.problems.formulas import parse
    >>> params = {"x": 1.0}
    >>> found = flow(build(parse("log(x - 3)").tree), params)
    >>> faults_of(found, params, params)[0].text
    'log(x - 3) has no value: x - 3 is -2 there, and log needs a number > 0.'
    """
    told: list[tuple[Fault, Vertex]] = []
    for k, vertex in enumerate(found.vertices):
        fault = _value_fault(found, k, vertex)
        if fault is not None:
            return [fault]  # what is made of it has none either
        if vertex.varies and vertex.below:
            told.extend((fault, vertex) for fault in _slope_faults(found, vertex))
    return _confirmed(told, found.vertices, params, names) if told else []


def _value_fault(found: Flow, k: int, vertex: Vertex) -> Fault | None:
    """The first sub-expression that is nan or infinite, of parts that are finite."""
    value = found.values[k]
    if np.all(np.isfinite(value)):
        return None
    below = (
        [np.broadcast_to(found.values[j], value.shape) for j in vertex.below]
        if (all(found.values[j].ndim <= value.ndim for j in vertex.below))
        else [found.values[j] for j in vertex.below]
    )
    place = ""
    if value.ndim:
        at = int(np.flatnonzero(~np.isfinite(value))[0])
        place = f" (entry {at})"
        value, below = value[at], [b[at] for b in below]
    why = _no_value(vertex.node, found.vertices, vertex, below)
    text = vertex.text
    if why is not None:
        return Fault("undefined", text, f"{text}{place} has no value: {why}")
    parts = _with_values(vertex, found.vertices, below)
    return Fault(
        "overflow",
        text,
        f"{text}{place} overflows: it is beyond 1.8e308, the largest number there "
        f"is{parts}.",
    )


def _with_values(vertex: Vertex, vertices: list[Vertex], below: list[Array]) -> str:
    pairs = [
        f"{vertices[j].text} = {number(b)}"
        for j, b in zip(vertex.below, below, strict=True)
        if np.ndim(b) == 0 and not isinstance(vertices[j].node, Number | Constant)
    ]
    return f" ({', '.join(pairs)})" if pairs else ""


def _no_value(
    node: Node, vertices: list[Vertex], vertex: Vertex, below: list[Array]
) -> str | None:
    """Why an operation has no value for its operands; None where it overflows."""

    def operand(k: int) -> str:
        return _is(vertices[vertex.below[k]], below[k])

    match node:
        case Binary("/") if below[1] == 0:
            return f"{operand(1)}, and nothing can be divided by 0."
        case Binary("**") if below[0] == 0 and below[1] < 0:
            return f"{operand(0)}, and a negative power of 0 divides by 0."
        case Binary("**") if below[0] < 0 and below[1] != np.round(below[1]):
            return (
                f"{operand(0)}, and the power {number(below[1])} of a negative number "
                "is no real number."
            )
        case Call("log" | "log2" | "log10" as name) if below[0] <= 0:
            return f"{operand(0)}, and {name} needs a number > 0."
        case Call("sqrt") if below[0] < 0:
            return f"{operand(0)}, and sqrt needs a number >= 0."
        case Call("asin" | "acos" as name) if abs(below[0]) > 1:
            return f"{operand(0)}, and {name} needs a number from -1 to 1."
    return None


def _is(vertex: Vertex, value: Any) -> str:
    if isinstance(vertex.node, Number | Constant):
        return f"it has {vertex.text}"
    return f"{vertex.text} is {number(value)} there"


def _slope_faults(found: Flow, vertex: Vertex) -> Iterator[Fault]:
    """What the operation itself tells; whether it matters is asked later."""
    below = [found.values[j] for j in vertex.below]
    moving = [found.vertices[j].varies for j in vertex.below]
    for kind, meets, why in _CORNERS.get(_name(vertex.node), ()):
        hit = np.asarray(meets(vertex.node, below, moving))
        if hit.any():
            place = f" (entry {int(np.flatnonzero(hit)[0])})" if hit.ndim else ""
            first = found.vertices[vertex.below[0]].text
            text = vertex.text
            yield Fault(kind, text, f"{text}{place} {why.format(u=first)}")


def _name(node: Node) -> str:
    match node:
        case Binary(operator):
            return operator
        case Call(function):
            return function
    return ""


def _root(node: Any, below: list[Array], moving: list[bool]) -> Any:
    """A power between 0 and 1 of 0."""
    del moving
    power = fixed(node.right)
    return (below[0] == 0) & (power is not None and 0 < power < 1)


def _tie(_: Any, below: list[Array], moving: list[bool]) -> Any:
    """The largest (or smallest) is there twice."""
    del moving
    pick = np.maximum if _.function == "max" else np.minimum
    best = below[0]
    for x in below[1:]:
        best = pick(best, x)
    return sum((np.asarray(x == best, int) for x in below), np.zeros((), int)) > 1


def _first(test: Callable[[Array], Any]) -> Callable[..., Any]:
    return lambda _, below, __: test(below[0])


_ENDLESS = "has an endless slope where {u} is 0."
_KINK = "has a kink where {u} is 0: another slope on each side."
_EDGE = "has an endless slope where {u} is 1 or -1."
_CORNERS: dict[str, tuple[tuple[str, Any, str], ...]] = {
    "abs": (("kink", _first(lambda x: x == 0), _KINK),),
    "relu": (("kink", _first(lambda x: x == 0), _KINK),),
    "sign": (("jump", _first(lambda x: x == 0), "jumps where {u} is 0."),),
    "sqrt": (("endless", _first(lambda x: x == 0), _ENDLESS),),
    "**": (("endless", _root, _ENDLESS),),
    "asin": (("endless", _first(lambda x: abs(x) == 1), _EDGE),),
    "acos": (("endless", _first(lambda x: abs(x) == 1), _EDGE),),
    "norm": (
        (
            "kink",
            lambda _, below, __: all(np.all(x == 0) for x in below),
            "is the tip of a cone where {u} is 0: the slope depends on the way.",
        ),
    ),
    "atan2": (
        (
            "jump",
            lambda _, below, __: (below[0] == 0) & (below[1] == 0),
            "has no slope where both its arguments are 0: every angle meets there.",
        ),
    ),
    "max": (("kink", _tie, "has a kink where two of its arguments are equal."),),
    "min": (("kink", _tie, "has a kink where two of its arguments are equal."),),
}


def _confirmed(
    told: list[tuple[Fault, Vertex]],
    vertices: list[Vertex],
    params: Mapping[str, Any],
    names: Mapping[str, Array],
) -> list[Fault]:
    """Only what both sides of the point bear out, with what they show."""
    sides = list(_sides(vertices, params, names))
    confirmed = []
    for fault, vertex in told:
        own = {node.name for node in walk(vertex.node) if isinstance(node, Variable)}
        apart = [s for s in sides if not s.alike and s.name.split("[")[0] in own]
        if apart:
            confirmed.append(_with_sides(fault, apart))
    return confirmed


def _with_sides(fault: Fault, apart: list[_Side]) -> Fault:
    kind, text = fault.kind, fault.text
    if kind == "endless" and not any(side.endless for side in apart):
        kind = "kink"  # sqrt(x^2) is |x|: what is endless inside ends outside
        text = f"{fault.where} has a kink there: another slope on each side."
    along = tuple(side.name for side in apart)
    return Fault(kind, fault.where, f"{text} {apart[0].sentence}", along)


class _Side(NamedTuple):
    """The slopes to the left and to the right along one coordinate."""

    name: str
    left: float
    right: float
    alike: bool
    endless: bool

    @property
    def sentence(self) -> str:
        left, right = words_of(self.left), words_of(self.right)
        return (
            f"Along {self.name} the slope is {left} on the left, {right} on the right."
        )


def _sides(
    vertices: list[Vertex], params: Mapping[str, Any], names: Mapping[str, Array]
) -> Iterator[_Side]:
    looked_at = 0
    middle = float(forward(vertices, params)[-1])
    for name in names:
        start = np.array(params[name], float)
        for place in np.ndindex(start.shape):
            if looked_at == MOST_LOOKED_AT:
                return
            looked_at += 1

            def slope(
                h: float, place: Any = place, start: Array = start, name: str = name
            ) -> float:
                moved = start.copy()
                moved[place] += h * max(1.0, abs(float(start[place])))
                value = float(forward(vertices, {**params, name: moved})[-1])
                with np.errstate(all="ignore"):
                    return (value - middle) / float(moved[place] - start[place])

            label = f"{name}[{place[0]}]" if place else name
            yield _side(label, slope, NOISE * abs(middle))


def _side(label: str, slope: Callable[[float], float], noise: float) -> _Side:
    found, gaps = [], []
    for sign in (-1.0, 1.0):
        near, nearest = slope(sign * NEAR), slope(sign * NEAR / 1e4)
        grows = np.isfinite(near) and abs(nearest) > 10 * max(abs(near), 1.0)
        found.append(float(np.copysign(np.inf, nearest)) if grows else near)
    left, right = found
    gaps = [slope(h) - slope(-h) for h in (NEAR, 100 * NEAR)]
    shrinks = abs(gaps[0]) <= max(SHRINKS * abs(gaps[1]), noise)
    endless = not np.isfinite(left - right)
    return _Side(label, left, right, bool(shrinks) and not endless, bool(endless))
