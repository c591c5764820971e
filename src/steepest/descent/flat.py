"""Params as one vector within a compiled program, where they are many arrays outside.

A rule that treats all numbers alike then makes one kernel where it would make one for
each array: a network's step is shorter, and its program compiles in less time.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from steepest.problems.layout import Layout
from steepest.problems.objectives import Objective
from steepest.records.state import State
from steepest.steps.rule import Rule


def vector_of(tree: Any) -> np.ndarray[Any, Any]:
    """The arrays of a tree one after the other, in their dtype, in memory of its own.

    Args:
        tree: of arrays of one dtype.

    >>> vector_of({"a": np.zeros(2), "b": np.ones((1, 2))}).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


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
        return self.objective(self.layout.traced(params), stats, batch, numbers)


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
        lambda _, part: part if _is_leaf(part) else vector_of(part),
        _memory(rule, layout.size),
        state.opt_state,
    )
    last = watch.last._replace(grad=vector_of(watch.last.grad))
    return state._replace(
        params=vector_of(state.params),
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
        return part if _is_leaf(old) else layout.traced(np.asarray(part))

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
