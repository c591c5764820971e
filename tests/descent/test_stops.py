"""Why a run ends, on functions; the numbers of the first articles among them."""

import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest import Stop
from steepest.descent import loop


def article(**options):
    return sp.minimize(
        "x^2 + x*y + y^2",
        {"x": 3.0, "y": 4.0},
        optimizer="gd",
        learning_rate=0.1,
        gtol=1e-6,
        **options,
    )


def test_hundred_steps_of_the_article_are_no_success():
    run = article(max_steps=100)
    path = run.trace.path
    assert (path["x"][0], path["y"][0]) == (3.0, 4.0)
    assert len(path["x"]) == 101
    assert run.params["x"] == pytest.approx(-1.3280699e-05, abs=1e-9)
    assert run.params["y"] == pytest.approx(1.3280699e-05, abs=1e-9)
    assert run.stop is Stop.MAX_STEPS
    assert not run.converged
    assert run.verdict.kind == "not_stationary"


def test_the_path_of_the_article_is_that_of_a_hand_written_loop():
    path = article(max_steps=100).trace.path
    x, y = 3.0, 4.0
    for k in range(101):
        assert path["x"][k] == pytest.approx(x, rel=1e-12)
        assert path["y"][k] == pytest.approx(y, rel=1e-12)
        x, y = x - 0.1 * (2 * x + y), y - 0.1 * (x + 2 * y)


def test_five_hundred_steps_converge():
    run = article(max_steps=500)
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.grad_norm <= 1e-6
    assert run.verdict.kind == "minimum"
    assert run.converged


def test_one_step_of_the_squared_distance():
    run = sp.minimize(
        "x^2 + y^2",
        {"x": 3.0, "y": 4.0},
        optimizer="gd",
        learning_rate=0.1,
        max_steps=1,
    )
    assert run.trace.value.tolist() == pytest.approx([25.0, 16.0])
    assert run.trace.grad_norm[0] == pytest.approx(10.0)
    assert run.params == pytest.approx({"x": 2.4, "y": 3.2})


@pytest.mark.parametrize(
    ("rate", "stop"),
    [(1e-6, Stop.MAX_STEPS), (0.01, Stop.GRADIENT_SMALL), (10.0, Stop.DIVERGED)],
)
def test_three_rates_end_in_three_ways(rate, stop):
    run = sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=rate)
    assert run.stop is stop
    if stop is Stop.DIVERGED:
        assert run.steps < 10
        assert "learning_rate=10" in run.verdict.headline
        better = run.verdict.findings[0].remedy["learning_rate"]
        assert sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=better).converged
        assert run.params == 5.0


def test_slow_divergence_is_seen_too():
    run = sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=1.01)
    assert run.stop is Stop.DIVERGED
    assert run.value == 25.0


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_divergence_that_swings_is_seen(name):
    run = sp.minimize("x^2", 5.0, optimizer=name, learning_rate=3.0)
    assert run.stop.failed


@pytest.mark.parametrize("name", ["adam", "rmsprop", "momentum", "nesterov", "gd"])
@pytest.mark.parametrize("surface", ["rosenbrock", "beale", "himmelblau", "booth"])
def test_healthy_runs_are_not_called_diverged(name, surface):
    rate = {"adam": 0.1, "rmsprop": 0.1}.get(name, 1e-4)
    run = sp.minimize(surface, optimizer=name, learning_rate=rate, max_steps=3000)
    assert not run.stop.failed


def test_starting_next_to_a_minimum_with_a_long_step_is_not_divergence():
    run = sp.minimize("x^2", 1e-6, optimizer="adam", learning_rate=0.1)
    assert not run.stop.failed


def test_a_function_without_floor_is_told():
    run = sp.minimize("-x^2", 1.0)
    assert run.stop is Stop.DIVERGED
    assert "without bound" in run.verdict.headline


def test_nonfinite_returns_the_best_point_and_marks_the_step():
    run = sp.minimize(
        lambda x: jnp.sum(x**4),
        np.array([10.0, 1.0]),
        optimizer="gd",
        learning_rate=1.0,
    )
    assert run.stop is Stop.NONFINITE
    np.testing.assert_array_equal(run.params, [10.0, 1.0])
    assert run.value == 10_001.0
    assert run.trace.value[-1] == run.value
    assert not run.trace.finite[-2]
    assert run.trace.finite[:-2].all()
    assert np.isfinite(run.trace.path).all()


def test_leaving_the_domain_keeps_the_last_good_point():
    run = sp.minimize("x - log(x)", 3.0, optimizer="gd", learning_rate=10.0)
    assert run.stop is Stop.NONFINITE
    assert run.params == 3.0
    assert not run.converged


def test_value_flat_and_step_small():
    flat = sp.minimize(
        "x^2 + 1", 5.0, optimizer="gd", learning_rate=0.3, gtol=None, ftol=1e-9
    )
    assert flat.stop is Stop.VALUE_FLAT
    changes = np.abs(np.diff(flat.trace.value))
    assert (changes[-2:] <= 1e-9 * flat.value).all()
    assert changes[-3] > 1e-9 * flat.value
    short = sp.minimize(
        "x^2 + 1", 5.0, optimizer="gd", learning_rate=0.3, gtol=None, xtol=1e-6
    )
    assert short.stop is Stop.STEP_SMALL
    assert (short.trace.update_norm[-3:-1] <= 1e-6).all()
    assert short.trace.update_norm[-4] > 1e-6
    assert flat.converged
    assert short.converged


def test_a_tolerance_met_by_a_tiny_rate_is_no_success():
    run = sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=1e-12, ftol=1e-6)
    assert run.stop is Stop.VALUE_FLAT
    assert not run.converged
    assert "rate" in run.verdict.findings[0].advice


def test_target_is_reached_from_above_and_from_below():
    down = sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=0.1, target=1.0)
    assert down.stop is Stop.TARGET
    assert down.trace.value[-1] <= 1.0 < down.trace.value[-2]
    up = sp.maximize("3 - x^2", 5.0, optimizer="gd", learning_rate=0.1, target=2.0)
    assert up.stop is Stop.TARGET
    assert up.trace.value[-1] >= 2.0 > up.trace.value[-2]


def test_precision_ends_a_run_that_cannot_move():
    run = sp.minimize(
        "(x - 1)^2 + 1e3", 5.0, optimizer="gd", learning_rate=0.3, gtol=None
    )
    assert run.stop is Stop.PRECISION
    assert run.converged
    assert run.params == pytest.approx(1.0)


def test_patience_counts_steps_without_a_new_best():
    run = sp.minimize("abs(x)", 1.05, optimizer="gd", learning_rate=0.1, patience=7)
    assert run.stop is Stop.PATIENCE
    assert run.steps == run.best_step + 7


def test_zero_steps_evaluate_the_start():
    run = sp.minimize("x^2", 3.0, max_steps=0)
    assert run.stop is Stop.MAX_STEPS
    assert (run.value, run.params, run.steps, len(run.trace)) == (9.0, 3.0, 0, 1)


def test_a_start_at_the_minimum_needs_no_step():
    run = sp.minimize("x^2", 0.0)
    assert (run.stop, run.steps, run.converged) == (Stop.GRADIENT_SMALL, 0, True)


def test_a_start_on_a_saddle_or_a_maximum_is_not_success():
    saddle = sp.minimize("x^2 - y^2", {"x": 0.0, "y": 0.0})
    assert (saddle.verdict.kind, saddle.converged) == ("saddle", False)
    assert saddle.verdict.findings[0].evidence["eigenvalue_min"] == pytest.approx(-2)
    top = sp.minimize("-x^2", 0.0)
    assert (top.verdict.kind, top.converged) == ("maximum", False)
    flat = sp.minimize("0*x + 1", 0.0)
    assert (flat.verdict.kind, flat.converged) == ("plateau", False)


def test_max_seconds_ends_an_endless_run():
    run = sp.minimize(
        "x^2",
        1.0,
        optimizer="gd",
        learning_rate=1e-12,
        max_steps=None,
        max_seconds=0.05,
    )
    assert run.stop is Stop.MAX_SECONDS
    assert run.steps >= 1
    assert run.trace.step[-1] == run.steps
    assert not run.converged


def test_ctrl_c_returns_what_was_reached(monkeypatch):
    class Impatient:
        def open(self):
            self.closed = False

        def tell(self, event):
            if int(event.state.step) > 10 and event.stop is None:
                signal.raise_signal(signal.SIGINT)

        def close(self):
            self.closed = True

    # a job in the background ignores Ctrl-C: hear it as a person's shell would
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    watcher = Impatient()
    real = loop.descend
    monkeypatch.setattr(
        "steepest.api.functions.descend",
        lambda *a, watchers=(), **k: real(*a, watchers=[*watchers, watcher], **k),
    )
    try:
        run = sp.minimize(
            "x^2",
            1.0,
            optimizer="gd",
            learning_rate=1e-12,
            max_steps=None,
            max_seconds=60,
        )
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.stop is Stop.INTERRUPTED
    assert run.trace.step[-1] == run.steps > 10
    assert run.trace.value[-1] == run.value
    assert watcher.closed


def test_watchers_are_closed_when_something_breaks(monkeypatch):
    closed = []

    class Broken:
        def open(self):
            pass

        def tell(self, event):
            raise RuntimeError("on purpose")

        def close(self):
            closed.append(True)

    real = loop.descend
    monkeypatch.setattr(
        "steepest.api.functions.descend",
        lambda *a, watchers=(), **k: real(*a, watchers=[Broken()], **k),
    )
    with pytest.raises(RuntimeError, match="on purpose"):
        sp.minimize("x^2", 1.0)
    assert closed == [True]


def test_maximize_climbs_in_the_sign_of_the_function():
    run = sp.maximize("-(x-1)^2 + 3", 0.0)
    assert run.value == pytest.approx(3.0)
    assert run.params == pytest.approx(1.0, abs=1e-6)
    assert run.trace.value[0] == 2.0
    assert run.trace.value[-1] == run.value
    assert (run.verdict.kind, run.converged) == ("maximum", True)
    assert run.settings["direction"] == "maximize"


def test_maximize_is_minimize_of_the_negative_step_by_step():
    up = sp.maximize(
        "3 - x^2 - 2*y^2",
        {"x": 1.0, "y": 2.0},
        optimizer="adam",
        learning_rate=0.1,
        max_steps=30,
    )
    down = sp.minimize(
        "x^2 + 2*y^2 - 3",
        {"x": 1.0, "y": 2.0},
        optimizer="adam",
        learning_rate=0.1,
        max_steps=30,
    )
    np.testing.assert_allclose(up.trace.value, -down.trace.value)
    np.testing.assert_allclose(up.trace.path["y"], down.trace.path["y"])


def test_one_neuron_against_its_hand_derivative():
    rng = np.random.default_rng(0)
    for w, x, y in rng.normal(size=(5, 3)):
        run = sp.minimize(
            lambda p, x=x, y=y: (p * x - y) ** 2,
            float(w),
            optimizer="gd",
            learning_rate=0.01,
            max_steps=1,
            gtol=None,
        )
        slope = 2 * (w * x - y) * x
        assert run.trace.grad_norm[0] == pytest.approx(abs(slope))
        assert run.params == pytest.approx(w - 0.01 * slope)


def test_value_and_gradient_of_the_article():
    formula = sp.parse("x^2 + x*y + y^2")
    with jax.enable_x64(True):
        value, grad = jax.value_and_grad(formula)({"x": 2.0, "y": 1.0})
    assert (float(value), float(grad["x"]), float(grad["y"])) == (7.0, 5.0, 4.0)
    slope = jax.grad(sp.parse("x^2"))
    assert [float(slope({"x": x})["x"]) for x in (5.0, 3.0, -2.0)] == [10, 6, -4]


@pytest.mark.parametrize("options", [{"ftol": 1e-4}, {"xtol": 1e-4}])
def test_a_rule_that_feels_its_way_is_not_stopped_at_its_first_probe(options):
    run = sp.minimize("x^2 + x*y + y^2", {"x": 3.0, "y": 4.0}, gtol=None, **options)
    assert run.steps > 5
    assert run.value < 1e-2


def test_a_start_at_value_zero_is_judged_by_the_depth_reached():
    run = sp.minimize("styblinski_tang", np.zeros(2), optimizer="adagrad")
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.converged


def test_a_deep_well_near_the_start_is_no_abyss():
    run = sp.minimize("1e25*(x^2 - x)", 0.0, gtol=1e15)
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.params == pytest.approx(0.5)
