"""What a fit was asked, what it inferred and chose, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.api.fit_plan import STOPPING, Plan
from steepest.api.own_losses import KERNEL, TRACED, is_own, kernel_of
from steepest.descent.kernels.plan import RULES


def settings_of(fitting: Any, plan: Plan, asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, inferred and chosen.

    Args:
        fitting: a Fitting.
        plan: what was chosen.
        asked: the options of `fit`.
    """
    weights = asked["sample_weight"]
    return {
        **_data_settings(fitting, plan, asked["validation"]),
        **_rule_settings(fitting, plan),
        "model": fitting.model.to_json(),
        "penalty": fitting.numbers["objective"],
        "hash_bits": asked["hash_bits"],
        "missing": asked["missing"],
        "class_weight": _plain(asked["class_weight"]),
        "sample_weight": weights if isinstance(weights, str) else weights is not None,
        **{name: asked[name] for name in STOPPING},
        "seed": asked["seed"],
        "precision": "float32",
    }


def _data_settings(fitting: Any, plan: Plan, validation: Any) -> dict[str, Any]:
    table, blocks = fitting.table, fitting.blocks
    held = table.validation
    return {
        "target": table.target.name,
        "task": table.target.task,
        "task_reason": table.target.reason,
        "rows": {
            "train": blocks.n_rows,
            "validation": 0 if held is None else len(held.target),
            "target_missing": table.target.missing,
            "incomplete": table.dropped,
        },
        "columns": table.features.width,
        "notes": list(table.features.notes),
        "validation_share": validation if isinstance(validation, int | float) else None,
        "restores": not fitting.measures,
        "batch_size": blocks.batch_size,
        "first": None if plan.first is None else str(plan.first),
        "epochs": plan.epochs,
        "chosen": plan.chosen,
        "loss": str(table.loss),
        "loss_taken_as": _taken_as(fitting),
        "average": fitting.average,
    }


def _taken_as(fitting: Any) -> str | None:
    """How a loss of the user's own was used; None for any other."""
    loss, rule = fitting.table.loss, fitting.rule
    if not is_own(loss):
        return None
    kernels = fitting.blocks.full or rule.optimizer.name in RULES
    return KERNEL if kernels and kernel_of(loss) is not None else TRACED


def _rule_settings(fitting: Any, plan: Plan) -> dict[str, Any]:
    rule, numbers = fitting.rule, fitting.numbers
    own = rule.optimizer.learning_rate is None or rule.rate_of is not None
    return {
        "optimizer": rule.optimizer.name,
        "learning_rate": None if own else numbers["learning_rate"],
        "schedule": None if plan.schedule is None else str(plan.schedule),
        **numbers["hyper"],
        **numbers["clips"],
    }


def _plain(class_weight: Any) -> Any:
    if isinstance(class_weight, Mapping):
        return {str(label): float(weight) for label, weight in class_weight.items()}
    return class_weight
