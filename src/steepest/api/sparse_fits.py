"""What sparse rows ask of a fit: a linear model, and steps that kernels make."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.api import linear_choice as choice
from steepest.api import linear_legs as legs
from steepest.api.own_losses import is_own
from steepest.core.errors import UsageError
from steepest.data.hashing import check_bits
from steepest.descent.kernels import Csr
from steepest.descent.linear_tables import Table
from steepest.problems.models import Linear, Model


def check_bits_of(asked: dict[str, Any], model: Model) -> None:
    """Refuse what cannot be hashed, before any file is read.

    Args:
        asked: the options of `fit`.
        model: what will be fitted.

    Raises:
        UsageError: bits that are none, or another model than a linear one.
    """
    bits = asked["hash_bits"]
    if bits is None:
        return
    check_bits(bits)
    if not isinstance(model, Linear):
        raise UsageError(
            f"hash_bits={bits}: makes sparse rows, which only linear models read. Take "
            "model='linear', or leave hash_bits out."
        )


def check_sparse(model: Model, loss: Any, linear: legs.Linear | None) -> None:
    """Refuse what would need the rows as a dense table.

    Args:
        model: what is fitted.
        loss: on what.
        linear: the fit, as the linear engine sees it.

    Raises:
        UsageError: a model, a loss or a rule that kernels do not have.
    """
    if not isinstance(model, Linear):
        raise UsageError(
            f"model={model.kind!r}: sparse rows are read by linear models alone. Take "
            "model='linear', or give dense rows: X.toarray()."
        )
    if linear is None and is_own(loss):
        raise UsageError(
            f"loss {loss.fn.name}: sparse rows need a loss of two plain numbers, by "
            "arithmetic, if and math functions; this one is for arrays. Rewrite it, or "
            "give dense rows: X.toarray()."
        )
    if linear is None:
        known = ", ".join(choice.KERNELS)
        raise UsageError(
            f"loss={str(loss)!r}: sparse rows have the losses {known}. Take one of "
            "them, or give dense rows: X.toarray()."
        )
    if not linear.full and not legs.has_steps(linear):
        raise UsageError(
            f"optimizer={linear.rule.optimizer.name!r}: on batches of sparse rows "
            f"there are {', '.join(legs.RULES)}, without clipping or search. Take one "
            "of them, or batch_size='full'."
        )


def predicted(params: dict[str, Any], inputs: Any) -> np.ndarray[Any, Any]:
    """What a linear model returns for sparse rows: (n,), or (n, k) for k outputs.

    Args:
        params: {"weight": (d, k)}, and "bias" (k,) where there is one.
        inputs: (n, d) sparse rows.
    """
    out = inputs @ np.asarray(params["weight"])
    if "bias" in params:
        out = out + np.asarray(params["bias"])
    return out[:, 0] if out.shape[1] == 1 else out


def used_columns(table: Table) -> np.ndarray[Any, Any] | None:
    """The columns that hold anything in some row; None where all do, or rows are dense.

    A descent from zero leaves the coefficients of all others at zero, so it need not
    carry them along: of 2^18 hashed columns a few thousand may be in use.

    Args:
        table: training rows.
    """
    if not isinstance(table.inputs, Csr):
        return None
    seen = np.zeros(table.n_columns, bool)
    seen[table.inputs.indices] = True
    seen[0] |= not seen.any()  # a model has one column at least
    return None if seen.all() else np.flatnonzero(seen)


def narrowed(table: Table, used: np.ndarray[Any, Any] | None) -> Table:
    """The rows in the columns that are used alone.

    Args:
        table: sparse rows.
        used: columns in rising order; None for all.
    """
    if used is None:
        return table
    place = np.full(table.n_columns, -1, np.int32)
    place[used] = np.arange(len(used))
    data, indices, indptr = table.inputs
    kept = place[indices] >= 0
    ends = np.concatenate([[0], np.cumsum(kept)])[indptr]
    rows = Csr(data[kept], place[indices[kept]], ends)
    return table._replace(inputs=rows, n_columns=len(used))


def widened(
    params: dict[str, Any], used: np.ndarray[Any, Any] | None, width: int
) -> dict[str, Any]:
    """Params of all columns: zero where a column was not used.

    Args:
        params: {"weight": (len(used), k)}, and "bias" (k,) where there is one.
        used: columns in rising order; None for all.
        width: d of all columns.
    """
    if used is None:
        return params
    weight = np.asarray(params["weight"])
    full = np.zeros((width, weight.shape[1]), weight.dtype)
    full[used] = weight
    return {**params, "weight": full}
