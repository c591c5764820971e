"""BFGS and L-BFGS: curvature learnt from the gradients along the way.

Sources: Nocedal, Wright 2006, Numerical Optimization, eq. 6.17 and 6.20 (BFGS),
algorithm 7.4 (L-BFGS; Liu, Nocedal 1989, Math. Prog. 45:503).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.steps.entry import Optimizer
from steepest.steps.line_search import search_along

PAIRS = 20
"""Pairs that L-BFGS remembers."""


class Dense:
    """The whole inverse Hessian, (n, n)."""

    def empty(self, n: int, dtype: Any) -> Any:
        """Any matrix: it is not read before the first pair."""
        return jnp.zeros((n, n), dtype)

    def learn(self, known: Any, step: Any, turn: Any, fresh: Any) -> Any:
        """H + (1 + r yHy) r ss' - r (s (Hy)' + (Hy) s'), with r = 1 / s'y.

        At first H = (s'y / y'y) I.
        """
        bends = jnp.vdot(step, turn)
        scale = bends / jnp.vdot(turn, turn)
        eye = jnp.eye(len(step), dtype=step.dtype)
        known = jnp.where(fresh, scale * eye, known)
        turned, r = known @ turn, 1 / bends
        cross = jnp.outer(step, turned)
        both = r * r * jnp.vdot(turn, turned) + r
        return known - r * (cross + cross.T) + both * jnp.outer(step, step)

    def direction(self, known: Any, grad: Any) -> Any:
        """-H g."""
        return -(known @ grad)


class Pairs(NamedTuple):
    """The newest pairs, the newest last; 0 where there are fewer."""

    steps: jax.Array
    """(m, n)"""
    turns: jax.Array
    """(m, n) changes of the gradient"""
    weights: jax.Array
    """(m,) 1 / s'y; 0 for no pair"""
    scale: jax.Array
    """() s'y / y'y of the newest"""


class Limited:
    """The last m pairs in place of the matrix.

    Args:
        pairs: m.
    """

    def __init__(self, pairs: int = PAIRS) -> None:
        self.pairs = pairs

    def empty(self, n: int, dtype: Any) -> Pairs:
        """No pairs."""
        rows = jnp.zeros((self.pairs, n), dtype)
        return Pairs(rows, rows, jnp.zeros(self.pairs, dtype), jnp.ones((), dtype))

    def learn(self, known: Pairs, step: Any, turn: Any, fresh: Any) -> Pairs:
        """The oldest pair leaves, the new one comes last."""
        bends = jnp.vdot(step, turn)
        weights = jnp.where(fresh, 0.0, known.weights)
        return Pairs(
            jnp.concatenate([known.steps[1:], step[None]]),
            jnp.concatenate([known.turns[1:], turn[None]]),
            jnp.concatenate([weights[1:], (1 / bends)[None]]),
            bends / jnp.vdot(turn, turn),
        )

    def direction(self, known: Pairs, grad: Any) -> Any:
        """-H g by two loops over the pairs."""

        def down(q: Any, pair: Any) -> tuple[Any, Any]:
            step, turn, weight = pair
            share = weight * jnp.vdot(step, q)
            return q - share * turn, share

        def up(q: Any, pair: Any) -> tuple[Any, None]:
            (step, turn, weight), share = pair
            return q + step * (share - weight * jnp.vdot(turn, q)), None

        pairs = (known.steps, known.turns, known.weights)
        q, shares = jax.lax.scan(down, grad, pairs, reverse=True)
        return -jax.lax.scan(up, known.scale * q, (pairs, shares))[0]


def scale_by_bfgs() -> optax.GradientTransformation:
    """Dense BFGS with the line search of `search_along`.

    Returns:
        An Optax transformation that needs `value`; memory and time n^2.

    >>> rule, x = scale_by_bfgs(), jnp.array([3.0, -2.0])
    >>> scale, state = jnp.array([1.0, 30.0]), scale_by_bfgs().init(x)
    >>> for _ in range(15):
    ...     value, grad = jnp.sum(scale * x**2), 2 * scale * x
    ...     update, state = rule.update(grad, state, x, value=value)
    ...     x = x + update
    >>> bool(jnp.max(jnp.abs(x)) < 1e-3)
    True
    """
    return search_along(Dense())


def scale_by_lbfgs(pairs: int = PAIRS) -> optax.GradientTransformation:
    """L-BFGS with the line search of `search_along`.

    Args:
        pairs: how many pairs of step and change of gradient it remembers.

    Returns:
        An Optax transformation that needs `value`; memory and time n * pairs.

    >>> state = scale_by_lbfgs(5).init(jnp.zeros(3))
    >>> state.known.steps.shape
    (5, 3)
    """
    return search_along(Limited(pairs))


def _bfgs(learning_rate: Any) -> optax.GradientTransformation:
    del learning_rate  # the line search finds the step
    return scale_by_bfgs()


def _lbfgs(learning_rate: Any) -> optax.GradientTransformation:
    del learning_rate
    return scale_by_lbfgs()


QUASI_NEWTON = (
    Optimizer(
        "bfgs",
        _bfgs,
        "x <- x - t H g;  H from the pairs s = x - x', y = g - g';  t by line search",
        "Nocedal, Wright 2006, Numerical Optimization, alg. 6.1; approximate Wolfe: "
        "Hager, Zhang 2005, SIAM J. Optim. 16:170",
        full_gradient=True,
        searches=True,
        projects=False,
    ),
    Optimizer(
        "lbfgs",
        _lbfgs,
        "x <- x - t H g;  H from the last 20 pairs;  t by line search",
        "Liu, Nocedal 1989, Math. Prog. 45:503; approximate Wolfe: Hager, Zhang 2005, "
        "SIAM J. Optim. 16:170",
        full_gradient=True,
        searches=True,
        projects=False,
    ),
)
