"""How much memory there is: from the system's files, and from a group's."""

import pytest

from steepest.core import memory

MEMINFO = "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    5000 kB\n"


@pytest.fixture(name="system")
def _system(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)

    def write(**files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)

    return write


def test_free_is_what_the_system_calls_available(system):
    system(meminfo=MEMINFO)
    assert memory.available() == 5000 * 1024


@pytest.mark.parametrize(
    ("limit", "current", "stat", "left"),
    [
        ("3000000\n", "1000000\n", "", 2_000_000),
        ("max\n", "1000000\n", "", 5000 * 1024),
        ("900000000\n", "1000000\n", "", 5000 * 1024),
        ("1000000\n", "1000000\n", "", 1),
        ("1000000\n", "2000000\n", "", 1),
        # files that were read are given up when there is need
        (
            "3000000\n",
            "2900000\n",
            "anon 5\ninactive_file 700000\nactive_file 300000\nfile 9\n",
            1_100_000,
        ),
    ],
)
def test_a_group_may_leave_less(system, limit, current, stat, left):
    system(meminfo=MEMINFO, memory_max=limit, memory_current=current)
    system(memory_stat=stat)
    assert memory.available() == left


def test_a_group_need_not_tell_of_files(system):
    system(meminfo=MEMINFO, memory_max="3000000", memory_current="1000000")
    assert memory.available() == 2_000_000


def test_where_nothing_is_told_something_is_assumed(system, monkeypatch):
    system()
    assert memory.available() > 1 << 20
    monkeypatch.delattr("os.sysconf")
    assert memory.available() == memory.USUAL
