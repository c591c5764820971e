"""Randomness as a function of seeds alone: never of time, thread or worker."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.core.errors import UsageError


def check_seed(seed: int) -> int:
    """The seed as an int.

    Args:
        seed: a whole number in [0, 2**31).

    Raises:
        UsageError: anything else.

    >>> check_seed(7)
    7
    """
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < 2**31:
        raise UsageError(f"seed={seed!r}: must be a whole number from 0 to 2**31 - 1.")
    return int(seed)


def key(seed: int) -> Any:
    """The jax key of a seed, as raw uint32 data, so that it can be saved.

    It is what jax.random.PRNGKey gives, without a program compiled for it.

    Args:
        seed: a whole number in [0, 2**31).

    Raises:
        UsageError: the seed is anything else.

    >>> key(0).shape
    (2,)
    """
    return np.array([0, check_seed(seed)], np.uint32)
