"""A line of progress that carries its figures, for those who read it by machine."""

from __future__ import annotations

from collections.abc import Mapping


class Line(str):
    """What is said, with figures that ``--log-format json`` writes as keys of their own.

    Attributes:
        figures: Key to figure; one that is not known is left out.
    """

    figures: Mapping[str, float]

    def __new__(cls, text: str, **figures: float | None) -> Line:
        """Put a text and its figures together; a figure that is None is not known."""
        line = super().__new__(cls, text)
        line.figures = {key: value for key, value in figures.items() if value is not None}
        return line


def figures_of(line: str | None) -> dict[str, float]:
    """The figures that a line carries, if any."""
    return dict(line.figures) if isinstance(line, Line) else {}


def prefixed(before: str, line: str) -> str:
    """A line with something before it, and with the figures that it carries."""
    return Line(f"{before}{line.strip()}", **figures_of(line))
