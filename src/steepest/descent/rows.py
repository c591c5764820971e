"""Rows as the compiled program writes them: numbers that only a row needs."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.core import tree
from steepest.records.state import Seen

EVERY_STEP = 1000
"""Rows are recorded at every step up to this one; later at a growing stride."""


class Info(NamedTuple):
    """The columns of a row that the compiled program knows."""

    step: Any
    value: Any
    grad_norm: Any
    update_norm: Any
    param_norm: Any
    learning_rate: Any
    step_quality: Any
    cosine: Any
    finite: Any


class Recorded(NamedTuple):
    """Rows as the program leaves them: the first `n` entries count."""

    n: Any
    step: Any
    """(capacity,) int32"""
    numbers: Any
    """(capacity, fields of Info but the step): one array is one kernel, not many"""
    path: Any
    looked: Any = None
    """Of a network, what was seen of its weight matrices."""


def stride_at(step: Any) -> Any:
    """Steps between rows: 1 up to EVERY_STEP, then a power of two near step / 128.

    It depends on the step alone, so rows do not depend on how a run is cut up.
    """
    power = 31 - jax.lax.clz(jnp.maximum(step >> 7, 1))
    return jnp.where(step < EVERY_STEP, 1, jnp.int32(1) << power)


def due_from(step: Any) -> Any:
    """The first step at or after this one whose row is recorded."""
    stride = stride_at(step)
    return (step + stride - 1) // stride * stride


class Step(NamedTuple):
    """An evaluation and the rate of the step that left from it."""

    seen: Seen
    rate: Any


def inform(
    number: Any,
    before: Step,
    here: Step,
    at: Any,
    moved: Any,
    *,
    value: Any,
    slope: Any,
    went: Any,
    known: Any,
) -> Info:
    """The row of one step.

    Args:
        number: updates made before it.
        before: the step before.
        here: the step.
        at: the point it left from.
        moved: the point it arrived at.
        value: what the row tells as the value: of the point, or a mean over batches.
        slope: the gradient whose norm is told: with bounds the projected one.
        went: whether a step was made at all.
        known: whether `before` is known.
    """
    grad, turned = before.seen.grad, here.seen.grad
    kept = (before.seen.value - value) / (before.rate * tree.dot(grad, grad))
    lengths = tree.norm(grad) * tree.norm(turned)
    length = tree.norm(jax.tree.map(jnp.subtract, moved, at))
    cosine = tree.dot(grad, turned) / lengths
    return Info(
        step=number,
        value=value,
        grad_norm=tree.norm(slope),
        update_norm=jnp.where(went, length, jnp.nan),
        param_norm=tree.norm(at),
        learning_rate=jnp.where(went, here.rate, jnp.nan),
        step_quality=jnp.where(known & jnp.isfinite(kept), kept, jnp.nan),
        cosine=jnp.where(known & (lengths > 0), cosine, jnp.nan),
        finite=tree.all_finite((here.seen.value, moved)),
    )


def room(capacity: int, at: Any, dtype: Any) -> Recorded:
    """Space for rows, and for their params where `at` holds any."""
    columns = len(Info._fields) - 1
    return Recorded(
        jnp.zeros((), jnp.int32),
        jnp.zeros(capacity, jnp.int32),
        jnp.zeros((capacity, columns), dtype),
        jax.tree.map(lambda x: jnp.zeros((capacity, *jnp.shape(x)), x.dtype), at),
    )


def write(rows: Recorded, info: Info, at: Any, *, due: Any) -> Recorded:
    """Put a row where it belongs; one that is not due is overwritten by the next."""

    def put(space: Any, leaf: Any) -> Any:
        return jax.lax.dynamic_update_index_in_dim(space, leaf, rows.n, 0)

    dtype = rows.numbers.dtype
    numbers = jnp.stack([jnp.asarray(x, dtype) for x in info[1:]])
    return rows._replace(
        n=rows.n + due,
        step=put(rows.step, info.step),
        numbers=put(rows.numbers, numbers),
        path=jax.tree.map(put, rows.path, at),
    )
