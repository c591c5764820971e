"""The families of networks, in the order that is halved."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import steepest as sp
from bench.diagnosis import sources
from bench.diagnosis.fitting import Split, fitted
from bench.diagnosis.plans import Family, Group, Plan, halved, rng_of
from bench.diagnosis.tables import ten_to

Rng = np.random.Generator
HELD = {"validation": 0.2}
ROWS = 500


def healthy(split: Split, model: sp.MLP, rng: Rng) -> list[Plan]:
    """Configurations that train a network well.

    Args:
        split: the rows.
        model: the recipe.
        rng: draws rates.
    """
    rate = ten_to(rng, -2.7, -2.2)
    asked: dict[str, dict[str, Any]] = {
        "auto": HELD,
        "adam, cosine": {
            "optimizer": "adam",
            "learning_rate": rate,
            "schedule": "cosine",
            "batch_size": 32,
            "epochs": 60,
        },
        "adam, patience": {
            "optimizer": "adam",
            "learning_rate": rate / 2,
            "batch_size": 32,
            "epochs": 150,
            "patience": 15,
        },
        "momentum, cosine": {
            "optimizer": "momentum",
            "learning_rate": 8 * rate,
            "schedule": "cosine",
            "batch_size": 32,
            "epochs": 80,
        },
    }
    return [
        Plan(name, fitted(split, model=model, **(HELD | options)))
        for name, options in asked.items()
    ]


def faulty(split: Split, model: sp.MLP, rng: Rng) -> list[Plan]:
    """Faults of rate, budget, noise and rows, in the network that is healthy."""
    large, tiny = ten_to(rng, -0.3, 1.3), ten_to(rng, -7, -5)
    huge, batch = ten_to(rng, 0.7, 2), int(rng.choice([1, 2, 4]))
    noisy, few = ten_to(rng, -1.7, -0.8), split.X.iloc[:40]
    adam = {"optimizer": "adam", "batch_size": 32}
    gd = {"optimizer": "gd", "batch_size": 32}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (f"adam, rate {large:.1f}", "large", adam | _step(large, 15)),
        (f"gd, rate {huge:.1f}", "large", gd | _step(huge, 15)),
        (f"adam, rate {tiny:.0e}", "small", adam | _step(tiny, 15)),
        (f"gd, rate {tiny:.0e}", "small", gd | _step(tiny, 15)),
        ("adam, one epoch", "budget", adam | _step(1e-3, 1)),
        (
            f"adam, batches of {batch}",
            "noise",
            {"optimizer": "adam", "batch_size": batch, **_step(noisy, 6)},
        ),
    ]
    names = {
        "large": "rate too large, network",
        "small": "rate too small",
        "budget": "budget cut short",
        "noise": "noise of small batches",
    }
    made = [
        Plan(name, fitted(split, model=model, **(HELD | options)), names[fault])
        for name, fault, options in asked
    ]
    rows = split._replace(X=few, y=split.y[:40])
    options = adam | _step(3e-3, 300) | {"batch_size": 10, "validation": 0.5}
    wide = sp.MLP(hidden=(128, 128), activation=model.activation)
    make, twin = fitted(rows, model=wide, **options), fitted(rows, validation=0.3)
    return [*made, Plan("wide, 40 rows", make, "overfitting", lambda: twin().loss)]


def _step(rate: float, epochs: int) -> dict[str, Any]:
    return {"learning_rate": rate, "epochs": epochs}


def deep_sigmoid(depth: int, rule: str) -> Any:
    """Sigmoid layers so many that the first learn nothing."""

    def plans(split: Split, model: sp.MLP, rng: Rng) -> list[Plan]:
        deep = sp.MLP(hidden=(model.hidden[0],) * depth, activation="sigmoid")
        rate = ten_to(rng, -3, -2.3) if rule == "adam" else ten_to(rng, -1.7, -1)
        options = {"optimizer": rule, "batch_size": 32, **_step(rate, 20)}
        make = fitted(split, model=deep, **(HELD | options))
        return [Plan(f"{depth} sigmoid layers, {rule}", make, "vanishing gradients")]

    return plans


class Planted(eqx.Module):
    """An MLP whose weights and biases begin where they should not.

    Args:
        widths: columns, hidden layers, outputs.
        activation: of jax.nn.
        gain: factor of the usual weights.
        bias: of the hidden layers.
    """

    layers: list[eqx.nn.Linear]
    activation: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(
        self,
        widths: tuple[int, ...],
        activation: Callable[[Any], Any],
        gain: float,
        bias: float,
    ) -> None:
        keys = jax.random.split(jax.random.key(0), len(widths))
        self.activation = activation
        self.layers = []
        for key, n, m in zip(keys, widths, widths[1:], strict=False):
            layer = eqx.nn.Linear(n, m, key=key)
            weight = gain * jax.random.normal(key, (m, n)) / jnp.sqrt(n)
            shift = jnp.full((m,), bias if m != widths[-1] else 0.0)
            layer = eqx.tree_at(
                lambda one: (one.weight, one.bias), layer, (weight, shift)
            )
            self.layers.append(layer)

    def __call__(self, row: Any) -> Any:
        """(columns,) -> (outputs,)."""
        for layer in self.layers[:-1]:
            row = self.activation(layer(row))
        return self.layers[-1](row)


def _arrays(layer: eqx.nn.Linear) -> tuple[Any, Any]:
    return layer.weight, layer.bias


@functools.cache
def _planted(
    widths: tuple[int, ...], activation: str, gain: float, bias: float
) -> Planted:
    return Planted(widths, getattr(jax.nn, activation), gain, bias)


def planted(fault: str, depth: int, activation: str, gain: float, bias: float) -> Any:
    """A module of the user's own that begins badly.

    Args:
        fault: what comes of it.
        depth: hidden layers of 16 units.
        activation: of jax.nn.
        gain: factor of the usual weights.
        bias: of the hidden layers.
    """

    def plans(split: Split, model: sp.MLP, rng: Rng) -> list[Plan]:
        del model
        outputs = len(np.unique(split.y)) if split.task == "multiclass" else 1
        widths = (split.X.shape[1], *(16,) * depth, outputs)
        module = _planted(widths, activation, gain, bias)
        rate = ten_to(rng, -3.3, -2.3)
        made = []
        for rule, factor in {"adam": 1.0, "gd": 10.0}.items():
            options = {"optimizer": rule, "batch_size": 32, **_step(factor * rate, 20)}
            make = fitted(split, model=module, **(HELD | options))
            made.append(Plan(f"{activation}, weights x {gain:g}, {rule}", make, fault))
        return made

    return plans


def raw_columns(split: Split, model: sp.MLP, rng: Rng) -> list[Plan]:
    """Columns a thousand times too large, not standardised."""
    units = 1e3 * rng.uniform(0.5, 2, split.X.shape[1])
    big = split._replace(X=split.X * units, unseen=split.unseen * units)
    options = {"optimizer": "adam", "batch_size": 32, "standardize": False}
    options |= _step(ten_to(rng, -2.7, -2.2), 20)
    make = fitted(big, model=model, **(HELD | options))
    return [Plan("columns x 1,000", make, "columns x 1,000, network")]


def zeros(split: Split, model: sp.MLP, rng: Rng) -> list[Plan]:
    """Weights of zero: relu units that never wake."""
    asleep = sp.MLP(hidden=model.hidden, activation="relu", init="zeros")
    options = {"optimizer": "adam", "batch_size": 32}
    options |= _step(ten_to(rng, -2.7, -2.2), 20)
    make = fitted(split, model=asleep, **(HELD | options))
    return [Plan("weights of zero", make, "dead units")]


Special = Callable[[Split, sp.MLP, Rng], list[Plan]]


def group_of(
    split: Callable[[int], Split],
    model: sp.MLP,
    special: tuple[Special, ...],
    name: str,
    seed: int,
) -> Group:
    """The plans of a network: healthy ones, and its faults.

    Args:
        split: seed -> rows.
        model: the recipe.
        special: faults that only this family has.
        name: of the family.
        seed: of the split and the rates.
    """
    rows, rng = split(seed), rng_of(name, seed)
    plans = [*healthy(rows, model, rng), *faulty(rows, model, rng)]
    for fault in special:
        plans += fault(rows, model, rng)
    return Group(plans)


def _real(name: str, loss: str) -> Any:
    return functools.partial(sources.split_of, name, loss, most=ROWS * 3 // 2)


def _made(name: str, maker: sources.Maker, task: str, loss: str) -> Any:
    def split(seed: int) -> Split:
        return sources.made(name, maker, task, loss, seed, ROWS)

    return split


DEAD, FULL, BLOWN = "dead units", "saturated units", "exploding gradients"
NETWORKS: dict[str, tuple[Any, sp.MLP, tuple[Special, ...]]] = {
    "breast_cancer 16": (
        _real("breast_cancer", "log"),
        sp.MLP(hidden=16),
        (deep_sigmoid(12, "gd"), planted(DEAD, 2, "relu", 1.0, -12.0), zeros),
    ),
    "phishing 16 16": (
        _real("phishing", "log"),
        sp.MLP(hidden=(16, 16)),
        (deep_sigmoid(10, "gd"), planted(DEAD, 3, "relu", 1.0, -9.0), zeros),
    ),
    "digits 32 32": (
        _real("digits", "cross_entropy"),
        sp.MLP(hidden=(32, 32)),
        (deep_sigmoid(8, "gd"), zeros),
    ),
    "segments 32 32": (
        _real("segments", "cross_entropy"),
        sp.MLP(hidden=(32, 32), activation="leaky_relu"),
        (deep_sigmoid(9, "momentum"), zeros),
    ),
    "wine 16 tanh": (
        _real("wine", "cross_entropy"),
        sp.MLP(hidden=16, activation="tanh"),
        (raw_columns, planted(FULL, 3, "tanh", 30.0, 0.0)),
    ),
    "moons 16 x 2 tanh": (
        _made("moons", sources.moons, "binary", "log"),
        sp.MLP(hidden=(16, 16), activation="tanh"),
        (raw_columns, planted(FULL, 2, "sigmoid", 60.0, 0.0)),
    ),
    "diabetes 16 gelu": (
        _real("diabetes", "squared"),
        sp.MLP(hidden=16, activation="gelu"),
        (deep_sigmoid(6, "gd"), planted(BLOWN, 10, "relu", 4.0, 0.0)),
    ),
    "friedman 32 32": (
        _made("friedman", sources.friedman, "regression", "squared"),
        sp.MLP(hidden=(32, 32)),
        (deep_sigmoid(12, "adam"), planted(BLOWN, 5, "relu", 8.0, 0.0), zeros),
    ),
    "circles 32 x 4": (
        _made("circles", sources.circles, "binary", "log"),
        sp.MLP(hidden=(32,) * 4),
        (deep_sigmoid(24, "adam"), planted(DEAD, 4, "relu", 1.0, -10.0)),
    ),
    "spiral 32 x 3 gelu": (
        _made("spiral", sources.spiral, "multiclass", "cross_entropy"),
        sp.MLP(hidden=(32,) * 3, activation="gelu"),
        (deep_sigmoid(20, "gd"), planted(DEAD, 3, "relu", 1.0, -14.0)),
    ),
    "moons 16 x 8 batch norm": (
        _made("moons", sources.moons, "binary", "log"),
        sp.MLP(hidden=(16,) * 8, norm="batch"),
        (planted(FULL, 4, "tanh", 50.0, 0.0), planted(BLOWN, 8, "relu", 4.0, 0.0)),
    ),
    "ripple 24 x 6 residual": (
        _made("ripple", sources.ripple, "regression", "squared"),
        sp.MLP(hidden=(24,) * 6, norm="layer", residual=True),
        (planted(FULL, 3, "tanh", 40.0, 0.0), planted(BLOWN, 7, "relu", 4.0, 0.0)),
    ),
    "digits 32 x 3 batch norm": (
        _real("digits", "cross_entropy"),
        sp.MLP(hidden=(32,) * 3, norm="batch"),
        (deep_sigmoid(10, "adam"), zeros),
    ),
    "sides 16 sigmoid": (
        _made("sides", sources.sides(8), "binary", "log"),
        sp.MLP(hidden=16, activation="sigmoid"),
        (deep_sigmoid(14, "momentum"), raw_columns),
    ),
}
"""By name: seed -> rows, the recipe, and what only this family has planted."""


def families() -> list[Family]:
    """Every network, half of them to tune on."""

    def group(name: str) -> Callable[[int], Group]:
        return functools.partial(group_of, *NETWORKS[name], name)

    return halved("networks", {name: group(name) for name in NETWORKS})
