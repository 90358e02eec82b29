"""Tables for the terminal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ftft.cli.common import say, tell
from ftft.cli.escape_control import inert
from ftft.config.tasks import METRIC_NAMES
from ftft.utils.plural import counted

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from ftft.cartography.datamap import DataMap
    from ftft.config.recipe import Recipe
    from ftft.data.dataset import TaskData
    from ftft.demo.prepare import RegionTruth
    from ftft.evaluation.metrics import SetScores
    from ftft.evaluation.training import Training
    from ftft.experiment.dry_run import Foresight
    from ftft.results.read import Results
    from ftft.results.tables import Table as ResultsTable
    from ftft.workspace.stage import Stage

_PIPED_WIDTH = 200
_LONGEST = 80
_CANDIDATES = {"preferred": "model prefers", "text": "text"}


def show_verdicts(results: Results) -> None:
    """The table of methods, and the verdicts of the report in the same words."""
    from ftft.results.verdict import verdicts

    show_methods(results)
    found = verdicts(results)
    if len(found) == 1:
        for line in (found[0].sentence, *found[0].remarks):
            tell(line)
        return
    for one in found:
        tell(f"{one.name}: {one.sentence}")
        if one.remarks:
            tell(f"  {' '.join(one.remarks)}")


def show_results(results: Results) -> None:
    """What a run found, and where it is."""
    show_verdicts(results)
    tell(f"results: {results.path}")
    if results.report is not None:
        tell(f"report: {results.report}")
    models = results.folder / "main"
    tell(f"main models: {models}/seed-*/model")


def show_methods(results: Results) -> None:
    """Scores and cost by method, and how they are to be read."""
    from ftft.results.floor import floor_of
    from ftft.results.stopping import stopping_in_words
    from ftft.results.tables import summary_table, table_caption

    show_table(results.title, summary_table(results.rows, floor_of(results.values)))
    tell(table_caption(results.rows))
    if stopping := stopping_in_words(results.runs):
        tell(stopping)


def show_table(title: str, found: ResultsTable) -> None:
    """A table of results; columns that a narrow terminal has no room for follow below."""
    from ftft.cli.fit_table import fitted

    out = console()
    found, parts = fitted(found, out.width)
    for part in parts:
        drawn = table(title)
        for place, most in part.items():
            is_number = found.numbers[place]
            side: JustifyMethod = "right" if is_number else "left"
            header = found.headers[place]
            drawn.add_column(header, justify=side, no_wrap=is_number, max_width=most)
        for line in found.lines:
            add_row(drawn, *(line[place] for place in part))
        out.print(drawn)
        title = ""


def show_lines(
    title: str, texts: Sequence[str], numbers: Sequence[str], lines: Iterable[Sequence[str]]
) -> None:
    """As :func:`show_table`, of lines whose first columns are texts, and the others numbers.

    Args:
        title: Of the table.
        texts: Headings of the columns of texts.
        numbers: Headings of those of numbers.
        lines: The cells, line by line.
    """
    from ftft.results.tables import Table as ResultsTable

    kinds = (*(False for _ in texts), *(True for _ in numbers))
    show_table(title, ResultsTable((*texts, *numbers), kinds, tuple(map(tuple, lines))))


def show_recipes(recipes: Sequence[Recipe]) -> None:
    """Recipes by task: what each is, its models, and the data it needs."""
    by_title: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        by_title.setdefault(recipe.title, []).append(recipe)
    for title, group in by_title.items():
        drawn = table(title)
        for heading in ("recipe", "reference", "main model"):
            drawn.add_column(heading)
        for recipe in group:
            add_row(drawn, recipe.name, *recipe.models)
        out = console()
        out.print(drawn)
        for what, names in (("hub", group[0].hub_data), ("files", group[0].files)):
            if names:
                tell(f"needs, {what}: {', '.join(names)}")
        out.print()


def show_data(data: TaskData, title: str = "data") -> None:
    """The sets of an experiment, their sizes and classes."""
    from ftft.data.remarks import named

    rows = [("train", "train", data.class_names, len(data.train), "")]
    for role, sets in data.evaluation_sets.items():
        for name, one in sets.items():
            shared = f"{data.overlaps.get(name, 0):,}"
            rows.append((name, role, one.class_names, len(one), shared))
    # Texts to be written, as those of a language model, have none.
    classes = any(names for _, _, names, *_ in rows)
    drawn = table(title)
    for heading in ("set", "role", *(["classes"] if classes else [])):
        drawn.add_column(heading)
    for heading in ("examples", "texts also in training"):
        drawn.add_column(heading, justify="right")
    for name, role, names, count, shared in rows:
        add_row(drawn, name, role, *([named(names)] if classes else []), f"{count:,}", shared)
    console().print(drawn)


def show_map(datamap: DataMap) -> None:
    """Examples, mean confidence and variability by region."""
    drawn = table(f"data map of {counted(len(datamap), 'example')}")
    drawn.add_column("region")
    for title in ("examples", "share", "confidence", "variability"):
        drawn.add_column(title, justify="right")
    regions = datamap.region
    for region, count in sorted(Counter(regions.tolist()).items()):
        inside = regions == region
        add_row(
            drawn,
            region,
            f"{count:,}",
            f"{count / len(datamap):.1%}",
            f"{datamap.confidence[inside].mean():.3f}",
            f"{datamap.variability[inside].mean():.3f}",
        )
    console().print(drawn)
    tell(datamap.drawn_from)


def show_regions(truth: Sequence[RegionTruth], titles: tuple[str, str], seeds: int) -> None:
    """What each region of the demo's map holds, which the generator knows.

    Args:
        truth: A row a region, all examples last.
        titles: What is rare, and what is wrong.
        seeds: Of how many seeds.
    """
    together = f"; {seeds} seeds together" if seeds > 1 else ""
    drawn = table(f"what the map's regions hold (the generator knows{together})")
    drawn.add_column("region")
    for title in ("examples", *titles):
        drawn.add_column(title, justify="right")
    every = truth[-1]
    for row in truth:
        cells = [
            f"{count:,} ({count / row.examples:.1%}, {_times(count, row, whole, every)})"
            for count, whole in (
                (row.rare, every.rare),
                (row.wrong, every.wrong),
            )
        ]
        add_row(drawn, row.region, f"{row.examples:,}", *cells)
    console().print(drawn)
    tell(
        "In brackets: their share of the region's examples, and how many times their share of all "
        "examples that is."
    )


def _times(count: int, row: RegionTruth, whole: int, every: RegionTruth) -> str:
    """How often something is in a region, over how often it is in all the data."""
    return f"{count / row.examples / (whole / every.examples):.1f} times" if whole else "none"


def show_candidates(rows: Sequence[Mapping[str, Any]], by: str) -> None:
    """Examples whose label is likeliest to be wrong."""
    drawn = table("label-error candidates, the likeliest first")
    # The label that the model prefers, and the text, are there where they are known.
    more = {title: key for key, title in _CANDIDATES.items() if rows and key in rows[0]}
    for title in ("example id", "label", *more):
        drawn.add_column(title)
    drawn.add_column(by, justify="right")
    for row in rows:
        known = [_short(row[key]) for key in more.values()]
        add_row(drawn, row["example_id"], row["label"], *known, f"{row['score']:.3f}")
    console().print(drawn)


def show_words(rows: Sequence[Mapping[str, Any]]) -> None:
    """Words whose tag is likeliest to be wrong."""
    drawn = table("words whose tag may be wrong, the likeliest first")
    for title in ("example id", "word", "given tag", "preferred tag"):
        drawn.add_column(title)
    for title in ("position", "probability"):
        drawn.add_column(title, justify="right")
    for row in rows:
        names = (row["example_id"], row["word"], row["label"], row["preferred"])
        add_row(drawn, *names, f"{row['position']:,}", f"{row['score']:.3f}")
    console().print(drawn)


def show_foresight(found: Foresight, examples: int) -> None:
    """The trainings that a run would do, and those it would reuse."""
    from ftft.experiment.foreseen import (
        NO_SAVING,
        beside_unknown,
        share_in_words,
        steps_in_cell,
        to_do_in_words,
    )

    drawn = table("trainings")
    for title in ("training", "state"):
        drawn.add_column(title)
    for title in ("steps at most", "about PFLOPs"):
        drawn.add_column(title, justify="right")
    for one in found.trainings:
        state = "finished, reused" if one.reused else "to do"
        steps = steps_in_cell(one.steps, spends=one.spends)
        add_row(drawn, one.name, state, steps, f"{one.flops / 1e15:.3g}")
    console().print(drawn)
    tell(to_do_in_words(found.trainings, found.seconds, found.jobs))
    if found.jobs > 1 and found.seconds is None and not all(x.reused for x in found.trainings):
        tell(beside_unknown(found.jobs))
    if (share := found.share_of_erm) is not None:
        tell(share_in_words(share))
        if share >= 1:
            tell(f"note: {NO_SAVING}")
    for model, count in found.cut.items():
        tell(f"texts cut for {model}: {count:,} of {examples:,} ({count / examples:.1%})")


def show_predictions(predictions: Any, most: int) -> None:
    """How often each class is predicted, and the first rows.

    Args:
        predictions: From :func:`ftft.experiment.predict.predict`.
        most: How many rows to show.
    """
    drawn = table(
        f"the first {counted(min(most, len(predictions)), 'row')} of {len(predictions):,}"
    )
    names = [name for name in predictions.column_names if not name.startswith("probability of ")]
    for name in names:
        drawn.add_column(name, justify="right" if name in ("row", "probability") else "left")
    for row in predictions.slice(0, most).to_pylist():
        cells = {**row, "probability": f"{row['probability']:.3f}"}
        add_row(drawn, *(_short(cells[name]) for name in names))
    console().print(drawn)
    counts = Counter(predictions.column("prediction").to_pylist())
    tell("predicted: " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))


def _short(value: object) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def show_training(stage: Stage[Training]) -> None:
    """A finished training: steps, development scores, where the model is."""
    scores = "; ".join(
        f"{name} " + ", ".join(f"{metric} {value:.3f}" for metric, value in values.items())
        for name, values in stage.result.dev_scores.items()
    )
    say(f"{stage.name}: {stage.result.steps:,} steps; {scores}")
    tell(str(stage.folder / "model"))


def show_scores(scores: Mapping[str, SetScores]) -> None:
    """Scores by set and slice."""
    drawn = table("scores in %")
    for title in ("set", "slice"):
        drawn.add_column(title)
    metrics = [name for name in next(iter(scores.values())).metrics if name != "examples"]
    for title in ("examples", *(METRIC_NAMES.get(name, name) for name in metrics)):
        drawn.add_column(title, justify="right")
    for name, result in scores.items():
        add_row(drawn, name, "", *_metric_cells(result.metrics, metrics))
        for column, values in result.slices.items():
            for value, found in values.items():
                add_row(drawn, "", f"{column} = {value}", *_metric_cells(found, metrics))
    console().print(drawn)


def _metric_cells(found: Mapping[str, float], metrics: Sequence[str]) -> list[str]:
    from ftft.results.formatting import score

    return [f"{found['examples']:,.0f}", *(score(found[name]) for name in metrics)]


def add_row(table: Table, *cells: str) -> None:
    """Add a row of texts, which may come from files."""
    # Ids, class names and slice values are whatever the data hold.
    table.add_row(*map(inert, cells))


class _Whole(Table):
    """A table whose texts go on in the next line where there is no room, and are not shortened."""

    def add_column(self, *args: Any, **options: Any) -> None:
        super().add_column(*args, **{"overflow": "fold", **options})


def table(title: str) -> Table:
    """An empty table with a title."""
    return _Whole(title=title, title_justify="left")


def console() -> Console:
    """Standard output, for tables."""
    # A pipe or a log has no width of its own; 80 columns would cut the tables.
    piped = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(width=piped, highlight=False, markup=False, emoji=False)
