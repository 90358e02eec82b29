"""The columns of a data map's file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

SCHEMA = 1
# Forgetting and what was learnt, where a map does not know them; null in a file.
UNKNOWN_COUNT = -1

STATISTICS = (
    *("confidence", "variability", "correctness", "forgetting", "aum", "mean_loss", "el2n"),
    "learnt",
)
COUNTED = {"forgetting": np.int32, "learnt": np.int8}
MEANS = ("confidence", "variability", "correctness")
COLUMNS = {
    "example_id": pa.string(),
    "label": pa.string(),
    **dict.fromkeys(MEANS, pa.float32()),
    "forgetting": pa.int32(),
    "region": pa.string(),
    "aum": pa.float32(),
    "mean_loss": pa.float32(),
    "el2n": pa.float32(),
    "learnt": pa.int8(),
}


def checked_values(table: pa.Table) -> pa.Table:
    """The columns as a map has them, unknown counts filled in.

    Raises:
        ValueError: A value that a map must have is missing or not finite.
    """
    if table.column("example_id").null_count:
        raise ValueError("the id of an example is missing")
    for name, kind in COUNTED.items():
        place = table.column_names.index(name)
        if 0 < len(table) == table.column(place).null_count:
            unknown = pa.array(np.full(len(table), UNKNOWN_COUNT, dtype=kind))
            table = table.set_column(place, name, unknown)
    for name in (*MEANS, *COUNTED):
        if table.column(name).null_count or not np.isfinite(table.column(name).to_numpy()).all():
            raise ValueError(f"the {name} of an example is missing or not finite")
    return table
