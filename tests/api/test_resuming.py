"""resume: from a folder alone where that can be, to the same end, or a clear no."""

import functools
import os
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from runs import told

import steepest as sp
from steepest.api import keeping
from steepest.core.errors import LostWarning
from steepest.descent.watchers import checkpoints
from steepest.records.checkpoint import FOLDER, checkpoint_files, save_checkpoint
from steepest.records.folder import ASKED

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=300)
NETWORK = dict(model="mlp:hidden=4", epochs=6, batch_size=32, progress=False)


class KilledError(BaseException):
    """The process ended here."""


@pytest.fixture
def killed(monkeypatch):
    """killed(after, door, ...): a run whose process ends after so many checkpoints."""

    def run(after, door, *args, **options):
        left = [after]

        def save(folder, checkpoint):
            save_checkpoint(folder, checkpoint)
            left[0] -= 1
            if not left[0]:
                raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "save_checkpoint", save)
            patch.setattr(checkpoints, "MOST_SHARE", 1e9)
            with pytest.raises(KilledError):
                door(*args, **options, checkpoint_seconds=1e-9)

    return run


def same(one, other):
    assert one[0] == other[0]
    assert one[2:] == other[2:]


def csv(path):
    lines = [",".join(map(str, row)) for row in np.c_[X, Y]]
    path.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return path


def test_a_fit_of_a_file_resumes_from_its_folder_alone(tmp_path, killed):
    path, folder = csv(tmp_path / "t.csv"), tmp_path / "run"
    whole = sp.fit(path, "y", **NETWORK)
    killed(4, sp.fit, path, "y", save=folder, **NETWORK)
    assert (folder / ASKED).exists()
    assert checkpoint_files(folder)
    found = sp.resume(folder, progress=False)
    same(told(found.run), told(whole.run))
    assert found.run.settings == whole.run.settings
    assert {one.name for one in folder.iterdir() if "weights" not in one.name} == {
        *("model.json", "run.json", "trace.jsonl")
    }
    rows = {"a": [1.0], "b": [2.0], "c": [0.0]}
    again = sp.load(folder).predict(rows)
    np.testing.assert_array_equal(again, found.predict(rows))
    with pytest.raises(sp.UsageError, match="nothing to resume .*ended: MAX_EPOCHS"):
        sp.resume(folder)


@pytest.mark.parametrize(
    ("objective", "start", "options"),
    [
        ("x**2 + 10*y**2", {"x": 3.0, "y": 1.0}, dict(optimizer="gd", momentum=None)),
        ("rosenbrock", np.full(4, -1.0), dict(optimizer="adam", bounds=(-2, np.inf))),
        ("sum((v - 1)**2)", {"v": [3.0, 4.0]}, dict(optimizer="gd")),
    ],
    ids=["formula", "gallery", "vector"],
)
def test_functions_with_a_name_resume_from_their_folder(
    tmp_path, killed, objective, start, options
):
    options.pop("momentum", None)
    options |= dict(learning_rate=1e-3, max_steps=4000, progress=False)
    whole = sp.minimize(objective, start, **options)
    killed(3, sp.minimize, objective, start, save=tmp_path / "run", **options)
    same(told(sp.resume(tmp_path / "run", progress=False)), told(whole))


def test_a_maximum_is_gone_on_to(tmp_path, killed):
    options = dict(optimizer="gd", learning_rate=1e-3, max_steps=3000, progress=False)
    whole = sp.maximize("-(x - 1)**2", {"x": 0.0}, **options)
    killed(2, sp.maximize, "-(x - 1)**2", {"x": 0.0}, save=tmp_path, **options)
    same(told(sp.resume(tmp_path, progress=False)), told(whole))


def bowl(x):
    return jnp.sum((x - 1) ** 2)


def other_bowl(x):
    return jnp.sum((x - 2) ** 2)


def test_a_function_is_handed_over_again(tmp_path, killed):
    tx = optax.sgd(1e-3)
    options = dict(optimizer=tx, max_steps=3000, progress=False)
    whole = sp.minimize(bowl, np.zeros(2), **options)
    killed(2, sp.minimize, bowl, np.zeros(2), save=tmp_path, **options)
    with pytest.raises(sp.UsageError, match="optimizer: the run was given an object"):
        sp.resume(tmp_path, objective=bowl)
    again = functools.partial(sp.resume, tmp_path, optimizer=tx, progress=False)
    with pytest.raises(sp.UsageError, match="objective: .* the function bowl, which a"):
        again()
    with pytest.raises(sp.DataError, match="other_bowl is not the one that the run"):
        again(objective=other_bowl)
    with pytest.raises(sp.UsageError, match="data: the run in .* is one of minimize"):
        again(X, objective=bowl)
    with pytest.raises(sp.UsageError, match="epoch: no option of minimize"):
        again(objective=bowl, epoch=3)
    same(told(again(objective=bowl)), told(whole))


def test_arrays_a_model_and_a_loss_are_handed_over_again(tmp_path, killed):
    model = eqx.nn.MLP(3, 1, 4, 1, key=jax.random.key(0))
    other = eqx.nn.MLP(3, 1, 8, 1, key=jax.random.key(0))

    def loss(p, t):
        return jnp.sqrt((p - t) ** 2 + 1)

    options = {**NETWORK, "model": model, "loss": loss}
    whole = sp.fit((X, Y), **options)
    killed(3, sp.fit, (X, Y), save=tmp_path, **options)
    again = functools.partial(sp.resume, tmp_path, progress=False, loss=loss)
    with pytest.raises(sp.UsageError, match="data: .* pair of an array of shape"):
        again(model=model)
    with pytest.raises(sp.UsageError, match="model: the run was given an object"):
        again((X, Y))
    with pytest.raises(sp.DataError, match="the data is not what the run began with"):
        again((X[::-1], Y[::-1]), model=model)
    with pytest.raises(sp.DataError, match="the checkpoint holds .* hand over what"):
        again((X, Y), model=other)
    with pytest.raises(sp.UsageError, match="objective: the run in .* is one of fit"):
        again((X, Y), model=model, objective=bowl)
    same(told(again((X, Y), model=model).run), told(whole.run))


def test_another_model_by_name_is_refused(tmp_path, killed):
    path = csv(tmp_path / "t.csv")
    killed(2, sp.fit, path, "y", save=tmp_path / "run", **NETWORK)
    with pytest.raises(sp.DataError, match="model was .*hidden.* when the run began"):
        sp.resume(tmp_path / "run", model="mlp:hidden=5")


def change_size(path):
    path.write_text(path.read_text() + "1,2,3,4\n")


def change_time(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_size, "changed since the run began .its bytes"),
        (change_time, "changed since the run began .its time of change"),
        (os.unlink, "cannot be read .No such file"),
    ],
)
def test_a_file_that_has_changed_is_refused(tmp_path, killed, change, words):
    path = csv(tmp_path / "t.csv")
    killed(2, sp.fit, path, "y", save=tmp_path / "run", **NETWORK)
    change(path)
    with pytest.raises(sp.DataError, match=words):
        sp.resume(tmp_path / "run")
    assert checkpoint_files(tmp_path / "run")


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("many", [1, 2])
def test_damaged_checkpoints_cost_time_and_nothing_else(tmp_path, killed, many):
    path, folder = csv(tmp_path / "t.csv"), tmp_path / "run"
    whole = sp.fit(path, "y", **NETWORK)
    killed(5, sp.fit, path, "y", save=folder, **NETWORK)
    for one in checkpoint_files(folder)[:many]:
        damage(one)
    words = ("The one before it is used.", "The run begins anew.")[many - 1]
    with pytest.warns(sp.ResumeWarning, match=f"damaged, .*{words}"):
        found = sp.resume(folder, progress=False)
    same(told(found.run), told(whole.run))


def test_a_run_without_a_checkpoint_begins_anew(tmp_path, killed):
    path, folder = csv(tmp_path / "t.csv"), tmp_path / "run"
    whole = sp.fit(path, "y", **NETWORK)
    killed(1, sp.fit, path, "y", save=folder, **NETWORK)
    for one in checkpoint_files(folder):
        one.unlink()
    with pytest.warns(sp.ResumeWarning, match="holds no checkpoint yet; the run beg"):
        found = sp.resume(folder, progress=False)
    same(told(found.run), told(whole.run))


def test_a_new_run_in_the_folder_takes_nothing_from_the_old(tmp_path, killed):
    path, folder = csv(tmp_path / "t.csv"), tmp_path / "run"
    killed(5, sp.fit, path, "y", save=folder, **NETWORK)
    with pytest.warns(sp.ResumeWarning, match="could be resumed there is given up"):
        fresh = sp.fit(path, "y", save=folder, **{**NETWORK, "epochs": 2})
    assert fresh.run is not None
    assert fresh.run.trace.validation.epoch[-1] == 2
    assert not (folder / FOLDER).exists()
    with pytest.raises(sp.UsageError, match="nothing to resume"):
        sp.resume(folder)


def test_max_seconds_counts_all_lives(tmp_path, killed, monkeypatch):
    killed(3, sp.fit, (X, Y), save=tmp_path, **NETWORK, max_seconds=600.0)
    found = sp.resume(tmp_path, (X, Y), progress=False)
    assert found.run is not None
    assert (np.diff(found.run.trace.seconds) >= 0).all()


@pytest.mark.parametrize(
    ("folder", "words"),
    [("absent", "no run is saved there"), ("empty", "no run is saved there")],
)
def test_where_there_is_no_run_there_is_nothing_to_resume(tmp_path, folder, words):
    (tmp_path / "empty").mkdir()
    with pytest.raises(sp.UsageError, match=words):
        sp.resume(tmp_path / folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("checkpoint_seconds", v) for v in (0, -1.0, "often", float("inf"), True)],
        *[("checkpoint_epochs", v) for v in (0, 1.5, "all")],
    ],
)
def test_odd_times_are_refused(name, value):
    with pytest.raises(sp.UsageError, match=f"{name}={value!r}: must be"):
        sp.fit((X, Y), **{name: value})


def test_a_full_disk_is_told_once_and_the_fit_goes_on(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    whole = sp.fit((X, Y), **NETWORK)
    real = keeping.Keeping.save

    def save(self, write, stop):
        monkeypatch.setattr("steepest.core.files.os.fdopen", full)
        real(self, write, stop)

    monkeypatch.setattr(keeping.Keeping, "save", save)
    monkeypatch.setattr(checkpoints, "save_checkpoint", full)
    with warnings.catch_warnings(record=True) as told_:
        warnings.simplefilter("always")
        found = sp.fit((X, Y), save=tmp_path, **NETWORK, checkpoint_seconds=1e-9)
    words = [str(one.message) for one in told_]
    assert [one.category for one in told_] == [sp.SaveWarning, LostWarning], words
    assert "No space left on device" in words[0]
    assert "The run goes on" in words[0]
    assert "The result is not saved" in words[1]
    same(told(found.run), told(whole.run))
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.undo()
    with pytest.warns(sp.ResumeWarning, match="holds no checkpoint yet"):
        found = sp.resume(tmp_path, (X, Y), progress=False)
    same(told(found.run), told(whole.run))
