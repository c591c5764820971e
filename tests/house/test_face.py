"""The face: few names, loaded when asked for, and JAX left as it was."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import steepest

MOST_NAMES = 40
# DESIGN's first part of the face; later parts add to it.
PROMISED = {"minimize", "maximize", "fit", "load"}
# What costs much to import and is not needed to begin.
HEAVY = {
    "numba",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
    "ray",
    "scipy",
    "sklearn",
    "starlette",
    "sympy",
    "uvicorn",
}
IMPORT_ALL = """
import importlib, pkgutil, steepest
for module in pkgutil.walk_packages(steepest.__path__, "steepest."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def in_a_fresh_python(code: str):
    """Run code that sets `answer`, in a process of its own; the answer."""
    program = f"import json\n{code}\nprint(json.dumps(answer))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_is_light():
    code = "import sys, steepest; answer = [m.partition('.')[0] for m in sys.modules]"
    assert HEAVY.isdisjoint(in_a_fresh_python(code))


@pytest.mark.parametrize("load", ["import steepest", IMPORT_ALL], ids=["face", "all"])
def test_importing_leaves_jax_as_it_was(load):
    before = "import jax\nbefore = {k: repr(v) for k, v in jax.config.values.items()}\n"
    after = (
        "\nchanged = [k for k, v in before.items() if v != repr(jax.config.values[k])]"
        "\nanswer = [changed, jax.config.jax_enable_x64]"
    )
    assert in_a_fresh_python(before + load + after) == [[], False]


def test_face_has_few_names_and_keeps_its_promises():
    names = steepest.__all__
    assert len(set(names)) == len(names) <= MOST_NAMES
    assert set(names) >= PROMISED
    assert set(names) <= set(dir(steepest))


def test_every_public_function_shows_an_example():
    public = [getattr(steepest, name) for name in steepest.__all__]
    functions = [item for item in public if inspect.isfunction(item)]
    assert {function.__name__ for function in functions} >= PROMISED
    assert [f.__name__ for f in functions if ">>>" not in (f.__doc__ or "")] == []


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="minimise_it"):
        _ = steepest.minimise_it
