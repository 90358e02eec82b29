"""What has been measured of the method, as far as it bears on the data at hand."""

from __future__ import annotations

ENOUGH_EXAMPLES = 10_000
"""On real data FTFT lost with fewer and tied with more; docs/results.md has the figures."""


def notes_on_size(examples: int) -> list[str]:
    """What to say of training data of this size: one sentence, or nothing.

    Args:
        examples: Training examples.
    """
    if examples >= ENOUGH_EXAMPLES:
        return []
    return [
        f"note: on real data FTFT has scored below ERM with fewer than {ENOUGH_EXAMPLES:,} training "
        f"examples, and level with it with more (docs/results.md); here there are {examples:,}"
    ]
