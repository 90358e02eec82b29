"""The YAML in messages about labels and conditions does what they say, pasted as it is."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ftft.config.data import EvaluationSet
from ftft.config.load import load_experiment
from ftft.config.yaml_core import dump, parse
from ftft.data import load_data
from ftft.data.labels import _NO_GOLD
from ftft.errors import DataError
from ftft.experiment.validate import data_notes

ODD = [
    "yes",
    "007",
    "12:30",
    "no",
    "a, b",
    "it's: so",
    "~",
    "0x1F",
    "1e5",
    "[x",
    "#x",
    " x ",
    "é\n",
]


def experiment(folder, source, classes=None):
    """The training data of an experiment file with a source written by hand."""
    lines = "".join(f"    {line}\n" for line in source.splitlines())
    (folder / "e.yaml").write_text(
        f"name: x\ndata:\n  train:\n    path: train.parquet\n    text: text\n{lines}"
        f"{f'  classes: {classes}' if classes else ''}\n"
        "reference: {model: a}\nmain: {model: b}\n",
        encoding="utf-8",
    )
    return load_experiment(folder / "e.yaml").data


def write(folder, labels, column="label"):
    texts = pa.array([f"text {n}" for n in range(len(labels))])
    pq.write_table(pa.table({"text": texts, column: labels}), folder / "train.parquet")


def advice(message, key):
    """The line of YAML that a message gives for a key."""
    return re.search(rf"{key}: {{.*?}}(?=\.)", message)[0]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(good=ODD[:6], bad="null", column="label")
@example(good=ODD[6:], bad="-", column="a: b")
@given(
    good=st.lists(
        st.text(min_size=1, max_size=8),
        min_size=2,
        max_size=4,
        unique=True,
    ).filter(lambda values: not any(v.strip() in _NO_GOLD or "." in v for v in values)),
    bad=st.sampled_from(["-", "null", "NaN", "None"]),
    column=st.sampled_from(["label", "yes", "a: b", "12", 'q"', "#"]),
)
def test_what_is_advised_for_a_value_of_no_class_works(tmp_path, good, bad, column):
    # Spelt like a class, it is mapped to that.
    assume(bad.lower() not in [one.strip().lower() for one in good])
    write(tmp_path, pa.array([*good * 4, bad]), column)
    label = f"label: {dump([column])[2:]}"
    with pytest.raises(DataError) as caught:
        load_data(experiment(tmp_path, label))
    message = str(caught.value)
    assert f"{bad!r} (1 row)" in message
    kept = load_data(experiment(tmp_path, f"{label}\n{advice(message, 'where')}"))
    assert set(kept.train.class_names) == set(good)
    mapped = load_data(experiment(tmp_path, f"{label}\n{advice(message, 'labels')}"))
    assert set(mapped.train.class_names) == {*good, "CLASS"}


def test_a_condition_that_is_there_stays_in_the_advice(tmp_path):
    write(tmp_path, pa.array([*"ab" * 4, "-"]))
    source = 'label: label\nwhere: {text: ["text 0", "text 1", "text 2", "text 8"]}'
    with pytest.raises(DataError) as caught:
        load_data(experiment(tmp_path, source))
    where = parse(advice(str(caught.value), "where"))["where"]
    assert where == {"text": ["text 0", "text 1", "text 2", "text 8"], "label": ["a", "b"]}


def test_a_mapping_that_is_there_stays_in_the_advice(tmp_path):
    write(tmp_path, pa.array([*"aby" * 4, "z"]))
    with pytest.raises(DataError) as caught:
        load_data(
            experiment(
                tmp_path,
                "label: label\nlabels: {a: 'no', b: 'no', y: 'yes'}",
            )
        )
    labels = parse(advice(str(caught.value), "labels"))["labels"]
    assert labels == {"a": "no", "b": "no", "y": "yes", "z": "z"}
    assert "one that stays as it is, by its own name" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        # Names that only differ in spelling become one, that which is mapped to or the frequent.
        ("{Billing: billing}", {"billing", "technical", "other"}),
        ("{technical: tech}", {"Billing", "tech", "other"}),
    ],
)
def test_a_mapping_that_names_one_value_is_completed_at_once(tmp_path, labels, classes):
    write(tmp_path, pa.array(["technical", "Billing", "other", "Billing"] * 8 + ["billing"]))
    with pytest.raises(DataError) as caught:
        load_data(experiment(tmp_path, f"label: label\nlabels: {labels}"))
    mapped = load_data(experiment(tmp_path, f"label: label\n{advice(str(caught.value), 'labels')}"))
    assert set(mapped.train.class_names) == classes


def test_what_often_says_that_there_is_no_label_does_not_stay_by_advice(tmp_path):
    write(tmp_path, pa.array([*"ab" * 8, "-"]))
    with pytest.raises(DataError) as caught:
        load_data(experiment(tmp_path, "label: label\nlabels: {a: x}"))
    labels = parse(advice(str(caught.value), "labels"))["labels"]
    assert labels == {"a": "x", "b": "b", "-": "CLASS"}


def test_no_advice_holds_a_shortened_value(tmp_path):
    write(tmp_path, pa.array([*["a" * 50, "b"] * 4, "-"]))
    with pytest.raises(DataError) as caught:
        load_data(experiment(tmp_path, "label: label"))
    assert "…" not in str(caught.value)
    assert "Map them to classes." in str(caught.value)


@pytest.mark.parametrize("value", ["c", "B", "1", "''"])
def test_values_of_where_that_no_row_has_are_noted(tmp_path, value):
    write(tmp_path, pa.array([*"ab" * 8]))
    data = load_data(experiment(tmp_path, f"label: label\nwhere: {{label: [a, b, {value}]}}"))
    (note,) = [line for line in data_notes(data) if "'where' asks for" in line]
    assert note.startswith(f"note: training data: {tmp_path / 'train.parquet'}: ")
    shown = f"'{value}'" if value != "''" else value
    assert f"asks for {shown} in 'label', which no row has" in note
    assert "The column holds: 'a', 'b'" in note


def test_values_of_where_that_rows_have_are_not_noted(tmp_path):
    write(tmp_path, pa.array([1.0, 2.0, None] * 8))
    data = load_data(experiment(tmp_path, "label: label\nwhere: {label: [1, 2.0]}"))
    assert not [line for line in data_notes(data) if "'where' asks" in line]


def test_where_takes_missing_values_for_empty_ones(tmp_path):
    write(tmp_path, pa.array(["a", "b", None, ""] * 4))
    data = load_data(
        experiment(tmp_path, "label: label\nwhere: {label: [a, '']}\nlabels: {a: x, '': y}")
    )
    assert len(data.train) + len(data.dev["id"]) == 12


def test_of_an_evaluation_set_they_are_noted_with_its_name(tmp_path):
    write(tmp_path, pa.array([*"ab" * 8]))
    config = experiment(tmp_path, "label: label").model_copy()
    source = config.train[0].model_copy(update={"where": {"label": ["a", "c"]}})
    test = EvaluationSet(**source.model_dump())
    data = load_data(config.model_copy(update={"test": {"other": test}}))
    assert any("note: test set 'other': " in line and "'c'" in line for line in data_notes(data))


ROWS = "text,label\n" + "".join(f"film {i},{['no', 'yes'][i % 2]}\n" for i in range(40))
SPELT = ROWS + "last,Yes \nmost,YES\n"


@pytest.mark.parametrize(
    ("options", "content"),
    [
        ({}, SPELT + "none,\n"),
        ({"labels": {"yes": "1", "no": "0"}}, SPELT),
        ({"whole": {"classes": ["yes", "no"]}}, SPELT),
    ],
)
def test_one_message_joins_the_spellings_of_a_class(load, options, content):
    with pytest.raises(DataError) as caught:
        load(content, **options)
    advice = str(caught.value).partition("labels: {")[2].partition("}")[0]
    advised = parse(f"labels: {{{advice}}}".replace("CLASS", "'no'"))["labels"]
    yes = {value for key, value in advised.items() if key.strip().lower() == "yes"}
    assert len(yes) == 1
    data = load(content, **(options | {"labels": advised}))
    assert len(data.class_names) == 2
    assert not any("spelling" in note for note in data_notes(data))


def test_spellings_of_a_test_set_are_joined_too(load, tmp_path):
    (tmp_path / "test.csv").write_text(SPELT, encoding="utf-8")
    test = {"path": str(tmp_path / "test.csv"), "text": "text", "label": "label"}
    with pytest.raises(DataError, match="'Yes ': 'yes', 'YES': 'yes'") as caught:
        load(ROWS, whole={"test": {"t": test}})
    assert "CLASS" not in str(caught.value)
