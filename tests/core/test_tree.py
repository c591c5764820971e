"""Arithmetic on trees, beside NumPy on the same numbers laid out flat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.core import tree

A = {"w": np.arange(6.0).reshape(2, 3), "b": [np.array(-2.0), (np.ones(4),)]}
B = jax.tree.map(lambda leaf: 0.5 * leaf + 1, A)


def flat(t):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(t)])


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("wrap", [lambda fn: fn, jax.jit], ids=["plain", "compiled"])
def test_dot_and_norm(wrap, double):
    with jax.enable_x64(double):
        rtol = 1e-14 if double else 1e-6
        np.testing.assert_allclose(wrap(tree.dot)(A, B), flat(A) @ flat(B), rtol=rtol)
        size = np.linalg.norm(flat(A))
        np.testing.assert_allclose(wrap(tree.norm)(A), size, rtol=rtol)


@pytest.mark.parametrize("double", [False, True])
def test_dot_keeps_the_precision_of_its_trees(double):
    with jax.enable_x64(double):
        x = jnp.ones(3)
        assert tree.dot(x, x).dtype == tree.norm({"x": x}).dtype == x.dtype


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_found(bad):
    assert bool(tree.all_finite(A))
    for place in range(6):
        spoilt = A["w"].copy()
        spoilt.flat[place] = bad
        assert not bool(tree.all_finite({**A, "w": spoilt}))


def test_an_empty_tree_is_finite_equal_and_of_no_length():
    assert bool(tree.all_finite({}))
    assert bool(tree.equal({}, {}))
    assert float(tree.norm({})) == tree.size({}) == 0


def test_equal_wants_every_number():
    assert bool(tree.equal(A, jax.tree.map(np.copy, A)))
    assert not bool(tree.equal(A, {**A, "w": A["w"] + [0, 0, 1e-6]}))
    nan = {"x": jnp.array(jnp.nan)}
    assert not bool(tree.equal(nan, nan))


@pytest.mark.parametrize("which", [True, False])
def test_select(which):
    chosen = jax.jit(tree.select)(which, A, B)
    assert jax.tree.structure(chosen) == jax.tree.structure(A)
    np.testing.assert_allclose(flat(chosen), flat(A if which else B), rtol=1e-6)


def test_select_hides_the_nan_of_the_other():
    assert float(tree.select(True, jnp.array(1.0), jnp.array(jnp.nan))) == 1.0


@given(st.lists(st.integers(0, 3), max_size=3))
def test_size_counts_numbers(shape):
    assert tree.size({"a": np.zeros(shape), "b": 1.0}) == np.prod(shape) + 1


def test_cast():
    with jax.enable_x64(True):
        cast = tree.cast({"n": 1, "x": np.float32(0.5), "w": [2.0]}, "float64")
        assert {leaf.dtype.name for leaf in jax.tree.leaves(cast)} == {"float64"}


def test_numpy_copies_are_ones_own():
    source = {"x": np.ones(2)}
    copy = tree.to_numpy(source)
    copy["x"][0] = 5.0
    assert source["x"][0] == 1.0
    assert isinstance(tree.to_numpy(jnp.ones(2)), np.ndarray)


@pytest.mark.parametrize(
    ("params", "names"),
    [
        (1.0, ["params"]),
        ({"y": 1.0, "x": 2.0}, ["x", "y"]),
        ([1.0, (2.0, 3.0)], ["[0]", "[1][0]", "[1][1]"]),
        ({"a": [{"b": 1.0}]}, ["a[0].b"]),
        ({3: 1.0}, ["3"]),
        ({}, []),
    ],
)
def test_each_leaf_has_a_name(params, names):
    assert tree.leaf_names(params) == names
