"""Rule: all that a compiled step must know, parted from the numbers it may change.

The Rule is static (its change compiles anew); the numbers are traced (theirs does
not). So a sweep over learning rates is one program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number
from steepest.steps import schedules
from steepest.steps.optimizers import (
    BACKTRACKING,
    OPTIMIZERS,
    Optimizer,
    get_optimizer,
    with_backtracking,
)
from steepest.steps.schedules import Schedule, get_schedule


@dataclass(frozen=True)
class Rule:
    """The compile-time part of a step.

    Args:
        optimizer: an entry of the table.
        schedule: what compiled code must know of the schedule.
        rate_of: the user's own schedule step -> rate, instead of rate and schedule.
    """

    optimizer: Optimizer
    schedule: tuple[str, str, bool] = ("constant", "step", False)
    rate_of: Callable[[Any], Any] | None = None

    @property
    def searches(self) -> bool:
        """Whether the rule tries points and takes them back by itself."""
        return self.optimizer.searches

    def init(self, params: Any) -> Any:
        """What the optimizer remembers before the first step.

        Args:
            params: the start, a tree of float arrays.
        """
        numbers = {name: hyper.default for name, hyper in self.optimizer.hyper.items()}
        build = optax.with_extra_args_support(self.optimizer.build(1.0, **numbers))
        return jax.tree.map(jnp.asarray, build.init(params))

    def rate(self, numbers: dict[str, Any], step: Any, epoch: Any) -> Any:
        """The learning rate of a step; nan where the optimizer finds its own.

        Args:
            numbers: from `settle`.
            step: updates made before it.
            epoch: passes over the data finished before it.
        """
        if self.rate_of is not None:
            rate = jnp.asarray(self.rate_of(step), float)
            # A rate below 0 would climb: as nan it ends the run with a cause.
            return jnp.where(rate >= 0, rate, jnp.nan)
        if self.optimizer.learning_rate is None:
            return jnp.asarray(jnp.nan, float)
        t = jnp.asarray(epoch if self.schedule[1] == "epoch" else step, float)
        factor = schedules.factor_at(self.schedule, numbers["schedule"], t)
        return numbers["learning_rate"] * factor

    def update(
        self,
        grad: Any,
        opt_state: Any,
        params: Any,
        *,
        numbers: dict[str, Any],
        rate: Any,
        value: Any,
        value_fn: Callable[[Any], Any],
        key: Any = None,
    ) -> tuple[Any, Any, Any]:
        """One update; runs in compiled code.

        Args:
            grad: the gradient at params. It is clipped here: by value, then by norm.
            opt_state: what `init` or the update before returned.
            params: the point.
            numbers: from `settle`.
            rate: from `rate`.
            value: the objective at params, for rules that ask (Polyak steps).
            value_fn: params -> value, for rules that search along a line.
            key: randomness of this step, for rules that draw.

        Returns:
            (updates to add to params, new opt_state, rate that was used; nan where
            the rule hides it).
        """
        clipped = _clip(grad, numbers["clips"])
        tx = optax.with_extra_args_support(
            self.optimizer.build(rate, **numbers["hyper"])
        )
        extra = {"value": value, "grad": clipped, "value_fn": value_fn}
        if self.optimizer.draws:
            extra["key"] = key
        updates, new = tx.update(clipped, opt_state, params, **extra)
        return updates, new, self._shown(rate, new)

    def rate_shown(
        self, numbers: dict[str, Any], step: Any, epoch: Any, opt_state: Any
    ) -> Any:
        """The learning rate that a step was made with; nan where the rule hides it.

        Args:
            numbers: from `settle`.
            step: updates made before it.
            epoch: passes over the data finished before it.
            opt_state: what its `update` returned.
        """
        return self._shown(self.rate(numbers, step, epoch), opt_state)

    def _shown(self, rate: Any, opt_state: Any) -> Any:
        if self.rate_of is None:
            rate = _own_rate(opt_state, rate)
        return jnp.asarray(rate, float)


def settle(
    optimizer: Any,
    learning_rate: float | str | None = None,
    *,
    schedule: Any = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    horizons: Mapping[str, float | None] | None = None,
    **hyper: Any,
) -> tuple[Rule, dict[str, Any]]:
    """Check what the user asked of a step and part it into Rule and numbers.

    Args:
        optimizer: a name, an Optimizer, or an Optax transformation.
        learning_rate: > 0; None for the optimizer's usual one; "backtracking" to find
            it by trying, with gd, momentum and nesterov.
        schedule: see get_schedule; or a function step -> rate.
        clip_norm: gradients longer than this are shortened to it.
        clip_value: gradient entries are cut to [-clip_value, clip_value].
        horizons: budget of "step"s and "epoch"s, for schedules that end with it.
        **hyper: the optimizer's own numbers, such as momentum.

    Returns:
        (the static Rule, the numbers that compiled code takes as arguments).

    Raises:
        UsageError: anything that cannot be meant.

    >>> rule, numbers = settle("momentum", 0.1, momentum=0.5)
    >>> numbers["learning_rate"], numbers["hyper"]
    (0.1, {'momentum': 0.5})
    """
    entry = get_optimizer(optimizer)
    own = callable(schedule) and not isinstance(schedule, Schedule)
    rate_of: Any = schedule if own else None
    if isinstance(learning_rate, str) and learning_rate == BACKTRACKING:
        entry, learning_rate = with_backtracking(entry), None
        if schedule is not None:
            raise UsageError(
                f"schedule: learning_rate={BACKTRACKING!r} finds the rate of each "
                "step; leave one of the two out."
            )
    _check_rate(entry, learning_rate, scheduled=schedule is not None, own=own)
    if own:
        _check_rate_of(schedule)
    chosen = get_schedule(None if own else schedule)
    clips = {
        name: _positive(name, number)
        for name, number in (("clip_norm", clip_norm), ("clip_value", clip_value))
        if number is not None
    }
    _check_takes(entry, hyper)
    rule = Rule(entry, chosen.static, rate_of)
    rate = entry.learning_rate if learning_rate is None else float(learning_rate)
    return rule, {
        "learning_rate": rate or 0.0,
        "hyper": entry.numbers(hyper),
        "schedule": chosen.traced((horizons or {}).get(chosen.per)),
        "clips": clips,
    }


def takers(name: str) -> tuple[str, ...]:
    """The optimizers that take a number of some name.

    Args:
        name: such as "momentum".

    >>> takers("momentum")
    ('momentum', 'nesterov')
    """
    return tuple(key for key, entry in OPTIMIZERS.items() if name in entry.hyper)


def _check_takes(entry: Optimizer, hyper: Mapping[str, Any]) -> None:
    """Refuse a number that belongs to other optimizers, and tell to which."""
    for name in hyper:
        able = takers(name)
        if able and name not in entry.hyper:
            raise UsageError(
                f"{name}: optimizer {entry.name} has none; it takes {entry.takes}. "
                f"{name} is for {', '.join(able)}."
            )


def _check_rate_of(schedule: Any) -> None:
    """A user's schedule must give one rate >= 0, and jax must be able to trace it."""
    try:
        jax.eval_shape(lambda step: jnp.asarray(schedule(step), float), jnp.int32(0))
        first = np.asarray(schedule(jnp.int32(0)), float)
    except Exception as error:
        raise UsageError(
            f"schedule: the function fails at step 0 ({error}); "
            "it must map a step to a rate with jax.numpy."
        ) from error
    if first.shape != () or not 0 <= first < np.inf:
        raise UsageError(f"schedule: gives {first} at step 0; a rate must be >= 0.")


def _check_rate(
    entry: Optimizer, learning_rate: Any, *, scheduled: bool, own: bool
) -> None:
    if learning_rate is not None:
        advice = " To climb, use maximize."
        if isinstance(learning_rate, str):
            advice = f" Or let it be found: learning_rate={BACKTRACKING!r}."
        _positive("learning_rate", learning_rate, advice)
    if entry.learning_rate is None and (learning_rate is not None or scheduled):
        what = "schedule" if learning_rate is None else f"learning_rate={learning_rate}"
        raise UsageError(
            f"{what}: optimizer {entry.name} brings its own rate; "
            "leave it out, or choose gd, momentum or adam."
        )
    if own and learning_rate is not None:
        raise UsageError(
            "schedule is a function that returns the rate itself; "
            "leave learning_rate out, or name a schedule."
        )


def _positive(name: str, number: Any, advice: str = "") -> float:
    if not (is_number(number) and 0 < number < float("inf")):
        raise UsageError(f"{name}={number!r}: must be > 0 and finite.{advice}")
    return float(number)


def _clip(grad: Any, clips: dict[str, Any]) -> Any:
    if "clip_value" in clips:
        grad = optax.clip(clips["clip_value"]).update(grad, optax.EmptyState())[0]
    if "clip_norm" in clips:
        bound = optax.clip_by_global_norm(clips["clip_norm"])
        grad = bound.update(grad, optax.EmptyState())[0]
    return grad


def _own_rate(opt_state: Any, default: Any) -> Any:
    """The rate that a rule keeps in its state, where it keeps exactly one."""
    named = optax.tree.get_all_with_path(opt_state, "learning_rate")
    # What computes a rate is kept under the same name as the rate itself.
    found = [entry for _, entry in named if isinstance(entry, jax.Array)]
    return found[0] if len(found) == 1 else default
