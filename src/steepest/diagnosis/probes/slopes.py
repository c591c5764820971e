"""Slopes: whether a gradient that somebody wrote is that of the function on the way.

The start was checked before the run. A branch that the run came to later, or a rule
that was registered with jax, shows at the end point and half way to it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.diagnosis.probes.differences import quiet
from steepest.problems.foreign import Foreign
from steepest.problems.layout import Layout
from steepest.problems.preflight import refuted

GLANCES = 2
"""Directions at each point; two values along each."""
WRONG = 1e-2
"""A slope off by this share of the larger is another slope."""
LIBRARIES = ("jax", "optax", "equinox", "steepest")
"""Whose rules are tested where they were written."""
RULES = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")


class Mismatch(NamedTuple):
    """Where a gradient is not the slope of the function."""

    coordinate: str
    """The worst one; empty where no coordinate alone shows it."""
    given: float
    slope: float
    """A central difference of values."""
    where: str
    """In words: "at the end" or "half way"."""
    own_rule: bool = False
    """Whether the gradient comes from a rule registered with jax."""

    @property
    def error(self) -> float:
        """The difference, as a share of the larger; 1 where only the sign differs."""
        size = max(abs(self.given), abs(self.slope))
        return min(abs(self.given - self.slope) / size, 1.0) if size else 0.0


def mismatch(
    fn: Callable[[Any], Any], points: Sequence[tuple[str, Any]]
) -> Mismatch | None:
    """Where the gradient contradicts the values; None where it does not, or is exact.

    Args:
        fn: params -> scalar, differentiable by jax, or a Foreign. Only gradients that
            somebody wrote are looked at: given ones, and rules of his own in jax.
        points: (where in words, params), the most telling first.

    >>> import jax.numpy as jnp
    >>> mismatch(lambda p: jnp.sum(p**2), [("at the end", jnp.ones(2))])
    """
    if not points:
        return None
    own_rule = not isinstance(fn, Foreign)
    if own_rule and not has_own_rule(fn, points[0][1]):
        return None
    if isinstance(fn, Foreign) and not fn.exact:
        return None
    layout = Layout.of(points[0][1])
    for where, params in points:
        vector = layout.flat(params)
        value, grad, eps = _of(fn, layout, vector)
        if not np.isfinite(grad).all():
            continue
        fault = refuted(value, vector, grad, eps=eps, glances=GLANCES)
        if fault is None or fault.coordinate is None:
            continue
        name = layout.coordinate(fault.coordinate)
        found = Mismatch(name, fault.given, fault.slope, where, own_rule)
        if found.error > WRONG:
            return found
    return None


def has_own_rule(fn: Callable[[Any], Any], params: Any) -> bool:
    """Whether a function has a derivative that was registered with jax, not by jax.

    Args:
        fn: params -> scalar, traceable by jax.
        params: a tree of arrays.

    >>> has_own_rule(lambda x: jax.nn.relu(x) ** 2, 1.0)
    False
    """
    leaves, shape = jax.tree.flatten(params)
    try:
        return _traced_rule(fn, shape, tuple(np.shape(leaf) for leaf in leaves))
    except Exception:  # what cannot be traced or hashed is none of ours
        return False


@functools.lru_cache(maxsize=256)
def _traced_rule(fn: Callable[[Any], Any], shape: Any, shapes: tuple[Any, ...]) -> bool:
    """The answer for params of some shape, found once."""
    params = shape.unflatten([np.zeros(size) for size in shapes])
    return _any_rule(jax.make_jaxpr(fn)(params).jaxpr)


def _any_rule(jaxpr: Any) -> bool:
    """Whether an equation of a program, at any depth, has a rule of the user's."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in RULES and not _by_a_library(equation):
            return True
        inside = jax.tree.leaves(
            [*equation.params.values()], is_leaf=lambda part: hasattr(part, "eqns")
        )
        parts = [getattr(part, "jaxpr", part) for part in inside]
        if any(_any_rule(part) for part in parts if hasattr(part, "eqns")):
            return True
    return False


def _by_a_library(equation: Any) -> bool:
    """Whether a rule is one of jax's own, such as that of relu."""
    program = getattr(equation.params.get("call_jaxpr"), "jaxpr", None)
    source = getattr(getattr(program, "debug_info", None), "func_src_info", None)
    return any(f"{os.sep}{name}{os.sep}" in str(source) for name in LIBRARIES)


def _of(
    fn: Callable[[Any], Any], layout: Layout, vector: np.ndarray
) -> tuple[Callable[[np.ndarray], float], np.ndarray, float]:
    """(value of a vector, gradient at one, relative rounding of the values)."""
    if isinstance(fn, Foreign):
        grad = quiet(fn.gradient_at, vector, vector.shape)
        return lambda at: float(quiet(fn.value_at, at)), grad, fn.eps
    grad = np.asarray(_slope(fn, layout.tree(vector)), float)
    eps = float(np.finfo(float).eps)
    return lambda at: float(_value(fn, layout.tree(at))), grad, eps


@functools.partial(jax.jit, static_argnums=0)
def _value(fn: Callable[[Any], Any], params: Any) -> Any:
    return fn(params)


@functools.partial(jax.jit, static_argnums=0)
def _slope(fn: Callable[[Any], Any], params: Any) -> Any:
    return ravel_pytree(jax.grad(fn)(params))[0]
