"""The second process finds on disk what the first has compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steepest.cli.cache import SETTINGS

COMMAND = [
    str(Path(sys.executable).with_name("steepest")),
    "minimize",
    "x^2 + y^4",
    "--start",
    "x=1,y=2",
    "--max-steps",
    "3",
    "--json",
]


def run(cache, **environment):
    """The command with a cache folder of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    kept |= {"XDG_CACHE_HOME": str(cache), **environment}
    done = subprocess.run(COMMAND, env=kept, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def programs(cache):
    return {
        path.name: path.stat().st_mtime_ns
        for path in (cache / "steepest" / "programs").glob("*-cache")
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other folders elsewhere")
def test_programs_are_kept_found_again_and_may_break(tmp_path):
    run(tmp_path)
    first = programs(tmp_path)
    assert any("make_steps" in name for name in first)
    run(tmp_path)
    assert programs(tmp_path) == first
    for path in (tmp_path / "steepest" / "programs").glob("*-cache"):
        path.write_bytes(b"broken")
    run(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other folders elsewhere")
def test_no_folder_no_cache(tmp_path):
    (tmp_path / "file").write_text("in the way")
    run(tmp_path / "file")
    run(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")
    assert not (tmp_path / "steepest").exists()
