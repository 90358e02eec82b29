"""A data map as a small SVG in a page: how many examples lie where, coloured by correctness."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Okabe and Ito's vermillion and blue, distinguishable to all eyes, with grey between.
_WRONG, _MIDDLE, _RIGHT = (213, 94, 0), (170, 170, 170), (0, 114, 178)
_COLUMNS, _ROWS, _SIZE = 48, 36, 7
_LEFT, _TOP, _BOTTOM = 34, 8, 34


def svg_map(
    confidence: npt.NDArray[np.floating],
    variability: npt.NDArray[np.floating],
    correctness: npt.NDArray[np.floating],
) -> str:
    """Draw where N examples lie, on a grid of 48 by 36 cells, whatever N is.

    Args:
        confidence: (N,) in [0, 1], upwards.
        variability: (N,) at least 0, to the right.
        correctness: (N,) in [0, 1]: the mean of a cell is its colour, from orange (wrong) to
            blue (right); the more examples a cell holds, the stronger it is.

    Returns:
        One ``svg`` element, without text from the data; black stands for the text colour of the
        page around it.
    """
    most = max(float(variability.max(initial=0.0)), 0.05)
    columns = _places(variability / most, _COLUMNS)
    rows = _ROWS - 1 - _places(confidence, _ROWS)
    cells = rows * _COLUMNS + columns
    counts = np.bincount(cells, minlength=_ROWS * _COLUMNS)
    sums = np.bincount(cells, weights=correctness, minlength=_ROWS * _COLUMNS)
    strength = 0.25 + 0.75 * np.log1p(counts) / max(float(np.log1p(counts.max())), 1e-9)
    drawn = [
        f'<rect x="{_LEFT + cell % _COLUMNS * _SIZE}" y="{_TOP + cell // _COLUMNS * _SIZE}" '
        f'width="{_SIZE}" height="{_SIZE}" fill="{_colour(sums[cell] / counts[cell])}" '
        f'fill-opacity="{strength[cell]:.2f}"/>'
        for cell in np.flatnonzero(counts).tolist()
    ]
    return _framed("".join(drawn), most)


def _places(values: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    scaled = np.nan_to_num(np.asarray(values, dtype=np.float64)) * count
    return np.clip(scaled.astype(np.int64), 0, count - 1)


def _colour(correctness: float) -> str:
    start, end = (_WRONG, _MIDDLE) if correctness < 0.5 else (_MIDDLE, _RIGHT)
    along = correctness * 2 % 1 if correctness < 1 else 1.0
    red, green, blue = (round(a + (b - a) * along) for a, b in zip(start, end, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _framed(cells: str, most: float) -> str:
    width, height = _COLUMNS * _SIZE, _ROWS * _SIZE
    bottom = _TOP + height
    texts = [
        (_LEFT - 4, _TOP + 8, "end", "1"),
        (_LEFT - 4, bottom, "end", "0"),
        (_LEFT, bottom + 14, "middle", "0"),
        (_LEFT + width, bottom + 14, "middle", f"{most:.2f}"),
        (_LEFT + width // 2, bottom + 26, "middle", "variability"),
    ]
    written = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in texts
    )
    middle = _TOP + height // 2
    written += (
        f'<text x="12" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 12 {middle})">confidence</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_LEFT + width + 20}" '
        f'height="{bottom + _BOTTOM}" font-size="11" font-family="sans-serif" fill="currentColor">'
        "<title>data map: confidence against variability, from orange (predicted wrong) to blue "
        f"(right)</title>{cells}{written}"
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{_LEFT + width}" fill="none" stroke="currentColor"/>'
        "</svg>"
    )
