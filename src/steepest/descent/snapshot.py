"""Snapshot: all that a descent is made of between two stretches, to go on from later.

Trees go in as numbered arrays. They come out in the tree, the types and the shapes of
a like one, which the same set-up makes again: so no file tells how to build an object.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import DataError
from steepest.core.tree import leaf_names
from steepest.records.layers import Layers, layers_of
from steepest.records.row import Row

Arrays = dict[str, np.ndarray[Any, Any]]


class Kept(NamedTuple):
    """The best end of an epoch so far."""

    params: Any
    stats: Any
    loss: float
    step: int
    epoch: int
    leg: int
    """The part of the run that it was met in: each has params of its own shape."""


class Snapshot(NamedTuple):
    """What a descent goes on from."""

    arrays: Arrays
    info: dict[str, Any]
    """Plain data: the leg, what its engine remembers, the seconds so far."""


def numbered(name: str, tree: Any) -> Arrays:
    """The leaves of a tree as arrays of this machine, each under a name of its own.

    Args:
        name: what they are.
        tree: any tree of arrays and numbers.

    >>> numbered("point", {"x": 1.5})
    {'point.0': array(1.5)}
    """
    return {f"{name}.{i}": _array(x) for i, x in enumerate(jax.tree.leaves(tree))}


def restored(arrays: Arrays, name: str, like: Any) -> Any:
    """The tree whose leaves `numbered` gave a name to.

    Args:
        arrays: among others those leaves.
        name: what they are.
        like: a tree of the same nodes; each leaf tells a type and a shape.

    Raises:
        DataError: a leaf that is missing, or has another type or shape.

    >>> restored(numbered("point", {"x": 1.5}), "point", {"x": np.zeros(())})
    {'x': array(1.5)}
    """
    leaves, nodes = jax.tree.flatten(like)
    found = [arrays.get(f"{name}.{i}") for i in range(len(leaves))]
    for label, leaf, array in zip(leaf_names(like), leaves, found, strict=True):
        need = _array(leaf)
        if array is None or (array.dtype, array.shape) != (need.dtype, need.shape):
            raise DataError(
                f"the checkpoint holds {_kind(array)} for {name} {label}, the model "
                f"and options need {_kind(need)}; hand over what the run began with."
            )
    pairs = zip(leaves, found, strict=True)
    with jax.enable_x64(True):  # else it would round what it takes over
        return jax.tree.unflatten(nodes, [_like(leaf, array) for leaf, array in pairs])


def path_from(arrays: Arrays, params: Any) -> Any:
    """The path that was recorded, () where none was.

    Args:
        arrays: of a snapshot.
        params: a tree of the same nodes.
    """
    nodes = jax.tree.structure(params)
    names = [f"path.{i}" for i in range(nodes.num_leaves)]
    if not all(name in arrays for name in names):
        return ()
    return jax.tree.unflatten(nodes, [arrays[name] for name in names])


def rows_from(arrays: Arrays) -> Row:
    """The rows that were recorded.

    Args:
        arrays: of a snapshot.

    Raises:
        DataError: there are none.
    """
    try:
        return Row(*(arrays[f"rows.{i}"] for i in range(len(Row._fields))))
    except KeyError as error:
        raise DataError(f"the checkpoint lacks {error}; it is not complete.") from error


def layers_from(snapshot: Snapshot) -> Layers | None:
    """What was recorded of the layers of a network, None where nothing was.

    Args:
        snapshot: the whole of it.
    """
    names, arrays = snapshot.info.get("layers"), snapshot.arrays
    if not names or "layers.0" not in arrays or "layers.1" not in arrays:
        return None
    return layers_of(names, arrays["layers.0"], arrays["layers.1"])


def _array(leaf: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    # types that NumPy does not know by itself, such as bfloat16, go as plain bits
    return array.view(f"u{array.itemsize}") if array.dtype.kind == "V" else array


def _like(leaf: Any, array: Any) -> Any:
    """The array as the kind of object that the leaf is."""
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(array))
    if isinstance(leaf, jax.Array):
        return jnp.asarray(array.view(leaf.dtype))
    return array.copy() if isinstance(leaf, np.ndarray) else array[()]


def _is_key(leaf: Any) -> bool:
    kind = getattr(leaf, "dtype", None)
    return kind is not None and jnp.issubdtype(kind, jax.dtypes.prng_key)


def _kind(array: Any) -> str:
    return "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
