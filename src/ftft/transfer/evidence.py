"""What has been measured of the method, as far as it bears on the data at hand."""

from __future__ import annotations

ENOUGH_EXAMPLES = 10_000
"""With fewer tweets or phrases FTFT was further below ERM than with more (docs/results.md)."""


def notes_on_size(examples: int) -> list[str]:
    """What to say of training data of this size: one sentence, or nothing.

    Args:
        examples: Training examples.
    """
    if examples >= ENOUGH_EXAMPLES:
        return []
    return [
        f"note: {examples:,} training examples are few: on tweets and on phrases of reviews a main "
        "model trained on the ambiguous third scored much further below ERM with fewer than "
        f"{ENOUGH_EXAMPLES:,} examples than with more (docs/results.md)"
    ]


FEW_STEPS = 30
"""In fewer a pretrained model hardly moves from always giving the same answer."""


def note_on_steps(rows: int, erm: int, main: int) -> str:
    """What to say of settings that leave the main model hardly any steps; empty where it has some.

    Args:
        rows: Rows of the training data.
        erm: Steps of ERM.
        main: Steps of FTFT's main model at most.
    """
    if main >= FEW_STEPS:
        return ""
    return (
        f"{rows:,} rows are too few for FTFT: with these settings ERM takes about {erm:,} steps "
        f"and FTFT's main model {main:,}. Expect scores close to those of a model that has learnt "
        "nothing. On so few, train on all of them for longer (main.epochs); FTFT needs some "
        f"thousands, better {ENOUGH_EXAMPLES:,}."
    )
