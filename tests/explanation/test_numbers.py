"""Every number that is told is JAX's: values, derivatives, formulas, nodes."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest
from random_formulas import formula

import steepest as sp
from steepest.explanation import backwards, deriving, formulas
from steepest.problems.formulas import Node, Variable, evaluate, fold, parse

N = 200
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
NUMBER = r"-?\d[\d.]*(?:e[-+]\d+)?"


@pytest.fixture
def alone(monkeypatch):
    """Without its own look at JAX, which would compile a program a formula."""
    monkeypatch.setattr(formulas, "_difference", lambda *_: None)
    monkeypatch.setattr(backwards, "_by_jax", lambda *_: ([], []))
    monkeypatch.setattr(backwards, "_gap", lambda *_: 0.0)
    for module in (backwards, deriving):  # however busy the machine is
        monkeypatch.setattr(module, "SECONDS", 1e9)


def by_jax(text: str, point: dict) -> tuple[float, dict]:
    with jax.enable_x64(True):
        params = {name: np.asarray(x, float) for name, x in point.items()}
        value, slopes = jax.value_and_grad(parse(text))(params)
        return float(value), {name: np.asarray(g) for name, g in slopes.items()}


def flat(told, slopes: dict) -> np.ndarray:
    found = {}
    for name, slope in slopes.items():
        for k, entry in enumerate(np.ravel(slope)):
            found[f"{name}[{k}]" if slope.ndim else name] = float(entry)
    return np.array([found[name] for name in told.names])


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("seed", range(N))
def test_all_that_is_told_is_what_jax_finds(seed):
    text, point = formula(seed)
    nodes_too = seed % 8 == 0
    told = sp.explain(text, point, learning_rate=0.01, backprop=nodes_too)
    assert told.faults == ()
    value, slopes = by_jax(text, point)
    gradient = flat(told, slopes)
    data = told.to_json()
    np.testing.assert_allclose(told.value, value, **CLOSE)
    np.testing.assert_allclose(told.point.gradient, gradient, **CLOSE)
    np.testing.assert_allclose(data["gradient_norm"], np.linalg.norm(gradient), **CLOSE)
    [step] = told.steps
    np.testing.assert_allclose(step.after.x, told.point.x - 0.01 * gradient, **CLOSE)
    check_text(told, value, gradient)
    check_formulas(told, point, gradient)
    if nodes_too:
        check_nodes(told, point)


def check_text(told, value: float, gradient: np.ndarray) -> None:
    """The numbers that stand in the text, read from there."""
    text = re.sub(r"\s+", " ", told.to_text())
    [shown] = re.findall(rf" f = ({NUMBER}) Partial", text)
    np.testing.assert_allclose(float(shown), value, **CLOSE)
    derivatives = text.partition("Partial derivatives")[2].partition("Gradient")[0]
    words = rf"= ({NUMBER}) (?:[<>] 0: f|f is level)"
    found = [float(number) for number in re.findall(words, derivatives)]
    np.testing.assert_allclose(found, gradient, **CLOSE)


def check_formulas(told, point: dict, gradient: np.ndarray) -> None:
    """The derivatives' formulas, worked out by JAX."""
    shown = 0
    for one in told.partials:
        for k, place in enumerate(one.places):
            node = told.formula_of(place)
            if node is None:
                continue
            with jax.enable_x64(True):
                given = {n: np.asarray(x, float) for n, x in point.items()}
                given |= dict(zip(told.names, told.point.x, strict=True))
                given |= entries(node, given, k)
                found = float(evaluate(without_steps(node), given))
            np.testing.assert_allclose(found, gradient[place], rtol=1e-7, atol=1e-9)
            shown += 1
    assert shown >= len(told.partials)


def entries(node: Node, given: dict, k: int) -> dict:
    """What stands for entry number k of a vector."""
    names = [n for n in formula_of(node).variables if n.endswith("[k]")]
    return {n: evaluate(parse(n.removesuffix("[k]")).tree, given)[k] for n in names}


def formula_of(node: Node):
    from steepest.problems.formulas import Formula

    return Formula("", node)


def without_steps(node: Node) -> Node:
    """step(u) in functions that formulas have."""
    from steepest.problems.formulas import Binary, Call, Number

    def visit(one: Node, below: list[Node]) -> Node:
        if isinstance(one, Call) and one.function == "step":
            sign = Call("sign", (below[0],))
            return Binary("/", Binary("+", sign, Number(1.0)), Number(2.0))
        return rebuilt(one, below)

    return fold(node, visit)


def rebuilt(node: Node, below: list[Node]) -> Node:
    return backwards._made(node, below)


def check_nodes(told, point: dict) -> None:
    """A node's adjoint: the slope of the formula with a variable in its place."""
    graph = told.graph
    tree = graph_tree(told, point)
    with jax.enable_x64(True):
        params = dict(zip(told.names, told.point.x, strict=True))
        for node in graph.nodes[:: max(1, len(graph.nodes) // 4)]:
            if node.leaf:
                continue
            target = graph_node(tree, node.text)
            shifted = replaced(tree, target)
            run = stacked(shifted)
            slope = jax.grad(lambda q, run=run: run({**params, "q": q}))(
                np.float64(node.value)
            )
            np.testing.assert_allclose(float(node.adjoint), float(slope), **CLOSE)


def graph_tree(told, point: dict) -> Node:
    from steepest.explanation.entries import lengths_of, written_out

    return written_out(told.formula, lengths_of(point), 10_000)


def graph_node(tree: Node, text: str) -> Node:
    from steepest.problems.formulas import to_text, walk

    return next(node for node in walk(tree) if to_text(node) == text)


def replaced(tree: Node, target: Node) -> Node:
    """The tree with a variable q for each place where a sub-expression stands."""

    def visit(node: Node, below: list[Node]) -> Node:
        return Variable("q") if node == target else rebuilt(node, below)

    return fold(tree, visit)


def stacked(tree: Node):
    """The value of a tree whose sums may be of several numbers."""
    import jax.numpy as jnp

    from steepest.explanation.entries import TO_ONE
    from steepest.problems.formulas import Call

    def run(params):
        def visit(node: Node, below: list):
            names = [Variable(f"v{k}") for k in range(len(below))]
            given = {f"v{k}": value for k, value in enumerate(below)}
            if isinstance(node, Call) and node.function in TO_ONE:
                return evaluate(
                    Call(node.function, (Variable("v"),)), {"v": jnp.stack(below)}
                )
            literal = [
                child if not formula_of(child).variables else name
                for child, name in zip(node.children, names, strict=True)
            ]
            if not below:
                return evaluate(node, params)
            return evaluate(rebuilt(node, literal), given)

        return fold(tree, visit)

    return run


@pytest.mark.parametrize("seed", range(1000, 1006))
def test_the_check_it_makes_itself_is_of_the_same_mind(seed):
    text, point = formula(seed)
    told = sp.explain(text, point, steps=3, backprop=True)
    assert told.difference is not None
    assert told.difference < 1e-9


def test_a_wrong_number_would_be_told(monkeypatch):
    found = formulas.flow

    def wrong(vertices, params):
        right = found(vertices, params)
        right.adjoints[0] = right.adjoints[0] * 1.001
        return right

    monkeypatch.setattr(formulas, "flow", wrong)
    told = sp.explain("x**2 + y", {"x": 3.0, "y": 1.0})
    assert told.difference == pytest.approx(0.001)
    assert "JAX finds other numbers" in told.to_text()
