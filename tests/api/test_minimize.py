"""The doors for functions: what they take, what they give back, what they refuse."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as sp
from steepest.records.folder import load_run


def square(x):
    return jnp.sum(x**2)


QUICK = dict(optimizer="gd", learning_rate=0.1, max_steps=3)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (3.0, float),
        (3, float),
        (np.float32(3.0), np.ndarray),
        (np.ones(3), np.ndarray),
        (jnp.ones((2, 2)), np.ndarray),
        ([1.0, 2.0], np.ndarray),
    ],
)
def test_params_come_back_in_the_shape_of_the_start(start, kind):
    run = sp.minimize(square, start, **QUICK)
    assert isinstance(run.params, kind)
    assert np.shape(run.params) == np.shape(start)
    np.testing.assert_allclose(run.params, np.asarray(start) * 0.8**3, rtol=1e-6)


def test_a_module_is_a_tree_too():
    line = eqx.nn.Linear(1, 1, key=jax.random.key(0))
    run = sp.minimize(lambda m: square(m.weight) + square(m.bias - 1), line, **QUICK)
    assert isinstance(run.params, eqx.nn.Linear)
    again = sp.Run.from_json(run.to_json())
    assert sorted(again.params) == ["bias", "weight"]


def test_text_takes_a_bare_value_where_one_variable_is_enough():
    assert sp.minimize("x^2", 1.0, **QUICK).params == pytest.approx(0.512)
    vector = sp.minimize("sum(x^2)", [1.0, 2.0], **QUICK)
    np.testing.assert_allclose(vector.params, np.array([1.0, 2.0]) * 0.512)


def test_gallery_by_name_with_its_own_start_and_in_other_dimensions():
    run = sp.minimize("rosenbrock", **{**QUICK, "learning_rate": 1e-3})
    np.testing.assert_array_equal(run.trace.path[0], sp.GALLERY["rosenbrock"].start)
    wide = sp.minimize("rosenbrock", np.zeros(7), **{**QUICK, "learning_rate": 1e-3})
    assert wide.params.shape == (7,)
    named = sp.minimize("booth", {"x": 1.0, "y": 2.0}, max_steps=1)
    np.testing.assert_array_equal(named.trace.path[0], [1.0, 2.0])


@pytest.mark.parametrize("name", list(sp.GALLERY))
def test_auto_descends_on_every_gallery_function(name):
    run = sp.minimize(name, max_steps=400)
    assert run.value <= run.trace.value[0]
    assert run.settings["optimizer_chosen"] == "auto"
    assert run.verdict.kind in (
        "minimum",
        "saddle",
        "plateau",
        "not_stationary",
        "diverged",
    )
    if run.converged:
        minima = [point.value for point in sp.GALLERY[name].minima]
        assert not minima or run.value >= min(minima) - 1e-9


BAD = [
    (dict(learning_rate=-0.1), "learning_rate=-0.1: must be > 0.*use maximize"),
    (dict(learning_rate=float("nan")), "learning_rate=nan"),
    (dict(learning_rate="fast"), "learning_rate='fast'"),
    (dict(optimizer="adm"), "Did you mean adam"),
    (dict(optimizer=3), "optimizer=3"),
    (dict(optimizer="adgd", learning_rate=0.1), "brings its own rate"),
    (dict(optimizer="gd", momentum=0.9), "gd has none; .* is for momentum, nesterov"),
    (dict(optimizer="momentum", momentun=0.9), "Did you mean momentum"),
    (dict(max_step=5), "max_step: there is no such option. Did you mean max_steps"),
    (dict(lerning_rate=0.1, optimizer="gd"), "Did you mean learning_rate"),
    (dict(optimizer="gd", zzz=1), "zzz: there is no such option. There are grad, "),
    (dict(lr=0.1), "lr: there is no such option. Did you mean learning_rate"),
    (dict(maxiter=9), "maxiter: there is no such option. Did you mean max_steps"),
    (dict(b1=0.3), "b1: optimizer='auto' chooses .* b1 is for adam, adamw, "),
    (dict(schedule="cosine"), "schedule: optimizer='auto' chooses .*gd, momentum or a"),
    (dict(optimizer="adam", momentum=0.9), "adam has none; it takes b1, b2, eps. mo"),
    (dict(optimizer="momentum", momentum=1.5), r"momentum=1.5: must be .* in \[0, 1\)"),
    (dict(optimizer="gd", schedule="cosin"), "Did you mean cosine"),
    (dict(optimizer="gd", schedule="cosine", max_steps=None), "over how many steps"),
    (dict(clip_norm=0.0, optimizer="gd"), "clip_norm=0.0: must be > 0"),
    (dict(gtol=-1e-6), "gtol=-1e-06: must be >= 0"),
    (dict(gtol=float("nan")), "gtol=nan"),
    (dict(max_steps=1.5), "max_steps=1.5: must be a whole number"),
    (dict(max_steps=-1), "max_steps=-1"),
    (dict(max_seconds=-1.0), "max_seconds=-1.0"),
    (dict(patience=0), "patience=0"),
    (dict(target=float("inf")), "target=inf"),
    (dict(seed=-1), "seed=-1"),
    (dict(seed=1.5), "seed=1.5"),
    (dict(progress="yes"), "progress='yes'"),
    (dict(record_path="yes"), "record_path='yes'"),
    (dict(schedule=lambda step: "fast", optimizer="gd"), "fails at step 0"),
    (dict(schedule=lambda step: -0.1, optimizer="gd"), "a rate must be >= 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=range(len(BAD)))
def test_options_that_cannot_be_meant(options, message, tmp_path):
    with pytest.raises(sp.UsageError, match=message):
        sp.minimize("x^2", 1.0, save=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("objective", "start", "error", "message"),
    [
        ("x^2 + q", {"x": 1.0}, sp.UsageError, "needs a value for q"),
        ("x^2", {"y": 1.0}, sp.UsageError, "needs a value for x"),
        ("x^2", None, sp.UsageError, "start: missing"),
        ("x^2", {"x": float("nan")}, sp.UsageError, "must be finite"),
        ("x^2", float("inf"), sp.UsageError, "must be finite"),
        ("sen(x)", {"x": 1.0}, sp.FormulaError, "Did you mean sin"),
        ("__import__('os')", {"x": 1.0}, sp.FormulaError, "__import__"),
        ("(" * 10_000, {"x": 1.0}, sp.FormulaError, "2,000"),
        ("rosenbrok", [1.0, 1.0], sp.UsageError, "Did you mean rosenbrock"),
        (square, np.array([1.0, np.nan]), sp.UsageError, "must be finite"),
        (square, "three", sp.UsageError, "must be a number"),
        (square, {}, sp.UsageError, "holds no number"),
        (lambda x: x, np.ones(2), sp.DataError, r"shape \(2,\)"),
        (lambda x: np.sin(np.asarray(x)), np.ones(2), sp.DataError, "one number"),
        (lambda x: None, 1.0, sp.DataError, "returns None"),
        (lambda x: jnp.int32(x), 1.0, sp.DataError, "int32"),
        (lambda x: x * 1j, 1.0, sp.DataError, "complex"),
        (lambda x, y: x, 1.0, sp.DataError, "cannot be traced"),
        ("log(x)", -1.0, sp.DataError, "not finite at the start"),
        (3.0, 1.0, sp.UsageError, "objective=3.0"),
        ("booth", [1.0, 2.0, 3.0], sp.UsageError, "needs 2"),
    ],
    ids=range(21),
)
def test_objectives_and_starts_that_cannot_be_used(
    objective, start, error, message, tmp_path
):
    with pytest.raises(error, match=message):
        sp.minimize(objective, start, save=tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_goes_to_json_and_back_unchanged():
    run = sp.minimize(
        lambda p: square(p["w"]) + p["b"] ** 2,
        {"w": np.arange(3.0), "b": 2.0},
        **QUICK,
    )
    data = json.loads(json.dumps(run.to_json(), allow_nan=False))
    again = sp.Run.from_json(data)
    assert again.to_json() == run.to_json()
    assert again.stop is run.stop
    assert again.params["b"] == run.params["b"]
    np.testing.assert_array_equal(again.params["w"], run.params["w"])
    for name in run.trace.rows._fields:
        np.testing.assert_array_equal(
            getattr(again.trace, name), getattr(run.trace, name)
        )


def test_a_saved_run_is_the_run(tmp_path):
    run = sp.minimize("rosenbrock", max_steps=1500, save=tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.to_json() == run.to_json()
    assert sp.load(tmp_path / "run").to_json() == run.to_json()
    lines = (tmp_path / "run" / "trace.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["value"] == run.value


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(sp.DataError, match=r"thesis\.tex"):
        sp.minimize("x^2", 1.0, save=tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


def test_scipy_names_are_aliases():
    run = sp.minimize("x^2", 1.0)
    assert (run.x, run.fun, run.nit) == (run.params, run.value, run.steps)
    assert run.success is run.converged is True
    assert run.message == run.verdict.headline


def test_settings_tell_what_was_asked_and_chosen():
    run = sp.minimize("x^2", 1.0, optimizer="momentum", momentum=0.5, clip_norm=1.0)
    wanted = dict(
        objective="x^2",
        optimizer="momentum",
        optimizer_chosen="asked",
        learning_rate=0.01,
        momentum=0.5,
        clip_norm=1.0,
        gtol=1e-6,
        seed=0,
    )
    assert wanted.items() <= run.settings.items()
    assert run.environment["packages"]["jax"] == jax.__version__


def test_the_readable_form_says_what_matters():
    text = repr(sp.minimize("x^2", 5.0, optimizer="gd", learning_rate=10.0))
    assert "learning_rate=10" in text
    assert "DIVERGED" in text
    assert "try learning_rate=0.5" in text


def test_record_path_can_be_switched():
    assert sp.minimize("x^2", 1.0, record_path=False, **QUICK).trace.path is None
    assert sp.minimize(square, np.ones(1001), **QUICK).trace.path is None
    wide = sp.minimize(square, np.ones(1001), record_path=True, **QUICK)
    assert wide.trace.path.shape == (4, 1001)


def test_clipping_bounds_the_steps():
    run = sp.minimize(
        "x^2", 1e3, clip_norm=1.0, optimizer="gd", learning_rate=0.5, max_steps=9
    )
    np.testing.assert_allclose(run.trace.update_norm[:-1], 0.5)
