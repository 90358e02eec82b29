"""Figures as people read them: the one place that turns numbers into text, for every output."""

from __future__ import annotations

from ftft.config.tasks import METRIC_NAMES
from ftft.results.intervals import Difference, Interval

NONE = "–"
"""What stands where there is no figure."""


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage."""
    return f"{share * 100:.{digits}f}%"


def points(difference: float) -> str:
    """A difference of scores in points, with its sign; a minus sign proper."""
    shown = f"{difference * 100:+.1f}"
    # Of what rounds to nothing the sign says nothing.
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")


def spread(figure: Interval | None) -> str:
    """A score in %, with its standard deviation where there are several seeds."""
    if figure is None:
        return NONE
    deviation = "" if figure.deviation is None else f" ± {figure.deviation * 100:.1f}"
    return f"{figure.mean * 100:.1f}{deviation}"


def within(figure: Interval | None) -> str:
    """A score in %, with its 95% interval where there are several seeds."""
    if figure is None:
        return NONE
    if figure.low is None or figure.high is None:
        return f"{figure.mean * 100:.1f}"
    return f"{figure.mean * 100:.1f} [{figure.low * 100:.1f}, {figure.high * 100:.1f}]"


def difference(found: Difference | None) -> str:
    """A difference in points, with its 95% interval where there are several pairs."""
    if found is None:
        return NONE
    one = found.interval
    if one.low is None or one.high is None:
        return points(one.mean)
    return f"{points(one.mean)} [{points(one.low)}, {points(one.high)}]"


def p_value(found: Difference | None) -> str:
    """The p-value of a difference."""
    if found is None or found.p_value is None:
        return NONE
    return "<0.001" if found.p_value < 0.001 else f"{found.p_value:.3f}"


def ratio(figure: Interval, *, estimated: bool = False) -> str:
    """A cost over ERM's."""
    return f"{'~' if estimated else ''}{figure.mean:.2f}"


def table_title(name: str, metric: str) -> str:
    """The title of a table of scores."""
    return f"{name}: {METRIC_NAMES.get(metric, metric)}, mean ± standard deviation in %"
