"""Typed formulas: text becomes a tree, and the tree an objective. No eval."""

from steepest.problems.formulas.evaluate import evaluate
from steepest.problems.formulas.formula import Formula
from steepest.problems.formulas.functions import CONSTANTS, FUNCTIONS, Function
from steepest.problems.formulas.nodes import (
    Binary,
    Call,
    Constant,
    Item,
    Negate,
    Node,
    Number,
    Slice,
    Variable,
    fold,
    walk,
)
from steepest.problems.formulas.parser import parse
from steepest.problems.formulas.points import parse_point
from steepest.problems.formulas.printer import to_text

__all__ = [
    "CONSTANTS",
    "FUNCTIONS",
    "Binary",
    "Call",
    "Constant",
    "Formula",
    "Function",
    "Item",
    "Negate",
    "Node",
    "Number",
    "Slice",
    "Variable",
    "evaluate",
    "fold",
    "parse",
    "parse_point",
    "to_text",
    "walk",
]
