"""Trees of arrays as plain JSON data and back, without loss.

JSON has no nan and no infinity: nan is written as null, infinities as text.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from steepest.core.tree import leaf_names


def number_to_json(number: Any) -> float | int | bool | str | None:
    """One number as JSON.

    Args:
        number: a Python, NumPy or JAX number or boolean.

    >>> number_to_json(float("nan")), number_to_json(float("-inf"))
    (None, '-inf')
    """
    item = number.item() if hasattr(number, "item") else number
    if isinstance(item, bool | int) or math.isfinite(item):
        return item
    return None if math.isnan(item) else ("inf" if item > 0 else "-inf")


def number_from_json(item: Any) -> float:
    """The number behind what `number_to_json` wrote.

    Args:
        item: a number, null (nan), "inf" or "-inf".

    >>> number_from_json("-inf"), number_from_json(None)
    (-inf, nan)
    """
    return math.nan if item is None else float(item)


def array_to_json(array: Any) -> Any:
    """An array as nested lists of JSON numbers; a scalar as a number.

    Args:
        array: an array of floats, whole numbers or booleans, of any shape.

    >>> array_to_json(np.array([[1.5, np.nan]]))
    [[1.5, None]]
    """
    array = np.asarray(array)
    if array.ndim == 0:
        return number_to_json(array)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    return [array_to_json(part) for part in array]


def array_from_json(data: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The array behind what `array_to_json` wrote.

    Args:
        data: what it wrote.
        dtype: type of the numbers.
        shape: of the array; tells apart what empty lists cannot.

    Raises:
        ValueError: the data does not fill the shape, or holds no numbers.

    >>> array_from_json([1.5, None, "inf"], "float32", (3,))
    array([1.5, nan, inf], dtype=float32)
    """
    return np.array(_numbers(data), dtype=dtype).reshape(shape)


def _numbers(data: Any) -> Any:
    if isinstance(data, list):
        return [_numbers(item) for item in data]
    return number_from_json(data) if data is None or isinstance(data, str) else data


def is_plain(tree: Any) -> bool:
    """Whether a tree is made of dicts with text keys, lists and tuples only.

    Args:
        tree: any tree.

    >>> is_plain({"x": (1.0, [2.0])}), is_plain({3: 1.0})
    (True, False)
    """
    if isinstance(tree, dict):
        keys = all(isinstance(key, str) and key != "()" for key in tree)
        return keys and all(map(is_plain, tree.values()))
    if isinstance(tree, list) or type(tree) is tuple:
        return all(map(is_plain, tree))
    return jax.tree_util.all_leaves([tree])


def as_plain(tree: Any) -> Any:
    """A plain tree as it is; any other (a module) as a flat dict of named leaves.

    Args:
        tree: any tree.

    >>> as_plain({3: 1.0})
    {'3': 1.0}
    """
    if is_plain(tree):
        return tree
    return dict(zip(leaf_names(tree), jax.tree.leaves(tree), strict=True))


def tree_to_json(tree: Any) -> tuple[Any, Any]:
    """A tree as (plain data, layout); the layout names types, shapes and tuples.

    Args:
        tree: any tree of arrays and numbers; see `as_plain` for other node types.

    >>> tree_to_json({"x": 3.0, "w": (np.float32(1.0),)})
    ({'x': 3.0, 'w': [1.0]}, {'x': 'float', 'w': {'()': ['float32']}})
    """
    tree = as_plain(tree)
    return _data(tree), _layout(tree)


def tree_from_json(data: Any, layout: Any) -> Any:
    """The tree behind what `tree_to_json` wrote.

    Args:
        data: the plain data.
        layout: its layout.

    Returns:
        The tree with NumPy arrays at its leaves, and floats where floats were.

    Raises:
        KeyError, TypeError, ValueError: the data does not fit the layout.

    >>> tree_from_json({"w": [1.0]}, {"w": {"()": ["float"]}})
    {'w': (1.0,)}
    """
    if is_tuple(layout):
        return tuple(map(tree_from_json, data, layout["()"]))
    if isinstance(layout, dict):
        return {key: tree_from_json(data[key], layout[key]) for key in layout}
    if isinstance(layout, list):
        return list(map(tree_from_json, data, layout))
    if layout == "float":
        return number_from_json(data)
    dtype, _, shape = layout.partition("[")
    sizes = tuple(int(size) for size in shape.rstrip("]").split(",") if size)
    return array_from_json(data, dtype, sizes)


def is_tuple(layout: Any) -> bool:
    """Whether a layout stands for a tuple; a leaf may be named "()" too.

    Args:
        layout: what `tree_to_json` wrote of a node.

    >>> is_tuple({"()": ["float"]}), is_tuple({"()": "float"})
    (True, False)
    """
    return (
        isinstance(layout, dict)
        and set(layout) == {"()"}
        and isinstance(layout["()"], list)
    )


def _data(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _data(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_data(value) for value in tree]
    return array_to_json(tree)


def _layout(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _layout(value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return {"()": [_layout(value) for value in tree]}
    if isinstance(tree, list):
        return [_layout(value) for value in tree]
    if isinstance(tree, float) and not isinstance(tree, np.floating):
        return "float"
    array = np.asarray(tree)
    shape = ",".join(map(str, array.shape))
    return f"{array.dtype}[{shape}]" if array.ndim else str(array.dtype)
