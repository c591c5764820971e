"""The way from a name, a module or a pair to a model, and from JSON back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import equinox as eqx

from steepest.core.errors import DataError, UsageError
from steepest.core.suggest import did_you_mean
from steepest.problems.models.base import Model
from steepest.problems.models.linear import Linear
from steepest.problems.models.mlp import MLP
from steepest.problems.models.own import FunctionModel, ModuleModel

MODELS: dict[str, type[Model]] = {Linear.kind: Linear, MLP.kind: MLP}


def get_model(spec: Any, **options: Any) -> Model:
    """A model from its name, a Model, an Equinox module, or a pair (params, apply).

    Args:
        spec: "linear", "mlp", a Model, an Equinox module, the (module, state) of
            `equinox.nn.make_with_state`, or (params, apply).
        **options: of the named model: `get_model("mlp", hidden=(32,), norm="layer")`.

    Raises:
        UsageError: an unknown name or option, an option out of range.

    >>> get_model("mlp", hidden=32) == MLP(hidden=(32,))
    True
    >>> get_model("liner")
    Traceback (most recent call last):
    ...
    steepest.core.errors.UsageError: model='liner' is unknown. Did you mean linear?
    """
    if isinstance(spec, str):
        return _named(spec, options)
    if options:
        raise UsageError(
            f"the option {next(iter(options))!r} is for a model given by name: "
            f"{' or '.join(MODELS)}. Set it in the model itself."
        )
    if isinstance(spec, Model):
        return spec
    if isinstance(spec, eqx.Module) or _with_state(spec):
        if not callable(spec[0] if isinstance(spec, tuple) else spec):
            raise UsageError(f"model: {type(spec).__name__} has no __call__ for a row.")
        return ModuleModel(spec)
    if isinstance(spec, tuple) and len(spec) == 2 and callable(spec[1]):
        return FunctionModel(*spec)
    raise UsageError(
        f"model={spec!r}: need {' or '.join(map(repr, MODELS))}, an Equinox module, or "
        "(params, apply)."
    )


def _with_state(spec: Any) -> bool:
    """Whether this is what equinox.nn.make_with_state returns."""
    return (
        isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[1], eqx.nn.State)
    )


def _named(name: str, options: Mapping[str, Any]) -> Model:
    if name not in MODELS:
        raise UsageError(f"model={name!r} is unknown. {did_you_mean(name, MODELS)}")
    known = list(inspect.signature(MODELS[name]).parameters)
    for option in options:
        if option not in known:
            raise UsageError(
                f"model={name!r} has no option {option!r}. "
                f"{did_you_mean(option, known)}"
            )
    return MODELS[name](**options)


def model_from_json(data: Any) -> Model:
    """The recipe that `Model.to_json` wrote.

    Raises:
        DataError: not such a recipe, or one of a model that its user wrote.

    >>> model_from_json({"kind": "mlp", "hidden": [8]}).hidden
    (8,)
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise DataError(f"a saved model needs its kind, {' or '.join(MODELS)}.")
    options = {name: value for name, value in data.items() if name != "kind"}
    if data["kind"] in (ModuleModel.kind, FunctionModel.kind):
        raise DataError(
            "this model was saved from code of your own, which is not in the file: "
            "build it again and hand it over with the saved arrays."
        )
    try:
        return _named(data["kind"], options)
    except UsageError as error:
        raise DataError(f"the saved model cannot be rebuilt: {error}") from None
