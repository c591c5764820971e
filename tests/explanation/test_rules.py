"""Every rule that is written out makes the steps that its optimizer makes."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import steepest as sp
from steepest.core.errors import UsageError
from steepest.explanation.rules import NOT_WRITTEN, RULES, rule_of
from steepest.problems.formulas import parse
from steepest.steps import OPTIMIZERS, settle

FORMULA = "x**2/2 + 3*y**2 + sin(x*y) + 0.1*x"
START = {"x": 1.5, "y": -0.7}
STEPS = 6


def by_the_optimizer(name: str, rate: float | None, sign: float, **hyper):
    """The points that the optimizer itself visits, without any compiled loop."""
    rule, numbers = settle(name, rate, **hyper)
    formula = parse(FORMULA)
    points = []
    with jax.enable_x64(True):
        params = {k: np.float64(v) for k, v in START.items()}
        state = rule.init(params)
        for k in range(STEPS):
            value, grad = jax.value_and_grad(lambda p: sign * formula(p))(params)
            updates, state, _ = rule.update(
                grad,
                state,
                params,
                numbers=numbers,
                rate=rule.rate(numbers, k, 0),
                value=value,
                value_fn=formula,
            )
            params = {name: params[name] + updates[name] for name in params}
            points.append([float(params[name]) for name in START])
    return np.array(points)


OTHERS = {
    "momentum": {"momentum": 0.8},
    "nesterov": {"momentum": 0.8},
    "adagrad": {"eps": 1e-3},
    "rmsprop": {"decay": 0.7, "eps": 1e-3},
    "adam": {"b1": 0.5, "b2": 0.9, "eps": 1e-3},
    "adamw": {"b1": 0.5, "weight_decay": 0.3},
    "dog": {"first_distance": 1e-2},
    "dowg": {"first_distance": 0.1},
}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", RULES)
def test_steps_are_those_of_the_optimizer(name, direction):
    rate = None if RULES[name].own_rate else 0.05
    sign = 1.0 if direction == "minimize" else -1.0
    hyper = OTHERS.get(name, {})
    told = sp.explain(
        FORMULA,
        START,
        optimizer=name,
        learning_rate=rate,
        steps=STEPS,
        direction=direction,
        **hyper,
    )
    ours = np.array([step.after.x for step in told.steps])
    theirs = by_the_optimizer(name, rate, sign, **hyper)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_every_optimizer_is_written_out_or_told_why_not():
    assert set(RULES) | set(NOT_WRITTEN) == set(OPTIMIZERS)
    assert not set(RULES) & set(NOT_WRITTEN)
    for name, rule in RULES.items():
        assert rule.own_rate == (OPTIMIZERS[name].learning_rate is None)
        assert rule.numbers == OPTIMIZERS[name].numbers({})


@pytest.mark.parametrize("name", NOT_WRITTEN)
def test_a_rule_without_lines_says_why(name):
    with pytest.raises(UsageError, match=r"cannot be written out.*Choose one of gd"):
        rule_of(name)


def test_moments_of_adam_by_hand():
    told = sp.explain("x**2", 3.0, optimizer="adam", learning_rate=0.1, steps=2)
    first, second = ({w.line.name: w.at(0) for w in s.lines} for s in told.steps)
    assert first == pytest.approx(
        {"m": 0.6, "s": 0.036, "m_hat": 6.0, "s_hat": 36.0, "x": 2.9}, rel=1e-8
    )
    g = 2 * first["x"]
    assert second["m"] == pytest.approx(0.9 * 0.6 + 0.1 * g, rel=1e-12)
    assert second["s"] == pytest.approx(0.999 * 0.036 + 0.001 * g * g, rel=1e-12)
    assert second["m_hat"] == pytest.approx(second["m"] / (1 - 0.81), rel=1e-12)
    shown = [w.written(0) for w in told.steps[0].lines]
    assert shown[0] == "0.9*0 + (1 - 0.9)*6"
    assert shown[2] == "0.6/(1 - 0.9**1)"


def test_the_article_s_step():
    told = sp.explain("x**2 + y**2", {"x": 3, "y": 4}, learning_rate=0.1)
    [step] = told.steps
    assert [w.written(0) for w in step.lines] == ["3 - 0.1*6"]
    assert step.after.x == pytest.approx([2.4, 3.2], rel=1e-15)
    assert (step.before.value, step.after.value) == (25.0, pytest.approx(16.0))
    assert step.promised == pytest.approx(-10.0)
