"""Small HTML tables, as which values show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ftft.utils.plural import counted

MOST_ROWS = 20


def html_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers, set to the right.

    Args:
        title: Its caption.
        headers: Headings.
        rows: Cells. Of more than 20 rows the first 20 are shown, and how many are not.

    Returns:
        HTML without style sheet or script. Everything given is escaped.
    """
    shown = rows[:MOST_ROWS]
    body = "".join(f"<tr>{''.join(map(_cell, range(len(row)), row))}</tr>" for row in shown)
    heads = "".join(
        f'<th scope="col" style="text-align: {_side(place)}">{escape(text)}</th>'
        for place, text in enumerate(headers)
    )
    left_out = f" ({counted(len(rows) - len(shown), 'more row')})" if len(rows) > len(shown) else ""
    return (
        '<table><caption style="text-align: left; white-space: nowrap">'
        f"{escape(title)}{left_out}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(place: int, text: str) -> str:
    return f'<td style="text-align: {_side(place)}">{escape(text)}</td>'


def _side(place: int) -> str:
    return "right" if place else "left"
