"""Any Optax transformation can be handed in, and its rate is told where it has one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from steepest.core.errors import UsageError
from steepest.steps import get_optimizer, settle


def bowl(x):
    return jnp.sum(x**2 * jnp.array([1.0, 4.0]))


# name: (transformation, rate of the first two steps; None where the state hides it)
FOREIGN = {
    "lion": (optax.lion(0.01), None),
    "sgd": (optax.sgd(0.05), None),
    "sgd with its own schedule": (
        optax.sgd(optax.exponential_decay(0.1, 1, 0.5)),
        None,
    ),
    "chain": (optax.chain(optax.clip(1.0), optax.adam(0.1)), None),
    "injected": (optax.inject_hyperparams(optax.adam)(learning_rate=0.25), 0.25),
    "injected schedule": (
        optax.inject_hyperparams(optax.sgd)(lambda step: 0.1 / (1 + step)),
        (0.1, 0.05),
    ),
    "injected in a chain": (
        optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.inject_hyperparams(optax.sgd)(learning_rate=0.3),
        ),
        0.3,
    ),
    "lbfgs": (optax.lbfgs(), ...),
    "polyak": (optax.polyak_sgd(max_learning_rate=1.0), None),
    "line search": (
        optax.chain(optax.sgd(0.5), optax.scale_by_backtracking_linesearch(20)),
        ...,
    ),
}
EVERY = pytest.mark.parametrize("name", FOREIGN)


def step(rule, numbers, x, state, t):
    return rule.update(
        jax.grad(bowl)(x),
        state,
        x,
        numbers=numbers,
        rate=rule.rate(numbers, t, 0),
        value=bowl(x),
        value_fn=bowl,
    )


def shape_of(tree):
    leaves = jax.tree.leaves(tree)
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in leaves]


@functools.cache
def walk(name):
    """Two steps of ours: (points, rates)."""
    rule, numbers = settle(FOREIGN[name][0])
    update = jax.jit(functools.partial(step, rule))
    x = jnp.array([3.0, -2.0])
    state, points, rates = rule.init(x), [x], []
    for t in range(2):
        updates, state, rate = update(numbers, x, state, t)
        x = x + updates
        points.append(x)
        rates.append(float(rate))
    return points, rates


@pytest.mark.parametrize("double", [False, True])
@EVERY
def test_its_state_keeps_its_tree_shapes_and_types(name, double):
    with jax.enable_x64(double):
        rule, numbers = settle(FOREIGN[name][0])
        x = jnp.array([3.0, -2.0])
        before = rule.init(x)
        update = functools.partial(step, rule)
        updates, after, _ = jax.eval_shape(update, numbers, x, before, 0)
        assert shape_of(before) == shape_of(after)
        assert shape_of(updates) == shape_of(x)


@EVERY
def test_it_steps_downhill_and_tells_its_rate(name):
    points, rates = walk(name)
    told = FOREIGN[name][1]
    assert float(bowl(points[1])) < float(bowl(points[0]))
    if told is None:
        assert np.isnan(rates).all()
    elif told is ...:
        assert all(rate > 0 for rate in rates)
    else:
        np.testing.assert_allclose(rates, told, rtol=1e-6)


# Not lbfgs, which compiles for seconds: the line search asks for as much.
@pytest.mark.parametrize("name", [n for n in FOREIGN if n != "lbfgs"])
def test_it_makes_the_steps_that_optax_makes(name):
    direct = optax.with_extra_args_support(FOREIGN[name][0])

    @jax.jit
    def step(x, state):
        value, grad = jax.value_and_grad(bowl)(x)
        updates, state = direct.update(
            grad, state, x, value=value, grad=grad, value_fn=bowl
        )
        return optax.apply_updates(x, updates), state

    x = jnp.array([3.0, -2.0])
    state = jax.tree.map(jnp.asarray, direct.init(x))
    for point in walk(name)[0]:
        np.testing.assert_allclose(point, x, rtol=1e-5)
        x, state = step(x, state)


def test_one_transformation_is_one_entry():
    transformation = optax.sgd(0.1)
    assert get_optimizer(transformation) is get_optimizer(transformation)
    assert settle(transformation)[0] == settle(transformation)[0]
    assert hash(settle(transformation)[0]) == hash(settle(transformation)[0])


@pytest.mark.parametrize(
    "options",
    [{"learning_rate": 0.1}, {"schedule": "cosine:over=5"}, {"momentum": 0.9}],
)
def test_it_takes_no_numbers_of_ours(options):
    with pytest.raises(UsageError, match="optimizer optax"):
        settle(optax.adam(0.1), **options)


def test_a_factory_is_not_a_transformation():
    with pytest.raises(UsageError, match="Optax GradientTransformation"):
        settle(optax.adam)
