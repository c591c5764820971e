"""The ends of a spectrum by Lanczos' method, beside NumPy's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.diagnosis.probes.lanczos import MOST, estimated
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout

N = 240


def matrix(values):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(N, N)))[0]
    return turn * values @ turn.T


def measured(fn, n=N, **options):
    with jax.enable_x64(True):
        return estimated(fn, jnp.zeros(n), **options)


@pytest.mark.parametrize("least", [-1.0, -0.05, 1.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_ends_beside_numpy(least, sign):
    h = matrix(np.append(np.linspace(1.0, 9.0, N - 1), least))
    bend = measured(lambda p: sign * p @ jnp.asarray(h) @ p / 2, sign=sign)
    values, vectors = np.linalg.eigh(h)
    assert bend.smallest == pytest.approx(values[0], abs=0.02)
    assert values[0] - 1e-9 <= bend.smallest
    assert bend.largest <= values[-1] + 1e-9
    assert bend.largest == pytest.approx(values[-1], rel=0.01)
    assert np.linalg.norm(bend.down) == pytest.approx(1.0)
    assert bend.down @ h @ bend.down == pytest.approx(bend.smallest)
    if least < 0:
        assert abs(bend.down @ vectors[:, 0]) > 0.99


def test_a_space_that_is_soon_exhausted():
    bend = measured(lambda p: p @ p - 2 * p[-1] ** 2)
    assert (bend.smallest, bend.largest) == pytest.approx((-2.0, 2.0))
    assert measured(lambda p: 0 * p[0]).largest == 0
    assert measured(lambda p: 3 * p[0] ** 2, n=1).smallest == pytest.approx(6.0)


def test_only_what_may_move_counts():
    def fn(p):
        return p @ p - 2 * p[-1] ** 2

    bend = measured(fn, free=np.arange(N - 1))
    assert bend.smallest == pytest.approx(2.0)
    assert bend.down[-1] == 0


def test_gradients_that_were_given_are_differenced_and_values_are_not():
    h = matrix(np.append(np.linspace(1.0, 9.0, N - 1), -1.0))
    layout = Layout.of(np.zeros(N))
    given = Foreign(lambda p: float(p @ h @ p / 2), lambda p: h @ p, layout)
    bend = measured(given)
    assert bend.smallest == pytest.approx(-1.0, abs=1e-3)
    assert bend.noise < 1e-6
    assert measured(Foreign(lambda p: float(p @ p), None, layout)) is None


def test_what_is_not_finite_or_too_large_is_not_claimed():
    assert measured(lambda p: jnp.sum(jnp.sqrt(p))) is None
    many = Foreign(lambda p: 0.0, lambda p: p, Layout.of(np.zeros(MOST + 1)))
    assert estimated(many, np.zeros(MOST + 1)) is None
