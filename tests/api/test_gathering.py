"""Where the rows of a fit come from, and that nothing stays where they lay."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamed import left_in, rows_of, written

import steepest as sp
from steepest.api.gathering import is_large, new_folder, streams
from steepest.core import memory
from steepest.core.errors import DataError, UsageError
from steepest.data import encoding, shelf


@pytest.fixture(name="home")
def _home(tmp_path, monkeypatch):
    """The folder for temporary files."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    return home


@pytest.fixture(name="data")
def _data(tmp_path):
    return written(tmp_path / "a.parquet")


@pytest.fixture(name="cache")
def _cache(tmp_path):
    return tmp_path / "some" / "cache"


def test_the_folder_goes_and_the_rows_stay_readable(home, data):
    rows = rows_of(data, validation=0.2)
    assert left_in(home) == []
    kept = rows_of(data, stream=False, validation=None).target
    assert rows.target.name == kept.name
    assert np.isfinite(rows.train.inputs).all()
    assert len(rows.train.target) + len(rows.validation.target) == 200


def test_a_fit_leaves_nothing(home, data):
    sp.fit(data, "y", stream=True, progress=False)
    assert left_in(home) == []


BAD = {
    "text": {"loss": "nonsense"},
    "weights": {"sample_weight": "c"},
    "no column": {"ignore": ["a", "c"]},
}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("how", BAD)
def test_an_error_leaves_nothing(home, data, cache, how, kept):
    with pytest.raises((DataError, UsageError)):
        rows_of(data, cache=cache if kept else None, **BAD[how])
    assert left_in(cache if kept else home) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_stops_it_leaves_nothing(home, cache, error):
    def batches():
        yield pd.DataFrame({"a": [1.0, 2.0], "y": [1.0, 3.0]})
        raise error

    for place, folder in ((None, home), (cache, cache)):
        with pytest.raises(error):
            rows_of(batches(), cache=place)
        assert left_in(folder) == []


@pytest.mark.parametrize("kept", [False, True])
def test_an_interrupt_while_rows_are_written_leaves_nothing(
    home, data, cache, kept, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoding, "_shelve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rows_of(data, cache=cache if kept else None)
    assert left_in(cache if kept else home) == []


class Full:
    """A file on a full disk."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)


@pytest.mark.parametrize("room", [0, 1000])
@pytest.mark.parametrize("kept", [False, True])
def test_a_full_disk_is_told_and_nothing_stays(
    home, data, cache, kept, room, monkeypatch
):
    real = Path.open

    def opened(self, mode="r", *args, **options):
        file = real(self, mode, *args, **options)
        return Full(file, room) if self.suffix == ".bin" and mode != "rb" else file

    monkeypatch.setattr(shelf.Path, "open", opened)
    told = r"rows cannot be kept there \(No space left on device\)\. Name another fold"
    with pytest.raises(DataError, match=told):
        rows_of(data, cache=cache if kept else None)
    assert left_in(cache if kept else home) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path, data, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(DataError, match=r"cache: .*a.parquet cannot be made \(File ex"):
        rows_of(data, cache=data)
    monkeypatch.setattr(tempfile, "mkdtemp", denied)
    with pytest.raises(DataError, match=r"cannot be kept there \(Permission denied\)"):
        rows_of(data, cache=tmp_path)
    with pytest.raises(DataError, match=r"the folder for temporary files: .*by cache="):
        rows_of(data)
    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(DataError, match=r"cache: .* cannot be made \(Permission den"):
        rows_of(data, cache=tmp_path / "new")


def test_folders_of_dead_processes_are_taken_away(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {
        f"steepest-rows-{dead.pid}-x": False,
        f"steepest-rows-{os.getpid()}-x": True,
        f"steepest-rows-{os.getppid()}-x": True,
        "steepest-rows-mine": True,
        "rows-0123": True,
        "other": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "train-values.bin").write_bytes(b"1")
    with new_folder(tmp_path) as folder:
        assert folder.name.startswith(f"steepest-rows-{os.getpid()}-")
    assert left_in(tmp_path) == sorted(name for name, stays in names.items() if stays)


SLOW = """
import sys, time
import numpy as np, pandas as pd
import steepest as sp
def batches():
    for i in range(1000):
        yield pd.DataFrame({"a": np.arange(9.0), "y": np.arange(9.0) ** 2})
        print(i, flush=True)
        time.sleep(0.01)
sp.fit(batches(), "y", cache=sys.argv[1], progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_stopped_leaves_nothing_for_long(tmp_path, kind):
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:
        process.stdout.readline()
        time.sleep(0.05)
        assert left_in(tmp_path)
        process.send_signal(kind)
        process.wait(30)
    assert process.returncode != 0
    if kind == signal.SIGINT:
        assert left_in(tmp_path) == []
    with new_folder(tmp_path):
        assert len(left_in(tmp_path)) == 1
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("progress", [True, False])
def test_the_user_is_told_where_rows_are_kept(data, cache, progress, capsys):
    rows_of(data, cache=cache, progress=progress)
    told = capsys.readouterr()
    assert told.out == ""
    want = f"200 rows are kept encoded in {cache}"
    assert told.err.startswith(want) if progress else told.err == ""


def test_what_streams(data, monkeypatch):
    table, frame = pq.read_table(data), pq.read_table(data).to_pandas()
    assert streams(iter([frame]), "auto")
    assert streams((part for part in [frame]), "auto")
    for held in (frame, table, {"a": [1]}, (frame, [1]), np.eye(2), table.to_reader()):
        assert not streams(held, "auto")
        assert streams(held, True)
    assert not streams(data, "auto")
    monkeypatch.setattr(memory, "available", lambda: 1000)
    assert streams(data, "auto")
    assert streams([data], "auto")
    assert not streams(data, False)
    with pytest.raises(
        UsageError, match="stream=False: an iterator of batches can onl"
    ):
        streams(iter([frame]), False)


def test_a_file_is_large_by_what_it_unpacks_to(tmp_path, monkeypatch):
    path = tmp_path / "zeros.parquet"
    pq.write_table(pa.table({"a": np.zeros(100_000)}), path, use_dictionary=False)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(memory, "available", lambda: 8 * 800_000 + 10_000)
    assert not is_large(path)
    monkeypatch.setattr(memory, "available", lambda: 8 * 790_000)
    assert is_large(path)
    path.write_bytes(b"PAR1 no table")
    assert not is_large(path)  # told when it is read


def test_a_cache_is_for_rows_that_are_streamed(data, cache):
    with pytest.raises(UsageError, match="cache: is for rows that are streamed"):
        rows_of(data, cache=cache, stream=False)


GREEDY = """
import sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from steepest.api.gathering import gathered
from steepest.api.linear_legs import table_of
from steepest.data.blocks import Blocks
from steepest.descent.kernels import Plan
from steepest.descent.summed import objective
def peak():
    with open("/proc/self/status") as file:
        return next(int(x.split()[1]) for x in file if x.startswith("VmHWM"))
def epoch(path):
    rows = gathered(
        path, "y", stream=True, cache=None, progress=False, task=None, loss="auto",
        validation=0.1, ignore=(), seed=0, class_weight=None, sample_weight=None,
        standardize=True, hash_bits=None, missing="impute",
    )
    params = {"weight": np.ones((20, 1)), "bias": np.zeros(1)}
    total = objective(Plan(), table_of(rows.train), params)[0]
    blocks = Blocks(tuple(rows.train), batch_size=1000)
    for batch in range(0, blocks.batches_per_epoch, blocks.capacity):
        total += blocks.block(0, batch).arrays[0].sum()
    return rows.train.inputs.nbytes
rng = np.random.default_rng(0)
X = rng.standard_normal((50_000, 20), dtype=np.float32)
table = pa.table({**{f"x{i}": X[:, i] for i in range(20)}, "y": X[:, 0] + X[:, 1]})
small, large = sys.argv[1:]
pq.write_table(table, small)
with pq.ParquetWriter(large, table.schema, compression=None) as file:
    for _ in range(60):
        file.write_table(table)
epoch(small)
before = peak()
print(epoch(large), 1024 * (peak() - before))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux")
def test_memory_does_not_grow_with_the_table(tmp_path):
    paths = [str(tmp_path / name) for name in ("small.parquet", "large.parquet")]
    command = [sys.executable, "-c", GREEDY, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    encoded, grown = map(int, done.stdout.split())
    assert encoded > 210e6
    assert grown < 180e6  # in memory it would be 8 times what is encoded
