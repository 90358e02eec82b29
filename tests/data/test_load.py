"""From an experiment's ``data`` to labelled data sets: classes, ids, hold-out, merges."""

import re

import numpy as np
import pytest

from ftft.config.data import DataConfig
from ftft.config.yaml_core import parse
from ftft.data import load_data
from ftft.errors import DataError
from ftft.experiment.validate import data_notes

BASIC = "text,label\none,b\ntwo,a\nthree,b\nfour,a\n"
NLI = "p,h,label\n" + "".join(
    f"premise {i},hypothesis {i},{('entailment', 'neutral', 'contradiction')[i % 3]}\n"
    for i in range(12)
)
MERGE = {"neutral": "non-entailment", "contradiction": "non-entailment"}


def texts(data):
    return data.table.column("text_0").to_pylist()


def many(count, classes="ab"):
    rows = (f"text {i},{classes[i % len(classes)]}\n" for i in range(count))
    return "text,label\n" + "".join(rows)


@pytest.fixture
def problem(load):
    def problem(content, **options):
        with pytest.raises(DataError) as caught:
            load(content, **options)
        return str(caught.value)

    return problem


@pytest.fixture
def nli(write):
    """Load pairs with a test set of its own."""

    def nli(test="s1,s2,gold\nx,y,entailment\n", **options):
        train = {"path": str(write("train.csv", NLI)), "text": ["p", "h"], "label": "label"}
        chosen = {"path": str(write("t.csv", test)), "text": ["s1", "s2"], "label": "gold"}
        config = {"train": train, "test_ood": {"hans": chosen | options}}
        return load_data(DataConfig.model_validate(config))

    return nli


class TestCanonicalForm:
    def test_columns_and_types(self, load):
        train = load(BASIC, slices=["label"]).train
        assert {c: str(f.dtype) for c, f in train.rows.features.items()} == {
            "example_id": "string",
            "text_0": "string",
            "label": "int64",
            "slice:label": "string",
        }
        assert train.slices == ("label",)
        assert train.num_texts == 1

    def test_pairs(self, nli):
        data = nli()
        assert data.num_texts == data.test_ood["hans"].num_texts == 2
        assert data.test_ood["hans"].table.column("text_1").to_pylist() == ["y"]

    def test_texts_are_unchanged(self, write):
        first = '{"text": "  A &amp; B\\r\\n\\u00e9<br /> ", "label": "x"}'
        lines = f'{first}\n{{"text": " z", "label": "y"}}'
        source = {"path": str(write("x.jsonl", lines)), "text": "text", "label": "label"}
        config = DataConfig.model_validate({"train": source, "dev": {"d": source}})
        assert texts(load_data(config).train) == ["  A &amp; B\r\né<br /> ", " z"]

    def test_same_content_has_the_same_fingerprint_in_every_format(self, write):
        dev = {"path": str(write("dev.csv", BASIC)), "text": "text", "label": "label"}
        lines = '{"text": "one", "label": "b"}\n{"text": "two", "label": "a"}\n'
        sources = [
            {"path": str(write("x.csv", "text,label\none,b\ntwo,a\n"))},
            {"path": str(write("deeper.tsv.gz", "label\ttext\nb\tone\na\ttwo\n"))},
            {"path": str(write("x.jsonl", lines))},
        ]
        loaded = [
            load_data(DataConfig.model_validate({"train": dev | s, "dev": {"d": dev}}))
            for s in sources
        ]
        assert len({data.train.fingerprint for data in loaded}) == 1
        assert len({data.fingerprint for data in loaded}) == 1
        assert loaded[0].fingerprint != loaded[0].train.fingerprint

    def test_fingerprint_is_the_same_on_every_machine(self, load):
        data = load("text,label,id\none,b,1\ntwo,a,2\nthree,a,3\n", id="id", holdout=None)
        assert data.fingerprint == "f2c99f6b2ce00a1462a6d487f0c65604"


class TestClasses:
    def test_found_in_the_training_data_and_sorted(self, load):
        data = load(BASIC)
        assert data.class_names == ("a", "b")
        assert data.train.model_classes == ("a", "b")
        assert data.train.class_of_model_class == (0, 1)

    def test_numbers_sort_as_numbers(self, load):
        assert load(many(12, ["10", "9", "-1"])).class_names == ("-1", "9", "10")

    def test_order_may_be_given(self, load):
        data = load(BASIC, whole={"classes": ["b", "a", "c"]})
        assert data.class_names == ("b", "a", "c")

    def test_integers_and_strings_map_alike(self, load):
        data = load(many(10, "01"), labels={0: "no", "1": "yes"}, whole={"classes": ["yes", "no"]})
        by_text = dict(zip(texts(data.train), data.train.labels, strict=True))
        assert all(label == 1 - int(text.split()[1]) % 2 for text, label in by_text.items())

    def test_value_that_is_a_class_already_needs_no_mapping(self, load):
        assert load(BASIC, labels={"a": "b", "c": "a", "b": "c"}).class_names == ("b", "c")
        assert load(many(9, ["x", "yes", "no"]), labels={"x": "yes", "n": "no"}).class_names == (
            "no",
            "yes",
        )

    def test_unmapped_value_in_training(self, problem):
        message = problem(BASIC, labels={"a": "yes"})
        assert "training data:" in message
        assert "column 'label' holds values that stand for no class: 'b' (2 rows)" in message
        assert "The classes are: 'yes'" in message
        assert "labels: {a: 'yes', b: b}" in message

    @pytest.mark.parametrize("marker", ["-", "", "nan"])
    def test_rows_without_gold_label_suggest_where(self, problem, load, marker):
        content = BASIC + f"five,{marker}\n"
        message = problem(content)
        assert f"{marker!r} (1 row)" in message
        assert "where: {label: [b, a]}" in message
        kept = load(content, where={"label": ["b", "a"]})
        assert len(kept.train) + len(kept.dev["id"]) == 4
        assert load(content, labels={marker: "a", "b": "b", "a": "a"}).class_names == ("a", "b")

    def test_declared_classes_are_binding(self, problem):
        message = problem(BASIC, whole={"classes": ["a", "bb"]})
        assert "'b' (2 rows)" in message
        assert "The classes are: 'a', 'bb'" in message

    def test_mapping_to_no_class_names_the_nearest(self, problem):
        message = problem(
            BASIC,
            labels={"a": "negatve", "b": "positive"},
            whole={"classes": ["positive", "negative"]},
        )
        assert "'labels' maps 'a' to 'negatve'. Did you mean 'negative'?" in message

    def test_text_column_taken_for_the_label(self, problem):
        message = problem("text,label\n" + "".join(f"a,{i}\n" for i in range(50)))
        assert "50 different values in 50 rows; is it the right column?" in message

    @pytest.mark.parametrize("options", [{}, {"where": {"label": "a"}}, {"limit": 1}])
    def test_one_class_is_no_task(self, problem, options):
        content = BASIC if options else "text,label\none,a\ntwo,a\n"
        message = problem(content, **options)
        assert "have one class ('" in message
        assert "train.csv" in message

    def test_single_row_is_no_task(self, problem):
        assert "have one class" in problem("text,label\none,a\n")

    def test_label_values_are_cut_short(self, problem):
        long = "a very long text that somebody took for a label and not for a text"
        message = problem(f"text,label\n1,a\n2,{long}\n", whole={"classes": ["a", "b"]})
        assert long not in message
        assert long[:40] in message


class TestEvaluationSets:
    def test_label_only_the_test_set_has(self, nli):
        with pytest.raises(DataError) as caught:
            nli("s1,s2,gold\nx,y,entailment\nx,z,contradicton\n")
        message = str(caught.value)
        assert message.startswith("test_ood set 'hans':")
        assert "t.csv: column 'gold'" in message
        assert "'contradicton' (1 row)" in message
        assert "labels: {contradicton: CLASS, entailment: entailment}" in message
        assert "Did you mean 'contradiction'?" in message
        assert "use 'merge'" in message

    def test_merged_classes(self, nli):
        test = "s1,s2,gold\nx,y,entailment\nx,z,non-entailment\nx,w,neutral\n"
        hans = nli(test, merge=MERGE).test_ood["hans"]
        assert hans.model_classes == ("contradiction", "entailment", "neutral")
        assert hans.class_names == ("non-entailment", "entailment")
        assert hans.class_of_model_class == (0, 1, 0)
        assert hans.labels.tolist() == [1, 0, 0]

    def test_merge_of_an_unknown_class(self, nli):
        with pytest.raises(DataError, match=r"no class of the model\. Did you mean 'neutral'"):
            nli(merge={"nuetral": "x"})

    def test_merge_into_one_class(self, nli):
        with pytest.raises(DataError, match="makes all classes one"):
            nli(merge=dict.fromkeys(("neutral", "contradiction", "entailment"), "x"))

    def test_mapping_of_its_own(self, nli):
        data = nli("s1,s2,gold\nx,y,e\nx,z,c\n", labels={"e": "entailment", "c": "contradiction"})
        assert data.test_ood["hans"].labels.tolist() == [1, 0]

    def test_every_error_names_the_set(self, nli):
        with pytest.raises(DataError, match=r"test_ood set 'hans': .*no column 'labell'"):
            nli(label="labell")


class TestIds:
    def test_from_a_column_as_written(self, load):
        data = load("id,text,label\n007,x,a\n7,y,b\n1.0,z,a\n", id="id", holdout=None)
        assert data.train.example_ids.to_pylist() == ["007", "7", "1.0"]

    def test_repeated_id_names_both_rows(self, problem):
        message = problem("id,text,label\n1,x,a\n2,y,b\n3,z,b\n2,w,a\n3,v,a\n2,u,a\n", id="id")
        assert "id '2' is there twice, in row 2 (line 3) " in message
        assert "and in row 4 (line 5);" in message
        assert "rows 4, 5 and 6 (lines 5, 6 and 7) repeat" in message

    def test_repeated_id_is_named_by_its_row_in_the_file(self, problem):
        content = "id,text,label,k\n9,x,a,0\n2,y,b,1\n3,z,b,0\n2,w,a,1\n"
        message = problem(content, id="id", where={"k": 1})
        assert "row 2 (line 3) and in row 4 (line 5). Ids" in message
        # The two rows have been named.
        assert "repeat" not in message.partition("the example id")[2]

    @pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
    def test_missing_id(self, write, name):
        content = "id,text,label\n1,x,a\n,y,b\n"
        if name.endswith("jsonl"):
            content = '{"id": 1, "text": "x", "label": 0}\n{"text": "y", "label": 1}'
        train = {"path": str(write(name, content)), "text": "text", "label": "label", "id": "id"}
        with pytest.raises(DataError, match=r"row 2 \(line [23]\): the id column 'id' is empty"):
            load_data(DataConfig.model_validate({"train": train}))

    def test_made_from_content_whatever_the_order(self, load):
        rows = BASIC.splitlines()[1:]
        first = load(BASIC, holdout=0.25)
        second = load("\n".join(["text,label", *reversed(rows)]), holdout=0.25)
        assert set(first.train.example_ids.to_pylist()) == set(second.train.example_ids.to_pylist())
        assert texts(first.dev["id"]) == texts(second.dev["id"])

    def test_made_from_text_and_class(self, load):
        data = load("text,label\nx,a\nx,b\nxa,a\n", holdout=None)
        ids = data.train.example_ids.to_pylist()
        assert len(set(ids)) == 3
        assert all(len(example_id) == 16 for example_id in ids)

    def test_equal_rows_are_numbered(self, load):
        data = load("text,label\nx,a\nx,b\nx,a\nx,a\n", holdout=None)
        stem, other, second, third = data.train.example_ids.to_pylist()
        assert (second, third) == (f"{stem}-2", f"{stem}-3")
        assert not other.startswith(stem)

    def test_unique_over_joined_sources(self, write):
        one = {"path": str(write("a.csv", BASIC)), "text": "text", "label": "label"}
        two = {"path": str(write("b.csv", BASIC)), "text": "text", "label": "label"}
        data = load_data(DataConfig.model_validate({"train": [one, two], "dev": {"d": one}}))
        ids = data.train.example_ids.to_pylist()
        assert len(ids) == len(set(ids)) == 8
        assert [i.endswith("-2") for i in ids] == [False] * 4 + [True] * 4

    def test_repeated_over_joined_sources(self, write):
        content = "id,text,label\n1,x,a\n2,y,b\n"
        common = {"text": "text", "label": "label", "id": "id"}
        sources = [{"path": str(write(n, content))} | common for n in ("a.csv", "b.csv")]
        with pytest.raises(
            DataError, match=r"row 1 \(line 2\) of .*a\.csv and in row 1 \(line 2\) of .*b\.csv"
        ):
            load_data(DataConfig.model_validate({"train": sources}))


class TestJoinedSources:
    def test_columns_labels_and_slices_of_each(self, write):
        one = {
            "path": str(write("a.csv", "t,y,g\nx,0,news\nw,1,web\n")),
            "text": "t",
            "label": "y",
            "labels": {0: "no", 1: "yes"},
            "slices": ["g"],
        }
        two = {"path": str(write("b.tsv", "s\tc\nz\tyes\n")), "text": "s", "label": "c"}
        data = load_data(DataConfig.model_validate({"train": [one, two], "dev": {"d": one}}))
        assert texts(data.train) == ["x", "w", "z"]
        assert data.train.labels.tolist() == [0, 1, 1]
        assert data.train.table.column("slice:g").to_pylist() == ["news", "web", ""]


class TestTexts:
    @pytest.mark.parametrize("row", [",a", '"",a', '"  \t ",a'])
    def test_empty_text_names_its_rows(self, problem, row):
        message = problem(BASIC + f"{row}\n{row}\n")
        assert "train.csv, rows 5 and 6 (lines 6 and 7): no text in 'text'" in message
        assert "drop_empty: true" in message

    def test_many_empty_texts_are_counted(self, problem):
        named = "rows 5, 6, 7, 8, 9 (lines 6, 7, 8, 9, 10) and 15 more"
        assert named in problem(BASIC + ",a\n" * 20)

    def test_lines_are_those_in_which_rows_begin(self, problem):
        content = 'text,label\n"two\nlines",b\n\n"three\n\nlines",a\n,b\n"x\ny",a\n,a\n'
        assert "rows 3 and 5 (lines 8 and 11): no text in 'text'" in problem(content)

    def test_missing_text(self, write):
        path = write("x.jsonl", '{"text": "x", "label": 0}\n{"text": null, "label": 1}\n')
        train = {"path": str(path), "text": "text", "label": "label"}
        with pytest.raises(DataError, match=r"row 2 \(line 2\): no text"):
            load_data(DataConfig.model_validate({"train": train}))

    def test_rows_without_text_can_be_left_out(self, load, problem):
        data = load(BASIC + ",a\n", drop_empty=True)
        assert len(data.train) + len(data.dev["id"]) == 4
        assert "no text" in problem("text,label\n,a\n,b\n", drop_empty=True)

    def test_one_of_two_texts_may_be_empty(self, nli):
        assert len(nli("s1,s2,gold\n,y,entailment\nx,,neutral\n").test_ood["hans"]) == 2
        with pytest.raises(DataError, match=r"row 2 \(line 3\): no text in 's1', 's2'"):
            nli("s1,s2,gold\nx,y,entailment\n,,neutral\n")


class TestWhere:
    CONTENT = "text,label,split,level\nx,a,train,1\ny,b,train,2\nz,a,test,2\nw,b,test,3\n"

    def test_one_value_or_several(self, write, load):
        dev = {"path": str(write("d.csv", self.CONTENT)), "where": {"split": "test"}}
        data = load(self.CONTENT, where={"level": [1, "2"]}, whole={"dev": {"d": dev}})
        assert texts(data.train) == ["x", "y", "z"]
        assert texts(data.dev["d"]) == ["z", "w"]

    def test_no_row_left_names_the_values_there_are(self, problem):
        message = problem(self.CONTENT, where={"split": "tran"})
        assert "no row has 'split' equal to 'tran'" in message
        assert "Did you mean 'train'?" in message
        assert "The column holds: 'train', 'test'" in message


class TestHoldout:
    def test_share_of_the_rows(self, load):
        data = load(many(100), holdout=0.2)
        assert (len(data.train), len(data.dev["id"])) == (80, 20)
        assert data.dev["id"].name == "id"
        assert not set(texts(data.train)) & set(texts(data.dev["id"]))

    def test_at_least_one_row(self, load):
        assert len(load(many(10), holdout=0.001).dev["id"]) == 1

    def test_depends_on_the_seed_alone(self, load):
        first, again, other = (
            load(many(100), whole={"seed": seed}).dev["id"] for seed in (0, 0, 1)
        )
        assert first.fingerprint == again.fingerprint
        assert set(texts(first)) != set(texts(other))

    def test_not_where_there_is_a_development_set(self, load):
        data = load(many(100), holdout=None)
        assert len(data.train) == 100
        assert list(data.dev) == ["d"]


class TestLimit:
    def limited(self, load, **options):
        return load(many(200), holdout=None, **options).train

    def test_smaller_limit_is_part_of_the_larger(self, load):
        small, large = (self.limited(load, limit=n) for n in (20, 50))
        assert (len(small), len(large)) == (20, 50)
        assert set(texts(small)) < set(texts(large))

    def test_file_order_is_kept_and_sampled_over_the_whole(self, load):
        numbers = [int(t.split()[1]) for t in texts(self.limited(load, limit=50))]
        assert numbers == sorted(numbers)
        assert np.ptp(numbers) > 150

    def test_seed_changes_the_choice(self, load):
        one, two = (set(texts(self.limited(load, limit=50, seed=seed))) for seed in (0, 1))
        assert one != two

    def test_larger_than_the_data(self, load):
        assert len(self.limited(load, limit=1_000)) == 200


class TestOverlaps:
    def test_same_texts_are_counted(self, nli):
        test = "s1,s2,gold\npremise 1,hypothesis 1,neutral\npremise 1,hypothesis 2,neutral\n"
        whole = nli(test)
        train = set(texts(whole.train))
        assert whole.overlaps == {"id": 0, "hans": int("premise 1" in train)}

    def test_texts_do_not_run_together(self, write):
        train = {"path": str(write("a.csv", "p,h,y\nab,c,0\nx,y,1\n")), "text": ["p", "h"]}
        dev = {"path": str(write("b.csv", "p,h,y\na,bc,0\nx,y,0\n"))}
        config = {"train": train | {"label": "y"}, "dev": {"d": dev}}
        assert load_data(DataConfig.model_validate(config)).overlaps == {"d": 1}


class TestNamedIntegers:
    @pytest.fixture
    def folder(self, tmp_path):
        import datasets

        names = datasets.ClassLabel(names=["no", "yes"])
        rows = {"text": ["x", "y", "z"], "label": [0, 1, -1]}
        features = {"text": datasets.Value("string"), "label": names}
        datasets.Dataset.from_dict(rows, features=datasets.Features(features)).save_to_disk(
            tmp_path / "set"
        )
        return str(tmp_path / "set")

    def load(self, folder, **options):
        source = {"hub": folder, "text": "text", "label": "label"} | options
        return load_data(DataConfig.model_validate({"train": source, "dev": {"d": source}}))

    def test_integer_without_name_is_no_label(self, folder):
        with pytest.raises(DataError, match=r"'-1' \(1 row\)") as caught:
            self.load(folder)
        assert "labels: {'-1': CLASS, 'no': 'no', 'yes': 'yes'}" in str(caught.value)
        assert "where: {label: ['no', 'yes']}" in str(caught.value)
        self.load(folder, labels={-1: "maybe", "no": "no", "yes": "yes"})

    def test_names_and_integers_both_work(self, folder):
        data = self.load(folder, where={"label": [0, "yes"]}, labels={1: "good", "no": "bad"})
        assert data.class_names == ("bad", "good")
        assert data.train.labels.tolist() == [0, 1]


class TestSeveralLabelsInACell:
    CELLS = 'text,label\none,b\ntwo,"c,b"\nthree,"a, c"\nfour,c\n'

    def test_the_first_key_that_is_there_decides(self, load):
        labels = {"a": "bad", "b": "odd", "c": "fine"}
        data = load(self.CELLS, label_separator=",", labels=labels, holdout=0.25)
        names = {
            text: data.class_names[label]
            for part in (data.train, data.dev["id"])
            for text, label in zip(texts(part), part.labels, strict=True)
        }
        assert names == {"one": "odd", "two": "odd", "three": "bad", "four": "fine"}

    def test_one_unknown_value_is_an_error_that_shows_the_cell(self, load):
        with pytest.raises(DataError, match="'a, c' \\(1 row\\)"):
            load(self.CELLS, label_separator=",", labels={"b": "x", "c": "y"}, holdout=None)


class TestAllFaultsOfAFile:
    CONTENT = (
        "id,text,label\na,fine,yes\nb,,no\n,good,no\nd,bad,maybe\ne,dull,\nf,,yes\ng,long,no\n"
    )

    def test_texts_labels_and_ids_in_one_message(self, load):
        labels = {"yes": "1", "no": "0"}
        with pytest.raises(DataError) as caught:
            load(self.CONTENT, id="id", labels=labels)
        message = str(caught.value)
        assert message.count("train.csv") == 1
        for words in (
            "rows 2 and 6 (lines 3 and 7): no text in 'text'",
            "Also: column 'label' holds values that stand",
            "'maybe' (1 row), '' (1 row)",
            "Also: row 3 (line 4): the id column 'id' is empty",
        ):
            assert words in message
        assert len(message) < 900

    def content(self, header, *others):
        rows = [f"r{i},words {i},{'yes' if i % 2 else 'no'}" for i in range(40)]
        return "\n".join([header, *rows, *others]) + "\n"

    def test_slips_and_repeated_ids_beside_them(self, load):
        content = self.content("id,text,label", "e,,yes", "f,x,", "g,y,yess", "r3,z,no")
        with pytest.raises(DataError) as caught:
            load(content.replace("yes", "positive"), id="id")
        message = str(caught.value)
        for words in (
            "row 41 (line 42): no text in 'text'",
            "'' (1 row), in row 42 (line 43).",
            "row 43 (line 44) of ",
            "'positives', the only one, which is one slip away from 'positive' (20 rows)",
            "'r3' is there twice, in row 4 (line 5) and in row 44 (line 45)",
        ):
            assert words in message

    @pytest.mark.parametrize("key", ["labels", "where"])
    def test_what_is_advised_does_not_lead_into_the_next_fault(self, load, key):
        content = self.content("id,text,label", "f,x,", "g,y,yess")
        with pytest.raises(DataError) as caught:
            load(content.replace("yes", "positive"))
        found = re.search(rf"{key}: (\{{.*?\}})\.", str(caught.value))[1]
        data = load(content.replace("yes", "positive"), **{key: parse(found)})
        classes = {"no", "positive", "CLASS"} if key == "labels" else {"no", "positive"}
        assert set(data.train.class_names) == classes

    def test_of_several_sources(self, write):
        names = {"text": "text", "label": "label", "id": "id"}
        one = write("one.csv", self.content("id,text,label", "e,,yes"))
        two = write("two.csv", "id,text,label\na,b,\nr1,c,no\nd,x,yes\n")
        train = [{"path": str(path), **names} for path in (one, two)]
        with pytest.raises(DataError) as caught:
            load_data(DataConfig.model_validate({"train": train}))
        message = str(caught.value)
        assert "one.csv, row 41 (line 42): no text" in message
        assert "two.csv: column 'label' holds values that stand for no class: ''" in message
        assert re.search(
            r"'r1' is there twice, in row 2 \(line 3\) of .*one.csv and in row 2 \(line 3\) of ",
            message,
        )

    def test_one_fault_is_named_alone(self, load):
        content = self.CONTENT.replace(",,", ",some,").replace("\n,good", "\nc,good")
        with pytest.raises(DataError, match="holds values") as caught:
            load(content, id="id", labels={"yes": "1", "no": "0"})
        assert "Also" not in str(caught.value)


class TestCellsThatLookLikeMissingValues:
    def test_are_noted_with_their_rows(self, load):
        rows = [f"film {i},{'no' if i % 2 else 'yes'}" for i in range(40)]
        rows[4], rows[7] = "NaN,yes", "N/A,no"
        (note,) = load("text,label\n" + "\n".join(rows) + "\n").remarks
        assert (
            "rows 5 and 8 (lines 6 and 9): the text 'text' is 'N/A', 'NaN', which often says"
            in note
        )

    @pytest.mark.parametrize(("rows", "is_noted"), [(900, True), (1100, False)])
    def test_one_in_a_thousand_is_not(self, load, rows, is_noted):
        lines = [f"film {i},{'no' if i % 2 else 'yes'}" for i in range(rows)]
        lines[4] = "None,yes"
        found = load("text,label\n" + "\n".join(lines) + "\n").remarks
        assert (len(found) == 1) is is_noted

    def test_words_within_a_text_are_not(self, load):
        lines = [f"None of {i} null,{'no' if i % 2 else 'yes'}" for i in range(40)]
        assert load("text,label\n" + "\n".join(lines) + "\n").remarks == ()


class TestLeftOut:
    CONTENT = "text,label,kind\n,a,x\n" + "".join(
        f"words {i},{'ab'[i % 2]},{'xy'[i % 3 == 0]}\n" for i in range(30)
    )

    def test_rows_are_counted_by_the_key_that_leaves_them_out(self, load):
        data = load(self.CONTENT, where={"kind": "x"}, drop_empty=True, limit=12)
        assert data.left_out == {"train": {"where": 10, "drop_empty": 1, "limit": 8}}
        (note,) = [line for line in data_notes(data) if "left out" in line]
        assert note == (
            "note: train: 19 rows left out: 10 not meeting 'where', 1 empty (drop_empty), "
            "8 beyond the 'limit'"
        )

    def test_of_one_reason_the_number_is_said_once(self, load):
        data = load(self.CONTENT, drop_empty=True)
        (note,) = [line for line in data_notes(data) if "left out" in line]
        assert note == "note: train: 1 row left out: empty (drop_empty)"

    def test_of_evaluation_sets(self, write):
        names = {"text": "text", "label": "label", "drop_empty": True}
        path = str(write("a.csv", self.CONTENT))
        train = {"path": path, **names}
        sets = {"far": {**train, "where": {"kind": "y"}}}
        data = load_data(DataConfig.model_validate({"train": [train, train], "test_ood": sets}))
        assert data.left_out == {"train": {"drop_empty": 2}, "far": {"where": 21}}

    def test_where_nothing_is_left_out_nothing_is_said(self, load):
        data = load(self.CONTENT.replace("\n,a", "\nwords,a"))
        assert data.left_out == {}
        assert not [line for line in data_notes(data) if "left out" in line]
