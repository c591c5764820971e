"""The loops a user would write by hand, for bench.loop to be measured against."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

Fn = Callable[[Any], Any]


@functools.partial(jax.jit, static_argnums=(0, 1))
def bare(fn: Fn, tx: Any, start: Any, gtol: Any, max_steps: Any) -> Any:
    """Nothing recorded: the value in the carry, a test on the gradient norm."""

    def step(carry: Any) -> Any:
        x, memory, k, _, _ = carry
        value, grad = jax.value_and_grad(fn)(x)
        updates, memory = tx.update(grad, memory, x)
        x = optax.apply_updates(x, updates)
        return x, memory, k + 1, value, jnp.linalg.norm(grad)

    def on(carry: Any) -> Any:
        return (carry[2] < max_steps) & (carry[4] > gtol)

    zero, inf = jnp.zeros((), start.dtype), jnp.full((), jnp.inf, start.dtype)
    return jax.lax.while_loop(on, step, (start, tx.init(start), 0, zero, inf))


@functools.partial(jax.jit, static_argnums=(0, 1, 3))
def recording(fn: Fn, tx: Any, start: Any, rows: int, rate: Any, gtol: Any) -> Any:
    """All that a row of steepest tells, written to buffers at every step."""

    def step(carry: Any) -> Any:
        x, memory, k, before, numbers, path = carry
        value, grad = jax.value_and_grad(fn)(x)
        updates, memory = tx.update(grad, memory, x)
        moved = optax.apply_updates(x, updates)
        row = _row(x, moved, (value, grad), before, rate)
        numbers = [b.at[k].set(n) for b, n in zip(numbers, row, strict=True)]
        return moved, memory, k + 1, (value, grad), numbers, path.at[k].set(x)

    def on(carry: Any) -> Any:
        return (carry[2] < rows) & (jnp.linalg.norm(carry[3][1]) > gtol)

    before = jnp.full((), jnp.inf, start.dtype), jnp.full_like(start, jnp.inf)
    numbers = [jnp.zeros(rows, start.dtype) for _ in range(7)]
    path = jnp.zeros((rows, len(start)), start.dtype)
    carry = start, tx.init(start), 0, before, numbers, path
    return jax.lax.while_loop(on, step, carry)


def _row(x: Any, moved: Any, here: Any, before: Any, rate: Any) -> list[Any]:
    (value, grad), (value_before, grad_before) = here, before
    norm = jnp.linalg.norm
    kept = (value_before - value) / (rate * grad_before @ grad_before)
    cosine = grad @ grad_before / (norm(grad) * norm(grad_before))
    return [value, norm(grad), norm(moved - x), norm(x), rate, kept, cosine]


def torch_loop(start: Any, rate: float, steps: int) -> float | None:
    """A Python loop over torch's autograd and SGD on Rosenbrock's function.

    Returns:
        The last value; None where torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        return None
    x = torch.tensor(np.array(start), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        value = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        value.backward()
        optimizer.step()
    return float(value.detach())
