"""What `fit` asks of its options before, and as, it settles them."""

from __future__ import annotations

from typing import Any

from steepest.core.errors import UsageError
from steepest.core.mapped import is_mapped
from steepest.core.numbers import is_number, is_whole
from steepest.core.spec import parse_spec
from steepest.data.blocks import Blocks
from steepest.problems.models import Model, get_model
from steepest.steps import Rule, settle

FULL_BYTES = 1 << 28
"""Rows in a file of more are not all put on the device."""


def recipe_of(model: Any) -> Model:
    """The recipe of a model: its name with options, or anything `get_model` takes."""
    if isinstance(model, str):
        name, options = parse_spec(model)
        return get_model(name, **options)
    return get_model(model)


def rule_of(
    asked: dict[str, Any], optimizer: Any, schedule: Any, horizons: dict[str, Any]
) -> tuple[Rule, dict[str, Any]]:
    """(the rule, its numbers) of a step.

    Args:
        asked: the options of `fit`.
        optimizer: as asked or chosen.
        schedule: as chosen; None for the one asked for.
        horizons: budget of "step"s and "epoch"s.
    """
    return settle(
        optimizer,
        asked["learning_rate"],
        schedule=asked["schedule"] if schedule is None else schedule,
        clip_norm=asked["clip_norm"],
        clip_value=asked["clip_value"],
        horizons=horizons,
        **asked["hyper"],
    )


def check_epochs(epochs: Any) -> None:
    """Refuse a number of passes that is none.

    Raises:
        UsageError: such a number.

    >>> check_epochs(0)
    Traceback (most recent call last):
    ...
    steepest.core.errors.UsageError: epochs=0: must be a whole number >= 1.
    """
    if epochs is not None and not (is_whole(epochs) and epochs >= 1):
        raise UsageError(f"epochs={epochs!r}: must be a whole number >= 1.")


def penalties_of(asked: dict[str, Any]) -> dict[str, float]:
    """The weights of l1 and l2 that are above 0, by name; not an l2 left to us.

    Raises:
        UsageError: a weight that is negative or not finite.

    >>> penalties_of({"l1": 0.0, "l2": 0.5})
    {'l2': 0.5}
    """
    found = {}
    for name in ("l1", "l2"):
        weight = asked[name]
        if name == "l2" and isinstance(asked[name], str) and asked[name] == "auto":
            continue
        if not is_number(weight) or not 0 <= weight < float("inf"):
            raise UsageError(f"{name}={weight!r}: must be >= 0 and finite.")
        if weight > 0:
            found[name] = float(weight)
    return found


def check_batches(gtol: float | None, rule: Rule, blocks: Blocks) -> None:
    """Refuse what only a full batch can give.

    Args:
        gtol: as the user gave it.
        rule: of the steps.
        blocks: the rows in batches.

    Raises:
        UsageError: such a thing.
    """
    if blocks.full:
        return
    if rule.optimizer.full_gradient:
        raise UsageError(
            f"optimizer={rule.optimizer.name!r}: compares successive gradients, which "
            "batches blur; use batch_size='full', or adam."
        )
    if gtol is not None:
        raise UsageError(
            f"gtol={gtol:g}: the gradient of a batch is noisy and proves nothing; "
            "use batch_size='full', or patience with validation rows."
        )


def check_fits(blocks: Blocks) -> None:
    """Refuse to hold all rows of a large file on the device at once.

    Args:
        blocks: of the rows.

    Raises:
        UsageError: a full batch of more than FULL_BYTES.
    """
    size = sum(array.nbytes for array in blocks.arrays)
    if blocks.full and size > FULL_BYTES and any(map(is_mapped, blocks.arrays)):
        raise UsageError(
            "batch_size='full': this model needs all rows in memory for that, and they "
            "are streamed. Name a number of rows, or set stream=False."
        )
