"""Annealing: steps that may climb, ever less, and so leave a valley for a deeper one.

Sources: Metropolis et al. 1953, J. Chem. Phys. 21:1087 (acceptance); Kirkpatrick,
Gelatt, Vecchi 1983, Science 220:671 (cooling); Roberts, Tweedie 1996, Bernoulli 2:341,
sec. 1.4.2 (the proposal along the gradient, MALA).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.core import tree
from steepest.steps.entry import Hyper, Optimizer

WANTED = (0.234, 0.574)
"""Share of proposals that is best accepted: of a random walk, and along the gradient
(Roberts, Rosenthal 2001, Statist. Sci. 16:351)."""
GAIN = 0.05
"""How fast the size of proposals follows the share that is accepted."""


class AnnealState(NamedTuple):
    """What the chain remembers."""

    learning_rate: jax.Array
    """() a: the proposals' size; 0 before the first."""
    params: Any
    """The anchor: the last point that was accepted."""
    value: jax.Array
    grad: Any
    step: jax.Array
    """() int32 proposals judged."""
    accepted: jax.Array
    """() int32 of them accepted."""


def anneal_along(
    temperature: Any,
    cooling: Any,
    first: Any,
    *,
    along_gradient: bool,
    adapt: Any = 1.0,
) -> optax.GradientTransformationExtraArgs:
    """Metropolis steps at a falling temperature T: each step judges one proposal.

    y = x - a g + sqrt(2 a T) noise      (plain: y = x + sqrt(2 a T) noise)

    y is accepted with probability min(1, exp(-(f(y) - f(x)) / T) q(x | y) / q(y | x))
    where q(y | x) = exp(-|y - x + a g|^2 / (4 a T)); in a plain chain q is symmetric
    and drops out. T <- cooling T after every step. At constant T and a, points are
    visited in proportion to exp(-f / T).

    a grows or shrinks by a twentieth of how far acceptance is from its best share.

    Args:
        temperature: T at first, > 0, in units of the objective.
        cooling: factor on T at each step, in (0, 1].
        first: a at first, > 0; units of params squared over those of the objective.
        along_gradient: whether proposals follow the gradient.
        adapt: 1 to adapt a, 0 to keep it.

    Returns:
        An Optax transformation that needs `value` and `key`.

    >>> rule, x = anneal_along(1.0, 0.9, 0.1, along_gradient=True), jnp.array(3.0)
    >>> state, judge = rule.init(x), jax.jit(rule.update)
    >>> for i in range(200):
    ...     key = jax.random.PRNGKey(i)
    ...     update, state = judge(2 * x, state, x, value=x**2, key=key)
    ...     x = x + update
    >>> bool(abs(state.params) < 0.1), int(state.step)
    (True, 200)
    """
    drift = 1.0 if along_gradient else 0.0
    wanted = WANTED[along_gradient]

    def init(params: Any) -> AnnealState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        zeros = jax.tree.map(jnp.zeros_like, params)
        none = jnp.zeros((), jnp.int32)
        zero = jnp.zeros((), dtype)
        return AnnealState(
            zero, params, jnp.full((), jnp.inf, dtype), zeros, none, none
        )

    def update(
        updates: Any,
        state: AnnealState,
        params: Any = None,
        *,
        value: Any,
        key: Any,
        **_: Any,
    ) -> tuple[Any, AnnealState]:
        dtype, begins = state.value.dtype, state.step == 0
        decides, draws = jax.random.split(key)
        # the temperature that the proposal was made at: step 1 judges the first
        heat = temperature * cooling ** jnp.maximum(state.step - 1, 0)
        rate = state.learning_rate
        there = _Point(params, updates, value)
        here = _Point(state.params, state.grad, state.value)
        log_ratio = _log_ratio(here, there, drift * rate, 4 * rate * heat, heat, drift)
        chance = jnp.exp(jnp.minimum(0.0, log_ratio))
        good = jnp.isfinite(value) & tree.all_finite(updates)
        chance = jnp.where(good & ~jnp.isnan(chance), chance, 0.0)
        accept = begins | (jax.random.uniform(decides, (), dtype) < chance)
        at, grad, level = tree.select(accept, there, here)
        grown = rate * jnp.exp(adapt * GAIN * (chance - wanted))
        rate = jnp.where(begins, first, grown).astype(dtype)
        cooler = temperature * cooling**state.step
        width = jnp.sqrt(2 * rate * cooler)
        noise = _noise(draws, at)
        proposed = jax.tree.map(
            lambda x, g, z: x - drift * rate * g + width * z, at, grad, noise
        )
        new = AnnealState(
            rate,
            at,
            level,
            grad,
            state.step + 1,
            state.accepted + (accept & ~begins),
        )
        return _like(params, jax.tree.map(jnp.subtract, proposed, params)), new

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]


class _Point(NamedTuple):
    params: Any
    grad: Any
    value: Any


def _log_ratio(
    here: _Point, there: _Point, rate: Any, spread: Any, heat: Any, drift: float
) -> Any:
    """The logarithm of what the proposal `there` is accepted with.

    -(f(y) - f(x)) / T + (|y - x + a g(x)|^2 - |x - y + a g(y)|^2) / (4 a T)
    """
    drop = (here.value - there.value) / heat
    if not drift:
        return drop

    def off(a: _Point, b: _Point) -> Any:
        gap = jax.tree.map(lambda x, y, g: y - x + rate * g, a.params, b.params, a.grad)
        return tree.dot(gap, gap)

    return drop + (off(here, there) - off(there, here)) / spread


def _noise(key: Any, params: Any) -> Any:
    """Standard normal numbers in the shape of the params."""
    leaves, shape = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = [
        jax.random.normal(k, jnp.shape(leaf), leaf.dtype)
        for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(shape, drawn)


def _like(model: Any, found: Any) -> Any:
    return jax.tree.map(lambda m, f: jnp.asarray(f, m.dtype), model, found)


def _entry(name: str, formula: str, *, along_gradient: bool) -> Optimizer:
    def build(learning_rate: Any, **hyper: Any) -> optax.GradientTransformation:
        return anneal_along(
            hyper["temperature"],
            hyper["cooling"],
            learning_rate,
            along_gradient=along_gradient,
            adapt=hyper["adapt"],
        )

    return Optimizer(
        name,
        build,
        f"{formula};  accepted as Metropolis has it;  T <- cooling T",
        "Kirkpatrick, Gelatt, Vecchi 1983, Science 220:671"
        + ("; Roberts, Tweedie 1996, Bernoulli 2:341" if along_gradient else ""),
        0.01,
        MappingProxyType(
            {
                "temperature": Hyper(1.0, 1e-300, 1e300),
                "cooling": Hyper(0.99, 1e-3, 1.0 + 1e-9),
                "adapt": Hyper(1.0, 0.0, 10.0),
            }
        ),
        searches=True,
        draws=True,
        projects=True,  # a proposal beyond bounds is one at the bounds
    )


LANGEVIN = _entry("anneal", "y = x - a g + sqrt(2 a T) noise", along_gradient=True)
WALK = _entry("anneal_walk", "y = x + sqrt(2 a T) noise", along_gradient=False)
ANNEALING = (LANGEVIN, WALK)
"""Not in the table of optimizers: a chain wanders, so that what holds for every rule
of descent (its first update points downhill) does not hold for it."""
