"""What every optimizer of the table owes. A new entry enters by itself."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.core.errors import UsageError
from steepest.steps import (
    LINEAR_OPTIMIZERS,
    OPTIMIZERS,
    Optimizer,
    get_optimizer,
    settle,
)
from steepest.steps.optimizers import Hyper

EVERY = pytest.mark.parametrize("name", OPTIMIZERS)
RATED = pytest.mark.parametrize(
    "name", [name for name, entry in OPTIMIZERS.items() if entry.learning_rate]
)
HYPERS = pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, entry in OPTIMIZERS.items() for option in entry.hyper],
)
STARTS = {
    "array": np.array([[1.0, -2.0], [0.5, 3.0]]),
    "dict": {"w": np.array([1.0, -2.0]), "b": np.array(0.5)},
    "nested": [(np.array([1.0]),), {"x": np.array(-3.0)}],
}
BAD = [math.nan, math.inf, True, "0.5", None, [0.5], np.array([0.1, 0.2])]


@pytest.mark.parametrize("name", LINEAR_OPTIMIZERS)
def test_rules_of_rows_are_told_apart(name):
    entry = LINEAR_OPTIMIZERS[name]
    assert name not in OPTIMIZERS
    assert (entry.name, entry.learning_rate) == (name, 0.5)
    for use in (lambda: settle(name), lambda: entry.build(0.5)):
        with pytest.raises(UsageError, match="updates linear models row by row"):
            use()


def shape_of(tree):
    leaves = jax.tree.leaves(tree)
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in leaves]


def bowl(params):
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))


def first_update(rule, numbers, params):
    state = rule.init(params)
    return rule.update(
        jax.grad(bowl)(params),
        state,
        params,
        numbers=numbers,
        rate=rule.rate(numbers, 0, 0),
        value=bowl(params),
        value_fn=bowl,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("start", STARTS)
@EVERY
def test_the_state_keeps_its_tree_shapes_and_types(name, start, dtype):
    with jax.enable_x64(dtype == "float64"):
        params = jax.tree.map(lambda x: jnp.asarray(x, dtype), STARTS[start])
        rule, numbers = settle(name, clip_norm=10.0, clip_value=5.0)
        before = rule.init(params)
        update = functools.partial(first_update, rule)
        updates, after, rate = jax.eval_shape(update, numbers, params)
        assert shape_of(before) == shape_of(after)
        assert shape_of(updates) == shape_of(params)
        assert rate.shape == ()
        assert rate.dtype == dtype


@EVERY
def test_the_first_update_points_downhill(name):
    params = jax.tree.map(jnp.asarray, STARTS["dict"])
    updates, _, _ = first_update(*settle(name), params)
    slope = jax.tree.map(lambda u, g: jnp.vdot(u, g), updates, jax.grad(bowl)(params))
    assert sum(map(float, jax.tree.leaves(slope))) < 0


@RATED
def test_the_learning_rate_scales_the_first_update(name):
    params = jnp.array([1.0, -2.0, 0.25])
    one, _, told = first_update(*settle(name, 0.01), params)
    three, _, _ = first_update(*settle(name, 0.03), params)
    # The update may be a difference of points, which are rounded at their own size.
    np.testing.assert_allclose(three, 3 * one, rtol=1e-6, atol=3e-7)
    assert float(told) == pytest.approx(0.01)


@EVERY
def test_the_usual_rate_is_the_one_of_the_table(name):
    _, numbers = settle(name)
    entry = OPTIMIZERS[name]
    assert numbers["learning_rate"] == (entry.learning_rate or 0.0)
    assert numbers["hyper"] == {k: hyper.default for k, hyper in entry.hyper.items()}


def inside(hyper):
    """Two numbers of the interval beside the default, one of them whole if it can."""
    whole = math.ceil(hyper.low)
    edge = whole if whole < hyper.high else hyper.low
    return [hyper.low + 0.3 * (hyper.high - hyper.low), edge]


@HYPERS
def test_another_number_changes_no_tree(name, option):
    params = jnp.array([1.0, -2.0])
    usual = first_update(*settle(name), params)
    for number in inside(OPTIMIZERS[name].hyper[option]):
        other = first_update(*settle(name, **{option: number}), params)
        assert shape_of(usual) == shape_of(other)


@EVERY
def test_other_numbers_compile_nothing(name):
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def update(rule, numbers, params):
        traces.append(name)
        return first_update(rule, numbers, params)

    entry, params = OPTIMIZERS[name], jnp.array([1.0, -2.0])
    rates = (0.1, 0.2, 1, np.float32(0.3)) if entry.learning_rate else (None,)
    for rate in rates:
        update(*settle(name, rate, clip_norm=1.0), params)
    for option, hyper in entry.hyper.items():
        for number in inside(hyper):
            update(*settle(name, clip_norm=2, **{option: number}), params)
    assert len(traces) == 1


@HYPERS
def test_a_number_out_of_range_is_refused(name, option):
    _, low, high = OPTIMIZERS[name].hyper[option]
    for bad in [*BAD, np.nextafter(low, -math.inf), low - 1 - abs(low), high, high + 1]:
        with pytest.raises(UsageError, match=rf"{option}=.*must be a number in \["):
            settle(name, **{option: bad})


@pytest.mark.parametrize("bad", [b for b in BAD if b is not None] + [0, 0.0, -0.1, -1])
@pytest.mark.parametrize("option", ["learning_rate", "clip_norm", "clip_value"])
@RATED
def test_a_rate_or_bound_out_of_range_is_refused(name, option, bad):
    with pytest.raises(UsageError, match=rf"{option}=.*must be > 0 and finite"):
        settle(name, **{option: bad})


def test_a_negative_rate_is_sent_to_maximize():
    with pytest.raises(UsageError, match=r"learning_rate=-0\.1: .*use maximize"):
        settle("gd", -0.1)


@EVERY
def test_an_unknown_option_is_refused(name):
    with pytest.raises(UsageError, match=f"momentun: optimizer {name}"):
        settle(name, momentun=0.9)


def test_a_misspelt_option_is_set_right():
    with pytest.raises(UsageError, match="Did you mean momentum"):
        settle("momentum", momentun=0.9)


@pytest.mark.parametrize("schedule", ["cosine:over=10", lambda step: 0.1])
def test_a_rule_with_its_own_rate_takes_no_schedule(schedule):
    with pytest.raises(UsageError, match="schedule: optimizer adgd brings its own"):
        settle("adgd", schedule=schedule)


def test_a_rule_with_its_own_rate_takes_no_rate():
    with pytest.raises(UsageError, match=r"learning_rate=0\.1: optimizer adgd"):
        settle("adgd", 0.1)


def test_an_unknown_name_is_set_right():
    with pytest.raises(UsageError, match="unknown. Did you mean adam"):
        get_optimizer("adm")


@pytest.mark.parametrize("thing", [None, 3, jnp.ones(2), lambda x: x])
def test_what_is_no_optimizer_is_refused(thing):
    with pytest.raises(UsageError, match="must be a name .* or an Optax"):
        get_optimizer(thing)


def test_an_entry_of_ones_own_is_taken():
    gd = OPTIMIZERS["gd"]
    own = Optimizer(
        "damped",
        lambda learning_rate, share: gd.build(learning_rate * share),
        "x <- x - a share g",
        "this test",
        0.1,
        {"share": Hyper(0.5)},
    )
    updates, _, _ = first_update(*settle(own, share=0.25), jnp.array(2.0))
    assert float(updates) == pytest.approx(-0.1 * 0.25 * 4.0)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        OPTIMIZERS["mine"] = OPTIMIZERS["gd"]


@EVERY
def test_each_entry_states_its_formula_and_source(name):
    entry = OPTIMIZERS[name]
    assert entry.name == name
    assert "x <- x" in entry.formula or "x" in entry.formula
    assert any(part.strip(":,.").isdigit() for part in entry.reference.split())
