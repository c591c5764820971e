"""Small runs of every engine, and what must be the same of two of them."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

import steepest as sp

RNG = np.random.default_rng(0)
N, D = 6000, 5
X = RNG.normal(size=(N, D)) * [1, 1, 1, 1, 100]
LINE = X @ RNG.normal(size=D) + RNG.normal(size=N)
SPARSE = scipy.sparse.random(N, 40, density=0.1, random_state=0, format="csr")
QUIET = dict(progress=False)


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def by_numpy(x):
    return float(((x - 1) ** 2).sum() + (x[0] * x[1]) ** 2)


def table(n=N, **options):
    return lambda: sp.fit((X[:n], LINE[:n]), **QUIET, **options).run


def classes(n=N, **options):
    return lambda: sp.fit((X[:n], LINE[:n] > 0), **QUIET, **options).run


def function(fn=rosenbrock, start=None, **options):
    start = np.full(3, -1.2) if start is None else start
    return lambda: sp.minimize(fn, start, **QUIET, **options)


def streamed(n=N, **options):
    """Rows that come in batches and are read from disk."""

    def batches():
        for first in range(0, n, 500):
            some = slice(first, first + 500)
            yield X[some], LINE[some]

    return lambda: sp.fit(batches(), "target", **QUIET, **options).run


NETWORK = "mlp:hidden=8/8,norm=batch"
CASES = {
    "function gd": function(optimizer="gd", learning_rate=1e-3, max_steps=5000),
    "function adam": function(optimizer="adam", learning_rate=0.01, max_steps=3000),
    "function bfgs": function(),
    "function escape": function("x**4 - x**2 + y**2", {"x": 0.0, "y": 1.0}),
    "function numpy": function(by_numpy, max_steps=60, optimizer="gd"),
    "table one row": table(
        batch_size=1, optimizer="gd", learning_rate=1e-3, epochs=4, l2=1e-4
    ),
    "table sparse": lambda: (
        sp.fit((SPARSE, LINE), **QUIET, batch_size=1, optimizer="gd", epochs=3).run
    ),
    "table batches": table(batch_size=7, optimizer="momentum", epochs=3),
    "table no validation": table(
        batch_size=32, optimizer="adagrad", epochs=4, validation=None
    ),
    "table adam": table(batch_size=32, epochs=4),
    "table normalized": table(
        optimizer="normalized", epochs=2, standardize=False, max_steps=5000
    ),
    "table average": table(average=True, epochs=4, patience=2),
    "table full": table(n=400, batch_size="full", optimizer="gd", epochs=200),
    "table optimum": table(),
    "table pass first": table(standardize=False),
    "table hinge": classes(n=700, loss="hinge"),
    "table l1": table(n=700, l1=0.1),
    "streamed one row": streamed(batch_size=1, optimizer="gd", epochs=3),
    "streamed optimum": streamed(),
    "streamed network": streamed(n=2000, model=NETWORK, epochs=3),
    "network": table(n=2000, model=NETWORK, epochs=3),
    "network full": table(n=200, model=NETWORK, batch_size="full", epochs=20),
}


def told(run):
    """The sha256 of the params, and of the rows but their seconds."""
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(run.params):
        found.update(np.asarray(leaf).tobytes())
    rows = run.trace.rows._replace(seconds=0.0, samples=np.array(run.trace.samples))
    columns = [np.asarray(column, float) for column in rows]
    columns += list(run.trace.validation)
    columns += list((run.trace.layers or [()])[1:])
    return found.hexdigest(), columns, run.stop, run.best_step


def same(one, other):
    assert one[2:] == other[2:]
    for mine, theirs in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert one[0] == other[0]
