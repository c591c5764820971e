"""The annealing rule: acceptance by hand, and Boltzmann's weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.steps import settle
from steepest.steps.anneal import LANGEVIN, WALK, anneal_along


def well(x):
    return (x**2 - 1) ** 2 + 0.3 * x


def slope(x):
    return 4 * x * (x**2 - 1) + 0.3


@pytest.mark.parametrize("along", [True, False], ids=["langevin", "walk"])
def test_every_step_by_hand(along):
    heat, cooling, rate, wanted = 0.7, 0.98, 0.1, (0.234, 0.574)[along]
    with jax.enable_x64(True):
        rule = anneal_along(heat, cooling, rate, along_gradient=along)
        x = jnp.array(0.4)
        state = rule.init(x)
        anchor = proposal = None
        for i in range(60):
            key = jax.random.PRNGKey(i)
            decides, draws = jax.random.split(key)
            at = float(x)
            if i == 0:
                anchor = at
            else:
                T = heat * cooling ** (i - 1)
                log = -(well(at) - well(anchor)) / T
                if along:
                    there = at - anchor + rate * slope(anchor)
                    back = anchor - at + rate * slope(at)
                    log += (there**2 - back**2) / (4 * rate * T)
                chance = min(1.0, np.exp(min(0.0, log)))
                if float(jax.random.uniform(decides, (), "float64")) < chance:
                    anchor = at
                rate *= np.exp(0.05 * (chance - wanted))
            z = float(jax.random.normal(jax.random.split(draws, 1)[0], (), "float64"))
            proposal = anchor - along * rate * slope(anchor)
            proposal += np.sqrt(2 * rate * heat * cooling**i) * z
            update, state = rule.update(slope(x), state, x, value=well(x), key=key)
            x = x + update
            assert float(state.params) == pytest.approx(anchor, abs=1e-12)
            assert float(x) == pytest.approx(proposal, rel=1e-9, abs=1e-12)
            assert float(state.learning_rate) == pytest.approx(rate, rel=1e-12)
        assert 0 < int(state.accepted) < 60


@pytest.mark.parametrize(("along", "rate"), [(True, 0.05), (False, 0.8)])
def test_constant_temperature_gives_boltzmanns_weights(along, rate):
    heat, chains = 0.3, 64
    with jax.enable_x64(True):
        rule = anneal_along(heat, 1.0, rate, along_gradient=along, adapt=0.0)

        def step(carry, i):
            x, state, key = carry
            value, grad = jax.value_and_grad(well)(x)
            drawn = jax.random.fold_in(key, i)
            update, state = rule.update(grad, state, x, value=value, key=drawn)
            return (x + update, state, key), state.params

        def chain(key):
            x = jnp.array(0.5)
            begin = (x, rule.init(x), key)
            return jax.lax.scan(step, begin, jnp.arange(6000))[1]

        path = jax.jit(jax.vmap(chain))(jax.random.split(jax.random.PRNGKey(0), chains))
    path = np.asarray(path)[:, 1000:]
    grid = np.linspace(-3, 3, 20_001)
    weight = np.exp(-well(grid) / heat)
    weight /= weight.sum()
    for statistic in (lambda x: x < 0, lambda x: x**2, lambda x: x):
        found = np.asarray(statistic(path), float).mean(axis=1)
        error = found.std() / np.sqrt(chains)
        assert abs(found.mean() - weight @ statistic(grid)) < 4 * error


def test_what_is_not_finite_is_never_accepted():
    rule = anneal_along(1.0, 1.0, 0.1, along_gradient=True)
    x = jnp.array([1.0, 2.0])
    state = rule.init(x)
    _, state = rule.update(
        x, state, x, value=jnp.float32(1.0), key=jax.random.PRNGKey(0)
    )
    bad = jnp.array([9.0, 9.0])
    for value, grad in ((jnp.nan, x), (-jnp.inf, x), (-5.0, bad * jnp.nan)):
        _, state = rule.update(
            grad, state, bad, value=jnp.float32(value), key=jax.random.PRNGKey(1)
        )
        assert state.params.tolist() == [1.0, 2.0]
        assert state.value == 1.0


@pytest.mark.parametrize("entry", [LANGEVIN, WALK], ids=lambda entry: entry.name)
def test_state_keeps_its_types(entry):
    rule, numbers = settle(entry, 0.1, temperature=2.0)
    with jax.enable_x64(True):
        params = {"x": jnp.ones(2, jnp.float32), "y": jnp.ones((), jnp.float32)}
        before = rule.init(params)
        updates, after, _ = rule.update(
            params,
            before,
            params,
            numbers=numbers,
            rate=jnp.float32(0.1),
            value=jnp.float32(1.0),
            value_fn=None,
            key=jax.random.PRNGKey(0),
        )
    kind = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)  # noqa: E731
    assert kind(before) == kind(after)
    assert kind(updates) == kind(params)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(temperature=0.0), "temperature=0.0"),
        (dict(cooling=1.5), "cooling=1.5"),
        (dict(momentum=0.5), "takes no|Known|has none"),
    ],
)
def test_numbers_out_of_range(options, message):
    with pytest.raises(sp.UsageError, match=message):
        settle(LANGEVIN, 0.1, **options)
