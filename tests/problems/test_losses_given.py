"""From names and functions to losses, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.core.errors import DataError, UsageError
from steepest.problems.losses import LOSSES, Loss, default_loss, get_loss

CLASSES = 4

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
