"""A function that somebody gives, perhaps with its gradient: how jax may call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import DataError, SteepestError, UsageError
from steepest.problems.foreign import Foreign, misfit, told, wrap
from steepest.problems.layout import Layout
from steepest.problems.preflight import check_gradient

Function = Callable[[Any], Any]


def take(
    fn: Function, grad: Any, start: Any, label: str
) -> tuple[Function, tuple[str, ...]]:
    """A function that jax can differentiate, and what the user should know of it.

    Args:
        fn: params -> one number.
        grad: params -> gradient, or None.
        start: the params, float arrays and Python floats at its leaves.
        label: the function's name.

    Returns:
        (function, notes): fn itself where jax can trace it and no gradient is given.

    Raises:
        UsageError: grad is no function.
        DataError: fn cannot be called, gives no single real number, or grad is not
            its gradient at the start.

    >>> take(jnp.sum, None, np.ones(2), "sum") == (jnp.sum, ())
    True
    """
    if grad is not None and not callable(grad):
        raise UsageError(
            f"grad={grad!r}: must be a function of the params that returns the "
            "gradient in their shape."
        )
    out, failure = _traced(fn, start)
    if failure is None:
        _check_number(out, "the objective")
        if grad is None:
            return fn, ()
    layout = Layout.of(start)
    foreign = _wrapped(fn, grad, start, layout, label, failure)
    if grad is not None:
        _check_slope(foreign, start)
    foreign.evaluations = 0  # counted from where the run begins
    notes = (_note(label, failure, layout.size),) if grad is None else ()
    return foreign, notes


def is_foreign(fn: Any) -> bool:
    """Whether a function, or its gradient, runs in Python at each evaluation.

    Args:
        fn: what `take` returned.

    >>> is_foreign(jnp.sum)
    False
    """
    return isinstance(fn, Foreign) and fn.traced != (True, True)


def _traced(fn: Function, start: Any) -> tuple[Any, Exception | None]:
    """What a function would return to jax, without running it, or why it cannot."""
    try:
        with jax.enable_x64(True):  # as the engine will
            return jax.eval_shape(fn, start), None
    except SteepestError:
        raise
    except Exception as failure:
        return None, failure


def _wrapped(
    fn: Function,
    grad: Function | None,
    start: Any,
    layout: Layout,
    label: str,
    failure: Exception | None,
) -> Foreign:
    """The foreign function, called once at the start."""
    grad_failure = None
    if grad is not None:
        _, grad_failure = _traced(lambda x: layout.gather(grad(x), "grad", jnp), start)
    traced = (failure is None, grad is not None and grad_failure is None)
    foreign = wrap(fn, grad, layout, label, traced)
    try:
        out = foreign.begin(start)
    except SteepestError:
        raise
    except Exception as error:
        raise _unusable(label, failure, error) from error
    _check_number(out, label)
    if not np.isfinite(float(np.asarray(out))):
        raise DataError(
            f"{label}: the objective is {float(np.asarray(out))} and so is not finite "
            "at the start; start where the function is defined."
        )
    if grad is None:
        return foreign
    try:
        slope = foreign.gradient(start)
    except SteepestError:
        raise
    except Exception as error:
        raise _unusable("grad", grad_failure, error) from error
    bad = np.flatnonzero(~np.isfinite(slope))
    if len(bad):
        raise DataError(
            f"grad returns {slope[bad[0]]} for {layout.coordinate(int(bad[0]))}: the "
            "gradient is not finite at the start; start where the function is smooth."
        )
    return foreign


def _unusable(label: str, failure: Exception | None, error: Exception) -> DataError:
    because = "" if failure is None else f" cannot be traced by jax ({told(failure)}),"
    return DataError(
        f"{label}{because}{' and' if because else ''} fails on NumPy arrays "
        f"({told(error)}). Write it for one argument of the shape of the start."
    )


def _check_number(out: Any, label: str) -> None:
    """One real floating number is asked for; a whole one has no slope."""
    why = misfit(out)
    if why:
        raise DataError(f"{label} {why}")
    dtype = out.dtype if isinstance(out, jax.ShapeDtypeStruct) else None
    dtype = np.asarray(out).dtype if dtype is None else dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        raise DataError(
            f"{label} returns a whole number ({dtype}); it must return a real floating "
            "number: whole numbers have no slope."
        )


def _check_slope(foreign: Foreign, start: Any) -> None:
    check_gradient(
        foreign.value_at,
        foreign.layout.flat(start),
        foreign.gradient(start),
        name=foreign.layout.coordinate,
        eps=foreign.eps,
    )


def _note(label: str, failure: Exception | None, size: int) -> str:
    assert failure is not None  # noqa: S101  what can be traced needs no note
    return (
        f"{label} cannot be traced by jax ({type(failure).__name__}): gradients by "
        f"central differences, {2 * size} evaluations each; give grad=, or write it "
        "with jax.numpy."
    )
