"""Networks for the door `explain`: from a recipe or a fitted model to its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from steepest.core.errors import UsageError
from steepest.core.numbers import is_whole
from steepest.core.spec import parse_spec
from steepest.core.suggest import did_you_mean
from steepest.explanation.explanation import Explanation
from steepest.explanation.formulas import Asked
from steepest.explanation.network import Layer, explain_network
from steepest.problems.losses import Loss, get_loss
from steepest.problems.models import MLP, Linear, Model, get_model

if TYPE_CHECKING:
    from steepest.api.fitted import Fitted

ROW = "a row as at={'x': [1, 0.5], 'y': 1}: x the inputs, y the target"


def explain_recipe(text: str, at: Any, asked: Asked) -> Explanation:
    """Explain a fresh network for one row.

    Args:
        text: `mlp:hidden=2/2,activation=sigmoid,loss=log,seed=0`: the model's options,
            the loss and the seed of its first weights.
        at: {"x": the inputs, "y": the target}.
        asked: what else is wanted.

    Raises:
        UsageError: an option or a row that does not fit.
    """
    kind, options = parse_spec(text)
    loss = get_loss(options.pop("loss", "squared"))
    seed = options.pop("seed", 0)
    if not is_whole(seed):
        raise UsageError(f"seed={seed!r}: must be a whole number.")
    if not {"regression", "binary"} & set(loss.tasks):
        raise UsageError(
            f"loss={loss}: a network given by name has one output; fit one with "
            "this loss and explain that."
        )
    model = get_model(kind, **options)
    inputs, target = _row(at)
    if "regression" not in loss.tasks and target not in (0.0, 1.0):
        raise UsageError(f"y={target:g}: loss={loss} needs the class 0 or 1.")
    params, _ = model.init(jax.random.key(int(seed)), len(inputs), 1)
    names = [f"x[{k}]" for k in range(len(inputs))] if len(inputs) > 1 else ["x"]
    note = f"Its weights are those that training starts from, with seed {int(seed)}."
    return _explained(
        model,
        params,
        dict(zip(names, inputs, strict=True)),
        target,
        asked,
        loss,
        label=text,
        notes=(note,),
    )


def _row(at: Any) -> tuple[list[float], float]:
    if not isinstance(at, Mapping):
        raise UsageError(f"at: a network needs {ROW}.")
    for name in at:
        if name not in ("x", "y"):
            near = did_you_mean(str(name), ("x", "y"))
            raise UsageError(f"at: {name}: unknown. {near} Give {ROW}.")
    missing = [name for name in ("x", "y") if name not in at]
    if missing:
        raise UsageError(f"at: {' and '.join(missing)} missing; give {ROW}.")
    try:
        inputs = np.atleast_1d(np.asarray(at["x"], float))
        target = np.asarray(at["y"], float)
    except (TypeError, ValueError):
        inputs, target = np.array([np.nan]), np.zeros(())
    if inputs.ndim != 1 or target.ndim or not np.isfinite([*inputs, target]).all():
        raise UsageError(f"at={dict(at)!r}: must hold finite numbers; give {ROW}.")
    return inputs.tolist(), float(target)


def explain_fitted(fitted: Fitted, at: Any, asked: Asked) -> Explanation:
    """Explain a fitted network, or linear model, for one row of a table.

    Args:
        fitted: the model.
        at: column -> value, with the target's.
        asked: what else is wanted.

    Raises:
        UsageError: a model of another kind, or no target in the row.
        DataError: a row that the model cannot read.
    """
    import pyarrow as pa

    name = fitted.target.name
    if not isinstance(at, Mapping):
        raise UsageError("at: give one row, as {column: value}, with its target.")
    if name not in at:
        raise UsageError(
            f"at: the row needs its target {name!r}: the loss asks for it."
        )
    table = pa.table({key: [value] for key, value in at.items()})
    encoded = fitted.features.encode(table)
    if fitted.features.sparse:
        raise UsageError(
            "objective: a model with hashed columns is too wide to explain."
        )
    values, keep = fitted.target.encode(table[name])
    if not keep.all():
        raise UsageError(f"at: the target {name!r} is missing in this row.")
    row = dict(zip(fitted.features.names, np.asarray(encoded[0], float), strict=True))
    notes = ["Inputs are the columns as the model takes them, standardised."]
    if not fitted.target.classes and fitted.target.scale != 1:
        notes.append(
            f"Its target is ({name} - {float(fitted.target.center):g})/"
            f"{float(fitted.target.scale):g}."
        )
    notes.append("The loss is that of this row alone, without penalties.")
    return _explained(
        fitted.model,
        fitted.params,
        row,
        float(values[0]),
        asked,
        fitted.loss,
        label=f"{fitted.model.kind} for {name}",
        notes=tuple(notes),
    )


def _explained(
    model: Model,
    params: Any,
    row: dict[str, float],
    target: float,
    asked: Asked,
    loss: Loss,
    *,
    label: str,
    notes: tuple[str, ...],
) -> Explanation:
    if loss.embeds:
        raise UsageError(f"objective: loss={loss} compares rows; one alone has none.")
    layers = _layers(model, params)
    classes = "multiclass" in loss.tasks and len(layers[-1].bias) > 1

    def loss_of(outputs: Any, wanted: Any) -> Any:
        import jax.numpy as jnp

        prediction = outputs[None] if classes else outputs[:1]
        kind = int if classes else float
        return loss(prediction, jnp.asarray([wanted]).astype(kind))[0]

    return explain_network(
        layers,
        row,
        target,
        asked,
        loss=loss.name,
        formula=loss.formula,
        loss_of=loss_of,
        label=label,
        notes=notes,
    )


def _layers(model: Model, params: Any) -> list[Layer]:
    """The layers of a model that is made of weighted sums and activations alone."""
    if isinstance(model, Linear):
        weight = np.asarray(params["weight"]).T
        bias = np.asarray(params.get("bias", np.zeros(len(weight))))
        return [Layer(weight, bias, "")]
    if not isinstance(model, MLP):
        raise UsageError(
            f"objective: {type(model).__name__} cannot be looked into; explain takes "
            "linear models and MLPs."
        )
    if model.norm != "none" or model.residual:
        what = "residual=True" if model.residual else f"norm={model.norm!r}"
        raise UsageError(
            f"objective: {what}: explain follows networks of plain layers; take "
            "norm='none' and residual=False."
        )
    hidden = [_layer(block.linear, model.activation) for block in params.hidden]
    return [*hidden, _layer(params.output, "")]


def _layer(linear: Any, activation: str) -> Layer:
    return Layer(np.asarray(linear.weight), np.asarray(linear.bias), activation)
