"""A loss of the user's own: compiled into kernels, or traced by jax."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.descent import kernels
from steepest.problems.losses import Loss
from steepest.problems.losses.base import PerRow

LOOKED_AT = 1000
"""Targets that a loss is tried on."""
KERNEL, TRACED = (
    "plain numbers: compiled, with slopes by central difference",
    "written for arrays: jax differentiates it",
)
"""How a loss was taken, for the settings."""


def is_own(loss: Loss) -> bool:
    """Whether a loss is a function of the user's."""
    return isinstance(loss.fn, PerRow)


def settled(loss: Loss, target: Any, *, linear: bool, n_outputs: int = 1) -> Loss:
    """A loss that can be used; a user's function is looked at, others pass through.

    It may be plain Python of two floats, (prediction, target) -> one float, for linear
    models of one output: Numba compiles it. Or of arrays of rows, with jax.numpy, for
    any model. Arithmetic is both; then it is compiled.

    Args:
        loss: from `get_loss`.
        target: (n,) as the loss will see it.
        linear: whether the model is linear, its first prediction 0.
        n_outputs: of the model.

    Raises:
        UsageError: a function that is neither.
        DataError: one that is not finite where a linear model begins.

    >>> from steepest.problems.losses import get_loss
    >>> fourth = settled(get_loss(lambda p, t: (p - t) ** 4), np.ones(3), linear=True)
    >>> fourth.fn.kernel
    OwnLoss(<lambda>)
    """
    if not is_own(loss):
        return loss
    own: Any = loss.fn
    fn, name = own.fn, own.name
    _check_arity(fn, name)
    if n_outputs == 1 and len(np.asarray(target)):
        _check_number(fn, name, float(np.asarray(target)[0]))
    kernel, why_not = None, ""
    if linear and n_outputs == 1:
        kernel, why_not = _compiled(fn)
    if kernel is None:
        check_traced(loss, np.asarray(target).dtype, n_outputs, why_not)
    found = replace(loss, fn=PerRow(fn, kernel))
    if n_outputs == 1:
        _check_start(found, np.asarray(target)[:LOOKED_AT], linear=linear)
    return found


def kernel_of(loss: Loss) -> Any:
    """The OwnLoss of a settled loss, None where it has none.

    Args:
        loss: any.
    """
    return loss.fn.kernel if isinstance(loss.fn, PerRow) else None


def _check_arity(fn: Callable[..., Any], name: str) -> None:
    try:
        inspect.signature(fn).bind(0.0, 0.0)
    except ValueError:  # built-in functions hide theirs
        return
    except TypeError as error:
        raise UsageError(
            f"loss {name}: takes {inspect.signature(fn)}; it must take two arguments, "
            "(prediction, target). Fix the others by a lambda."
        ) from error


def _check_number(fn: Callable[..., Any], name: str, target: float) -> None:
    """Refuse what is no real number for one row, where plain Python can tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = fn(0.0, target)
    except Exception:  # it is for arrays, or what follows has better words
        return
    kind = getattr(value, "dtype", np.dtype(type(value))).kind
    several = isinstance(value, np.ndarray) and value.size != 1
    if kind in "OUSbc" or several:
        raise UsageError(
            f"loss {name}: returns {value!r:.60} for prediction 0.0 and target "
            f"{target:g}; it must return one real number, such as "
            "(prediction - target) ** 2."
        )


@functools.lru_cache(maxsize=32)
def _compiled(fn: Callable[..., Any]) -> tuple[Any, str]:
    """(the OwnLoss, "") or (None, why not): the same again, so it compiles only once.

    What Numba has to say of code for arrays is long; one line of it must do.
    """
    try:
        return kernels.OwnLoss(fn), ""
    except UsageError as error:
        return None, _reason(error)


def _reason(error: UsageError) -> str:
    """The line of Numba's that says most."""
    lines = [line.strip() for line in str(error.__cause__ or error).splitlines()]
    dull = ("Failed in nopython", "During:", "File ", "[")
    told = [line for line in lines if line and not line.startswith(dull)]
    if told and told[0].endswith("<class 'float'>) found for signature:"):
        return "it returns what is no number."
    return f"{told[0].removesuffix(' found for signature:')}." if told else str(error)


def check_traced(
    loss: Loss, dtype: Any = np.float32, n_outputs: int = 1, why_not: str = ""
) -> None:
    """Refuse what jax cannot trace, or what gives no value a row.

    Args:
        loss: a function of the user's.
        dtype: of the target.
        n_outputs: of the model.
        why_not: what Numba said of it; empty where that does not matter.

    Raises:
        UsageError: such a function.
    """
    n = 3
    shape = (n,) if n_outputs == 1 else (n, n_outputs)
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    prediction = jax.ShapeDtypeStruct(shape, jnp.float32)
    rows = jax.ShapeDtypeStruct((n,), dtype)
    own: Any = loss.fn
    name = own.name
    try:
        kind = jax.eval_shape(loss.fn, prediction, rows).dtype
    except UsageError:  # it is for arrays, but of another shape
        raise
    except Exception as error:
        arrays = f"On arrays of rows: {_line(error)}"
        if why_not:
            raise UsageError(
                f"loss {name}: can be used neither way. On two numbers Numba says: "
                f"{why_not} {arrays} Write it for two floats, by arithmetic, if and "
                "math functions; or for arrays, with jax.numpy."
            ) from error
        raise UsageError(
            f"loss {name}: networks, several outputs, and steps that no kernel makes "
            "need a loss for arrays of rows, written with jax.numpy (jnp.exp, not "
            f"math.exp; jnp.where, not if). {arrays}"
        ) from error
    if not jnp.issubdtype(kind, jnp.floating):
        raise UsageError(
            f"loss {name}: returns values of type {kind}, which have no slope to "
            "descend; it must return real numbers."
        )


def _line(error: Exception) -> str:
    """The first line of an error that has any, and what kind it is of."""
    kind, lines = type(error), [part for part in str(error).splitlines() if part]
    told = lines[0].rstrip(".") if lines else "an error"
    known = kind.__module__.partition(".")[0] == "jax" or kind is TypeError
    return f"{told}." if known else f"{kind.__name__}: {told}."


def _check_start(loss: Loss, target: np.ndarray[Any, Any], *, linear: bool) -> None:
    """Refuse a loss that is not finite at prediction 0, where linear models begin.

    Networks begin near it: there a loss must be finite at some prediction.
    """
    kernel = kernel_of(loss)
    if kernel is None:
        values = _of_arrays(loss, np.zeros(len(target)), target)
    else:
        values = np.array([kernel.compiled(0.0, float(y))[0] for y in target])
    lost = ~np.isfinite(values)
    if lost.any() and not linear:
        lost &= ~np.isfinite(_of_arrays(loss, np.full(len(target), 0.5), target))
    if lost.any():
        place, own = np.argmax(lost), cast("PerRow", loss.fn)
        raise DataError(
            f"loss {own.name}: is {values[place]} at prediction 0.0 and target "
            f"{float(target[place])!r}, where the descent begins; it must be finite "
            "for every prediction. Keep log, sqrt and / from numbers <= 0."
        )


def _of_arrays(loss: Loss, prediction: Any, target: Any) -> np.ndarray[Any, Any]:
    return np.asarray(loss(jnp.asarray(prediction), jnp.asarray(target)), float)
