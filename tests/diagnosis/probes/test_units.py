"""Units: the passes of the probe are those of the model, and each unit is counted."""

import itertools

import equinox as eqx
import jax
import numpy as np
import pytest

from steepest.diagnosis.probes.units import hidden_outputs, units_of
from steepest.problems.models import MLP, Linear
from steepest.problems.models.layers import ACTIVATIONS

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
KINDS = list(itertools.product(ACTIVATIONS, ("none", "batch", "layer"), (False, True)))


@pytest.mark.parametrize(("activation", "norm", "residual"), KINDS)
def test_the_pass_is_the_models(activation, norm, residual):
    model = MLP(hidden=(5, 5), activation=activation, norm=norm, residual=residual)
    params, stats = model.init(jax.random.key(1), 3, 1)
    _, stats = model.apply(params, stats, ROWS, training=True)
    first, second = hidden_outputs(model, params, stats, ROWS)
    last = first + second if residual else second
    got = last @ np.asarray(params.output.weight).T + np.asarray(params.output.bias)
    need, _ = model.apply(params, stats, ROWS, training=False)
    np.testing.assert_allclose(got, need, atol=2e-5)


def biased(params, *biases):
    """The network with other biases in its one hidden layer."""
    where = lambda of: of.hidden[0].linear.bias  # noqa: E731
    return eqx.tree_at(where, params, np.array(biases, np.float32))


@pytest.mark.parametrize(
    ("activation", "biases", "dead", "saturated"),
    [
        ("relu", (-99.0, -99.0, 0.0, 0.0), 0.5, 0.0),
        ("leaky_relu", (-99.0, 0.0, 0.0, 0.0), 0.0, 0.0),
        ("gelu", (-99.0, 0.0, 0.0, 0.0), 0.25, 0.0),
        ("tanh", (-6.0, 6.0, 6.0, 0.0), 0.0, 0.75),
        ("sigmoid", (-9.0, 9.0, 0.0, 0.0), 0.0, 0.5),
    ],
)
def test_dead_and_saturated_units_are_counted(activation, biases, dead, saturated):
    model = MLP(hidden=4, activation=activation)
    params, stats = model.init(jax.random.key(1), 3, 1)
    sick = biased(params, *biases)
    units = units_of(model, (params, stats), (sick, stats), ROWS)
    assert (units.dead_start, units.saturated_start) == ((0.0,), (0.0,))
    assert (units.dead, units.saturated) == ((dead,), (saturated,))


def test_what_has_no_units_tells_none():
    start = None, None
    assert units_of(Linear(), start, start, ROWS) is None
    assert units_of(MLP(hidden=4), start, start, ROWS[:3]) is None
