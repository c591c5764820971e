"""An explanation as text, as it would stand on a blackboard."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from steepest.core.words import plural
from steepest.explanation.explanation import Explanation, Formulas
from steepest.explanation.stepping import Point, Step
from steepest.explanation.writing import filled, number, write
from steepest.problems.formulas import Node

WIDTH = 80
SHOWN = 8
"""Coordinates that are written out; the others are counted, and stand in the JSON."""
STEPS_SHOWN = 20


def to_text(told: Explanation) -> str:
    """The explanation in lines of text.

    Args:
        told: what is to be said.
    """
    parts = [
        _opening(told),
        _graph(told) if told.network else _derivatives(told),
        _gradient(told),
        *(_step(told, step) for step in told.steps[:STEPS_SHOWN]),
        _left_out(told),
        () if told.network else _graph(told),
        _closing(told),
    ]
    told_in = ["\n".join(_fitting(part)) for part in parts]
    return "\n\n".join(part for part in told_in if part)


def _fitting(rows: Iterable[str]) -> Iterator[str]:
    """Rows that fit, the rest of a long one further in."""
    for row in rows:
        indent = " " * (len(row) - len(row.lstrip()) + 4)
        yield from _long(row, indent) if len(row) > WIDTH else [row]


def _opening(told: Explanation) -> Iterator[str]:
    names = told.names
    if told.formula is None:
        yield told.objective
    else:
        arguments = ", ".join(f.name for f in told.partials)
        yield from _long(f"f({arguments}) = {write(told.formula)}", "    ")
        if told.objective != told.formula_text:
            yield f"{told.objective}, from the gallery"
        for name, value in told.constants.items():
            yield f"with {name} = {_list(np.atleast_1d(value))}"
    if told.network:
        yield f"with {plural(len(names), 'number')} to learn, for one row"
        yield ""
        yield f"loss = {number(told.value)}"
        return
    pairs = [f"{n} = {number(x)}" for n, x in zip(names, told.point.x, strict=True)]
    yield from _long(f"at {_some(pairs)}", "   ")
    yield ""
    yield f"f = {number(told.value)}" if np.isfinite(told.value) else "f has no value."
    for fault in told.point.faults:
        yield from textwrap.wrap(fault.text, WIDTH)


def _some(items: Sequence[str]) -> str:
    more = len(items) - SHOWN
    shown = ", ".join(items[:SHOWN])
    return f"{shown}, and {more:,} more" if more > 0 else shown


def _list(values: Any) -> str:
    more = ", ..." if len(values) > SHOWN else ""
    return f"({', '.join(map(number, values[:SHOWN]))}{more})"


def _long(text: str, indent: str) -> list[str]:
    """The text in lines that fit, broken between words alone."""
    return textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _derivatives(told: Explanation) -> Iterator[str]:
    yield "Partial derivatives"
    for one in told.partials:
        if one.vector and one.common is not None:
            yield from _long(f"  ∂f/∂{one.name}[k] = {write(one.common)}", " " * 6)
        for k in one.places[:SHOWN]:
            yield from _derivative(told, one, k)
        more = len(one.places) - SHOWN
        if more > 0:
            yield f"  ... and {more:,} more of {one.name}"
    if any("step(" in write(f) for f in _formulas(told)):
        yield "  step(u) is 1 where u > 0, else 0."


def _formulas(told: Explanation) -> Iterator[Node]:
    for one in told.partials:
        yield from (f for f in (one.common, *one.each.values()) if f is not None)


def known_numbers(told: Explanation) -> dict[str, float]:
    """What can be put into the formulas of the derivatives."""
    numbers = dict(zip(told.names, told.point.x.tolist(), strict=True))
    for name, value in told.constants.items():
        if np.ndim(value):
            numbers |= {f"{name}[{k}]": float(x) for k, x in enumerate(value)}
        else:
            numbers[name] = float(value)
    return numbers


def _derivative(told: Explanation, one: Formulas, k: int) -> Iterator[str]:
    name, slope = told.names[k], told.point.gradient[k]
    head = f"  ∂f/∂{name}"
    node = one.each.get(name, None if one.vector else one.common)
    parts = [] if node is None else [write(node)]
    if told.point.stops:
        yield from _equal(head, parts)
        return
    put = filled_in(told, one, k)
    if put is not None and write(put) not in (number(slope), *parts):
        parts.append(write(put))
    if name in kinks(told.point):
        yield from _equal(head, parts)
        yield f"      does not exist here; descent goes by {number(slope)}"
        return
    words = in_words(name, slope, told.direction)
    yield from _equal(head, [*parts, number(slope)], words)


def _equal(head: str, parts: list[str], words: str = "") -> Iterator[str]:
    """Sides of an equation: in one line, or a line each."""
    line = " = ".join([head, *parts])
    end = f"   {words}" if words else ""
    if len(line + end) <= WIDTH:
        yield line + end
        return
    indent = " " * len(head)
    for k, part in enumerate(parts):
        start = f"{head if k == 0 else indent} = "
        last = k == len(parts) - 1
        text = start + part + (end if last and len(start + part + end) <= WIDTH else "")
        yield from _long(text, " " * (len(head) + 5))
        if last and end and not text.endswith(end):
            yield indent + end


def kinks(point: Point) -> set[str]:
    """The coordinates along which there is no slope at a point.

    Args:
        point: of an explanation.
    """
    return {name for fault in point.faults for name in fault.along}


def filled_in(told: Explanation, one: Formulas, k: int) -> Node | None:
    """The derivative's formula with numbers for its variables, where it has one.

    Args:
        told: the explanation.
        one: the formulas of the variable.
        k: which coordinate.
    """
    node = told.formula_of(k)
    if node is None:
        return None
    return filled(node, {**known_numbers(told), **_entry(told, one, k)})


def _entry(told: Explanation, one: Formulas, k: int) -> dict[str, float]:
    """The numbers of entry number k, and of what is made of whole vectors."""
    from steepest.explanation.graph import build, forward

    node = told.formula_of(k)
    if not one.vector and not any(f.vector for f in told.partials):
        return {}
    assert node is not None  # noqa: S101  the caller looked
    params = {
        f.name: told.point.x[list(f.places)] if f.vector else told.point.x[f.places[0]]
        for f in told.partials
    }
    params |= dict(told.constants)
    place = one.places.index(k)
    known: dict[str, float] = {}
    vertices = build(told.formula) if told.formula is not None else []
    values = forward(vertices, params)
    for vertex, value in zip(vertices, values, strict=True):
        if value.ndim and place < len(value):
            known[f"{vertex.text}[k]"] = float(value[place])
    inner = {**params, **{name: np.float64(x) for name, x in known.items()}}
    inner |= dict(zip(told.names, told.point.x, strict=True))
    vertices = build(node)
    for vertex, value in zip(vertices, forward(vertices, inner), strict=True):
        reduces = vertex.text.split("(")[0] in ("sum", "mean", "prod", "norm", "dot")
        if reduces and value.ndim == 0:
            known[vertex.text] = float(value)
    return known


def in_words(name: str, slope: float, direction: str) -> str:
    """What the sign of a slope says.

    >>> in_words("x", 6.0, "minimize")
    '> 0: f rises with x, so x goes down'
    """
    if slope == 0:
        return f"f is level along {name}"
    up = slope > 0
    rises = "rises" if up else "falls"
    goes = "down" if up == (direction == "minimize") else "up"
    return f"{'> 0' if up else '< 0'}: f {rises} with {name}, so {name} goes {goes}"


def _gradient(told: Explanation) -> Iterator[str]:
    if told.point.stops:
        return
    slopes = told.point.gradient
    yield "Gradient"
    yield from _long(f"  ∇{told.letter} = {_list(slopes)}", " " * 8)
    if 1 < len(slopes) <= 4:
        squares = " + ".join(
            f"({number(g)})**2" if g < 0 else f"{number(g)}**2" for g in slopes
        )
        yield from _long(
            f"  |∇{told.letter}| = sqrt({squares}) = {number(told.norm)}", " " * 8
        )
    else:
        yield f"  |∇{told.letter}| = {number(told.norm)}"
    if told.norm == 0:
        level = "" if kinks(told.point) else "the ground is level here, and "
        yield f"  It is zero: {level}plain descent stays."
    else:
        way = "down" if told.direction == "minimize" else "up"
        heading = np.array(list(told.heading.values()))
        yield from _long(f"  steepest way {way}: {_list(heading)}", " " * 8)


def rule_text(told: Explanation) -> str:
    """The rule's name and its numbers, for people."""
    listed = [f"{n.replace('_', ' ')} {number(x)}" for n, x in told.numbers.items()]
    return ", ".join([told.optimizer, *listed])


def _step(told: Explanation, step: Step) -> Iterator[str]:
    yield f"Step {step.number}" + (f": {rule_text(told)}" if step.number == 1 else "")
    if step.number == 1:
        yield from _rule(step)
    n = len(told.names)
    slopes = _some(
        [f"∂{told.letter}/∂{m} = {number(g)}" for m, g in _pairs(told, step.before)]
    )
    if step.number > 1:
        yield from _long(f"  there {slopes}", " " * 8)
    for worked in step.lines:
        if worked.line.shared:
            yield _worked("  ", worked.line.name, worked.written(0), worked.at(0))
    for k in range(min(n, SHOWN)):
        for worked in step.lines:
            if not worked.line.shared:
                name = told.names[k]
                label = name if worked.line.name == "x" else worked.line.name
                gap = (
                    "  " if len(step.lines) == 1 or worked.line.name == "x" else "    "
                )
                if n > 1 and worked.line.name != "x":
                    label = f"{label}({name})"
                yield _worked(gap, label, worked.written(k), worked.at(k))
    if n > SHOWN:
        yield f"  ... and {n - SHOWN:,} more"
    yield from _outcome(told, step)


def _pairs(told: Explanation, point: Point) -> Iterator[tuple[str, float]]:
    return zip(told.names, point.gradient.tolist(), strict=True)


def _rule(step: Step) -> Iterator[str]:
    """The lines of the rule, before any number is in them."""
    width = max(len(f"{w.line.name} <- {write(w.line.tree)}") for w in step.lines)
    for worked in step.lines:
        line = worked.line
        text = f"{line.name} <- {write(line.tree)}"
        yield f"  {text:<{width}}   {line.meaning}".rstrip()
    counts = any("t" in worked.inputs for worked in step.lines)
    yield "  for each coordinate x, with g the derivative along it" + (
        ", t the number of the step" if counts else ""
    )
    yield ""


def _worked(indent: str, name: str, written: str, result: float) -> str:
    end = "" if written == number(result) else f" = {number(result)}"
    return f"{indent}{name} = {written}{end}"


def _outcome(told: Explanation, step: Step) -> Iterator[str]:
    before, after = step.before.value, step.after.value
    for fault in step.after.faults:
        if fault not in step.before.faults:
            yield from textwrap.wrap(
                fault.text, WIDTH, initial_indent="  ", subsequent_indent="  "
            )
    if step.after.stops:
        if not step.after.faults:
            yield "  There f, or its slope, is beyond the largest number."
        yield "  So the steps end here: try a smaller learning rate."
        return
    change = after - before
    way = f"{number(before)} -> {number(after)}"
    yield f"  {told.letter}: {way}, {change_in_words(told, change)}"
    if step.promised:
        yield f"  (the slope alone promised a change of {number(step.promised)})"


def change_in_words(told: Explanation, change: float) -> str:
    """Whether a step did what it should, in words."""
    if change == 0:
        return "no change"
    wanted = (change < 0) == (told.direction == "minimize")
    way = "down" if change < 0 else "up"
    return f"{way} by {number(abs(change))}" + ("" if wanted else ": the wrong way")


def _left_out(told: Explanation) -> Iterator[str]:
    more = len(told.steps) - STEPS_SHOWN
    if more > 0:
        last = told.steps[-1].after
        yield f"... and {plural(more, 'more step')}, all in the JSON; the last ends at"
        pairs = [f"{n} = {number(x)}" for n, x in zip(told.names, last.x, strict=True)]
        yield from _long(f"{_some(pairs)}, f = {number(last.value)}", "    ")


def _graph(told: Explanation) -> Iterator[str]:
    if told.graph is not None:
        yield from told.graph.lines()


def _closing(told: Explanation) -> Iterator[str]:
    for note in told.notes:
        yield from textwrap.wrap(note, WIDTH)
    if told.difference is not None:
        yield checked(told.difference)


def checked(difference: float) -> str:
    """What the comparison with JAX came to, in a sentence."""
    if difference <= 1e-9:
        return f"Checked against JAX: the largest difference is {difference:.1g}."
    return (
        f"JAX finds other numbers: the largest difference is {difference:.3g}. Please "
        "report this formula."
    )
