"""The way out of a saddle, beside eigenvectors worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.diagnosis.escape import LENGTHS, way_out
from steepest.diagnosis.probes.curvature import MOST_PARAMS
from steepest.problems.bounds import Bounds
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout


def out_of(fn, params, **options):
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), params)
        found = way_out(fn, params, **options)
        return None if found is None else jax.device_get(found)


def turned(angle):
    """x^2 - y^2 + y^4 about the origin, its y turned away from the second axis."""
    across = np.array([np.cos(angle), np.sin(angle)])
    down = np.array([-np.sin(angle), np.cos(angle)])

    def fn(p):
        return (p @ across) ** 2 - (p @ down) ** 2 + (p @ down) ** 4

    return fn, down


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, 2.5])
def test_it_lies_along_the_eigenvector_at_the_best_of_the_lengths(angle):
    fn, down = turned(angle)
    found = out_of(fn, np.zeros(2))
    along = found @ down
    np.testing.assert_allclose(found, along * down, atol=1e-12)
    values = [t**4 - t**2 for t in LENGTHS]
    assert abs(along) == pytest.approx(LENGTHS[np.argmin(values)])
    assert float(fn(found)) == pytest.approx(min(values))


def test_the_most_negative_curvature_is_taken():
    falls = np.array([1.0, -1.0, -3.0, -2.0])
    found = out_of(lambda p: jnp.sum(falls * p**2 + p**4), np.zeros(4))
    np.testing.assert_allclose(found[[0, 1, 3]], 0, atol=1e-12)
    assert abs(found[2]) in LENGTHS


def test_both_ways_are_tried():
    """A fall on both sides, deeper on one."""
    for tilt in (-1.0, 1.0):
        found = out_of(lambda p, a=tilt: a * p[0] ** 3 - p[0] ** 2 + p[0] ** 4, [0.0])
        assert np.sign(found[0]) == -tilt


def test_lengths_grow_with_the_params():
    far = np.array([1e6, 0.0])
    found = out_of(lambda p: (p[0] - 1e6) ** 2 - p[1] ** 2, far)
    assert abs(found[1]) == pytest.approx(1e6 + 1)


def test_a_tree_comes_back_as_it_went():
    start = {"x": 0.0, "y": np.zeros((1, 2))}
    found = out_of(lambda p: p["x"] ** 2 - jnp.sum(p["y"][0, 0] ** 2), start)
    assert jax.tree.structure(found) == jax.tree.structure(start)
    assert found["y"].shape == (1, 2)
    assert abs(found["y"][0, 0]) == 1.0


def test_uphill_a_saddle_is_left_the_other_way():
    fn, _ = turned(0.3)
    found = out_of(lambda p: -fn(p), np.zeros(2), sign=-1.0)
    np.testing.assert_allclose(np.abs(found), np.abs(out_of(fn, np.zeros(2))))


def test_a_box_is_kept():
    bounds = Bounds(np.full(2, -0.1), np.full(2, 0.1))
    found = out_of(turned(0.0)[0], np.zeros(2), bounds=bounds)
    np.testing.assert_allclose(np.abs(found), [0, 0.1], atol=1e-12)


def bowl(p):
    return jnp.sum(jnp.square(p))


WIDE = np.zeros(MOST_PARAMS + 1)
NOWHERE = {
    "minimum": (bowl, np.zeros(2), 1.0),
    "maximum": (lambda p: -bowl(p), np.zeros(2), -1.0),
    "valley": (lambda p: (p[0] - p[1]) ** 2, np.ones(2), 1.0),
    "monkey": (lambda p: p[0] ** 3 - 3 * p[0] * p[1] ** 2, np.zeros(2), 1.0),
    "plain": (lambda p: 0 * p[0], np.zeros(2), 1.0),
    "many params": (bowl, WIDE, 1.0),
    "not finite": (lambda p: bowl(p) ** 0.75 - p[0] ** 2, np.zeros(2), 1.0),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_no_way(name):
    fn, params, sign = NOWHERE[name]
    assert out_of(fn, params, sign=sign) is None


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_way_among_many_params_is_found(sign):
    """One direction down among hundreds up, turned away from the axes."""
    down = np.random.default_rng(1).normal(size=len(WIDE))
    down /= np.linalg.norm(down)
    found = out_of(
        lambda p: sign * (bowl(p) - 2 * (p @ down) ** 2 + (p @ down) ** 4),
        WIDE,
        sign=sign,
    )
    along = abs(found @ down)
    assert along == pytest.approx(0.5)  # the best of the lengths: t^4 - t^2
    assert np.linalg.norm(found) == pytest.approx(along)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_top_sought_the_other_way_is_left(sign):
    found = out_of(lambda p: -sign * bowl(p), np.zeros(2), sign=sign)
    assert np.linalg.norm(found) == pytest.approx(1.0)


def test_a_hole_in_the_domain_is_not_stepped_into():
    found = out_of(lambda p: -(p[0] ** 2) + 0 * jnp.sqrt(0.01 - p[0] ** 2), [0.0])
    assert abs(found[0]) == max(LENGTHS[LENGTHS < 0.1])


@pytest.mark.parametrize("given", [True, False], ids=["given", "differences"])
def test_a_foreign_function(given):
    def slope(p):
        return np.array([2 * p[0], -2 * p[1] + 4 * p[1] ** 3])

    fn = Foreign(
        lambda p: float(p[0] ** 2 - p[1] ** 2 + p[1] ** 4),
        slope if given else None,
        Layout.of(np.zeros(2)),
    )
    found = out_of(fn, np.zeros(2))
    np.testing.assert_allclose(np.abs(found), [0, 0.5], atol=1e-5)
