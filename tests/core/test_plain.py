"""Trees go to JSON and come back: same tree, same types, same numbers."""

import json
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from steepest.core import plain

DTYPES = ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"]
SHAPES = st_np.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
ARRAYS = st.sampled_from(DTYPES).flatmap(lambda dtype: st_np.arrays(dtype, SHAPES))
NAMES = st.text(max_size=4).filter(lambda name: name != "()")
TREES = st.recursive(
    st.floats() | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)


def same(a, b):
    """Same types all through, same numbers, nan beside nan."""
    if isinstance(a, dict):
        return (
            type(b) is dict
            and a.keys() == b.keys()
            and all(same(a[key], b[key]) for key in a)
        )
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and not isinstance(a, np.floating):
        return type(b) is float and (a == b or (math.isnan(a) and math.isnan(b)))
    a, b = np.asarray(a), np.asarray(b)
    alike = (a.dtype, a.shape) == (b.dtype, b.shape)
    return alike and a.tobytes() == np.where(a == a, b, a).astype(a.dtype).tobytes()


def there_and_back(tree):
    text = json.dumps(plain.tree_to_json(tree), allow_nan=False)
    return plain.tree_from_json(*json.loads(text))


@given(TREES)
def test_any_tree_comes_back_unchanged(tree):
    assert same(tree, there_and_back(tree))


@given(st.floats() | st.floats(width=32).map(np.float32) | st.integers())
def test_any_number_comes_back_unchanged(number):
    item = json.loads(json.dumps(plain.number_to_json(number), allow_nan=False))
    back = plain.number_from_json(item)
    assert back == float(number) or (math.isnan(back) and math.isnan(number))


@pytest.mark.parametrize(
    ("number", "item"),
    [
        (math.inf, "inf"),
        (np.float32(-math.inf), "-inf"),
        (jnp.array(jnp.nan), None),
        (np.int64(3), 3),
        (True, True),
        (np.False_, False),
        (-0.0, -0.0),
    ],
)
def test_numbers_as_json(number, item):
    found = plain.number_to_json(number)
    assert (found, type(found)) == (item, type(item))


def test_one_bad_number_leaves_the_others_numbers():
    array = np.array([[1.0, np.nan], [np.inf, 4.0]])
    assert plain.array_to_json(array) == [[1.0, None], ["inf", 4.0]]


def test_jax_arrays_come_back_as_numpy():
    back = there_and_back({"w": jnp.array([1.5, jnp.nan]), "n": jnp.array(3)})
    assert isinstance(back["w"], np.ndarray)
    assert same(back, {"w": np.array([1.5, np.nan], "f4"), "n": np.array(3, "i4")})


class Point(NamedTuple):
    y: float
    x: float


@pytest.mark.parametrize(
    ("tree", "flat"),
    [
        (Point(1.0, 2.0), {"y": 1.0, "x": 2.0}),
        ({"p": Point(1.0, 2.0)}, {"p.y": 1.0, "p.x": 2.0}),
        ({0: 1.0, 1: (2.0,)}, {"0": 1.0, "1[0]": 2.0}),
        ({"()": 1.0}, {"()": 1.0}),
        ({"()": [1.0]}, {"()[0]": 1.0}),
        (None, {}),
    ],
)
def test_other_trees_come_back_as_named_leaves(tree, flat):
    assert not plain.is_plain(tree)
    assert there_and_back(tree) == plain.as_plain(tree) == flat


@pytest.mark.parametrize(
    ("data", "shape"),
    [([1.0, 2.0], (3,)), ([], (1,)), (["x"], (1,)), ([[1.0], 2.0], (2,))],
)
def test_data_that_does_not_fill_the_shape_is_refused(data, shape):
    with pytest.raises(ValueError, match=r"."):
        plain.array_from_json(data, "float64", shape)


def test_reading_changes_no_setting_of_jax():
    before = jax.config.jax_enable_x64
    there_and_back({"x": np.float64(1.0)})
    assert jax.config.jax_enable_x64 is before is False
