"""Models: linear, mlp, any Equinox module, and pairs (params, apply)."""

from steepest.problems.models.base import Model, leaves_by_name, replace_leaves
from steepest.problems.models.linear import Linear
from steepest.problems.models.mlp import MLP
from steepest.problems.models.own import FunctionModel, ModuleModel
from steepest.problems.models.table import MODELS, get_model, model_from_json

__all__ = [
    "MLP",
    "MODELS",
    "FunctionModel",
    "Linear",
    "Model",
    "ModuleModel",
    "get_model",
    "leaves_by_name",
    "model_from_json",
    "replace_leaves",
]
