"""Row: what a person or a diagnosis needs to know of one step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """One step, or a struct of arrays with one entry a recorded step.

    Row k describes the point that step k started from. The last row of a finished
    run is at the returned params. What a run cannot know is nan.
    """

    step: Any
    """Updates applied before this point."""
    epoch: Any
    """Passes over the data finished before this point; 0 for a function."""
    samples: Any
    """Rows of data trained on before this point; 0 for a function."""
    seconds: Any
    """Wall-clock seconds since the run began (compilation included)."""
    value: Any
    """The objective here; on a table, its mean over the recorded stretch."""
    grad_norm: Any
    """Euclidean norm of the gradient here."""
    update_norm: Any
    """Length of the step that leaves from here."""
    param_norm: Any
    """Euclidean norm of the parameters here."""
    learning_rate: Any
    """Rate of the step that leaves from here; nan where a rule hides it."""
    step_quality: Any
    """Of the step that led here: (f before - f here) / (rate |g before|^2).

    1 is the slope's promise kept in full, 0.5 the exact minimum along a quadratic,
    below 0 a rise. nan at the start and on mini-batches.
    """
    cosine: Any
    """Cosine between the gradient here and the one before; nan at the start."""
    evals: Any
    """Evaluations of value and gradient up to and including this point."""
    finite: Any
    """Whether the point that the step arrived at is finite."""


WHOLE = ("step", "epoch", "samples", "evals")
"""The fields of Row that count."""


def empty() -> Row:
    """A struct of arrays with no entry.

    >>> len(empty().value)
    0
    """
    return Row(*(np.zeros(0, dtype_of(name)) for name in Row._fields))


def dtype_of(field: str) -> type:
    """The NumPy type a field of Row is kept in.

    Args:
        field: its name.

    >>> dtype_of("step").__name__, dtype_of("value").__name__
    ('int64', 'float64')
    """
    if field == "finite":
        return np.bool_
    return np.int64 if field in WHOLE else np.float64


def concatenate(parts: list[Row]) -> Row:
    """Many structs of arrays, end to end.

    Args:
        parts: rows in order, in any numeric type.

    >>> len(concatenate([empty(), empty()]).value)
    0
    """
    if not parts:
        return empty()
    return Row(
        *(
            np.concatenate([np.asarray(part[i], dtype_of(name)) for part in parts])
            for i, name in enumerate(Row._fields)
        )
    )
