"""Figures as text: the one place where the terminal, tables, report, notebook and card get them."""

from __future__ import annotations

from ftft.config.tasks import METRIC_NAMES
from ftft.results.intervals import Difference, Interval

NONE = "–"
"""What stands where there is no figure."""


def metric_name(metric: str) -> str:
    """A metric, as people write it."""
    return METRIC_NAMES.get(metric, metric)


def one_line(text: str) -> str:
    """A name from a file as one line without control characters."""
    spaced = " ".join(text.split())
    return "".join(character if character.isprintable() else "�" for character in spaced)


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage: ``54%``."""
    return f"{share * 100:.{digits}f}%"


def score(value: float) -> str:
    """A score in %, where the heading says so: ``80.1``."""
    return f"{value * 100:.1f}"


def points(difference: float) -> str:
    """A difference of scores in points, with its sign; a minus sign proper."""
    shown = f"{difference * 100:+.1f}"
    # Of what rounds to nothing the sign says nothing.
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")


def ratio(value: float, *, estimated: bool = False) -> str:
    """A cost over ERM's: ``0.54``, or ``~0.54`` where it is estimated."""
    return f"{'~' if estimated else ''}{value:.2f}"


def spread(figure: Interval | None) -> str:
    """A score in %, with its standard deviation where there are several seeds."""
    if figure is None:
        return NONE
    deviation = "" if figure.deviation is None else f" ± {score(figure.deviation)}"
    return f"{score(figure.mean)}{deviation}"


def within(figure: Interval | None) -> str:
    """A score in %, with its 95% interval where there are several seeds that differ."""
    if figure is None or figure.low is None or figure.high is None:
        return spread(figure)
    return f"{score(figure.mean)} [{score(figure.low)}, {score(figure.high)}]"


def difference(found: Difference | None) -> str:
    """A difference in points, with its 95% interval where there are several pairs."""
    if found is None:
        return NONE
    one = found.interval
    if one.low is None or one.high is None:
        return points(one.mean)
    return f"{points(one.mean)} [{points(one.low)}, {points(one.high)}]"


def interval_in_words(interval: Interval) -> str:
    """The interval of a difference: ``95% interval −1.1 to +7.1``; empty for one pair."""
    if interval.low is None or interval.high is None:
        return ""
    return f"95% interval {points(interval.low)} to {points(interval.high)}"


def p_value(found: Difference | None) -> str:
    """The p-value of a difference."""
    value = None if found is None else found.p_value
    if value is None:
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"
