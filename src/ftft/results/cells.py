"""What a table of finished runs says: its columns, its cells as text, its caption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ftft.config.methods import METHODS
from ftft.results.aggregate import Row
from ftft.results.formatting import difference, p_value, ratio, spread, within

_CAPTION = (
    "Scores in %: mean ± standard deviation over seeds, [95% interval of the mean] (Student's t). "
    "Differences are paired by seed, in points; p is of a paired two-sided t test. "
    "Costs are totals (reference, main model, evaluation) over ERM's; below 1 is cheaper."
)
_ESTIMATED = "~: ERM was not run; its FLOPs are computed and its seconds estimated."


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        cell: The text of a row's cell.
        is_number: Whether it is read as a number, hence set to the right.
    """

    title: str
    cell: Callable[[Row], str]
    is_number: bool = True


def table_cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """The table as texts, one line a row; what holds for all rows is in :func:`table_caption`.

    Args:
        rows: At least one row, from :func:`ftft.results.aggregate.aggregate`.

    Returns:
        The headings, and the cells of each row. Nothing is escaped.
    """
    columns = table_columns(rows)
    return [one.title for one in columns], [[one.cell(row) for one in columns] for row in rows]


def table_caption(rows: Sequence[Row]) -> str:
    """What holds for all rows, and how the figures are to be read."""
    shared = [
        f"{title}: {next(iter(values))}"
        for title, values in ((one.title, _values(one, rows)) for one in _identity())
        if len(values) == 1
    ]
    parts = [f"{'; '.join(shared)}." if shared else "", _CAPTION]
    if any(row.estimated for row in rows):
        parts.append(_ESTIMATED)
    return " ".join(part for part in parts if part)


def table_columns(rows: Sequence[Row], *, brief: bool = False) -> list[Column]:
    """The columns that these rows need.

    Args:
        rows: At least one row.
        brief: Of the differences only that of the main score to ERM, for narrow places; and the
            method also where there is but one.
    """
    distinguished = [
        one
        for one in _identity()
        if len(_values(one, rows)) > 1 or (brief and one.title == "method")
    ]
    return [*distinguished, *_scores(rows), *_differences(rows, brief), *_costs()]


def ood_sets(rows: Sequence[Row]) -> list[str]:
    """The out-of-distribution sets of any row, in the order of the first that has them."""
    return list(dict.fromkeys(name for row in rows for name in row.ood_scores))


def _identity() -> list[Column]:
    """What distinguishes rows. An empty cell has no value: ERM has no reference."""
    return [
        Column("experiment", lambda row: row.cell.experiment, is_number=False),
        Column("main model", lambda row: row.cell.main, is_number=False),
        Column("method", lambda row: METHODS[row.cell.method].title, is_number=False),
        Column("reference", lambda row: row.cell.reference or "", is_number=False),
        Column("strategy", _strategy, is_number=False),
        Column("fraction", lambda row: f"{row.cell.fraction:.3g}" if row.cell.strategy else ""),
        Column("variant", lambda row: row.cell.variant, is_number=False),
        Column("seeds", lambda row: str(len(row.seeds))),
    ]


def _strategy(row: Row) -> str:
    # A random baseline has one of its own, as its name says.
    own = row.cell.method != "ftft" and row.cell.strategy == "random"
    return "" if own else row.cell.strategy or ""


def _values(column: Column, rows: Sequence[Row]) -> set[str]:
    return {cell for row in rows if (cell := column.cell(row))}


def _scores(rows: Sequence[Row]) -> list[Column]:
    columns = [Column("ID", lambda row: spread(row.id_score))]
    sets = ood_sets(rows)
    if len(sets) == 1:
        return [*columns, Column(f"OOD ({sets[0]})", lambda row: within(row.ood_score))]

    def of_set(name: str) -> Column:
        return Column(name, lambda row: spread(row.ood_scores.get(name)))

    mean = [Column("OOD mean", lambda row: within(row.ood_score))] if sets else []
    return [*columns, *map(of_set, sets), *mean]


def _differences(rows: Sequence[Row], brief: bool) -> list[Column]:
    if brief:
        kind = "OOD" if any(row.ood_score for row in rows) else "ID"
        against = [Column(f"{kind} − ERM", partial(_versus, "erm", "main"))]
        return against if any("erm" in row.versus for row in rows) else []
    columns = []
    if any("erm" in row.versus for row in rows):
        columns += [Column("ID − ERM", partial(_versus, "erm", "id"))]
        if any(row.ood_score for row in rows):
            columns += [Column("OOD − ERM", partial(_versus, "erm", "ood"))]
            columns += [Column("p", _p)]
    if any("erm_budget" in row.versus for row in rows):
        columns += [Column("OOD − ERM at equal cost", partial(_versus, "erm_budget", "ood"))]
    return columns


def _versus(baseline: str, kind: Literal["id", "ood", "main"], row: Row) -> str:
    found = row.versus.get(baseline)
    return difference(None if found is None else getattr(found, kind))


def _p(row: Row) -> str:
    found = row.versus.get("erm")
    return p_value(None if found is None else found.ood)


def _costs() -> list[Column]:
    return [
        Column("FLOPs / ERM", lambda row: ratio(row.flops)),
        Column("seconds / ERM", lambda row: ratio(row.seconds, estimated=row.estimated)),
    ]


def one_line(text: str) -> str:
    """A name from a file as one line without control characters."""
    spaced = " ".join(text.split())
    return "".join(character if character.isprintable() else "�" for character in spaced)
