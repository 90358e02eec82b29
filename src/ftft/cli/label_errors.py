"""``ftft label-errors``: the examples whose label is likeliest to be wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftft.cli.common import Overwrite, data_of, meant, note_bad_reference, say, tell
from ftft.cli.of_run import experiment_for, recorded_for
from ftft.utils.nearest import nearest_beside
from ftft.utils.plural import counted
from ftft.utils.table_files import ENDINGS

if TYPE_CHECKING:
    from ftft.cartography.datamap import DataMap


SCORES = {
    "aum": "aum",
    "confidence": "confidence",
    "cleanlab": "label_quality",
    "word": "probability",
}
"""What ``--by`` ranks by, in tables and files."""


def label_errors(
    datamap: Annotated[
        Path,
        typer.Argument(
            help="A map.parquet, a dynamics folder, the folder of a stage that wrote one, or a run "
            "of one seed; for cleanlab and words one with dynamics."
        ),
    ],
    by: Annotated[
        str | None,
        typer.Option(
            help="aum, confidence, cleanlab (an extra: ftft[cleanlab]), or word: of sentences with "
            "a tag for each word, the words. aum where the map has it, else confidence, if left "
            "out."
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="How many to show.")] = 20,
    burn_in: Annotated[
        int, typer.Option(help="For cleanlab and word: first recording points left out.")
    ] = 0,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="An experiment file whose training rows are joined to what --output writes. For "
            "cleanlab: among whose texts near-duplicates and outliers are looked for too. For "
            "word: the one with the words."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help=f"Also write them ({ENDINGS}; without an ending a `datasets` folder), rank 0 the "
            "likeliest error; of cleanlab all examples, with flags.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Rank examples by how likely their label is wrong, the likeliest first.

    They may be mislabelled, or only hard: look at them before you change anything. Beside each
    stand the label that the model preferred, where the dynamics are at hand, and the text, where
    the experiment is: those of the map's own run, else of --rows.
    """
    from ftft.cartography.datamap import DataMap
    from ftft.cartography.export import export_table, format_written
    from ftft.cartography.label_errors import check_score, label_error_candidates
    from ftft.cli.show import show_candidates
    from ftft.cli.training_rows import training_rows
    from ftft.dynamics.header import HEADER_NAME
    from ftft.errors import ConfigError
    from ftft.transfer.reading import check_dynamics_folder, read_map
    from ftft.workspace.own_files import check_output

    of_dynamics = by in ("cleanlab", "word")
    if by is not None and not of_dynamics:
        check_score(by)
    if burn_in and not of_dynamics:
        raise ConfigError("--burn-in is for --by cleanlab and --by word; leave it out here.")
    # Who has the wrong input need not free a name for the output.
    headers = (datamap / HEADER_NAME, datamap / "dynamics" / HEADER_NAME)
    recorded = any(map(os.path.isfile, headers))
    if of_dynamics or recorded:
        check_dynamics_folder(datamap)
    else:
        _check_map(datamap)
    if output is not None:
        format_written(output)
        check_output(output, overwrite=overwrite)
    if of_dynamics:
        (_by_cleanlab if by == "cleanlab" else _by_word)(datamap, count, burn_in, rows, output)
        return
    datamap = meant(datamap, "map")
    drawn = (read_map if recorded else DataMap.read)(datamap)
    by = by or ("aum" if drawn.knows("aum") else "confidence")
    candidates = label_error_candidates(drawn, by, min(count, len(drawn)))
    suspects = candidates["example_id"].combine_chunks()
    preferred = _preferred(datamap, drawn, suspects)
    if preferred is not None:
        candidates = candidates.add_column(2, "preferred", preferred)
    texts = _texts_of(datamap, rows, suspects)
    if output is not None:
        written = _named(candidates, by)
        joined = None if rows is None else training_rows(rows, written.column_names)
        export_table(written if rows else _with_texts(written, texts), output, rows=joined)
        more = "; --count gives more" if len(candidates) < len(drawn) else ""
        total = counted(len(drawn), "example")
        tell(f"{len(candidates):,} of {total} written to {output}{more}")
    note_bad_reference(datamap)
    shown = candidates.to_pylist()
    for row, text in zip(shown, texts, strict=False):
        row["text"] = text
    show_candidates(shown, SCORES[by])


def _check_map(given: Path) -> None:
    """Check that a path is a map, where dynamics would do too."""
    from ftft.cartography.tables import check_kind
    from ftft.errors import DynamicsError

    if not os.path.lexists(given):
        raise DynamicsError(
            f"{given} does not exist.{nearest_beside(given)} Give the file of a map, a dynamics "
            "folder, the folder of a stage that wrote one, such as runs/NAME/map/seed-0, or a run "
            "of one seed, such as runs/NAME."
        )
    check_kind(given, "map")


def _named(table, by: str):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The table with what it is ranked by under its own name, as the terminal shows it."""
    return table.rename_columns(
        [SCORES[by] if name == "score" else name for name in table.column_names]
    )


def _preferred(given: Path, drawn: DataMap, example_ids):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The class that the model gave most probability, where logits are at hand; else None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from ftft.cartography.label_errors import label_quality_probabilities
    from ftft.dynamics.header import HEADER_NAME
    from ftft.dynamics.store import read_dynamics

    stage = given if given.is_dir() else given.parent
    places = (stage, stage / "dynamics", recorded_for(given))
    folder = next((one for one in places if one and (one / HEADER_NAME).is_file()), None)
    dynamics = None if folder is None else read_dynamics(folder)
    if dynamics is None or dynamics.encoding != "logits" or not dynamics.class_names:
        return None
    if not pc.all(pc.is_in(example_ids, value_set=dynamics.example_ids)).as_py():
        return None  # of other data
    chosen = dynamics.take(example_ids)
    best = label_quality_probabilities(chosen, drawn.burn_in).argmax(axis=1)
    return pa.array([dynamics.class_names[one] for one in best], pa.string())


def _texts_of(given: Path, rows: Path | None, example_ids):  # type: ignore[no-untyped-def]  # as above
    """The texts of examples, from --rows or the map's own run; none where they are not at hand."""
    from ftft.errors import FtftError

    if rows is not None:
        return _texts(rows, example_ids)
    experiment = experiment_for(given)
    try:
        return [] if experiment is None else _texts(experiment, example_ids)
    except FtftError as error:
        say(f"note: the texts of the run cannot be shown: {error}")
        return []


def _with_texts(table, texts: list[str]):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The table with the texts, as far as they are known and it has none."""
    import pyarrow as pa

    if not texts or "text" in table.column_names:
        return table
    return table.append_column("text", pa.array(texts, pa.string()))


def _by_cleanlab(
    folder: Path, count: int, burn_in: int, rows: Path | None, output: Path | None
) -> None:
    from ftft.cartography.cleanlab_issues import cleanlab_issues
    from ftft.cartography.export import export_table
    from ftft.cli.show import show_candidates
    from ftft.dynamics.store import read_dynamics
    from ftft.errors import ConfigError
    from ftft.transfer.reading import dynamics_folder

    if count < 1:
        raise ConfigError(f"--count {count}: give a number of at least 1.")
    place = dynamics_folder(folder)
    dynamics = read_dynamics(place)
    texts = None if rows is None else _texts(rows, dynamics.example_ids)
    found = cleanlab_issues(dynamics, texts, burn_in=burn_in)
    if output is not None:
        table = found.table
        if rows is not None:  # the issues are in an order of their own
            table = _with_texts(table, _texts(rows, table["example_id"].combine_chunks()))
        export_table(_named(table, "cleanlab"), output)
        tell(f"{counted(len(table), 'row')} written to {output}")
    first = found.table.slice(0, min(count, len(dynamics)))
    shown = first.rename_columns({"suggested_label": "preferred"}).to_pylist()
    suspects = first["example_id"].combine_chunks()
    for row, text in zip(shown, _texts_of(place, rows, suspects), strict=False):
        row["text"] = text
    show_candidates(shown, SCORES["cleanlab"])
    tell(
        f"cleanlab flags {found.flagged('is_label_issue'):,} of {len(dynamics):,} labels and "
        f"estimates that {found.label_errors:,} are wrong"
    )
    if texts is not None:
        tell(
            f"near-duplicates: {counted(found.flagged('is_near_duplicate'), 'example')}; outliers: "
            f"{found.flagged('is_outlier'):,}"
        )


def _by_word(
    folder: Path, count: int, burn_in: int, rows: Path | None, output: Path | None
) -> None:
    from ftft.cartography.export import export_table
    from ftft.cartography.word_errors import word_error_candidates
    from ftft.cli.show import show_words
    from ftft.data.tagged import TASK, words_at
    from ftft.dynamics.store import read_dynamics
    from ftft.errors import ConfigError
    from ftft.transfer.reading import dynamics_folder

    if count < 1:
        raise ConfigError(f"--count {count}: give a number of at least 1.")
    if rows is None:
        raise ConfigError(
            "--by word needs the words, which dynamics do not hold: add --rows with the experiment "
            "file of the sentences."
        )
    train = data_of(rows).train
    if train.task != TASK:
        raise ConfigError(f"--by word is for task: {TASK}, and {rows} has task: {train.task}.")
    place = dynamics_folder(folder)
    given = (read_dynamics(place), place, train.model_classes)
    found = words_at(train, word_error_candidates(*given, burn_in=burn_in))
    if output is not None:
        export_table(_named(found, "word"), output)
        tell(f"{counted(len(found), 'row')} written to {output}")
    show_words(found.slice(0, count).to_pylist())
    tell(f"{counted(len(found), 'word')} whose tag the model mostly preferred another to")


def _texts(experiment_file: Path, example_ids):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The texts of examples, both of a pair joined."""
    train = data_of(experiment_file).train.take(example_ids)
    columns = [column.to_pylist() for column in train.shown]
    return ["\n".join(parts) for parts in zip(*columns, strict=True)]
