"""What a kernel is told, what it changes and what it returns. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.core.errors import UsageError
from steepest.core.numbers import is_number, is_whole
from steepest.core.suggest import did_you_mean

Array = np.ndarray[Any, Any]

# Regression first, then losses that depend on a margin: kernels ask `code >= LOG`.
SQUARED, ABSOLUTE, HUBER, QUANTILE, POISSON = 0, 1, 2, 3, 4
LOG, HINGE, SQUARED_HINGE, FOCAL, CROSS_ENTROPY = 5, 6, 7, 8, 9
LOSSES = {
    "squared": SQUARED,
    "absolute": ABSOLUTE,
    "huber": HUBER,
    "quantile": QUANTILE,
    "poisson": POISSON,
    "log": LOG,
    "hinge": HINGE,
    "squared_hinge": SQUARED_HINGE,
    "focal": FOCAL,
    "cross_entropy": CROSS_ENTROPY,
}
OF_CLASSES = ("focal", "cross_entropy")
"""Losses that take more than one output."""
GD, MOMENTUM, ADAGRAD, ADAM, NORMALIZED = 0, 1, 2, 3, 4
RULES = {
    "gd": GD,
    "momentum": MOMENTUM,
    "adagrad": ADAGRAD,
    "adam": ADAM,
    "normalized": NORMALIZED,
}
NEVER = math.inf

# Places of a plan's numbers in the array that kernels read.
LOSS, PARAMETER, RULE, BATCH, BIAS, L1, L2, DECAY, B2, EPS, AVERAGE = range(11)
# Places in Memory.numbers.
STEPS, SCALE, DUE, SCALES, AVERAGED, WEIGHTS, NORMS = range(7)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a kernel must know of a run but its learning rates.

    The objective of a batch is sum(w * loss(p, y)) / sum(w) + l1 |weight|_1
    + l2 / 2 |weight|^2 with p = x @ weight + bias; the bias is not penalised.

    Args:
        loss: a name of LOSSES, or an `OwnLoss`.
        parameter: the loss's number: delta of huber, q of quantile, gamma of focal.
        rule: a name of RULES.
        batch_size: rows a step, >= 1; `normalized` makes one update a row whatever
            it is, at the rate of the row's batch.
        bias: whether the bias is fitted.
        l1: >= 0. gd: cumulative penalty; other rules: proximal step.
        l2: >= 0.
        momentum: decay of the velocity, in [0, 1).
        b1: decay of adam's mean gradient, in [0, 1).
        b2: decay of adam's mean square, in [0, 1).
        eps: added below the fraction; None for 1e-10 in adagrad and 1e-8 in adam.
        average_from: from which step on the points are averaged (step 0 is the
            first); None for never.

    Raises:
        UsageError: an unknown name, or a number outside its range.

    >>> Plan(loss="huber", parameter=2.0, l2=1e-4).numbers()[:3].tolist()
    [2.0, 2.0, 0.0]
    """

    loss: Any = "squared"
    parameter: float = 1.0
    rule: str = "gd"
    batch_size: int = 1
    bias: bool = True
    l1: float = 0.0
    l2: float = 0.0
    momentum: float = 0.9
    b1: float = 0.9
    b2: float = 0.999
    eps: float | None = None
    average_from: int | None = None

    def __post_init__(self) -> None:
        for name, table in (("loss", LOSSES), ("rule", RULES)):
            value = getattr(self, name)
            if isinstance(value, str) and value not in table:
                near = did_you_mean(value, table)
                raise UsageError(f"{name}={value!r}: no kernel has it. {near}")
        if not (is_whole(self.batch_size) and self.batch_size >= 1):
            need = "must be a whole number >= 1"
            raise UsageError(f"batch_size={self.batch_size!r}: {need}.")
        if self.average_from is not None and not self.average_from >= 0:
            raise UsageError(f"average_from={self.average_from}: must be >= 0 or None.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ("parameter", "l1", "l2"):
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value < math.inf):
                raise UsageError(f"{name}={value}: must be a finite number >= 0.")
        for name in ("momentum", "b1", "b2"):
            if not 0 <= getattr(self, name) < 1:
                value = getattr(self, name)
                raise UsageError(f"{name}={value}: must be a number in [0, 1).")
        if self.rule == "normalized" and (self.l1 or self.l2):
            raise UsageError(
                f"l1={self.l1}, l2={self.l2}: normalized steps have no penalty, as "
                "columns differ in unit. Leave them 0, or choose another rule."
            )

    @property
    def own(self) -> bool:
        """Whether the loss is the user's."""
        return not isinstance(self.loss, str)

    def numbers(self) -> Array:
        """The plan as kernels read it."""
        eps = 1e-10 if self.rule == "adagrad" else 1e-8
        average = NEVER if self.average_from is None else self.average_from
        return np.array(
            [
                -1 if self.own else LOSSES[self.loss],
                self.parameter,
                RULES[self.rule],
                self.batch_size,
                self.bias,
                self.l1,
                self.l2,
                self.momentum if self.rule == "momentum" else self.b1,
                self.b2,
                eps if self.eps is None else self.eps,
                average,
            ],
            np.float64,
        )


class Memory(NamedTuple):
    """What a rule remembers. Arrays that the plan does not need are empty."""

    first: Array
    """(k, d + 1), bias last: velocity; adam's mean; sum of squares."""
    second: Array
    """(k, d + 1): adam's mean square"""
    largest: Array
    """(d,): the largest |x| of each column (normalized)"""
    penalty: Array
    """(k, d) float64: the L1 penalty that each weight received (gd)"""
    total: Array
    """(k, d + 1) float64: sum of the averaged points, up to SCALES * weight"""
    numbers: Array
    """(7,) float64, see STEPS to NORMS"""


class Weights(NamedTuple):
    """A linear model and its rule's memory; kernels change all arrays in place.

    Sparse gd with a penalty leaves `weight` unfinished: the true weights are
    `scale * weight` less the penalty due. `coefficients` tells them.
    """

    weight: Array
    """(k, d)"""
    bias: Array
    """(k,)"""
    memory: Memory


class Tally(NamedTuple):
    """What a stretch of steps tells."""

    loss_sum: float
    """sum of w * loss, each row at the point its step started from; no penalty"""
    weight_sum: float
    finite: bool
    """whether the losses and the weights at the end are finite"""


class Csr(NamedTuple):
    """Sparse rows. They may be a stretch of more: indptr need not begin at 0."""

    data: Array
    """(nnz,) values"""
    indices: Array
    """(nnz,) int32 columns"""
    indptr: Array
    """(n + 1,) int64"""


def start(plan: Plan, k: int, d: int, dtype: Any = np.float32) -> Weights:
    """Weights at zero.

    Args:
        plan: decides what memory there is.
        k: outputs: 1, or classes.
        d: columns.
        dtype: float32 or float64.

    Raises:
        UsageError: several outputs for a loss of one, or another dtype.

    >>> start(Plan(), 1, 3).weight
    array([[0., 0., 0.]], dtype=float32)
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise UsageError(f"dtype={dtype}: must be float32 or float64.")
    check_outputs(plan, k)

    def room(needed: bool, *shape: int, dtype: Any = dtype) -> Array:
        return np.zeros(shape if needed else (0,) * len(shape), dtype)

    rule = RULES[plan.rule]
    numbers = np.zeros(NORMS + 1)
    numbers[SCALE] = 1.0
    memory = Memory(
        room(rule != GD, k, d + 1),
        room(rule == ADAM, k, d + 1),
        room(rule == NORMALIZED, d),
        room(rule == GD and plan.l1 > 0, k, d, dtype=np.float64),
        room(plan.average_from is not None, k, d + 1, dtype=np.float64),
        numbers,
    )
    return Weights(np.zeros((k, d), dtype), np.zeros(k, dtype), memory)


def check_outputs(plan: Plan, k: int) -> None:
    """Refuse outputs that the loss cannot take."""
    if plan.loss == "cross_entropy" and k < 2:
        raise UsageError(f"loss='cross_entropy' with {k} output: use loss='log'.")
    if k > 1 and plan.loss not in OF_CLASSES:
        raise UsageError(
            f"loss={plan.loss!r} with {k} outputs: takes one; use cross_entropy."
        )
    if k > 1 and plan.loss == "focal" and plan.rule == "normalized":
        raise UsageError(
            "rule='normalized' with focal loss of several classes: has no safe step. "
            "Use cross_entropy, or another rule."
        )


def coefficients(weights: Weights, *, averaged: bool = False) -> tuple[Array, Array]:
    """The true (weight (k, d), bias (k,)), as copies.

    Args:
        weights: as the kernels left them.
        averaged: the mean of the points since `average_from` instead of the last;
            the last where none was averaged yet (Polyak and Juditsky 1992).

    >>> [part.tolist() for part in coefficients(start(Plan(), 1, 2))]
    [[[0.0, 0.0]], [0.0]]
    """
    weight, bias, memory = weights
    numbers = memory.numbers
    if averaged and numbers[AVERAGED] > 0:
        total = memory.total.copy()
        total[:, :-1] += numbers[SCALES] * weight
        mean = (total / numbers[AVERAGED]).astype(weight.dtype)
        return np.ascontiguousarray(mean[:, :-1]), mean[:, -1].copy()
    true = weight * weight.dtype.type(numbers[SCALE])
    if memory.penalty.size:
        due, paid = numbers[DUE], memory.penalty
        shrunk = np.where(
            true > 0,
            np.maximum(0, true - (due + paid)),
            np.minimum(0, true + (due - paid)),
        )
        true = shrunk.astype(weight.dtype)
    return true, bias.copy()
