"""Labels that look odd: scores, rows without a label, classes that differ in spelling only."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from ftft.config.data import DataConfig
from ftft.data import load_data
from ftft.errors import DataError
from ftft.experiment.validate import data_notes


def csv_of(labels):
    return "text,label\n" + "".join(f'text {i},"{label}"\n' for i, label in enumerate(labels))


def pasted(remark, key):
    """The mapping or list that stands after a key in a remark."""
    rest = remark[remark.index(f"{key}: ") + len(key) + 2 :]
    for end in range(2, len(rest) + 1):
        if rest[end - 1] in "]}":
            try:
                return yaml.safe_load(rest[:end])
            except yaml.YAMLError:
                continue
    raise AssertionError(rest)


def classes_of(load, labels, **options):
    return load(csv_of(labels), holdout=0.1, **options)


class TestContradictions:
    def notes(self, load, more):
        rows = "".join(f"text {i},{['no', 'yes'][i % 2]},{i}\n" for i in range(30))
        data = load("text,label,id\n" + rows + more, id="id", holdout=None)
        return [line for line in data_notes(data) if "different labels" in line]

    def test_are_counted_and_two_are_named(self, load):
        (note,) = self.notes(load, "same,no,a\nother,no,b\nsame,no,c\nsame,yes,d\nother,yes,e\n")
        assert "note: 2 texts occur with different labels in the training data, in 5 rows" in note
        assert note.endswith("such as the examples 'a' (no) and 'd' (yes)")

    def test_copies_with_one_label_are_none(self, load):
        assert self.notes(load, "same,no,a\nsame,no,b\nother,yes,c\n") == []


class TestScores:
    SCORES = [f"{i / 4:.2f}" for i in range(21)] * 4

    def refusal(self, load, labels):
        with pytest.raises(DataError) as caught:
            load(csv_of(labels))
        message = str(caught.value)
        assert len(message) < 600
        return message

    @pytest.mark.parametrize(
        "scores",
        [
            SCORES,
            [f"{i / 100}" for i in range(501)] * 4,
            ["0.5", "1"] * 10,
            ["0,5", "1,0"] * 10,
            ["12.5%", "50%"] * 10,
            [*SCORES, "n/a"],
            [*SCORES, "-", ""],
        ],
    )
    def test_are_refused(self, load, scores):
        message = self.refusal(load, scores)
        assert "training data: " in message
        assert "train.csv: column 'label' holds numbers with a fraction" in message
        assert "which are scores, not classes" in message

    def test_in_parquet(self, tmp_path):
        columns = {"text": [f"t{i}" for i in range(40)], "label": [i % 5 / 2 for i in range(40)]}
        pq.write_table(pa.table(columns), tmp_path / "x.parquet")
        source = {"path": str(tmp_path / "x.parquet"), "text": "text", "label": "label"}
        with pytest.raises(DataError, match=r"fraction \('0\.5', '1\.5'; 5 different"):
            load_data(DataConfig.model_validate({"train": source}))

    def test_listed_as_classes_they_are(self, load):
        data = load(csv_of(["0.5", "1.5"] * 10), whole={"classes": ["1.5", "0.5"]})
        assert data.class_names == ("1.5", "0.5")

    def test_mapped_they_are_classes(self, load):
        labels = {"0.5": "low", "1.5": "high"}
        assert load(csv_of(["0.5", "1.5"] * 10), labels=labels).class_names == ("high", "low")

    @pytest.mark.parametrize(
        "labels", [["0.0", "1.0"], ["1", "2", "3"], ["2.5", "large", "small"], ["v1.5", "v2"]]
    )
    def test_other_labels_are_not(self, load, labels):
        assert load(csv_of(labels * 10)).class_names == tuple(labels)

    def test_a_note_on_many_rare_classes_is_short(self, load):
        data = load(csv_of([f"class {i % 400}" for i in range(1600)]))
        assert max(map(len, data_notes(data))) < 600
        assert "and 380 more" in "".join(data_notes(data))


class TestNoLabel:
    @pytest.mark.parametrize(
        "marker", ["None", "null", "NULL", "NaN", "NAN", "<NA>", "NaT", " ", " nan "]
    )
    def test_is_refused_as_an_empty_label_is(self, load, marker):
        with pytest.raises(DataError, match="values that stand for no class"):
            load(csv_of([*"ab" * 10, marker]))

    def test_may_be_listed_as_a_class(self, load):
        labels = ["None", "Favor", "Against"] * 5
        data = load(csv_of(labels), whole={"classes": ["None", "Favor", "Against"]})
        assert data.class_names == ("None", "Favor", "Against")

    @pytest.mark.parametrize(
        ("labels", "marker"),
        [
            *[("0 1 -1", "-1"), ("0 1 2 3 -100", "-100"), ("1 2 -9", "-9")],
            *[("0.0 1.0 -1.0", "-1.0"), ("yes no -1", "-1"), ("yes no NA", "NA")],
            *[("a b ?", "?"), ("a b N/A", "N/A")],
        ],
    )
    def test_is_noted_with_the_where_that_drops_its_rows(self, load, labels, marker):
        found = [*labels.split() * 5, marker]
        data = load(csv_of(found))
        assert marker in data.class_names
        (note,) = [line for line in data_notes(data) if "says that there is none" in line]
        assert note.startswith("note: 6 rows of ")
        assert f"have the label {marker}, which" in note
        where = pasted(note, "where")
        dropped = load(csv_of(found), where=where)
        assert marker not in dropped.class_names
        assert len(dropped.train) + len(dropped.dev["id"]) == len(found) - 6
        assert dropped.remarks == ()
        kept = load(csv_of(found), whole={"classes": pasted(note, "classes")})
        assert kept.class_names == data.class_names
        assert kept.remarks == ()

    @pytest.mark.parametrize("labels", ["-1 1", "-2 -1 0 1 2", "0 1 2", "favor against none"])
    def test_classes_are_not(self, load, labels):
        assert load(csv_of(labels.split() * 5)).remarks == ()

    def test_where_keeps_what_it_asked_before(self, write):
        content = "text,label,part\n" + "".join(
            f"text {i},{i % 3 - 1},{'xy'[i % 2]}\n" for i in range(60)
        )
        source = {"path": str(write("x.csv", content)), "text": "text", "label": "label"}
        data = load_data(DataConfig.model_validate({"train": source | {"where": {"part": "x"}}}))
        assert pasted(data.remarks[0], "where") == {"part": ["x"], "label": ["0", "1"]}


class TestSpelling:
    @pytest.mark.parametrize(
        ("labels", "groups"),
        [
            (["yes", "yes ", "Yes", "no", "no ", "NO"], 2),
            (["1", "1.0", "true", "0"], 2),
            (["1", "1.0", "true", "0", "0.0", "false"], 2),
            (["a", "A", "b", "c"], 3),
            (["007", "12:30", "x, y", "X, Y", "null!"], 4),
        ],
    )
    def test_is_noted_with_the_mapping_that_joins(self, load, labels, groups):
        content = csv_of(labels * 6)
        data = load(content)
        assert len(data.class_names) == len(labels)
        (note,) = [line for line in data_notes(data) if "differ in spelling only" in line]
        joined = load(content, labels=pasted(note, "labels"))
        assert len(joined.class_names) == groups
        assert joined.remarks == ()
        assert len(joined.train) + len(joined.dev["id"]) == len(labels) * 6

    def test_the_most_frequent_spelling_is_the_name(self, load):
        content = csv_of(["Yes", *["yes"] * 8, *["no"] * 8, *["No"] * 9])
        assert pasted(load(content).remarks[0], "labels") == {"Yes": "yes", "no": "No"}

    def test_a_name_without_blanks_at_its_ends_is_preferred(self, load):
        data = load(csv_of(["yes ", "yes ", "yes", "no", "maybe"] * 5))
        (note,) = [line for line in data_notes(data) if "spelling" in line]
        assert pasted(note, "labels") == {"yes ": "yes", "no": "no", "maybe": "maybe"}

    def test_over_several_files_with_mappings(self, write):
        one = {"path": str(write("a.csv", csv_of("01" * 9))), "labels": {"0": "no", "1": "yes"}}
        two = {"path": str(write("b.csv", csv_of(["No", "Yes"] * 4)))}
        both = [s | {"text": "text", "label": "label"} for s in (one, two)]
        data = load_data(DataConfig.model_validate({"train": both}))
        mapping = pasted(data.remarks[0], "labels")
        assert mapping == {"0": "no", "1": "yes", "No": "no", "Yes": "yes"}
        again = [s | {"labels": mapping} for s in both]
        assert load_data(DataConfig.model_validate({"train": again})).class_names == ("no", "yes")

    def test_listed_as_classes_they_are_different(self, load):
        data = load(csv_of(["a", "A"] * 9), whole={"classes": ["a", "A"]})
        assert data.class_names == ("a", "A")
        assert data.remarks == ()

    def test_of_many_classes_the_note_is_short(self, load):
        data = load(csv_of([f"{'cC'[i % 2]}lass {i % 200 // 2}" for i in range(2000)]))
        assert len(data.remarks[0]) < 1500
        assert "and 80 more" in data.remarks[0]


VALUES = {
    "floats": [0.0, 1.0, 10.0, 2.0],
    "integers": [0, 1, 10, 2],
    "truth values": [False, True],
    "texts": ["b", "a"],
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_a_value_has_the_same_name_in_every_format(tmp_path, values):
    import pandas as pd

    frame = pd.DataFrame({"text": [f"t{i}" for i in range(40)], "label": (values * 40)[:40]})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    columns = frame.astype({"label": "category"})
    columns.to_parquet(tmp_path / "y.parquet")
    loaded = [
        load_data(
            DataConfig.model_validate(
                {"train": {"path": str(tmp_path / name), "text": "text", "label": "label"}}
            )
        )
        for name in ("x.csv", "x.parquet", "x.jsonl", "y.parquet")
    ]
    assert len({data.fingerprint for data in loaded}) == 1
    assert list(loaded[0].class_names) == [str(value).lower() for value in sorted(set(values))]


def evaluated(tmp_path, train, test, **options):
    """Load a training CSV file and a test set in Parquet, by their labels."""
    (tmp_path / "a.csv").write_text(csv_of(train))
    columns = {"text": [f"t{i}" for i in range(len(test))], "label": test}
    pq.write_table(pa.table(columns), tmp_path / "b.parquet")
    source = {"path": str(tmp_path / "a.csv"), "text": "text", "label": "label"}
    tests = {"t": {"path": str(tmp_path / "b.parquet")} | options}
    return load_data(DataConfig.model_validate({"train": source, "test": tests}))


class TestSameValues:
    @pytest.mark.parametrize(
        ("train", "test"),
        [
            (["0", "1"], [0.0, 1.0]),
            (["0.0", "1.0"], [0, 1]),
            (["False", "True"], [False, True]),
            (["FALSE", "TRUE"], [False, True]),
        ],
    )
    def test_of_a_test_set_count_as_the_class(self, tmp_path, train, test):
        data = evaluated(tmp_path, train * 9, [*test, test[1]])
        assert data.test["t"].labels.tolist() == [0, 1, 1]

    def test_of_a_mapping_and_a_merge(self, tmp_path):
        data = evaluated(tmp_path, "abc" * 9, [0.0, 1.0, 2.0], labels={0: "c", 1: "b", "2": "a"})
        assert data.test["t"].labels.tolist() == [2, 1, 0]
        merged = evaluated(tmp_path, "012" * 9, [0.0, 1.0, 2.0], merge={"1": "x", "2": "x"})
        assert merged.test["t"].labels.tolist() == [0, 1, 1]

    def test_codes_with_zeros_stay_apart(self, tmp_path):
        with pytest.raises(DataError, match="stand for no class: '007'"):
            evaluated(tmp_path, "78" * 9, ["007", "8"])

    @pytest.mark.parametrize("asked", [1, "1", "1.0", 1.0])
    def test_of_where(self, tmp_path, asked):
        data = evaluated(tmp_path, "01" * 9, [0.0, 1.0, 1.0], where={"label": asked})
        assert data.test["t"].labels.tolist() == [1, 1]

    def test_where_takes_the_spelling_itself_alone(self, load):
        content = csv_of(["1", "1.0", "2"] * 5)
        found = load(content, where={"label": ["1", 2]})
        assert found.class_names == ("1", "2")
        assert load(content, where={"label": ["1e0", 2]}).class_names == ("1", "1.0", "2")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            [40, 40, 40],
            ["40 of 120 training examples are held out", "share of 0.33", "asks for 0.1"],
        ),
        ([12] * 10, []),
        ([1] * 120, []),
    ],
)
def test_a_held_out_share_far_from_what_was_asked_for(load, counts, said):
    texts = [f"text {n}" for n, count in enumerate(counts) for _ in range(count)]
    content = "text,label\n" + "".join(f"{one},{'ab'[n % 2]}\n" for n, one in enumerate(texts))
    remarks = load(content).remarks
    assert len(remarks) == bool(said)
    assert all(words in remarks[0] for words in said)
