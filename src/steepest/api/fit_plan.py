"""What a fit leaves open, chosen: the rule, the batches, the epochs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.api import linear_legs as legs
from steepest.api.table_data import TableData
from steepest.data.blocks import batch_rows
from steepest.problems.models import Model
from steepest.records import Stopping

AUTO_OPTIMIZER, AUTO_SCHEDULE = "adam", "cosine"
AUTO_PASSES = 100
"""Linear models with a convex loss go to the optimum, in so many passes at most."""
AUTO_GTOL, AUTO_FTOL = 1e-6, 1e-10
AUTO_STEPS = 4000
"""Updates that the default number of epochs aims at, on a small table."""
STOPPING = ("gtol", "patience", "max_steps", "max_seconds")


class Plan(NamedTuple):
    """What was asked, with every "auto" replaced by a choice."""

    optimizer: Any
    schedule: Any
    batch_size: int | str
    epochs: int
    chosen: dict[str, str]
    """Each choice that was made, and why."""
    first: legs.First | None = None
    """A pass on batches that comes before."""


def plan_of(asked: dict[str, Any], model: Model, table: TableData) -> Plan:
    """Choose what was left open; a user who names the step keeps it plain.

    Args:
        asked: the options of `fit`.
        model: what is fitted.
        table: what to.
    """
    n_rows = len(table.train.target)
    if _goes_to_optimum(asked, model, table.loss):
        return _to_optimum(asked, n_rows)
    optimizer, schedule = asked["optimizer"], asked["schedule"]
    batch_size, epochs = asked["batch_size"], asked["epochs"]
    chosen = {}
    if batch_size == "auto":
        batch_size = int(np.clip(2 ** round(np.log2(max(n_rows / 50, 1))), 16, 256))
        chosen["batch_size"] = "a fiftieth of the rows, from 16 to 256"
    if epochs is None:
        size = batch_rows(batch_size, n_rows)
        epochs = int(np.clip(AUTO_STEPS * size // n_rows, 10, 1000))
        chosen["epochs"] = f"about {AUTO_STEPS} updates, from 10 to 1000 epochs"
    if isinstance(optimizer, str) and optimizer == "auto":
        optimizer = AUTO_OPTIMIZER
        chosen["optimizer"] = "adam brings columns of any scale along"
        if schedule is None and asked["learning_rate"] is None:
            schedule = AUTO_SCHEDULE
            chosen["schedule"] = "cosine lets the noise of batches fade to nothing"
    return Plan(optimizer, schedule, batch_size, epochs, chosen)


def _goes_to_optimum(asked: dict[str, Any], model: Model, loss: Any) -> bool:
    """Whether nothing was named, and there is one optimum to go to."""
    named = [asked[name] for name in ("learning_rate", "schedule", "clip_norm")]
    named += [asked["clip_value"], asked["hyper"] or None]
    free = asked["optimizer"] == "auto" and asked["batch_size"] == "auto"
    smooth = legs.has_kernel(model, loss) and loss.convex and not asked["l1"]
    return free and smooth and all(name is None for name in named)


def _to_optimum(asked: dict[str, Any], n_rows: int) -> Plan:
    """A pass row by row where it pays, then L-BFGS on all rows."""
    chosen = {"optimizer": "the loss is convex: lbfgs on all rows goes to its optimum"}
    first = None
    if n_rows >= legs.PASS_ROWS:
        first = legs.SCALED if asked["standardize"] else legs.RAW
        chosen["first"] = f"a pass of {first.rule} on batches is worth several of lbfgs"
    epochs = asked["epochs"] or AUTO_PASSES
    return Plan(legs.POLISH, None, "full", epochs, chosen, first)


def stopping_of(asked: dict[str, Any], plan: Plan) -> Stopping:
    """Budgets and tolerances; what goes to an optimum ends there.

    Args:
        asked: the options of `fit`.
        plan: what was chosen.
    """
    given = {name: asked[name] for name in STOPPING}
    if plan.optimizer == legs.POLISH and "optimizer" in plan.chosen:
        given |= {"gtol": asked["gtol"] or AUTO_GTOL, "ftol": AUTO_FTOL}
    return Stopping(**given, max_epochs=plan.epochs)
