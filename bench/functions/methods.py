"""The methods of the table: steepest as a user calls it, the peers at their best."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

import steepest as sp
from bench.functions.counting import BudgetSpentError, Counted
from bench.functions.problems import BUDGET, Vector

TINY = 1e-10
"""Tolerance of the peers: they should not end before they must."""
Method = Callable[[Counted], sp.Run | None]


def steepest(optimizer: str) -> Method:
    """As a user calls it: every tolerance is the default."""

    def solve(counted: Counted) -> sp.Run:
        return sp.minimize(
            counted.value,
            counted.problem.start,
            grad=counted.grad,
            optimizer=optimizer,
            max_steps=BUDGET,
            progress=False,
        )

    return solve


def scipy_method(name: str, **options: Any) -> Method:
    """SciPy with the analytic gradient."""

    def solve(counted: Counted) -> None:
        counted.strict = True
        with contextlib.suppress(BudgetSpentError):
            scipy.optimize.minimize(
                counted.value,
                counted.problem.start,
                jac=counted.grad,
                method=name,
                options={"maxiter": 10**6, **options},
            )

    return solve


def optimistix_bfgs(counted: Counted) -> None:
    """Optimistix's BFGS; it asks for values and gradients by callbacks."""
    import optimistix

    n = len(counted.problem.start)
    value = jax.ShapeDtypeStruct((), np.float64)
    both = value, jax.ShapeDtypeStruct((n,), np.float64)

    @jax.custom_vjp
    def fn(x: Any) -> Any:
        return jax.pure_callback(lambda x: np.float64(counted.value(x)), value, x)

    def forward(x: Any) -> Any:
        return jax.pure_callback(counted.value_and_grad, both, x)

    fn.defvjp(forward, lambda grad, weight: (weight * grad,))
    with float64():
        optimistix.minimise(
            lambda x, _: fn(x),
            optimistix.BFGS(rtol=TINY, atol=TINY),
            jnp.asarray(counted.problem.start),
            max_steps=BUDGET,
            throw=False,
        )


def adam(learning_rate: float) -> Method:
    """Optax's adam, one gradient a step."""
    tx = optax.adam(learning_rate)

    @jax.jit
    def step(grad: Any, memory: Any, x: Any) -> tuple[Any, Any]:
        updates, memory = tx.update(grad, memory)
        return optax.apply_updates(x, updates), memory

    def solve(counted: Counted) -> None:
        with float64():
            x: Vector = np.asarray(counted.problem.start)
            memory = tx.init(jnp.asarray(x))
            for _ in range(BUDGET):
                grad = counted.grad(x)
                if not np.isfinite(grad).all():
                    break
                moved, memory = step(grad, memory, x)
                x = np.asarray(moved)

    return solve


@contextlib.contextmanager
def float64() -> Iterator[None]:
    """Double precision for the peers, on every thread: callbacks have their own."""
    before = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


METHODS: dict[str, Method] = {
    **{f"steepest {o}": steepest(o) for o in ("auto", "lbfgs", "bb", "adgd")},
    "SciPy BFGS": scipy_method("BFGS", gtol=TINY),
    "SciPy L-BFGS-B": scipy_method("L-BFGS-B", gtol=TINY, ftol=0, maxfun=10**6),
    "SciPy CG": scipy_method("CG", gtol=TINY),
    "Optimistix BFGS": optimistix_bfgs,
    **{f"Optax adam {rate:g}": adam(rate) for rate in (1e-3, 1e-2, 1e-1)},
}
OURS = "steepest "
