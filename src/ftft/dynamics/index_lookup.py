"""From what a training loop calls its examples to rows of the example table."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.dynamics.buffering import is_torch, to_host
from ftft.errors import DynamicsError

Positions: TypeAlias = npt.NDArray[np.int64]

Integers: TypeAlias = Literal["ids", "positions"]

UNKNOWN = -1


def are_integers(ids: Any) -> bool:
    """Whether held ids are integers; otherwise they are text. Reads nothing from a device.

    Raises:
        DynamicsError: They are numbers of another kind.
    """
    if is_torch(ids):
        kind = "i" if not (ids.dtype.is_floating_point or ids.dtype.is_complex) else "f"
        kind = "b" if str(ids.dtype) == "torch.bool" else kind
    else:
        kind = ids.dtype.kind
    if kind == "O":  # pandas holds integers beside missing values like this
        return ids.size > 0 and all(map(_is_integer, ids.flat))
    if kind in "iu":
        return True
    if kind in "UT":
        return False
    raise DynamicsError(
        f"The recorded ids have the type {ids.dtype}; expected integers or strings. Pass the "
        "batch's example ids, or the positions of its examples in `example_ids`."
    )


def _is_integer(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool)


def meaning_of_integers(
    wanted: Integers | None, given: Any, example_ids: pa.StringArray
) -> Integers | None:
    """What integers in a batch are.

    Args:
        wanted: What whoever records says they are; None where nothing was said.
        given: (N,) example ids as they were given, a sequence or array.
        example_ids: The same ids as text.

    Returns:
        Ids where ids were given as integers, positions where they were given as text; None
        where the ids are 0 to N - 1 in another order: then an integer could be either, and
        nothing that is recorded tells which.

    Raises:
        DynamicsError: ``wanted`` is something else.
    """
    if wanted not in (None, "ids", "positions"):
        raise DynamicsError(f'integers is {wanted!r}; it must be "ids" or "positions".')
    if wanted is None and _in_another_order(example_ids):
        return None
    return wanted or ("ids" if _given_as_integers(given) else "positions")


def _in_another_order(example_ids: pa.StringArray) -> bool:
    positions = pa.array(range(len(example_ids))).cast(pa.string())
    # The first ids decide most often, in no time.
    for ids in (example_ids[:100], example_ids):
        if not pc.all(pc.is_in(ids, value_set=positions)).as_py():
            return False
    return not example_ids.equals(positions)


def _given_as_integers(ids: Any) -> bool:
    if isinstance(ids, pa.Array | pa.ChunkedArray):
        return bool(pa.types.is_integer(ids.type))
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        return True
    return all(map(_is_integer, ids.tolist() if hasattr(ids, "tolist") else ids))


def check_clear(ids: Any, integers: Integers | None, where: str) -> None:
    """Raise a ``DynamicsError`` where held ids are integers and nothing says what those are."""
    if are_integers(ids) and integers is None:
        raise DynamicsError(
            f"{where}: integers were recorded, but the example ids are the numbers from 0 in "
            "another order, so an integer may be an id or a position in `example_ids`. Make the "
            'recorder with integers="ids" or integers="positions".'
        )


def find_rows(
    held: list[Any], example_ids: pa.StringArray, *, integers: Integers | None
) -> tuple[Positions, str | None]:
    """Turn the ids of some batches into rows.

    Args:
        held: At least one array of shape (n,) of integers or text, from ``detach_copy``.
        example_ids: (N,) the known ids.
        integers: What integers are; None where they are refused before.

    Returns:
        int64 rows, those of all batches one after the other, ``UNKNOWN`` for what is not
        one of the N examples; and what is wrong with the first unknown one, or None.
    """
    by_number = [are_integers(ids) for ids in held]
    if all(by_number) and integers == "positions":
        return _checked(to_host(held, np.int64), len(example_ids))
    if all(by_number):
        return _looked_up(_as_text(held), example_ids, integers)
    if not any(by_number):
        names = [str(name) for name in to_host(held, np.str_)]
        return _looked_up(pa.array(names, type=pa.string()), example_ids, integers)
    parts = [find_rows([ids], example_ids, integers=integers) for ids in held]
    problems = [problem for _, problem in parts if problem]
    return np.concatenate([rows for rows, _ in parts]), problems[0] if problems else None


def _as_text(held: list[Any]) -> pa.StringArray:
    # Joined on the device where they can be; unsigned integers may not fit int64.
    if all(map(is_torch, held)):
        return pa.array(to_host(held, np.int64)).cast(pa.string())
    whole = [to_host([ids], np.int64) if is_torch(ids) else np.asarray(ids) for ids in held]
    arrays = [pa.array([str(item) for item in ids.tolist()], pa.string()) for ids in whole]
    return pa.concat_arrays(arrays)


def _checked(rows: Positions, total: int) -> tuple[Positions, str | None]:
    outside = (rows < 0) | (rows >= total)
    if not outside.any():
        return rows, None
    problem = (
        f"the index {int(rows[outside][0])} was recorded, but there are {total} examples "
        f"({int(outside.sum())} indices are outside). Integers are positions in `example_ids`; "
        'pass ids as strings, or make the recorder with integers="ids".'
    )
    return np.where(outside, UNKNOWN, rows), problem


def _looked_up(
    wanted: pa.StringArray, example_ids: pa.StringArray, integers: Integers | None
) -> tuple[Positions, str | None]:
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
    if integers == "ids":
        problem += (
            " Integers are ids here; for positions in `example_ids` make the recorder with "
            'integers="positions".'
        )
    return rows, problem
