"""Arithmetic on trees of arrays: the few operations that jax.tree lacks.

Every function works inside and outside of compiled code.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any
"""Any nesting of dicts, lists, tuples and modules with arrays at its leaves."""


def dot(a: PyTree, b: PyTree) -> jax.Array:
    """The inner product of two trees of one shape: sum(a_i b_i) over all numbers.

    Args:
        a: a tree of arrays.
        b: a tree like it.

    >>> float(dot({"x": jnp.array([1.0, 2.0])}, {"x": jnp.array([3.0, 4.0])}))
    11.0
    """
    terms = jax.tree.map(lambda x, y: jnp.sum(x * y), a, b)
    return sum(jax.tree.leaves(terms), start=jnp.zeros(()))


def norm(tree: PyTree) -> jax.Array:
    """The Euclidean norm over all leaves: the square root of sum(leaf**2).

    Args:
        tree: a tree of arrays.

    >>> float(norm({"x": jnp.array(3.0), "y": jnp.array(4.0)}))
    5.0
    """
    return jnp.sqrt(dot(tree, tree))


def all_finite(tree: PyTree) -> jax.Array:
    """Whether no leaf holds inf or nan.

    Args:
        tree: a tree of arrays.

    >>> bool(all_finite({"x": jnp.array([1.0, jnp.nan])}))
    False
    """
    leaves = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(leaves)) if leaves else jnp.array(True)


def equal(a: PyTree, b: PyTree) -> jax.Array:
    """Whether two trees of one shape agree in every number; nan agrees with nothing.

    Args:
        a: a tree of arrays.
        b: a tree like it.

    >>> bool(equal([jnp.array(1.0)], [jnp.array(2.0)]))
    False
    """
    same = jax.tree.map(lambda x, y: jnp.all(x == y), a, b)
    leaves = jax.tree.leaves(same)
    return jnp.all(jnp.stack(leaves)) if leaves else jnp.array(True)


def select(which: jax.Array, yes: PyTree, no: PyTree) -> PyTree:
    """Leaf by leaf `yes` where `which` is true, else `no`.

    Args:
        which: a boolean, or an array of them that fits every leaf.
        yes: a tree of arrays.
        no: a tree like it.

    >>> select(jnp.array(True), {"x": jnp.array(1)}, {"x": jnp.array(2)})["x"].item()
    1
    """
    return jax.tree.map(lambda x, y: jnp.where(which, x, y), yes, no)


def held(*flags: jax.Array) -> tuple[jax.Array, ...]:
    """The same truth values, worked out once where many kernels read them.

    XLA repeats what is cheap within each of its users. It does not do so across a
    product: with this one between, a program with many selects compiles in half the
    time.

    Args:
        flags: () booleans.

    >>> [bool(flag) for flag in held(jnp.array(True), jnp.array(False))]
    [True, False]
    """
    row = jnp.stack([flag.astype(jnp.float32) for flag in flags])
    return tuple((row @ jnp.eye(len(flags), dtype=row.dtype)) > 0.5)


def size(tree: PyTree) -> int:
    """How many numbers a tree holds.

    Args:
        tree: a tree of arrays and numbers.

    >>> size({"x": np.zeros(3), "y": 1.0})
    4
    """
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(tree))


def cast(tree: PyTree, dtype: Any) -> PyTree:
    """Every leaf as a JAX array of `dtype`.

    Args:
        tree: a tree of arrays and numbers.
        dtype: "float32", or "float64" where it is switched on.

    >>> cast({"x": 1}, "float32")["x"].dtype
    dtype('float32')
    """

    def leaf_of(leaf: Any) -> jax.Array:
        # a plain number would be converted by a program, compiled for this alone
        plain = isinstance(leaf, int | float)
        return jnp.asarray(np.asarray(leaf, dtype) if plain else leaf, dtype)

    return jax.tree.map(leaf_of, tree)


def to_numpy(tree: PyTree) -> PyTree:
    """Every leaf as a NumPy array of its own memory.

    Args:
        tree: a tree of arrays and numbers.

    >>> to_numpy({"x": jnp.array(1.5)})
    {'x': array(1.5, dtype=float32)}
    """
    return jax.tree.map(lambda leaf: np.array(leaf), tree)


def flat(tree: PyTree) -> np.ndarray:
    """All numbers in one float64 vector, without a program compiled for it.

    Args:
        tree: a tree of arrays and numbers.

    >>> flat({"x": 1.0, "y": np.ones(2)}).tolist()
    [1.0, 1.0, 1.0]
    """
    return np.concatenate(
        [np.ravel(leaf).astype(float) for leaf in jax.tree.leaves(tree)]
    )


def leaf_names(tree: PyTree) -> list[str]:
    """A readable name for each leaf, in the order of jax.tree.leaves.

    Args:
        tree: any tree; one that is a single leaf is called "params".

    >>> leaf_names({"x": 1.0, "layers": [{"weight": 2.0}]})
    ['layers[0].weight', 'x']
    """
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [_path_name(path) for path, _ in paths]


def _path_name(path: tuple[Any, ...]) -> str:
    name = ""
    for key in path:
        if isinstance(key, jax.tree_util.SequenceKey):
            name += f"[{key.idx}]"
        else:
            part = getattr(key, "key", getattr(key, "name", key))
            name += f".{part}" if name else str(part)
    return name or "params"
