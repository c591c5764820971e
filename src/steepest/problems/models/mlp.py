"""The multi-layer perceptron, built from Equinox layers."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from steepest.core.errors import UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.models.base import (
    Model,
    check_outputs,
    check_sizes,
    options_of,
)
from steepest.problems.models.layers import (
    ACTIVATIONS,
    INITS,
    BatchNorm,
    Running,
    affine,
    initial_weights,
    linear,
)

NORMS = ("none", "batch", "layer")


class Block(eqx.Module):
    """One hidden layer up to its activation: norm(rows @ weight.T + bias).

    Args:
        linear: the Equinox layer that holds weight and bias.
        norm: a BatchNorm, an Equinox LayerNorm, or None.

    >>> block = Block(linear(jnp.ones((2, 3)), bias=True), None)
    >>> block(jnp.ones((1, 3)), None, training=True)[0].tolist()
    [[3.0, 3.0]]
    """

    linear: eqx.nn.Linear
    norm: BatchNorm | eqx.nn.LayerNorm | None

    def __call__(
        self, rows: jax.Array, running: Running | None, *, training: bool
    ) -> tuple[jax.Array, Running | None]:
        """Rows (n, width), and the running statistics to go on with."""
        rows = affine(self.linear, rows)
        if isinstance(self.norm, BatchNorm) and running is not None:
            return self.norm(rows, running, training=training)
        if isinstance(self.norm, eqx.nn.LayerNorm):
            rows = jax.vmap(self.norm)(rows)
        return rows, running


class Network(eqx.Module):
    """The parameters of an MLP: every leaf is a float array.

    Args:
        hidden: one Block a hidden layer.
        output: the last layer, without norm or activation.

    >>> params, _ = MLP(hidden=4).init(jax.random.key(0), 3, 1)
    >>> params.output.weight.shape
    (1, 4)
    """

    hidden: tuple[Block, ...]
    output: eqx.nn.Linear


@dataclass(frozen=True, init=False)
class MLP(Model):
    """A multi-layer perceptron: hidden layers, then a linear one.

    h <- activation(norm(W h + b)) for each hidden layer; with residual=True,
    h <- h + activation(norm(W h + b)) where the widths match.

    Args:
        hidden: widths of the hidden layers, each >= 1; one number means one layer.
        activation: relu, leaky_relu, gelu, tanh or sigmoid.
        norm: none, batch (Ioffe and Szegedy 2015) or layer (Ba, Kiros, Hinton 2016).
        residual: whether layers of equal width are skipped over (He et al. 2016).
        init: auto (he for the relu family, else glorot), he, glorot, lecun, zeros, or
            normal (standard deviation 0.01). Biases start at zero. With zeros, units
            stay alike and relu ones never wake: a lesson, not a choice.
        outputs: width of the embedding, where the loss is one of embeddings.

    Raises:
        UsageError: a name that is not known, a width below 1.

    >>> model = MLP(hidden=(8, 8), activation="tanh", norm="batch")
    >>> params, stats = model.init(jax.random.key(0), 3, 2)
    >>> outputs, stats = model.apply(params, stats, jnp.ones((5, 3)), training=True)
    >>> outputs.shape
    (5, 2)
    """

    kind: ClassVar[str] = "mlp"
    hidden: tuple[int, ...]
    activation: str
    norm: str
    residual: bool
    weights: str  # the option `init`, whose name the method has
    outputs: int | None

    def __init__(
        self,
        *,
        hidden: int | Iterable[int] = (64, 64),
        activation: str = "relu",
        norm: str = "none",
        residual: bool = False,
        init: str = "auto",
        outputs: int | None = None,
    ) -> None:
        check_outputs(outputs)
        _check_name("activation", activation, ACTIVATIONS)
        _check_name("norm", norm, NORMS)
        _check_name("init", init, ("auto", *INITS))
        if not isinstance(residual, bool):
            raise UsageError(f"residual={residual!r}: must be True or False.")
        object.__setattr__(self, "hidden", _widths(hidden))
        object.__setattr__(self, "activation", activation)
        object.__setattr__(self, "norm", norm)
        object.__setattr__(self, "residual", residual)
        object.__setattr__(self, "weights", init)
        object.__setattr__(self, "outputs", outputs)

    @property
    def rows_meet(self) -> bool:
        """With batch norm they do."""
        return self.norm == "batch"

    def init(
        self, key: jax.Array, n_inputs: int, n_outputs: int
    ) -> tuple[Network, tuple[Running | None, ...]]:
        """A Network of float32 arrays, and one Running for each batch norm."""
        check_sizes(n_inputs, n_outputs)
        *weights, last = initial_weights(
            key,
            (n_inputs, *self.hidden, n_outputs),
            init=self.weights,
            activation=self.activation,
        )
        blocks = tuple(map(self._block, weights))
        norms = [block.norm for block in blocks]
        return Network(blocks, linear(last, bias=True)), tuple(
            norm.running() if isinstance(norm, BatchNorm) else None for norm in norms
        )

    def _block(self, weight: jax.Array) -> Block:
        # Batch norm takes the mean away, and with it any bias before it.
        layer, width = linear(weight, bias=self.norm != "batch"), len(weight)
        if self.norm == "batch":
            return Block(layer, BatchNorm(width))
        if self.norm == "layer":
            return Block(layer, eqx.nn.LayerNorm(width, dtype=jnp.float32))
        return Block(layer, None)

    def apply(
        self,
        params: Network,
        stats: tuple[Running | None, ...],
        inputs: Any,
        *,
        training: bool,
    ) -> tuple[jax.Array, tuple[Running | None, ...]]:
        """The network on a batch; see Model.apply."""
        activation = ACTIVATIONS[self.activation]
        rows, after = jnp.asarray(inputs), []
        for block, running in zip(params.hidden, stats, strict=True):
            z, updated = block(rows, running, training=training)
            skip = self.residual and z.shape == rows.shape
            rows = rows + activation(z) if skip else activation(z)
            after.append(updated)
        return affine(params.output, rows), tuple(after)

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data, with the names that MLP takes.

        >>> MLP(hidden=8).to_json()["hidden"]
        [8]
        """
        options = options_of(self)
        options["init"] = options.pop("weights")
        return {"kind": self.kind, **options}


def _check_name(option: str, name: Any, known: Iterable[str]) -> None:
    if not isinstance(name, str) or name not in set(known):
        raise UsageError(
            f"{option}={name!r} is unknown. {did_you_mean(str(name), known)}"
        )


def _widths(hidden: Any) -> tuple[int, ...]:
    """Widths of the hidden layers as a tuple, or an error that says what is needed."""
    try:
        widths = hidden if isinstance(hidden, Iterable) else (hidden,)
        found = tuple(operator.index(width) for width in widths)
    except TypeError:
        found = ()
    if not found or not all(width >= 1 for width in found):
        raise UsageError(
            f"hidden={hidden!r}: need one whole number >= 1 for each hidden layer, "
            "such as hidden=(64, 64). For no hidden layer take a linear model."
        )
    return found
