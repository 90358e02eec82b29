"""From raw label values to classes: mapping, merging, and what to do about the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftft.config.data import DataSource
from ftft.config.yaml_core import flow
from ftft.data.lines import rows_in
from ftft.data.messages import can_be_shown, listed, short
from ftft.data.spelling import (
    TRUTH_VALUES,
    has_fraction,
    is_number,
    is_plain_number,
    one_spelling,
    respelt,
    spelling_key,
)
from ftft.errors import DataError
from ftft.utils.nearest import nearest
from ftft.utils.plural import counted

# What data sets write where annotators did not agree. None of them becomes a class
# by itself; one that is meant as a class can be listed in `classes` or in `labels`.
_NO_GOLD = frozenset({"", "-", "nan", "NaN", "NAN", "None", "null", "NULL", "<NA>", "NaT"})

_MANY_CLASSES = 20


@dataclass(frozen=True)
class Unknown:
    """Label values of a source that stand for no class.

    Attributes:
        source: Where they come from.
        mapping: Raw value to class name.
        merge: Class name to evaluation class; None for training data.
        counts: Every value of the column to its number of rows.
        bad: The values that stand for no class.
        rows: The rows that have them.
        accepted: The classes, where they are given.
        listed: Whether no others may be added, as the values of ``labels`` alone may be.
    """

    source: DataSource
    mapping: Mapping[str, str]
    merge: Mapping[str, str] | None
    counts: Mapping[str, int]
    bad: Sequence[str]
    rows: Sequence[int]
    accepted: Sequence[str]
    listed: bool

    def message(self, slipped: Mapping[str, str] = MappingProxyType({})) -> str:
        """What is wrong, and what to write.

        Args:
            slipped: Class that is probably a typing error to the one that is meant.
        """
        return _unknown(self, slipped)


def to_classes(
    values: pa.ChunkedArray,
    source: DataSource,
    mapping: dict[str, str],
    *,
    known: Collection[str] | None,
    merge: dict[str, str] | None = None,
    rows: pa.ChunkedArray,
) -> tuple[pa.Array, Unknown | None]:
    """Turn raw label values into class names.

    Args:
        values: N raw values; null counts as an empty string.
        source: Where they come from, for messages.
        mapping: Raw value to class name; a value that is not in it stands for itself.
        known: The class names there may be after merging; None: whatever is found, as long
            as it is in the mapping or there is none.
        merge: Class name to evaluation class; None for training data.
        rows: The row of each value in its source, for messages.

    Returns:
        N class names, a string array, null where a value stands for none; and those values.

    Raises:
        DataError: The values are scores.
    """
    encoded = pc.fill_null(values, "").dictionary_encode().combine_chunks()
    distinct: list[str] = encoded.dictionary.to_pylist()
    names = [*mapping, *mapping.values(), *(known or ()), *(merge or {})]
    values_of = _lower_truth(distinct) if not names else [respelt(v, names) for v in distinct]
    mapped = [_mapped(value, mapping, source.label_separator) for value in values_of]
    classes = [(merge or {}).get(name, name) for name in mapped]
    if known is not None:
        fine = [name in known for name in classes]
    elif mapping:
        fine = [name in mapping.values() for name in mapped]
    else:
        fine = [value.strip() not in _NO_GOLD for value in distinct]
        refuse_scores(source, [v for v, is_fine in zip(distinct, fine, strict=True) if is_fine])
    kept = [name if is_fine else None for name, is_fine in zip(classes, fine, strict=True)]
    found = pa.array(kept, pa.string()).take(encoded.indices)
    if all(fine):
        return found, None
    counts = np.bincount(encoded.indices.to_numpy(), minlength=len(distinct)).tolist()
    return found, Unknown(
        source,
        mapping,
        merge,
        dict(zip(distinct, counts, strict=True)),
        bad=[value for value, is_fine in zip(distinct, fine, strict=True) if not is_fine],
        rows=rows.filter(found.is_null()).to_pylist(),
        accepted=[*(known if known is not None else mapping.values())],
        listed=known is not None,
    )


def _lower_truth(values: list[str]) -> list[str]:
    """Name truth values alike, whether pandas, Excel, JSON or Parquet wrote them."""
    found = {value for value in values if value.strip() not in _NO_GOLD}
    return [v.lower() if v in found else v for v in values] if found <= TRUTH_VALUES else values


def refuse_scores(source: DataSource, values: list[str]) -> None:
    """Refuse label values that are scores: numbers with a fraction.

    Raises:
        DataError: They are.
    """
    scores = [value for value in values if has_fraction(value)]
    if scores and (len(scores) > len(values) / 2 or all(map(is_number, values))):
        raise DataError(
            f"{source.place}: column {source.label!r} holds numbers with a fraction "
            f"({listed(sorted(scores)[:3])}; {len(values):,} different values), which are scores, "
            "not classes, and ftft trains classifiers. Name another 'label' column; or make "
            "classes of the scores, with 'labels' or in the file; or, if every number is a class, "
            "list them in data.classes."
        )


def _mapped(value: str, mapping: dict[str, str], separator: str | None) -> str:
    """The class name of a raw value; the value itself where there is none."""
    if separator is None:
        return mapping.get(value, value)
    there = {part.strip() for part in value.split(separator)}
    if not there <= mapping.keys():
        return value
    return next(name for key, name in mapping.items() if key in there)


def find_classes(names: pa.ChunkedArray, column: str) -> list[str]:
    """Return the distinct class names, sorted (as numbers, if all are).

    Raises:
        DataError: There are so many that the column cannot be the label.
    """
    found: list[str] = pc.unique(names).to_pylist()
    if len(found) > max(_MANY_CLASSES, len(names) // 2):
        raise DataError(
            f"the label column {column!r} of the training data has {len(found):,} different values "
            f"in {len(names):,} rows; is it the right column? If it is, list the 'classes'."
        )
    return in_order(found)


def in_order(names: Collection[str]) -> list[str]:
    """Class names in the order in which a model has them: as numbers, if all are."""
    if all(map(is_plain_number, names)):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def merged_classes(
    classes: Sequence[str], merge: dict[str, str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Work out the classes of an evaluation set in which model classes count as one.

    Args:
        classes: The model's C classes.
        merge: Model class to evaluation class; a class not in it stands for itself.

    Returns:
        The evaluation classes, in the order in which model classes lead to them, and for
        each of the C model classes the index of its evaluation class.

    Raises:
        DataError: A key is no class of the model, or one single class remains.
    """
    for name in merge:
        if name not in classes:
            raise DataError(
                f"'merge' names {name!r}, which is no class of the model."
                f"{nearest(name, classes)} The classes are: {listed(classes)}."
            )
    targets = [merge.get(name, name) for name in classes]
    names = tuple(dict.fromkeys(targets))
    if len(names) < 2:
        raise DataError(f"'merge' makes all classes one ({names[0]!r}); at least two must remain.")
    return names, tuple(names.index(target) for target in targets)


def as_indices(names: pa.Array, classes: Sequence[str]) -> pa.Array:
    """Turn class names, all of them known, into int64 indices into ``classes``."""
    return pc.index_in(names, value_set=pa.array(classes, pa.string())).cast(pa.int64())


def _unknown(found: Unknown, slipped: Mapping[str, str]) -> str:
    source, mapping = found.source, found.mapping
    accepted, bad = found.accepted, found.bad
    good = {value: count for value, count in found.counts.items() if value not in found.bad}
    shown = ", ".join(
        f"{short(value)} ({counted(found.counts[value], 'row')})" for value in bad[:10]
    )
    more = f" and {len(bad) - 10:,} more" if len(bad) > 10 else ""
    parts = [
        f"{source.place}: column {source.label!r} holds values that stand for no class: "
        f"{shown}{more}, in {rows_in(source, found.rows)}."
    ]
    if accepted:
        parts.append(f"The classes are: {listed(dict.fromkeys(accepted))}.")
    wrong = {value: mapping[value] for value in bad if value in mapping}
    for value, target in list(wrong.items())[:3]:
        parts.append(f"'labels' maps {short(value)} to {target!r}.{nearest(target, accepted)}")
    if not wrong:
        advised = _advised(found, good)
        meant = {
            slip: name if name in accepted else advised.get(name, name)
            for slip, name in slipped.items()
        }
        advised = {value: meant.get(name, name) for value, name in advised.items()}
        example = f", as in labels: {flow(advised)}" if can_be_shown(advised) else ""
        stays = any(advised[value] == value for value in bad)
        how = " ('labels' names every value: one that stays as it is, by its own name)"
        parts.append(f"Map them to classes{how * stays}{example}.")
        if "CLASS" in advised.values():
            # A close name only: "entailment" is no help to who has "non-entailment".
            parts[-1] += nearest(bad[0], accepted, cutoff=0.85)
        if found.merge is not None:
            parts.append("Where several classes of the model count as one here, use 'merge'.")
    kept = [value for value in good if value not in slipped]
    where = {**source.where, source.label: kept}
    if kept and can_be_shown([*kept, *(v for values in source.where.values() for v in values)]):
        parts.append(f"Or keep the other rows only: where: {flow(where)}.")
    return " ".join(parts)


def _advised(found: Unknown, good: Mapping[str, int]) -> dict[str, str]:
    """The whole ``labels`` mapping to write.

    Spellings of a class are joined. A value of no class stays what it is where that may be a class,
    and is mapped to CLASS where nobody knows.

    Args:
        found: The values that stand for no class.
        good: Value that stands for one to its number of rows.
    """
    mapping, accepted = found.mapping, found.accepted
    # A mapping names every value; what stood for itself without one is named as well.
    joined = {value: value for value in good} if accepted else one_spelling(good)
    known = {**joined, **{name: name for name in accepted}, **mapping}
    by_key = {spelling_key(value): name for value, name in known.items()}
    # Only a value that no mapping names is of no class, where classes are not listed.
    others = (
        {} if found.listed or not mapping else {value: found.counts[value] for value in found.bad}
    )
    own = one_spelling({value: n for value, n in others.items() if value.strip() not in _NO_GOLD})
    found_for = {
        value: by_key.get(spelling_key(value), own.get(value, "CLASS")) for value in found.bad
    }
    return {**mapping, **found_for, **({} if mapping else joined)}
