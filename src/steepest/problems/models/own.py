"""Models that users bring: any Equinox module, or a pair (params, apply)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import UsageError
from steepest.problems.models.base import Model, check_sizes

AXIS = "batch"


class ModuleStats(NamedTuple):
    """What a module keeps besides its parameters; None for what it does not have."""

    state: eqx.nn.State | None
    key: jax.Array | None  # raw key data, so that it is saved like any other array


class ModuleModel(Model):
    """An Equinox module, called row by row (that is, vmapped) on a batch.

    Its inexact arrays are the parameters, and its present values the start; all else
    stays as it is. A stateful module (eqx.nn.BatchNorm(axis_name="batch", ...)) takes
    and returns `(row, state)`. A module that cannot do without a `key` in training
    (dropout) gets a fresh one for each row of each step; the key travels in the stats.
    In prediction `equinox.nn.inference_mode` is on and there is no key.

    Compared by identity: wrap a module once, and its compiled programs are found again.

    Args:
        module: a module of one row, (n_inputs,) -> (n_outputs,) or (), or the pair
            (module, state) that `equinox.nn.make_with_state` returns.

    >>> model = ModuleModel(eqx.nn.Linear(3, 1, key=jax.random.key(0)))
    >>> params, stats = model.init(jax.random.key(1), 3, 1)
    >>> model.apply(params, stats, jnp.ones((2, 3)), training=True)[0].shape
    (2, 1)
    """

    kind: ClassVar[str] = "module"

    def __init__(self, module: Any) -> None:
        stateful = isinstance(module, tuple)
        module, state = module if stateful else _with_state(module)
        self._params, self._rest = eqx.partition(module, eqx.is_inexact_array)
        if not jax.tree.leaves(self._params):
            raise UsageError("model: the module holds no float array to learn.")
        self._state = _copy(state)
        self._takes_key = "key" in inspect.signature(module).parameters

    @property
    def rows_meet(self) -> bool:
        """With a state (batch norm) they may."""
        return self._state is not None

    def init(self, key: jax.Array, n_inputs: int, n_outputs: int) -> tuple[Any, Any]:
        """The module's own arrays; the key only seeds its dropout.

        Raises:
            UsageError: the module does not map n_inputs to n_outputs.
        """
        check_sizes(n_inputs, n_outputs)
        stats = self._stats(key, n_inputs)
        _try(self, self._params, stats, n_inputs, n_outputs)
        return _copy(self._params), stats

    def width(self, n_inputs: int) -> int:
        """The outputs of the module's last layer.

        Raises:
            UsageError: the module does not take n_inputs.
        """
        stats = self._stats(jax.random.key(0), n_inputs)
        return _shape(self, self._params, stats, n_inputs)[-1]

    def _stats(self, key: jax.Array, n_inputs: int) -> ModuleStats:
        stats = ModuleStats(_copy(self._state), None)
        if self._takes_key and not self._runs(stats, n_inputs):
            stats = stats._replace(key=jax.random.key_data(key))
        return stats

    def _runs(self, stats: ModuleStats, n_inputs: int) -> bool:
        """Whether a training step can be traced with these stats."""
        try:
            _trace(self, self._params, stats, n_inputs)
        except Exception:
            return False
        return True

    def apply(
        self, params: Any, stats: ModuleStats, inputs: Any, *, training: bool
    ) -> tuple[jax.Array, ModuleStats]:
        """The module on every row; see Model.apply."""
        module = eqx.combine(params, self._rest)
        module = eqx.nn.inference_mode(module, value=not training)
        inputs = jnp.asarray(inputs)
        keys, key = None, stats.key
        if training and key is not None:
            both = jax.random.split(jax.random.wrap_key_data(key))
            keys, key = jax.random.split(both[0], len(inputs)), both[1]
            key = jax.random.key_data(key)

        def one_row(row: jax.Array, row_key: Any, state: Any) -> tuple[Any, Any]:
            options = {"key": row_key} if self._takes_key else {}
            if state is None:
                return module(row, **options), None
            return module(row, state, **options)

        outputs, state = jax.vmap(
            one_row, in_axes=(0, 0, None), out_axes=(0, None), axis_name=AXIS
        )(inputs, keys, stats.state)
        return _columns(outputs), ModuleStats(state, key) if training else stats


class FunctionModel(Model):
    """A pair (params, apply), where apply(params, inputs) returns the outputs.

    Args:
        params: a tree of float arrays or numbers: the start of the descent.
        fn: `fn(params, inputs)` for inputs (n, n_inputs), returning (n, n_outputs), or
            (n,) for one output.

    Raises:
        UsageError: params hold something that is not a float.

    >>> model = FunctionModel({"slope": 2.0}, lambda p, x: p["slope"] * x[:, 0])
    >>> params, stats = model.init(jax.random.key(0), 1, 1)
    >>> model.apply(params, stats, jnp.ones((2, 1)), training=True)[0].tolist()
    [[2.0], [2.0]]
    """

    kind: ClassVar[str] = "function"

    def __init__(self, params: Any, fn: Callable[[Any, Any], Any]) -> None:
        self._params = jax.tree_util.tree_map_with_path(_float_leaf, params)
        if not jax.tree.leaves(self._params):
            raise UsageError("model=(params, apply): params hold no number to learn.")
        self._fn = fn

    @property
    def rows_meet(self) -> bool:
        """They may: nothing is known of the function."""
        return True

    def init(self, key: jax.Array, n_inputs: int, n_outputs: int) -> tuple[Any, Any]:
        """The user's own start; the key is not used.

        Raises:
            UsageError: apply does not map n_inputs to n_outputs.
        """
        del key
        check_sizes(n_inputs, n_outputs)
        _try(self, self._params, (), n_inputs, n_outputs)
        return _copy(self._params), ()

    def width(self, n_inputs: int) -> int:
        """The outputs of the user's function.

        Raises:
            UsageError: it does not take n_inputs.
        """
        return _shape(self, self._params, (), n_inputs)[-1]

    def apply(
        self, params: Any, stats: Any, inputs: Any, *, training: bool
    ) -> tuple[jax.Array, Any]:
        """The user's function on the batch; see Model.apply."""
        del training
        return _columns(self._fn(params, jnp.asarray(inputs))), stats


def _with_state(module: Any) -> tuple[Any, eqx.nn.State | None]:
    """A module parted from the state it was made with, if it has any."""
    module, state = eqx.nn.make_with_state(lambda: module)()
    return module, state if jax.tree.leaves(state) else None


def _copy(tree: Any) -> Any:
    """Arrays of their own: a caller may give the memory of its params away."""
    return jax.tree.map(jnp.array, tree)


def _columns(outputs: Any) -> jax.Array:
    """Outputs (n,) as one column, (n, 1)."""
    outputs = jnp.asarray(outputs)
    return outputs[:, None] if outputs.ndim == 1 else outputs


def _float_leaf(path: tuple[Any, ...], leaf: Any) -> jax.Array:
    """A leaf of the user's params as a float array; numbers become float32."""
    if isinstance(leaf, float):
        return jnp.asarray(leaf, jnp.float32)
    array = isinstance(leaf, jax.Array | np.ndarray)
    if array and jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.asarray(leaf)
    raise UsageError(
        f"model=(params, apply): params{jax.tree_util.keystr(path)} is "
        f"{getattr(leaf, 'dtype', type(leaf).__name__)}; only floats can descend. "
        "Write numbers with a point, and keep other values inside apply."
    )


def _trace(model: Model, params: Any, stats: Any, n_inputs: int) -> tuple[int, ...]:
    """The shape of the outputs of a training step on two rows."""
    rows = jax.ShapeDtypeStruct((2, n_inputs), jnp.float32)
    return jax.eval_shape(
        lambda rows: model.apply(params, stats, rows, training=True)[0], rows
    ).shape


def _try(model: Model, params: Any, stats: Any, n_inputs: int, n_outputs: int) -> None:
    """Trace one step, so that a wrong shape is met before the descent."""
    got = _shape(model, params, stats, n_inputs)
    if got != (2, n_outputs):
        raise UsageError(
            f"the model gives outputs of shape {got} for 2 rows; the target needs "
            f"(2, {n_outputs}): make its last layer {n_outputs} wide."
        )


def _shape(model: Model, params: Any, stats: Any, n_inputs: int) -> tuple[int, ...]:
    """The shape of the outputs for two rows; what fails is the user's to mend."""
    try:
        return _trace(model, params, stats, n_inputs)
    except Exception as error:
        raise UsageError(
            f"the model cannot be called on rows of {n_inputs} inputs: {error}\n"
            f"A module takes one row ({n_inputs},) and has axis_name={AXIS!r} in its "
            f"batch norm; apply(params, inputs) takes all rows (n, {n_inputs})."
        ) from error
