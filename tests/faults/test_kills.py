"""A run that is killed at any instant and resumed ends as one that never was.

On demand many more: STEEPEST_KILLS=1000 bash script/test tests/faults
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

KILLS = int(os.environ.get("STEEPEST_KILLS", "50"))
TURNS = [("rows", "network"), ("batches", "function", "kinks")]
"""The commands that each of the campaigns kills, side by side."""
CAMPAIGN = Path(__file__).with_name("campaign.py")


def table(path, n=1500):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    y = x @ [2.0, -1.0, 0.5] + rng.normal(size=n)
    text = "\n".join(",".join(f"{v:.6f}" for v in row) for row in np.c_[x, y])
    path.write_text(f"a,b,c,y\n{text}\n")


def begun(home, seed):
    home.mkdir()
    table(home / "data.csv")
    settings = {  # a life is not spent on compiling, and no thread lives at a fork
        "JAX_COMPILATION_CACHE_DIR": str(home.parent / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    told = map(str, (CAMPAIGN, home, -(-KILLS // len(TURNS)), seed, *TURNS[seed]))
    words, environment = [sys.executable, *told], {**os.environ, **settings}
    return subprocess.Popen(words, stdout=-1, env=environment, text=True)


def test_killed_runs_end_like_undisturbed_ones(tmp_path):
    processes = [begun(tmp_path / str(seed), seed) for seed in range(len(TURNS))]
    kills = 0
    for seed, process in enumerate(processes):
        out, _ = process.communicate()
        log = tmp_path / str(seed) / "log"
        assert process.returncode == 0, log.read_text()[-2000:]
        found = json.loads(out)
        for chain in found["chains"]:
            kills += chain["kills"]
            whole = found["whole"][chain["name"]]
            assert (chain["code"], chain["end"]) == (0, whole["end"]), (seed, chain)
        for log in tmp_path.glob(f"{seed}/**/log"):
            assert "damaged" not in log.read_text(), log
    assert kills >= KILLS
