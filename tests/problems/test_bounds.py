"""Bounds: every way to give them means the same box, and what is wrong is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from steepest.core.errors import UsageError
from steepest.problems.bounds import Bounds, box, clip, free_slope, tame

INF = np.inf
VECTOR = np.array([0.5, 0.5, 0.5])
PAIR = np.array([0.5, 1.5])
NAMED = {"x": 0.5, "w": np.array([0.5, 1.5])}
NESTED = {"layer": {"bias": 0.5, "weight": np.full((1, 2), 0.5)}, "x": 1.0}

SAME = [
    ((0, 1), 0.5, [0], [1]),
    ([0, None], 0.5, [0], [INF]),
    ((None, 1.5), 0.5, [-INF], [1.5]),
    ((0.5, 0.5), 0.5, [0.5], [0.5]),
    ((0, 1), VECTOR, [0, 0, 0], [1, 1, 1]),
    ((0, [1, 2, None]), VECTOR, [0, 0, 0], [1, 2, INF]),
    ((np.zeros(3), np.ones(3)), VECTOR, [0, 0, 0], [1, 1, 1]),
    ((jnp.zeros(3), None), VECTOR, [0, 0, 0], [INF, INF, INF]),
    ([(0, 1), (None, 2), (-1, None)], VECTOR, [0, -INF, -1], [1, 2, INF]),
    ([[0, 1], [0, 2], [0, 3]], VECTOR, [0, 0, 0], [1, 2, 3]),
    (np.array([[0, 1], [0, 2], [0, 3]]), VECTOR, [0, 0, 0], [1, 2, 3]),
    ([(0, 1), (1, 2)], PAIR, [0, 1], [1, 2]),
    ([(0, 1), (0, 2)], PAIR, [0, 0], [1, 2]),
    (([0, 0], [1, 2]), PAIR, [0, 0], [1, 2]),
    ((np.array([0, 0]), np.array([1, 2])), PAIR, [0, 0], [1, 2]),
    (([0, 0], (1, 2)), PAIR, [0, 0], [1, 2]),
    ([[0, 1], [1, 2]], PAIR, [0, 1], [1, 2]),
    ((0, 2), PAIR, [0, 0], [2, 2]),
    ([(0, 1)], np.array([0.5]), [0], [1]),
    (([0], [1]), np.array([0.5]), [0], [1]),
    ((0, 2), NAMED, [0, 0, 0], [2, 2, 2]),  # w before x: jax sorts the names
    ({"x": (0, 1)}, NAMED, [-INF, -INF, 0], [INF, INF, 1]),
    ({"w": [(0, 1), (1, 2)], "x": None}, NAMED, [0, 1, -INF], [1, 2, INF]),
    (({"x": 0}, {"w": [1, 2]}), NAMED, [-INF, -INF, 0], [1, 2, INF]),
    (({"x": 0, "w": None}, None), NAMED, [-INF, -INF, 0], [INF, INF, INF]),
    (
        {"layer": {"weight": ([[0, None]], 1)}, "x": (1, 1)},
        NESTED,
        [-INF, 0, -INF, 1],
        [INF, 1, 1, 1],
    ),
    ((0, [1, np.ones(2)]), [0.5, np.full(2, 0.5)], [0, 0, 0], [1, 1, 1]),
]


@pytest.mark.parametrize(
    ("bounds", "start", "low", "high"), SAME, ids=map(str, range(len(SAME)))
)
def test_every_spelling_of_a_box(bounds, start, low, high):
    found = box(bounds, start)
    for tree, wanted in zip(found, (low, high), strict=True):
        leaves = jax.tree.leaves(tree)
        assert all(leaf.dtype == np.float64 for leaf in leaves)
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(start)]
        assert [leaf.shape for leaf in leaves] == shapes
        assert np.concatenate([leaf.ravel() for leaf in leaves]).tolist() == wanted
    assert jax.tree.leaves(clip(start, found))[0] == pytest.approx(
        jax.tree.leaves(start)[0]
    )


@pytest.mark.parametrize(
    "bounds", [None, (None, None), (-INF, INF), {}, {"x": (None, INF)}]
)
def test_a_box_without_ends_is_none(bounds):
    assert box(bounds, {"x": 1.0, "y": 2.0}) is None


BAD = {
    "crossed": ((2, 1), 1.5, r"params has low=2 above high=1: .* swap them\."),
    "crossed in one place": (
        (0, [1, -1, 1]),
        VECTOR,
        r"params\[1\] has low=0 above high=-1",
    ),
    "nan": ((np.nan, 1), 0.5, r"params has low=nan: must be a number, or None"),
    "nan inside": (
        {"w": ([0, np.nan], 2)},
        NAMED,
        r"w\[1\] has low=nan: must be a number",
    ),
    "an empty end": ((INF, None), 0.5, "params has low=inf"),
    "outside": (
        (0, 1),
        PAIR,
        r"start: params\[1\]=1.5 is outside of its bounds \[0, 1\]; .* such as at 1",
    ),
    "outside, named": ({"x": (1, None)}, NAMED, r"start: x=0.5 is outside .* \[1, inf"),
    "wrong shape": ((0, [1, 1]), VECTOR, r"high has shape \(2,\) for params"),
    "a vector for a number": (([0, 1], [2, 3]), 0.5, "it must be one number"),
    "wrong tree": (([0, 0], 1), NESTED, "low is list of another shape than"),
    "unknown name": ({"y": (0, 1)}, NAMED, r"no variable 'y'. Known: x, w\."),
    "near miss": (
        {"weigth": (0, 1)},
        {"weight": 1.0},
        "no variable 'weigth'. Did you mean weight",
    ),
    "unknown name in a tree": (({"z": 0}, None), NAMED, "no variable 'z'"),
    "names for a start without": ({"x": (0, 1)}, 0.5, r"names \(x\) need a start"),
    "no pair": ((0, 1, 2), 0.5, r"bounds=\(0, 1, 2\): must be a pair"),
    "one number": (1.0, 0.5, "must be a pair; give"),
    "one number, named": ({"x": 3}, NAMED, r"bounds of x=3: must be a pair"),
    "text": (("a", 1), 0.5, "low of params is 'a': must be numbers"),
    "a truth": ((False, True), 0.5, "low of params is False: must be numbers"),
    "complex": ((0, 1j), 0.5, "must be numbers"),
    "ragged": (([[1], [1, 2]], 1), VECTOR, "must be numbers"),
    "two readings": ([[0, 1], [0, 2]], PAIR, r"two ways; give \(low, high\) as"),
    "two readings of tuples": (((0, 1), (0, 2)), PAIR, "two ways"),
    "two readings of a matrix": (np.array([[0, 1], [0, 2]]), PAIR, "two ways"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(name):
    bounds, start, words = BAD[name]
    with pytest.raises(UsageError, match=words):
        box(bounds, start)


def test_the_projected_gradient_beside_a_hand_formula():
    low, high = np.array([0.0, 0.0, -INF, 1.0]), np.array([1.0, 1.0, INF, 1.0])
    point, grad = np.array([0.0, 0.9, 5.0, 1.0]), np.array([2.0, -0.3, 7.0, -4.0])
    found = free_slope(jnp.array(grad), jnp.array(point), Bounds(low, high))
    assert np.asarray(found) == pytest.approx([0.0, -0.1, 7.0, 0.0], abs=1e-6)
    assert free_slope(grad, point, None) is grad
    assert clip(point, None) is point


@pytest.mark.parametrize("seed", range(5))
def test_the_projected_gradient_is_zero_where_scipy_ends(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(5, 5))
    matrix, centre = root @ root.T + np.eye(5), 2 * rng.normal(size=5)
    bounds = box((-0.5, 0.5), np.zeros(5))

    def slope(x):
        return matrix @ (x - centre)

    end = minimize(
        lambda x: 0.5 * (x - centre) @ slope(x),
        np.zeros(5),
        jac=slope,
        method="L-BFGS-B",
        bounds=[(-0.5, 0.5)] * 5,
        options=dict(gtol=1e-12, ftol=0),
    ).x
    assert np.abs(free_slope(slope(end), end, bounds)).max() < 1e-5
    assert np.linalg.norm(slope(end)) > 0.1


def test_an_endless_slope_against_a_bound_is_tamed_and_no_other():
    bounds = Bounds(np.zeros(4), np.ones(4))
    grad = jnp.array([INF, -INF, INF, 2.0])
    found = tame(grad, jnp.array([0.0, 0.0, 0.5, 0.0]), bounds)
    assert found.tolist() == [0, -INF, INF, 2]
    assert tame(grad, jnp.zeros(4), None) is grad
