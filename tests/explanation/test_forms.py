"""The forms an explanation takes: text, Markdown, HTML, JSON; and what they say."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.explanation.deriving import derive
from steepest.explanation.rewriting import CannotWriteError, to_node
from steepest.explanation.writing import write
from steepest.problems.formulas import parse, to_text
from steepest.problems.gallery import GALLERY


@pytest.fixture(scope="module")
def told():
    return sp.explain(
        "(x*y + 1)**2 + sin(x*y)",
        {"x": 1, "y": 2},
        optimizer="adam",
        steps=2,
        backprop=True,
    )


def test_the_blackboard():
    text = repr(sp.explain("x**2 + y**2", {"x": 3, "y": 4}, learning_rate=0.1))
    for line in (
        "f(x, y) = x**2 + y**2",
        "f = 25",
        "  ∂f/∂x = 2*x = 2*3 = 6   > 0: f rises with x, so x goes down",
        "  ∇f = (6, 8)",
        "  |∇f| = sqrt(6**2 + 8**2) = 10",
        "  steepest way down: (-0.6, -0.8)",
        "  x = 3 - 0.1*6 = 2.4",
        "  y = 4 - 0.1*8 = 3.2",
        "  f: 25 -> 16, down by 9",
        "Checked against JAX: the largest difference is 0.",
    ):
        assert line in text.splitlines()


def test_uphill_the_gradient_is_added():
    told = sp.explain("4 - x**2", 1.0, direction="maximize", learning_rate=0.25)
    text = told.to_text()
    assert "x = 1 + 0.25*(-2) = 0.5" in text
    assert "f falls with x, so x goes down" in text
    assert "f: 3 -> 3.75, up by 0.75" in text


def test_lines_fit_a_terminal(told):
    assert max(map(len, told.to_text().splitlines())) <= 80


def test_json_is_strict_and_complete(told):
    data = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert data["schema"] == "steepest.explanation/1"
    assert data["partials"]["x"]["formula"] == "2*y*(x*y + 1) + y*cos(x*y)"
    assert [line["name"] for line in data["steps"][1]["lines"]] == [
        *("m", "s", "m_hat", "s_hat", "x")
    ]
    nodes = {node["name"]: node for node in data["graph"]["nodes"]}
    assert nodes["u1"]["expression"] == "x*y"
    assert {(e["from"], e["to"]) for e in data["graph"]["edges"]} >= {("u1", "u4")}


def test_html_is_one_page_that_needs_nothing(told):
    page = told.to_html()
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", page)
    assert set(re.findall(r"https?://[^\"]*", page)) == {
        "http://www.w3.org/1998/Math/MathML",
        "http://www.w3.org/2000/svg",
    }
    tree = ET.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", page))
    svg = tree.find(".//{http://www.w3.org/2000/svg}svg")
    boxes = svg.findall("{http://www.w3.org/2000/svg}rect")
    edges = svg.findall("{http://www.w3.org/2000/svg}path")
    assert len(boxes) == len(told.graph.nodes) == 7
    assert len(edges) == len(told.graph.edges) == 7
    assert len(tree.findall(".//{http://www.w3.org/1998/Math/MathML}math")) > 10


def test_what_is_typed_does_not_become_html():
    told = sp.explain("abs(x) + 0*y", {"x": 1.0, "y": 2.0})
    odd = type(told)(**{**vars(told), "objective": "<script>alert(1)</script>"})
    assert "<script>" not in odd.to_html()


def test_markdown_has_balanced_latex(told):
    text = told.to_markdown()
    assert text.startswith("# `(x*y + 1)**2 + sin(x*y)`")
    assert r"\frac{\partial f}{\partial x}" in text
    assert r"\hat{m}\left(x\right) = " in text
    for formula in re.findall(r"\$+([^$]+)\$+", text):
        assert formula.count("{") == formula.count("}"), formula
        ends = [len(re.findall(rf"\\{end}\b", formula)) for end in ("left", "right")]
        assert ends[0] == ends[1], formula


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("(x + 1)^2/3", r"\frac{\left(x + 1\right)^{2}}{3}"),
        ("-x^2", "-x^{2}"),
        ("(-x)^2", r"\left(-x\right)^{2}"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("sqrt(x)*2e-9", r"\sqrt{x} \cdot \left(2 \cdot 10^{-9}\right)"),
        ("alpha*x1", r"\alpha \cdot x_{1}"),
        ("v[0] + loss_rate", r"v_{0} + \mathrm{loss}_{\mathrm{rate}}"),
        ("(x/y)^2", r"\left(\frac{x}{y}\right)^{2}"),
        ("abs(x)*norm(v)", r"\left|x\right| \cdot \left\|v\right\|"),
    ],
)
def test_latex(text, latex):
    assert write(parse(text).tree, "latex") == latex
    ET.fromstring(f"<math>{write(parse(text).tree, 'mathml')}</math>")


@pytest.mark.parametrize(
    ("text", "lengths", "expected"),
    [
        ("x^2*y", {"x": None, "y": None}, {"x": "2*x*y", "y": "x**2"}),
        ("0.26*x^2 - 0.48*x", {"x": None}, {"x": "0.52*x - 0.48"}),
        ("sum((v - 1)^2)", {"v": 3}, {"v": "2*v[k] - 2"}),
        ("mean(v)*a", {"v": 4, "a": None}, {"v": "a/4", "a": "mean(v)"}),
        ("norm(v)", {"v": 3}, {"v": "v[k]/norm(v)"}),
        ("dot(v, w)", {"v": 3, "w": 3}, {"v": "w[k]", "w": "v[k]"}),
        ("relu(x)*max(x, y)", {"x": None, "y": None}, {"y": "relu(x)*step(y - x)"}),
        ("sqrt(x^2)", {"x": None}, {"x": "sign(x)"}),
        ("log2(x)", {"x": None}, {"x": "1/(log(2)*x)"}),
    ],
)
def test_derivatives_as_people_write_them(text, lengths, expected):
    found = derive(parse(text).tree, lengths)
    for name, formula in expected.items():
        assert to_text(found[name].common) == formula


def test_entries_of_cut_vectors_have_a_formula_each():
    formula = "sum((v[1:] - v[:-1]^2)^2)"
    found = derive(parse(formula).tree, {"v": 2})["v"].each
    assert {name: to_text(node) for name, node in found.items()} == {
        "v[0]": "-4*v[0]*(v[1] - v[0]**2)",
        "v[1]": "2*v[1] - 2*v[0]**2",
    }


@pytest.mark.parametrize(
    "text",
    [
        "9^9^9^9*x",
        "(((3*x)^1000)^1000)^1000",
        "x^1e300 + (7*x)^123456789",
        "sin(1e300)*x + log(-1)*x",
        "+".join(f"sin(x{k})" for k in range(60)),
        "*".join(f"(x+{k})" for k in range(190)),
        "exp(sin(" * 30 + "x" + "))" * 30,
    ],
)
def test_no_formula_keeps_sympy_busy_for_long(text):
    formula = parse(text)
    derive(formula.tree, dict.fromkeys(formula.variables))


def test_what_formulas_have_no_word_for_is_refused():
    import sympy

    from steepest.explanation.algebra import Algebra

    with pytest.raises(CannotWriteError):
        to_node(sympy.Heaviside(sympy.Symbol("x")), Algebra({}))


@pytest.mark.parametrize("name", GALLERY)
def test_the_gallery_has_formulas(name, monkeypatch):
    from steepest.explanation import formulas

    monkeypatch.setattr(formulas, "_difference", lambda *_: None)
    surface = GALLERY[name]
    told = sp.explain(name, steps=0)
    with jax.enable_x64(True):
        value = float(surface(jnp.array(surface.start)))
    assert told.value == pytest.approx(value, rel=1e-12)
    assert told.notes == ()
    assert all(told.formula_of(k) is not None for k in range(len(told.names)))
    assert "from the gallery" in told.to_text()


def test_a_function_has_numbers_and_says_so():
    told = sp.explain(
        lambda p: jnp.sum(p["w"] ** 2), {"w": np.array([1.0, 2.0])}, steps=2
    )
    assert told.gradient == {"w[0]": 2.0, "w[1]": 4.0}
    assert told.steps[0].after.x == pytest.approx([0.8, 1.6])
    assert "no formula to derive" in told.to_text()
    for form in (told.to_markdown(), told.to_html(), json.dumps(told.to_json())):
        assert "Python" in form


def test_a_numpy_function_is_explained():
    told = sp.explain(lambda x: float(np.sum(np.asarray(x) ** 2)), np.array([3.0]))
    assert told.gradient == pytest.approx({"params[0]": 6.0}, rel=1e-6)


def test_long_vectors_are_cut_in_the_text_alone():
    told = sp.explain("sum(x^2)", list(np.arange(1000.0)), backprop=True)
    assert "and 992 more" in told.to_text()
    assert len(told.to_json()["partials"]) == 1000
    assert not told.graph.scalar
    assert told.graph.difference == 0.0
    assert len(told.to_text().splitlines()) < 80
    told.to_html()
