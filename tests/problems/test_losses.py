"""Every loss of the table, held to what all losses owe, and to independent formulas."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from steepest.core.errors import DataError
from steepest.problems.losses import LOSSES, TASKS, get_loss

ROWS, CLASSES, WIDTH = 6, 4, 3
# One case a loss and task; a new entry of the table enters by itself.
CASES = [(name, task) for name, loss in LOSSES.items() for task in loss.tasks]
each_case = pytest.mark.parametrize(("name", "task"), CASES)
each_loss = pytest.mark.parametrize("name", LOSSES)


def targets(name, task, rng, rows=ROWS):
    """Targets that the loss takes, as integers where they are classes or counts."""
    if name == "triplet":
        return None
    if name == "poisson":
        return rng.integers(0, 9, rows)
    if task == "regression":
        return rng.normal(size=rows).astype(np.float32)
    return rng.integers(0, CLASSES if task == "multiclass" else 2, rows)


def predictions(name, task, rng, scale=1.0, rows=ROWS):
    """Raw predictions of the right shape, normal with the given scale."""
    if task == "embedding":
        count = 3 if name == "triplet" else 2
        shape = [(rows, WIDTH)] * count
        return tuple(scale * rng.normal(size=size) for size in shape)
    return scale * rng.normal(size=(rows, CLASSES) if task == "multiclass" else rows)


def total(name, target):
    return lambda prediction: jnp.sum(LOSSES[name](prediction, target))


def perfect(name, task, target):
    """A prediction than which there is no better, or nearly."""
    if name == "poisson":
        return np.log(np.maximum(target, 1e-9))
    if task == "regression":
        return target
    if task == "binary":
        return np.where(target > 0, 40.0, -40.0)
    if task == "multiclass":
        return 40.0 * np.eye(CLASSES)[target]
    near = np.zeros((ROWS, WIDTH))
    if name == "triplet":
        return near, near, near + 10.0
    return near, near + 10.0 * (1 - target)[:, None]


# ---- what every loss owes ----


@each_case
def test_one_value_a_row_in_the_dtype_of_the_prediction(name, task):
    rng = np.random.default_rng(0)
    target = targets(name, task, rng)
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(True):
            raw = predictions(name, task, rng)
            prediction = jax.tree.map(lambda part, to=dtype: jnp.asarray(part, to), raw)
            values = jax.eval_shape(LOSSES[name], prediction, target)
            assert values.shape == (ROWS,)
            assert values.dtype == dtype


@each_case
def test_gradient_against_differences(name, task):
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        target = targets(name, task, rng)
        flat, build = ravel_pytree(predictions(name, task, rng))
        step = 1e-6 * np.eye(len(flat))
        points = np.concatenate([flat[None], flat + step, flat - step])
        slope_of = jax.value_and_grad(lambda flat: total(name, target)(build(flat)))
        values, slopes = map(np.asarray, jax.jit(jax.vmap(slope_of))(points))
    up, down = np.split(values[1:], 2)
    np.testing.assert_allclose(slopes[0], (up - down) / 2e-6, atol=1e-7, rtol=1e-6)


@each_case
def test_finite_far_out_and_at_kinks_in_float32(name, task):
    rng = np.random.default_rng(2)
    target = targets(name, task, rng)
    if task == "regression":
        target = target.round()  # so that whole predictions meet it
    signs = jax.tree.map(np.sign, predictions(name, task, rng))
    ones = jax.tree.map(np.ones_like, signs)
    slope_of = jax.jit(jax.value_and_grad(total(name, target)))
    far = [(signs, 1e4), (ones, 1e4), (ones, -1e4)]
    for shape, size in far + [(ones, at) for at in (0.0, 1.0, -1.0, 0.5)]:
        value, slope = slope_of(
            jax.tree.map(lambda x, c=size: np.float32(c * x), shape)
        )
        assert value.dtype == np.float32
        assert np.isfinite(value)
        for part in map(np.asarray, jax.tree.leaves(slope)):
            assert np.isfinite(np.sum(part**2))  # the gradient norm, in float32


@each_case
def test_never_negative_and_zero_when_perfect(name, task):
    rng, loss = np.random.default_rng(4), jax.jit(LOSSES[name])
    for scale in (0.1, 1.0, 30.0):
        target = targets(name, task, rng)
        values = loss(predictions(name, task, rng, scale), target)
        # float32 rounding of a sum that cancels (poisson) is all that is allowed
        assert np.min(values) >= -1e-5
    best = loss(perfect(name, task, target), target)
    np.testing.assert_allclose(best, 0.0, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "task"), [case for case in CASES if LOSSES[case[0]].convex]
)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 1.0))
def test_convex_ones_lie_below_their_chords(name, task, seed, share):
    rng, loss = np.random.default_rng(seed), jax.jit(LOSSES[name])
    with jax.enable_x64(True):
        target = targets(name, task, rng)
        scale = 10.0 ** rng.uniform(-1, 2)  # beyond the knee of poisson too
        a, b = (predictions(name, task, rng, scale) for _ in range(2))
        chord = share * loss(a, target) + (1 - share) * loss(b, target)
        below = loss(share * a + (1 - share) * b, target)
        assert np.all(below <= chord + 1e-9 * (1 + chord))


@each_case
def test_rows_alone_equal_rows_together(name, task):
    rng = np.random.default_rng(5)
    target, prediction = targets(name, task, rng), predictions(name, task, rng)
    together = jax.jit(LOSSES[name])(prediction, target)
    alone = jax.jit(jax.vmap(LOSSES[name]))(prediction, target)
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-6)


@each_loss
def test_entry_is_complete_and_equal_to_itself_by_value(name):
    loss = LOSSES[name]
    assert loss.name == name
    assert loss.formula
    assert loss.reference
    assert set(loss.tasks) <= set(TASKS)
    twin = dataclasses.replace(loss)
    assert twin is not loss
    assert twin == loss
    assert hash(twin) == hash(loss)
    assert get_loss(str(loss)) == loss


@each_case
def test_good_targets_pass_the_check_and_nan_does_not(name, task):
    loss = LOSSES[name]
    good = targets(name, task, np.random.default_rng(6))
    if good is None:
        return
    loss.check_target(good, n_classes=CLASSES)
    with pytest.raises(DataError, match=r"target\[1\] is nan"):
        loss.check_target([0.0, np.nan])
    with pytest.raises(DataError, match="not numbers"):
        loss.check_target(["late", "early"])


@each_case
def test_link_is_finite_and_readable(name, task):
    if task == "embedding":
        return
    rng = np.random.default_rng(7)
    raw = jnp.float32(predictions(name, task, rng, 1e4))
    read = np.asarray(LOSSES[name].link(raw))
    assert read.shape == raw.shape
    assert np.isfinite(read).all()
    if task in ("binary", "multiclass"):
        assert (read >= 0).all()
        assert (read <= 1).all()
    if task == "multiclass":
        np.testing.assert_allclose(read.sum(axis=1), 1.0, rtol=1e-6)
