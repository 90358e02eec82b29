"""The selected examples, in rank order, and what they were selected by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftft.cartography.tables import read_table, write_table
from ftft.dynamics.examples import check_unique, to_ids
from ftft.errors import DynamicsError, reason
from ftft.utils.notebook import html_table

Scores: TypeAlias = npt.NDArray[np.float64]

SCHEMA = 1
_SHOWN = 5
_COLUMNS = {"example_id": pa.string(), "score": pa.float64(), "rank": pa.int64()}


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """K of the N examples of a map, best first.

    Attributes:
        strategy: Name of the strategy.
        fraction: The share that was asked for, in (0, 1]; K is ``round(fraction * N)``.
        seed: Of strategies with chance; the others ignore it.
        total: N.
        example_ids: (K,) ids in rank order.
        scores: float64 (K,), what the strategy ranks by; which direction is better
            depends on it, see ``select``.
        options: Further settings that differ from their defaults.
    """

    strategy: str
    fraction: float
    seed: int
    total: int
    example_ids: pa.StringArray
    scores: Scores
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_ids(cls, example_ids: pa.StringArray, total: int) -> Selection:
        """The selection that a list of ids is; its order is the rank, which is the score too.

        Args:
            example_ids: K unique ids, best first.
            total: N, the number of examples that they are of.
        """
        count = len(example_ids)
        ranks = np.arange(count, dtype=np.float64)
        return cls("given", count / total, 0, total, example_ids, ranks)

    def __len__(self) -> int:
        """The number of selected examples K."""
        return len(self.scores)

    def __repr__(self) -> str:
        return f"<Selection of {len(self):,} of {self.total:,} examples, {self.strategy}>"

    def positions(self, example_ids: Sequence[Any] | pa.Array) -> npt.NDArray[np.int64]:
        """Where the selected examples are in data, best first, for ``datasets`` and ``iloc``.

        Args:
            example_ids: The ids of the rows of the data, in their order.

        Returns:
            int64 of shape (K,): ``data.select(selection.positions(ids))``.

        Raises:
            DynamicsError: An id is not in the data, or is there twice.
        """
        ids = to_ids(example_ids)
        check_unique(ids, "The data")
        found = pc.index_in(self.example_ids, value_set=ids)
        if found.null_count:
            missing = self.example_ids.filter(found.is_null())[0].as_py()
            raise DynamicsError(
                f"The data lack the selected example {missing!r} ({found.null_count:,} are "
                "missing). Give the ids that the dynamics were recorded with."
            )
        return np.asarray(found.cast(pa.int64()))

    def to_table(self) -> pa.Table:
        """The selection as an Arrow table: ``example_id, score, rank``, best first."""
        ranks = np.arange(len(self), dtype=np.int64)
        columns = [self.example_ids, pa.array(self.scores), pa.array(ranks)]
        return pa.table(dict(zip(_COLUMNS, columns, strict=True)))

    def _repr_html_(self) -> str:
        """What a notebook shows: how it was made, and the first examples."""
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        title = (
            f"selection of {len(self):,} of {self.total:,} examples: {self.strategy}, fraction "
            f"{self.fraction:.3g}, seed {self.seed}{options}"
        )
        ids, scores = self.example_ids[:_SHOWN].to_pylist(), self.scores[:_SHOWN]
        rows = [
            [str(one), f"{score:.4g}", str(rank)]
            for rank, (one, score) in enumerate(zip(ids, scores, strict=True))
        ]
        return html_table(title, list(_COLUMNS), rows)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the selection as a Parquet file, whole or not at all.

        Raises:
            DynamicsError: The file cannot be written.
        """
        settings = {
            "strategy": self.strategy,
            "fraction": self.fraction,
            "seed": self.seed,
            "total": self.total,
            "options": dict(self.options),
        }
        write_table(path, self.to_table(), "selection", SCHEMA, settings)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Selection:
        """Read a selection that ``write`` wrote.

        Raises:
            DynamicsError: The file is missing, damaged, no selection, or of a newer schema.
        """
        table, settings = read_table(path, "selection", SCHEMA, _COLUMNS)
        try:
            table = table.sort_by("rank")
            ranks = table.column("rank").to_numpy()
            if any(table.column(name).null_count for name in _COLUMNS):
                raise ValueError("an id, a score or a rank is missing")
            if not np.array_equal(ranks, np.arange(len(ranks))):
                raise ValueError("its ranks are not 0, 1, 2, …")
            ids = table.column("example_id").combine_chunks()
            check_unique(ids, str(path))
            return cls(
                strategy=str(settings["strategy"]),
                fraction=float(settings["fraction"]),
                seed=int(settings["seed"]),
                total=int(settings["total"]),
                example_ids=ids,
                scores=table.column("score").to_numpy(),
                options=dict(settings["options"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
            raise DynamicsError(
                f"{path} is damaged: {reason(error)}. Make the selection again from its map."
            ) from error
