"""Whatever is wrong: exit status 2, one message that names the place, nothing half-written."""

import json
import os

import pytest

from ftft.errors import ConfigError, FtftError


def rewrite(path, change):
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def lines_of(path, change):
    rewrite(path, lambda text: "\n".join(change(text.splitlines())) + "\n")


# What is wrong -> (what makes it so, what the message must name)
DATA = {
    "missing column": (
        lambda at: rewrite(at / "train.csv", lambda text: text.replace("text,", "txt,", 1)),
        ["train.csv", "no column 'text'", "Did you mean 'txt'?"],
    ),
    "missing slice column": (
        lambda at: rewrite(at / "ood.csv", lambda text: text.replace("source", "origin", 1)),
        ["test_ood set 'ood'", "ood.csv", "no column 'source'"],
    ),
    "unknown label in a development set": (
        lambda at: rewrite(at / "dev.csv", lambda text: text.replace(",pos,", ",possitive,", 1)),
        ["dev set 'dev'", "dev.csv", "'possitive' (1 row)", "The classes are: 'neg', 'pos'"],
    ),
    "a label only the test set has": (
        lambda at: rewrite(at / "test.csv", lambda text: text.replace(",neg,", ",neutral,")),
        ["test set 'test'", "test.csv", "'neutral'", "stand for no class", "labels: {"],
    ),
    "an empty label": (
        lambda at: rewrite(at / "train.csv", lambda text: text.replace(",pos,", ",,", 1)),
        ["train.csv", "column 'label'", "stand for no class"],
    ),
    "duplicate ids": (
        lambda at: lines_of(at / "train.csv", lambda lines: [*lines, lines[3]]),
        ["train.csv", "'t2' is there twice", "row 3", "row 65"],
    ),
    "empty id": (
        lambda at: rewrite(at / "train.csv", lambda text: text.replace("t5,", ",", 1)),
        ["train.csv", "row 6", "id column 'id' is empty"],
    ),
    "empty file": (lambda at: (at / "train.csv").write_text(""), ["train.csv is empty"]),
    "header only": (
        lambda at: lines_of(at / "dev.csv", lambda lines: lines[:1]),
        ["dev.csv has no rows"],
    ),
    "missing file": (
        lambda at: (at / "ood.csv").rename(at / "odd.csv"),
        ["ood.csv does not exist", "Did you mean 'odd.csv'?"],
    ),
    "a row too long": (
        lambda at: lines_of(at / "train.csv", lambda lines: [*lines[:9], "a,b,c,d,e", *lines[9:]]),
        ["train.csv, line 10", "5 columns where the header has 4"],
    ),
    "not text": (
        lambda at: (at / "train.csv").write_bytes(b"id,text,label\n1,caf\xe9,pos\n"),
        ["train.csv, line 2", "is not UTF-8"],
    ),
    "one class only": (
        lambda at: rewrite(at / "train.csv", lambda text: text.replace(",neg,", ",pos,")),
        ["train.csv", "have one class ('pos')"],
    ),
    "a text that is empty": (
        lambda at: lines_of(at / "train.csv", lambda lines: [*lines, "t99,,pos,web"]),
        ["train.csv, row 65", "no text"],
    ),
}

# Overrides -> what the message must name
SETTINGS = {
    "selection.fraction=0": ["selection.fraction", "greater than 0 (found 0)"],
    "selection.fraction=1.5": ["selection.fraction", "at most 1 (found 1.5)"],
    "selection.fraction=.nan": ["selection.fraction", "finite"],
    "selection.strategy=best": ["selection.strategy", "'ambiguous'", "(found 'best')"],
    "selection.fracton=0.3": ["selection.fracton: unknown key; did you mean selection.fraction?"],
    "reference.model=/no/such/folder": ["model /no/such/folder: there is no such folder"],
    "main.model=owner/there-is-no-such-model": [
        "model owner/there-is-no-such-model: cannot be loaded",
        "Check the name",
    ],
    "main.model=package:no_such_package/model": ["no_such_package is not installed"],
    "main.layers=3": ["layers is 3, but the network has 2 layers"],
    "main.max_length=100": ["max_length is 100", "64 tokens at most"],
    "main.training_arguments.bf61=true": [
        "main.training_arguments.bf61",
        "did you mean main.training_arguments.bf16?",
    ],
    "main.training_arguments.seed=3": ["main.training_arguments.seed", "use seeds."],
    "main.training_arguments.optim=foo": ["training_arguments of model", "foo"],
    "main.training_arguments.gradient_accumulation_steps=3": [
        "batch_size 16",
        "is not divisible by 3 (1 process x 3 accumulation steps)",
    ],
    "main.training_arguments.gradient_accumulation_steps=0": ["whole number from 1"],
    "seeds=[1, 1]": ["seeds: names 1 more than once"],
    "main.watch=ood": ["data.dev_ood names no development set"],
    "nonsense": ["--set nonsense: expected key=value"],
}


def check_refusal(outcome, expected):
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    said = [line for line in outcome.err.splitlines() if not line.startswith("note: ")]
    assert said[0].startswith("error: ")
    assert "Traceback" not in outcome.err
    for part in expected:
        assert part in outcome.err


@pytest.fixture
def unchanged(tmp_path):
    """Check at the end of the test that nothing was written meanwhile."""

    def state():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = []
    yield lambda: before.append(state())
    assert before
    assert state() == before[0]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("case", DATA)
def test_data(ftft, experiment_file, unchanged, case):
    change, expected = DATA[case]
    change(experiment_file.parent)
    unchanged()
    for command in ("run", "validate"):
        check_refusal(ftft(command, "experiment.yaml"), expected)


@pytest.mark.parametrize("override", SETTINGS)
def test_settings(ftft, experiment_file, unchanged, override):
    unchanged()
    for command in ("run", "record"):
        check_refusal(ftft(command, "experiment.yaml", "--set", override), SETTINGS[override])


@pytest.mark.parametrize("command", ["run", "validate", "record", "train"])
def test_a_folder_that_cannot_be_written(ftft, experiment_file, unchanged, command):
    unchanged()
    # Below a file, since permissions do not stop root, as whom tests may run.
    outcome = ftft(command, "experiment.yaml", "--output", "train.csv/run")
    check_refusal(outcome, ["train.csv/run: the run folder cannot be written", "--output"])


@pytest.mark.parametrize("command", ["run", "validate", "record", "train"])
def test_a_missing_experiment_file(ftft, tmp_path, command):
    outcome = ftft(command, "experimnt.yaml")
    check_refusal(outcome, ["experimnt.yaml: there is no such experiment file", "ftft init"])
    assert os.listdir(tmp_path) == []


def test_many_problems_at_once(ftft, experiment_file, unchanged):
    unchanged()
    overrides = ["selection.fraction=2", "main.epochz=3", "reference.training_arguments.x=1"]
    arguments = [part for override in overrides for part in ("--set", override)]
    outcome = ftft("run", "experiment.yaml", *arguments)
    check_refusal(outcome, ["3 problems:", "selection.fraction", "main.epochz", "arguments.x"])


class TestInit:
    @pytest.mark.parametrize(
        ("content", "arguments", "expected"),
        [
            ("", (), ["a.csv"]),
            ("text,label\n", (), ["a.csv has no rows"]),
            ("text,label\nx y,a\nz w,b\n", ("--text", "txt"), ["'txt'", "Did you mean 'text'?"]),
            ("text,label\nx y,a\nz w,b\n", ("--label", "gold"), ["no column 'gold'"]),
            (
                "text,label\nx y,a\nz w,b\n",
                ("--text", "text", "--text", "text"),
                ["more than once"],
            ),
            (
                "text,label\nx y,a\nz w,b\n",
                ("--text", "text", "--label", "text"),
                ["'text' and as"],
            ),
            ("text,label\nx y,a\nz w,b\n", ("--name", "a b"), ["'a b' cannot name"]),
        ],
    )
    def test_refuses(self, ftft, tmp_path, content, arguments, expected):
        (tmp_path / "a.csv").write_text(content)
        check_refusal(ftft("init", "a.csv", *arguments), expected)

    def test_a_missing_file(self, ftft, tmp_path):
        (tmp_path / "train.csv").write_text("text,label\nx y,a\n")
        check_refusal(ftft("init", "tarin.csv"), ["tarin.csv", "Did you mean 'train.csv'?"])


class TestMapAndSelect:
    @pytest.fixture
    def dynamics(self, tmp_path):
        from ftft import DynamicsRecorder

        labels = [0, 1, 0, 1]
        with DynamicsRecorder(
            tmp_path / "dynamics", example_ids=list("abcd"), labels=labels, num_classes=2
        ) as recorder:
            for epoch in range(2):
                recorder.record(epoch, list("abcd"), [[0.0, epoch * x] for x in range(4)])
                recorder.finish_epoch(epoch)
        return tmp_path / "dynamics"

    @pytest.fixture
    def datamap(self, ftft, dynamics):
        assert ftft("map", dynamics).code == 0
        return "map.parquet"

    def test_first_epochs(self, ftft, dynamics):
        from ftft import DataMap

        assert ftft("map", dynamics, "--first-epochs", "2", "-o", "first.parquet").code == 0
        assert DataMap.read("first.parquet").epochs == (0, 1)

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (("--burn-in", "2"), ["burn_in", "2"]),
            (("--burn-in=-1",), ["--burn-in -1", "or auto"]),
            (("--burn-in", "all"), ["--burn-in all", "or auto"]),
            (("--first-epochs", "1"), ["With first_epochs 1:", "2 complete"]),
            (("--first-epochs", "0"), ["first_epochs is 0.0", "above 0"]),
            (("--first-epochs", "nan"), ["first_epochs is nan"]),
            (("--ddof", "-1"), ["ddof"]),
            (("--region-fraction", "0"), ["region_fraction is 0.0"]),
            (("--region-fraction", "nan"), ["region_fraction is nan"]),
            (("--output", "/proc/ftft/map.parquet"), ["/proc/ftft/map.parquet cannot be written"]),
        ],
    )
    def test_map(self, ftft, tmp_path, dynamics, arguments, expected):
        check_refusal(ftft("map", dynamics, *arguments), expected)
        assert not (tmp_path / "map.parquet").exists()

    def test_no_dynamics(self, ftft, tmp_path):
        check_refusal(ftft("map", "nowhere"), ["nowhere does not exist. Give"])
        check_refusal(ftft("map", tmp_path), ["is not a dynamics folder"])
        (tmp_path / "train.csv").write_text("id,text,label\n")
        check_refusal(
            ftft("preflight", "train.csv"),
            ["train.csv is a file, where the folder of training dynamics"],
        )

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (("--fraction", "0"), ["fraction is 0.0"]),
            (("--fraction", "1.5"), ["fraction is 1.5"]),
            (("--fraction", "nan"), ["fraction is nan"]),
            (("--strategy", "ambigous"), ["'ambigous'", "ambiguous"]),
            (("--strategy", "loss-clusters"), ["dynamics"]),
            (("--output", "/proc/ftft/s.parquet"), ["/proc/ftft/s.parquet cannot be written"]),
        ],
    )
    def test_select(self, ftft, tmp_path, datamap, arguments, expected):
        check_refusal(ftft("select", datamap, *arguments), expected)
        assert not (tmp_path / "selection.parquet").exists()

    def test_files_of_another_kind(self, ftft, tmp_path, datamap):
        assert ftft("select", datamap, "--fraction", 0.5).code == 0
        again = ("selection.parquet", "-o", "again.parquet")
        check_refusal(ftft("select", *again), ["selection.parquet", "not a map"])
        (tmp_path / "junk.parquet").write_bytes(b"PAR1 and then nothing")
        check_refusal(
            ftft("select", "junk.parquet", "-o", "a.parquet"),
            ["junk.parquet is not a readable map"],
        )
        check_refusal(
            ftft("select", "none.parquet", "-o", "a.parquet"), ["none.parquet does not exist"]
        )

    def test_a_selection_of_other_data(self, ftft, tmp_path, experiment_file, datamap):
        ftft("select", datamap, "--fraction", 0.5)
        outcome = ftft("train", "experiment.yaml", "--selection", "selection.parquet")
        check_refusal(outcome, ["data set 'train'", "2 of 2 example ids are not in it"])
        assert not list(tmp_path.rglob("stage.json"))

    def test_a_missing_selection(self, ftft, tmp_path, experiment_file):
        outcome = ftft("train", "experiment.yaml", "--selection", "none.parquet")
        check_refusal(outcome, ["none.parquet does not exist"])
        assert not (tmp_path / "runs").exists()


class TestEvaluate:
    @pytest.fixture
    def model(self, tiny_model, tmp_path):
        """A classifier with three classes of its own."""
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        names = ["contradiction", "entailment", "neutral"]
        model = AutoModelForSequenceClassification.from_pretrained(
            tiny_model, num_labels=3, id2label=dict(enumerate(names))
        )
        model.save_pretrained(tmp_path / "model")
        AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    def test_a_model_of_other_classes(self, ftft, tmp_path, experiment_file, model):
        outcome = ftft("evaluate", "experiment.yaml", model, "-o", "scores.json")
        assert outcome.code == 2
        for part in (
            "error: model: ",
            "contradiction, entailment, neutral",
            "neg, pos",
            "data.classes",
        ):
            assert part in outcome.err
        assert "Traceback" not in outcome.err
        assert not (tmp_path / "scores.json").exists()

    def test_no_model(self, ftft, experiment_file, tmp_path):
        none = "is not a model folder (no config.json)"
        for folder, said in (
            (tmp_path, f"{tmp_path} {none}"),
            (tmp_path / "none", "none does not exist. Give the folder of a run, "),
            (experiment_file, f"experiment.yaml {none}"),
        ):
            check_refusal(ftft("evaluate", "experiment.yaml", folder), [said])

    def test_no_test_sets(self, ftft, experiment_file, model):
        lines_of(
            experiment_file,
            lambda lines: [
                line for line in lines if "test.csv" not in line and "ood.csv" not in line
            ],
        )
        outcome = ftft("evaluate", "experiment.yaml", model)
        check_refusal(outcome, ["experiment tiny: there are no test sets"])

    def test_scores_that_cannot_be_written_are_refused_first(self, ftft, experiment_file, model):
        outcome = ftft("evaluate", "experiment.yaml", model, "-o", "train.csv/scores.json")
        check_refusal(outcome, ["train.csv", "cannot be written"])

    def test_a_set_that_is_neither(self, ftft, experiment_file, model):
        outcome = ftft("evaluate", "experiment.yaml", model, "--sets", "train")
        assert outcome.code == 2
        assert "'train' is not one of 'dev', 'test'" in outcome.err


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [("bogus",), ("run",), ("run", "a", "b"), ("run", "a", "--bogus"), ("--bogus",)],
    )
    def test_is_shown(self, ftft, arguments):
        outcome = ftft(*arguments)
        assert outcome.code == 2
        assert "Usage: ftft" in outcome.err
        assert "Traceback" not in outcome.err


class TestDebug:
    @pytest.mark.parametrize(
        "arguments", [("--debug", "run", "none.yaml"), ("run", "none.yaml", "--debug")]
    )
    def test_shows_where_and_still_says_what(self, ftft, arguments):
        outcome = ftft(*arguments)
        assert outcome.code == 2
        assert "Traceback (most recent call last)" in outcome.err
        assert ConfigError.__name__ in outcome.err
        assert "\nerror: none.yaml: there is no such experiment file" in outcome.err

    def test_by_environment(self, ftft, monkeypatch):
        call = ftft
        monkeypatch.setenv("FTFT_DEBUG", "1")
        assert "Traceback" in call("run", "none.yaml").err


class TestTheUnexpected:
    def test_is_called_a_defect(self, ftft, experiment_file, monkeypatch):
        def broken(*args):
            raise ZeroDivisionError("no number\nmore lines")

        monkeypatch.setattr("ftft.config.load.read_yaml", broken)
        outcome = ftft("validate", "experiment.yaml")
        assert outcome.code == 1
        assert outcome.err.startswith("error: unexpected ZeroDivisionError: no number\n")
        assert "--debug" in outcome.err
        assert "Traceback" not in outcome.err
        with pytest.raises(ZeroDivisionError):
            ftft("validate", "experiment.yaml", "--debug")

    def test_interrupted(self, ftft, experiment_file, monkeypatch):
        def interrupted(*args, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr("ftft.experiment.trainings.finetune", interrupted)
        outcome = ftft("run", "experiment.yaml")
        assert outcome.code == 130
        assert "interrupted: nothing that was finished is lost" in outcome.err
        assert "give the command again: ftft run experiment.yaml" in outcome.err
        monkeypatch.undo()
        assert (
            json.loads(
                (experiment_file.parent / "runs/tiny/reference/seed-0/stage.json").read_text()
            )["status"]
            == "running"
        )


def test_every_error_is_a_child_of_one():
    import ftft

    children = [getattr(ftft, name) for name in ftft.__all__ if name.endswith("Error")]
    assert len(children) == 7
    assert all(issubclass(child, FtftError) for child in children)


@pytest.mark.parametrize(
    ("asked", "output", "meant"),
    [
        ("markdown", "both.html", "html"),
        ("html", "table.md", "markdown"),
        ("csv", "a.TEX", "latex"),
    ],
)
def test_a_report_is_written_as_its_name_says(ftft, asked, output, meant):
    outcome = ftft("report", "nowhere", "--format", asked, "-o", output)
    assert outcome.code == 2
    assert f"--output {output}: the format is {asked}; give --format {meant}" in outcome.err
    other = ftft("report", "nowhere", "--format", asked, "-o", "table.txt")
    assert "--output" not in other.err, "such a name says nothing"
