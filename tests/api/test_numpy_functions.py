"""Functions that jax cannot trace: with their gradient, by differences, with faults."""

import json
import signal

import numpy as np
import pytest

import steepest as sp
from steepest.records.folder import load_run

WEIGHTS = np.array([1.0, 4.0, 9.0])


def bowl(x):
    return float(np.sum(WEIGHTS * (x - 1) ** 2))


def bowl_slope(x):
    return 2 * WEIGHTS * (x - 1)


GD = dict(optimizer="gd", learning_rate=0.05, max_steps=20)


def by_hand(slope, x, steps=20, rate=0.05):
    path = [x]
    for _ in range(steps):
        path.append(path[-1] - rate * slope(path[-1]))
    return np.array(path)


def test_with_its_gradient_it_goes_the_path_of_a_loop_by_hand():
    run = sp.minimize(bowl, np.zeros(3), grad=bowl_slope, **GD)
    path = by_hand(bowl_slope, np.zeros(3))
    np.testing.assert_allclose(run.trace.path, path, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(run.trace.value, [bowl(x) for x in path], rtol=1e-12)
    norms = [np.linalg.norm(bowl_slope(x)) for x in path]
    np.testing.assert_allclose(run.trace.grad_norm, norms, rtol=1e-10)
    assert run.settings["gradient"] == "given"
    assert run.settings["notes"] == []


def test_by_differences_it_says_so_once():
    run = sp.minimize(bowl, np.zeros(3), **GD)
    path = by_hand(bowl_slope, np.zeros(3))
    np.testing.assert_allclose(run.trace.path, path, rtol=1e-7, atol=1e-8)
    assert run.settings["gradient"] == "central differences"
    (note,) = run.settings["notes"]
    assert "central differences, 6 evaluations each; give grad=" in note
    assert [one.advice for one in run.verdict.findings if one.symptom == "note"] == [
        note
    ]
    assert repr(run).count(note) == 1


def test_what_jax_can_trace_needs_no_note():
    run = sp.minimize(lambda x: (x - 1) ** 2, 0.0, **GD)
    assert (run.settings["gradient"], run.settings["notes"]) == ("jax", [])


@pytest.mark.parametrize("grad", [None, bowl_slope], ids=["differences", "given"])
def test_auto_finds_the_minimum_and_knows_it(grad):
    run = sp.minimize(bowl, np.zeros(3), grad=grad)
    np.testing.assert_allclose(run.params, 1, atol=1e-6)
    assert (run.verdict.kind, run.converged) == ("minimum", True)


def test_a_tree_uphill_and_saved(tmp_path):
    def hill(p):
        return 5 - float(np.sum((p["w"] - 2) ** 2)) - (float(p["b"]) + 1) ** 2

    def slope(p):
        return {"w": -2 * (p["w"] - 2), "b": -2 * (p["b"] + 1)}

    start = {"w": np.zeros((2, 1)), "b": 0.0}
    run = sp.maximize(hill, start, grad=slope, save=tmp_path / "run")
    assert run.value == pytest.approx(5)
    assert run.params["w"].shape == (2, 1)
    assert isinstance(run.params["b"], float)
    assert run.params["b"] == pytest.approx(-1, abs=1e-6)
    np.testing.assert_allclose(run.params["w"], 2, atol=1e-6)
    assert run.verdict.kind == "maximum"
    assert load_run(tmp_path / "run").to_json() == run.to_json()


def test_bounds_and_escape():
    def pass_(p):
        return float(p[0] ** 2 - p[1] ** 2 + p[1] ** 4)

    def slope(p):
        return np.array([2 * p[0], -2 * p[1] + 4 * p[1] ** 3])

    run = sp.minimize(pass_, np.zeros(2), grad=slope, escape=True, bounds=(-0.4, 0.9))
    assert run.value == pytest.approx(-0.25)
    assert (run.trace.path >= -0.4).all()
    assert (run.trace.path <= 0.9).all()
    np.testing.assert_allclose(run.params, [0, np.sqrt(0.5)], atol=1e-6)


def failing(error, after):
    """A bowl that raises once it is called this many times."""
    calls = []

    def fn(x):
        calls.append(1)
        if len(calls) > after:
            raise error
        return bowl(x)

    return fn


def test_an_exception_on_the_way_is_told_and_leaves_no_run_behind(tmp_path):
    fn = failing(ZeroDivisionError("on purpose"), after=20)
    with pytest.raises(sp.DataError, match="ZeroDivisionError.*on purpose") as caught:
        sp.minimize(fn, np.zeros(3), save=tmp_path / "run", **GD)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert not list(tmp_path.iterdir())
    run = sp.minimize(bowl, np.zeros(3), save=tmp_path / "run", **GD)
    assert load_run(tmp_path / "run").to_json() == run.to_json()


def test_a_gradient_that_raises_is_named(tmp_path):
    def grad(x):
        if x[0] > 0.1:
            raise RuntimeError("no slope here")
        return bowl_slope(x)

    with pytest.raises(sp.DataError, match="grad raised RuntimeError.*no slope here"):
        sp.minimize(bowl, np.zeros(3), grad=grad, save=tmp_path / "run", **GD)
    assert not list(tmp_path.iterdir())


def test_an_exit_on_the_way_comes_as_it_is_and_leaves_whole_rows_at_most(tmp_path):
    fn = failing(KeyboardInterrupt(), after=20)
    with pytest.raises(KeyboardInterrupt):
        sp.minimize(fn, np.zeros(3), save=tmp_path / "run", **GD)
    assert not list(tmp_path.rglob("run.json"))
    for rows in tmp_path.rglob("*.jsonl"):
        assert all(json.loads(line) for line in rows.read_text().splitlines())


def test_ctrl_c_ends_a_run_with_what_was_reached():
    calls = []

    def slow(x):
        calls.append(1)
        if len(calls) == 50:
            signal.raise_signal(signal.SIGINT)
        return bowl(x)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = sp.minimize(
            slow,
            np.zeros(3),
            grad=bowl_slope,
            optimizer="gd",
            learning_rate=1e-9,
            max_seconds=60,
            max_steps=None,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.stop is sp.Stop.INTERRUPTED
    assert run.steps == run.trace.step[-1] >= 10
    assert run.value == bowl(run.params) < bowl(np.zeros(3))
