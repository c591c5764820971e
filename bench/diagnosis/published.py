"""Rule sets that were published, as they were published, on the same runs.

Only rules whose data a trace holds: values, norms of gradients, updates and params (of
layers, where they were recorded), the validation curve, the learning rate. Where a rule
asks for the mean of |g| over n params, |g| / sqrt(n) is taken, its upper bound: so such
a rule fires less often here than its original.

    SageMaker Debugger   built-in rules of its documentation (2019 to 2026)
    AutoTrainer          Zhang et al., ICSE 2021 (losses in place of accuracies; it
                         is silent from an accuracy of 0.6 on, where that is known)
    DeepDiagnosis        Wardat et al., ICSE 2022
    TheDeepChecker       Ben Braiek and Khomh, TOSEM 2022
    UMLAUT               Schoop et al., CHI 2021
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import steepest as sp

TINY = 1e-300


class Seen(NamedTuple):
    """What a trace holds, ready for rules."""

    value: np.ndarray
    grad: np.ndarray
    """Norm of the gradient, a row."""
    update: np.ndarray
    params: np.ndarray
    n: int
    rate: float | None
    held: np.ndarray
    """Validation loss, an epoch."""
    train: np.ndarray
    """Training loss at the same epochs."""
    layers: Any
    """(rows, L) norms of gradients, or None."""
    sizes: int


def seen(run: sp.Run) -> Seen:
    """What the rules may read of a run."""
    trace, curve = run.trace, run.trace.validation
    at = np.searchsorted(trace.step, curve.step).clip(0, len(trace) - 1)
    n = sum(np.size(leaf) for leaf in jax.tree.leaves(run.params))
    layers = getattr(trace, "layers", None)
    grads = None if layers is None else np.asarray(layers.grad_norm)
    sign = -1.0 if run.settings.get("direction") == "maximize" else 1.0
    rate = run.settings.get("learning_rate")
    return Seen(
        sign * np.asarray(trace.value),
        np.asarray(trace.grad_norm),
        np.asarray(trace.update_norm),
        np.asarray(trace.param_norm),
        max(n, 1),
        rate if isinstance(rate, float | int) else None,
        np.asarray(curve.loss),
        np.asarray(trace.value)[at],
        grads if grads is not None and grads.ndim == 2 and grads.shape[1] > 1 else None,
        1 if grads is None else grads.shape[1],
    )


def _bad(x: Seen) -> bool:
    return not (np.isfinite(x.value).all() and np.isfinite(x.grad).all())


def _mean_grad(x: Seen) -> np.ndarray:
    """A bound on the mean of |g|; of the least layer where layers are known."""
    if x.layers is None:
        return x.grad / np.sqrt(x.n)
    return np.nanmin(x.layers, axis=1) / np.sqrt(x.n / x.sizes)


def _any(test: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.any(test))


def _windows(values: np.ndarray, size: int = 5) -> np.ndarray:
    """Windows of a series; the whole where it is shorter."""
    size = min(size, len(values))
    return np.lib.stride_tricks.sliding_window_view(values, size)


def _not_decreasing(x: Seen, share: float, every: int = 10) -> bool:
    """Whether some stretch of rows improved by less than a share."""
    value = x.value[::every]
    return _any(value[:-1] - value[1:] < share * np.abs(value[:-1]))


def _overfit(x: Seen) -> bool:
    if not len(x.held):
        return False
    return _any((x.held - x.train) / np.maximum(np.abs(x.train), TINY) > 0.1)


def _ratio(x: Seen) -> np.ndarray:
    with np.errstate(all="ignore"):
        return x.update / np.maximum(x.params, TINY)


def _vanish_autotrainer(x: Seen) -> bool:
    if x.layers is None:
        return False
    first, last = x.layers[:, 0], x.layers[:, -1]
    return _any((first / np.maximum(last, TINY) < 1e-3) & (first < 1e-4))


def _explode_autotrainer(x: Seen) -> bool:
    if _bad(x):
        return True
    if x.layers is None:
        return False
    return _any(x.layers[:, 0] / np.maximum(x.layers[:, -1], TINY) > 70)


def _oscillates(x: Seen) -> bool:
    """A swing of 3 % of the loss in a fifth of the epochs or more."""
    curve = x.held if len(x.held) else x.value
    swing = np.diff(curve) / np.maximum(np.abs(curve[:-1]), TINY)
    return len(swing) > 0 and float(np.mean(swing >= 0.03)) >= 0.2


def _slow(x: Seen) -> bool:
    first = x.value[0]
    return bool(first - np.nanmin(x.value) < 0.01 * abs(first))


def _vanish_checker(x: Seen) -> bool:
    mean = _mean_grad(x)
    decay = mean[5:] / np.maximum(mean[:-5], TINY) <= 0.5
    return _any((mean[5:] < 1e-6) & decay)


def _explode_checker(x: Seen) -> bool:
    mean = _mean_grad(x)
    return _bad(x) or _any((mean[5:] > 1e6) & (mean[5:] >= 2 * mean[:-5]))


def _scale_checker(x: Seen, *, low: bool) -> bool:
    with np.errstate(all="ignore"):
        scale = np.log10(_ratio(x)[:-1])
    scale = scale[np.isfinite(scale)]
    windows = _windows(scale).mean(axis=1) if len(scale) else scale
    return _any(windows < -4) if low else _any(windows > -1)


def _diverging_checker(x: Seen) -> bool:
    return _any(x.value >= 2 * np.abs(np.fmin.accumulate(x.value)))


def _fluctuates(x: Seen) -> bool:
    signs = np.diff(x.value) < 0
    if len(signs) < 50:
        return False
    return _any(_windows(signs.astype(float), 50).mean(axis=1) < 0.5)


Rule = Callable[[Seen], bool]
BIG, SMALL, VANISH = "rate too large", "rate too small", "vanishing gradients"
EXPLODE, NAN, OVERFIT, STUCK = "exploding", "not finite", "overfitting", "stuck"
SETS: dict[str, dict[str, tuple[str, Rule]]] = {
    "SageMaker Debugger": {
        "VanishingGradient": (VANISH, lambda x: _any(_mean_grad(x) < 1e-7)),
        "WeightUpdateRatio large": (BIG, lambda x: _any(_ratio(x)[:-1] > 10)),
        "WeightUpdateRatio small": (SMALL, lambda x: _any(_ratio(x)[:-1] < 1e-8)),
        "LossNotDecreasing": (STUCK, lambda x: _not_decreasing(x, 0.001)),
        "Overfit": (OVERFIT, _overfit),
        "ExplodingTensor": (NAN, _bad),
    },
    "AutoTrainer": {
        "gradient vanish": (VANISH, _vanish_autotrainer),
        "gradient explode": (EXPLODE, _explode_autotrainer),
        "oscillating loss": (BIG, _oscillates),
        "slow convergence": (SMALL, _slow),
        "loss from 1,000": (NAN, lambda x: _any(x.value[1:] >= 1e3)),
    },
    "DeepDiagnosis": {
        "vanishing": (VANISH, lambda x: _any(_mean_grad(x) < 1e-7)),
        "exploding": (EXPLODE, _bad),
        "rate above 0.1": (BIG, lambda x: x.rate is not None and x.rate > 1e-1),
        "rate below 1e-5": (SMALL, lambda x: x.rate is not None and x.rate < 1e-5),
        "loss does not fall": (STUCK, lambda x: _any(np.diff(x.value[::10]) >= 0)),
    },
    "TheDeepChecker": {
        "vanishing": (VANISH, _vanish_checker),
        "exploding": (EXPLODE, _explode_checker),
        "updates too large": (BIG, lambda x: _scale_checker(x, low=False)),
        "updates too small": (SMALL, lambda x: _scale_checker(x, low=True)),
        "loss diverges": (BIG, _diverging_checker),
        "loss hardly falls": (STUCK, lambda x: _not_decreasing(x, 0.05)),
        "loss fluctuates": (BIG, _fluctuates),
    },
    "UMLAUT": {
        "rate above 1e-2": (BIG, lambda x: x.rate is not None and x.rate > 1e-2),
        "rate below 1e-7": (SMALL, lambda x: x.rate is not None and x.rate < 1e-7),
        "validation loss rises": (OVERFIT, lambda x: _rises_once(x)),
        "not finite": (NAN, _bad),
    },
}
"""By set, by rule: the cause that it names, and whether it fires."""


def _rises_once(x: Seen) -> bool:
    """Validation loss up while training loss goes down, once."""
    return len(x.held) > 1 and _any((np.diff(x.held) > 0) & (np.diff(x.train) < 0))


CAUSES: dict[str, frozenset[str]] = {
    BIG: frozenset(("diverging", "step_too_large", "noise_floor", "nonfinite")),
    SMALL: frozenset(("step_too_small",)),
    VANISH: frozenset(("vanishing_gradients", "plateau")),
    EXPLODE: frozenset(("exploding_gradients", "nonfinite", "diverging")),
    NAN: frozenset(("nonfinite", "diverging")),
    OVERFIT: frozenset(("overfitting",)),
    STUCK: frozenset(("step_too_small", "plateau", "step_too_large", "saddle")),
}
"""Each cause, in names of our symptoms: generous where a rule tells a sign only."""


GATE = 0.6
"""AutoTrainer judges no model whose accuracy is as good as that."""


def told(run: sp.Run, accuracy: float | None = None) -> dict[str, list[str]]:
    """The causes that each set's rules name.

    Args:
        run: a finished run.
        accuracy: of its model, where it predicts labels.
    """
    data = seen(run)
    found = {}
    for name, rules in SETS.items():
        with np.errstate(all="ignore"):
            causes = {cause for cause, fires in rules.values() if fires(data)}
        found[name] = sorted(causes)
    if accuracy is not None and accuracy >= GATE:
        found["AutoTrainer"] = []
    return found
