"""The rows of the training data, to be joined by id to what ftft writes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftft.cli.common import data_of
from ftft.utils.names import free_name

if TYPE_CHECKING:
    from ftft.config.data import DataSource

EXAMPLE_ID = "example_id"


def training_rows(experiment_file: Path, columns: Sequence[str]):  # type: ignore[no-untyped-def]  # pyarrow has no types
    """The rows of the training data, under the names that they have there.

    Of files with classes every column is as in the file. Of other data there are the texts (prompts
    and completions by these names, which other tools expect), choices, labels, and slices. Labels
    that are mapped, and names on which the sources do not agree, are ``label``, ``text`` and
    ``text_2``.

    Args:
        experiment_file: Names the data.
        columns: Those of the table that the rows are joined to.

    Returns:
        An Arrow table with the ids in ``example_id``.
    """
    import pyarrow as pa

    from ftft.config.load import load_experiment
    from ftft.data.completions import CAUSAL_LM
    from ftft.data.originals import original_rows
    from ftft.tasks.classification import CLASSIFICATION

    train = data_of(experiment_file).train
    data = load_experiment(experiment_file).data
    rows = train.table.drop_columns("label")
    rows = _completions(rows) if train.task == CAUSAL_LM else rows
    with_classes = train.task == CLASSIFICATION.name
    label = _label_name(data.train) if with_classes else "label"
    rows = rows.rename_columns(_names_in(data.train, rows.column_names, label))
    if train.class_names and label not in columns:
        names = [train.class_names[code] for code in train.labels]
        rows = rows.append_column(label, pa.array(names))
    originals = original_rows(data) if with_classes else None
    ids = _agreed(one.id for one in data.train)
    if originals is not None:
        rows = _with_originals(rows, originals, data.train)
    elif ids is not None and ids not in rows.column_names:
        rows = rows.add_column(1, ids, rows[EXAMPLE_ID])
    return rows.rename_columns(_distinct(rows.column_names, columns))


def _with_originals(rows: Any, originals: Any, sources: Sequence[DataSource]) -> Any:
    """Rows with every other column of their files, in the order of these.

    A column that was mapped follows what it was mapped to, under the same name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from ftft.data.columns import take_rows

    there = take_rows(originals, pc.index_in(rows[EXAMPLE_ID], value_set=originals[EXAMPLE_ID]))
    ids = _agreed(one.id for one in sources)
    mapped = {one.label for one in sources if one.labels}
    known = {name for one in sources for name in one.text}
    known |= {one.label for one in sources} - mapped
    known |= {str(one.id) for one in sources if one.id != ids}
    order = {name: place for place, name in enumerate(there.column_names)}
    # What no file has comes first.
    found = [(order.get(name, 0), name, rows[name]) for name in rows.column_names]
    for name, place in order.items():
        if name in mapped if name in rows.column_names else name not in known:
            found.append((place, name, there[name]))
    found.sort(key=lambda one: one[0])
    return pa.table([column for *_, column in found], names=[name for _, name, _ in found])


def _distinct(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """What to call columns, so that no name is there twice, nor in the table they are joined to."""
    called: list[str] = []
    taken = {*names, *others}
    for name in names:
        free = name
        if name != EXAMPLE_ID and (name in others or name in called):
            free = free_name(name, taken)
        taken.add(free)
        called.append(free)
    return called


def _completions(rows: Any) -> Any:
    """Rows of prompts and completions by these names, or of whole chats."""
    import pyarrow as pa

    from ftft.data.chats import MESSAGES, whole_chat
    from ftft.data.completions import COMPLETION, PROMPT

    if MESSAGES in rows.column_names:
        pairs = zip(rows[MESSAGES].to_pylist(), rows[COMPLETION].to_pylist(), strict=True)
        chats = pa.array([whole_chat(*pair) if pair[0] else None for pair in pairs])
        rows = rows.drop_columns(MESSAGES).append_column(MESSAGES, chats)
        if not chats.null_count:
            return rows.drop_columns([PROMPT, COMPLETION])
    return rows.rename_columns({PROMPT: "prompt", COMPLETION: "completion"})


def _names_in(sources: Sequence[DataSource], columns: Sequence[str], label: str) -> dict[str, str]:
    """Columns to what they are called in the data, where the sources agree on it.

    Args:
        sources: The training data.
        columns: Those of its rows.
        label: What the labels are called.
    """
    from ftft.data.dataset import SLICE_PREFIX

    texts = [name for name in columns if name.startswith("text_")]
    choices = [name for name in columns if name.startswith("choice_")]
    slices = {
        name: name.removeprefix(SLICE_PREFIX) for name in columns if name.startswith(SLICE_PREFIX)
    }
    named = _paired(texts, _agreed(tuple(one.text) for one in sources))
    if not named or {*named.values()} & {label, *columns}:
        plain = (f"text_{place}" if place > 1 else "text" for place in range(1, len(texts) + 1))
        named = dict(zip(texts, plain, strict=True))
    named |= _paired(choices, _agreed(tuple(one.choices) for one in sources))
    taken = {label, *columns, *named.values()}
    return named | {name: called for name, called in slices.items() if called not in taken}


def _paired(columns: Sequence[str], names: tuple[str, ...] | None) -> dict[str, str]:
    return dict(zip(columns, names, strict=True)) if names and len(names) == len(columns) else {}


def _label_name(sources: Sequence[DataSource]) -> str:
    """What classes are called: as the column that they are read from, unless they are mapped."""
    mapped = any(one.labels for one in sources)
    return "label" if mapped else _agreed(one.label for one in sources) or "label"


def _agreed(given: Iterable[Any]) -> Any:
    """What all sources have; None where they differ."""
    first, *others = dict.fromkeys(given)
    return None if others else first
