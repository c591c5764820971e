"""A line search as a state machine: one evaluation a step, none of them hidden.

The point that was just evaluated is a trial. It is accepted, and a new line begins
there, or it narrows the bracket and the next trial lies on the same line. So a search
costs a loop nothing that it does not see: no inner loop, no second trace of the
function, and many searches run side by side with every lane busy.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from steepest.core import tree

ARMIJO = 1e-4
"""Share of the decrease promised by the slope that a step must keep."""
CURVATURE = 0.9
"""Share of the slope at the anchor that may be left at an accepted trial."""
FLOOR = 1e-14
"""A rise of this share of the value is rounding, if nothing else is known of it: then
slopes decide."""
MOST_TRIALS = 20
"""Trials on one line."""
GROW = (2.0, 10.0)
"""A longer trial is between twice and ten times as long."""
INSIDE, BACK = (0.1, 0.9), (0.1, 0.5)
"""A trial within a bracket keeps this far from its ends; BACK while nothing on the
line was low enough yet."""
NONFINITE = 0.1
"""Share of the bracket that is tried after a value that is not finite."""
PAIR = 1e-16
"""The cosine of step and change of gradient that a pair worth keeping exceeds."""
SLOW_EVERY = (5, 20)
"""Every 5 n + 20 accepted steps it is asked whether the search crawls."""
SLOW = (1e-10, 1e-2)
"""It does when the gain since is a share of the whole gain within these."""


class Memory(Protocol):
    """What a quasi-Newton method knows of the curvature."""

    def empty(self, n: int, dtype: Any) -> Any:
        """Nothing known, for n params."""
        ...

    def learn(self, known: Any, step: Any, turn: Any, fresh: Any) -> Any:
        """With one more pair: step (n,) and change of gradient (n,).

        `fresh` says that nothing was known before.
        """
        ...

    def direction(self, known: Any, grad: Any) -> Any:
        """-H grad, (n,)."""
        ...


class Bracket(NamedTuple):
    """An end of the interval on the line that holds a good step."""

    t: jax.Array
    value: jax.Array
    slope: jax.Array


class SearchState(NamedTuple):
    """What the search remembers."""

    learning_rate: jax.Array
    """() the rate at which plain descent would promise the decrease of this trial."""
    began: jax.Array
    """() bool: whether a first point was accepted."""
    anchor: jax.Array
    """(n,) the last accepted point."""
    value: jax.Array
    grad: jax.Array
    direction: jax.Array
    slope: jax.Array
    """() slope of the line at the anchor, < 0."""
    t: jax.Array
    """() where on the line the trial is."""
    low: Bracket
    """The longest trial that was low enough; t = 0 is the anchor."""
    high: Bracket
    """The shortest that was not; t = inf where there is none."""
    trials: jax.Array
    final: jax.Array
    """() bool: the trial is the best of an exhausted line and is accepted as it is."""
    known: Any
    fresh: jax.Array
    """() bool: whether the memory is empty."""
    accepted: jax.Array
    first_value: jax.Array
    mark: jax.Array
    """() value when it was last asked whether the search crawls."""
    floor: jax.Array
    """() share of the value that is rounding."""


def search_along(memory: Memory) -> optax.GradientTransformationExtraArgs:
    """Quasi-Newton descent: d = -H g, and a step t along d with the Wolfe conditions.

    A trial is accepted where f <= f0 + c1 t s0 and s >= c2 s0, s the slope along d;
    near the limit of floating point, where differences of f vanish, the first is
    replaced by (2 c1 - 1) s0 >= s (Hager, Zhang 2005, SIAM J. Optim. 16:170, eq. 4.1).
    Trials follow the cubic through both ends of the bracket.

    Args:
        memory: what stands for H.

    Returns:
        An Optax transformation that needs `value`; its updates lead from trial to
        trial.

    References: Nocedal, Wright 2006, Numerical Optimization, ch. 3 and 6.
    """

    def init(params: Any) -> SearchState:
        flat = ravel_pytree(params)[0]
        dtype, n = flat.dtype, flat.size
        zero, inf = jnp.zeros((), dtype), jnp.full((), jnp.inf, dtype)
        none, off = jnp.zeros((), jnp.int32), jnp.zeros((), bool)
        return SearchState(
            learning_rate=zero,
            began=off,
            anchor=flat,
            value=inf,
            grad=jnp.zeros_like(flat),
            direction=jnp.zeros_like(flat),
            slope=zero,
            t=zero,
            low=Bracket(zero, zero, zero),
            high=Bracket(inf, inf, zero),
            trials=none,
            final=off,
            known=memory.empty(n, dtype),
            fresh=~off,
            accepted=none,
            first_value=zero,
            mark=inf,
            floor=jnp.full((), FLOOR, dtype),
        )

    def update(
        updates: Any, state: SearchState, params: Any = None, *, value: Any, **_: Any
    ) -> tuple[Any, SearchState]:
        trial, unravel = ravel_pytree(params)
        new = _next(memory, state, trial, value, ravel_pytree(updates)[0])
        return unravel(new.anchor + new.t * new.direction - trial), new

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]


def _next(
    memory: Memory, old: SearchState, trial: Any, value: Any, grad: Any
) -> SearchState:
    """The search after a trial was evaluated."""
    slope = jnp.vdot(grad, old.direction)
    good = jnp.isfinite(value) & jnp.isfinite(jnp.vdot(grad, grad))
    low = good & _low_enough(old, value, slope)
    accept = low & (slope >= CURVATURE * old.slope)
    accept |= (old.final & good) | ~old.began
    here = Bracket(old.t, value, slope)
    accept, low = tree.held(accept, low)
    bracket = old._replace(
        low=tree.select(low, here, old.low),
        high=tree.select(low, old.high, here),
        trials=old.trials + 1,
    )
    low_t, high_t = bracket.low.t, bracket.high.t
    closed = jnp.isfinite(high_t) & (high_t - low_t <= 1e-15 * high_t)
    spent = ((bracket.trials >= MOST_TRIALS) | closed) & ~accept
    # nothing on this line is low enough: forget the curvature that chose it; at once
    # where it was only handed to the search
    handed = (old.accepted == 1) & ~old.fresh & ~low
    forget = (spent & (low_t == 0)) | handed
    final = spent & (low_t > 0)
    forget, final = tree.held(forget, final)
    moved = _accept(memory, old, trial, value, grad)
    line = tree.select(accept, moved, old._replace(fresh=jnp.ones((), bool)))
    line = _line(memory, line)
    # even the gradient's own line is exhausted: stay at the anchor for good
    line = line._replace(t=jnp.where(forget & old.fresh & ~accept, 0.0, line.t))
    t = jnp.where(final, low_t, _between(bracket))
    same = bracket._replace(t=t, final=final)
    (begins,) = tree.held(accept | forget)
    new = tree.select(begins, line, same)
    promised = -new.t * new.slope / jnp.vdot(new.grad, new.grad)
    return new._replace(learning_rate=jnp.where(promised > 0, promised, 0.0))


def _low_enough(old: SearchState, value: Any, slope: Any) -> Any:
    """Armijo's condition, or the approximate one of Hager and Zhang."""
    armijo = value <= old.value + ARMIJO * old.t * old.slope
    level = value <= old.value + old.floor * jnp.abs(old.value)
    return armijo | (level & (slope <= (2 * ARMIJO - 1) * old.slope))


def _accept(
    memory: Memory, old: SearchState, trial: Any, value: Any, grad: Any
) -> SearchState:
    """The trial as the new anchor, with one pair more in memory."""
    step, turn = trial - old.anchor, grad - old.grad
    bends = jnp.vdot(step, turn)
    lengths = jnp.sqrt(jnp.vdot(step, step)) * jnp.sqrt(jnp.vdot(turn, turn))
    learned = memory.learn(old.known, step, turn, old.fresh)
    sound = jnp.isfinite(sum(jnp.sum(leaf) for leaf in jax.tree.leaves(learned)))
    (keep,) = tree.held(old.began & (bends > PAIR * lengths) & sound)
    first = jnp.where(old.began, old.first_value, value)
    # Old curvature can hold the search in a bent valley: then it starts afresh.
    accepted = old.accepted + 1
    asks = accepted % (SLOW_EVERY[0] * trial.size + SLOW_EVERY[1]) == 0
    gain, whole = old.mark - value, first - value
    slow = asks & (gain > SLOW[0] * whole) & (gain < SLOW[1] * whole)
    mark = jnp.where(asks, jnp.where(slow, jnp.inf, value), old.mark)
    return old._replace(
        began=jnp.ones((), bool),
        anchor=trial,
        value=value,
        grad=grad,
        known=tree.select(keep, learned, old.known),
        fresh=slow | (old.fresh & ~keep),
        accepted=accepted,
        first_value=first,
        mark=mark,
    )


def _line(memory: Memory, state: SearchState) -> SearchState:
    """A new line from the anchor: quasi-Newton, or down the gradient."""
    grad = state.grad
    newton = memory.direction(state.known, grad)
    slope = jnp.vdot(newton, grad)
    plain = state.fresh | ~((slope < 0) & jnp.isfinite(slope))
    direction = jnp.where(plain, -grad, newton)
    square = jnp.vdot(grad, grad)
    slope = jnp.where(plain, -square, slope)
    # a quasi-Newton step is tried whole; the first of all has length 1
    length = jnp.where(square > 0, 1 / jnp.sqrt(square), 0.0)
    t = jnp.where(plain, length, 1.0).astype(grad.dtype)
    zero, inf = jnp.zeros_like(t), jnp.full_like(t, jnp.inf)
    return state._replace(
        direction=direction,
        slope=slope,
        t=t,
        low=Bracket(zero, state.value, slope),
        high=Bracket(inf, inf, zero),
        trials=jnp.zeros((), jnp.int32),
        final=jnp.zeros((), bool),
        fresh=plain,
    )


def _between(state: SearchState) -> Any:
    """The next trial on the same line."""
    low, high = state.low, state.high
    anchor = Bracket(jnp.zeros_like(low.t), state.value, state.slope)
    longer = _cubic(anchor, low)
    longer = jnp.where(longer > low.t, longer, GROW[1] * low.t)
    longer = jnp.clip(longer, GROW[0] * low.t, GROW[1] * low.t)
    width = high.t - low.t
    near, far = (
        low.t + width * jnp.where(low.t > 0, inside, back)
        for inside, back in zip(INSIDE, BACK, strict=True)
    )
    inner = _cubic(low, high)
    inner = jnp.where(jnp.isfinite(inner), inner, low.t + 0.5 * width)
    inner = jnp.clip(inner, near, far)
    sound = jnp.isfinite(high.value) & jnp.isfinite(high.slope)
    inner = jnp.where(sound, inner, low.t + NONFINITE * width)
    return jnp.where(jnp.isfinite(high.t), inner, longer)


def _cubic(a: Bracket, b: Bracket) -> Any:
    """Minimiser of the cubic through two values and slopes; not finite where none.

    Source: Nocedal, Wright 2006, eq. 3.59.
    """
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    d2 = jnp.sign(b.t - a.t) * jnp.sqrt(d1 * d1 - a.slope * b.slope)
    return b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
