"""State: what the next step needs, and nothing else.

A State keeps its tree, shapes and dtypes for life, so that any compiled loop may
carry it and any checkpoint may hold it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax


class Cursor(NamedTuple):
    """Where in the source the next step reads: so that a run can resume mid-epoch.

    A function has no rows; its cursor stays at (0, 0).
    """

    epoch: Any
    """() int32, epochs finished."""
    batch: Any
    """() int32, batches of this epoch already trained on."""


class Seen(NamedTuple):
    """One evaluation."""

    value: Any
    """() the value, nan before the first evaluation."""
    grad: Any
    """The gradient, a tree like params; 0 before the first evaluation."""


class Watch(NamedTuple):
    """What the stop tests remember from one step to the next."""

    best_params: Any
    """The point with the lowest finite value so far."""
    best_value: jax.Array
    """() the lowest value, +inf before the first evaluation."""
    best_step: jax.Array
    """() int32, the step that best_params was found at."""
    first_value: jax.Array
    """() value at the start: the scale of what counts as a rise."""
    last: Seen
    """The newest evaluation."""
    last_row: Any
    """The point of the newest row."""
    peak: jax.Array
    """() height of the last climb that counted: the start, or a doubling since."""
    rises: jax.Array
    """() int32, how often a climb passed twice the peak's height over the best."""
    still: jax.Array
    """() int32, rows in a row that changed no parameter."""
    flats: jax.Array
    """() int32, steps in a row that changed the value by less than ftol."""
    shorts: jax.Array
    """() int32, steps in a row shorter than xtol."""
    scale: jax.Array
    """() factor on every step: 1, and ten times smaller after each back-off."""
    total: jax.Array
    """() sum of the values since the last row."""
    values: jax.Array
    """() int32, how many values that is."""
    rounding: jax.Array
    """() share of a value that is rounding."""


class State(NamedTuple):
    """Everything the next step needs."""

    params: Any
    """The point: any pytree of float arrays."""
    opt_state: Any
    """What the optimizer remembers."""
    stats: Any
    """What a model measures but descent does not move (batch norm's averages)."""
    step: Any
    """() int32, updates applied so far."""
    key: jax.Array
    """(2,) uint32, randomness of the model (dropout)."""
    cursor: Cursor
    watch: Watch
