"""The data map: where every training example lies, by how it was learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftft.cartography.builder import MapBuilder
from ftft.cartography.burn_in import AUTO, BurnIn
from ftft.cartography.inline import svg_map
from ftft.cartography.map_columns import (
    COLUMNS,
    COUNTED,
    MEANS,
    SCHEMA,
    STATISTICS,
    checked_values,
)
from ftft.cartography.ranking import top_set
from ftft.cartography.statistics import Values, statistics_of
from ftft.cartography.tables import codes_of, label_names, read_table, write_table
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.examples import check_unique
from ftft.dynamics.values import Labels, Lengths
from ftft.errors import DynamicsError, reason
from ftft.utils.expected import expect
from ftft.utils.notebook import html_table
from ftft.utils.plural import as_share, counted

EASY, AMBIGUOUS, HARD = "easy-to-learn", "ambiguous", "hard-to-learn"
REGIONS = (EASY, AMBIGUOUS, HARD)


@dataclass(frozen=True, eq=False, repr=False)
class DataMap:
    """Statistics and region of N examples (Swayamdipta et al. 2020); see ``Statistics``.

    The regions are exclusive: *ambiguous* are the ``round(region_fraction * N)`` examples
    of highest variability (Python's ``round``, ties by ascending id); of the rest,
    *easy-to-learn* are those with a confidence of at least 0.5 and *hard-to-learn* the
    others. The paper leaves the borders open; the ambiguous third is the one that FTFT
    trains on.

    Attributes:
        example_ids: (N,) unique ids.
        labels: (N,) int64 group of each example: its gold class, where the task has classes.
        class_names: The C names; none where the examples have no groups (all are 0).
        confidence: float32 (N,) in [0, 1]; higher is easier.
        variability: float32 (N,); higher is more ambiguous.
        correctness: float32 (N,) in [0, 1]; higher is easier.
        forgetting: int32 (N,); higher is harder. -1 in a map that was imported from
            coordinates without it; see ``knows``.
        aum: float32 (N,); low and negative point to label errors. It, mean_loss and el2n
            are NaN in a map that was imported from coordinates.
        mean_loss: float32 (N,); higher is harder.
        el2n: float32 (N,) in [0, √2]; higher is harder.
        learnt: int8 (N,), 1 where the last recording point that took part predicts the example
            right, else 0; -1 in maps of coordinates and of ftft 0.1.
        region_code: int8 (N,), position of the region in ``REGIONS``.
        epochs: The recording points that took part.
        burn_in: How many of the first complete points were left out.
        ddof: Of the standard deviation.
        region_fraction: Share of the examples that is ambiguous.
        left_out: Examples of the dynamics that are not in the map, because they have no answer
            and so no value at two recording points.
        lengths: int32 (N,), tokens of each example, where the dynamics know them.
        measure: What counted as the probability of the right answer, where that is not what
            the task takes anyway.
    """

    example_ids: pa.StringArray
    labels: Labels
    class_names: tuple[str, ...]
    confidence: Values
    variability: Values
    correctness: Values
    forgetting: npt.NDArray[np.int32]
    aum: Values
    mean_loss: Values
    el2n: Values
    learnt: npt.NDArray[np.int8]
    region_code: npt.NDArray[np.int8]
    epochs: tuple[int, ...]
    burn_in: int
    ddof: int
    region_fraction: float
    left_out: int = 0
    lengths: Lengths | None = None
    measure: str | None = None

    def __len__(self) -> int:
        """The number of examples N."""
        return len(self.labels)

    def __repr__(self) -> str:
        return f"<DataMap of {len(self):,} examples, {self.drawn_from}>"

    def knows(self, statistic: str) -> bool:
        """Whether the map has a statistic; imported coordinates lack some."""
        values = getattr(self, statistic)
        unknown = values < 0 if statistic in COUNTED else np.isnan(values)
        return not bool(unknown.any())

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of what ``labels`` counts; one for all where the examples have no groups."""
        return self.class_names or ("all",)

    @property
    def drawn_from(self) -> str:
        """Which recording points took part, in words; people count from one."""
        if not self.epochs:
            return "points not known"
        points = ", ".join(str(point + 1) for point in self.epochs)
        point = "recording point" if len(self.epochs) == 1 else "recording points"
        first = "the first" if self.burn_in == 1 else f"the first {self.burn_in}"
        left_out = f", {first} left out as burn-in" if self.burn_in else ""
        lost = ""
        if self.left_out:
            have, are = ("has", "is") if self.left_out == 1 else ("have", "are")
            lost = (
                f"; {counted(self.left_out, 'example')} {have} no answer or no two values and "
                f"{are} left out"
            )
        by = f", by {self.measure.replace('-', ' ')}" if self.measure else ""
        return f"drawn from {point} {points}{by}{left_out}{lost}"

    @property
    def region(self) -> npt.NDArray[np.object_]:
        """Names of the regions: object array (N,) of strings out of ``REGIONS``."""
        return np.array(REGIONS, dtype=object)[self.region_code]

    @classmethod
    def from_dynamics(
        cls,
        dynamics: TrainingDynamics,
        *,
        burn_in: BurnIn = AUTO,
        first_epochs: float | None = None,
        ddof: int = 0,
        region_fraction: float = 0.33,
    ) -> DataMap:
        """Compute the map of recorded dynamics.

        Args:
            dynamics: What was recorded, with at least two complete points after burn-in.
            burn_in: How many of the first complete recording points to leave out; ``auto``
                leaves out those at which everything was still being learnt (see
                ``ftft.cartography.burn_in``), and the map says how many that were.
            first_epochs: Take in what was recorded in so many first epochs only, of which
                ``burn_in`` is still left out; all where None.
            ddof: Of the standard deviation, 0 or 1; the ranking is the same.
            region_fraction: Share of the examples that is ambiguous, in (0, 1].

        Raises:
            DynamicsError: Too few recording points, a setting out of range, or dynamics
                that cannot be read.
        """
        given = "what ftft.read_dynamics(FOLDER) or DynamicsRecorder.read() returns"
        expect(dynamics, TrainingDynamics, "DataMap.from_dynamics", given, DynamicsError)
        if first_epochs is not None:
            dynamics = dynamics.first_epochs(first_epochs)
        try:
            built = MapBuilder(burn_in).update(dynamics)
            return cls.from_builder(built, ddof=ddof, region_fraction=region_fraction)
        except DynamicsError as error:
            if first_epochs is None:
                raise
            raise DynamicsError(f"With first_epochs {first_epochs:g}: {error}") from error

    @classmethod
    def from_builder(
        cls, built: MapBuilder, *, ddof: int = 0, region_fraction: float = 0.33
    ) -> DataMap:
        """The map of the recording points that a builder has taken in; as ``from_dynamics``.

        Raises:
            DynamicsError: Too few recording points, or a setting out of range.
        """
        checked_fraction(region_fraction, "region_fraction")
        dynamics, result = built.dynamics, statistics_of(built, ddof)
        ids, labels = dynamics.example_ids, dynamics.labels
        columns = {name: getattr(result, name) for name in STATISTICS}
        kept = result.points >= 2
        if not kept.all():
            ids, labels = ids.filter(pa.array(kept)), labels[kept]
            columns = {name: values[kept] for name, values in columns.items()}
        if not len(ids):
            raise DynamicsError(
                f"None of the {len(dynamics)} examples has a value at two of the recording points "
                f"{list(result.epochs)}, so there is nothing to draw a map of. Check that the "
                "answers are not cut off: raise max_length."
            )
        return cls(
            example_ids=ids,
            labels=labels,
            class_names=dynamics.class_names,
            **columns,
            region_code=region_codes(
                columns["confidence"], columns["variability"], ids, region_fraction
            ),
            left_out=len(dynamics) - len(ids),
            lengths=None if dynamics.lengths is None else dynamics.lengths[kept],
            measure=dynamics.measure,
            epochs=result.epochs,
            burn_in=result.burn_in,
            ddof=ddof,
            region_fraction=float(region_fraction),
        )

    @classmethod
    def unmeasured(
        cls, example_ids: pa.StringArray, labels: Labels, class_names: tuple[str, ...]
    ) -> DataMap:
        """A map that knows no dynamics, for a random selection: every statistic is 0."""
        zeros = np.zeros(len(labels), dtype=np.float32)
        columns: dict[str, Any] = dict.fromkeys(STATISTICS, zeros)
        columns |= {name: zeros.astype(kind) for name, kind in COUNTED.items()}
        return cls(
            example_ids=example_ids,
            labels=labels,
            class_names=class_names,
            **columns,
            region_code=zeros.astype(np.int8),
            epochs=(),
            burn_in=0,
            ddof=0,
            region_fraction=1.0,
        )

    def to_table(self) -> pa.Table:
        """The map as an Arrow table, one row an example, labels and regions by name."""
        columns: dict[str, Any] = {name: getattr(self, name) for name in STATISTICS}
        for name in COUNTED:
            if not self.knows(name):
                columns[name] = pa.nulls(len(self))
        columns["example_id"] = self.example_ids
        columns["label"] = label_names(self.group_names, self.labels)
        columns["region"] = label_names(REGIONS, self.region_code)
        kinds = dict(COLUMNS)
        if self.lengths is not None:
            columns["length"], kinds["length"] = self.lengths, pa.int32()
        return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})

    def _repr_html_(self) -> str:
        """What a notebook shows: counts and means by region, and where the examples lie."""
        rows = []
        for code, region in enumerate(REGIONS):
            inside = self.region_code == code
            count = int(inside.sum())
            means = [f"{getattr(self, name)[inside].mean():.3f}" if count else "" for name in MEANS]
            share = f"{count / len(self):.1%}" if count else ""
            rows.append([region, f"{count:,}", share, *means])
        title = (
            f"data map of {counted(len(self), 'example')} with {len(self.group_names)} classes, "
            f"from {counted(len(self.epochs), 'recording point')}"
        )
        table = html_table(title, ["region", "examples", "share", *MEANS], rows)
        return table + svg_map(self.confidence, self.variability, self.correctness)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the map as a Parquet file (``example_id, label, confidence, …``).

        Raises:
            DynamicsError: The file cannot be written.
        """
        settings = {
            "class_names": list(self.class_names),
            "epochs": list(self.epochs),
            "burn_in": self.burn_in,
            "ddof": self.ddof,
            "region_fraction": self.region_fraction,
            "left_out": self.left_out,
            **({"measure": self.measure} if self.measure else {}),
        }
        write_table(path, self.to_table(), "map", SCHEMA, settings)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> DataMap:
        """Read a map that ``write`` wrote.

        Raises:
            DynamicsError: The file is missing, damaged, not a map, or of a newer schema.
        """
        lengths = {"length": pa.int32()}
        table, settings = read_table(path, "map", SCHEMA, COLUMNS, lengths, since={"learnt"})
        try:
            class_names = tuple(settings["class_names"])
            table = checked_values(table)
            ids = table.column("example_id").combine_chunks()
            check_unique(ids, str(path))
            known = "length" in table.column_names
            return cls(
                example_ids=ids,
                labels=codes_of(class_names or ("all",), table, "label").astype(np.int64),
                class_names=class_names,
                **{name: table.column(name).to_numpy() for name in STATISTICS},
                region_code=codes_of(REGIONS, table, "region").astype(np.int8),
                epochs=tuple(settings["epochs"]),
                burn_in=int(settings["burn_in"]),
                ddof=int(settings["ddof"]),
                region_fraction=float(settings["region_fraction"]),
                left_out=int(settings.get("left_out", 0)),
                lengths=table.column("length").to_numpy() if known else None,
                measure=settings.get("measure"),
            )
        except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
            raise DynamicsError(
                f"{path} is damaged: {reason(error)}. Make the map again from its dynamics."
            ) from error


def checked_fraction(fraction: float, name: str) -> float:
    """Return a fraction in (0, 1] as a float, or raise a ``DynamicsError``."""
    number = isinstance(fraction, int | float | np.number) and not isinstance(fraction, bool)
    # The comparison is written so that NaN fails it.
    if not number or not 0.0 < fraction <= 1.0 or not math.isfinite(fraction):
        raise DynamicsError(
            f"{name} is {fraction!r}; it must be a number above 0 and at most 1, for example 0.33."
            f"{as_share(fraction)}"
        )
    return float(fraction)


def region_codes(
    confidence: Values, variability: Values, ids: pa.StringArray, region_fraction: float
) -> npt.NDArray[np.int8]:
    """The regions of N examples as positions in ``REGIONS``: int8 array (N,); see ``DataMap``."""
    codes = np.where(confidence >= 0.5, REGIONS.index(EASY), REGIONS.index(HARD)).astype(np.int8)
    count = round(region_fraction * len(ids))
    codes[top_set(variability, ids, count, largest=True)] = REGIONS.index(AMBIGUOUS)
    return codes
