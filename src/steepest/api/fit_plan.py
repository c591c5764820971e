"""What a fit leaves open, chosen: the rule, the batches, the epochs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.api import linear_choice as choice
from steepest.api.own_losses import is_own
from steepest.api.table_data import TableData
from steepest.data.blocks import batch_rows
from steepest.problems.losses import Loss
from steepest.problems.models import MLP, Linear, Model, ModuleModel
from steepest.records import Stopping
from steepest.steps import LINEAR_OPTIMIZERS

AUTO_OPTIMIZER, AUTO_SCHEDULE = "adam", "cosine"
AVERAGED_OPTIMIZER = "adagrad"
AUTO_PASSES = 1000
"""Linear models with a convex loss go to the optimum, in so many passes at most."""
AUTO_GTOL, AUTO_FTOL = 1e-6, 1e-10
AUTO_STEPS, AUTO_ROWS = 4000, 256
"""Updates that the default number of epochs aims at, and rows of a batch at most."""
AUTO_EPOCHS = 1000
"""Epochs at most."""
NETWORK_STEPS, NETWORK_ROWS, NETWORK_EPOCHS = 8000, 64, 100
"""The same for networks: many small steps come to rest where rows unseen fare better,
and cost no more than few large ones; on small tables the best epoch comes early."""
STOPPING = ("gtol", "patience", "max_steps", "max_seconds")


class Plan(NamedTuple):
    """What was asked, with every "auto" replaced by a choice."""

    optimizer: Any
    schedule: Any
    batch_size: int | str
    epochs: int
    chosen: dict[str, str]
    """Each choice that was made, and why."""
    first: choice.First | choice.Sample | None = None
    """What comes before."""
    to_optimum: bool = False
    """Whether it goes to the one optimum there is."""
    l2: float = 0.0
    """Strength that was chosen for a network; a linear model's is found by its rows."""


def plan_of(
    asked: dict[str, Any], model: Model, table: TableData, n_outputs: int
) -> Plan:
    """Choose what was left open; a user who names the step keeps it plain.

    Args:
        asked: the options of `fit`.
        model: what is fitted.
        table: what to.
        n_outputs: of the model.
    """
    n_rows = len(table.train.target)
    if _goes_to_optimum(asked, model, table.loss):
        numbers = (table.features.width + 1) * n_outputs
        return _to_optimum(asked, table.loss, n_rows, numbers)
    optimizer, schedule = asked["optimizer"], asked["schedule"]
    batch_size, epochs = asked["batch_size"], asked["epochs"]
    steps, rows, most = AUTO_STEPS, AUTO_ROWS, AUTO_EPOCHS
    if not isinstance(model, Linear):
        steps, rows, most = NETWORK_STEPS, NETWORK_ROWS, NETWORK_EPOCHS
    chosen = {}
    by_rows = getattr(optimizer, "name", None) in LINEAR_OPTIMIZERS
    if batch_size == "auto" and by_rows:
        batch_size, chosen["batch_size"] = 1, f"{optimizer.name} goes row by row"
    if batch_size == "auto":
        batch_size = int(np.clip(2 ** round(np.log2(max(n_rows / 50, 1))), 16, rows))
        batch_size = min(batch_size, n_rows)
        chosen["batch_size"] = f"a fiftieth of the rows, from 16 to {rows}"
    if epochs is None:
        size = batch_rows(batch_size, n_rows)
        epochs = int(np.clip(steps * size // n_rows, 10, most))
        chosen["epochs"] = f"about {steps} updates, from 10 to {most} epochs"
    if isinstance(optimizer, str) and optimizer == "auto" and asked["average"]:
        optimizer = AVERAGED_OPTIMIZER
        chosen["optimizer"] = "adagrad at one rate: averaging takes the noise away"
    if isinstance(optimizer, str) and optimizer == "auto":
        optimizer = AUTO_OPTIMIZER
        chosen["optimizer"] = "adam brings columns of any scale along"
        if schedule is None and asked["learning_rate"] is None:
            schedule = AUTO_SCHEDULE
            chosen["schedule"] = "cosine lets the noise of batches fade to nothing"
    l2 = 1 / n_rows if _takes_l2(asked, model, table.loss) else 0.0
    if l2:
        chosen["l2"] = "1 / rows: what one row is worth"
    return Plan(optimizer, schedule, batch_size, epochs, chosen, l2=l2)


def _takes_l2(asked: dict[str, Any], model: Model, loss: Any) -> bool:
    """Whether a network's weights are held back where its user named no number.

    l2 = 1 / n makes the optimum the likeliest weights where, before any row was seen,
    each was normal with deviation 1 (MacKay 1992, Neural Comput. 4:448).
    """
    named = [asked[name] for name in ("learning_rate", "schedule", "clip_norm")]
    named += [asked["clip_value"], asked["hyper"] or None, asked["l1"] or None]
    free = asked["optimizer"] == "auto" and asked["l2"] == "auto"
    network = isinstance(model, MLP | ModuleModel) and not loss.embeds
    return free and network and all(name is None for name in named)


def _goes_to_optimum(asked: dict[str, Any], model: Model, loss: Any) -> bool:
    """Whether nothing was named, and there is one optimum to go to."""
    named = [asked[name] for name in ("learning_rate", "schedule", "clip_norm")]
    named += [asked["clip_value"], asked["hyper"] or None, asked["average"] or None]
    free = asked["optimizer"] == "auto" and asked["batch_size"] == "auto"
    able = choice.has_kernel(model, loss) and loss.convex
    if is_own(loss):  # parted coefficients, for l1, are the kernels' alone
        held = choice.has_kernel(model, loss) or not asked["l1"]
        able = isinstance(model, Linear) and held
    return free and able and all(name is None for name in named)


def _to_optimum(asked: dict[str, Any], loss: Loss, n_rows: int, numbers: int) -> Plan:
    """What brings the params near where it pays, then steps on all rows."""
    l1 = asked["l1"]
    case = choice.Case(loss, l1, n_rows, numbers)
    rule, first = case.rule, case.first(standardize=asked["standardize"])
    known = "is convex" if loss.convex else "is of a linear model"
    chosen = {"optimizer": f"the loss {known}: {rule} on all rows goes to an optimum"}
    if rule == choice.CURVED:
        chosen["curvature"] = "from a sample of the rows: then a few passes are enough"
    if case.kinked:
        chosen["kinks"] = "rounded off, ever less, as no slope is small at a kink"
    if first is not None:
        chosen["first"] = f"{first} is worth several passes over all rows"
    epochs = asked["epochs"] or AUTO_PASSES
    return Plan(rule, None, "full", epochs, chosen, first, to_optimum=True)


def stopping_of(asked: dict[str, Any], plan: Plan) -> Stopping:
    """Budgets and tolerances; what goes to an optimum ends there.

    Args:
        asked: the options of `fit`.
        plan: what was chosen.
    """
    given = {name: asked[name] for name in STOPPING}
    if plan.to_optimum:
        given |= {"gtol": asked["gtol"] or AUTO_GTOL, "ftol": AUTO_FTOL}
    return Stopping(**given, max_epochs=plan.epochs)
