"""What only the kernels of linear models do: normalized steps, and averages."""

from __future__ import annotations

from typing import Any

from steepest.api.own_losses import check_traced, is_own
from steepest.core.errors import UsageError
from steepest.descent.kernels.plan import RULES
from steepest.problems.models import Linear
from steepest.steps import LINEAR_OPTIMIZERS, Rule

AVERAGES = ", ".join(RULES)


def rule_for(optimizer: Any, model: Any) -> Any:
    """The optimizer as asked for, or its entry where linear models alone have it.

    Args:
        optimizer: as the user gave it.
        model: what is fitted.

    >>> rule_for("normalized", Linear()).learning_rate
    0.5
    """
    if isinstance(optimizer, str) and isinstance(model, Linear):
        return LINEAR_OPTIMIZERS.get(optimizer, optimizer)
    return optimizer


def check_average(
    average: Any, model: Any, optimizer: Any, batch_size: Any, learning_rate: Any
) -> None:
    """Refuse averages where there is no noise to average, or nobody does it.

    Args:
        average: as the user gave it.
        model: what is fitted.
        optimizer: its name, entry, or "auto".
        batch_size: as the user gave it.
        learning_rate: likewise.

    Raises:
        UsageError: averages that cannot be.
    """
    if not isinstance(average, bool):
        raise UsageError(f"average={average!r}: must be True or False.")
    if not average:
        return
    if not isinstance(model, Linear):
        raise UsageError(
            "average=True: is for linear models. For others use "
            "optimizer='schedule_free', which averages on its way."
        )
    name = getattr(optimizer, "name", optimizer)
    if name not in ("auto", *RULES) or isinstance(learning_rate, str):
        told = f"learning_rate={learning_rate!r}" if name in RULES else repr(name)
        raise UsageError(
            f"average=True with {told}: averages the noise of steps on batches, as "
            f"{AVERAGES} make them. Name one of these, or leave average out."
        )
    if batch_size == "full":
        raise UsageError(
            "average=True with batch_size='full': all rows make no noise that could "
            "be averaged away. Give a number of rows, or leave average out."
        )


def check_jax(rule: Rule, numbers: dict[str, Any], loss: Any, *, average: bool) -> None:
    """Refuse what kernels would do, where they do not make the steps of this fit.

    Args:
        rule: of the steps.
        numbers: the rule's.
        loss: of the fit.
        average: whether averages were asked for.

    Raises:
        UsageError: such a thing.
    """
    name = rule.optimizer.name
    if average or name in LINEAR_OPTIMIZERS:
        what = "average=True" if average else f"optimizer={name!r}"
        clips = numbers["clips"]
        why = f"{next(iter(clips))} is" if clips else f"loss {loss} is"
        need = "leave it out" if clips else "write the loss for two plain numbers"
        raise UsageError(f"{what}: {why} not in the kernels that do it; {need}.")
    if is_own(loss) and loss.fn.kernel is not None:
        check_traced(loss)
