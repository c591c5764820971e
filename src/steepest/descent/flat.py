"""Params as one vector within a compiled program, where they are many arrays outside.

A rule that treats all numbers alike then makes one kernel where it would make one for
each array: a network's step is shorter, and its program compiles in less time.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from steepest.problems.objectives import Objective
from steepest.records.state import State
from steepest.steps.rule import Rule


@dataclass(frozen=True)
class Layout:
    """How the arrays of a tree lie in a vector. Equal ones share their programs.

    Args:
        structure: of the tree.
        shapes: of its arrays, all of one dtype.

    >>> layout = Layout.of({"a": np.zeros(2), "b": np.ones((1, 2))})
    >>> layout.vector({"a": np.zeros(2), "b": np.ones((1, 2))}).tolist()
    [0.0, 0.0, 1.0, 1.0]
    >>> layout.tree(np.arange(4.0))["b"].tolist()
    [[2.0, 3.0]]
    """

    structure: Any
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, tree: Any) -> Layout:
        """The layout of a tree."""
        leaves, structure = jax.tree.flatten(tree)
        return cls(structure, tuple(np.shape(leaf) for leaf in leaves))

    def vector(self, tree: Any) -> np.ndarray[Any, Any]:
        """The arrays one after the other, in memory of its own."""
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])

    def tree(self, vector: Any) -> Any:
        """The tree of a vector: for an array of NumPy, of views into it."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        parts = zip([0, *ends], ends, self.shapes, strict=False)
        leaves = [vector[first:end].reshape(shape) for first, end, shape in parts]
        return jax.tree.unflatten(self.structure, leaves)


@dataclass(frozen=True)
class OfVector:
    """An objective of the params as one vector.

    Args:
        objective: of the params as they are.
        layout: how they lie in the vector.
    """

    objective: Objective
    layout: Layout

    @property
    def sign(self) -> float:
        """The objective's."""
        return self.objective.sign

    def __call__(
        self, params: Any, stats: Any, batch: Any, numbers: dict[str, Any]
    ) -> tuple[Any, Any]:
        """The objective at the params that the vector stands for."""
        return self.objective(self.layout.tree(params), stats, batch, numbers)


def pack(state: State, rule: Rule) -> State:
    """The State with each tree like the params as one vector.

    What batches have no use for, the best point and the point of the last row, is
    left out.

    Args:
        state: with params of several arrays of one dtype.
        rule: shows which parts of its memory are like the params.
    """
    layout, watch = Layout.of(state.params), state.watch
    memory = jax.tree.map(
        lambda _, part: part if _is_leaf(part) else layout.vector(part),
        _memory(rule, sum(map(math.prod, layout.shapes))),
        state.opt_state,
    )
    last = watch.last._replace(grad=layout.vector(watch.last.grad))
    return state._replace(
        params=layout.vector(state.params),
        opt_state=memory,
        watch=watch._replace(best_params=(), last_row=(), last=last),
    )


def unpack(packed: State, like: State) -> State:
    """The State that `pack` was given, its numbers as they are now.

    Args:
        packed: a State of `pack`, steps later.
        like: the State that was packed.
    """
    layout, watch = Layout.of(like.params), packed.watch

    def tree(part: Any, old: Any) -> Any:
        return part if _is_leaf(old) else layout.tree(np.asarray(part))

    last = watch.last._replace(grad=tree(watch.last.grad, like.watch.last.grad))
    kept = {"best_params": like.watch.best_params, "last_row": like.watch.last_row}
    return packed._replace(
        params=tree(packed.params, like.params),
        opt_state=jax.tree.map(tree, packed.opt_state, like.opt_state),
        watch=watch._replace(last=last, **kept),
    )


@functools.lru_cache(maxsize=128)
def _memory(rule: Rule, size: int) -> Any:
    """The shape of what a rule remembers of a vector."""
    return jax.eval_shape(rule.init, jax.ShapeDtypeStruct((size,), np.float32))


def _is_leaf(part: Any) -> bool:
    return jax.tree.structure(part) == jax.tree.structure(0)
