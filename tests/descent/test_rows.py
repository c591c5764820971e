"""The rules of rows, held by every optimizer of the table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.descent import rows
from steepest.descent.pace import Pace

N_STEPS = 12
A = np.array([[3.0, 0.5], [0.5, 1.0]])


def quadratic(x):
    return 0.5 * x @ jnp.asarray(A) @ x + jnp.sum(x)


def value_of(x):
    return 0.5 * x @ A @ x + x.sum()


def grad_of(x):
    return A @ x + 1


@pytest.fixture(scope="module")
def runs():
    rates = {name: entry.learning_rate for name, entry in sp.OPTIMIZERS.items()}
    return {
        name: sp.minimize(
            quadratic,
            np.array([2.0, -3.0]),
            optimizer=name,
            learning_rate=None if rate is None else 0.05,
            gtol=None,
            max_steps=N_STEPS,
        )
        for name, rate in rates.items()
    }


@pytest.fixture(params=list(sp.OPTIMIZERS))
def run(request, runs):
    return runs[request.param]


def test_n_steps_give_n_plus_one_rows(run):
    assert run.steps == N_STEPS
    assert len(run.trace) == N_STEPS + 1
    assert run.trace.step.tolist() == list(range(N_STEPS + 1))


def test_row_k_describes_the_point_step_k_started_from(run):
    path, trace = run.trace.path, run.trace
    np.testing.assert_allclose(path[0], [2.0, -3.0])
    np.testing.assert_allclose(trace.value, [value_of(x) for x in path], rtol=1e-12)
    norms = [np.linalg.norm(grad_of(x)) for x in path]
    # at the end of a fast rule the gradient is a difference of rounding
    np.testing.assert_allclose(trace.grad_norm, norms, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(trace.param_norm, np.linalg.norm(path, axis=1))


def test_update_norm_is_the_length_of_the_step_that_leaves(run):
    if run.best_step != run.steps:
        pytest.skip("the last row stands at an earlier point")  # decided by the run
    moves = np.linalg.norm(np.diff(run.trace.path, axis=0), axis=1)
    np.testing.assert_allclose(run.trace.update_norm[:-1], moves, rtol=1e-9)
    assert np.isnan(run.trace.update_norm[-1])


def test_last_row_is_at_the_returned_params(run):
    assert run.trace.value[-1] == run.value
    assert run.trace.grad_norm[-1] == run.grad_norm
    np.testing.assert_array_equal(run.trace.path[-1], run.params)
    assert run.value == pytest.approx(value_of(run.params), rel=1e-12)


def test_returned_params_are_the_best_seen(run):
    assert run.value <= run.trace.value.min()


def test_cosine_and_quality_follow_their_formulas(run):
    path, rate = run.trace.path, run.trace.learning_rate
    inner = slice(1, -1)
    grads = np.array([grad_of(x) for x in path])
    lengths = np.linalg.norm(grads, axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a gradient is 0
        cosine = np.sum(grads[1:] * grads[:-1], axis=1) / (lengths[1:] * lengths[:-1])
    plain = (lengths[1:-1] > 1e-3) & (lengths[:-2] > 1e-3)  # above rounding
    found = run.trace.cosine[inner]
    np.testing.assert_allclose(found[plain], cosine[:-1][plain], rtol=1e-9)
    values = np.array([value_of(x) for x in path])
    with np.errstate(invalid="ignore"):
        kept = (values[:-1] - values[1:]) / (rate[:-1] * lengths[:-1] ** 2)
    found = run.trace.step_quality[inner]
    np.testing.assert_allclose(found[plain], kept[:-1][plain], rtol=1e-6)
    assert plain.sum() >= 4
    assert np.isnan(run.trace.cosine[0])
    assert np.isnan(run.trace.step_quality[0])


def test_rows_do_not_depend_on_how_the_run_is_cut(monkeypatch):
    def run(steps):
        monkeypatch.setattr(Pace, "within", lambda *_: steps)
        return sp.minimize(
            "rosenbrock", optimizer="adam", learning_rate=1e-3, max_steps=2500
        )

    whole, pieces, single = run(10**6), run(37), run(1000)
    for other in (pieces, single):
        np.testing.assert_array_equal(whole.params, other.params)
        for name in ("step", "value", "grad_norm", "update_norm", "cosine", "finite"):
            np.testing.assert_array_equal(
                getattr(whole.trace, name), getattr(other.trace, name), name
            )
        np.testing.assert_array_equal(whole.trace.path, other.trace.path)


def test_stride_grows_after_a_thousand_rows():
    run = sp.minimize("x**2", 1.0, optimizer="gd", learning_rate=1e-5, max_steps=9000)
    steps = run.trace.step
    assert steps[:1001].tolist() == list(range(1001))
    assert steps[-1] == 9000
    later = np.diff(steps[1001:-1])
    assert later.min() >= 4
    assert later.max() == 64
    assert len(steps) < 1500
    np.testing.assert_allclose(run.trace.value, (1 - 2e-5) ** (2.0 * steps), rtol=1e-9)


def test_stops_are_asked_between_rows_too():
    # gtol is first met at a step that is no multiple of the stride
    run = sp.minimize(
        "x**2", 1.0, optimizer="gd", learning_rate=5e-4, gtol=2e-2, max_steps=10_000
    )
    first = next(k for k in range(10_000) if 2 * (1 - 1e-3) ** k <= 2e-2)
    assert run.stop is sp.Stop.GRADIENT_SMALL
    assert run.steps == first
    assert first % int(rows.stride_at(jnp.int32(first))) != 0


def test_best_point_is_kept_between_rows():
    # x**2 from far with momentum swings through 0: the best lies between two rows
    run = sp.minimize(
        "x**2",
        1.0,
        optimizer="momentum",
        learning_rate=2e-6,
        gtol=None,
        max_steps=30_000,
        momentum=0.999,
    )
    assert run.best_step % int(rows.stride_at(jnp.int32(run.best_step))) != 0
    assert run.value < run.trace.value[:-1].min()
    assert run.trace.value[-1] == run.value


def test_a_tree_of_params_is_recorded_as_a_tree():
    start = {"w": [np.ones(2), 0.5], "b": (1.0,)}
    run = sp.minimize(
        lambda p: jnp.sum(p["w"][0] ** 2) + p["w"][1] ** 2 + p["b"][0] ** 2,
        start,
        optimizer="gd",
        learning_rate=0.1,
        max_steps=5,
    )
    assert jax.tree.structure(run.params) == jax.tree.structure(start)
    assert isinstance(run.params["b"][0], float)
    assert run.trace.path["w"][0].shape == (6, 2)
    assert run.trace.path["b"][0].shape == (6,)
