"""Backpropagation through a small network, layer by layer, for one row.

z = W a' + b, a = activation(z) from layer to layer; then backwards
delta = (W of the next layer)^T (its delta) * activation'(z), and the gradient of W is
delta times a', that of b is delta.

Source: Rumelhart, Hinton, Williams 1986, Nature 323:533.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.plain import array_to_json
from steepest.explanation.explanation import Explanation
from steepest.explanation.formulas import Asked, difference
from steepest.explanation.graph import build, flow
from steepest.explanation.operations import Array
from steepest.explanation.stepping import Point, make_steps
from steepest.problems.formulas import Node, parse


class Layer(NamedTuple):
    """One layer.

    Args:
        weight: (n_out, n_in).
        bias: (n_out,).
        activation: a name of ACTIVATIONS; "" for none.
    """

    weight: Array
    bias: Array
    activation: str


class Passed(NamedTuple):
    """What went through a layer, and what came back.

    Args:
        inputs: (n_in,) from the layer before.
        z: (n_out,) weighted sums.
        a: (n_out,) activations.
        slope: (n_out,) of the activation at z.
        delta: (n_out,) derivative of the loss by z.
        by_weight: (n_out, n_in) derivative of the loss by the weights.
    """

    inputs: Array
    z: Array
    a: Array
    slope: Array
    delta: Array
    by_weight: Array


LOSSES: dict[str, Node] = {
    "squared": parse("(p - y)**2").tree,
    "absolute": parse("abs(p - y)").tree,
    "log": parse("softplus(p) - y*p").tree,
}
"""Losses with a formula of the prediction p and the target y; for log y is 0 or 1."""


def _gelu_slope(z: Array) -> Array:
    below = 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    return below + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _gelu(z: Array) -> Array:
    return z * 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))


class Activation(NamedTuple):
    """A function of the weighted sum.

    Args:
        text: its formula.
        slope_text: that of its slope, in z and a = activation(z).
        value: z -> a.
        slope: (z, a) -> slope.
    """

    text: str
    slope_text: str
    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]


def _sigmoid(z: Array) -> Array:
    tail = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, tail) / (1 + tail)


ACTIVATIONS: dict[str, Activation] = {
    "": Activation("z", "1", lambda z: z, lambda z, _: np.ones_like(z)),
    "relu": Activation(
        "max(z, 0)",
        "1 if z > 0, else 0",
        lambda z: np.maximum(z, 0.0),
        lambda z, _: np.where(z > 0, 1.0, 0.0),
    ),
    "leaky_relu": Activation(
        "z if z > 0, else 0.01*z",
        "1 if z > 0, else 0.01",
        lambda z: np.where(z >= 0, z, 0.01 * z),
        lambda z, _: np.where(z >= 0, 1.0, 0.01),
    ),
    "gelu": Activation(
        "z*Phi(z)", "Phi(z) + z*phi(z)", _gelu, lambda z, _: _gelu_slope(z)
    ),
    "tanh": Activation("tanh(z)", "1 - a**2", np.tanh, lambda _, a: 1 - a**2),
    "sigmoid": Activation(
        "1/(1 + exp(-z))", "a*(1 - a)", _sigmoid, lambda _, a: a * (1 - a)
    ),
}


@dataclass(frozen=True)
class Network:
    """A network, one row, and what flowed through.

    Args:
        layers: from the inputs to the output.
        columns: names of the inputs.
        inputs: (n,) the row.
        target: what it should give.
        loss: name of the loss.
        formula: of the loss, of prediction and target, for people.
        value: of the loss.
        passes: a Passed for each layer.
        difference: from what JAX finds.
    """

    layers: tuple[Layer, ...]
    columns: tuple[str, ...]
    inputs: Array
    target: float
    loss: str
    formula: str
    value: float
    passes: tuple[Passed, ...]
    difference: float = 0.0

    def lines(self) -> list[str]:
        """The network as text."""
        from steepest.explanation.network_text import lines

        return list(lines(self))

    def to_json(self) -> dict[str, Any]:
        """Plain data with every number."""
        return {
            "inputs": dict(zip(self.columns, self.inputs.tolist(), strict=True)),
            "target": self.target,
            "loss": {"name": self.loss, "formula": self.formula, "value": self.value},
            "layers": [
                {
                    "activation": layer.activation or None,
                    "weight": array_to_json(layer.weight),
                    "bias": array_to_json(layer.bias),
                    **{name: array_to_json(x) for name, x in passed._asdict().items()},
                    "by_bias": array_to_json(passed.delta),
                }
                for layer, passed in zip(self.layers, self.passes, strict=True)
            ],
            "difference_from_jax": self.difference,
        }


LossOf = Callable[[Any, Any], Any]


def through(
    layers: Sequence[Layer], inputs: Array, slope_of: Callable[[Array], Any]
) -> tuple[float, tuple[Passed, ...]]:
    """Forwards and backwards.

    Args:
        layers: of the network.
        inputs: (n,) one row.
        slope_of: (k,) outputs -> (loss, its slopes by them).

    Returns:
        (loss, a Passed for each layer).

    >>> layer = Layer(np.array([[2.0]]), np.array([1.0]), "")
    >>> half = lambda p: (float(p[0] ** 2), 2 * p)
    >>> value, [passed] = through([layer], np.array([3.0]), half)
    >>> value, float(passed.delta[0]), float(passed.by_weight[0, 0])
    (49.0, 14.0, 42.0)
    """
    seen: list[tuple[Array, Array, Array, Array]] = []
    a = inputs
    with np.errstate(all="ignore"):
        for layer in layers:
            z = layer.weight @ a + layer.bias
            kind = ACTIVATIONS[layer.activation]
            out = kind.value(z)
            seen.append((a, z, out, kind.slope(z, out)))
            a = out
        value, back = slope_of(a)
        passes: list[Passed] = []
        for layer, (before, z, out, slope) in zip(
            reversed(layers), reversed(seen), strict=True
        ):
            delta = back * slope
            passes.append(Passed(before, z, out, slope, delta, np.outer(delta, before)))
            back = layer.weight.T @ delta
    return float(value), tuple(reversed(passes))


def explain_network(
    layers: Sequence[Layer],
    row: dict[str, float],
    target: float,
    asked: Asked,
    *,
    loss: str,
    formula: str,
    loss_of: LossOf,
    label: str,
    notes: tuple[str, ...] = (),
) -> Explanation:
    """Explain a network for one row, and the steps of its weights from there.

    Args:
        layers: of the network.
        row: input -> number.
        target: what it should give: a number, or the index of a class.
        asked: what else is wanted.
        loss: name of the loss.
        formula: of the loss, for people.
        loss_of: (outputs, target) -> loss, for jax.
        label: the network's name.
        notes: what should be known besides.
    """
    layers = tuple(
        Layer(np.asarray(w, float), np.asarray(b, float), f) for w, b, f in layers
    )
    inputs = np.array(list(row.values()), float)
    slope_of = _loss_slope(loss, target, loss_of)
    names = tuple(_names(layers))

    def passed(x: Array) -> tuple[float, tuple[Passed, ...]]:
        return through(_layers(x, layers), inputs, slope_of)

    def look(x: Array) -> Point:
        value, passes = passed(x)
        parts = [np.append(p.by_weight.ravel(), p.delta) for p in passes]
        return Point(x, value, np.concatenate(parts))

    start = np.concatenate([np.append(w.ravel(), b) for w, b, _ in layers])
    first = look(start)
    steps = make_steps(look, first, asked.rule, asked.numbers, asked.steps)
    points = [first, *(step.after for step in steps)]
    gap = _by_jax(layers, inputs, target, loss_of, points)
    value, passes = passed(start)
    network = Network(
        layers, tuple(row), inputs, target, loss, formula, value, passes, gap
    )
    return Explanation(
        objective=label,
        formula=None,
        formula_text="",
        names=names,
        point=first,
        direction=asked.direction,
        optimizer=asked.optimizer,
        numbers=asked.numbers,
        partials=(),
        steps=tuple(steps),
        graph=network,
        notes=notes,
        difference=gap,
    )


def _names(layers: Sequence[Layer]) -> list[str]:
    names = []
    for k, layer in enumerate(layers, 1):
        n_out, n_in = layer.weight.shape
        names += [f"w{k}[{i},{j}]" for i in range(n_out) for j in range(n_in)]
        names += [f"b{k}[{i}]" for i in range(n_out)]
    return names


def _layers(x: Any, like: Sequence[Layer]) -> list[Layer]:
    """The layers that a vector of all weights and biases holds."""
    found, at = [], 0
    for weight, bias, activation in like:
        middle, end = at + weight.size, at + weight.size + bias.size
        found.append(
            Layer(x[at:middle].reshape(weight.shape), x[middle:end], activation)
        )
        at = end
    return found


def _loss_slope(
    loss: str, target: float, loss_of: LossOf
) -> Callable[[Array], tuple[float, Array]]:
    """Outputs -> (loss, its slopes); by JAX where the loss has no formula here."""
    if loss in LOSSES:
        program = build(LOSSES[loss])

        def by_formula(p: Array) -> tuple[float, Array]:
            found = flow(program, {"p": p[0], "y": target})
            return found.value, np.atleast_1d(found.gradient()["p"])

        return by_formula
    ask = jax.jit(jax.value_and_grad(loss_of))

    def by_jax(p: Array) -> tuple[float, Array]:
        with jax.enable_x64(True):
            value, slope = ask(p, target)
        return float(value), np.asarray(slope)

    return by_jax


def _by_jax(
    layers: Sequence[Layer],
    inputs: Array,
    target: float,
    loss_of: LossOf,
    points: Sequence[Point],
) -> float:
    """The largest difference of loss and gradient from JAX's own network."""
    from steepest.problems.models.layers import ACTIVATIONS as THEIRS

    def run(x: Any) -> Any:
        a = jnp.asarray(inputs)
        for weight, bias, activation in _layers(x, layers):
            z = weight @ a + bias
            a = THEIRS[activation](z) if activation else z
        return loss_of(a, target)

    ask, worst = jax.jit(jax.value_and_grad(run)), 0.0
    with jax.enable_x64(True):
        for point in points:
            if not point.stops:
                value, slopes = ask(jnp.asarray(point.x))
                ours = np.append(point.gradient, point.value)
                theirs = np.append(np.asarray(slopes), float(value))
                worst = max(worst, difference(ours, theirs))
    return worst
