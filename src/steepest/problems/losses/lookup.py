"""The way from a name, or a function of the user's own, to a loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.losses.base import TASKS, Loss, PerRow, identity
from steepest.problems.losses.table import LOSSES

_DEFAULTS = {"regression": "squared", "binary": "log", "multiclass": "cross_entropy"}


def default_loss(task: str) -> Loss:
    """The loss of a task when none is named.

    Args:
        task: "regression" (squared), "binary" (log) or "multiclass" (cross_entropy).

    Raises:
        UsageError: a task without a default, or none at all.

    >>> default_loss("binary").name
    'log'
    """
    if task not in TASKS:
        raise UsageError(f"task={task!r} is unknown. {did_you_mean(task, TASKS)}")
    if task not in _DEFAULTS:
        raise UsageError(f"task={task!r} has no default loss: name one, {_of(task)}.")
    return LOSSES[_DEFAULTS[task]]


def get_loss(
    spec: str | Loss | Callable[..., Any], *, task: str | None = None, **options: float
) -> Loss:
    """A loss from its name, "name:parameter", a Loss or a function of your own.

    Args:
        spec: "huber", "huber:2", "huber:delta=2", "auto" (needs a task), a Loss, or
            any callable `fn(prediction, target)` that returns one value per row.
        task: refuse losses that do not serve it. Those of embeddings serve classes.
        **options: the parameter by name: `get_loss("huber", delta=2.0)`.

    Returns:
        The loss; equal arguments give equal losses with equal hashes.

    Raises:
        UsageError: unknown name or option, a parameter out of range, a wrong task.

    >>> get_loss("quantile:0.9") == get_loss("quantile", q=0.9)
    True
    >>> get_loss("hubr")
    Traceback (most recent call last):
    ...
    steepest.core.errors.UsageError: loss='hubr' is unknown. Did you mean huber?
    """
    if isinstance(spec, str) and spec == "auto":
        if task is None:
            raise UsageError("loss='auto' needs a task to choose by: name a loss.")
        loss = default_loss(task)
    elif isinstance(spec, str):
        loss = _from_name(spec)
    elif isinstance(spec, Loss):
        loss = spec
    elif callable(spec):
        loss = _from_callable(spec)
    else:
        raise UsageError(
            f"loss={spec!r}: need a name, a Loss or a function of (prediction, target)."
        )
    for name, value in options.items():
        loss = _with_option(loss, name, value)
    if loss.embeds and task in ("binary", "multiclass"):
        # of a table: classes tell which rows are alike, and no pair is given
        return replace(loss, target_rule=None)
    if loss.embeds and task == "regression":
        raise UsageError(
            f"loss={loss}: rows are alike where they have one class, and numbers make "
            f"none. Set task='multiclass' if they are labels, or use {_of(task)}."
        )
    if task is not None and task not in loss.tasks:
        raise UsageError(
            f"loss={loss} serves {' and '.join(loss.tasks)}, not {task}: "
            f"use {_of(task)}."
        )
    return loss


def _of(task: str) -> str:
    """The names that serve a task, for the end of a message."""
    if task not in TASKS:
        raise UsageError(f"task={task!r} is unknown. {did_you_mean(task, TASKS)}")
    return " or ".join(name for name, loss in LOSSES.items() if task in loss.tasks)


def _from_name(spec: str) -> Loss:
    name, colon, value = spec.partition(":")
    if name not in LOSSES:
        raise UsageError(f"loss={name!r} is unknown. {did_you_mean(name, LOSSES)}")
    loss = LOSSES[name]
    if not colon:
        return loss
    if loss.parameter is None:
        raise UsageError(f"loss={spec!r}: {name} has no parameter; write {name!r}.")
    option, equals, number = value.rpartition("=")
    return _with_option(loss, option if equals else loss.parameter.name, number)


def _from_callable(fn: Callable[..., Any]) -> Loss:
    if not _hashable(fn):
        raise UsageError(
            f"loss={fn!r} cannot be hashed, so its compiled program could not be "
            "found again: hand over a plain function that calls it."
        )
    own = PerRow(fn)
    return Loss(
        name=own.name,
        fn=own,
        formula=f"{own.name}(prediction, target)",
        tasks=TASKS,
        link=identity,
    )


def _hashable(value: Any) -> bool:
    """Whether hash works; a frozen object around an array only looks as if it did."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _with_option(loss: Loss, name: str, value: Any) -> Loss:
    parameter = loss.parameter
    if parameter is None:
        raise UsageError(f"loss={loss} has no option {name!r}: leave it out.")
    if name != parameter.name:
        raise UsageError(
            f"loss={loss.name!r} has no option {name!r}. "
            f"{did_you_mean(name, [parameter.name])}"
        )
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not parameter.rule.holds(number):
        raise UsageError(
            f"loss={loss.name!r} with {name}={value!r}: "
            f"{name} must be {parameter.rule.need}."
        )
    return replace(loss, parameter=replace(parameter, value=number))
