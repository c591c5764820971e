"""The computational graph: what is shared is there once; paths add up."""

from __future__ import annotations

import math

import pytest

import steepest as sp
from steepest.explanation.backwards import backwards
from steepest.problems.formulas import parse


def graph(text: str, **point: float):
    return backwards(parse(text).tree, point)


def test_what_is_shared_is_there_once():
    found = graph("(x*y + 1)**2 + sin(x*y)", x=1.0, y=2.0)
    assert [node.text for node in found.nodes] == [
        *("x", "y", "x*y", "x*y + 1", "(x*y + 1)**2", "sin(x*y)"),
        "(x*y + 1)**2 + sin(x*y)",
    ]
    assert [edge.above for edge in found.above("u1")] == ["u2", "u4"]


def test_by_hand():
    found = graph("(x + y)*z", x=-2.0, y=5.0, z=-4.0)  # Karpathy's first example
    assert {node.name: float(node.value) for node in found.nodes} == {
        "x": -2.0,
        "y": 5.0,
        "z": -4.0,
        "u1": 3.0,
        "f": -12.0,
    }
    adjoints = {node.name: float(node.adjoint) for node in found.nodes}
    assert adjoints == {"x": -4.0, "y": -4.0, "z": 3.0, "u1": -4.0, "f": 1.0}
    assert found.difference == 0.0


@pytest.mark.parametrize(
    "text", ["x*x + x", "(x*y + 1)**2 + sin(x*y)/x", "max(x, y)*exp(x - y)"]
)
def test_the_paths_of_a_variable_add_up(text):
    found = graph(text, x=1.3, y=-0.4) if "y" in text else graph(text, x=1.3)
    for node in found.nodes:
        if node.leaf:
            paths, count = found.paths(node.name)
            assert len(paths) == count
            products = [math.prod(float(e.slope) for e in path) for path in paths]
            assert sum(products) == pytest.approx(float(node.adjoint), rel=1e-12)


def test_paths_are_counted_and_few_are_written():
    text = "x"
    for _ in range(30):
        text = f"sin({text})" if len(text) % 2 else text
    found = graph("((((x + x^2)^2 + x)^2 + x)^2 + x)^2 + x^3*x", x=0.5)
    paths, count = found.paths("x")
    assert len(paths) == 6
    assert count > 6
    assert "more path" in "\n".join(found.lines())


def test_constants_are_no_nodes():
    found = graph("2*pi*x + sqrt(3)", x=1.0)
    assert [node.name for node in found.nodes] == ["x", "u1", "f"]


def test_names_of_the_user_are_not_taken():
    found = graph("u1*f + f^2", u1=2.0, f=3.0)
    assert [node.name for node in found.nodes] == ["u1", "f", "w1", "w2", "result"]


def test_vectors_are_written_out_entry_by_entry():
    told = sp.explain("sum((x - a)^2)/2", {"x": [1, 2], "a": 0.5}, backprop=True)
    names = [node.name for node in told.graph.nodes]
    assert names[:3] == ["x[0]", "x[1]", "a"]
    assert told.graph.scalar
    assert told.graph.difference < 1e-15
    assert "along 2 paths" in told.to_text()


def test_the_drawing():
    from steepest.explanation.graph_text import drawing

    assert drawing(graph("(x*y + 1)**2 + sin(x*y)", x=1.0, y=2.0)) == [
        "f = u3 + u4",
        "├─ u3 = u2**2",
        "│  └─ u2 = u1 + 1",
        "│     └─ u1 = x*y",
        "│        ├─ x",
        "│        └─ y",
        "└─ u4 = sin(u1)",
        "   └─ u1 (see above)",
    ]


def test_what_does_not_move_is_no_leaf():
    told = sp.explain("griewank", backprop=True, steps=0)
    assert all(not node.name.startswith("i") for node in told.graph.nodes)
    assert told.graph.difference < 1e-9
