"""What a sample of rows tells of columns, against NumPy and tables made by hand."""

import numpy as np
import pytest

from steepest.diagnosis.probes.columns import Source, look_at, places
from steepest.diagnosis.probes.leaks import leak_of

RNG = np.random.default_rng(0)
N = 600
X = RNG.normal(size=(N, 4))
Y = X @ [1.0, -1.0, 0.5, 0.2] + RNG.normal(size=N)


def sources(d):
    return [Source(f"x{i}", i, 1, True) for i in range(d)]


def look(x, y=Y, **options):
    return look_at(x, y, sources(x.shape[1]), **options)


def with_column(column):
    return np.column_stack([X, column])


def test_rows_to_look_at_are_drawn_once_each():
    for n in (5, 5000, 10**7):
        found = places(n, 28, 0)
        assert len(set(found.tolist())) == len(found) <= 1024
        assert found.min() >= 0
        assert found.max() < n
    assert len(places(10**6, 2000, 0)) >= 256
    assert (places(100, 3, 1) != np.arange(100)).any()


def test_sizes_and_conditions_are_those_of_numpy():
    x = X * [1.0, 100.0, 1.0, 0.1] + [0.0, 0.0, 3.0, 0.0]
    found = look(x)
    sizes = np.sqrt((x**2).mean(axis=0))
    assert (found.largest, found.smallest) == ("x1", "x3")
    assert found.ratio == pytest.approx(sizes[1] / sizes[3])
    whole = np.column_stack([x, np.ones(N)])
    values = np.linalg.eigvalsh(whole.T @ whole / N)
    assert found.steepest == pytest.approx(values[-1])
    assert found.condition == pytest.approx(values[-1] / values[0], rel=1e-6)
    assert found.scaled == pytest.approx(np.linalg.cond(np.corrcoef(x.T)), rel=1e-6)
    assert found.trace == pytest.approx(np.trace(whole.T @ whole / N))


def test_the_steepest_direction_of_a_wide_table_is_found_by_powers():
    x = RNG.normal(size=(300, 140)) + 1.0
    whole = np.column_stack([x, np.ones(300)])
    best = np.linalg.eigvalsh(whole.T @ whole / 300)[-1]
    assert look(x, Y[:300]).steepest == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("times", [1.0, -3.0])
def test_a_column_that_stands_twice_is_named(times):
    found = look(with_column(times * X[:, 2] + 1))
    (pair,) = found.pairs
    assert pair[:2] == ("x2", "x4")
    assert pair[2] == pytest.approx(np.sign(times))
    assert found.sums == ()


def test_one_of_many_columns_that_stands_twice_is_named():
    x = RNG.normal(size=(300, 140))
    found = look(np.column_stack([x, 2 * x[:, 77] - 1]), Y[:300])
    assert [set(pair[:2]) for pair in found.pairs] == [{"x77", "x140"}]


def test_columns_that_add_up_are_named_and_no_others():
    found = look(with_column(X[:, 0] + 2 * X[:, 3]))
    assert found.sums == ("x0", "x3", "x4")
    assert found.pairs == ()
    assert look(X).sums == ()
    assert look(with_column(X[:, 0] + 0.3 * RNG.normal(size=N))).pairs == ()


def test_few_rows_and_columns_without_variance_are_no_failure():
    assert look(X[:4], Y[:4]).ratio == 1.0
    found = look(with_column(np.full(N, 5.0)))
    assert found.pairs == found.sums == ()
    assert np.isfinite(found.condition)
    assert look(np.zeros((N, 2))).ratio == 1.0
    assert look(X, constant=("k",)).constant == ("k",)


LEAKS = {
    "linear": lambda y: 3 * y + 0.01 * RNG.normal(size=N),
    "monotone": np.exp,
}


@pytest.mark.parametrize("name", ["linear", "monotone"])
def test_a_column_made_from_the_target_is_found(name):
    leak = look(with_column(LEAKS[name](Y))).leak
    assert leak.name == "x4"
    assert leak.alone < 0.01
    least = np.linalg.lstsq(np.column_stack([X, np.ones(N)]), Y, rcond=None)[1][0]
    assert leak.others == pytest.approx(least / N / Y.var(), rel=0.03)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_column_made_from_classes_is_found_whatever_the_code(classes):
    label = np.digitize(Y, np.quantile(Y, np.arange(1, classes) / classes))
    code = np.array([2.0, 0.0, 5.0])[label] + 0.01 * RNG.normal(size=N)
    assert look(with_column(code), label, classes=classes).leak.name == "x4"
    assert look(X, label, classes=classes).leak is None


def test_a_category_that_is_the_target_is_found():
    label = (Y > 0).astype(int)
    level = np.eye(3)[label]  # one level a class, and one that never is
    parts = [*sources(4), Source("level", 4, 3, False)]
    found = leak_of(np.column_stack([X, level]), label, parts, classes=2)
    assert found.name == "level"


@pytest.mark.parametrize(
    "column",
    [Y + RNG.normal(size=N), RNG.normal(size=N), np.arange(N), np.zeros(N)],
    ids=["noisy", "noise", "row number", "constant"],
)
def test_columns_that_do_not_know_the_target_are_no_leaks(column):
    assert look(with_column(column)).leak is None


def test_a_target_that_all_columns_tell_has_no_leak():
    y = X[:, 0]  # and x1 is nearly the same, so that x0 is no secret
    x = np.column_stack([X[:, 0], X[:, 0] + 0.01 * X[:, 1], X[:, 2]])
    assert look(x, y).leak is None
    assert look(X[:, :1], y).leak is None
    assert look(X, np.ones(N)).leak is None
