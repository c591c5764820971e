"""watch: what it saves, what is said of it, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from loops import make_table, network, rule, torch, train

from steepest import diagnose
from steepest.core.errors import DataError, UsageError
from steepest.torch import watch


@pytest.fixture
def table():
    return make_table()


def test_what_runs_away_is_told(table, tmp_path):
    model = network()
    optimizer = rule(model, lr=1e4)
    with watch(model, optimizer, save=tmp_path / "run") as seen:
        train(model, optimizer, table, 30)
    assert seen.diagnose().failed
    again = diagnose(tmp_path / "run")
    assert again.verdict.kind == seen.diagnose().verdict.kind
    assert again.verdict.findings[0].severity == "error"


def test_a_run_is_saved_and_judged(table, tmp_path):
    model = network()
    optimizer = rule(model, lr=1e-3)
    with watch(model, optimizer, save=tmp_path / "run") as seen:
        train(model, optimizer, table, 60)
        seen.add_validation(2.0, epoch=3)
        early = seen.diagnose()
    assert early.verdict.kind == "not_stationary"
    found = diagnose(tmp_path / "run")
    for name in found.trace.rows._fields:
        pair = (getattr(found.trace, name), getattr(seen.trace, name))
        np.testing.assert_array_equal(*pair)
    assert found.trace.layers.names == ("0.weight", "2.weight")
    assert found.trace.validation.loss.tolist() == [2.0]
    assert found.verdict.findings[0].symptom == "step_too_small"
    assert found.verdict.findings[0].remedy["learning_rate"] > 1e-3


BAD = {
    "no module": (lambda m, o: watch([m], o), "model: need a torch.nn.Module, got a"),
    "no optimizer": (lambda m, o: watch(m, 0.1), "optimizer: need one of torch.optim"),
    "every": (lambda m, o: watch(m, o, every=0), "every=0: must be a whole number"),
    "of another": (
        lambda m, o: watch(torch.nn.Linear(1, 1), o),
        "optimizer: holds no parameter of this model",
    ),
}


@pytest.mark.parametrize(("call", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_and_leaves_torch_alone(call, told):
    model, backward = network(), torch.autograd.backward
    optimizer = rule(model)
    with pytest.raises(UsageError, match=told):
        call(model, optimizer)
    assert torch.autograd.backward is backward
    assert not optimizer._optimizer_step_pre_hooks


def test_a_loop_that_was_not_seen_is_told(table):
    model = network()
    with watch(model, rule(model)) as seen:
        train(model, rule(model), table)
        with pytest.raises(UsageError, match="no step was seen yet"):
            seen.diagnose()


def test_a_folder_of_other_things_is_refused(tmp_path):
    model, backward = network(), torch.autograd.backward
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="holds letter.txt"):
        watch(model, rule(model), save=tmp_path)
    assert torch.autograd.backward is backward
