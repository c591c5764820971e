"""Losses: one table, one argument order `loss(prediction, target)`, one value a row."""

from steepest.problems.losses.base import TASKS, Loss, Parameter, Rule
from steepest.problems.losses.lookup import default_loss, get_loss
from steepest.problems.losses.table import LOSSES

__all__ = [
    "LOSSES",
    "TASKS",
    "Loss",
    "Parameter",
    "Rule",
    "default_loss",
    "get_loss",
]
