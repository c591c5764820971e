"""Layers: what a network's run records of each weight matrix, at some of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.core import plain

NORMS = ("grad_norm", "update_norm", "param_norm")
"""The numbers of a layer, in the order in which files hold them."""


class Layers(NamedTuple):
    """Euclidean norms of each weight matrix, an entry a step that was looked at.

    These steps have rows in the trace, too: every one at first, then four each time
    their number doubles, and the last. Matrices stand in the order from input to
    output. What a run cannot know is nan.
    """

    names: tuple[str, ...]
    """(L,) the matrices, as the model names its arrays."""
    step: np.ndarray[Any, Any]
    """(k,) updates applied before the point."""
    grad_norm: np.ndarray[Any, Any]
    """(k, L) norm of the gradient of each matrix."""
    update_norm: np.ndarray[Any, Any]
    """(k, L) length of the step that leaves from here."""
    param_norm: np.ndarray[Any, Any]
    """(k, L) norm of the matrix here."""

    @property
    def update_ratio(self) -> np.ndarray[Any, Any]:
        """(k, L) length of the step in units of the matrix; nan for one of zeros.

        >>> one = np.ones((1, 2))
        >>> Layers(("a", "b"), np.zeros(1), one, one, 4 * one).update_ratio.tolist()
        [[0.25, 0.25]]
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.update_norm / self.param_norm
        return np.where(self.param_norm > 0, ratio, np.nan)

    def before(self, step: int) -> Layers:
        """The entries before a step.

        Args:
            step: the first that is left out.
        """
        kept = self.step < step
        columns = (getattr(self, name)[kept] for name in ("step", *NORMS))
        return Layers(self.names, *columns)

    def to_json(self) -> dict[str, Any]:
        """The layers as plain data; `from_json` reads them back."""
        columns = {
            name: plain.array_to_json(getattr(self, name)) for name in ("step", *NORMS)
        }
        return {"names": list(self.names), **columns}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Layers:
        """The layers that `to_json` wrote.

        Args:
            data: what it wrote.

        Raises:
            KeyError, TypeError, ValueError: a part is missing or damaged.
        """
        names, n = tuple(map(str, data["names"])), len(data["step"])
        step = plain.array_from_json(data["step"], np.int64, (n,))
        shape = n, len(names)
        columns = (plain.array_from_json(data[k], np.float64, shape) for k in NORMS)
        return cls(names, step, *columns)


def layers_of(names: Sequence[str], step: Any, numbers: Any) -> Layers:
    """Layers from two arrays.

    Args:
        names: (L,) of the matrices.
        step: (k,) whole numbers.
        numbers: (k, 3, L) the norms of gradient, update and parameter.

    >>> layers_of(["a"], range(5), np.ones((5, 3, 1))).grad_norm.shape
    (5, 1)
    """
    numbers = np.asarray(numbers, np.float64).reshape(-1, len(NORMS), len(names))
    columns = (numbers[:, i].copy() for i in range(len(NORMS)))
    return Layers(tuple(names), np.asarray(step, np.int64), *columns)


def array_of(layers: Layers) -> np.ndarray[Any, Any]:
    """(k, 3, L) the numbers of `layers_of` again.

    Args:
        layers: of a trace.
    """
    return np.stack([getattr(layers, name) for name in NORMS], axis=1)


def concatenate(parts: Sequence[Layers | None]) -> Layers | None:
    """Layers of many stretches, end to end; None where none tells any.

    Args:
        parts: in order, of one network.

    >>> concatenate([None]) is None
    True
    """
    known = [part for part in parts if part is not None]
    if not known:
        return None
    step = np.concatenate([part.step for part in known])
    numbers = np.concatenate([array_of(part) for part in known])
    return layers_of(known[0].names, step, numbers)


def to_rows(layers: Layers | None) -> dict[int, dict[str, Any]]:
    """For each step that was looked at, the norms of each layer under its name.

    Args:
        layers: of a trace.

    >>> to_rows(layers_of(["a"], [4], np.ones((1, 3, 1))))
    {4: {'a': [1.0, 1.0, 1.0]}}
    """
    if layers is None:
        return {}
    numbers = np.swapaxes(array_of(layers), 1, 2)
    return {
        int(step): dict(zip(layers.names, plain.array_to_json(row), strict=True))
        for step, row in zip(layers.step, numbers, strict=True)
    }


def row_from_json(data: Any) -> dict[str, list[float]] | None:
    """What `to_rows` told of a step; None for a row without layers.

    Args:
        data: what it told, or None.

    Raises:
        TypeError, ValueError: it is damaged.

    >>> row_from_json({"a": [1.0, None, 2]})
    {'a': [1.0, nan, 2.0]}
    """
    if data is None:
        return None
    read = {
        name: [plain.number_from_json(number) for number in numbers]
        for name, numbers in dict(data).items()
    }
    if not all(len(numbers) == len(NORMS) for numbers in read.values()):
        raise ValueError("a layer without its three norms")
    return read


def from_rows(rows: dict[int, dict[str, list[float]] | None]) -> Layers | None:
    """Layers from the rows of a file; None where no row tells any.

    Args:
        rows: step -> what `row_from_json` read, in order.

    >>> from_rows({0: {"a": [1.0, 2.0, 3.0]}, 1: None}).param_norm.tolist()
    [[3.0]]
    """
    told = {step: row for step, row in rows.items() if row}
    if not told:
        return None
    names, lost = tuple(next(iter(told.values()))), [np.nan] * len(NORMS)
    table = [[row.get(name, lost) for name in names] for row in told.values()]
    return layers_of(names, list(told), np.swapaxes(np.array(table, float), 1, 2))
