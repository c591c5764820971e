"""Traces from elsewhere: names of columns, holes, orders, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.core.errors import DataError
from steepest.records.elsewhere import trace_of
from steepest.records.written import read_written, rows_of

NAN = np.nan


def read(text):
    return trace_of(read_written(text.encode(), "a.csv"), "a.csv")


def columns(**columns):
    return trace_of(rows_of(columns, "rows"), "rows")


@pytest.mark.parametrize(
    "names",
    [
        ("step", "loss", "grad_norm", "learning_rate", "val_loss"),
        ("Iteration", "Train_Loss", "Gradient Norm", "LR", "Validation Loss"),
        ("iter", "objective", "train/grad_norm", "train/learning_rate", "eval/loss"),
        ("global_step", "cost", "grad_2.0_norm_total", "lr-Adam", "eval_loss"),
        ("_step", "run 7 - train/loss", "gnorm", "lr-Adam/pg1", "dev_loss"),
        ("trainer/global_step", "VALUE", "optim/grad_norm", "rate", "valid_loss"),
    ],
)
def test_usual_names(names):
    rows = [[0, 2.0, 4.0, 0.1, 2.5], [1, 1.0, 2.0, 0.1, 1.5]]
    text = "\n".join(",".join(map(str, row)) for row in [names, *rows])
    found = read(f"{text},0\n".replace(names[-1], f"{names[-1]},weather", 1))
    trace = found.trace
    assert set(found.columns.values()) == set(names)
    assert found.unused == ("weather",)
    assert trace.step.tolist() == [0, 1]
    assert trace.value.tolist() == [2, 1]
    assert trace.grad_norm.tolist() == [4, 2]
    assert trace.learning_rate.tolist() == [0.1, 0.1]
    assert trace.validation.loss.tolist() == [2.5, 1.5]
    assert np.isnan(trace.cosine).all()


def test_the_better_name_wins_and_the_other_is_told():
    found = columns(train_loss=[9.0, 9.0], loss=[2.0, 1.0])
    assert found.trace.value.tolist() == [2, 1]
    assert found.unused == ("train_loss",)
    found = columns(train_loss=[9.0, 8.0], loss=[None, None])
    assert found.trace.value.tolist() == [9, 8]


def test_lightning_writes_rows_of_validation_with_holes():
    found = read(
        "epoch,step,train_loss,val_loss,lr-Adam\n0,49,,,0.1\n0,49,1.5,,\n0,49,,1.4,\n"
        "1,99,,,0.01\n1,99,1.0,,\n1,99,,1.1,\n"
    )
    trace = found.trace
    assert (found.rows, found.notes) == (6, ())
    assert trace.step.tolist() == [49, 99]
    assert trace.value.tolist() == [1.5, 1.0]
    assert trace.learning_rate.tolist() == [0.1, 0.01]
    assert trace.epoch.tolist() == [0, 1]
    assert trace.validation.loss.tolist() == [1.4, 1.1]
    assert trace.validation.step.tolist() == [49, 99]


def test_nan_beside_a_validation_loss_is_a_hole_and_alone_it_is_nan():
    filled = read("step,loss,val_loss\n0,2,nan\n1,nan,1.5\n2,1,nan\n")
    assert filled.trace.value.tolist() == [2, 1]
    alone = read("step,loss,val_loss\n0,2,1\n1,nan,nan\n")
    np.testing.assert_array_equal(alone.trace.value, [2, NAN])
    assert alone.trace.finite.tolist() == [True, False]


def test_keras_counts_epochs():
    found = read("epoch,accuracy,loss,lr,val_loss\n0,0.1,2,0.1,3\n1,0.2,1,0.1,2\n")
    assert found.trace.step.tolist() == found.trace.validation.epoch.tolist() == [0, 1]
    assert found.notes == ()


def test_hugging_face_keeps_a_history():
    found = trace_of(
        rows_of(
            [
                {"loss": 2.0, "grad_norm": 3.0, "learning_rate": 1e-4, "step": 10},
                {"eval_loss": 1.8, "epoch": 0.5, "step": 10},
                {"loss": 1.0, "learning_rate": 5e-5, "step": 20},
                {"train_runtime": 3.5, "train_loss": 1.5, "step": 20},
            ],
            "log_history",
        ),
        "log_history",
    )
    np.testing.assert_array_equal(found.trace.grad_norm, [3, NAN])
    assert found.trace.learning_rate.tolist() == [1e-4, 5e-5]
    assert found.trace.validation.step.tolist() == [10]
    assert set(found.unused) == {"train_runtime", "train_loss"}


def test_orders():
    found = read("step,loss\n5,1\n0,3\n1,2\n1,1.5\n")
    assert found.trace.step.tolist() == [0, 1, 5]
    assert found.trace.value.tolist() == [3, 1.5, 1]
    assert found.notes == (
        "the rows were out of order: sorted by their steps.",
        "1 row left out, whose step comes again: the later counts.",
    )
    found = read("epoch,step,loss\n0,0,4\n0,1,3\n1,0,2\n1,1,1\n")
    assert found.trace.step.tolist() == [0, 1, 2, 3]
    assert found.notes == ("the steps begin anew in each epoch: rows are counted.",)
    found = read("step,loss\n0,3\n,2\n2,1\n")
    assert found.trace.step.tolist() == [0, 2]
    assert found.notes == ("1 row without a step left out.",)
    for text in ("epoch,loss\n0,3\n0,2\n", "step,loss\n0.5,3\n1.5,2\n"):
        found = read(text)
        assert found.trace.step.tolist() == [0, 1]
        assert found.notes == (
            "the steps are no whole numbers, each once: rows are counted.",
        )
    found = read("loss\n3\n2\n")
    assert found.trace.step.tolist() == [0, 1]
    assert found.notes == ("no column of steps: rows are counted.",)
    found = read("step,loss\n1e300,3\n2,2\n")
    assert found.trace.step.tolist() == [2]


def test_times():
    found = read("timestamp,loss\n1700000000000,2\n1700000001500,1\n")
    assert found.trace.seconds.tolist() == [0, 1.5]
    found = read("seconds,loss\n0.5,2\n1.5,1\n")
    assert found.trace.seconds.tolist() == [0.5, 1.5]


def test_text_where_numbers_belong():
    found = read("step,loss\n0,3\n1,oops\n2,tensor(1.0)\n3,1\n")
    assert found.trace.value.tolist() == [3, 1]
    told = "loss: 2 cells without a number left open, first 'oops' in row 2."
    assert told in found.notes
    found = read("step;loss\n0;3,5\n1;1,25\n")
    assert found.trace.value.tolist() == [3.5, 1.25]
    found = columns(loss=[2, True, 10**400, None, "1.5"])
    assert found.trace.value.tolist() == [2, np.inf, 1.5]


def test_nan_alone_is_read_as_such():
    found = read("step,loss\n0,nan\n1,NaN\n")
    assert np.isnan(found.trace.value).tolist() == [True, True]


BAD = {
    "no losses": ("step,acc\n0,1\n", "no column of losses among step, acc. Name one"),
    "validation alone": ("step,val_loss\n0,1\n", "no column of losses among"),
    "only holes": ("step,loss\n0,\n1,NA\n", "loss holds no number in any of 2 rows"),
    "only text": ("step,loss\n0,a\n1,b\n", "loss holds no number in any of 2 rows"),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_bad_rows_are_refused(text, told):
    with pytest.raises(DataError, match=f"^a.csv: {told}"):
        read(text)
