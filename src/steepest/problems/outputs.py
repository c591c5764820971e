"""Outputs of models, in the shape that losses want."""

from __future__ import annotations

import jax


def squeeze_outputs(outputs: jax.Array) -> jax.Array:
    """Outputs as losses want them: (n, 1) becomes (n,), (n, k) stays.

    Args:
        outputs: (n, k) raw predictions.

    >>> import jax.numpy as jnp
    >>> [squeeze_outputs(jnp.zeros((3, k))).shape for k in (1, 2)]
    [(3,), (3, 2)]
    """
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs
