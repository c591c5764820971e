"""Trace: the rows of a run, its validation curve and its path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.core import plain
from steepest.records import row as rows_of
from steepest.records.layers import Layers
from steepest.records.offender import Offender, offender_from_json
from steepest.records.row import Row


class Validation(NamedTuple):
    """The validation curve: one entry each time the validation data was judged."""

    epoch: np.ndarray
    """Passes over the training data finished."""
    step: np.ndarray
    """Updates applied."""
    loss: np.ndarray
    """Mean loss on the validation rows, without penalty."""

    @classmethod
    def empty(cls) -> Validation:
        """A curve with no entry.

        >>> len(Validation.empty().loss)
        0
        """
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

    def add(self, epoch: int, step: int, loss: float) -> Validation:
        """The curve with one more entry.

        Args:
            epoch: passes over the training data finished.
            step: updates applied.
            loss: mean loss on the validation rows.

        >>> Validation.empty().add(1, 50, 0.25).loss
        array([0.25])
        """
        new = (epoch, step, loss)
        return Validation(
            *(np.append(old, x) for old, x in zip(self, new, strict=True))
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Validation:
        """The curve behind its columns as plain data.

        Args:
            data: a list for each of epoch, step and loss.
        """
        n = len(data["loss"])
        types = {"epoch": np.int64, "step": np.int64, "loss": np.float64}
        return cls(**{k: plain.array_from_json(data[k], types[k], (n,)) for k in types})


@dataclass(frozen=True)
class Trace:
    """What a run did, row by row. The fields of Row are attributes: `trace.value`.

    Args:
        rows: a struct of arrays, one entry a recorded step.
        validation: the validation curve, empty without validation data.
        path: the tree of params with one leading axis, an entry a row; None when
            it was not recorded.
        layers: of a network, what is known of each of its weight matrices.
        offender: what was not finite first, where that ended the run.
    """

    rows: Row
    validation: Validation = field(default_factory=Validation.empty)
    path: Any = None
    layers: Layers | None = None
    offender: Offender | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows.value)

    def __getattr__(self, name: str) -> np.ndarray:
        """A column of the rows."""
        if name in Row._fields:
            return getattr(self.rows, name)
        raise AttributeError(f"Trace has no {name!r}; its columns: {Row._fields}")

    def to_json(self) -> dict[str, Any]:
        """The trace as plain data; `from_json` reads it back."""
        path, layout = (None, None) if self.path is None else _path_json(self.path)
        return {
            "rows": _columns(self.rows),
            "validation": _columns(self.validation),
            "path": path,
            "path_layout": layout,
            "layers": None if self.layers is None else self.layers.to_json(),
            "offender": None if self.offender is None else self.offender._asdict(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Trace:
        """The trace that `to_json` wrote.

        Args:
            data: what it wrote.

        Raises:
            KeyError, TypeError, ValueError: a part is missing or damaged.
        """
        n = len(data["rows"]["value"])
        read = {
            name: plain.array_from_json(column, rows_of.dtype_of(name), (n,))
            for name, column in data["rows"].items()
        }
        validation = Validation.from_json(data["validation"])
        path = data["path"]
        if path is not None:
            path = plain.tree_from_json(path, data["path_layout"])
        layers = data.get("layers")  # an older run has none
        if layers is not None:
            layers = Layers.from_json(layers)
        offender = offender_from_json(data.get("offender"))
        return cls(Row(**read), validation, path, layers, offender)


def _columns(struct: Any) -> dict[str, list[Any]]:
    return {k: plain.array_to_json(column) for k, column in struct._asdict().items()}


def _path_json(path: Any) -> tuple[Any, Any]:
    return plain.tree_to_json(jax.tree.map(np.asarray, path))
