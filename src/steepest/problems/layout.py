"""Layout: how a tree of numbers lies in one vector, and back, outside of jax."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import DataError
from steepest.core.tree import leaf_names

Vector = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layout:
    """The shape of a tree: equal trees of other numbers have equal layouts.

    >>> layout = Layout.of({"x": np.zeros(2), "y": 1.0})
    >>> layout.tree(np.array([1.0, 2.0, 3.0]))
    {'x': array([1., 2.]), 'y': 3.0}
    >>> layout.coordinate(1), layout.coordinate(2)
    ('x[1]', 'y')
    """

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    plain: tuple[bool, ...]
    """Which leaves are Python floats."""
    names: tuple[str, ...]

    @classmethod
    def of(cls, start: Any) -> Layout:
        """The layout of a tree of float arrays and Python floats."""
        leaves, treedef = jax.tree.flatten(start)
        shapes = tuple(np.shape(leaf) for leaf in leaves)
        plain = tuple(isinstance(leaf, float) for leaf in leaves)
        return cls(treedef, shapes, plain, tuple(leaf_names(start)))

    @property
    def size(self) -> int:
        """How many numbers the tree holds."""
        return sum(map(math.prod, self.shapes))

    def flat(self, tree: Any) -> Vector:
        """The numbers of a tree as float64, in memory of their own."""
        leaves = [np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(tree)]
        return np.concatenate(leaves)

    def tree(self, vector: Vector) -> Any:
        """The tree that a user's function takes: its leaves are its own to write in."""
        leaves = [
            float(part) if plain else np.array(part, float)
            for part, plain in zip(self._parts(vector), self.plain, strict=True)
        ]
        return jax.tree.unflatten(self.treedef, leaves)

    def traced(self, vector: Any) -> Any:
        """The same within compiled code, where all leaves are arrays."""
        return jax.tree.unflatten(self.treedef, self._parts(vector))

    def _parts(self, vector: Any) -> list[Any]:
        ends = itertools.accumulate(map(math.prod, self.shapes))
        return [
            vector[end - math.prod(shape) : end].reshape(shape)
            for end, shape in zip(ends, self.shapes, strict=True)
        ]

    def gather(self, given: Any, label: str, numpy: Any = np) -> Any:
        """A gradient that somebody wrote, as one vector.

        Args:
            given: a tree like the params; a list of numbers may stand for an array.
            label: whose gradient it is, for the message.
            numpy: the namespace to gather with, jax.numpy within compiled code.

        Raises:
            DataError: it is no such tree, or a leaf has the wrong shape or type.
        """
        if given is None:
            raise DataError(f"{label} returns None; it must return {self._wanted}.")
        try:
            parts = self.treedef.flatten_up_to(given)
        except (ValueError, TypeError):
            raise DataError(
                f"{label} returns {_sketch(given)}; it must return {self._wanted}: "
                "the same tree as the start."
            ) from None
        rows = zip(self.names, parts, self.shapes, strict=True)
        leaves = [_leaf(label, *row, numpy) for row in rows]
        return numpy.concatenate([numpy.ravel(leaf) for leaf in leaves])

    @property
    def _wanted(self) -> str:
        shapes = ", ".join(map(_shaped, self.names, self.shapes))
        return f"a gradient of shape {shapes}"

    def coordinate(self, index: int) -> str:
        """The name of one number, such as "x[3]" or "layers[0].weight[2,1]"."""
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = math.prod(shape)
            if index < size:
                place = ",".join(str(i) for i in np.unravel_index(index, shape))
                return f"{name}[{place}]" if shape else name
            index -= size
        raise IndexError(index)


def _shaped(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} {shape}" if shape else f"{name} () (one number)"


def _leaf(label: str, name: str, part: Any, shape: tuple[int, ...], numpy: Any) -> Any:
    try:
        leaf = numpy.asarray(part)
    except (ValueError, TypeError):
        leaf = None
    if part is None or leaf is None or leaf.dtype.kind == "O":
        raise DataError(
            f"{label} returns {_sketch(part)} for {name}; it must return an array of "
            f"shape {shape}."
        )
    if leaf.shape != shape:
        raise DataError(
            f"{label} returns an array of shape {leaf.shape} for {name}; it must have "
            f"the shape of {name}, {shape}."
        )
    if not (
        jnp.issubdtype(leaf.dtype, jnp.floating)
        or jnp.issubdtype(leaf.dtype, jnp.integer)
    ):
        raise DataError(
            f"{label} returns {leaf.dtype} for {name}; it must return real numbers."
        )
    return leaf


def _sketch(given: Any) -> str:
    """What a tree looks like, in a few words."""
    if isinstance(given, dict):
        return f"a dict of {', '.join(map(str, given)) or 'nothing'}"
    if isinstance(given, list | tuple):
        return f"a {type(given).__name__} of {len(given)}"
    shape = getattr(given, "shape", None)
    return f"{type(given).__name__}" + ("" if shape is None else f" of shape {shape}")
