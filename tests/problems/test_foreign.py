"""NumPy functions: traced by nobody, and yet minimised like any other."""

import math
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

import steepest as sp
from steepest.core.errors import DataError
from steepest.problems.foreign import Foreign, central_differences
from steepest.problems.layout import Layout
from steepest.problems.start import pose

START = np.array([-1.2, 1.0, 0.7])


def descended(fn, start, *, rate=1e-3, steps=50):
    """Plain gradient descent, all of it compiled; the path of it in NumPy."""

    @jax.jit
    def run(params):
        path = jnp.zeros((steps, params.size)).at[0].set(params)

        def step(carry):
            k, here, path = carry
            _, grad = jax.value_and_grad(fn)(here)
            here = here - rate * grad
            return k + 1, here, path.at[k].set(here)

        return jax.lax.while_loop(lambda c: c[0] < steps, step, (1, params, path))[2]

    with jax.enable_x64(True):
        return np.asarray(run(jnp.asarray(start)))


def by_hand(grad, start, *, rate=1e-3, steps=50):
    path = [np.array(start, float)]
    for _ in range(steps - 1):
        path.append(path[-1] - rate * grad(path[-1]))
    return np.array(path)


@pytest.mark.parametrize("n", [3, 40])
def test_the_path_with_a_given_gradient_is_that_of_numpy(n):
    start = np.linspace(-1.2, 1.0, n)
    problem = pose(lambda x: float(rosen(x)), start, lambda x: rosen_der(np.array(x)))
    assert problem.foreign
    assert problem.notes == ()
    path = descended(problem.fn, start)
    np.testing.assert_allclose(path, by_hand(rosen_der, start), rtol=1e-12)
    problem.check()


def test_the_path_by_differences_is_that_of_numpy_with_the_same_differences():
    problem = pose(lambda x: float(rosen(np.array(x))), START)

    def slopes(x):
        step = np.finfo(float).eps ** (1 / 3) * np.maximum(1, np.abs(x))
        ahead = [x + e for e in np.diag(step)]
        behind = [x - e for e in np.diag(step)]
        return np.array(
            [
                (rosen(a) - rosen(b)) / (a[i] - b[i])
                for i, (a, b) in enumerate(zip(ahead, behind, strict=True))
            ]
        )

    path = descended(problem.fn, START)
    np.testing.assert_allclose(path, by_hand(slopes, START), rtol=1e-12)
    np.testing.assert_allclose(path, by_hand(rosen_der, START), rtol=1e-7)


def test_the_note_says_why_and_what_it_costs():
    (note,) = pose(lambda x: float(rosen(np.array(x))), START).notes
    for words in ("cannot be traced by jax", "6 evaluations each", "give grad="):
        assert words in note
    assert pose(lambda x: jnp.sum(x**2), START).notes == ()
    assert not pose(lambda x: jnp.sum(x**2), START).foreign


def test_only_what_is_asked_for_is_called():
    calls = []

    def value(x):
        calls.append("f")
        return float(rosen(np.array(x)))

    def grad(x):
        calls.append("g")
        return rosen_der(np.array(x))

    given, differenced = pose(value, START, grad).fn, pose(value, START).fn
    with jax.enable_x64(True):
        calls.clear()
        jax.jit(given)(START).block_until_ready()
        assert calls == ["f"]
        calls.clear()
        jax.block_until_ready(jax.jit(jax.value_and_grad(given))(START))
        assert calls == ["f", "g"]
        calls.clear()
        jax.block_until_ready(jax.jit(jax.value_and_grad(differenced))(START))
        assert calls == ["f"] * 7


def test_the_function_gets_its_own_tree_and_may_write_into_it():
    seen = []

    def value(params):
        seen.append((type(params["a"]), type(params["b"]), params["b"].dtype))
        found = params["a"] ** 2 + float(np.sum(params["b"] ** 2))
        params["b"][:] = 7.0
        params["a"] = None
        return float(found)

    def grad(params):
        found = {"a": 2 * params["a"], "b": 2 * np.asarray(params["b"])}
        params["b"][:] = 0.0
        return found

    problem = pose(value, {"a": 3.0, "b": [[1, 2]]} | {"b": np.ones((1, 2))}, grad)
    with jax.enable_x64(True):
        point = jax.tree.map(jnp.asarray, {"a": 2.0, "b": np.array([[1.0, 3.0]])})
        found, slope = jax.jit(jax.value_and_grad(problem.fn))(point)
    problem.check()
    assert float(found) == 14.0
    assert float(slope["a"]) == 4.0
    assert slope["b"].tolist() == [[2.0, 6.0]]
    assert set(seen[1:]) == {(float, np.ndarray, np.dtype(float))}


def test_many_points_at_once_are_taken_one_by_one():
    fn = pose(lambda x: float(rosen(np.array(x))), START).fn
    points = np.random.default_rng(0).normal(size=(4, 3))
    with jax.enable_x64(True):
        values, grads = jax.jit(jax.vmap(jax.value_and_grad(fn)))(points)
    np.testing.assert_allclose(values, [rosen(x) for x in points], rtol=1e-14)
    np.testing.assert_allclose(grads, [rosen_der(x) for x in points], rtol=1e-7)


def test_all_bits_arrive_also_on_a_thread_of_the_backend():
    """Large arrays are computed on a thread that knows nothing of 64 bits."""
    start = np.linspace(0.0, 1.0, 1_000_000) / 3
    threads = set()

    def value(x):
        threads.add(threading.get_ident())
        assert x.dtype == np.float64
        return float(np.asarray(x) @ np.asarray(x))

    fn = pose(value, start, lambda x: 2 * np.array(x)).fn
    with jax.enable_x64(True):
        found, slope = jax.jit(jax.value_and_grad(fn))(start)
        assert float(found) == float(start @ start)
        np.testing.assert_array_equal(slope, 2 * start)


def test_in_32_bits_the_function_still_computes_in_64():
    fn = pose(lambda x: float(rosen(np.array(x))), START).fn
    value, slope = jax.value_and_grad(fn)(jnp.asarray(START, jnp.float32))
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(slope, rosen_der(START), rtol=1e-6)


def test_jax_code_that_cannot_be_traced_has_its_64_bits():
    def value(x):
        return float(jnp.sum(jnp.asarray(x) ** 2)) + (x[0] > 0) * 0.0

    fn = pose(value, START).fn
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(fn))(START)
    np.testing.assert_allclose(slope, 2 * START, rtol=1e-8)


def test_function_and_gradient_are_traced_where_they_can_be():
    calls = []

    def value(x):
        calls.append(1)
        return jnp.sum(x**2)

    problem = pose(value, START, lambda x: 2 * x)
    assert not problem.foreign
    path = descended(problem.fn, START)
    np.testing.assert_allclose(path, by_hand(lambda x: 2 * x, START), rtol=1e-12)
    assert len(calls) < 10
    half = pose(value, START, lambda x: 2 * np.array(x))
    assert half.foreign
    np.testing.assert_array_equal(descended(half.fn, START), path)
    other = pose(lambda x: float(np.array(x) @ np.array(x)), START, lambda x: 2 * x)
    assert other.foreign
    np.testing.assert_array_equal(descended(other.fn, START), path)


def test_the_same_function_is_wrapped_once_and_each_thread_has_its_own():
    def value(x):
        return float(x) ** 2

    first = pose(value, 1.0).fn
    assert pose(value, 2.0).fn is first
    assert pose(value, [2.0, 1.0][:1][0] * np.ones(())).fn is not first
    found = []
    thread = threading.Thread(target=lambda: found.append(pose(value, 1.0).fn))
    thread.start()
    thread.join()
    assert found[0] is not first


def failing(after, fault):
    left = [after]

    def value(x):
        left[0] -= 1
        if left[0] < 0:
            raise fault
        return float(np.array(x) @ np.array(x))

    return value


def test_an_exception_in_the_run_is_told_with_its_cause():
    fault = ZeroDivisionError("division by zero")
    problem = pose(failing(10, fault), START)
    path = descended(problem.fn, START)
    assert np.isnan(path[-1]).all()
    with pytest.raises(
        DataError, match="raised ZeroDivisionError at .*: division"
    ) as e:
        problem.check()
    assert e.value.__cause__ is fault
    assert "params[0]=-1.19759, params[1]=" in str(e.value)
    assert "(call 9 of the function)" in str(e.value)
    problem.check()  # told once


def test_an_exception_in_the_gradient_is_told_as_the_gradients():
    calls = []

    def grad(x):
        calls.append(1)
        return 2 * np.array(x) if len(calls) < 8 else {}["lost"]

    problem = pose(lambda x: float(np.array(x) @ np.array(x)), START, grad)
    descended(problem.fn, START)
    with pytest.raises(DataError, match="^grad raised KeyError at .*: 'lost'"):
        problem.check()


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_interrupt_in_the_run_stays_an_interrupt(fault):
    problem = pose(failing(10, fault), START)
    descended(problem.fn, START)
    with pytest.raises(type(fault)):
        problem.check()


def test_after_a_fault_the_function_is_left_alone():
    calls = []

    def value(x):
        calls.append(1)
        if len(calls) > 10:
            raise ValueError
        return float(np.array(x) @ np.array(x))

    descended(pose(value, START).fn, START)
    assert len(calls) == 11


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (np.ones(2), r"grad returns an array of shape \(2,\) for params"),
        (None, "grad returns None"),
        (np.ones(3) * 1j, "grad returns complex128 for params"),
    ],
    ids=["shape", "none", "complex"],
)
def test_a_gradient_that_goes_bad_in_the_run_is_told(late, told):
    calls = []

    def grad(x):
        calls.append(1)
        return 2 * np.array(x) if len(calls) < 8 else late

    problem = pose(lambda x: float(np.array(x) @ np.array(x)), START, grad)
    descended(problem.fn, START)
    with pytest.raises(DataError, match=told):
        problem.check()


def test_a_value_that_goes_bad_in_the_run_is_told_and_whole_numbers_are_fine():
    def value(x):
        x = np.array(x)
        return float(x @ x) if x[0] < -1.1 else 1

    problem = pose(value, START)
    path = descended(problem.fn, START, rate=1e-2)
    problem.check()  # a bare 1 is a number, too: the descent stays there
    np.testing.assert_array_equal(path[-1], path[-2])
    problem = pose(lambda x: float(np.array(x) @ x) if x[0] < -1.1 else None, START)
    descended(problem.fn, START, rate=1e-2)
    with pytest.raises(DataError, match="returns None; it must return one number"):
        problem.check()


def test_differences_are_central_scaled_and_never_one_sided():
    point = np.array([100.0, 0.0, -3.0])
    found = central_differences(lambda x: float(np.sum(x**3)), point)
    np.testing.assert_allclose(found, 3 * point**2, rtol=1e-7, atol=1e-9)
    with np.errstate(all="ignore"):
        slopes = central_differences(lambda x: np.sqrt(x[0]) + x[1], np.array([0.0, 1]))
    assert np.isnan(slopes[0])
    assert slopes[1] == pytest.approx(1.0)


def test_values_in_32_bits_are_differenced_over_longer_steps():
    fn = pose(lambda x: np.float32(np.sum(np.sin(np.array(x)))), START).fn
    assert isinstance(fn, Foreign)
    np.testing.assert_allclose(fn.gradient(START), np.cos(START), atol=1e-3)


def test_minimize_takes_numpy_functions():
    run = sp.minimize(lambda p: math.cosh(p["a"] - 1) + p["b"] ** 2, {"a": 0, "b": 1})
    assert run.verdict.kind == "minimum"
    assert run.params["a"] == pytest.approx(1.0, abs=1e-5)
    top = sp.maximize(lambda x: -math.cosh(x), 0.5)
    assert (top.verdict.kind, top.converged) == ("maximum", True)


def test_layouts_name_and_order_like_jax():
    tree = {"layers": [{"weight": np.zeros((2, 3))}], "b": 1.0}
    layout = Layout.of(tree)
    assert layout.coordinate(0) == "b"
    assert layout.coordinate(6) == "layers[0].weight[1,2]"
    assert Layout.of(np.zeros(3)).coordinate(2) == "params[2]"
    with pytest.raises(IndexError):
        layout.coordinate(7)
    vector = np.arange(7.0)
    np.testing.assert_array_equal(layout.flat(layout.tree(vector)), vector)
    ravelled = jax.flatten_util.ravel_pytree(layout.tree(vector))[0]
    np.testing.assert_array_equal(ravelled, vector)


def test_a_function_that_cannot_be_hashed_is_taken_too():
    class Bowl:
        __hash__ = None

        def __call__(self, x):
            return float(np.array(x) @ np.array(x))

    problem = pose(Bowl(), START)
    assert problem.label == "Bowl"
    path = descended(problem.fn, START)
    np.testing.assert_allclose(path[-1], START * 0.998**49, rtol=1e-7)


def test_differences_at_a_bound_ask_for_nothing_outside():
    low, high = np.array([0.0, -1.0, 2.0]), np.array([1.0, 5.0, 2.0])
    asked = []

    def fn(x):
        asked.append(x.copy())
        return float(x[0] ** 2.5 + 3 * x[0] + np.exp(x[1]) + x[2])

    for point in ([0.0, 5.0, 2.0], [1.0, -1.0, 2.0], [1e-9, 4.9999999, 2.0]):
        x = np.array(point)
        slopes = central_differences(fn, x, room=(low, high))
        exact = [2.5 * x[0] ** 1.5 + 3, np.exp(x[1]), 0.0]  # the last has no room
        np.testing.assert_allclose(slopes, exact, rtol=1e-6)
    asked = np.array(asked)
    assert ((low <= asked) & (asked <= high)).all()


def test_a_function_defined_within_its_bounds_alone_is_minimised():
    asked = []

    def fn(x):
        asked.append(x.copy())
        return float(np.sum(np.sqrt(x)) + (x[1] - 2.0) ** 2)

    run = sp.minimize(fn, np.array([1.0, 1.0]), bounds=(0.0, 4.0))
    assert run.params[0] == 0.0
    assert 1.0 < run.params[1] < 2.0
    # jax was tried first, with tracers
    asked = [x for x in asked if isinstance(x, np.ndarray)]
    assert np.min(asked) >= 0.0
