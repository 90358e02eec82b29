"""What a person may write under ``data``, checked without opening a file."""

import pytest
import yaml
from pydantic import ValidationError

from ftft.config.data import DataConfig, DataSource, EvaluationSet


def source(**changes):
    return DataSource.model_validate({"path": "a.csv", "text": "t", "label": "y"} | changes)


def config(**changes):
    train = {"path": "a.csv", "text": "t", "label": "y"}
    return DataConfig.model_validate({"train": train} | changes)


def problem(make, **changes):
    with pytest.raises(ValidationError) as caught:
        make(**changes)
    return str(caught.value)


def test_single_text_column_becomes_a_list():
    assert source().text == ["t"]
    assert source(text=["a", "b"]).text == ["a", "b"]


@pytest.mark.parametrize("text", [[], ["a", "b", "c"], ["a", "a"]])
def test_text_is_one_or_two_different_columns(text):
    assert "text" in problem(source, text=text)


def test_path_and_hub_exclude_each_other():
    assert "exactly one of" in problem(source, hub="glue")
    assert "exactly one of" in problem(source, path=None)


def test_options_of_files_and_of_the_hub_do_not_mix():
    assert "'quoting' goes with 'path' only" in problem(
        source, path=None, hub="glue", quoting=False
    )
    assert "'split' goes with 'hub' only" in problem(source, split="train")


def test_label_cannot_be_a_text():
    assert "both as 'text' and as 'label'" in problem(source, label="t")


def test_unknown_key_is_refused():
    assert "Extra inputs" in problem(source, lable="x")


def test_header_and_columns_go_together():
    assert "header: false" in problem(source, columns=["t", "y"])
    assert "'columns'" in problem(source, header=False)
    assert source(header=False, columns=["t", "y"]).columns == ["t", "y"]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "a", "1", "§"])
def test_delimiter_is_one_plain_character(delimiter):
    assert "delimiter" in problem(source, delimiter=delimiter)


def test_tab_may_be_written_as_backslash_t():
    assert source(delimiter="\\t").delimiter == "\t"


def test_label_keys_are_texts_whatever_yaml_made_of_them():
    assert source(labels={0: "no", "1": 1}).labels == {"0": "no", "1": "1"}


def test_one_label_key_written_twice_is_refused():
    assert "more than once: 1" in problem(source, labels={1: "a", "1": "b"})


def test_yaml_boolean_as_a_label_says_to_use_quotes():
    written = yaml.safe_load("{hateful: OFF, other: NOT}")
    assert "put the value in quotes" in problem(source, labels=written)
    assert "put the value in quotes" in problem(config, classes=[False, "NOT"])
    assert "put the value in quotes" in problem(source, where={"column": True})
    assert "put the value in quotes" in problem(source, label=True)


def test_where_takes_one_value_or_several():
    where = source(where={"split": "train", "level": [1, 2], "n": 3}).where
    assert where == {"split": ["train"], "level": ["1", "2"], "n": ["3"]}
    assert "where" in problem(source, where={"split": []})
    assert "where" in problem(source, where=["split"])


def test_limit_is_positive():
    assert "limit" in problem(source, limit=0)


def test_environment_variables_and_home_are_expanded(monkeypatch):
    monkeypatch.setenv("SOME_FOLDER", "/x/y")
    monkeypatch.setenv("HOME", "/home/me")
    assert source(path="${SOME_FOLDER}/a.csv").path == "/x/y/a.csv"
    assert source(path="$SOME_FOLDER/a.csv").path == "/x/y/a.csv"
    assert source(path="~/a.csv").path == "/home/me/a.csv"
    assert source(path=None, hub="${SOME_FOLDER}/set").hub == "/x/y/set"


@pytest.mark.parametrize("value", [None, ""])
def test_unset_variable_is_named(monkeypatch, value):
    monkeypatch.delenv("SOME_FOLDER", raising=False)
    if value is not None:
        monkeypatch.setenv("SOME_FOLDER", value)
    message = problem(source, path="${SOME_FOLDER}/a.csv")
    assert "environment variable SOME_FOLDER" in message
    assert "is not set" in message


def test_empty_path_is_refused():
    assert "is empty" in problem(source, path=" ")


def test_resolved_takes_relative_paths_from_a_folder():
    assert source().resolved("/exp").path == "/exp/a.csv"
    assert source(path="/abs/a.csv").resolved("/exp").path == "/abs/a.csv"
    hub = {"path": None, "hub": "owner/name"}
    assert source(**hub).resolved("/exp").hub == "owner/name"
    assert source(**hub | {"hub": "./folder"}).resolved("/exp").hub == "/exp/./folder"
    whole = config(test={"x": {"path": "b.csv"}}).resolved("/exp")
    assert whole.train[0].path == "/exp/a.csv"
    assert whole.test["x"].path == "/exp/b.csv"


def test_place_names_file_or_hub_set():
    assert source().place == "a.csv"
    named = source(path=None, hub="glue", config="mnli", split="train")
    assert named.place == "glue / mnli / train"


def test_train_is_one_source_or_several():
    one = {"path": "a.csv", "text": "t", "label": "y"}
    assert len(config().train) == 1
    assert [s.path for s in config(train=[one, one | {"path": "b.csv"}]).train] == [
        "a.csv",
        "b.csv",
    ]
    assert "train" in problem(config, train=[])


def test_evaluation_set_takes_over_columns_format_and_labels():
    train = {
        "path": "a.tsv",
        "quoting": False,
        "header": False,
        "columns": ["t", "y"],
        "text": "t",
        "label": "y",
        "labels": {0: "neg", 1: "pos"},
        "id": "t",
        "limit": 5,
    }
    chosen = config(train=train, test={"x": {"path": "b.tsv"}}).test["x"]
    assert (chosen.text, chosen.label, chosen.labels) == (["t"], "y", {"0": "neg", "1": "pos"})
    assert (chosen.quoting, chosen.header, chosen.columns) == (False, False, ["t", "y"])
    assert (chosen.id, chosen.limit) == (None, None)


def test_evaluation_set_with_columns_of_its_own_keeps_its_format():
    train = {"path": "a.tsv", "quoting": False, "text": "t", "label": "y", "labels": {0: "neg"}}
    own = {"path": "b.tsv", "text": "Text", "label": "L", "labels": {}}
    chosen = config(train=train, test={"x": own}).test["x"]
    assert (chosen.text, chosen.label, chosen.labels) == (["Text"], "L", {})
    assert chosen.quoting is True


def test_evaluation_set_may_overrule_the_header():
    train = {"path": "a.tsv", "header": False, "columns": ["t", "y"], "text": "t", "label": "y"}
    chosen = config(train=train, test={"x": {"path": "b.tsv", "header": True}}).test["x"]
    assert (chosen.header, chosen.columns, chosen.text) == (True, None, ["t"])


def test_completing_twice_changes_nothing():
    train = {"path": "a.tsv", "quoting": False, "text": "t", "label": "y", "labels": {0: "neg"}}
    first = config(train=train, test={"x": {"path": "b.tsv"}})
    dumped = yaml.safe_load(yaml.safe_dump(first.model_dump()))
    assert DataConfig.model_validate(dumped) == first


def test_number_of_texts_must_agree():
    message = problem(config, test={"pair": {"path": "b.csv", "text": ["a", "b"]}})
    assert "pair has 2 text columns, the training data 1" in message


def test_set_names_are_unique_over_all_roles():
    one = {"path": "b.csv"}
    assert "two data sets are called 'x'" in problem(config, test={"x": one}, test_ood={"x": one})


def test_name_of_the_holdout_is_taken_only_while_it_exists():
    one = {"path": "b.csv"}
    assert "two data sets are called 'id'" in problem(config, test={"id": one})
    assert config(test={"id": one}, dev={"d": one}).test["id"].path == "b.csv"


@pytest.mark.parametrize("name", ["", "a b", "a/b", ".hidden", "..", "ä"])
def test_set_names_are_plain(name):
    assert "cannot name a data set" in problem(config, test={name: {"path": "b.csv"}})


@pytest.mark.parametrize("holdout", [-0.1, 1, 1.5])
def test_holdout_is_a_share(holdout):
    assert "holdout" in problem(config, holdout=holdout)


def test_some_development_set_is_needed():
    assert "no development set" in problem(config, holdout=0)
    assert config(holdout=0, dev={"d": {"path": "b.csv"}}).holdout == 0


def test_classes_are_at_least_two_different_texts():
    assert config(classes=[0, 1]).classes == ["0", "1"]
    assert "classes" in problem(config, classes=["a"])
    assert "more than once" in problem(config, classes=["a", "a"])


def test_all_problems_come_at_once():
    message = problem(
        config, train={"path": "a.csv", "label": "y"}, test={"a b": {"path": "x", "limit": 0}}
    )
    assert "train.0.text" in message
    assert "cannot name a data set" in message
    assert "limit" in message


def test_models_are_frozen():
    with pytest.raises(ValidationError):
        source().path = "b.csv"


def test_merge_is_part_of_evaluation_sets_only():
    assert EvaluationSet(path="a", merge={"neutral": "no"}).merge == {"neutral": "no"}
    assert "merge" in problem(source, merge={"neutral": "no"})


def test_a_separator_of_labels_needs_their_order():
    assert "'label_separator' needs 'labels'" in problem(source, label_separator=",")
    assert source(label_separator=",", labels={"a": "x"}).label_separator == ","


def test_an_evaluation_set_takes_over_the_separator_with_the_labels():
    train = {"path": "a.csv", "text": "t", "label": "y", "labels": {"a": "x"}}
    dev = {"same": {"path": "b.csv"}, "own": {"path": "b.csv", "labels": {"b": "x"}}}
    made = DataConfig.model_validate({"train": train | {"label_separator": ";"}, "dev": dev}).dev
    assert made["same"].label_separator == ";"
    assert made["own"].label_separator is None


def test_a_set_that_is_null_is_left_out():
    made = config(test={"a": {"path": "b.csv"}, "b": None}, dev_ood={"c": None})
    assert list(made.test) == ["a"]
    assert made.dev_ood == {}
    assert "holdout" in problem(config, dev={"a": None}, holdout=0)
