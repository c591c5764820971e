"""What the engine promises: no second compilation, no change outside, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as sp
from steepest.descent import program


class Counted:
    """A function that counts how often it is traced."""

    def __init__(self):
        self.traces = 0

    def __call__(self, x):
        self.traces += 1
        return jnp.sum((x - 1.0) ** 2)


def test_a_second_run_with_other_numbers_compiles_nothing():
    fn = Counted()
    options = dict(optimizer="momentum", schedule="inverse_time", clip_norm=9.0)
    first = sp.minimize(fn, np.zeros(3), learning_rate=0.1, max_steps=5, **options)
    programs, traces = program.advance._cache_size(), fn.traces
    second = sp.minimize(
        fn,
        np.ones(3) * 7,
        learning_rate=0.02,
        momentum=0.5,
        optimizer="momentum",
        schedule="inverse_time:decay=0.5",
        clip_norm=0.1,
        gtol=1e-3,
        max_steps=900,
    )
    assert program.advance._cache_size() == programs
    assert fn.traces == traces
    assert first.steps != second.steps


def test_the_same_formula_typed_twice_compiles_once():
    sp.minimize("x^2 + 3*y^2", {"x": 1.0, "y": 1.0}, max_steps=3)
    programs = program.advance._cache_size()
    sp.minimize("x**2+3 * y**2", {"x": 2.0, "y": 1.0}, max_steps=30)
    assert program.advance._cache_size() == programs


def test_global_settings_of_jax_stay_as_they_are():
    before = dict(jax.config.values)
    run = sp.minimize("x^2", 1.0, max_steps=3)
    table = np.random.default_rng(0).normal(size=(40, 2))
    sp.fit((table, table[:, 0]), epochs=1)
    assert dict(jax.config.values) == before
    assert not jax.config.jax_enable_x64
    assert isinstance(run.params, float)


def test_functions_run_in_float64_and_tables_in_float32():
    run = sp.minimize(lambda x: jnp.sum(x**2), np.ones(2), max_steps=3)
    assert run.params.dtype == np.float64
    assert run.settings["precision"] == "float64"
    table = np.random.default_rng(0).normal(size=(40, 2))
    fitted = sp.fit((table, table[:, 0]), epochs=1)
    leaves = jax.tree.leaves(fitted.params)
    assert {leaf.dtype for leaf in leaves} == {np.dtype("float32")}
    assert fitted.run.settings["precision"] == "float32"


@pytest.mark.parametrize(
    "transformation",
    [
        optax.sgd(0.1, momentum=0.5),
        optax.lion(0.01),
        optax.chain(optax.clip(1.0), optax.adam(0.1)),
        optax.lbfgs(),
        optax.polyak_sgd(),
        optax.inject_hyperparams(optax.sgd)(learning_rate=0.1),
    ],
    ids=["sgd", "lion", "chain", "lbfgs", "polyak", "inject"],
)
def test_any_optax_transformation_follows_its_own_path(transformation):
    def fn(x):
        return jnp.sum((x - 1.0) ** 2 * jnp.array([1.0, 3.0]))

    run = sp.minimize(
        fn, np.array([3.0, -2.0]), optimizer=transformation, gtol=None, max_steps=6
    )
    with jax.enable_x64(True):
        x = jnp.array([3.0, -2.0])
        state = transformation.init(x)
        update = optax.with_extra_args_support(transformation).update
        for k in range(6):
            np.testing.assert_allclose(run.trace.path[k], x, rtol=1e-9, atol=1e-12)
            value, grad = jax.value_and_grad(fn)(x)
            step, state = update(grad, state, x, value=value, grad=grad, value_fn=fn)
            x = optax.apply_updates(x, step)
    assert run.settings["optimizer"] == "optax"


def test_the_rate_of_a_transformation_is_shown_where_it_can_be_seen():
    seen = optax.inject_hyperparams(optax.sgd)(learning_rate=0.125)
    run = sp.minimize("x^2", 1.0, optimizer=seen, max_steps=3)
    assert run.trace.learning_rate[0] == pytest.approx(0.125)
    hidden = sp.minimize("x^2", 1.0, optimizer=optax.sgd(0.1), max_steps=3)
    assert np.isnan(hidden.trace.learning_rate).all()


def test_schedules_show_in_the_trace():
    run = sp.minimize(
        "x^2",
        1.0,
        optimizer="gd",
        learning_rate=0.1,
        gtol=None,
        max_steps=20,
        schedule="inverse_time:decay=0.5,warmup=4",
    )
    t = np.arange(20.0)
    rate = np.where(t < 4, 0.1 * (t + 1) / 4, 0.1 / (1 + 0.5 * np.maximum(t - 4, 0)))
    np.testing.assert_allclose(run.trace.learning_rate[:-1], rate)
    own = sp.minimize(
        "x^2", 1.0, optimizer="gd", schedule=lambda k: 0.1 / (1 + k), max_steps=5
    )
    np.testing.assert_allclose(own.trace.learning_rate[:5], 0.1 / (1 + np.arange(5)))
