"""Text to tree: held to Python's own reading of the same text."""

from __future__ import annotations

import math
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.problems.formulas import (
    FUNCTIONS,
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
    parse,
    to_text,
    walk,
)


class Spy:
    """A stand-in for a value: Python's operators on it build our tree."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def _binary(operator, swap=False):
        def build(self, other):
            left, right = (other, self) if swap else (self, other)
            return Spy(Binary(operator, left.node, right.node))

        return build

    __add__, __sub__, __mul__ = _binary("+"), _binary("-"), _binary("*")
    __truediv__, __pow__ = _binary("/"), _binary("**")

    def __neg__(self):
        return Spy(Negate(self.node))

    def __pos__(self):
        return self

    def __getitem__(self, key):
        if isinstance(key, slice):
            return Spy(Slice(self.node, key.start, key.stop, key.step))
        return Spy(Item(self.node, key))


def read_by_python(text: str) -> Node:
    """The tree of a trusted text, as Python's eval builds it from spies."""
    # Indices stay plain numbers, every other literal becomes a spy.
    pieces = re.split(r"(\[[^\]]*\])", text.replace("^", "**"))
    number = r"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    pieces[::2] = [re.sub(number, r"number(\1)", piece) for piece in pieces[::2]]

    def caller(name):
        return lambda *given: Spy(Call(name, tuple(each.node for each in given)))

    names = {name: caller(name) for name in FUNCTIONS}
    names |= {name: Spy(Variable(name)) for name in ("x", "y", "v", "θ")}
    names |= {name: Spy(Constant(name)) for name in ("pi", "e")}
    names["number"] = lambda value: Spy(Number(float(value)))
    return eval("".join(pieces), names).node


LEAVES = st.one_of(
    st.floats(min_value=0, allow_infinity=False, allow_nan=False).map(
        lambda value: Number(abs(value))
    ),
    st.sampled_from([Number(2.0), Constant("pi"), Constant("e")]),
    st.sampled_from(["x", "y", "v", "θ"]).map(Variable),
    st.integers(-3, 3).map(lambda index: Item(Variable("v"), index)),
    st.builds(
        Slice,
        st.just(Variable("v")),
        st.none() | st.integers(-3, 3),
        st.none() | st.integers(-3, 3),
        st.none() | st.sampled_from([-1, 1, 2]),
    ),
)


def _call(name: str, inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    function = FUNCTIONS[name]
    most = function.most or function.fewest + 2
    given = st.lists(inner, min_size=function.fewest, max_size=most)
    return given.map(lambda nodes: Call(name, tuple(nodes)))


TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Negate, inner),
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "**"]), inner, inner),
        st.sampled_from(sorted(FUNCTIONS)).flatmap(lambda name: _call(name, inner)),
    ),
    max_leaves=12,
)


@given(TREES)
def test_what_is_printed_reads_back_as_the_same_tree(tree):
    text = to_text(tree)
    assert parse(text).tree == tree
    assert read_by_python(text) == tree
    caret = text.replace("**", " ^ ")
    assert parse(caret) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "-x^2",
        "2^3^2",
        "2^-x^2",
        "-x*y",
        "x/y/2*x",
        "x - y - 2",
        "x - (y - 2)",
        "(x^y)^2",
        "--x",
        "+x",
        "- x ** - y",
        "1e3*x + .5 - 2.",
        "sum(100*(v[1:] - v[:-1]**2)^2 + (1 - v[:-1])^2)",
        "max(x, y, 1) + atan2(y, x)",
        "v[0]*v[-1] + dot(v[::2], v[1::2])",
        "θ + 2*θ^2",
    ],
)
def test_operators_bind_as_in_python(text):
    assert parse(text).tree == read_by_python(text)


def test_ln_is_log():
    assert parse("ln(x)") == parse("log(x)")


def test_names_are_kept_as_typed():
    micro, mu = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"
    assert parse(f"{micro}^2 + {mu}").variables == (micro, mu)


def test_numbers_are_floats_and_never_large_integers():
    numbers = [n for n in walk(parse("9**9**9 + 007*x").tree) if isinstance(n, Number)]
    assert [number.value for number in numbers] == [9.0, 9.0, 9.0, 7.0]
    assert all(type(number.value) is float for number in numbers)


def test_any_white_space_parts_words():
    assert parse("  x\n  + y\t") == parse("x+y")


def test_walk_and_fold_go_through_the_whole_tree():
    tree = parse("x - sin(y)*v[0]").tree
    kinds = [type(node).__name__ for node in walk(tree)]
    assert " ".join(kinds) == "Binary Variable Binary Call Variable Item Variable"
    leaves = fold(tree, lambda node, below: "".join(below) or getattr(node, "name", ""))
    assert leaves == "xyv"


def test_formulas_of_one_meaning_are_one_key():
    one, other = parse("x^2 + y"), parse(" x**2+y ")
    assert one == other
    assert hash(one) == hash(other)
    assert {one: 1}[other] == 1
    assert one != parse("y + x^2")
    assert pickle.loads(pickle.dumps(one)) == one
    assert str(one) == "x^2 + y"


def test_variables_in_order_of_appearance():
    formula = parse("b*a + sum(v[1:])*b - pi")
    assert formula.variables == ("b", "a", "v")


@pytest.mark.parametrize(
    ("text", "vectors"),
    [
        ("x + y", ()),
        ("x[0] + y", ("x",)),
        ("sum(x^2)", ("x",)),
        ("sum((x - a)^2)", ()),
        ("sum((x - a[0])^2)", ("x", "a")),
        ("dot(x, y) + z", ("x", "y")),
        ("sum(x*norm(y))", ("x", "y")),
        ("sum(100*(x[1:] - x[:-1]^2)^2)", ("x",)),
    ],
)
def test_vectors_are_the_names_that_must_be_vectors(text, vectors):
    assert parse(text).vectors == vectors


def test_a_formula_of_every_kind_of_node_is_printed_flat():
    text = "-x*(y - (1 - e)) + v[-1]**2/sum(v[1:]) - 2**-x**2 + max(x, (-y)**2)"
    assert to_text(parse(text).tree) == text
    assert math.isclose(parse("1e-05*x").tree.left.value, 1e-5)
