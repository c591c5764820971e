"""Rows of any program: the formats, and what is wrong with files."""

from __future__ import annotations

import json

import pytest

from steepest.core.errors import DataError
from steepest.records.written import read_written, rows_of

TWO = [{"step": "0", "loss": "1.5"}, {"step": "1", "loss": "1.25"}]
FORMATS = {
    "commas": b"step,loss\n0,1.5\n1,1.25\n",
    "semicolons": b"step;loss\r\n0;1.5\r\n1;1.25\r\n",
    "tabs": b"step\tloss\n0\t1.5\n1\t1.25\n",
    "blanks": b"step    loss\n0       1.5\n1       1.25\n",
    "a comment for a header": b"# step loss\n0 1.5\n1 1.25",
    "quotes": b'"step","loss"\n"0","1.5"\n"1","1.25"\n',
    "a byte order mark": b"\xef\xbb\xbfstep,loss\n0,1.5\n1,1.25\n",
    "two bytes a letter": "step,loss\n0,1.5\n1,1.25\n".encode("utf-16"),
    "blank lines": b"\n\nstep,loss\n0,1.5\n\n1,1.25\n\n",
}
ROWS = [{"step": 0, "loss": 1.5}, {"step": 1, "loss": 1.25}]
PLAIN = {
    "a list of rows": ROWS,
    "columns": {"step": [0, 1], "loss": [1.5, 1.25]},
    "what pandas writes": {"step": {"0": 0, "1": 1}, "loss": {"0": 1.5, "1": 1.25}},
    "a trainer's state": {"best": 1, "log_history": ROWS},
}


@pytest.mark.parametrize("data", FORMATS.values(), ids=FORMATS)
def test_csv(data):
    assert read_written(data, "a").rows == TWO


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_json(content):
    assert read_written(json.dumps(content).encode(), "a").rows == ROWS
    assert rows_of(content, "a").rows == ROWS


def test_json_lines_and_nested_names():
    data = b'{"step": 0, "train": {"loss": 1.5}}\n\n{"step": 1}\n'
    assert read_written(data, "a").rows == [{"step": 0, "train/loss": 1.5}, {"step": 1}]


def test_a_list_of_losses_and_what_tensorboard_saves():
    assert rows_of([2.0, 1.0], "a").rows == [{"loss": 2.0}, {"loss": 1.0}]
    board = rows_of([[1.7e9, 0, 2.0], [1.7e9, 1, 1.0]], "a").rows
    assert board[1] == {"wall_time": 1.7e9, "step": 1, "value": 1.0}


def test_what_mlflow_writes():
    own = b"1700000000000 0.5 0\n1700000000010 0.25 1\n"
    assert read_written(own, "a").rows[1]["value"] == "0.25"
    long = b"key,value,step\nloss,0.5,0\nacc,0.1,0\nloss,0.25,1\n"
    assert read_written(long, "a").rows == [
        {"step": "0", "loss": "0.5"},
        {"step": "0", "acc": "0.1"},
        {"step": "1", "loss": "0.25"},
    ]


def test_what_cannot_be_read_is_left_out_and_told():
    found = read_written(b'{"loss": 1}\nnonsense\n{"loss": 2}\n{"lo', "a")
    assert [row["loss"] for row in found.rows] == [1, 2]
    assert found.notes == (
        "the last line is torn and was left out.",
        "1 line cannot be read and were left out, first line 2.",
    )
    found = read_written(b"step,loss,lr\n0,2,1\n1,1,1\n2", "a")
    assert (len(found.rows), len(found.notes)) == (3, 1)
    assert "torn" in found.notes[0]
    found = read_written(b"step,loss\n0,2\nstep,loss\n0,3\n", "a")
    assert [row["loss"] for row in found.rows] == ["2", "3"]
    assert "the header stands there again" in found.notes[0]


BAD = {
    "nothing": (b"", "is empty. Need CSV"),
    "blanks": (b" \n\n", "is empty. Need CSV"),
    "a header alone": (b"step,loss\n", "holds names of columns and no row"),
    "no header": (b"0,1.5\n1,1.25\n", r"first line holds numbers \(0, 1.5\)"),
    "bytes": (b"PAR1\x00\x15\x04", "is a binary file"),
    "one number": (b"[3]x", "no line of it is a JSON object"),
    "an empty list": (b"[]", "holds no rows"),
    "an empty object": (b"{}", "holds no rows"),
    "torn in its first line": (b'{"step": 0, "lo', "no line of it is a JSON object"),
    "too deep": (b"[" * 100_000, "nested too deeply|no line of it is a JSON"),
}


@pytest.mark.parametrize(("data", "told"), BAD.values(), ids=BAD)
def test_bad_files_are_refused(data, told):
    with pytest.raises(DataError, match=f"^a.csv: .*({told})"):
        read_written(data, "a.csv")
