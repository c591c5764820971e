"""Barzilai-Borwein: the rate from the curvature that the last step met.

Sources: Barzilai, Borwein 1988, IMA J. Numer. Anal. 8:141, eqs. 5 and 6; alternation
with a window: Frassoldati, Zanni, Zanghirati 2008, J. Ind. Manag. Optim. 4:299, ABBmin.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from steepest.core import tree
from steepest.steps.searching import Pace, searching, unit_rate

ALTERNATE = 0.8
"""Below this share of the long rate the short one counts as the better measure."""
WINDOW = 5
"""Short rates that are remembered; the shortest of them is taken."""
EXPAND = 10.0
"""How much further to go where the function is concave."""
FLAT = 1e-14
"""Curvature s y below this share of |s| |y| counts as none."""


def scale_by_bb() -> optax.GradientTransformationExtraArgs:
    """Steepest descent whose rate is one over the curvature along the last step.

    s = x - x', y = g - g';  long = s s / s y, short = s y / y y;
    a <- the least of the last 5 short, where short < 0.8 long, else long;
    x <- x - a g;  a <- 10 a where s y <= 0.
    The first step has length 1. Steps that rise too high are taken back: see
    `searching`.

    Returns:
        An Optax transformation that must be given `value`, the objective at params.

    >>> rule, x = scale_by_bb(), jnp.array([3.0, -4.0])
    >>> scales, state = jnp.array([1.0, 9.0]), rule.init(x)
    >>> for _ in range(20):
    ...     value, grad = jnp.sum(scales * x**2), 2 * scales * x
    ...     update, state = rule.update(grad, state, x, value=value)
    ...     x = x + update
    >>> bool(jnp.sum(x**2) < 1e-6)
    True
    """
    return searching(Pace(begin=_nothing, first=unit_rate, after=_after))


def _nothing(dtype: Any) -> Any:
    return jnp.full((WINDOW,), jnp.inf, dtype)


def _after(shorts: Any, rate: Any, moved: Any, turned: Any) -> tuple[Any, Any]:
    ss, yy = tree.dot(moved, moved), tree.dot(turned, turned)
    sy = tree.dot(moved, turned)
    curved = sy > FLAT * jnp.sqrt(ss) * jnp.sqrt(yy)
    long, short = ss / sy, sy / yy
    window = jnp.concatenate([jnp.reshape(short, 1), shorts[:-1]])
    found = jnp.where(short < ALTERNATE * long, jnp.min(window), long)
    return (
        jnp.where(curved, found, EXPAND * rate),
        jnp.where(curved, window, jnp.inf),
    )
