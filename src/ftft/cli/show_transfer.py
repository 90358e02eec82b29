"""Tables about transfer, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftft.cli.common import say, tell
from ftft.cli.show import show_lines

if TYPE_CHECKING:
    from ftft.experiment.choose import Judged
    from ftft.transfer.agreement import Agreement, Overlap
    from ftft.transfer.preflight import Preflight

Pair = tuple[str, str]
_LONGEST_HEADING = 16


def show_pairs(pairs: Sequence[tuple[Pair, Agreement]]) -> None:
    """One line a pair of maps: overlaps against chance, and rank correlations."""
    first = pairs[0][1]
    chance = first.overlaps["ambiguous"].chance
    lines = []
    for pair, found in pairs:
        overlaps = [f"{overlap.shared:.0%}" for overlap in found.overlaps.values()]
        ranks = [_number(found.confidence), _number(found.variability)]
        lines.append([" and ".join(pair), f"{found.examples:,}", *overlaps, *ranks])
    show_lines(
        f"the {first.fraction:.0%} selected: share in common (by chance {chance:.0%})",
        ("maps",),
        ("examples", *first.overlaps, "rank confidence", "rank variability"),
        lines,
    )
    for pair, found in pairs:
        if any(found.only_in):
            one, other = found.only_in
            tell(
                f"{pair[0]} has {one:,} examples and {pair[1]} {other:,} that the other one has "
                "not; they take no part."
            )


def show_agreement(pair: Pair, found: Agreement) -> None:
    """Two maps by label and slice, and where they differ most."""
    groups = [
        [
            column,
            value,
            f"{group.examples:,}",
            *(f"{share:.0%}" for share in group.selected),
            _against_chance(group.ambiguous),
            _number(group.variability),
        ]
        for column, values in found.groups.items()
        for value, group in values.items()
    ]
    show_lines(
        f"{pair[0]} and {pair[1]}: ambiguous, by label and slice",
        ("of", "value"),
        ("examples", *(f"in {name}" for name in _in_headings(pair)), "shared (chance)", "rank"),
        groups,
    )
    if not found.differences:
        return
    examples = []
    for one in found.differences:
        both = zip(one.confidence, one.variability, one.ranks, strict=True)
        cells = [_number(value) for values in both for value in values]
        examples.append([one.example_id, one.label, *cells])
    show_lines(
        "on these they differ most (rank: share of the examples that vary less)",
        ("example id", "label"),
        [
            f"{title} {name}"
            for name in _in_headings(pair)
            for title in ("confidence", "variability", "rank")
        ],
        examples,
    )


def _in_headings(pair: Pair) -> Pair:
    """Two maps in the headings of a table whose title, or the one before, names them."""
    short = all(len(name) <= _LONGEST_HEADING for name in pair)
    return pair if short else ("the first", "the second")


def show_preflight(result: Preflight) -> None:
    """The verdict, the reasons for it, and what to try."""
    from ftft.cartography.left_out import left_out_in_words
    from ftft.transfer.evidence import notes_on_size
    from ftft.transfer.preflight import BAD, mark_of

    tell(f"verdict: {result.verdict}")
    for finding in result.findings:
        mark = mark_of(finding.verdict, result.verdict)
        tell(f"  {mark}: {finding.reason}" if mark else f"  {finding.reason}")
    for line in result.advice:
        tell(f"  try: {line}")
    if result.verdict == BAD:
        tell("  note: with reference.if_bad=stop a run would end here")
    if left_out := result.signals.left_out:
        say(
            f"note: the most ambiguous {result.signals.fraction:.0%} all but leave out "
            f"{left_out_in_words(left_out)}; keep each label's share with "
            "selection.keep_label_proportions=true, or ftft select --keep-label-proportions"
        )
    for note in notes_on_size(result.signals.examples):
        say(note)
    say("note: this says whether the reference has learnt its data, not how a main model will do")


def show_choice(judged: Sequence[Judged], best: Judged) -> None:
    """The candidates from cheap to dear: what they cost, and what was found."""
    lines = []
    for one in judged:
        found = one.signals or {}
        shown = ("train_accuracy", "ambiguous_confidence", "ambiguous_unlearnt")
        cells = [f"{found[name]:.0%}" if name in found else "" for name in shown]
        cost = [f"{one.reference_cost:.2f}", f"{one.total_cost:.2f}"]
        lines.append([one.candidate.name, one.verdict or "not trained", *cost, *cells])
    costs = ("its FLOPs / ERM", "FTFT's in all")
    show_lines(
        "references, the cheapest first",
        ("reference", "verdict"),
        (*costs, "right at the end", "ambiguous: confidence", "unlearnt"),
        lines,
    )
    if best.verdict == "good":
        tell(f"chosen: {best.candidate.name}, the cheapest that is judged good")
        return
    tell(f"none is judged good; the best is {best.candidate.name}, {best.verdict}:")
    for reason in best.reasons:
        tell(f"  {reason}")


def _against_chance(overlap: Overlap) -> str:
    if math.isnan(overlap.shared):
        return "none"
    return f"{overlap.shared:.0%} ({overlap.chance:.0%})"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
