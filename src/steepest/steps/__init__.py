"""How a step is made: optimizers, schedules, clipping. Pure functions of numbers."""

from steepest.steps.optimizers import (
    LINEAR_OPTIMIZERS,
    OPTIMIZERS,
    Optimizer,
    get_optimizer,
)
from steepest.steps.rule import Rule, settle
from steepest.steps.schedules import SCHEDULES, Schedule, get_schedule

__all__ = [
    "LINEAR_OPTIMIZERS",
    "OPTIMIZERS",
    "SCHEDULES",
    "Optimizer",
    "Rule",
    "Schedule",
    "get_optimizer",
    "get_schedule",
    "settle",
]
