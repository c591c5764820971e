"""An explanation as a row of blocks, for the forms that are typeset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from steepest.core.words import plural
from steepest.explanation.explanation import Explanation, Formulas
from steepest.explanation.maths import Latex
from steepest.explanation.stepping import Step
from steepest.explanation.text import (
    SHOWN,
    STEPS_SHOWN,
    change_in_words,
    checked,
    filled_in,
    in_words,
    kinks,
    rule_text,
)
from steepest.explanation.writing import number
from steepest.problems.formulas import Node


class Block(NamedTuple):
    """A piece of the story.

    Args:
        kind: "title", "head", "text", "formula" (one that stands alone), "item" (a
            formula and words) or "graph".
        words: plain text.
        formula: typeset by the dialect.
    """

    kind: str
    words: str = ""
    formula: str = ""


def blocks(told: Explanation, maths: Latex) -> Iterator[Block]:
    """The explanation from its formula to the check against JAX.

    Args:
        told: what is to be said.
        maths: the dialect.
    """
    yield from _opening(told, maths)
    if told.network:
        yield Block("head", "Layer by layer")
        yield Block("graph")
    else:
        yield Block("head", "Partial derivatives")
    for one in told.partials:
        yield from _variable(told, one, maths)
    if not told.point.stops:
        yield from _gradient(told, maths)
    for step in told.steps[:STEPS_SHOWN]:
        yield from _step(told, step, maths)
    more = len(told.steps) - STEPS_SHOWN
    if more > 0:
        yield Block("text", f"And {plural(more, 'more step')}: see the JSON.")
    if told.graph is not None and not told.network:
        yield Block("head", "Computational graph")
        yield Block("graph")
    for note in told.notes:
        yield Block("text", note)
    if told.difference is not None:
        yield Block("text", checked(told.difference))


def _opening(told: Explanation, maths: Latex) -> Iterator[Block]:
    yield Block("title", told.objective)
    if told.formula is not None:
        left = maths.call("f", [one.name for one in told.partials])
        yield Block("formula", "", maths.equal([left, maths.node(told.formula)]))
    for name, value in told.constants.items():
        sides = [maths.name(name), _vector(np.atleast_1d(value), maths)]
        yield Block("item", "stands for", maths.equal(sides))
    if told.network:
        yield Block(
            "text", f"{plural(len(told.names), 'number')} to learn, for one row."
        )
        yield Block("formula", "", _is(told.letter, told.value, maths))
        return
    for name, x in list(zip(told.names, told.point.x, strict=True))[:SHOWN]:
        yield Block("item", "", maths.equal([maths.name(name), maths.number(x)]))
    if len(told.names) > SHOWN:
        yield Block("text", f"and {len(told.names) - SHOWN:,} more coordinates.")
    if np.isfinite(told.value):
        yield Block("formula", "", _is(told.letter, told.value, maths))
    else:
        yield Block("text", "Here f has no value.")
    for fault in told.point.faults:
        yield Block("text", fault.text)


def _is(name: str, value: float, maths: Latex) -> str:
    return maths.equal([maths.name(name), maths.number(value)])


def _vector(values: Any, maths: Latex) -> str:
    entries = [maths.number(x) for x in values[:SHOWN]]
    return maths.vector([*entries, *([maths.more()] if len(values) > SHOWN else [])])


def _variable(told: Explanation, one: Formulas, maths: Latex) -> Iterator[Block]:
    if one.vector and one.common is not None:
        left = maths.partial("f", f"{one.name}[k]")
        yield Block("item", "", maths.equal([left, maths.node(one.common)]))
    for k in one.places[:SHOWN]:
        yield _derivative(told, one, k, maths)
    if len(one.places) > SHOWN:
        more = len(one.places) - SHOWN
        yield Block("text", f"and {more:,} more of {one.name}.")


def _derivative(told: Explanation, one: Formulas, k: int, maths: Latex) -> Block:
    name, slope = told.names[k], float(told.point.gradient[k])
    own: Node | None = one.each.get(name, None if one.vector else one.common)
    sides = [] if own is None else [maths.node(own)]
    words = ""
    if not told.point.stops:
        put = filled_in(told, one, k)
        sides += [] if put is None else [maths.node(put)]
        if name in kinks(told.point):
            words = f"does not exist here; descent goes by {number(slope)}"
        else:
            sides.append(maths.number(slope))
            words = in_words(name, slope, told.direction)
    sides = [maths.partial("f", name), *dict.fromkeys(sides)]
    return Block("item", words, maths.equal(sides))


def _gradient(told: Explanation, maths: Latex) -> Iterator[Block]:
    yield Block("head", "Gradient")
    sides = [maths.gradient(told.letter), _vector(told.point.gradient, maths)]
    yield Block("item", "", maths.equal(sides))
    sides = [maths.length(maths.gradient(told.letter)), maths.number(told.norm)]
    yield Block("item", "its length", maths.equal(sides))
    if told.norm > 0:
        way = "down" if told.direction == "minimize" else "up"
        heading = _vector(list(told.heading.values()), maths)
        yield Block("item", f"the steepest way {way}", heading)
    elif not kinks(told.point):
        yield Block("text", "It is zero: the ground is level here.")


def _step(told: Explanation, step: Step, maths: Latex) -> Iterator[Block]:
    rule = f": {rule_text(told)}" if step.number == 1 else ""
    yield Block("head", f"Step {step.number}{rule}")
    if step.number == 1:
        for worked in step.lines:
            right = maths.node(worked.line.tree)
            formula = maths.becomes(maths.name(worked.line.name), right)
            yield Block("item", worked.line.meaning, formula)
        yield Block("text", "for each coordinate x, with g the derivative along it:")
    for worked in step.lines:
        if worked.line.shared:
            yield _worked(worked, 0, maths.name(worked.line.name), maths)
    for k, name in enumerate(told.names[:SHOWN]):
        for worked in step.lines:
            if not worked.line.shared:
                is_x = worked.line.name == "x"
                label = maths.name(name) if is_x else maths.of(worked.line.name, name)
                yield _worked(worked, k, label, maths)
    yield Block("text", " ".join(_outcome(told, step)))


def _worked(worked: Any, k: int, label: str, maths: Latex) -> Block:
    sides = [label, maths.node(worked.filled(k)), maths.number(worked.at(k))]
    return Block("item", "", maths.equal(list(dict.fromkeys(sides))))


def _outcome(told: Explanation, step: Step) -> Iterator[str]:
    for fault in step.after.faults:
        if fault not in step.before.faults:
            yield fault.text
    if step.after.stops:
        yield "The steps end here: try a smaller learning rate."
        return
    before, after = step.before.value, step.after.value
    change = change_in_words(told, after - before)
    yield f"{told.letter} goes from {number(before)} to {number(after)}, {change}."
    if step.promised:
        yield f"The slope alone promised a change of {number(step.promised)}."
