"""Has a reference learnt its data? Judged by its dynamics, before the main model is paid for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ftft.cartography.burn_in import AUTO, BurnIn, epochs_needed
from ftft.cartography.datamap import EASY, REGIONS, DataMap, checked_fraction
from ftft.cartography.left_out import LeftOut, labels_left_out
from ftft.cartography.ranking import top_set
from ftft.dynamics.container import TrainingDynamics
from ftft.transfer.advice import EPOCHS, LEFT_OUT, MORE, advice_once
from ftft.transfer.agreement import overlap_of
from ftft.transfer.stability import FollowedMap
from ftft.utils.plural import counted

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"


@dataclass(frozen=True)
class Signals:
    """What a reference's dynamics say about how much it has learnt.

    Attributes:
        examples: N.
        points: Recording points that took part, burn-in left out.
        burn_in: Recording points left out before them.
        transient: Recording points at which everything was still being learnt; more than are left
            out where too few would remain.
        fraction: Share of the examples called ambiguous, hard and easy.
        majority: Share of the most frequent label: the accuracy of always answering it.
        train_accuracy: Share of the examples predicted right at the last point, in [0, 1];
            higher is better.
        easy: Share of the examples in the easy-to-learn region (not among the ambiguous, with
            a confidence of at least 0.5), at most 1 - ``fraction``; higher is better.
        ambiguous_and_hard: Share of the most ambiguous that are among the hardest (lowest
            confidence) too. The paper finds little of it in references that fail (section 5).
        chance: What two random selections of that size share.
        ambiguous_confidence: Mean confidence of the most ambiguous, in [0, 1]. Where selections
            are known to work, ambiguous means late-learnt: 0.81 in the published map of
            WinoGrande.
        ambiguous_unlearnt: Share of the most ambiguous with a confidence below 0.5, in [0, 1];
            lower is better (2.9% in WinoGrande's).
        hard_learnt: How far the probability of the true class of the hardest rose, on average,
            from the first point to the last, in [-1, 1]; higher is better.
        hard_right: Share of the hardest predicted right at the last point.
        steady: Share of the ambiguous selection that the last point left as it was; None where
            there are fewer than three points.
        left_out: Labels that the most ambiguous all but leave out.
    """

    examples: int
    points: int
    burn_in: int
    transient: int
    fraction: float
    majority: float
    train_accuracy: float
    easy: float
    ambiguous_and_hard: float
    chance: float
    ambiguous_confidence: float
    ambiguous_unlearnt: float
    hard_learnt: float
    hard_right: float
    steady: float | None
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class DevScore:
    """What is known of the reference's score on in-distribution development data.

    Attributes:
        accuracy: Its accuracy, in [0, 1].
        majority: The accuracy of always answering the most frequent label there.
        expected: What the main model is expected to reach; None where nobody knows.
    """

    accuracy: float
    majority: float
    expected: float | None = None


@dataclass(frozen=True)
class Finding:
    """What one signal says.

    Attributes:
        verdict: ``good``, ``doubtful`` or ``bad``.
        reason: What was found, in words.
        advice: What to try next, unless it is good.
    """

    verdict: str
    reason: str
    advice: str


@dataclass(frozen=True)
class Preflight:
    """A verdict on a reference.

    Attributes:
        verdict: The worst of the findings.
        findings: What each signal says, the worst first.
        signals: What the verdict rests on.
        dev: The development score that was looked at; None where none is known.
    """

    verdict: str
    findings: tuple[Finding, ...]
    signals: Signals
    dev: DevScore | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not good, one sentence a finding; empty where it is."""
        return tuple(one.reason for one in self.findings if one.verdict != GOOD)

    @property
    def advice(self) -> tuple[str, ...]:
        """What to try next, each thing once; empty where it is good."""
        given = [one.advice for one in self.findings if one.verdict != GOOD]
        # What a bad reference has right in the end is little or nothing.
        given = [one for one in given if one != LEFT_OUT or self.verdict != BAD]
        return advice_once(given)


def mark_of(finding: str, whole: str) -> str:
    """The badge of a finding; empty where it would praise a reference that learnt next to nothing.

    Args:
        finding: The finding's verdict.
        whole: That on the reference.
    """
    return "" if (finding, whole) == (GOOD, BAD) else finding


def signals(dynamics: TrainingDynamics, fraction: float = 0.33, burn_in: BurnIn = AUTO) -> Signals:
    """Read the signals of a reference from its dynamics.

    Args:
        dynamics: What it recorded, at least two complete points after burn-in.
        fraction: Share of the examples that is to be selected, in (0, 1].
        burn_in: First recording points left out of the map, or ``auto``.

    Raises:
        DynamicsError: There are too few points, a number is out of range, or a point cannot
            be read.
    """
    return signals_of(FollowedMap(burn_in).update(dynamics), fraction)


def signals_of(built: FollowedMap, fraction: float) -> Signals:
    """Read the signals of a reference from a builder that has taken in its recording points.

    Args:
        built: The builder, with at least two points after burn-in.
        fraction: Share of the examples that is to be selected, in (0, 1].

    Raises:
        DynamicsError: As :func:`signals`.
    """
    checked_fraction(fraction, "The selected fraction")
    datamap = DataMap.from_builder(built, region_fraction=fraction)
    ids, total = datamap.example_ids, len(datamap)
    if datamap.left_out:  # all that follows is about the examples that are in the map
        built = FollowedMap(built.burn_in).update(built.dynamics.take(ids))
    dynamics = built.dynamics
    count = max(1, round(fraction * total))
    hard = top_set(datamap.confidence, ids, count, largest=False)
    ambiguous = top_set(datamap.variability, ids, count, largest=True)
    both = overlap_of(ambiguous, hard, total)
    first, last = (built.values(dynamics.epochs[place]) for place in (0, -1))
    rise = last.probability[hard] - first.probability[hard]
    return Signals(
        examples=total,
        points=len(datamap.epochs),
        burn_in=datamap.burn_in,
        transient=built.transient,
        fraction=fraction,
        majority=float(np.bincount(datamap.labels).max() / total)
        if dynamics.encoding == "logits"  # else the labels are groups, and no answers
        else dynamics.chance,
        train_accuracy=last.accuracy,
        easy=float((datamap.region_code == REGIONS.index(EASY)).mean()),
        ambiguous_and_hard=both.shared,
        chance=both.chance,
        ambiguous_confidence=float(datamap.confidence[ambiguous].mean()),
        ambiguous_unlearnt=float((datamap.confidence[ambiguous] < 0.5).mean()),
        hard_learnt=float(rise[~np.isnan(rise)].mean()),
        hard_right=last.take(hard).accuracy,
        steady=built.steady(fraction),
        left_out=labels_left_out(datamap.group_names, datamap.labels, ambiguous),
    )


def preflight(found: Signals, dev: DevScore | None = None) -> Preflight:
    """Judge a reference: the worst of what its signals say one by one.

    It says whether the reference has learnt its data, and no more: it does not predict the main
    model's score. The limits were set by hand; docs/transfer.md says what they rest on.

    Args:
        found: From :func:`signals`.
        dev: Its score on in-distribution development data, where known.
    """
    findings = [_learnt(found), _easy(found), _after(found), _late(found), _hard(found)]
    findings.append(_steady(found))
    if dev is not None:
        findings += [_dev(dev), _generalises(found, dev)]
    worst_first = sorted(findings, key=lambda one: (BAD, DOUBTFUL, GOOD).index(one.verdict))
    return Preflight(
        verdict=worst_first[0].verdict,
        findings=tuple(worst_first),
        signals=found,
        dev=dev,
    )


_MEMORISED = 0.1
_NOTHING = 0.2
# docs/transfer.md has the shares of all references that were tried, and what came of each.
_UNLEARNT = 0.1


def _above(accuracy: float, majority: float) -> float:
    """How far an accuracy has come from always answering one label (0) to perfect (1)."""
    return (accuracy - majority) / (1 - majority) if majority < 1 else 1.0


def _graded(value: float, bad: float, doubtful: float) -> str:
    return BAD if value < bad else DOUBTFUL if value < doubtful else GOOD


def _learnt(found: Signals) -> Finding:
    verdict = _graded(_above(found.train_accuracy, found.majority), _NOTHING, 0.5)
    reason = f"it predicts {found.train_accuracy:.0%} of its training examples right at the end"
    if found.majority:
        reason += f" (always answering the most frequent label: {found.majority:.0%})"
    return Finding(verdict, reason, MORE)


def _easy(found: Signals) -> Finding:
    # Of what is not ambiguous, so that the limit holds for every fraction.
    share = found.easy / (1 - found.fraction) if found.fraction < 1 else 1.0
    reason = f"{found.easy:.0%} of the examples are easy-to-learn"
    return Finding(_graded(share, 0.25, 0.5), reason, MORE)


def _after(found: Signals) -> Finding:
    needed = epochs_needed(found.burn_in + found.points, found.transient)
    if needed is None:
        first = found.burn_in
        points = "recording point" if first == 1 else f"{first} recording points"
        left_out = f"the first {points}" if first else "no recording point"
        return Finding(GOOD, f"its map leaves out {left_out}", "")
    points = counted(found.burn_in + found.points, "recording point")
    reason = (
        f"it was still learning everything at {found.transient} of its {points}, so that "
        "its map says how fast examples were learnt at first and not which are ambiguous"
    )
    return Finding(DOUBTFUL, reason, f"{EPOCHS}at least {counted(needed, 'epoch')}")


def _late(found: Signals) -> Finding:
    """Where selections are known to work, the ambiguous are late-learnt, not unlearnt."""
    reason = (
        f"{found.ambiguous_unlearnt:.0%} of the ambiguous were mostly answered wrong to the end "
        f"(their mean confidence is {found.ambiguous_confidence:.2f})"
    )
    if found.ambiguous_unlearnt <= _UNLEARNT:
        return Finding(GOOD, reason, "")
    return Finding(DOUBTFUL, f"{reason}: noise, or more than it can learn", LEFT_OUT)


def _hard(found: Signals) -> Finding:
    reason = (
        f"{found.ambiguous_and_hard:.0%} of the ambiguous are among the hardest (by chance "
        f"{found.chance:.0%}), and of the hardest {found.hard_right:.0%} are right at the end"
    )
    fitted = found.hard_learnt >= 0.1 and found.ambiguous_and_hard >= found.chance
    return Finding(GOOD if fitted else DOUBTFUL, reason, MORE)


def _steady(found: Signals) -> Finding:
    if found.steady is None:
        points = counted(found.points, "recording point")
        reason = f"with {points} nobody can tell whether its map has settled"
        more = f"{EPOCHS}more epochs (three points after burn-in are needed)"
        return Finding(DOUBTFUL, reason, more)
    reason = f"its last recording point left {found.steady:.0%} of the ambiguous as they were"
    return Finding(_graded(found.steady, 0.0, 0.7), reason, MORE)


def _dev(dev: DevScore) -> Finding:
    above = _above(dev.accuracy, dev.majority)
    reason = (
        f"its development accuracy is {dev.accuracy:.1%} (always answering the most frequent "
        f"label: {dev.majority:.1%}"
    )
    verdict = _graded(above, 0.1, 0.3)
    if dev.expected is not None:
        reason += f"; expected of the main model: {dev.expected:.1%}"
        hoped = _above(dev.expected, dev.majority)
        if hoped > 0 and above < 0.5 * hoped:
            verdict = max(verdict, DOUBTFUL, key=(GOOD, DOUBTFUL, BAD).index)
    return Finding(verdict, f"{reason})", MORE)


def _generalises(found: Signals, dev: DevScore) -> Finding:
    """Where data are scarce, hard examples may be the wrong ones to keep (Sorscher et al. 2022)."""
    gap = found.train_accuracy - dev.accuracy
    reason = (
        f"its accuracy is {found.train_accuracy:.1%} on the examples it was trained on and "
        f"{dev.accuracy:.1%} on development data"
    )
    # Who has learnt nothing has memorised nothing: its scores differ by chance.
    if gap <= _MEMORISED or _above(found.train_accuracy, found.majority) < _NOTHING:
        return Finding(GOOD, reason, "")
    reason += ": it has memorised them, and what it finds ambiguous may be noise"
    return Finding(
        DOUBTFUL, reason, "take more training examples, or train the main model on all of them"
    )
