"""Every loss of the table, held to what all losses owe, and to independent formulas."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from steepest.core.errors import DataError, UsageError
from steepest.problems.losses import LOSSES, TASKS, Loss, default_loss, get_loss

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


# ---- second opinions ----


@pytest.fixture
def rng():
    """Random numbers, in a test that compares float64 with float64."""
    with jax.enable_x64(True):
        yield np.random.default_rng(8)


def values(loss, prediction, target):
    """Compiled whole, which is quicker than operation by operation."""
    return np.asarray(jax.jit(loss)(prediction, target))


def test_squared_and_absolute_are_the_metrics(rng):
    p, t = rng.normal(size=(2, 50))
    metrics = sklearn.metrics
    assert np.isclose(
        values(LOSSES["squared"], p, t).mean(), metrics.mean_squared_error(t, p)
    )
    assert np.isclose(
        values(LOSSES["absolute"], p, t).mean(), metrics.mean_absolute_error(t, p)
    )


def test_one_neuron_slope(rng):
    w, x, y = rng.normal(size=3)
    slope = jax.grad(lambda w: LOSSES["squared"](w * x, y))(w)
    assert np.isclose(slope, 2 * (w * x - y) * x)


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_huber_is_scipys(rng, delta):
    p, t = 3 * rng.normal(size=(2, 50))
    np.testing.assert_allclose(
        values(get_loss("huber", delta=delta), p, t), scipy.special.huber(delta, p - t)
    )


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_quantile_is_scikit_learns_pinball(rng, q):
    p, t = rng.normal(size=(2, 50))
    want = sklearn.metrics.mean_pinball_loss(t, p, alpha=q)
    assert np.isclose(values(get_loss("quantile", q=q), p, t).mean(), want)


def test_poisson_is_half_the_deviance(rng):
    p, t = rng.normal(size=50), rng.integers(0, 9, 50)
    want = sklearn.metrics.mean_poisson_deviance(t, np.exp(p)) / 2
    assert np.isclose(values(LOSSES["poisson"], p, t).mean(), want)
    assert np.allclose(LOSSES["poisson"].link(p), np.exp(p))


def test_poisson_goes_on_as_a_tangent():
    value, slope = jax.jit(jax.value_and_grad(LOSSES["poisson"]))(50.0, 0.0)
    assert np.isclose(slope, np.exp(30.0))
    assert np.isclose(value, np.exp(30.0) * 21)


def test_log_and_cross_entropy_are_scikit_learns(rng):
    p, t = rng.normal(size=50), rng.integers(0, 2, 50)
    want = sklearn.metrics.log_loss(t, LOSSES["log"].link(p))
    assert np.isclose(values(LOSSES["log"], p, t).mean(), want)
    p, t = rng.normal(size=(50, CLASSES)), rng.integers(0, CLASSES, 50)
    want = sklearn.metrics.log_loss(t, LOSSES["cross_entropy"].link(p))
    assert np.isclose(values(LOSSES["cross_entropy"], p, t).mean(), want)


def test_log_loss_keeps_its_digits_where_the_row_is_right():
    got = values(LOSSES["log"], jnp.float32(40.0), 1)
    np.testing.assert_allclose(got, np.exp(-40.0), rtol=1e-5)
    got = values(LOSSES["cross_entropy"], jnp.float32([[40.0, 0.0]]), jnp.array([0]))
    np.testing.assert_allclose(got, np.exp(-40.0), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_classes_of_any_dtype_mean_the_same(rng, dtype):
    p, t = rng.normal(size=9), rng.integers(0, 2, 9)
    for name in ("log", "hinge", "squared_hinge", "focal"):
        np.testing.assert_allclose(
            values(LOSSES[name], p, t.astype(dtype)),
            values(LOSSES[name], p, t),
            rtol=1e-6,
        )


def test_hinge_is_scikit_learns_and_squared_hinge_its_square(rng):
    p, t = rng.normal(size=50), rng.integers(0, 2, 50)
    hinge = values(LOSSES["hinge"], p, t)
    assert np.isclose(hinge.mean(), sklearn.metrics.hinge_loss(t, p, labels=[0, 1]))
    np.testing.assert_allclose(values(LOSSES["squared_hinge"], p, t), hinge**2)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_by_hand_for_two_and_more_classes(rng, gamma):
    loss = get_loss("focal", gamma=gamma)
    p, t = rng.normal(size=20), rng.integers(0, 2, 20)
    right = np.where(t == 1, scipy.special.expit(p), scipy.special.expit(-p))
    np.testing.assert_allclose(
        values(loss, p, t), -((1 - right) ** gamma) * np.log(right)
    )
    p, t = rng.normal(size=(20, CLASSES)), rng.integers(0, CLASSES, 20)
    right = scipy.special.softmax(p, axis=1)[np.arange(20), t]
    np.testing.assert_allclose(
        values(loss, p, t), -((1 - right) ** gamma) * np.log(right)
    )


def test_contrastive_by_hand(rng):
    a, b, same = rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), rng.integers(0, 2, 9)
    d = np.linalg.norm(a - b, axis=1)
    want = np.where(same, d**2, np.maximum(0, 2.0 - d) ** 2) / 2
    np.testing.assert_allclose(
        values(get_loss("contrastive", margin=2.0), (a, b), same), want
    )


def test_triplet_by_hand(rng):
    a, p, n = rng.normal(size=(3, 9, 2))
    d = [np.linalg.norm(a - other, axis=1) ** 2 for other in (p, n)]
    want = np.maximum(0, d[0] - d[1] + 0.5)
    np.testing.assert_allclose(
        values(get_loss("triplet", margin=0.5), (a, p, n), None), want
    )


def test_best_constants_are_the_mean_the_median_and_the_quantile(rng):
    t = rng.exponential(size=501)
    at = np.linspace(0, 5, 2001)

    def best(spec):
        loss = get_loss(spec)
        means = jax.vmap(lambda c: loss(jnp.full(501, c), t).mean())(at)
        return at[np.argmin(means)]

    assert np.isclose(best("squared"), t.mean(), atol=0.003)
    assert np.isclose(best("absolute"), np.median(t), atol=0.003)
    assert np.isclose(best("quantile:0.9"), np.quantile(t, 0.9), atol=0.003)


# ---- names and options ----


def test_one_parameter_has_one_meaning_in_every_spelling():
    by_name, by_text = get_loss("quantile", q=0.9), get_loss("quantile:0.9")
    assert by_name == by_text
    assert hash(by_name) == hash(by_text)
    assert str(by_text) == "quantile:0.9"
    assert get_loss("huber", delta=2) == get_loss("huber:2.0") != get_loss("huber")
    assert get_loss(by_name) is by_name
    assert get_loss(get_loss("huber"), delta=3.0) == get_loss("huber:3")


def test_equal_losses_share_one_compiled_program():
    calls = []

    @jax.jit(static_argnums=0)
    def value(loss, p, t):
        calls.append(loss)
        return loss(p, t)

    for spec in ("huber:2", "huber:2.0", "huber:3"):
        value(get_loss(spec), jnp.ones(3), jnp.zeros(3))
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("hubr", {}, "Did you mean huber"),
        ("squared:2", {}, "squared has no parameter"),
        ("squared", {"delta": 2.0}, "has no option 'delta'"),
        ("huber", {"delte": 2.0}, "Did you mean delta"),
        ("huber:0", {}, "must be a finite number > 0"),
        ("huber:nan", {}, "must be a finite number > 0"),
        ("huber:wide", {}, "must be a finite number > 0"),
        ("quantile:1", {}, "between 0 and 1"),
        ("quantile", {"q": float("nan")}, "between 0 and 1"),
        ("focal:-1", {}, ">= 0"),
        ("triplet:inf", {}, "finite"),
        ("auto", {}, "needs a task"),
        (3.0, {}, "need a name"),
    ],
)
def test_bad_specs_say_what_is_needed(spec, options, message):
    with pytest.raises(UsageError, match=message):
        get_loss(spec, **options)


def test_tasks_have_defaults_and_refuse_other_losses():
    assert default_loss("regression") == LOSSES["squared"]
    assert get_loss("auto", task="binary") == LOSSES["log"]
    assert get_loss("auto", task="multiclass") == LOSSES["cross_entropy"]
    with pytest.raises(UsageError, match="Did you mean regression"):
        default_loss("regresion")
    with pytest.raises(UsageError, match="contrastive or triplet"):
        default_loss("embedding")
    with pytest.raises(UsageError, match="use squared or absolute or huber"):
        get_loss("hinge", task="regression")
    with pytest.raises(UsageError, match="Did you mean binary"):
        get_loss("hinge", task="bynary")


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("poisson", [1, -1], r"target\[1\] is -1.0: .* counts >= 0"),
        ("log", [0, 1, 2], "classes 0 and 1"),
        ("hinge", [-1, 1], "classes 0 and 1"),
        ("cross_entropy", [0.5], "whole class numbers"),
        ("cross_entropy", [0, 4], "from 0 to 3"),
        ("squared", [1.0, np.inf], "finite"),
        ("contrastive", [2], "same"),
    ],
)
def test_targets_a_loss_is_not_made_for(name, target, message):
    with pytest.raises(DataError, match=message):
        LOSSES[name].check_target(target, n_classes=CLASSES)


@pytest.mark.parametrize(
    ("name", "prediction", "target"),
    [
        ("squared", (5, 1), (5,)),  # would broadcast to (5, 5)
        ("log", (5,), ()),
        ("cross_entropy", (5,), (5,)),
        ("cross_entropy", (5, 3), (4,)),
        ("focal", (5, 1), (4,)),
    ],
)
def test_shapes_that_would_broadcast_are_refused(name, prediction, target):
    with pytest.raises(UsageError, match="they need shapes"):
        LOSSES[name](jnp.zeros(prediction), jnp.zeros(target, int))


# ---- a loss of one's own ----


def cubic(prediction, target):
    return jnp.abs(prediction - target) ** 3


def test_any_callable_of_rows_is_a_loss():
    loss = get_loss(cubic, task="regression")
    assert isinstance(loss, Loss)
    assert loss.name == "cubic"
    assert not loss.scales_target
    assert loss == get_loss(cubic)
    assert hash(loss) == hash(get_loss(cubic))
    np.testing.assert_allclose(loss(jnp.array([2.0, 0.0]), jnp.zeros(2)), [8.0, 0.0])
    loss.check_target(["anything"])
    assert float(jax.vmap(loss)(jnp.array([2.0]), jnp.zeros(1))[0]) == 8.0


@pytest.mark.parametrize("shape", [(), (3, 1), (2,)])
def test_a_callable_that_does_not_return_one_value_a_row_is_refused(shape):
    loss = get_loss(lambda prediction, target: jnp.zeros(shape))
    with pytest.raises(UsageError, match="one value per row"):
        loss(jnp.zeros(3), jnp.zeros(3))


def test_a_callable_that_cannot_be_hashed_is_refused():
    class Listed(list):
        def __call__(self, prediction, target):
            return prediction - target

    with pytest.raises(UsageError, match="cannot be hashed"):
        get_loss(Listed())
