"""Why a run ends: tolerances, budgets, a hand on the keyboard."""

import signal

import numpy as np
import pytest

import steepest as sp
from steepest import Stop
from steepest.descent import loop
from steepest.descent.judging import STALE


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
    saddle = sp.minimize("x^2 - y^2", {"x": 0.0, "y": 0.0}, escape=False)
    assert (saddle.verdict.kind, saddle.converged) == ("saddle", False)
    assert saddle.verdict.findings[0].evidence["eigenvalue_min"] == pytest.approx(-2)
    top = sp.minimize("-x^2", 0.0, escape=False)
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


@pytest.mark.parametrize("options", [{"ftol": 1e-4}, {"xtol": 1e-4}])
def test_a_rule_that_feels_its_way_is_not_stopped_at_its_first_probe(options):
    run = sp.minimize("x^2 + x*y + y^2", {"x": 3.0, "y": 4.0}, gtol=None, **options)
    assert run.steps > 5
    assert run.value < 1e-2


def test_a_start_at_value_zero_is_judged_by_the_depth_reached():
    run = sp.minimize("styblinski_tang", np.zeros(2), optimizer="adagrad")
    assert run.stop is Stop.GRADIENT_SMALL
    assert run.converged


def with_watcher(monkeypatch, watcher):
    """The next descent is looked on by one more."""
    real = loop.descend
    monkeypatch.setattr(
        "steepest.api.descending.descend",
        lambda *a, watchers=(), **k: real(*a, watchers=[*watchers, watcher], **k),
    )


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
    with_watcher(monkeypatch, watcher)
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

    with_watcher(monkeypatch, Broken())
    with pytest.raises(RuntimeError, match="on purpose"):
        sp.minimize("x^2", 1.0)
    assert closed == [True]


def test_a_search_without_a_new_best_for_long_comes_to_rest():
    run = sp.minimize("-acos(x)", 0.0)
    assert run.stop is Stop.PRECISION
    assert STALE <= run.steps - run.best_step <= STALE + 1
    climbs = sp.minimize("x^2", 9.0, optimizer="gd", learning_rate=1.0, max_steps=900)
    assert climbs.stop is Stop.MAX_STEPS, "a rule that does not search is not asked"
