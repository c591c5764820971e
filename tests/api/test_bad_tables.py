"""Tables that a fit cannot use, or only in part: what is said, of which row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import steepest as sp
from steepest.core.errors import DataError, UsageError

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = X @ [1.0, 2.0, 3.0] + 1
LATE = np.where(Y > 0, "yes", "no").astype(object)
ROW = np.arange(N)
QUICK = dict(epochs=3)


def holes(values, *rows, by=np.nan):
    copy = np.array(values, dtype=object if isinstance(values[0], str) else None)
    copy[list(rows)] = by
    return copy


FRAME = pd.DataFrame(X, columns=list("abc")).assign(
    a=holes(X[:, 0], 4, 20), b=holes(X[:, 1], 30, by=np.inf), y=holes(Y, 2)
)


def notes(fitted):
    return " ".join(fitted.run.settings["notes"])


def test_missing_values_are_filled_in_and_told_with_the_users_rows():
    fitted = sp.fit(FRAME, "y", **QUICK)
    told = "filled in and flagged: a 2 (first in row 5), b 1 (row 31)."
    assert told in notes(fitted)
    assert "1 infinite value counted" in notes(fitted)
    rows = fitted.run.settings["rows"]
    assert (rows["train"] + rows["validation"], rows["target_missing"]) == (59, 1)
    assert (rows["incomplete"], fitted.run.settings["missing"]) == (0, "impute")


def test_dropping_is_the_fit_to_the_complete_rows():
    dropped = sp.fit(FRAME, "y", missing="drop", validation=None)
    whole = FRAME.replace(np.inf, np.nan).dropna()
    plain = sp.fit(whole, "y", validation=None)
    np.testing.assert_array_equal(dropped.params["weight"], plain.params["weight"])
    assert dropped.run.settings["rows"]["incomplete"] == 3
    assert "left out for lack of a value: a 2 (first in row 5)" in notes(dropped)
    assert dropped.predict(FRAME).shape == (N,)  # gaps of these are filled in
    assert dropped.evaluate(FRAME) == dropped.evaluate(whole)
    with pytest.raises(DataError, match="every row lacks a value"):
        dropped.evaluate(FRAME.iloc[[4, 20]])


def test_refusing_names_the_first_row(tmp_path):
    with pytest.raises(DataError, match=r"target y, row 3: missing"):
        sp.fit(FRAME, "y", missing="refuse")
    known = FRAME.drop(index=2)
    with pytest.raises(DataError, match=r"column a, row 4: .* 3 rows of 59 lack"):
        sp.fit(known, "y", missing="refuse", save=tmp_path / "model")
    assert not (tmp_path / "model").exists()
    strict = sp.fit(FRAME.iloc[5:20], "y", missing="refuse", **QUICK)
    strict = sp.load(strict.save(tmp_path / "strict"))
    for use in (strict.predict, strict.evaluate):
        with pytest.raises(DataError, match="column a, row 1: .* fitted to refuse"):
            use(FRAME.iloc[[4, 5]])
    with pytest.raises(DataError, match=r"validation: column a, row 2"):
        sp.fit(FRAME.iloc[5:20], "y", missing="refuse", validation=FRAME.iloc[3:9])


def test_dropping_may_leave_too_little():
    bare = FRAME.assign(c=np.nan, d=holes(X[:, 2], *range(1, N)))
    sp.fit(bare[["a", "b", "c", "y"]], "y", missing="drop", **QUICK)  # c is not used
    bare = bare.assign(d=np.where(ROW < 2, ROW, np.nan))
    with pytest.raises(DataError, match=r"'drop' leaves 2 rows of 60.*d 58 \(first"):
        sp.fit(bare.assign(y=np.maximum(ROW, 1.0)), "y", missing="drop")


def test_rows_are_those_of_the_users_table():
    oops = FRAME.assign(a=[f"{v:.3f}" if i != 40 else "oops" for i, v in enumerate(Y)])
    assert "'oops' (row 41)" in notes(sp.fit(oops, "y", validation=0.4, **QUICK))
    counts = np.where(ROW == 20, -1.0, np.where(ROW < 5, np.nan, ROW))
    with pytest.raises(DataError, match="target in row 21 is -1.0: loss=poisson"):
        sp.fit((X, counts), loss="poisson")
    days = [f"2013-01-{1 + i % 28:02}" for i in range(N)]
    seed = next(s for s in range(20) if _held_out(50, s))
    days[50] = "soon"
    with pytest.raises(DataError, match="column d, row 51: 'soon'"):
        sp.fit(FRAME.assign(d=days), "y", seed=seed)


def _held_out(row: int, seed: int) -> bool:
    from steepest.data.orders import split

    return row - 1 in split(N - 1, 0.1, seed=seed)[1]  # one row lacks its target


@pytest.mark.parametrize("gone", [None, np.nan, "nan", "<NA>", ""])
def test_labels_of_text_may_be_missing(gone):
    labels = holes(LATE, 4, by=gone)
    for each in (labels, list(labels), pd.Series(labels)):
        fitted = sp.fit((X, each), **QUICK)
        assert fitted.target.classes == ("no", "yes")
        assert fitted.run.settings["rows"]["target_missing"] == 1


BAD = {
    "types": ((X, [1, *LATE[1:]]), {}, DataError, "row 2: '(yes|no)' is of type str"),
    "types in a frame": (
        (pd.DataFrame({"a": ["x", *X[1:, 0]]}), Y),
        {},
        DataError,
        "column a, row 2: .* is of type float",
    ),
    "batch 0": ((X, Y), dict(batch_size=0), UsageError, "batch_size=0: must be"),
    "batch above n": (
        (X, Y),
        dict(batch_size=55),
        UsageError,
        "batch_size=55: there are only 54 rows to train on",
    ),
    "one class weighs": (
        (X, LATE),
        dict(sample_weight=(Y > 0) * 1.0),
        DataError,
        "'yes' in every row to train on that weighs more than 0",
    ),
    "one class by its weight": (
        (X, LATE),
        dict(class_weight={"no": 0}),
        DataError,
        "'yes' in every row to train on",
    ),
    "one row weighs": (
        (X, Y),
        dict(sample_weight=(ROW == 4) * 1.0, validation=None),
        DataError,
        "in every row to train on that weighs",
    ),
    "class weights": ((X, LATE), dict(class_weight=3), UsageError, 'needs "balanced"'),
    "log loss on numbers": ((X, Y), dict(loss="log"), UsageError, "set task='binary'"),
    "a real target as binary": (
        (X, Y),
        dict(loss="log", task="binary"),
        DataError,
        "60 distinct values .* Use task='regression'",
    ),
    "squared on two values": (
        (X, (Y > 0) * 1),
        dict(loss="squared"),
        UsageError,
        "2 distinct values. If it is meant otherwise, set task='regression'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused(case, tmp_path):
    data, options, kind, told = BAD[case]
    with pytest.raises(kind, match=told):
        sp.fit(data, save=tmp_path / "model", **options)
    assert not list(tmp_path.iterdir())


def test_a_class_that_is_new_to_the_model():
    fitted = sp.fit((X, LATE), **QUICK)
    new = holes(LATE, 7, by="maybe")
    with pytest.raises(DataError, match="row 8: 'maybe' is not a class of the model"):
        fitted.evaluate((X, new))
    with pytest.raises(DataError, match="validation: .* row 8: 'maybe'"):
        sp.fit((X, LATE), validation=(X, new))
    assert set(fitted.predict(X)) <= {"yes", "no"}
