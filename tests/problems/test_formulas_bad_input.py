"""Bad formulas: refused at their place, with a cure, and never in another way."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steepest.core.errors import FormulaError, SteepestError, UsageError
from steepest.problems.formulas import parse, to_text

# Each bad formula, the column of its caret, and a word of the cure.
BAD = [
    ("2x", 1, "2*x"),
    ("2(x)", 1, "2*("),
    ("(x)(y)", 3, ")*("),
    ("x y", 2, "x*y"),
    ("x 2", 2, "x*2"),
    ("sin x", 4, "sin(x)"),
    ("x = 3", 2, "equals"),
    ("(x := 3)", 3, "equals"),
    ("x == 3", 2, "comparisons"),
    ("x < 3", 2, "comparisons"),
    ("1 < x", 2, "comparisons"),
    ("x != 3", 2, "comparisons"),
    ("x & y", 2, "logic"),
    ("~x", 0, "logic"),
    ("x | y", 2, "abs"),
    ("x // 2", 2, "a/b"),
    ("x % 2", 2, "remainder"),
    ("x @ y", 2, "dot"),
    ("x!", 1, "factorial"),
    ("x; y", 1, "one expression"),
    ("x # y", 2, "comments"),
    ("{x}", 0, "("),
    ("x\\y", 1, "no meaning"),
    ("x $ y", 2, "no meaning"),
    ("'x'", 0, "quotes"),
    ('f"{x}"', 1, "quotes"),
    ("b'x'", 1, "quotes"),
    ("x²", 1, "^2"),
    ("µ³ + 1", 1, "^3"),
    ("µ + 2µ", 5, "2*µ"),
    ("2×x", 1, "Write *"),
    ("x − 1", 2, "Write -"),
    ("√x", 0, "sqrt"),
    ("x \x00", 2, "no meaning"),
    ("x \ud800", 2, "no meaning"),
    ("(x", 0, "never closed"),
    ("(x]", 2, "closes no"),
    ("x)", 1, "closes no"),
    ("x[0", 1, "never closed"),
    ("(", 1, "missing"),
    ("x[1, 2]", 3, "comma"),
    ("x +", 3, "missing"),
    ("x + * y", 4, "missing"),
    ("* x", 0, "missing"),
    ("**x", 0, "missing"),
    ("x * * y", 4, "missing"),
    ("x^", 2, "missing"),
    ("x[]", 2, "missing"),
    ("x[-]", 3, "missing"),
    ("max(x, )", 7, "missing"),
    ("max(, x)", 4, "missing"),
    ("sum(*x)", 4, "missing"),
    ("sum(**x)", 4, "missing"),
    ("()", 0, "empty"),
    ("sin(())", 4, "empty"),
    ("x, y", 1, "comma"),
    ("(x, y)", 0, "comma"),
    ("1,5*x", 1, "point"),
    ("x: y", 1, "x[1:]"),
    ("[x, y]", 0, "no lists"),
    ("x + [1]", 4, "no lists"),
    ("sin(x)[0]", 6, "Only a variable"),
    ("x[0][1]", 4, "Only a variable"),
    ("x[y]", 2, "whole number"),
    ("x[1.0]", 2, "whole number"),
    ("x[+1]", 2, "whole number"),
    ("x[1 + 1]", 2, "whole number"),
    ("x[1:2:3:4]", 7, "cannot be read"),
    ("x[::0]", 0, "not be 0"),
    ("pi[0]", 0, "no entries"),
    ("sin[0]", 0, "sin(x)"),
    ("sin", 0, "sin(x)"),
    ("x + max", 4, "max(x)"),
    ("sen(x)", 0, "Did you mean sin"),
    ("arctan(x)", 0, "Did you mean atan"),
    ("x(2)", 0, "x*(...)"),
    ("eval(x)", 0, "no function"),
    ("exec(x)", 0, "no function"),
    ("sin()", 0, "takes 1 argument, got 0"),
    ("sin(x, y)", 0, "takes 1 argument, got 2"),
    ("log(x, 10)", 0, "log10(x)"),
    ("max(x)", 0, "2 or more"),
    ("dot(x)", 0, "2 arguments"),
    ("atan2(x, y, 1)", 0, "2 arguments"),
    ("__import__('os')", 0, "starts with a letter"),
    ("x + _y", 4, "starts with a letter"),
    ("1_000*x", 1, "starts with a letter"),
    ("os.system", 2, "attributes"),
    ("np.sin(x)", 2, "np.sin"),
    ("x.__class__", 1, "attributes"),
    ("1.e", 2, "1.*e"),
    ("1..real", 2, "attributes"),
    ("0x10", 1, "0*x10"),
    ("1j*x", 1, "1*j"),
    ("1e999 + x", 0, "too large"),
    ("lambda: x", 0, "'lambda'"),
    ("lambda x: x", 0, "'lambda'"),
    ("x if y else 2", 2, "'if'"),
    ("x and y", 2, "'and'"),
    ("not x", 0, "'not'"),
    ("x in y", 2, "'in'"),
    ("x is y", 2, "'is'"),
    ("True", 0, "'True'"),
    ("None", 0, "'None'"),
    ("await x", 0, "'await'"),
    ("(yield x)", 1, "'yield'"),
    ("import os", 0, "'import'"),
    ("[x for x in y]", 3, "'for'"),
    ("sum(x for x in y)", 6, "'for'"),
    ("sin(x=1)", 5, "equals"),
    ("x\n+ = y", 4, "equals"),
]


@pytest.mark.parametrize(("text", "column", "cure"), BAD, ids=[bad[0] for bad in BAD])
def test_bad_formula_is_refused_at_its_place_with_a_cure(text, column, cure):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    error = caught.value
    assert error.column == column
    assert cure in str(error)
    _, shown, caret = str(error).split("\n")
    assert caret == " " * (column + 2) + "^"
    assert len(shown) == len(text) + 2
    assert shown.isprintable()
    assert error.exit_code == 5


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_formula(text):
    with pytest.raises(FormulaError, match=r"empty.*x\^2"):
        parse(text)


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_formula_that_is_no_text(text):
    with pytest.raises(UsageError, match="A formula is text"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("(" * 10_000, "10,000 characters"),
        ("(" * 10_000 + "x" + ")" * 10_000, "20,001 characters"),
        ("x" * 2_001, "2,001 characters"),
        ("(" * 65 + "x" + ")" * 65, "64 open brackets"),
        ("sin(" * 300 + "x" + ")" * 300, "64 open brackets"),
        ("[" * 900, "no lists|open brackets"),
        ("-" * 1_999 + "x", "too deeply|in a chain"),
        ("+" * 1_999 + "x", "too deeply|in a chain"),
        ("+".join("x" * 900), "in a chain"),
        ("^".join("x" * 900), "too deeply|in a chain"),
        ("/".join("x" * 202), "in a chain"),
        ("+".join(f"x{i}" for i in range(65)), "65 variables"),
    ],
    ids=lambda text: f"{text[:6]}... {len(text)}",
)
def test_caps(text, cure):
    with pytest.raises(FormulaError, match=cure):
        parse(text)


def test_what_lies_just_inside_the_caps():
    assert parse("(" * 64 + "x" + ")" * 64) == parse("x")
    many = parse("+".join(f"x{i}" for i in range(64)))
    assert len(many.variables) == 64
    long = parse("+".join("x" * 200))
    assert hash(long) == hash(parse(to_text(long.tree)))
    assert float(long({"x": 1.0})) == 200.0
    full = parse("x" * 2_000)
    assert len(full.text) == 2_000


# Pieces that meet in ways no one would type.
PIECES = st.sampled_from(
    [
        *"xyv12.+-*/^()[],:=_'\" \n²µ",
        *("**", "sin(", "sum(", "max(", "v[", "x)", "-1]", "1e9", "9" * 30, "pi"),
        *("if", "lambda", "__import__", "0x", "\x00"),
    ]
)


@given(st.text(max_size=60) | st.lists(PIECES, max_size=25).map("".join))
@example("x[" + "9" * 400 + "]")
@example("v[::-1]*0")
@example("x**(1/0)")
def test_any_text_is_a_formula_or_a_formula_error(text):
    with suppress(FormulaError):
        formula = parse(text)
        assert parse(to_text(formula.tree)) == formula
        with suppress(SteepestError):
            formula.check({name: [2.0, 1.0] for name in formula.variables})
