"""Rows that are streamed, and the same rows in memory."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from steepest.api.gathering import gathered

ASKED = {
    "task": None, "loss": "auto", "validation": None, "ignore": (), "seed": 0,
    "class_weight": None, "sample_weight": None, "standardize": True,
    "hash_bits": None, "missing": "impute",
}  # fmt: skip


def rows_of(data, target="y", *, stream=True, cache=None, progress=False, **asked):
    """What a fit is given."""
    told = {"stream": stream, "cache": cache, "progress": progress}
    return gathered(data, target, **told, **ASKED | asked)


def arrays(rows):
    """(inputs, target, weight), dense."""
    if rows is None:
        return []
    dense = rows.inputs.toarray() if hasattr(rows.inputs, "toarray") else rows.inputs
    return [np.asarray(part) for part in (dense, rows.target, rows.weight)]


def assert_same(found, want):
    """The same rows, and the same rules learnt of them."""
    assert found.features.columns == want.features.columns
    assert found.target == want.target
    assert found.dropped == want.dropped
    for part in ("train", "validation"):
        mine, theirs = arrays(getattr(found, part)), arrays(getattr(want, part))
        for one, two in zip(mine, theirs, strict=True):
            assert one.dtype == two.dtype
            np.testing.assert_array_equal(one, two)


def mixed(n=400, seed=0):
    """A frame of all kinds of columns, with gaps."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "whole": rng.integers(0, 50, n),
            "text": rng.choice(["u", "v", "w"], n),
            "when": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 400, n), "D"),
            "true": rng.random(n) < 0.5,
            "w": rng.random(n) + 0.5,
        }
    )
    frame.loc[::7, "number"] = np.nan
    frame.loc[3::11, "text"] = None
    noise = rng.normal(size=n) / 10
    frame["y"] = frame.number.fillna(0) * 2 + frame.whole / 9 + (frame.text == "u")
    frame["y"] += noise
    frame["label"] = np.where(frame.y > 3, "high", np.where(frame.y > 1, "mid", "low"))
    frame.loc[5::29, "y"] = np.nan
    return frame


def parquet(folder, frame, size=50):
    """A file of it in row groups of so many rows."""
    path = folder / "rows.parquet"
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, path, row_group_size=size)
    return path


def written(path, n=200, seed=0, size=50):
    """A small file of two columns and a target."""
    rng = np.random.default_rng(seed)
    columns = {"a": rng.normal(size=n), "c": rng.choice(["u", "v"], n)}
    table = pa.table({**columns, "y": rng.normal(size=n)})
    pq.write_table(table, path, row_group_size=size)
    return path


def left_in(folder):
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())
