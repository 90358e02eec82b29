"""Did it pay? One sentence and four numbers, from paired seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from ftft.config.methods import METHODS
from ftft.results.aggregate import Row, Versus, setting_names
from ftft.results.floor import SAME_ANSWER, floor_of
from ftft.results.formatting import NONE, interval_in_words, percent, points, score
from ftft.results.intervals import Difference, Interval, paired
from ftft.results.run import RunResult, cell_of
from ftft.results.selected import of_the_selection
from ftft.results.time_to_target import erm_until
from ftft.utils.plural import counted

if TYPE_CHECKING:
    from ftft.results.read import Results

WON, LOST, OPEN = "won", "lost", "open"

# The verdicts of the preflight check, the best first.
_WORSE = ("good", "doubtful", "bad")
_MOST_REASONS = 2

# By how much a reference has to beat ERM on development data before it is said.
_CLEARLY = 0.02

# They say what the selection itself adds; the strategy of this name, run as a setting, does too.
_RANDOM = "random"
_SUBSETS = {key for key, method in METHODS.items() if method.selects and not method.records}


@dataclass(frozen=True)
class Tile:
    """One of the four numbers.

    Attributes:
        title: What it is.
        value: The number.
        detail: Its interval and number of seeds, or why there is none.
    """

    title: str
    value: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """What a run found.

    Attributes:
        name: The run, and of several settings of FTFT which.
        outcome: ``won`` or ``lost`` where the interval against ERM leaves out zero, else
            ``open``.
        sentence: The verdict in one sentence.
        remarks: What else has to be known to read it rightly.
        reference: Of these, what is said of the reference.
        selection: Likewise, of the selection.
        tiles: OOD and ID against ERM, cost against ERM, examples used.
    """

    name: str
    outcome: str
    sentence: str
    remarks: tuple[str, ...]
    reference: tuple[str, ...]
    selection: tuple[str, ...]
    tiles: tuple[Tile, ...]


def verdict(run: Results) -> Verdict:
    """Say what a run found about FTFT, whether it won or not; of several settings the first."""
    return verdicts(run)[0]


def verdicts(run: Results) -> tuple[Verdict, ...]:
    """One for each setting of FTFT, of which only a study has several."""
    rows = [row for row in run.rows if row.cell.method == "ftft"]
    names = setting_names(run.name, [row.cell for row in rows])
    return tuple(_verdict(names[row.cell], run, row) for row in rows)


def _verdict(name: str, run: Results, ftft: Row) -> Verdict:
    erm = ftft.versus.get("erm")
    where = "out of distribution" if run.ood_sets else "in distribution"
    outcome, sentence = _judged(ftft, None if erm is None else erm.main, where)
    return Verdict(
        name=name,
        outcome=outcome,
        sentence=sentence + _nothing_learnt(run, ftft, where),
        remarks=tuple(_remarks(run, ftft)),
        reference=tuple(_of_the_reference(run, ftft)),
        selection=tuple(of_the_selection(_runs(run, ftft))),
        tiles=(
            _ood_tile(ftft, erm),
            _score_tile("ID", ftft.id_score, None if erm is None else erm.id),
            _cost_tile(ftft),
            _examples_tile(run, ftft),
        ),
    )


def _nothing_learnt(run: Results, ftft: Row, where: str) -> str:
    """That neither model beats one answer to all, or has anything right; empty where one does.

    A model that has learnt a shortcut well can be worse than that out of distribution, and how
    much worse is what is asked: so this stands beside the judgement and does not replace it.
    """
    floor = floor_of(run.values)
    erm = [row for row in run.rows if (row.cell.method, row.cell.main) == ("erm", ftft.cell.main)]
    least = 0.0 if floor is None else floor.main
    if not erm or max(row.score.mean for row in (*erm, ftft)) > least:
        return ""
    if floor is None:
        return (
            f" Neither FTFT nor ERM has anything right {where}, so that nothing can be compared: "
            "train both longer, or with other learning rates."
        )
    of_ftft, of_erm = (percent(one, 1) for one in (ftft.score.mean, erm[0].score.mean))
    return (
        f" Neither FTFT ({of_ftft}) nor ERM ({of_erm}) is better {where} than {SAME_ANSWER} "
        f"({percent(least, 1)})."
    )


def _judged(ftft: Row, compared: Difference | None, where: str) -> tuple[str, str]:
    if compared is None:
        return OPEN, (
            f"FTFT scores {percent(ftft.score.mean, 1)} {where} at {percent(ftft.flops.mean)} of "
            "ERM's FLOPs; ERM was not run, so whether FTFT is better is not known."
        )
    cost = f"{percent(ftft.flops.mean)} of its FLOPs"
    if not ftft.estimated:
        cost += f" ({percent(ftft.seconds.mean)} of its seconds)"
    by = f"{score(abs(compared.interval.mean))} points"
    above = compared.interval.mean > 0
    if compared.interval.count == 1:
        how = f"{by} {'above' if above else 'below'}" if by != "0.0 points" else "level with"
        return OPEN, (
            f"With one seed FTFT scores {how} ERM {where} at {cost}; one seed does not say how "
            "much that differs between seeds."
        )
    seeds = f"{compared.interval.count} seeds"
    if compared.interval.low is None:
        same = f"differ by the same {points(compared.interval.mean)} points"
        return OPEN, (
            f"FTFT and ERM {'are level' if by == '0.0 points' else same} {where} in each of "
            f"{seeds}, at {cost}: that says nothing about how other seeds would differ."
        )
    if not compared.is_clear:
        return OPEN, (
            f"FTFT and ERM do not differ clearly {where}: {points(compared.interval.mean)} points "
            f"({interval_in_words(compared.interval)}, {seeds}), at {cost}."
        )
    if above:
        return WON, f"FTFT beats ERM {where} by {by} ({seeds}) at {cost}."
    return LOST, f"FTFT did not win: it scores {by} below ERM {where} ({seeds}), at {cost}."


def _remarks(run: Results, ftft: Row) -> Sequence[str]:
    remarks = [
        *_of_the_main_model(run, ftft),
        *_of_the_reference(run, ftft),
        *of_the_selection(_runs(run, ftft)),
        *_of_the_floor(run, ftft),
        *_of_erm(run, ftft),
    ]
    if not run.ood_sets:
        remarks.append(
            "There are no out-of-distribution test sets, so nothing is known about robustness."
        )
    if not run.values["data"]["sets"]["test"]:
        remarks.append("There is no in-distribution test set: ID scores are development scores.")
    if ftft.estimated:
        every = all(one.estimated for one in _runs(run, ftft))
        which = "" if every else " for every seed"
        remarks.append(f"ERM was not run{which}: its FLOPs are computed, seconds estimated.")
    remarks += [
        f"Against {METHODS[baseline].rival}: {_how_far(found.main.interval)}."
        for baseline, found in ftft.versus.items()
        if METHODS[baseline].rival
    ]
    return [*remarks, *_of_random(run, ftft)]


def _of_random(run: Results, ftft: Row) -> Iterator[str]:
    """What the selection adds over chance, where no baseline has said it."""
    if ftft.cell.strategy == _RANDOM or ftft.versus.keys() & _SUBSETS:
        return
    by_chance = replace(ftft.cell, strategy=_RANDOM)
    other = next((row for row in run.rows if row.cell == by_chance), None)
    found = None if other is None else paired(_scores(run, ftft), _scores(run, other))
    if found is not None:
        yield f"Against the same with strategy {_RANDOM}: {_how_far(found.interval)}."
    elif "erm" in ftft.versus:
        yield (
            "No random subset was run beside it, so what the selection itself adds is not known: "
            f"the baseline {_RANDOM} says it."
        )


def _scores(run: Results, row: Row) -> dict[int, float]:
    """The scores by seed that verdicts compare."""
    found = {
        one.seed: one.id_score if row.ood_score is None else one.ood_score
        for one in _runs(run, row)
    }
    return {seed: score for seed, score in found.items() if score is not None}


def _of_the_main_model(run: Results, ftft: Row) -> Iterator[str]:
    """Whether ERM was trained well enough to be compared to, judged by the smaller reference."""
    erm = {one.seed: one for one in run.runs if one.method == "erm" and one.main == ftft.cell.main}
    sets = run.values["data"]["sets"]["dev"]
    pairs = [
        (preflight["dev"]["accuracy"], _dev_accuracy(erm[one.seed], sets))
        for one in _runs(run, ftft)
        if one.seed in erm and (preflight := one.record.get("preflight")) and preflight.get("dev")
    ]
    if not pairs or None in {of_erm for _, of_erm in pairs}:
        return
    reference, of_erm = (fmean(one) for one in zip(*pairs, strict=True))
    if reference > of_erm + _CLEARLY:
        yield (
            f"ERM reached {percent(of_erm, 1)} on development data, and the reference "
            f"{percent(reference, 1)}: unless the reference really is the better model, the "
            "main model is not trained well yet (more epochs, or another learning rate), and the "
            "comparison says little."
        )


def _dev_accuracy(run: RunResult, sets: Mapping[str, int]) -> float | None:
    """Accuracy over all in-distribution development examples, as preflight counts it."""
    scores = run.record["scores"]["dev"]
    if not all("accuracy" in scores.get(name, {}) for name in sets):
        return None
    right = sum(size * scores[name]["accuracy"] for name, size in sets.items())
    return float(right / sum(sets.values()))


def _of_the_reference(run: Results, ftft: Row) -> Iterator[str]:
    """What the preflight check made of the references, and why."""
    found = [one.record["preflight"] for one in _runs(run, ftft) if one.record.get("preflight")]
    if not found:
        return
    worst = max(found, key=lambda one: _WORSE.index(one["verdict"]))
    alike = sum(one["verdict"] == worst["verdict"] for one in found)
    where = f" in {alike} of {len(found)} seeds" if len(found) > 1 else ""
    reasons = "; ".join(worst["reasons"][:_MOST_REASONS])
    yield (
        f"The preflight check called the reference {worst['verdict']}{where}"
        f"{f': {reasons}' if reasons and worst['verdict'] != _WORSE[0] else ''}."
    )


def _of_the_floor(run: Results, ftft: Row) -> Iterator[str]:
    """Whether anything was learnt at all."""
    floor = floor_of(run.values)
    if floor is None:
        return
    erm = [row for row in run.rows if (row.cell.method, row.cell.main) == ("erm", ftft.cell.main)]
    weak = [row for row in (*erm, ftft) if row.score.mean <= floor.main]
    if len(weak) == 2:
        return  # the verdict itself says so
    for row in weak:
        yield (
            f"{METHODS[row.cell.method].title} is no better than {SAME_ANSWER} "
            f"({percent(floor.main, 1)})."
        )


def _of_erm(run: Results, ftft: Row) -> Iterator[str]:
    """After how much of its training ERM had FTFT's score."""
    erm = {one.seed: one for one in run.runs if one.method == "erm" and one.main == ftft.cell.main}
    own = [one for one in _runs(run, ftft) if one.seed in erm and one.final is not None]
    # A score that needs no learning is reached by chance, at any time.
    learnt = {one.seed: one for one in own if one.learnt and one.final}
    shares = erm_until(learnt, erm)
    if shares is None:
        return
    nothing = len(own) - len(learnt)
    others = f"; in {counted(nothing, 'seed')} FTFT had learnt nothing" if nothing else ""
    if not shares:
        yield f"On development data ERM never reached FTFT's score{others}."
        return
    where = f" in {len(shares)} of {len(own)} seeds" if len(own) > 1 else ""
    yield (
        f"On development data ERM reached FTFT's score at {percent(fmean(shares))} of ERM's "
        f"FLOPs{where}{others}."
    )


def _runs(run: Results, row: Row) -> list[RunResult]:
    """The runs of a row."""
    cell = replace(row.cell, folder="")
    return [one for one in run.runs if cell_of(one) == cell]


def _how_far(interval: Interval) -> str:
    seeds = "one seed" if interval.count == 1 else f"{interval.count} seeds"
    shown = interval_in_words(interval)
    return f"{points(interval.mean)} points ({f'{shown}, ' if shown else ''}{seeds})"


def _ood_tile(ftft: Row, erm: Versus | None) -> Tile:
    if ftft.ood_score is None:
        return Tile("OOD against ERM", NONE, "no out-of-distribution test set")
    return _score_tile("OOD", ftft.ood_score, None if erm is None else erm.ood)


def _score_tile(what: str, score: Interval, compared: Difference | None) -> Tile:
    if compared is None:
        return Tile(f"{what} score", percent(score.mean, 1), "ERM was not run")
    found = compared.interval
    shown = interval_in_words(found)
    detail = f"{shown}, {found.count} seeds" if shown else f"{found.count} seeds"
    if found.count == 1:
        detail = "one seed, no interval"
    return Tile(f"{what} against ERM", points(found.mean), f"points; {detail}")


def _cost_tile(ftft: Row) -> Tile:
    seconds = f"{percent(ftft.seconds.mean)} of its seconds"
    how = "; ERM computed" if ftft.estimated else ""
    return Tile("cost against ERM", percent(ftft.flops.mean), f"of its FLOPs; {seconds}{how}")


def _examples_tile(run: Results, ftft: Row) -> Tile:
    total = run.values["data"]["train_examples"]
    share = percent(ftft.selected / total)
    return Tile(
        "examples used", f"{ftft.selected:,.0f}", f"of {total:,} by the main model, {share}"
    )
