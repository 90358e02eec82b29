"""Tables of finished runs, as text: the same for terminal, page, notebook and documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ftft.config.methods import METHODS
from ftft.results.aggregate import Row
from ftft.results.floor import TITLE as ALWAYS
from ftft.results.floor import Floor
from ftft.results.formatting import (
    NONE,
    difference,
    p_value,
    percent,
    ratio,
    score,
    spread,
    within,
)
from ftft.results.intervals import Difference, Interval
from ftft.results.jobs import most_jobs, side_by_side

_SPREAD = (
    "Scores in %: mean ± standard deviation over seeds, [95% interval of the mean] (Student's t). "
    "Differences are paired by seed, in points; p is of a paired two-sided t test."
)
_TOKENS = "tokens / all"
_LENGTHS = f"{_TOKENS}: mean tokens of the selected examples over the mean of all."
_ONE_SEED = "Scores in %, differences in points, of one seed each."
_COST = "Costs are totals (reference, main model, evaluation) over ERM's; below 1 is cheaper."
ALONE = "the reference alone, on development data"
_UNNAMED = {"main model": "main", "reference": "reference"}
_ESTIMATED = "~: where ERM was not run, its FLOPs are computed and its seconds estimated."


@dataclass(frozen=True)
class Table:
    """A table as text. Nothing is escaped.

    Attributes:
        headers: The headings.
        numbers: For each column whether it holds numbers, hence is set to the right.
        lines: The cells, line by line.
    """

    headers: tuple[str, ...]
    numbers: tuple[bool, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Column:
    title: str
    cell: Callable[[Row], str]
    is_number: bool = True


def full_table(rows: Sequence[Row], floor: Floor | None = None) -> Table:
    """For documents: :func:`summary_table` with what a terminal has no room for.

    That is how long the selected examples are, differences to ERM in distribution too, and their p.

    Args:
        rows: As for :func:`summary_table`.
        floor: Likewise.
    """
    return _results(rows, floor, full=True)


def summary_table(rows: Sequence[Row], floor: Floor | None = None) -> Table:
    """For the terminal, the page and notebooks: of the differences those of the main score.

    References alone have a line each at the end. What holds for all rows is in
    :func:`table_caption`.

    Args:
        rows: At least one row, from :func:`ftft.results.aggregate.aggregate`; of one run where
            there is a floor.
        floor: What always giving the same answer scores, for a line at the end.
    """
    return _results(rows, floor, full=False)


def _results(rows: Sequence[Row], floor: Floor | None, *, full: bool) -> Table:
    """The one table of results: which columns there are, and in which order."""
    kind = "OOD" if ood_sets(rows) else "ID"
    columns = [*_distinguishing(rows), *(_lengths(rows) if full else []), *_scores(rows)]
    if _compared(rows, "erm"):
        if full and kind == "OOD":
            columns += [_Column("ID − ERM", lambda row: _less(row, "erm", "id"))]
        columns += [_Column(f"{kind} − ERM", lambda row: _less(row, "erm"))]
        if full and several_seeds(rows):
            columns += [_Column("p", lambda row: p_value(versus(row, "erm", "main")))]
    if _compared(rows, "erm_budget"):
        columns += [_less_erm_budget(kind)]
    found = _with_references(_filled([*columns, *_COSTS], rows), rows)
    return found if floor is None else _with_floor(found, floor)


def folded(table: Table) -> tuple[Table, tuple[str, ...]]:
    """A table for narrow screens, where what matters most has to come first.

    Returns:
        The table with the method, its main score and the other numbers; for each line its other
        texts, in one, to stand below the method's name.
    """
    at = table.headers.index("method")
    numbers = [place for place, is_number in enumerate(table.numbers) if is_number]
    main = [place for place in numbers if table.headers[place].startswith(("OOD (", "OOD mean"))]
    kept = [at, *main, *(place for place in numbers if place not in main)]
    others = [place for place in range(len(table.headers)) if place not in kept]
    details = tuple(
        "; ".join(line[place] for place in others if line[place]) for line in table.lines
    )
    narrow = Table(
        headers=tuple(table.headers[place] for place in kept),
        numbers=tuple(table.numbers[place] for place in kept),
        lines=tuple(tuple(line[place] for place in kept) for line in table.lines),
    )
    return narrow, details


def _with_references(table: Table, rows: Sequence[Row]) -> Table:
    """The table with a line for each reference, which is scored on development data only."""
    of: dict[tuple[str, str, str | None], Row] = {}
    for row in rows:
        if row.cell.method == "ftft" and row.alone is not None:
            of.setdefault((row.cell.experiment, row.cell.main, row.cell.reference), row)
    lines = []
    for row in of.values():
        alone = row.alone or {}
        known = {
            **{"experiment": row.cell.experiment, "main model": row.cell.main, "method": ALONE},
            **{"reference": row.cell.reference or "", "seeds": str(len(row.seeds))},
            **{"ID": spread(alone["score"]), "FLOPs / ERM": ratio(alone["flops"].mean)},
            "seconds / ERM": ratio(alone["seconds"].mean, estimated=row.estimated),
        }
        lines.append(_line(table, known))
    return replace(table, lines=(*table.lines, *lines))


def _line(table: Table, known: Mapping[str, str]) -> tuple[str, ...]:
    """A line of a table, given the cells that are known by heading."""
    pairs = zip(table.headers, table.numbers, strict=True)
    return tuple(known.get(header, NONE if is_number else "") for header, is_number in pairs)


def _with_floor(table: Table, floor: Floor) -> Table:
    """The table with a line for always giving the same answer, which costs nothing."""
    (first, *_) = floor.ood or [""]
    known = {
        **{name: score(value) for name, value in floor.ood.items()},
        **{"method": ALWAYS, "ID": score(floor.id), f"OOD ({first})": score(floor.main)},
        "OOD mean": score(floor.main),
    }
    return replace(table, lines=(*table.lines, _line(table, known)))


def difference_table(rows: Sequence[Row]) -> Table:
    """Every difference to a baseline, paired by seed: a line for each."""
    columns = _distinguishing(rows)
    with_p = ("p",) if several_seeds(rows) else ()
    figures = ("ID", *(("OOD",) if ood_sets(rows) else ()), *with_p, "pairs won")
    lines = [
        (
            *(column.cell(row) for column in columns),
            METHODS[baseline].title,
            difference(found.id),
            *((difference(found.ood),) if ood_sets(rows) else ()),
            *((p_value(found.main),) if with_p else ()),
            f"{found.main.wins} of {found.main.interval.count}",
        )
        for row in rows
        for baseline, found in row.versus.items()
    ]
    return Table(
        headers=(*(column.title for column in columns), "against", *figures),
        numbers=(*(column.is_number for column in columns), False, *(True for _ in figures)),
        lines=tuple(lines),
    )


def time_table(rows: Sequence[Row]) -> Table:
    """Steps and FLOPs until ERM's final development score, and in how many seeds."""

    def seeds(row: Row) -> str:
        found = row.time_to_target
        return NONE if found is None else f"{found.reached} of {found.seeds}"

    def mean(row: Row, what: str, shown: Callable[[float], str]) -> str:
        figure: Interval | None = getattr(row.time_to_target, what)
        return "never" if figure is None else shown(figure.mean)

    columns = [
        *_distinguishing(rows),
        _Column("seeds that reach it", seeds),
        _Column("steps", lambda row: mean(row, "steps", "{:.0f}".format)),
        _Column("of ERM's steps", lambda row: mean(row, "share", percent)),
        _Column("FLOPs / ERM", lambda row: mean(row, "flops", ratio)),
    ]
    return _filled(columns, [row for row in rows if row.time_to_target is not None])


def time_caption(rows: Sequence[Row]) -> str:
    """Which seeds :func:`time_table` counts; empty where every seed reaches the score."""
    found = [(row, row.time_to_target) for row in rows if row.time_to_target is not None]
    counts: dict[str, tuple[int, int]] = {}
    for row, until in found:
        title = METHODS[row.cell.method].title
        reached, seeds = counts.get(title, (0, 0))
        counts[title] = (reached + until.reached, seeds + until.seeds)
    short = [f"{title} in {n} of {of}" for title, (n, of) in counts.items() if n < of]
    parts = []
    if short:
        parts.append(
            f"Not every training reached ERM's final score: {', '.join(short)}. Steps and FLOPs "
            "are means over those that did."
        )
    if any(until.seeds < len(row.seeds) for row, until in found):
        parts.append("Seeds without an ERM that has learnt anything are not counted.")
    return " ".join(parts)


def table_caption(rows: Sequence[Row]) -> str:
    """What holds for all rows, and how the figures are to be read."""
    shared = [
        f"{title}: {next(iter(values))}"
        for title, values in ((one.title, _values(one, rows)) for one in _identity())
        # In a study whose grid names none it goes by a name that says nothing.
        if len(values) == 1 and values != {_UNNAMED.get(title)}
    ]
    spreads = _SPREAD if several_seeds(rows) else _ONE_SEED
    parts = [f"{'; '.join(shared)}." if shared else "", spreads, _COST]
    if any(row.estimated for row in rows):
        parts.append(_ESTIMATED)
    parts.append(shared_in_words(rows))
    return " ".join(part for part in parts if part)


def shared_in_words(rows: Sequence[Row]) -> str:
    """That the seconds are of trainings side by side; empty where each had its machine alone."""
    kind = side_by_side(most_jobs(row.jobs for row in rows))
    return f"Seconds are of {kind}." if kind else ""


def full_caption(rows: Sequence[Row]) -> str:
    """:func:`table_caption` for :func:`full_table`, which has more columns."""
    return " ".join([table_caption(rows), *([_LENGTHS] if _lengths(rows) else [])])


def several_seeds(rows: Sequence[Row]) -> bool:
    """Whether any row has a spread over seeds."""
    return any(len(row.seeds) > 1 for row in rows)


def ood_sets(rows: Sequence[Row]) -> list[str]:
    """The out-of-distribution sets of any row, in the order of the first that has them."""
    return list(dict.fromkeys(name for row in rows for name in row.ood_scores))


def _filled(columns: Sequence[_Column], rows: Sequence[Row]) -> Table:
    return Table(
        headers=tuple(column.title for column in columns),
        numbers=tuple(column.is_number for column in columns),
        lines=tuple(tuple(column.cell(row) for column in columns) for row in rows),
    )


def _distinguishing(rows: Sequence[Row]) -> list[_Column]:
    """The columns that distinguish rows, and always method and number of seeds."""
    always = {"method", "seeds"}
    return [one for one in _identity() if one.title in always or len(_values(one, rows)) > 1]


def _identity() -> list[_Column]:
    """What distinguishes rows. An empty cell has no value: ERM has no reference."""

    def strategy(row: Row) -> str:
        # A random baseline has one of its own, as its name says.
        own = row.cell.method != "ftft" and row.cell.strategy == "random"
        return "" if own else row.cell.strategy or ""

    return [
        _Column("experiment", lambda row: row.cell.experiment, is_number=False),
        _Column("main model", lambda row: row.cell.main, is_number=False),
        _Column("method", lambda row: METHODS[row.cell.method].title, is_number=False),
        _Column("reference", lambda row: row.cell.reference or "", is_number=False),
        _Column("strategy", strategy, is_number=False),
        _Column("fraction", lambda row: f"{row.cell.fraction:.3g}" if row.cell.strategy else ""),
        _Column("variant", lambda row: row.cell.variant, is_number=False),
        _Column("seeds", lambda row: str(len(row.seeds))),
    ]


def _lengths(rows: Sequence[Row]) -> list[_Column]:
    """How long what was selected is, where that is known of any row."""

    def tokens(row: Row) -> str:
        return "" if row.tokens is None else ratio(row.tokens.mean)

    known = any(row.tokens is not None for row in rows)
    return [_Column(_TOKENS, tokens)] if known else []


def _less_erm_budget(kind: str) -> _Column:
    title = f"{kind} − {METHODS['erm_budget'].title}"
    return _Column(title, lambda row: _less(row, "erm_budget"))


def _values(column: _Column, rows: Sequence[Row]) -> set[str]:
    return {cell for row in rows if (cell := column.cell(row))}


def _scores(rows: Sequence[Row]) -> list[_Column]:
    columns = [_Column("ID", lambda row: spread(row.id_score))]
    sets = ood_sets(rows)
    if len(sets) == 1:
        return [*columns, _Column(f"OOD ({sets[0]})", lambda row: within(row.ood_score))]

    def of_set(name: str) -> _Column:
        return _Column(name, lambda row: spread(row.ood_scores.get(name)))

    mean = [_Column("OOD mean", lambda row: within(row.ood_score))] if sets else []
    return [*columns, *map(of_set, sets), *mean]


_COSTS = (
    _Column("FLOPs / ERM", lambda row: ratio(row.flops.mean)),
    _Column("seconds / ERM", lambda row: ratio(row.seconds.mean, estimated=row.estimated)),
)


def _compared(rows: Sequence[Row], baseline: str) -> bool:
    return any(baseline in row.versus for row in rows)


def versus(row: Row, baseline: str, kind: str) -> Difference | None:
    """The difference to a baseline in ``id``, ``ood`` or ``main``; None where it was not run."""
    found: Difference | None = getattr(row.versus.get(baseline), kind, None)
    return found


def _less(row: Row, baseline: str, kind: str = "main") -> str:
    return difference(versus(row, baseline, kind))
