"""Tables of finished runs for papers and other programs: Markdown, LaTeX and CSV."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pcsv

from ftft.cartography.export import formulas_inert
from ftft.config.methods import METHODS
from ftft.errors import FtftError
from ftft.results.aggregate import Row
from ftft.results.floor import Floor
from ftft.results.formatting import one_line
from ftft.results.intervals import Difference, Interval
from ftft.results.tables import Table, full_caption, full_table, ood_sets, versus

Style = Literal["markdown", "latex", "csv"]
Flat = dict[str, str | int | float | bool | None]

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
} | {character: f"\\{character}" for character in "&%$#_"}


def table_text(rows: Sequence[Row], style: Style, floor: Floor | None = None) -> str:
    """A table of runs, for a document or another program.

    Markdown and LaTeX (package booktabs) show :func:`full_table`, under or above its caption;
    columns that are the same in all rows are in the caption. CSV holds every column and raw
    numbers: Scores and differences in [0, 1], costs as ratios, empty where there is none.

    Args:
        rows: At least one row, from :func:`ftft.results.aggregate.aggregate`.
        style: ``markdown``, ``latex`` or ``csv``.
        floor: What always giving the same answer scores, of rows of one run; CSV leaves it out.

    Returns:
        The text, with a line break at its end. Whatever came from files is escaped.

    Raises:
        FtftError: There are no rows.
    """
    if not rows:
        raise FtftError("there are no runs to make a table of; give at least one finished run.")
    if style == "csv":
        return _csv(rows)
    drawn = _markdown if style == "markdown" else _latex
    return drawn(full_table(rows, floor), full_caption(rows))


def _markdown(table: Table, caption: str) -> str:
    rules = ["---:" if is_number else ":---" for is_number in table.numbers]
    lines = [[_in_markdown(cell) for cell in line] for line in (table.headers, *table.lines)]
    lines.insert(1, rules)
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{drawn}\n\n{_in_markdown(caption)}\n"


def _in_markdown(text: str) -> str:
    return html.escape(re.sub(r"([\\`*_\[\]|~])", r"\\\1", one_line(text)), quote=False)


def _latex(table: Table, caption: str) -> str:
    alignment = "".join("r" if is_number else "l" for is_number in table.numbers)
    lines = [" & ".join(map(_in_latex, line)) + r" \\" for line in (table.headers, *table.lines)]
    head, *body = (f"    {line}" for line in lines)
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_in_latex(caption)}}}",
            rf"  \begin{{tabular}}{{{alignment}}}",
            r"    \toprule",
            head,
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _in_latex(text: str) -> str:
    escaped = "".join(_LATEX.get(character, character) for character in one_line(text))
    # At the start of a row, brackets would be read as an option of the line break before.
    return f"{{{escaped}}}" if escaped.startswith("[") else escaped


def _csv(rows: Sequence[Row]) -> str:
    sets = ood_sets(rows)
    table = pa.Table.from_pylist([_flat(row, sets) for row in rows])
    buffer = io.BytesIO()
    pcsv.write_csv(formulas_inert(table), buffer)
    return buffer.getvalue().decode()


def _flat(row: Row, sets: Sequence[str]) -> Flat:
    """A row with a key for each figure, None where there is none."""
    values: Flat = {
        **asdict(row.cell),
        "seeds": " ".join(map(str, row.seeds)),
        "selected": row.selected,
        **_figures("tokens_over_all", row.tokens),
        **_figures("id", row.id_score),
        **_figures("ood", row.ood_score),
    }
    for name in sets:
        values |= _figures(f"ood_set_{name}", row.ood_scores.get(name))
    for baseline in METHODS["ftft"].compared_to:
        values |= _differences(f"id_versus_{baseline}", versus(row, baseline, "id"))
        values |= _differences(f"ood_versus_{baseline}", versus(row, baseline, "ood"))
    values |= _figures("flops_over_erm", row.flops) | _figures("seconds_over_erm", row.seconds)
    alone = row.alone or {}
    for key, unit in (
        ("score", "dev"),
        ("flops", "flops_over_erm"),
        ("seconds", "seconds_over_erm"),
    ):
        values |= _figures(f"reference_alone_{unit}", alone.get(key))
    values |= {"erm_cost_estimated": row.estimated} | _figures("steps", row.steps)
    until = row.time_to_target
    values["erm_reached_by"] = getattr(until, "reached", None)
    values["erm_compared"] = getattr(until, "seeds", None)
    for name in ("steps", "share", "flops"):
        values |= _figures(f"until_erm_{name}", getattr(until, name, None))
    return values


def _figures(name: str, figure: Interval | None) -> Flat:
    parts = ("mean", "deviation", "low", "high")
    return {f"{name}_{part}": getattr(figure, part, None) for part in parts}


def _differences(name: str, found: Difference | None) -> Flat:
    interval = getattr(found, "interval", None)
    return _figures(name, interval) | {
        f"{name}_p": getattr(found, "p_value", None),
        f"{name}_wins": getattr(found, "wins", None),
        f"{name}_pairs": getattr(interval, "count", None),
    }
