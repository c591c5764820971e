"""Schedules: the learning rate as a function of the step or of the epoch.

A schedule is a factor on the learning rate, so it fits any optimizer. Its numbers
are traced: changing them compiles nothing. To add one, add an entry to the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number
from steepest.core.spec import parse_spec
from steepest.core.suggest import did_you_mean


@dataclass(frozen=True, eq=False)
class Shape:
    """One entry of the table: factor(t, **numbers), t counted from 0."""

    factor: Callable[..., Any]
    formula: str
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def _constant(t: Any) -> Any:
    return jnp.ones_like(t)


def _inverse_time(t: Any, decay: Any) -> Any:
    return 1 / (1 + decay * t)


def _milestones(t: Any, at: Any, factor: Any) -> Any:
    return factor ** jnp.sum(t >= jnp.asarray(at))


def _exponential(t: Any, decay: Any) -> Any:
    return decay**t


def _cosine(t: Any, over: Any, end: Any) -> Any:
    share = jnp.clip(t / over, 0.0, 1.0)
    return end + (1 - end) * 0.5 * (1 + jnp.cos(jnp.pi * share))


SCHEDULES: Mapping[str, Shape] = MappingProxyType(
    {
        "constant": Shape(_constant, "a"),
        "inverse_time": Shape(
            _inverse_time, "a / (1 + decay t)", MappingProxyType({"decay": 0.01})
        ),
        "milestones": Shape(
            _milestones,
            "a factor^(milestones passed)",
            MappingProxyType({"at": (30, 60, 90), "factor": 0.1}),
        ),
        "exponential": Shape(
            _exponential, "a decay^t", MappingProxyType({"decay": 0.99})
        ),
        "cosine": Shape(
            _cosine,
            "a (end + (1 - end) (1 + cos(pi t / over)) / 2)",
            MappingProxyType({"over": None, "end": 0.0}),
        ),
    }
)


@dataclass(frozen=True)
class Schedule:
    """A schedule that was chosen: a shape, its numbers, its clock.

    Args:
        name: an entry of SCHEDULES.
        numbers: the options of the shape, in the order of its defaults.
        per: what t counts: "step" or "epoch".
        warmup: how many t the rate rises over at first, linearly; 0 for none.
    """

    name: str
    numbers: tuple[tuple[str, Any], ...] = ()
    per: Literal["step", "epoch"] = "step"
    warmup: float = 0.0

    @property
    def static(self) -> tuple[str, str, bool]:
        """What compiled code depends on: all but the numbers."""
        return self.name, self.per, self.warmup > 0

    def traced(self, horizon: float | None) -> dict[str, Any]:
        """The numbers for compiled code; `horizon` fills an open `over`.

        Args:
            horizon: steps or epochs (as `per` says) that the run may make.

        Raises:
            UsageError: the schedule needs a horizon and there is none.

        >>> get_schedule("cosine:warmup=10").traced(110)
        {'over': 100.0, 'end': 0.0, 'warmup': 10.0}
        """
        numbers = dict(self.numbers)
        if "over" in numbers and numbers["over"] is None:
            if horizon is None:
                raise UsageError(
                    f"schedule {self.name}: over how many {self.per}s? Give "
                    f"'{self.name}:over=1000' or a budget of {self.per}s."
                )
            numbers["over"] = max(horizon - self.warmup, 1.0)
        if self.warmup > 0:
            numbers["warmup"] = self.warmup
        return {name: _traced(value) for name, value in numbers.items()}


def factor_at(static: tuple[str, str, bool], numbers: dict[str, Any], t: Any) -> Any:
    """The factor on the learning rate at time t; runs in compiled code.

    While t < warmup it is (t + 1) / warmup, at most 1; then the shape begins, its own
    t counted from the end of the warm-up.

    Args:
        static: `Schedule.static`.
        numbers: `Schedule.traced`.
        t: steps or epochs finished, a float.

    >>> schedule = get_schedule("inverse_time:decay=0.5")
    >>> round(float(factor_at(schedule.static, schedule.traced(None), 2.0)), 3)
    0.5
    """
    name, _, warms = static
    numbers = dict(numbers)
    if not warms:
        return SCHEDULES[name].factor(t, **numbers)
    warmup = numbers.pop("warmup")
    after = SCHEDULES[name].factor(jnp.maximum(t - warmup, 0.0), **numbers)
    return jnp.where(t < warmup, jnp.minimum((t + 1) / warmup, 1.0), after)


def get_schedule(schedule: Any = None) -> Schedule:
    """A Schedule from its spelling `name:option=value,...` or from itself.

    Every schedule also takes `per` (step or epoch) and `warmup`; `warmup:over=10` is
    short for `constant:warmup=10`.

    Args:
        schedule: the spelling, a Schedule, or None for a constant rate.

    Raises:
        UsageError: an unknown name or option, or a number out of range.

    >>> get_schedule("inverse_time:decay=0.1,per=epoch").per
    'epoch'
    >>> get_schedule("warmup:over=10").warmup
    10.0
    """
    if schedule is None:
        return Schedule("constant")
    if isinstance(schedule, Schedule):
        options = {"per": schedule.per, "warmup": schedule.warmup}
        return _settle(schedule.name, {**dict(schedule.numbers), **options})
    if not isinstance(schedule, str):
        raise UsageError(
            f"schedule={schedule!r}: must be text such as "
            "'inverse_time:decay=0.01', a Schedule, or a function step -> rate."
        )
    name, options = parse_spec(schedule)
    if name == "warmup":
        name, options = "constant", _rises(options)
    return _settle(name, options)


def _rises(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a constant rate behind a warm-up, checked as they were typed."""
    options = {"over": 100, "per": "step", **options}
    for option in options:
        if option not in ("over", "per"):
            near = did_you_mean(option, ("over", "per"))
            raise UsageError(f"schedule warmup: {option}: unknown. {near}")
    _check_number("warmup", "over", options["over"], 0.0)
    return {"warmup": options["over"], "per": options["per"]}


def _settle(name: str, options: dict[str, Any]) -> Schedule:
    """The Schedule of a name and its options, all checked."""
    if name not in SCHEDULES:
        near = did_you_mean(name, ("warmup", *SCHEDULES))
        raise UsageError(f"schedule={name!r}: unknown. {near}")
    per = options.pop("per", "step")
    warmup = options.pop("warmup", 0)
    if per not in ("step", "epoch"):
        raise UsageError(f"schedule: per={per!r}: must be step or epoch.")
    known = SCHEDULES[name].defaults
    for option, value in {**options, "warmup": warmup}.items():
        if option not in known and option != "warmup":
            near = did_you_mean(option, (*known, "per", "warmup"))
            raise UsageError(f"schedule {name}: {option}: unknown. {near}")
        if not (option == "over" and value is None):
            _check_number(name, option, value, known.get(option, 0.0))
    return Schedule(name, tuple({**known, **options}.items()), per, float(warmup))


def _check_number(name: str, option: str, value: Any, default: Any) -> None:
    """Refuse a value out of range, or a list where one number is meant."""
    numbers = [value]
    if isinstance(value, tuple | list) and isinstance(default, tuple):
        numbers = list(value)
    for number in numbers:
        if not (is_number(number) and 0 <= number < np.inf):
            what = f"schedule {name}: {option}={value!r}"
            raise UsageError(f"{what}: must be a finite number >= 0.")
    if option == "over" and value == 0:
        raise UsageError(f"schedule {name}: over=0: must be > 0.")


def _traced(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(float(v) for v in value)
    return float(value)
