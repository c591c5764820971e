"""Random smooth formulas and points, from a seed."""

from __future__ import annotations

import random

VARIABLES = ("x", "y", "z")
OF_ONE = (
    *("sin({})", "cos({})", "tanh({})", "atan({})", "sigmoid({})", "softplus({})"),
    *("exp(-({})^2)", "log(1 + ({})^2)", "sqrt(1 + ({})^2)", "square({})", "-({})"),
    *("cosh(tanh({}))", "1/(2 + sin({}))", "log10(3 + cos({}))", "log2(2 + ({})^2)"),
    *("abs(2 + sin({}))", "({})^3", "(1 + ({})^2)^0.7", "asin(tanh({})/2)"),
)
OF_TWO = (
    *("({}) + ({})", "({}) - ({})", "({})*({})", "({})/(2 + ({})^2)"),
    *("max({}, 5 + ({})^2)", "atan2(({}), 3 + ({})^2)", "(1 + ({})^2)^sin({})"),
)
OF_VECTORS = (
    *("sum({})", "mean({})", "norm(({}) + 2)", "prod(cos({}))", "dot({}, w + 1)"),
    *("sum(w[1:]*w[:-1]) + sum({})", "sum(({} - mean(w))^2)"),
)


def formula(seed: int) -> tuple[str, dict]:
    """A formula and a point where it is smooth."""
    rng = random.Random(seed)
    text = _number(rng, depth=rng.randint(2, 4))
    names = {name for name in (*VARIABLES, "w") if name in _names(text)}
    if not names:
        return formula(seed + 100_000)
    point: dict = {name: round(rng.uniform(-2, 2), 3) for name in sorted(names)}
    if "w" in names:
        point["w"] = [round(rng.uniform(-2, 2), 3) for _ in range(3)]
    return text, point


def _names(text: str) -> set[str]:
    letters = "".join(c if c.isalnum() else " " for c in text)
    return set(letters.split())


def _number(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice([*VARIABLES, *VARIABLES, str(rng.randint(1, 9)), "0.5", "pi"])
    if rng.random() < 0.15:
        inner = rng.choice(["w", "w^2", "sin(w)", f"w*{rng.choice(VARIABLES)}"])
        return rng.choice(OF_VECTORS).format(inner)
    if rng.random() < 0.5:
        return rng.choice(OF_ONE).format(_number(rng, depth - 1))
    return rng.choice(OF_TWO).format(_number(rng, depth - 1), _number(rng, depth - 1))
