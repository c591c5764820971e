"""The linear model: one matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from steepest.core.errors import UsageError
from steepest.problems.models.base import (
    Model,
    check_outputs,
    check_sizes,
    options_of,
)
from steepest.problems.models.layers import initial_weights


@dataclass(frozen=True, kw_only=True)
class Linear(Model):
    """A linear model, prediction = inputs @ weight + bias.

    It starts at zero, so that a logistic model starts at probability one half. As an
    embedding it starts at random, as rows in one place have no way apart.

    Args:
        bias: whether the bias is there; without it the prediction of a zero row is 0.
        outputs: width of the embedding, where the loss is one of embeddings.

    >>> model = Linear()
    >>> params, stats = model.init(jax.random.key(0), 3, 1)
    >>> {name: leaf.shape for name, leaf in params.items()}
    {'bias': (1,), 'weight': (3, 1)}
    >>> model.apply(params, stats, jnp.ones((2, 3)), training=True)[0].tolist()
    [[0.0], [0.0]]
    """

    kind: ClassVar[str] = "linear"
    bias: bool = True
    outputs: int | None = None

    def __post_init__(self) -> None:
        check_outputs(self.outputs)
        if not isinstance(self.bias, bool):
            raise UsageError(f"bias={self.bias!r}: must be True or False.")

    def init(
        self, key: jax.Array, n_inputs: int, n_outputs: int
    ) -> tuple[dict[str, jax.Array], tuple[()]]:
        """Zeros: weight (n_inputs, n_outputs) and bias (n_outputs,), float32.

        The weight of an embedding is normal, of variance 1 / n_inputs.
        """
        check_sizes(n_inputs, n_outputs)
        weight = jnp.zeros((n_inputs, n_outputs), jnp.float32)
        if self.outputs is not None:
            widths = n_inputs, n_outputs
            (drawn,) = initial_weights(key, widths, init="lecun", activation="tanh")
            weight = drawn.T
        params = {"weight": weight}
        if self.bias:
            params["bias"] = jnp.zeros((n_outputs,), jnp.float32)
        return dict(sorted(params.items())), ()

    def apply(
        self, params: dict[str, jax.Array], stats: Any, inputs: Any, *, training: bool
    ) -> tuple[jax.Array, Any]:
        """Returns inputs @ weight + bias, the same in training and in prediction."""
        del training
        outputs = jnp.asarray(inputs) @ params["weight"]
        return outputs + params["bias"] if self.bias else outputs, stats

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data.

        >>> Linear().to_json()
        {'kind': 'linear', 'bias': True}
        """
        return {"kind": self.kind, **options_of(self)}
