"""The door `explain`: every number of a step by hand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.core.suggest import did_you_mean
from steepest.explanation.explanation import Explanation
from steepest.explanation.formulas import Asked, explain_formula
from steepest.explanation.rules import RULES, Written, rule_of
from steepest.problems.formulas import Formula, parse
from steepest.problems.gallery import Surface
from steepest.problems.start import OneVariable, Problem, pose

RATE = 0.1
"""The learning rate where none is given."""
MOST_STEPS = 1000


def explain(
    objective: Any,
    at: Any = None,
    *,
    learning_rate: float | None = None,
    optimizer: str = "gd",
    steps: int = 1,
    backprop: bool = False,
    direction: Literal["minimize", "maximize"] = "minimize",
    **hyper: Any,
) -> Explanation:
    """Explain a function at a point: its slope, and the steps of descent from there.

    x <- x - learning_rate * gradient(x), or what the optimizer makes of it, with each
    partial derivative as a formula and as a number. Formulas are derived by SymPy; all
    numbers are worked out apart from that, and checked against JAX.

    Args:
        objective: a formula ("x**2 + y**2"), the name of a gallery function, or a
            function of one tree of arrays, which has numbers and no formulas. Or a
            small network, followed layer by layer for one row: what `fit` returned,
            or a fresh one as "mlp:hidden=2/2,activation=sigmoid,loss=log,seed=0".
        at: the point: a dict of variables for a formula; a number or a list where it
            is clear; may be left out for a gallery function. For a network a row:
            {"x": inputs, "y": target}, of a fitted one {column: value}.
        learning_rate: step length per unit of gradient, > 0. None: 0.1, and none for
            rules that find their own.
        optimizer: gd, momentum, nesterov, adagrad, rmsprop, adam, adamw, dog or dowg.
        steps: how many are made, up to 1000.
        backprop: whether the computational graph is shown too: values forwards,
            derivatives backwards, the chain rule along each path.
        direction: "minimize" or "maximize".
        **hyper: the optimizer's other numbers, such as momentum=0.9.

    Returns:
        An Explanation, which prints itself; `to_text`, `to_markdown`, `to_html` and
        `to_json` give it in other forms.

    Raises:
        UsageError: an option that cannot be meant, or a point that does not fit.
        FormulaError, DataError: an objective that cannot be used.

    >>> import steepest as sp
    >>> told = sp.explain("x**2 + y**2", at={"x": 3.0, "y": 4.0}, learning_rate=0.1)
    >>> told.value, told.gradient, told.norm
    (25.0, {'x': 6.0, 'y': 8.0}, 10.0)
    >>> [step] = told.steps
    >>> step.lines[0].written(0), round(step.after.value, 12)
    ('3 - 0.1*6', 16.0)
    """
    if direction not in ("minimize", "maximize"):
        near = did_you_mean(str(direction), ("minimize", "maximize"))
        raise UsageError(f"direction={direction!r}: unknown. {near}")
    if not (is_whole(steps) and 0 <= steps <= MOST_STEPS):
        raise UsageError(
            f"steps={steps!r}: must be a whole number from 0 to {MOST_STEPS}."
        )
    rule, numbers = _settled(optimizer, learning_rate, hyper, direction)
    asked = Asked(optimizer, rule, numbers, int(steps), direction, bool(backprop))
    if _is_network(objective):
        return _network(objective, at, asked)
    problem = _posed(objective, at)
    found = _formula(problem)
    if found is not None:
        formula, start, constants, label = found
        return explain_formula(formula, start, asked, label=label, constants=constants)
    if backprop:
        raise UsageError(
            "backprop: needs a formula, whose parts are known; a function in Python "
            "is one piece. Type it as a formula."
        )
    from steepest.explanation.functions import explain_function

    told = explain_function(
        problem.fn, problem.start, asked, label=problem.label, foreign=problem.foreign
    )
    problem.check()
    return told


def _is_network(objective: Any) -> bool:
    """Whether it is a fitted model, or the name of a model with options or none."""
    if isinstance(objective, str):
        return objective.strip().partition(":")[0] in ("mlp", "linear")
    return hasattr(objective, "predict") and hasattr(objective, "features")


def _network(objective: Any, at: Any, asked: Asked) -> Explanation:
    from steepest.api.explaining_networks import explain_fitted, explain_recipe

    if isinstance(objective, str):
        return explain_recipe(objective, at, asked)
    return explain_fitted(objective, at, asked)


def _posed(objective: Any, at: Any) -> Problem:
    try:
        return pose(objective, at)
    except UsageError as error:
        text = str(error).replace("The start ", "The point ")
        text = text.replace(
            "start: missing; give a point to begin from, such as",
            ("at: missing; give the point, such as"),
        )
        raise UsageError(text.replace("start: ", "at: ")) from None


def _formula(
    problem: Problem,
) -> tuple[Formula, dict[str, Any], dict[str, Any], str] | None:
    """(formula, point, constants, label) of what has a formula."""
    fn, start = problem.fn, problem.start
    if isinstance(fn, OneVariable):
        return fn.formula, {fn.formula.variables[0]: start}, {}, problem.label
    if isinstance(fn, Formula):
        return fn, {name: start[name] for name in fn.variables}, {}, problem.label
    if not isinstance(fn, Surface):
        return None
    formula = parse(fn.formula)
    moving = [name for name in formula.variables if name != "i"]
    constants = (
        {"i": np.arange(1.0, len(start) + 1)} if "i" in formula.variables else {}
    )
    if len(moving) == 1:
        return formula, {moving[0]: start}, constants, problem.label
    named = dict(zip(sorted(moving), map(float, start), strict=True))
    return formula, named, constants, problem.label


def _settled(
    optimizer: Any, learning_rate: Any, hyper: dict[str, Any], direction: str
) -> tuple[Written, dict[str, float]]:
    """The rule's lines, and its numbers, checked."""
    if learning_rate is not None and not (
        is_number(learning_rate) and 0 < learning_rate < float("inf")
    ):
        climb = (
            " To climb, use direction='maximize'." if direction == "minimize" else ""
        )
        raise UsageError(
            f"learning_rate={learning_rate!r}: must be > 0 and finite.{climb}"
        )
    rule = _rule(optimizer, climbs=direction == "maximize")
    rate = {} if rule.own_rate else {"learning_rate": float(learning_rate or RATE)}
    if rule.own_rate and learning_rate is not None:
        raise UsageError(
            f"learning_rate={learning_rate}: optimizer {optimizer} finds its own; "
            "leave it out, or choose gd, momentum or adam."
        )
    return rule, {**rate, **_numbers(optimizer, rule, hyper)}


def _rule(optimizer: Any, *, climbs: bool) -> Written:
    if isinstance(optimizer, str) and optimizer in RULES:
        return rule_of(optimizer, climbs=climbs)
    from steepest.steps import get_optimizer

    return rule_of(get_optimizer(optimizer).name, climbs=climbs)


def _numbers(optimizer: str, rule: Written, hyper: dict[str, Any]) -> dict[str, float]:
    """The rule's own numbers, those given laid over them."""
    if not hyper:  # the table of optimizers takes as long to load as JAX
        return dict(rule.numbers)
    from steepest.api.functions import check_names
    from steepest.steps import OPTIMIZERS

    check_names(hyper, _OPTIONS)
    return OPTIMIZERS[optimizer].numbers(hyper)


_OPTIONS = tuple(explain.__kwdefaults__ or ())
