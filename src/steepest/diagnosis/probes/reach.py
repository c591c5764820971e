"""How low the loss of a linear model could be, on a sample of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logsumexp, softmax, xlogy

Array = np.ndarray[Any, Any]
NEWTON, SHORTEST, ENOUGH = 12, 1e-3, 1e-6
"""Steps at most, the shortest that is tried, and the gain that ends them."""
ROWS_A_PARAM, MOST_PARAMS = 8, 150
"""Rows that it takes for each param, and params at most."""
RIDGE = 1e-9


class Reach(NamedTuple):
    """Losses on one sample of the training rows, without penalty."""

    start: float
    """of the best constant prediction"""
    now: float
    """of the returned params"""
    least: float
    """that params fitted to all rows can be expected to have on others"""

    @property
    def share(self) -> float:
        """What the fit lacks, as a share of the way from the start to the least."""
        whole = self.start - self.least
        return max(0.0, self.now - self.least) / whole if whole > 0 else 0.0


class Bowl(NamedTuple):
    """A smooth convex loss of raw predictions: (m, k) and (m,) targets."""

    value: Callable[[Array, Array], Array]
    """(m,) losses"""
    slope: Callable[[Array, Array], Array]
    """(m, k)"""
    bend: Callable[[Array, Array], Array]
    """(m, k, k)"""


def _diagonal(numbers: Array) -> Array:
    return numbers[:, None, None]


def _own(raw: Array, y: Array) -> Array:
    return raw[np.arange(len(y)), y.astype(int)]


def _squared_bend(raw: Array, y: Array) -> Array:
    del y
    return _diagonal(np.full(len(raw), 2.0))


def _log_bend(raw: Array, y: Array) -> Array:
    del y
    return _diagonal(expit(raw[:, 0]) * expit(-raw[:, 0]))


def _poisson_bend(raw: Array, y: Array) -> Array:
    del y
    return _diagonal(_mean(raw))


def _softmax_bend(raw: Array, y: Array) -> Array:
    del y
    p = softmax(raw, axis=1)
    return p[:, :, None] * (np.eye(raw.shape[1]) - p[:, None, :])


def _indicators(raw: Array, y: Array) -> Array:
    return np.eye(raw.shape[1])[y.astype(int)]


def _mean(raw: Array) -> Array:
    return np.exp(np.minimum(raw[:, 0], 30.0))


LOSSES: Mapping[str, Bowl] = MappingProxyType(
    {
        "squared": Bowl(
            lambda raw, y: (raw[:, 0] - y) ** 2,
            lambda raw, y: 2 * (raw[:, :1] - y[:, None]),
            _squared_bend,
        ),
        "log": Bowl(
            lambda raw, y: np.logaddexp(0.0, (1 - 2 * y) * raw[:, 0]),
            lambda raw, y: expit(raw[:, :1]) - y[:, None],
            _log_bend,
        ),
        "cross_entropy": Bowl(
            lambda raw, y: logsumexp(raw, axis=1) - _own(raw, y),
            lambda raw, y: softmax(raw, axis=1) - _indicators(raw, y),
            _softmax_bend,
        ),
        "poisson": Bowl(
            lambda raw, y: _mean(raw) - y - y * raw[:, 0] + xlogy(y, y),
            lambda raw, y: (_mean(raw) - y)[:, None],
            _poisson_bend,
        ),
    }
)
"""By name, as `problems.losses` defines them."""


def reach_of(
    x: Any,
    y: Any,
    weight: Any,
    params: Mapping[str, Any],
    loss: str,
) -> Reach | None:
    """What a linear model is short of: Newton's method on a sample tells.

    Args:
        x: (m, d) rows as the model reads them.
        y: (m,) their targets.
        weight: (m,) their weights.
        params: {"weight": (d, k), "bias": (k,)} of the model.
        loss: a name; None is returned for those not in LOSSES.

    Returns:
        None also where rows are too few to tell, and without a bias.

    >>> x = np.arange(40.0)[:, None] / 40
    >>> zero = {"weight": np.zeros((1, 1)), "bias": np.zeros(1)}
    >>> found = reach_of(x, x[:, 0], np.ones(40), zero, "squared")
    >>> round(found.start, 3), round(found.now, 3), round(found.least, 3)
    (0.083, 0.321, 0.0)
    """
    bowl, m = LOSSES.get(loss), len(y)
    x, weight = np.asarray(x, float), np.asarray(weight, float)
    if bowl is None or "bias" not in params or not weight.sum() > 0:
        return None
    slopes = np.asarray(params["weight"], float)
    count = slopes.size + slopes.shape[1]
    if count > MOST_PARAMS or m < ROWS_A_PARAM * count:
        return None
    share, y = weight / weight.sum(), np.asarray(y, float)
    ones = np.ones((m, 1))
    here = np.vstack([np.asarray(params["bias"], float)[None], slopes])
    full = np.hstack([ones, _scaled(x)])
    raw = ones @ here[:1] + x @ here[1:]
    now = float(share @ bowl.value(raw, y))
    if not np.isfinite(now):
        return None
    start = _newton(bowl, ones, y, share, slopes.shape[1])
    least = _newton(bowl, full, y, share, slopes.shape[1])
    # what is fitted to rows looks better on them: by a half of this, and is worse on
    # others by the other half (Akaike 1974, IEEE Trans. Autom. Control 19:716)
    optimism = (2 * least if loss == "squared" else 1.0) * count / m
    return Reach(start, now, least + optimism)


def constant_loss(y: Any, weight: Any, loss: str, n_outputs: int) -> float | None:
    """The mean loss of the best constant prediction; None for losses not in LOSSES.

    Args:
        y: (m,) targets.
        weight: (m,) weights of the rows.
        loss: a name.
        n_outputs: 1, or one a class.

    >>> round(constant_loss([0, 0, 1, 1], [1, 1, 1, 1], "log", 1), 6)
    0.693147
    """
    bowl, weight = LOSSES.get(loss), np.asarray(weight, float)
    if bowl is None or not weight.sum() > 0:
        return None
    y, share = np.asarray(y, float), weight / weight.sum()
    return _newton(bowl, np.ones((len(y), 1)), y, share, n_outputs)


def _scaled(x: Array) -> Array:
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _newton(bowl: Bowl, x: Array, y: Array, share: Array, k: int) -> float:
    """The least mean loss of x @ w over w."""
    w = np.zeros((x.shape[1], k))
    value = float(share @ bowl.value(x @ w, y))
    for _ in range(NEWTON):
        raw = x @ w
        slope = (x.T @ (share[:, None] * bowl.slope(raw, y))).ravel()
        bend = _bend(x, share[:, None, None] * bowl.bend(raw, y))
        ridge = RIDGE * (1 + np.trace(bend)) * np.eye(len(slope))
        step = np.linalg.solve(bend + ridge, slope).reshape(w.shape)
        length, before = 1.0, value
        while length >= SHORTEST:
            tried = float(share @ bowl.value(x @ (w - length * step), y))
            if tried <= value:
                w, value = w - length * step, tried
                break
            length /= 2
        if not before - value > ENOUGH * before:
            break
    return value


def _bend(x: Array, bend: Array) -> Array:
    """The Hessian by w, of (m, k, k) by raw predictions."""
    d, k = x.shape[1], bend.shape[1]
    found = np.empty((d, k, d, k))
    for i in range(k):
        for j in range(i, k):
            found[:, i, :, j] = found[:, j, :, i] = x.T @ (bend[:, i, j, None] * x)
    return found.reshape(d * k, d * k)
