"""Tables of linear models: rows, how the model reads their columns, and its weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.descent import kernels
from steepest.descent.kernels import Csr, Plan, Weights

Array = np.ndarray[Any, Any]


class Columns(NamedTuple):
    """What dense columns are less, and divided by, for the model to read them."""

    mean: Array
    """(d,) float64; 0 where the model has no bias"""
    size: Array
    """(d,) float64"""

    def inside(self, params: Any) -> Any:
        """The params for rows as they lie, of params for columns that are brought so.

        Args:
            params: {"weight": (d, k)}, and "bias" (k,) where there is one.
        """
        weight = np.asarray(params["weight"], float) / self.size[:, None]
        if "bias" not in params:
            return {"weight": weight}
        return {"bias": params["bias"] - self.mean @ weight, "weight": weight}

    def outside(self, slope: Array, bias: Array) -> Array:
        """The gradient by the weights, of that by the weights inside and their bias.

        Args:
            slope: (d, k).
            bias: (k,).
        """
        return (slope - np.outer(self.mean, bias)) / self.size[:, None]


class Table(NamedTuple):
    """Rows as the kernels read them."""

    inputs: Array | Csr
    """(n, d) C-contiguous, or sparse"""
    target: Array
    """(n,)"""
    weight: Array | None
    """(n,) weights of the rows; None where all weigh 1"""
    n_columns: int
    columns: Columns | None = None
    """How the model reads the columns; None for as they lie."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        inputs = self.inputs
        return inputs.data.dtype if isinstance(inputs, Csr) else inputs.dtype

    @property
    def n_values(self) -> int:
        """Numbers that a pass reads."""
        inputs = self.inputs
        return inputs.data.size if isinstance(inputs, Csr) else inputs.size


def scaled(table: Table) -> Table:
    """The table as the model reads it, in a copy where columns are brought to a size.

    Args:
        table: of dense rows, where it has columns.
    """
    if table.columns is None:
        return table
    mean, size = table.columns
    rows = table.inputs - mean.astype(table.dtype)
    rows *= (1 / size).astype(table.dtype)
    return table._replace(inputs=rows, columns=None)


def picked(table: Table, rows: Array) -> Table:
    """Some rows of a table, in their order.

    Args:
        table: of them.
        rows: (m,) their places.
    """
    inputs = table.inputs
    csr = isinstance(inputs, Csr)
    kept = kernels.picked_rows(inputs, rows) if csr else inputs[rows]
    weight = None if table.weight is None else table.weight[rows]
    return table._replace(inputs=kept, target=table.target[rows], weight=weight)


def at(plan: Plan, params: Any, dtype: Any) -> Weights:
    """Weights at params, with nothing remembered.

    Args:
        plan: what will be done with them.
        params: {"weight": (d, k)}, and "bias" (k,) where there is one.
        dtype: float32 or float64.
    """
    given = np.asarray(params["weight"])
    weights = kernels.start(plan, given.shape[1], given.shape[0], dtype)
    weights.weight[...] = given.T
    if "bias" in params:
        weights.bias[...] = np.asarray(params["bias"])
    return weights


def of_table(plan: Plan, table: Table, params: Any, dtype: Any) -> Weights:
    """Weights that a table's rows, as they lie, are multiplied with.

    Args:
        plan: what will be done with them.
        table: the rows.
        params: of the model.
        dtype: float32 or float64.
    """
    columns = table.columns
    return at(plan, params if columns is None else columns.inside(params), dtype)
