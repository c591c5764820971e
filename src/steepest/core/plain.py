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

    >>> number_to_json(float("nan")), number_to_json(float("-inf"))
    (None, '-inf')
    """
    item = number.item() if hasattr(number, "item") else number
    if isinstance(item, bool | int) or math.isfinite(item):
        return item
    return None if math.isnan(item) else ("inf" if item > 0 else "-inf")


def number_from_json(item: Any) -> float:
    """The number behind what `number_to_json` wrote."""
    return math.nan if item is None else float(item)


def array_to_json(array: Any) -> Any:
    """An array as nested lists of JSON numbers; a scalar as a number."""
    array = np.asarray(array)
    if array.ndim == 0:
        return number_to_json(array)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    return [array_to_json(part) for part in array]


def array_from_json(data: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The array behind what `array_to_json` wrote."""
    return np.array(_numbers(data), dtype=dtype).reshape(shape)


def _numbers(data: Any) -> Any:
    if isinstance(data, list):
        return [_numbers(item) for item in data]
    return number_from_json(data) if data is None or isinstance(data, str) else data


def is_plain(tree: Any) -> bool:
    """Whether a tree is made of dicts with text keys, lists and tuples only."""
    if isinstance(tree, dict):
        keys = all(isinstance(key, str) and key != "()" for key in tree)
        return keys and all(map(is_plain, tree.values()))
    if isinstance(tree, list) or type(tree) is tuple:
        return all(map(is_plain, tree))
    return jax.tree_util.all_leaves([tree])


def tree_to_json(tree: Any) -> tuple[Any, Any]:
    """A tree as (plain data, layout); the layout names types, shapes and tuples.

    A tree of other node types (a module) is written as a flat dict of named leaves.

    >>> tree_to_json({"x": 3.0, "w": (np.float32(1.0),)})
    ({'x': 3.0, 'w': [1.0]}, {'x': 'float', 'w': {'()': ['float32']}})
    """
    if not is_plain(tree):
        tree = dict(zip(leaf_names(tree), jax.tree.leaves(tree), strict=True))
    return _data(tree), _layout(tree)


def tree_from_json(data: Any, layout: Any) -> Any:
    """The tree behind what `tree_to_json` wrote.

    >>> tree_from_json({"w": [1.0]}, {"w": {"()": ["float"]}})
    {'w': (1.0,)}
    """
    if isinstance(layout, dict) and set(layout) == {"()"}:
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
