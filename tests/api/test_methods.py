"""Which optimizer "auto" stands for, rates by name, walks that stay within bounds."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

import steepest as sp
from steepest.api.descending import set_up, settings_of


def square(x):
    return jnp.sum((x - 0.25) ** 2)


@pytest.mark.parametrize(
    ("size", "options", "name"),
    [
        (2, {}, "bfgs"),
        (200, {}, "bfgs"),
        (300, {}, "lbfgs"),
        (2, {"bounds": (-1.0, 1.0)}, "bb"),
        (300, {"bounds": (-1.0, 1.0)}, "bb"),
        (2, {"bounds": (None, None)}, "bfgs"),
        (2, {"learning_rate": 0.1}, "gd"),
        (2, {"learning_rate": 0.1, "bounds": (-1.0, 1.0)}, "gd"),
        (2, {"learning_rate": "backtracking"}, "gd"),
        (2, {"clip_norm": 1.0}, "adgd"),
        (2, {"clip_value": 1.0, "bounds": (-1.0, 1.0)}, "adgd"),
    ],
)
def test_what_auto_stands_for(size, options, name):
    defaults = {**sp.minimize.__kwdefaults__, "hyper": {}}
    task = set_up(square, np.ones(size), 1.0, **{**defaults, **options})
    settings = settings_of(task)
    assert task.rule.optimizer.name == settings["optimizer"] == name
    assert settings["optimizer_chosen"] == "auto"


@pytest.mark.parametrize(("size", "name"), [(2, "bfgs"), (300, "lbfgs")])
def test_auto_is_told_by_the_run(size, name):
    run = sp.minimize(square, np.ones(size), max_steps=1, record_path=False)
    assert run.settings["optimizer"] == name
    assert run.settings["optimizer_chosen"] == "auto"


@pytest.mark.parametrize("name", ["gd", "momentum", "nesterov"])
def test_a_rate_found_by_backtracking(name):
    run = sp.minimize(square, np.ones(2), optimizer=name, learning_rate="backtracking")
    assert run.settings["backtracking"]
    assert run.settings["optimizer_chosen"] == "asked"
    assert run.converged
    np.testing.assert_allclose(run.params, 0.25, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "bfgs", "bb"])
def test_backtracking_is_refused_where_steps_are_not_in_proportion(name):
    with pytest.raises(sp.UsageError, match=f"momentum, nesterov, not with {name}"):
        sp.minimize(square, np.ones(2), optimizer=name, learning_rate="backtracking")


def test_a_run_that_went_back_says_so_and_names_a_rate():
    run = sp.minimize("x - log(x)", 3.0, optimizer="gd", learning_rate=10.0)
    (found,) = [one for one in run.verdict.findings if one.symptom == "backed_off"]
    assert run.converged
    assert found.severity == "info"  # it came as far as there is to come
    assert found.evidence["times"] == (~run.trace.finite).sum() > 0
    again = sp.minimize("x - log(x)", 3.0, optimizer="gd", **found.remedy)
    assert again.converged
    assert again.trace.finite.all()


def rosenbrock(p):
    return 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2


MATRIX = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]])
GOAL = np.array([2.0, -1.0, 0.4])


def bowl(p):
    return (p - GOAL) @ MATRIX @ (p - GOAL) / 2


def bowl_slope(p):
    return MATRIX @ (p - GOAL)


RULES = {
    "auto": None,
    "adam": 0.02,
    "adgd": None,
    "bb": None,
    "gd": 1e-3,
    "momentum": 1e-4,
}
# ours, value, slope, start, [(low, high), ...]: some hold, some do not
BOXES = [
    (
        rosenbrock,
        rosen,
        rosen_der,
        [-0.5, 0.9],
        [([-2, -2], [0.5, 2]), ([-2, 0.8], [2, 2]), ([-1, 0.5], [-0.2, np.inf])],
    ),
    (
        bowl,
        bowl,
        bowl_slope,
        [0.5, 0.5, 0.5],
        [([0, 0, 0], [1, 1, 1]), ([-3, -3, 0.5], [3, 3, 3]), ([-9, 0.5, 0], [9, 1, 1])],
    ),
]


@pytest.mark.parametrize("name", RULES)
def test_bounds_hold_at_every_step_and_the_end_is_that_of_scipy(name):
    for fn, value, slope, start, boxes in BOXES:
        for low, high in boxes:
            run = sp.minimize(
                fn,
                np.array(start),
                bounds=(low, high),
                optimizer=name,
                learning_rate=RULES[name],
                max_steps=40_000,
            )
            assert (run.trace.path >= low).all()
            assert (run.trace.path <= high).all()
            best = minimize(
                value,
                start,
                jac=slope,
                method="L-BFGS-B",
                bounds=list(zip(low, high, strict=True)),
                options={"gtol": 1e-10, "ftol": 1e-15},
            )
            np.testing.assert_allclose(run.params, best.x, atol=1e-4)
            assert run.value == pytest.approx(best.fun, abs=1e-6)
            assert run.value == pytest.approx(value(run.params), rel=1e-9)
            assert run.converged


def test_bounds_by_name_and_uphill():
    run = sp.maximize(
        "x + 2*y - y^2", {"x": 0.0, "y": 0.0}, bounds={"x": (None, 1.5), "y": (0, 0.5)}
    )
    assert run.params == pytest.approx({"x": 1.5, "y": 0.5})
    assert run.value == pytest.approx(2.25)
    assert run.converged
    assert "on_bounds" in [found.symptom for found in run.verdict.findings]


@pytest.mark.parametrize("name", ["bfgs", "lbfgs", "schedule_free"])
def test_rules_that_cannot_keep_bounds_are_refused_by_name(name):
    with pytest.raises(sp.UsageError, match=f"bounds: optimizer {name} cannot keep"):
        sp.minimize(square, np.ones(2), bounds=(-1, 1), optimizer=name)
