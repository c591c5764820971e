"""Params as one vector: the same steps, the same State, the user's rules left alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from steepest.core import random
from steepest.descent import program
from steepest.descent.flat import pack, unpack
from steepest.descent.jax_engine import JaxEngine
from steepest.descent.sources import Stretch
from steepest.problems.layout import Layout
from steepest.problems.losses import get_loss
from steepest.problems.models import MLP
from steepest.problems.objectives import Batch, TableObjective
from steepest.records import Stopping
from steepest.steps import OPTIMIZERS, settle

RNG = np.random.default_rng(0)
STEPS, ROWS, COLUMNS = 30, 8, 3
BATCHES = Batch(
    jnp.asarray(RNG.normal(size=(STEPS, ROWS, COLUMNS)), jnp.float32),
    jnp.asarray(RNG.random((STEPS, ROWS)) < 0.5, jnp.float32),
    jnp.ones((STEPS, ROWS), jnp.float32),
)
BY_BATCHES = [
    name
    for name, entry in OPTIMIZERS.items()
    if not (entry.full_gradient or entry.searches)
]


def engine_of(optimizer, **options):
    objective = TableObjective(MLP(hidden=4), get_loss("log"))
    rule, numbers = settle(optimizer)
    numbers["objective"] = {"l2": 0.01}
    limits = Stopping(max_epochs=1).limits(stochastic=True)
    return JaxEngine(
        objective,
        rule,
        numbers,
        limits,
        path=False,
        stochastic=True,
        precision="float32",
        **options,
    )


def started(engine):
    key = random.key(1)
    params, stats = engine.objective.model.init(key, COLUMNS, 1)
    return engine.start(params, stats, key)


def arrived(engine, *, cuts=(STEPS,)):
    """(State, rows) after all steps, in stretches of so many."""
    state, rows, first = started(engine), [], 0
    for count in cuts:
        work = Stretch(BATCHES, first, count, STEPS)
        state, more, stop = engine.advance(state, work)
        assert stop is None
        rows.append(more.info)
        first += count
    joined = {name: np.concatenate([r[name] for r in rows]) for name in rows[0]}
    return state, joined


@pytest.mark.parametrize("optimizer", BY_BATCHES)
def test_steps_over_a_vector_are_those_over_the_arrays(optimizer, monkeypatch):
    state, rows = arrived(engine_of(optimizer))
    monkeypatch.setattr(JaxEngine, "_packs", lambda *_: False)
    whole, those = arrived(engine_of(optimizer))
    assert jax.tree.structure(state) == jax.tree.structure(whole)
    for got, need in zip(jax.tree.leaves(state), jax.tree.leaves(whole), strict=True):
        assert (np.shape(got), np.asarray(got).dtype) == (need.shape, need.dtype)
        np.testing.assert_allclose(got, need, rtol=2e-3, atol=2e-5)
    for name, column in rows.items():
        np.testing.assert_allclose(column, those[name], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("long", [False, True])
def test_where_stretches_are_cut_changes_no_bit(long):
    whole, rows = arrived(engine_of("adam", long=long))
    cut, those = arrived(engine_of("adam", long=long), cuts=(1, 12, 2, 15))
    for got, need in zip(jax.tree.leaves(cut), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(got, need)
    for name, column in rows.items():
        np.testing.assert_array_equal(column, those[name])


def test_a_long_run_is_compiled_for_speed_and_a_short_one_is_not():
    long, short = program.advance_vector, program.advance
    long.clear_cache()
    short.clear_cache()
    arrived(engine_of("momentum", long=True))
    assert (long._cache_size(), short._cache_size()) == (1, 0)
    arrived(engine_of("momentum", long=False))
    assert (long._cache_size(), short._cache_size()) == (1, 1)


def test_a_rule_of_the_users_sees_the_arrays():
    seen = []

    def update(grads, state, params=None):
        del params
        seen.append(jax.tree.structure(grads))
        return jax.tree.map(lambda g: -0.1 * g, grads), state

    own = optax.GradientTransformation(lambda params: optax.EmptyState(), update)
    state, _ = arrived(engine_of(own))
    assert set(seen) == {jax.tree.structure(state.params)}


def test_what_is_packed_comes_back():
    engine = engine_of("adam")
    state = started(engine)
    packed = pack(state, engine.rule)
    size = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    assert packed.params.shape == packed.opt_state[0].mu.shape == (size,)
    back = unpack(packed, state)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    for got, need in zip(jax.tree.leaves(back), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(got, need)


def test_equal_layouts_share_a_program():
    one, other = ({"a": np.zeros(n), "b": np.ones((1, 2))} for n in (2, 2))
    assert Layout.of(one) == Layout.of(other)
    assert hash(Layout.of(one)) == hash(Layout.of(other))
    assert Layout.of(one) != Layout.of({"a": np.zeros(3), "b": np.ones((1, 2))})
