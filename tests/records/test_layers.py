"""What is recorded of layers, and of the first number that was not finite, on disk."""

import json
from dataclasses import replace

import numpy as np
import pytest

from steepest.core.errors import DataError
from steepest.records import Run
from steepest.records import layers as module
from steepest.records.folder import (
    PART,
    RUN,
    TRACE,
    load_run,
    new_folder,
    read_trace,
    row_lines,
    save_run,
)
from steepest.records.layers import concatenate, layers_of
from steepest.records.offender import Offender, first_offender, offender_from_json

NAMES = ("w1", "w2")
NUMBERS = np.arange(12.0).reshape(2, 3, 2)
NUMBERS[1, 1] = np.nan, np.inf
LAYERS = layers_of(NAMES, [0, 2], NUMBERS)
LOST = Offender("gradient", "w1", 3, "nan")


@pytest.fixture
def network_run(a_run):
    run = a_run()
    return replace(run, trace=replace(run.trace, layers=LAYERS, offender=LOST))


def test_a_run_keeps_them_as_json(network_run, same):
    data = json.loads(json.dumps(network_run.to_json()))
    assert same(Run.from_json(data), network_run)
    del data["trace"]["layers"], data["trace"]["offender"]  # as older runs are
    older = Run.from_json(data).trace
    assert (older.layers, older.offender) == (None, None)


def test_a_folder_keeps_them(network_run, same, tmp_path):
    save_run(network_run, new_folder(tmp_path))
    assert same(load_run(tmp_path), network_run)
    told = [json.loads(line) for line in (tmp_path / TRACE).read_text().splitlines()]
    assert [line.get("layers") for line in told[:2]] == [
        {"w1": [0.0, 2.0, 4.0], "w2": [1.0, 3.0, 5.0]},
        None,
    ]
    content = json.loads((tmp_path / RUN).read_text())
    assert content["offender"]["name"] == "w1"


def test_a_killed_run_leaves_them(network_run, tmp_path, same):
    trace = network_run.trace
    file = tmp_path / (TRACE + PART)
    lines = "".join(row_lines(trace.rows, None, LAYERS))
    file.write_text(lines + lines.splitlines()[-1][:40])
    assert same(read_trace(file).layers, LAYERS)


@pytest.mark.parametrize("layers", ["text", 3, [1], {"w": [1.0]}, {"w": 2}])
def test_damaged_layers_are_told(layers, network_run, tmp_path):
    lines = list(row_lines(network_run.trace.rows, None))
    lines[1] = json.dumps({**json.loads(lines[1]), "layers": layers}) + "\n"
    (tmp_path / TRACE).write_text("".join(lines))
    with pytest.raises(DataError, match="line 2 is damaged"):
        read_trace(tmp_path / TRACE)


def test_stretches_are_joined_and_cut():
    whole = concatenate([LAYERS, None, layers_of(NAMES, [4], NUMBERS[:1])])
    assert whole.step.tolist() == [0, 2, 4]
    assert whole.before(4).step.tolist() == [0, 2]
    np.testing.assert_array_equal(module.array_of(whole.before(4)), NUMBERS)
    np.testing.assert_array_equal(LAYERS.update_ratio[0], [2 / 4, 3 / 5])


BIG = np.full(4, 1e19, np.float32)


@pytest.mark.parametrize(
    ("params", "value", "grads", "words"),
    [
        ({"w": np.inf}, np.nan, {"w": np.nan}, "w became inf at step 3"),
        ({"w": 1.0}, -np.inf, {"w": np.nan}, "the value became -inf at step 3"),
        ({"w": 1.0}, 2.0, {"a": 1.0, "w": [1.0, np.nan]}, "the gradient of w"),
        ({"w": BIG}, 2.0, {"a": 1.0, "w": 2 * BIG}, "the gradient of w became inf"),
        ({"w": 1.0}, 2.0, {"w": 3.0}, None),
    ],
)
def test_the_first_offender_is_what_the_others_follow_from(params, value, grads, words):
    found = first_offender(params, value, grads, 3)
    assert found is None if words is None else found.words.startswith(words)


def test_a_damaged_offender_is_none():
    with pytest.raises(ValueError, match="offender"):
        offender_from_json({"part": "nobody"})
