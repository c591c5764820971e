"""Checked rows, and what the kernels of linear models make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from steepest.api import linear_choice as choice
from steepest.api import linear_legs as legs
from steepest.api.own_losses import is_own, kernel_of, settled
from steepest.core.errors import UsageError
from steepest.core.spec import parse_spec
from steepest.descent.linear_tables import Columns, Table
from steepest.estimators.scale import Scale
from steepest.problems.losses import Loss, get_loss
from steepest.problems.models import Linear

Array = np.ndarray[Any, Any]


class Rows(NamedTuple):
    """Checked rows of one part of the data."""

    X: Any
    y: Array
    weight: Array


def np_tree(params: Any) -> Any:
    """Params as NumPy arrays."""
    if isinstance(params, dict):
        return {name: np.asarray(part) for name, part in params.items()}
    return np.asarray(params)


def table_of(rows: Rows, scale: Scale) -> Table:
    """Rows as kernels read them: as they lie, where that costs no precision."""
    X, columns = rows.X, None
    if scipy.sparse.issparse(X):
        inputs: Any = legs.rows_read(scale.rows(X))
    elif scale.is_near(X.dtype):
        inputs, columns = X, Columns(scale.mean, scale.size)
    else:
        inputs = scale.rows(X)
    weight = None if (rows.weight == 1).all() else rows.weight.astype(X.dtype)
    y = scale.target(rows.y).astype(X.dtype)
    return Table(inputs, y, weight, X.shape[1], columns)


def loss_of(loss: Any, task: str, target: Any = ()) -> Loss:
    """The loss, where kernels have it.

    Args:
        loss: "auto", a name of steepest.LOSSES with its number, or a function of two
            plain numbers.
        task: "regression", "binary" or "multiclass".
        target: (n,) as a function of the user's will see it.

    Raises:
        UsageError: another.
    """
    found = get_loss(loss, task=task)
    if is_own(found):
        found = settled(found, np.asarray(target, float), linear=True)
        if kernel_of(found) is None:
            raise UsageError(
                f"loss {found.name}: estimators compile a loss of two plain numbers "
                "(arithmetic, if, math functions); this one is for arrays. "
                "steepest.fit takes it."
            )
        return replace(found, tasks=("regression", "binary"))
    if not choice.has_kernel(Linear(), found):
        name = parse_spec(loss)[0] if isinstance(loss, str) else loss
        raise UsageError(f"loss={name!r}: estimators take the losses of linear models.")
    return found


def plain(value: Any) -> Any:
    """An option as plain data.

    >>> plain(0.5), plain(len)
    (0.5, 'len')
    """
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
