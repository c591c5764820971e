"""What a model is: a recipe that makes parameters, and one that uses them."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from steepest.core.errors import DataError, UsageError
from steepest.core.numbers import is_whole


class Model(abc.ABC):
    """A recipe of a model: frozen, hashable, without a single number that is trained.

    What is trained (`params`) and what is only kept up to date (`stats`, such as the
    running means of batch norm) are trees of arrays that the caller holds; their
    structure, shapes and dtypes never change, so a compiled loop may carry them.
    """

    kind: ClassVar[str]
    outputs: int | None = None
    """Outputs that an embedding has; None where nobody named a number."""

    @property
    def rows_meet(self) -> bool:
        """Whether a row's training output depends on the other rows of its batch.

        Where it does (batch norm), a short batch cannot be filled up with other rows.
        """
        return False

    def width(self, n_inputs: int) -> int | None:
        """Outputs that it has whatever is asked of it; None where it makes any number.

        Args:
            n_inputs: columns of the inputs, > 0.
        """
        del n_inputs
        return self.outputs

    @abc.abstractmethod
    def init(self, key: jax.Array, n_inputs: int, n_outputs: int) -> tuple[Any, Any]:
        """Fresh (params, stats).

        Args:
            key: a JAX random key; equal keys give equal parameters.
            n_inputs: columns of the inputs, > 0.
            n_outputs: columns of the outputs, > 0: 1, or the number of classes.

        Returns:
            params: a tree of float arrays, float32 for the built-in recipes.
            stats: a tree of arrays that descent does not touch; it may hold none.
        """

    @abc.abstractmethod
    def apply(
        self, params: Any, stats: Any, inputs: Any, *, training: bool
    ) -> tuple[jax.Array, Any]:
        """Raw predictions of a batch.

        Args:
            params: as `init` made them, or descended from there.
            stats: as `init` made them, or as the last training call returned them.
            inputs: (n, n_inputs) rows.
            training: True in a descent step (batch statistics, dropout), False when
                predicting, which leaves stats as they are.

        Returns:
            (n, n_outputs) outputs, also for one output, and the stats to go on with.
        """

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data: its kind and its options."""
        return {"kind": self.kind}


def check_sizes(n_inputs: int, n_outputs: int) -> None:
    """Refuse a model without inputs or outputs.

    >>> check_sizes(0, 1)
    Traceback (most recent call last):
    ...
    steepest.core.errors.UsageError: n_inputs=0: must be >= 1. The table has no column
    left to learn from.
    """
    if not n_inputs >= 1:
        raise UsageError(
            f"n_inputs={n_inputs}: must be >= 1. The table has no column left to "
            "learn from."
        )
    if not n_outputs >= 1:
        raise UsageError(
            f"n_outputs={n_outputs}: must be >= 1: 1 for a number or two classes, "
            "else the number of classes."
        )


def check_outputs(outputs: Any) -> None:
    """Refuse a number of outputs that is none.

    >>> check_outputs(0)
    Traceback (most recent call last):
    ...
    steepest.core.errors.UsageError: outputs=0: must be a whole number >= 1, the width
    of an embedding; leave it out elsewhere.
    """
    if outputs is not None and not (is_whole(outputs) and outputs >= 1):
        raise UsageError(
            f"outputs={outputs!r}: must be a whole number >= 1, the width of an "
            "embedding; leave it out elsewhere."
        )


def leaves_by_name(tree: Any) -> dict[str, jax.Array]:
    """Every array of a tree under a readable name of its own.

    >>> list(leaves_by_name({"weight": jnp.zeros(2), "inner": (jnp.zeros(1),)}))
    ['inner.0', 'weight']
    """
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    named = {_name(path): leaf for path, leaf in paths}
    if len(named) < len(paths):  # a key with a dot in it met a nested one
        named = {jax.tree_util.keystr(path): leaf for path, leaf in paths}
    return named


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".") or "value"


def replace_leaves(tree: Any, named: Mapping[str, Any]) -> Any:
    """The tree with the arrays of `leaves_by_name`, as they come back from a file.

    Args:
        tree: a tree of the wanted structure, fresh from `Model.init`.
        named: one array a name, each with the shape and dtype of the one it replaces.

    Raises:
        DataError: a name too many or too few, another shape or dtype.

    >>> tree = {"weight": jnp.zeros(2)}
    >>> replace_leaves(tree, {"weight": np.ones(2, np.float32)})["weight"].tolist()
    [1.0, 1.0]
    """
    known = leaves_by_name(tree)
    if known.keys() != named.keys():
        odd = ", ".join(sorted(known.keys() ^ named.keys()))
        raise DataError(
            f"the saved arrays do not fit this model: {odd} on one side only. "
            "Load them into the model they were saved from."
        )
    for name, leaf in known.items():
        got, need = np.asarray(named[name]), np.asarray(leaf)
        if (got.shape, got.dtype) != (need.shape, need.dtype):
            raise DataError(
                f"the saved array {name} is {got.dtype}{got.shape}, the model needs "
                f"{need.dtype}{need.shape}. Load it into the model it was saved from."
            )
    leaves = [jnp.asarray(named[name]) for name in known]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def options_of(model: Any) -> dict[str, Any]:
    """The fields of a recipe as JSON takes them: tuples are lists, None is left out.

    >>> from steepest.problems.models import MLP
    >>> options_of(MLP(hidden=8))["hidden"]
    [8]
    """
    options = {
        field.name: getattr(model, field.name) for field in dataclasses.fields(model)
    }
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value is not None
    }
