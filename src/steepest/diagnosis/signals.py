"""Signals: how much the weights of a network could do to its loss, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.diagnosis.case import Case
from steepest.records.stop import Stop

STUCK = 0.1
"""A run that took off less than this share of the loss of the best constant prediction
has learned next to nothing."""
LITTLE, CLEAR = 0.02, 0.4
"""A metric speaks against a loss that fell by less than the first share only where it
is above the baseline by the second share of what it could be."""
FAINT = 1e-3
"""A reach below it: no step on the layer changes the loss."""
END = 0.2
"""The last rows, whose mean is the loss at the end: batches' losses are skewed."""
EARLY = 0.25
"""The first of the steps that were looked at."""
FIRST = 10
"""Rows whose mean is the loss before training, where no constant's is known."""
Array = np.ndarray[Any, Any]


class Signals(NamedTuple):
    """|gradient| |weights| / loss of each weight matrix: its reach.

    The share of the loss that a change of the matrix by its own size would bring, were
    the slope to hold. In networks that learn it is 0.01 to 10 in every layer.
    """

    names: tuple[str, ...]
    first: Array
    """(L,) before the first step."""
    early: Array
    """(L,) median over the first quarter of the steps looked at."""
    late: Array
    """(L,) median over the second half."""
    most: float
    """The largest of all layers and steps."""
    update: float
    """The largest step of a matrix, in units of the matrix."""
    learned: float
    """Share of the loss of the best constant prediction that training took off."""
    highest: float
    """The highest loss of a row, in units of it."""

    @property
    def factor(self) -> float:
        """What the reach is multiplied by from one layer to the layer before it."""
        ends = np.maximum(self.early[[0, -1]], 1e-300)
        return float((ends[0] / ends[1]) ** (1 / max(1, len(self.early) - 1)))


def signals_of(case: Case) -> Signals | None:
    """The signals of a fit's network; None where no layers were recorded.

    Args:
        case: of a fit.
    """
    layers = case.trace.layers
    if layers is None or not case.on_table or not len(layers.step):
        return None
    # the last row is at the returned params, which may be those of an early epoch
    value = np.asarray(case.trace.value, float)[:-1]
    seen = value[np.isfinite(value)]
    if not len(seen):
        return None
    base = case.constant
    if base is None or not base > 0:
        base = float(np.abs(seen[:FIRST]).mean())
    if not base > 0:
        return None
    # a penalty pulls on weights that no row reaches: its share is not counted
    l2 = float((case.settings.get("penalty") or {}).get("l2") or 0.0)
    slope = np.abs(layers.grad_norm - l2 * layers.param_norm)
    reach = slope * layers.param_norm / base
    known = np.where(np.isfinite(reach), reach, np.inf)
    n = len(known)
    steps = layers.update_ratio
    steps = steps[np.isfinite(steps)]
    end = seen[-max(1, int(END * len(seen))) :]
    return Signals(
        layers.names,
        known[0],
        np.median(known[: max(1, int(EARLY * n))], axis=0),
        np.median(known[n // 2 :], axis=0),
        float(known.max()),
        float(steps.max()) if len(steps) else 0.0,
        1 - float(end.mean()) / base,
        float(np.abs(value[~np.isnan(value)]).max()) / base,
    )


def has_failed(case: Case) -> bool:
    """Whether a run blew up.

    Args:
        case: of a run.
    """
    return case.stop is not None and case.stop.failed


def is_stuck(case: Case, signals: Signals) -> bool:
    """Whether a run failed, or learned next to nothing.

    Args:
        case: of a fit.
        signals: of it.
    """
    if case.stop is Stop.INTERRUPTED:
        return False
    worse = signals.learned < -STUCK
    return (
        has_failed(case)
        or worse
        or (signals.learned < STUCK and not _beats(case, signals.learned))
    )


def _beats(case: Case, learned: float) -> bool:
    """Whether a metric tells that the model is clearly better than the baseline.

    Ranks of a hundred rows may do so by chance, where the loss never fell.
    """
    if case.metric is None or not np.isfinite(case.metric).all():
        return False
    ours, baseline = case.metric
    least = CLEAR * (1 - baseline) if learned < LITTLE else STUCK
    return ours > baseline + least


def asked_rate(case: Case) -> float | None:
    """The learning rate that was asked for; None where the rule was left open.

    Args:
        case: of a fit.
    """
    if "optimizer" in (case.settings.get("chosen") or {}):
        return None
    return case.settings.get("learning_rate")


def changed(case: Case, **options: Any) -> dict[str, Any]:
    """The remedy of a changed network; {} where the model is not told as plain data.

    Args:
        case: its settings hold the model.
        options: of MLP, as they should be.

    >>> from steepest.records import Trace
    >>> from steepest.records.row import empty
    >>> net = {"model": {"kind": "mlp", "hidden": [8], "activation": "tanh"}}
    >>> changed(Case(Trace(empty()), None, net), activation="relu")["model"]
    {'kind': 'mlp', 'hidden': [8], 'activation': 'relu'}
    """
    model = case.settings.get("model")
    if not isinstance(model, dict) or model.get("kind") != "mlp":
        return {}
    return {"model": {**model, **options}}


def option(case: Case, name: str, default: Any = None) -> Any:
    """An option of the network, as far as it is told.

    Args:
        case: its settings hold the model.
        name: of the option.
        default: where it is not told.
    """
    model = case.settings.get("model")
    return model.get(name, default) if isinstance(model, dict) else default


def thickest(shares: Sequence[float], most: float) -> int | None:
    """The hidden layer of which the largest share fell out, where that is too much.

    Args:
        shares: of the units of each hidden layer.
        most: the share from which a layer lets next to nothing pass.

    >>> thickest((0.1, 0.95), 0.9), thickest((0.1,), 0.9)
    (1, None)
    """
    layer = max(range(len(shares)), key=lambda i: shares[i], default=None)
    return layer if layer is not None and shares[layer] >= most else None
