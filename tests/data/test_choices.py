"""Questions with choices: the layouts in which they come, and what is refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftft.config.data import DataConfig
from ftft.data import detect_columns
from ftft.data.choices import marked_choices
from ftft.data.load_choices import load_choices
from ftft.errors import DataError

CSV = "q,a,b,c,answer\nwhich one,red,blue,green,{}\nand this,big,small,,{}\n"


def load(folder, content, name="train.csv", **changes):
    if isinstance(content, str):
        (folder / name).write_text(content, encoding="utf-8")
    else:
        pq.write_table(content, folder / name)
    source = {"path": name, "text": "q", "choices": ["a", "b", "c"], "label": "answer"} | changes
    config = DataConfig.model_validate({"train": source, "dev": {"dev": {"path": name}}})
    return load_choices(config.resolved(folder)).train


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("answers", "changes"),
    [
        (("2", "0"), {}),
        (("3", "1"), {}),
        (("3.0", "1.0"), {}),
        (("C", "(a)"), {}),
        (("green", "big"), {}),
        (("x", "y"), {"labels": {"x": "C", "y": "A"}}),
    ],
)
def test_ways_to_say_which_one_is_right(tmp_path, answers, changes):
    train = load(tmp_path, CSV.format(*answers), **changes)
    assert train.labels.tolist() == [2, 0]
    assert train.class_names == ("A", "B", "C")
    assert train.table.column("choice_2").to_pylist() == ["green", ""]
    assert [column.to_pylist() for column in marked_choices(train)] == [
        ["which one", "and this"],
        ["A. red", "✓ A. big"],
        ["B. blue", "B. small"],
        ["✓ C. green", ""],
    ]


def test_numbers_that_are_the_texts_of_choices(tmp_path):
    content = "q,a,b,c,answer\n2 + 3,4,5,6,5\n1 + 1,2,3,4,2\n"
    assert load(tmp_path, content).labels.tolist() == [1, 0]


ARC = [
    {"q": "one", "o": {"text": ["x", "y"], "label": ["1", "2"]}, "answer": "2"},
    {"q": "two", "o": {"text": ["x", "y", "z"], "label": ["A", "B", "C"]}, "answer": "A"},
]
PAIRS = [
    {**row, "o": [{"text": t, "label": n} for t, n in zip(*row["o"].values(), strict=True)]}
    for row in ARC
]
LISTS = [
    {**row, "o": row["o"]["text"], "answer": place} for row, place in zip(ARC, (1, 0), strict=True)
]


@pytest.mark.parametrize("rows", [ARC, PAIRS, LISTS], ids=["arc", "pairs", "lists"])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_one_column_with_lists(tmp_path, rows, suffix):
    content = lines(*rows) if suffix == "jsonl" else pa.Table.from_pylist(rows)
    train = load(tmp_path, content, f"train.{suffix}", choices="o")
    assert train.labels.tolist() == [1, 0]
    assert train.table.column("choice_2").to_pylist() == ["", "z"]


def test_ids_depend_on_the_row_alone(tmp_path):
    short = load(tmp_path, lines(LISTS[1]), "train.jsonl", choices="o")
    # Another row has other texts and another number of choices.
    both = load(tmp_path, lines(*LISTS), "train.jsonl", choices="o")
    assert both.example_ids[1] == short.example_ids[0]


def test_an_evaluation_set_counts_as_the_training_data(tmp_path):
    (tmp_path / "train.csv").write_text(CSV.format("3", "1"), encoding="utf-8")
    (tmp_path / "dev.csv").write_text(CSV.format("2", "1"), encoding="utf-8")
    source = {"path": "train.csv", "text": "q", "choices": ["a", "b", "c"], "label": "answer"}
    config = DataConfig.model_validate({"train": source, "dev": {"d": {"path": "dev.csv"}}})
    assert load_choices(config.resolved(tmp_path)).dev["d"].labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "words", "changes"),
    [
        (CSV.format("0", "2"), ("train.csv, row 2", "'2', of 2 choices", "count from 0"), {}),
        (CSV.format("0", "-1"), ("train.csv, row 2", "'-1', of 2", "'where'"), {}),
        (CSV.format("0", ""), ("train.csv, row 2", "'answer'", "none of the row's"), {}),
        (CSV.format("D", "A"), ("train.csv, row 1", "'D', of 3"), {}),
        (CSV.format("grey", "big"), ("train.csv, row 1", "'grey'"), {}),
        (CSV.format("1", "1"), ("train.csv", "from 0 or from 1", "labels: {"), {}),
        ("q,a,b,c,answer\nx,one,,,0\n", ("train.csv, row 1", "fewer than two"), {}),
        ("q,a,b,c,answer\nx,one,,two,0\n", ("train.csv, row 1", "empty choice"), {}),
        ("q,a,b,c,answer\nx,one,one,two,0\n", ("train.csv, row 1", "there twice"), {}),
        (CSV.format("0", "0"), ("train.csv, rows 1 and 2", "no list"), {"choices": "a"}),
        (CSV.format("0", "0"), ("train.csv", "no column 'e'"), {"choices": ["a", "e"]}),
    ],
)
def test_what_is_refused_names_file_and_row(tmp_path, content, words, changes):
    with pytest.raises(DataError) as caught:
        load(tmp_path, content, **changes)
    for word in words:
        assert word in str(caught.value)


def test_too_many_choices(tmp_path):
    row = {"q": "x", "o": [str(n) for n in range(11)], "answer": 0}
    with pytest.raises(DataError, match=r"row 1 \(line 1\): more than 10 choices"):
        load(tmp_path, lines(row), "train.jsonl", choices="o")


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (
            "sent1,sent2,ending0,ending1,label",
            "a b,c,d e,f g,0",
            (("sent1", "sent2"), ("ending0", "ending1"), "label"),
        ),
        (
            "sentence,option1,option2,answer",
            "a _ b,c,d,1",
            (("sentence",), ("option1", "option2"), "answer"),
        ),
        ("question,A,B,C,answer", "a b c,d,e,f,B", (("question",), ("A", "B", "C"), "answer")),
        ("goal,sol1,sol2,label", "a b c,d e f,g h i,1", (("goal",), ("sol1", "sol2"), "label")),
    ],
)
def test_init_finds_columns_of_choices(tmp_path, header, row, expected):
    path = tmp_path / "x.csv"
    path.write_text(f"{header}\n{row}\n{row}\n", encoding="utf-8")
    found = detect_columns(path)
    assert (found.text, found.choices, found.label) == expected
    assert found.source().choices == list(expected[1])


def test_init_finds_a_list_and_keeps_classification(tmp_path):
    path = tmp_path / "x.jsonl"
    rows = [{"question": row["q"], "choices": row["o"], "answerKey": row["answer"]} for row in ARC]
    path.write_text(lines(*rows), encoding="utf-8")
    assert detect_columns(path).choices == ("choices",)
    path = tmp_path / "x.csv"
    path.write_text("question,answer,label\n" + "what is it,a b,0\nwho is it,c d,1\n" * 3)
    assert detect_columns(path).choices == ()


def test_all_that_is_wrong_is_said_together(tmp_path):
    rows = ["q,a,b,c,id,answer", "one,x,y,,1,A", ",x,y,,2,B", "three,x,y,,1,A", "four,x,y,,4,"]
    with pytest.raises(DataError) as caught:
        load(tmp_path, "\n".join(rows) + "\n", id="id")
    for words in (
        "row 2 (line 3): no text",
        "'1' is there twice, in row 1 (line 2) and in row 3 (line 4)",
        "row 4 (line 5): the answer",
    ):
        assert words in str(caught.value)


def test_what_is_left_out_is_counted(tmp_path):
    (tmp_path / "a.csv").write_text(CSV.format("2", "0") + ",x,y,,0\n")
    source = {"path": str(tmp_path / "a.csv"), "text": "q", "choices": ["a", "b", "c"]}
    train = {**source, "label": "answer", "drop_empty": True}
    data = load_choices(DataConfig.model_validate({"train": train, "dev": {"dev": train}}))
    assert data.left_out == {"train": {"drop_empty": 1}, "dev": {"drop_empty": 1}}
