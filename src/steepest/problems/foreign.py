"""Foreign functions: what jax cannot trace or differentiate, made fit for its loops.

Compiled code calls back into Python for a value, or for a value and its gradient at
once. Numbers cross that border as bits, because the thread that a callback lands on may
not know of 64-bit floats and would round them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.core.errors import DataError, SteepestError
from steepest.problems.layout import Layout, Vector

EPS = float(np.finfo(np.float64).eps)


class Foreign:
    """A function with a gradient that jax did not make, callable in compiled code.

    What can be traced is traced; the rest is called with NumPy arrays. Without `grad`,
    slopes are central differences. An exception in the user's code is kept, nan takes
    the place of every number from then on, and `check` raises it.

    Args:
        fn: params -> one number.
        grad: params -> tree like the params; None for central differences.
        layout: of the params.
        label: the function's name, for messages.
        traced: whether jax can trace (fn, grad).

    >>> f = Foreign(lambda x: float(x[0] ** 2), None, Layout.of(np.zeros(1)))
    >>> with jax.enable_x64(True):
    ...     slope = jax.jit(jax.grad(f))(jnp.array([3.0]))
    >>> round(float(slope[0]), 6)
    6.0
    """

    def __init__(
        self,
        fn: Callable[[Any], Any],
        grad: Callable[[Any], Any] | None,
        layout: Layout,
        label: str = "the function",
        traced: tuple[bool, bool] = (False, False),
    ) -> None:
        self.fn, self.grad, self.layout, self.label = fn, grad, layout, label
        self.traced = traced
        self.eps = EPS
        self.room: tuple[Vector, Vector] | None = None
        self.evaluations = 0
        self.fault: BaseException | None = None
        self._last: Vector = np.zeros(0)
        self._who = label
        self._fn = jax.jit(fn) if traced[0] else fn
        self._grad = jax.jit(grad) if grad is not None and traced[1] else grad
        self._call = jax.custom_vjp(self._primal)
        self._call.defvjp(self._forward, lambda slope, weight: (weight * slope,))

    @property
    def exact(self) -> bool:
        """Whether the gradient is the user's own, not made of differences."""
        return self.grad is not None

    def __call__(self, params: Any) -> Any:
        """The value, in compiled code or out of it."""
        return self._call(ravel_pytree(params)[0])

    def begin(self, start: Any) -> Any:
        """Forget the last run, call the function once, and learn its precision.

        Returns:
            What the function returns at the start, whatever it is.
        """
        self.fault, self.evaluations, self.room = None, 0, None
        out = self._run(self._fn, self.layout.flat(start))
        self.eps = _precision(out)
        return out

    def keep_within(self, low: Any, high: Any) -> None:
        """Ask for no value outside of bounds, not even to take a difference.

        Args:
            low: a tree like the params.
            high: a tree like them.
        """
        self.room = self.layout.flat(low), self.layout.flat(high)

    def check(self) -> None:
        """Raise what went wrong in the user's code since `begin`, if anything did."""
        fault, self.fault = self.fault, None
        if fault is None:
            return
        if isinstance(fault, SteepestError) or not isinstance(fault, Exception):
            raise fault
        raise DataError(
            f"{self._who} raised {type(fault).__name__} at {self._place()} (call "
            f"{self.evaluations} of the function): {fault}"
        ) from fault

    def value(self, params: Any) -> float:
        """The value at a point, outside of compiled code; errors come as they are."""
        return self.value_at(self.layout.flat(params))

    def gradient(self, params: Any) -> Vector:
        """The gradient there as one vector in the order of the leaves."""
        return self.gradient_at(self.layout.flat(params))

    def value_at(self, vector: Vector) -> float:
        """The value at the tree that a vector holds."""
        return number(self._run(self._fn, vector), self.label)

    def gradient_at(self, vector: Vector) -> Vector:
        """The gradient at the tree that a vector holds."""
        if self._grad is None:
            return central_differences(
                self.value_at, vector, eps=self.eps, room=self.room
            )
        given = self._run(self._grad, vector)
        return np.asarray(self.layout.gather(given, "grad"), float)

    def _run(self, fn: Callable[[Any], Any], vector: Vector) -> Any:
        self.evaluations += fn is self._fn
        self._who = self.label if fn is self._fn else "grad"
        self._last = vector
        # overflow is judged by the run, and not every thread computes in 64 bits
        with np.errstate(all="ignore"), jax.enable_x64(True):
            return fn(self.layout.tree(vector))

    def _place(self) -> str:
        """The point of the last call, its first coordinates."""
        seen = [
            f"{self.layout.coordinate(i)}={self._last[i]:.6g}"
            for i in range(min(4, len(self._last)))
        ]
        return ", ".join(seen) + (", ..." if len(self._last) > 4 else "")

    def _primal(self, flat: Any) -> Any:
        if self.traced[0]:
            return jnp.asarray(self.fn(self.layout.traced(flat)), flat.dtype)
        return _crossing(self._host_value, 1, flat)[0]

    def _forward(self, flat: Any) -> tuple[Any, Any]:
        if self.traced == (False, False):
            both = _crossing(self._host_both, 1 + self.layout.size, flat)
            return both[0], both[1:]
        if not self.traced[1]:
            return self._primal(flat), _crossing(self._host_slope, flat.size, flat)
        assert self.grad is not None  # noqa: S101  only what is given is traced
        given = self.grad(self.layout.traced(flat))
        slope = self.layout.gather(given, "grad", jnp)
        return self._primal(flat), slope.astype(flat.dtype)

    def _host_value(self, bits: Any) -> Vector:
        return self._guarded(lambda x: np.array([self.value_at(x)]), 1, bits)

    def _host_slope(self, bits: Any) -> Vector:
        return self._guarded(self.gradient_at, self.layout.size, bits)

    def _host_both(self, bits: Any) -> Vector:
        def both(x: Vector) -> Vector:
            return np.concatenate([[self.value_at(x)], self.gradient_at(x)])

        return self._guarded(both, 1 + self.layout.size, bits)

    def _guarded(self, work: Callable[[Vector], Vector], n: int, bits: Any) -> Vector:
        """Bits in, bits out. Nothing may be raised through compiled code."""
        bits = np.array(bits)
        dtype = np.float64 if bits.ndim == 2 else np.float32
        numbers = np.full(n, np.nan)
        if self.fault is None:
            try:
                point = bits.view(dtype).ravel().astype(np.float64)
                numbers = work(point)
            except BaseException as fault:  # kept; `check` raises it
                self.fault = fault
        with np.errstate(over="ignore"):
            numbers = np.ascontiguousarray(numbers, dtype)
        return numbers.view(np.uint32).reshape(n, *bits.shape[1:])


def wrap(
    fn: Callable[[Any], Any],
    grad: Callable[[Any], Any] | None,
    layout: Layout,
    label: str,
    traced: tuple[bool, bool],
) -> Foreign:
    """The Foreign of a function; the same one again, so that it compiles only once.

    Threads get one each: what is kept of a run belongs to that run.

    Args:
        fn: as for Foreign, like all that follow.
        grad: None for central differences.
        layout: of the params.
        label: the function's name.
        traced: whether jax can trace (fn, grad).

    >>> layout = Layout.of(0.0)
    >>> wrap(abs, None, layout, "abs", (False, False)) is wrap(
    ...     abs, None, layout, "abs", (False, False))
    True
    """
    try:
        return _wrapped(threading.get_ident(), fn, grad, layout, label, traced)
    except TypeError:  # a function that cannot be hashed
        return Foreign(fn, grad, layout, label, traced)


@functools.lru_cache(maxsize=64)
def _wrapped(thread: int, *parts: Any) -> Foreign:
    del thread
    return Foreign(*parts)


def central_differences(
    fn: Callable[[Vector], float],
    point: Vector,
    *,
    eps: float = EPS,
    room: tuple[Vector, Vector] | None = None,
) -> Vector:
    """The gradient from 2n values.

    g_i = (f(x + h_i e_i) - f(x - h_i e_i)) / (2 h_i),  h_i = eps^(1/3) max(1, |x_i|)

    Args:
        fn: vector -> number.
        point: (n,) where.
        eps: rounding of the values, relative.
        room: (low, high) that no value is asked outside of. Where a bound is nearer
            than h_i the slope is that of the parabola through three points inside.

    Returns:
        (n,) slopes, in error by about eps^(2/3). nan where a value is not finite: a
        one-sided difference would be wrong by far more, in silence.

    Source: Dennis and Schnabel (1983), Numerical Methods, section 5.6.

    >>> central_differences(lambda x: float(x[0] ** 3), np.array([2.0])).round(6)
    array([12.])
    """
    slopes = np.empty(len(point))
    for i in range(len(point)):
        ahead, behind = point.copy(), point.copy()
        step = eps ** (1 / 3) * max(1.0, abs(point[i]))
        if room is not None and not room[0][i] + step <= point[i] <= room[1][i] - step:
            slopes[i] = _inward(fn, point, i, step, room[0][i], room[1][i])
            continue
        ahead[i], behind[i] = point[i] + step, point[i] - step
        with np.errstate(all="ignore"):
            # over what was stepped, which rounding makes differ from 2 * step
            slopes[i] = np.float64(fn(ahead) - fn(behind)) / (ahead[i] - behind[i])
    return slopes


def _inward(
    fn: Callable[[Vector], float],
    point: Vector,
    i: int,
    step: float,
    low: float,
    high: float,
) -> float:
    """(-3 f(x) + 4 f(x + h) - f(x + 2 h)) / (2 h), h leading away from the near bound.

    0 where the bounds leave no room at all.
    """
    up = high - point[i] >= point[i] - low
    step = min(step, (high - point[i] if up else point[i] - low) / 2)
    if step == 0:
        return 0.0
    first, second = point.copy(), point.copy()
    first[i] += step if up else -step
    second[i] += 2 * step if up else -2 * step
    first[i], second[i] = np.clip((first[i], second[i]), low, high)
    length = first[i] - point[i]
    with np.errstate(all="ignore"):
        return float((4 * fn(first) - 3 * fn(point) - fn(second)) / (2 * length))


def number(out: Any, label: str) -> float:
    """What a function returned, as one number; what is not one is refused.

    Args:
        out: anything.
        label: the function's name.

    Raises:
        DataError: it is not a single real number.

    >>> number(np.float32(0.5), "f")
    0.5
    """
    if isinstance(out, float):  # also a np.float64: the quick way
        return float(out)
    why = misfit(out)
    if why:
        raise DataError(f"{label} {why}")
    return float(np.asarray(out))


def misfit(out: Any) -> str:
    """Why something is not a single real number; empty where it is.

    Args:
        out: anything, also the shape of what a traced function would return.

    >>> misfit(None)
    'returns None; it must return one number.'
    """
    if out is None:
        return "returns None; it must return one number."
    if isinstance(out, tuple):
        return (
            f"returns tuple, of {len(out)}; it must return one number. A gradient is "
            "given apart, as grad=."
        )
    try:
        got = out if hasattr(out, "dtype") else np.asarray(out)
        shape, dtype = tuple(got.shape), got.dtype
        dtype = dtype if isinstance(dtype, np.dtype) else np.asarray(out).dtype
    except (ValueError, TypeError, AttributeError):
        shape, dtype = (), np.dtype(object)
    if dtype.kind in "OSUMm":
        return f"returns {type(out).__name__}; it must return one number."
    if shape:
        return (
            f"returns an array of shape {shape}; it must return one number: take the "
            "sum or the mean."
        )
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return f"returns {dtype}; it must return a real number."
    return ""


def _precision(out: Any) -> float:
    """The rounding of what a function returns, relative."""
    try:
        dtype = np.asarray(out).dtype
    except (ValueError, TypeError):
        return EPS
    return float(jnp.finfo(dtype).eps) if jnp.issubdtype(dtype, jnp.floating) else EPS


def told(error: BaseException, length: int = 120) -> str:
    r"""An exception in one short line.

    Args:
        error: the exception.
        length: characters of its message at most.

    >>> told(ValueError("too\nlong"))
    'ValueError: too'
    """
    first = next(iter(str(error).strip().splitlines()), "no message")
    return f"{type(error).__name__}: {first[:length].rstrip()}"


def _crossing(host: Callable[[Any], Vector], n: int, flat: Any) -> Any:
    """What a callback makes of the numbers in `flat`: bits both ways."""
    bits = jax.lax.bitcast_convert_type(flat, jnp.uint32)
    shape = jax.ShapeDtypeStruct((n, *bits.shape[1:]), jnp.uint32)
    bits = jax.pure_callback(host, shape, bits, vmap_method="sequential")
    return jax.lax.bitcast_convert_type(bits, flat.dtype)
