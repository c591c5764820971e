"""What cannot be minimised is refused clearly, before anything is compiled."""

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.descent import program


def bowl(x):
    return jnp.sum(x**2)


def numpy_bowl(x):
    return float(np.sum(x**2))


def slope(x):
    return 2 * x


def quiet(x):
    x + 1


TWO = np.ones(2)
NAN = float("nan")
SEEN = []
# objective, start, options, error, message
BAD = [
    (lambda x: x, TWO, {}, sp.DataError, r"array of shape \(2,\); it must return one"),
    (lambda x: np.sin(np.asarray(x)), TWO, {}, sp.DataError, r"array of shape \(2,\)"),
    (lambda x: jnp.int32(3), TWO, {}, sp.DataError, "whole number .int32"),
    (lambda x: int(np.sum(x)), TWO, {}, sp.DataError, "whole number"),
    (quiet, TWO, {}, sp.DataError, "returns None; it must return one number"),
    (lambda x: SEEN.append(float(x[0])), TWO, {}, sp.DataError, "returns None"),
    (lambda x: (x @ x, x), TWO, {}, sp.DataError, "given apart, as grad="),
    (lambda x: float(np.sum(x)) * NAN, TWO, {}, sp.DataError, "not finite at the st"),
    (lambda x: 1 / 0 * x, TWO, {}, sp.DataError, "ZeroDivisionError"),
    (numpy_bowl, TWO, {"grad": lambda x: 2.0}, sp.DataError, r"grad returns.*\(2,\)"),
    (numpy_bowl, TWO, {"grad": lambda x: np.ones(3)}, sp.DataError, r"shape \(3,\)"),
    (bowl, TWO, {"grad": lambda x: jnp.ones((1, 2))}, sp.DataError, r"shape \(1, 2\)"),
    (
        numpy_bowl,
        TWO,
        {"grad": lambda x: {"x": 2 * x}},
        sp.DataError,
        r"grad returns a dict of x",
    ),
    (
        lambda p: float(np.sum(p["a"])),
        {"a": TWO},
        {"grad": lambda p: np.ones(2)},
        sp.DataError,
        "the same tree as the start",
    ),
    (numpy_bowl, TWO, {"grad": lambda x: None}, sp.DataError, "grad returns None"),
    (numpy_bowl, TWO, {"grad": lambda x: -2 * x}, sp.DataError, "the wrong sign"),
    (numpy_bowl, TWO, {"grad": lambda x: x}, sp.DataError, "0.5 times the slope"),
    (numpy_bowl, TWO, {"grad": lambda x: x * NAN}, sp.DataError, "grad returns nan"),
    (numpy_bowl, TWO, {"grad": "2x"}, sp.UsageError, "grad='2x': must be a function"),
    ("x^2", 1.0, {"grad": slope}, sp.UsageError, "own exact gradient; leave grad= out"),
    ("booth", TWO, {"grad": slope}, sp.UsageError, "leave grad= out"),
    (bowl, TWO, {"bounds": (2, 0)}, sp.UsageError, "low=2 above high=0.*swap them"),
    (bowl, TWO, {"bounds": (0, 0.5)}, sp.UsageError, "outside of its bounds.*at 0.5"),
    (bowl, TWO, {"bounds": (NAN, 2)}, sp.UsageError, "low=nan"),
    (bowl, TWO, {"bounds": 3}, sp.UsageError, "bounds=3: must be a pair"),
    (bowl, TWO, {"bounds": ([0, 0, 0], 2)}, sp.UsageError, r"shape \(3,\)"),
    (bowl, TWO, {"bounds": {"x": (0, 2)}}, sp.UsageError, "need a start with names"),
    (
        "alpha^2",
        {"alpha": 1.0},
        {"bounds": {"alhpa": (0, 2)}},
        sp.UsageError,
        "no variable 'alhpa'. Did you mean alpha",
    ),
    (bowl, TWO, {"optimizer": "bfgs", "bounds": (0, 2)}, sp.UsageError, "use optim"),
]


@pytest.mark.parametrize(
    ("objective", "start", "options", "error", "message"), BAD, ids=range(len(BAD))
)
def test_refused_before_anything_is_compiled(
    objective, start, options, error, message, tmp_path
):
    compiled = program.advance._cache_size()
    with pytest.raises(error, match=message):
        sp.minimize(objective, start, save=tmp_path / "run", **options)
    assert program.advance._cache_size() == compiled
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("objective", "start", "message"),
    [
        (lambda x: jnp.log(x), -1.0, "the objective is not finite at the start"),
        (lambda x: jnp.sqrt(x), 0.0, "its gradient is not finite at the start"),
    ],
    ids=["value", "gradient"],
)
def test_a_traced_function_that_is_not_finite_at_the_start(objective, start, message):
    with pytest.raises(sp.DataError, match=message):
        sp.minimize(objective, start)
