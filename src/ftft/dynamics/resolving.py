"""From what a training loop calls its examples to rows of the example table."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.dynamics.buffering import is_torch, to_host
from ftft.errors import DynamicsError

Positions: TypeAlias = npt.NDArray[np.int64]

UNKNOWN = -1


def names_rows(ids: Any) -> bool:
    """Whether held ids are row numbers (integers); strings are ids. Reads no values.

    Raises:
        DynamicsError: they are numbers of another kind.
    """
    if is_torch(ids):
        kind = "i" if not (ids.dtype.is_floating_point or ids.dtype.is_complex) else "f"
        kind = "b" if str(ids.dtype) == "torch.bool" else kind
    else:
        kind = ids.dtype.kind
    if kind in "iu":
        return True
    if kind in "UOT":
        return False
    raise DynamicsError(
        f"The recorded ids have the type {ids.dtype}; expected integers (positions in "
        "`example_ids`) or strings (ids). Pass the batch's example ids or positions."
    )


def find_rows(held: list[Any], example_ids: pa.StringArray) -> tuple[Positions, str | None]:
    """Turn the ids of some batches into rows.

    Args:
        held: at least one array of shape (n,) of row numbers or ids, from `hold`.
        example_ids: (N,) the known ids.

    Returns:
        int64 rows, those of all batches one after the other, `UNKNOWN` for what is not
        one of the N examples; and what is wrong with the first unknown one, or None.
    """
    by_row = [names_rows(ids) for ids in held]
    if all(by_row):
        return _checked(to_host(held, np.int64), len(example_ids))
    if not any(by_row):
        return _looked_up(to_host(held, np.str_), example_ids)
    parts = [find_rows([ids], example_ids) for ids in held]
    problems = [problem for _, problem in parts if problem]
    return np.concatenate([rows for rows, _ in parts]), problems[0] if problems else None


def _checked(rows: Positions, total: int) -> tuple[Positions, str | None]:
    outside = (rows < 0) | (rows >= total)
    if not outside.any():
        return rows, None
    problem = (
        f"the index {int(rows[outside][0])} was recorded, but there are {total} examples "
        f"({int(outside.sum())} indices are outside). Integers are positions in `example_ids`; "
        "pass ids as strings."
    )
    return np.where(outside, UNKNOWN, rows), problem


def _looked_up(ids: Any, example_ids: pa.StringArray) -> tuple[Positions, str | None]:
    wanted = pa.array([str(name) for name in ids], type=pa.string())
    found = pc.index_in(wanted, value_set=example_ids)
    rows: Positions = found.fill_null(UNKNOWN).to_numpy().astype(np.int64)
    if not found.null_count:
        return rows, None
    unknown = wanted.filter(found.is_null())[0].as_py()
    problem = (
        f"the id {unknown!r} was recorded, but is not one of the {len(example_ids)} example ids "
        f"({found.null_count} recorded ids are not). Give the recorder the ids of all training "
        "examples."
    )
    return rows, problem
