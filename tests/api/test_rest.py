"""Where runs come to rest: at kinks; and where they cannot begin."""

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.records import Stop


@pytest.mark.parametrize(
    ("fn", "start", "at"),
    [
        (lambda x: jnp.linalg.norm(x), [3.0, 4.0], [0.0, 0.0]),
        (lambda x: jnp.sum(jnp.abs(x - 1)), [3.0, 4.0, -5.0], [1.0] * 3),
        (lambda x: jnp.max(jnp.abs(x - 1)), [3.0, 4.0, -5.0], [1.0] * 3),
        (lambda x: jnp.abs(x[0] - 1) + (x[0] - 2) ** 2 / 10, [3.0], [1.0]),
    ],
    ids=["norm", "sum", "max", "bent"],
)
@pytest.mark.parametrize("door", [sp.minimize, sp.maximize])
def test_a_kink_is_an_end(fn, start, at, door):
    run = door(fn if door is sp.minimize else lambda x: -fn(x), np.array(start))
    assert run.stop is Stop.PRECISION
    assert run.converged
    assert run.verdict.kind == ("minimum" if door is sp.minimize else "maximum")
    assert "at a kink" in run.verdict.headline
    assert run.params == pytest.approx(np.array(at), abs=1e-12)
    assert not run.verdict.findings


@pytest.mark.parametrize("fn", [jnp.log, jnp.sqrt], ids=["log", "sqrt"])
def test_the_edge_of_a_domain_is_no_kink(fn):
    assert not sp.minimize(fn, 3.0).converged


@pytest.mark.parametrize(
    "objective",
    [
        "1e200*(x - 1)**2",
        lambda x: 1e160 * jnp.sum((x - 1) ** 2),
        lambda x: 1e200 * float(x - 1) ** 2,
    ],
    ids=["formula", "jax", "numpy"],
)
def test_a_slope_whose_norm_overflows_is_finite(objective):
    with pytest.raises(
        sp.DataError, match="so steep that the norm .* multiply"
    ) as told:
        sp.minimize(objective, 3.0)
    assert "not finite" not in str(told.value)


def test_a_race_tells_of_central_differences():
    raced = sp.race(lambda x: float(x) ** 2, 3.0, {"a": {}, "b": {"optimizer": "gd"}})
    assert repr(raced).count("central differences") == 1
    assert "info" not in repr(sp.race("x**2", 3.0, {"a": {}}))
