"""Rules of descent as lines on a blackboard: each a formula that gets its numbers.

The tests hold every one to the steps that the optimizer of its name makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from steepest.core.errors import UsageError
from steepest.problems.formulas import Node, parse


class Line:
    """One assignment: name <- formula.

    Args:
        name: what is worked out; "x" is the coordinate itself.
        text: the formula: of x, g (the derivative there), learning_rate, t (the
            step's number), the rule's own numbers and what stands above it.
        meaning: of the name, in a few words.
        shared: whether all coordinates have it in common.
    """

    def __init__(
        self, name: str, text: str, meaning: str = "", *, shared: bool = False
    ) -> None:
        self.name, self.text, self.meaning, self.shared = name, text, meaning, shared

    @cached_property
    def tree(self) -> Node:
        """The formula."""
        return parse(self.text).tree

    def climbing(self) -> Line:
        """The same, uphill: what was taken off is added."""
        text = self.text.replace("- learning_rate*", "+ learning_rate*")
        return Line(self.name, text, self.meaning, shared=self.shared)


class Written(NamedTuple):
    """A rule that can be written out.

    Args:
        lines: in the order in which they are worked out; the last ones give x.
        memory: name -> value before the first step, a formula of x0 and numbers.
        numbers: its own numbers as OPTIMIZERS has them (a test compares): that table
            takes as long to load as JAX.
        own_rate: whether it finds its learning rate itself.
    """

    lines: tuple[Line, ...]
    memory: Mapping[str, str] = MappingProxyType({})
    numbers: Mapping[str, float] = MappingProxyType({})
    own_rate: bool = False


_MOMENTUM = MappingProxyType({"momentum": 0.9})
_BETAS = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
_VELOCITY = Line("v", "momentum*v - learning_rate*g", "velocity")
_SQUARES = "running mean of the squared gradient"
_ADAM = (
    Line("m", "b1*m + (1 - b1)*g", "running mean of the gradient"),
    Line("s", "b2*s + (1 - b2)*g**2", _SQUARES),
    Line("m_hat", "m/(1 - b1**t)", "the mean, made up for its start at 0"),
    Line("s_hat", "s/(1 - b2**t)", "the same of the squares"),
)
_MOMENTS = MappingProxyType({"m": "0", "s": "0"})
_BESIDE = MappingProxyType({"s": "0"})

RULES: Mapping[str, Written] = MappingProxyType(
    {
        "gd": Written((Line("x", "x - learning_rate*g"),)),
        "momentum": Written(
            (_VELOCITY, Line("x", "x + v")), MappingProxyType({"v": "0"}), _MOMENTUM
        ),
        "nesterov": Written(
            (_VELOCITY, Line("x", "x + momentum*v - learning_rate*g")),
            MappingProxyType({"v": "0"}),
            _MOMENTUM,
        ),
        "adagrad": Written(
            (
                Line("s", "s + g**2", "sum of the squared gradients"),
                Line("x", "x - learning_rate*g/sqrt(s + eps)"),
            ),
            _BESIDE,
            MappingProxyType({"eps": 1e-10}),
        ),
        "rmsprop": Written(
            (
                Line("s", "decay*s + (1 - decay)*g**2", _SQUARES),
                Line("x", "x - learning_rate*g/(sqrt(s) + eps)"),
            ),
            _BESIDE,
            MappingProxyType({"decay": 0.9, "eps": 1e-8}),
        ),
        "adam": Written(
            (*_ADAM, Line("x", "x - learning_rate*m_hat/(sqrt(s_hat) + eps)")),
            _MOMENTS,
            MappingProxyType(_BETAS),
        ),
        "adamw": Written(
            (
                *_ADAM,
                Line("w", "learning_rate*weight_decay*x", "the pull towards 0"),
                Line("x", "x - learning_rate*m_hat/(sqrt(s_hat) + eps) - w"),
            ),
            _MOMENTS,
            MappingProxyType({**_BETAS, "weight_decay": 0.01}),
        ),
        "dog": Written(
            (
                Line("r", "max(r, norm(x - x0))", "how far it came", shared=True),
                Line("s", "s + dot(g, g)", "sum of |g|^2", shared=True),
                Line("learning_rate", "r/sqrt(s)", "", shared=True),
                Line("x", "x - learning_rate*g"),
            ),
            MappingProxyType({"r": "first_distance*(1 + norm(x0))", "s": "0"}),
            MappingProxyType({"first_distance": 1e-6}),
            own_rate=True,
        ),
        "dowg": Written(
            (
                Line("r", "max(r, norm(x - x0))", "how far it came", shared=True),
                Line("s", "s + r**2*dot(g, g)", "sum of r^2 |g|^2", shared=True),
                Line("learning_rate", "r**2/sqrt(s)", "", shared=True),
                Line("x", "x - learning_rate*g"),
            ),
            MappingProxyType({"r": "first_distance", "s": "0"}),
            MappingProxyType({"first_distance": 0.01}),
            own_rate=True,
        ),
    }
)
"""By the name of the optimizer."""

_SEARCHES = "it tries points and takes back those that are too high"
_LONG = "its memory is more than a few numbers a coordinate"
NOT_WRITTEN: Mapping[str, str] = MappingProxyType(
    {
        "adgd": _SEARCHES,
        "bb": _SEARCHES,
        "bfgs": f"{_SEARCHES}, and keeps a matrix",
        "lbfgs": f"{_SEARCHES}, and keeps pairs of steps",
        "prodigy": _LONG,
        "momo": _LONG,
        "schedule_free": "it goes by three points at once",
    }
)
"""Why the other optimizers have no lines here."""


def rule_of(name: str, *, climbs: bool = False) -> Written:
    """The lines of an optimizer.

    Args:
        name: as in OPTIMIZERS.
        climbs: whether it goes uphill.

    Raises:
        UsageError: it cannot be written out.

    >>> [line.name for line in rule_of("adam").lines]
    ['m', 's', 'm_hat', 's_hat', 'x']
    >>> rule_of("gd", climbs=True).lines[0].text
    'x + learning_rate*g'
    """
    if name not in RULES:
        why = NOT_WRITTEN.get(name, "there are no lines for it")
        raise UsageError(
            f"optimizer={name!r}: its steps cannot be written out by hand: {why}. "
            f"Choose one of {', '.join(RULES)}."
        )
    rule = RULES[name]
    if not climbs:
        return rule
    *before, last = rule.lines
    if name in ("momentum", "nesterov"):  # the velocity points uphill
        before = [line.climbing() for line in before]
    return rule._replace(lines=(*before, last.climbing()))
