"""A table of results in the width of a terminal: low headings, and columns that follow below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from ftft.results.tables import Table

Part = dict[int, int | None]
"""Place of a column to the most cells of its texts; None: as many as they have."""

_FRAME = 3
_LEAST_TEXT = 12
_HEADER_LINES = 3


def fitted(found: Table, width: int) -> tuple[Table, list[Part]]:
    """The table as it is to be drawn, and the columns of each table that shows a part of it.

    Args:
        found: The table.
        width: Of the terminal.
    """
    if 1 + sum(_widths(found)) <= width:
        return found, [dict.fromkeys(range(len(found.headers)))]
    found = _with_low_headers(found)
    wide = [one - _FRAME for one in _widths(found)]
    texts = [place for place, is_number in enumerate(found.numbers) if not is_number]
    usual = {place: min(wide[place], max(width // 3, _LEAST_TEXT)) for place in texts}
    groups = _grouped(found, wide, width - _taken([*usual.values()]))
    if len(groups) > 1:
        # Words can go on in the next line, where that leaves room for all; numbers cannot.
        least = {place: min(usual[place], _longest_word(found, place)) for place in texts}
        figures = [place for group in groups for place in group]
        spare = width - _taken([*least.values(), *(wide[place] for place in figures)])
        if spare >= 0:
            usual, groups = _widened(least, usual, spare), [figures]
    else:
        figures = [wide[place] for place in groups[0]]
        usual = _widened(
            usual, {one: wide[one] for one in texts}, width - _taken([*usual.values(), *figures])
        )
    parts = ({**usual, **dict.fromkeys(group)} for group in groups)
    return found, [dict(sorted(one.items())) for one in parts]


def _widened(least: dict[int, int], most: dict[int, int], spare: int) -> dict[int, int]:
    """The columns of texts, the first of them as wide as they may be, as far as the room goes."""
    widened = {}
    for place, cells in least.items():
        widened[place] = min(most[place], cells + max(spare, 0))
        spare -= widened[place] - cells
    return widened


def _grouped(found: Table, wide: Sequence[int], room: int) -> list[list[int]]:
    """The columns of numbers by the tables that show them, as many in each as there is room for."""
    groups: list[list[int]] = [[]]
    for place, is_number in enumerate(found.numbers):
        if not is_number:
            continue
        if groups[-1] and sum(wide[one] + _FRAME for one in (*groups[-1], place)) > room:
            groups.append([])
        groups[-1].append(place)
    return groups


def _taken(cells: Sequence[int]) -> int:
    return 1 + sum(one + _FRAME for one in cells)


def _widths(found: Table) -> list[int]:
    columns = zip(found.headers, *found.lines, strict=True)
    return [_widest(one) + _FRAME for one in columns]


def _widest(cells: Sequence[str]) -> int:
    return max((cell_len(line) for cell in cells for line in cell.split("\n")), default=0)


def _longest_word(found: Table, place: int) -> int:
    cells = (found.headers[place], *(line[place] for line in found.lines))
    return max(_LEAST_TEXT, _widest([word for cell in cells for word in cell.split()]))


def _with_low_headers(found: Table) -> Table:
    """The table with headings no wider than their columns, as far as few lines hold them."""
    headers = (
        _low(header, _widest([line[place] for line in found.lines]))
        for place, header in enumerate(found.headers)
    )
    return replace(found, headers=tuple(headers))


def _low(header: str, width: int) -> str:
    # A sign stays with what follows it: "/ ERM".
    words = header.replace("/ ", "/\xa0").replace("− ", "−\xa0").split(" ")
    width = max(width, *map(cell_len, words))
    while len(lines := textwrap.wrap(" ".join(words), width, break_on_hyphens=False)) > (
        _HEADER_LINES
    ):
        width += 1
    return "\n".join(lines).replace("\xa0", " ")
