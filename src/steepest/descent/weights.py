"""The weight matrices of a network, and what is recorded of them beside the rows."""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.problems.models.base import leaves_by_name

Spans = tuple[tuple[int, int], ...]
"""Where parts of a vector begin and end."""
PER_DOUBLING = 4
"""Steps that are looked at: every one at first, later so many per doubling."""
CAPACITY = 128
"""Steps that are looked at in all are fewer."""


class Weights(NamedTuple):
    """The weight matrices of a network, from input to output."""

    names: tuple[str, ...] = ()
    spans: Spans = ()
    """Where each lies among all numbers of the params."""


def weights_of(params: Any) -> Weights:
    """The arrays of two dimensions and more; none where there are less than two.

    Args:
        params: a tree of arrays. The members of a dict count as ordered by name, w2
            before w10, those of lists and modules as they stand.

    >>> net = {"w10": np.ones((1, 2)), "w2": np.ones((2, 3)), "b": np.ones(2)}
    >>> weights_of(net)
    Weights(names=('w2', 'w10'), spans=((4, 10), (2, 4)))
    """
    named = leaves_by_name(params)
    sizes = [int(np.size(leaf)) for leaf in named.values()]
    ends = itertools.accumulate(sizes)
    spans = [(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    kept = [
        (rank, name, span)
        for rank, (name, leaf), span in zip(
            _ranks(params), named.items(), spans, strict=True
        )
        if np.ndim(leaf) > 1
    ]
    if len(kept) < 2:
        return Weights()
    kept.sort()
    return Weights(tuple(one[1] for one in kept), tuple(one[2] for one in kept))


def _ranks(params: Any) -> list[tuple[Any, ...]]:
    """For each leaf what it is sorted by, level by level of the tree."""
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
    first: dict[Any, int] = {}
    ranks = []
    for i, path in enumerate(paths):
        rank = []
        for level, key in enumerate(path, 1):
            place = first.setdefault(path[:level], i)
            named = isinstance(key, jax.tree_util.DictKey)
            rank.append(_by_number(str(key.key)) if named else place)
        ranks.append(tuple(rank))
    return ranks


def _by_number(name: str) -> list[str | int]:
    """A name with its whole numbers as such, so that 2 comes before 10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


class Looked(NamedTuple):
    """What was recorded of the matrices: the first `n` entries count."""

    n: Any
    step: Any
    """(CAPACITY,) int32"""
    norms: Any
    """(CAPACITY, 3, L) of gradient, update and parameter"""


def nothing_yet(n_layers: int, dtype: Any) -> Looked:
    """Space for what is looked at."""
    zero = jnp.zeros((), jnp.int32)
    return Looked(
        zero,
        jnp.zeros(CAPACITY, jnp.int32),
        jnp.zeros((CAPACITY, 3, n_layers), dtype),
    )


def _stride(step: Any) -> Any:
    """Steps between two that are looked at: a power of two."""
    power = 31 - jax.lax.clz(jnp.maximum(step // PER_DOUBLING, 1))
    return jnp.int32(1) << power


def is_due(step: Any) -> Any:
    """Whether a step is looked at, which depends on the step alone.

    Args:
        step: updates made before it.

    >>> [step for step in range(30) if is_due(jnp.int32(step))]
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]
    """
    return step % _stride(step) == 0


def next_due(step: Any) -> Any:
    """The first of these steps after this one.

    Args:
        step: updates made before it.

    >>> int(next_due(jnp.int32(8))), int(next_due(jnp.int32(15)))
    (10, 16)
    """
    stride = _stride(step)
    return (step // stride + 1) * stride


def look(
    looked: Looked,
    spans: Spans,
    grad: Any,
    at: Any,
    moved: Any,
    step: Any,
    *,
    went: Any,
    due: Any,
) -> Looked:
    """Write what a step tells; where it is not due the next overwrites it.

    Args:
        looked: so far.
        spans: where the matrices lie.
        grad: the gradient at the point that the step left from.
        at: the point.
        moved: the point it arrived at.
        step: updates made before it.
        went: whether a step was made at all.
        due: whether it counts.
    """
    update = jax.tree.map(jnp.subtract, moved, at)
    table = jnp.stack([_vector(one) for one in (grad, update, at)])
    parts = [table[:, first:end] for first, end in spans]
    # XLA adds up the numbers of a part one by one, unless they are multiplied
    squares = [jnp.einsum("kn,kn->k", part, part) for part in parts]
    known = jnp.array([[True], [False], [True]]) | went
    norms = jnp.where(known, jnp.sqrt(jnp.stack(squares, axis=1)), jnp.nan)
    norms = norms.astype(looked.norms.dtype)

    def put(space: Any, entry: Any) -> Any:
        return jax.lax.dynamic_update_index_in_dim(space, entry, looked.n, 0)

    return Looked(looked.n + due, put(looked.step, step), put(looked.norms, norms))


def _vector(params: Any) -> Any:
    """All numbers of a tree in one vector; a vector is one already."""
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(params)]
    return leaves[0] if len(leaves) == 1 else jnp.concatenate(leaves)
