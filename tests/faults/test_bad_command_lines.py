"""Malformed command lines: status 2, one message, no traceback, nothing written or lost."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import Case, check_command, check_corpus, parametrised, snapshot, untouched
from ftft.cartography.coordinates import read_coordinates, write_coordinates
from ftft.cartography.datamap import DataMap
from ftft.dynamics import TrainingDynamics, write_dynamics
from ftft.dynamics.interop import write_cartography
from ftft.selection.strategies import select

LONG = "x" * 300


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, make_experiment):
    """A folder with everything that a command may be given."""
    at = tmp_path_factory.mktemp("prepared")
    make_experiment(at)
    with (at / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    gold = [("neg", "pos").index(row["label"]) for row in rows]
    dynamics = TrainingDynamics.from_arrays(
        np.random.default_rng(0).normal(size=(3, len(rows), 2)),
        *(gold, [row["id"] for row in rows], ["neg", "pos"]),
    )
    write_dynamics(at / "dynamics", dynamics)
    datamap = DataMap.from_dynamics(dynamics, burn_in=0)
    datamap.write(at / "map.parquet")
    select(datamap, "ambiguous", 0.5).write(at / "selection.parquet")
    write_cartography(at / "theirs", dynamics)
    (at / "slices.csv").write_text("example_id,kind\nnobody,a\n")
    (at / "empty").mkdir()
    (at / "maps").mkdir()
    datamap.write(at / "maps/map.parquet")
    (at / "run/given/seed-0/model").mkdir(parents=True)
    (at / "run/given/seed-0/model/config.json").write_text("{}")
    for seed in (0, 1):  # a run of one seed stands for its map
        datamap.write(at / f"done/a/map/seed-{seed}/map.parquet")
    datamap.write(at / "done/a/map/.seed-0.previous/map.parquet")
    datamap.write(at / "done/a/dm-map/seed-0/map.parquet")
    write_dynamics(at / "done/a/reference/seed-0/dynamics", dynamics)
    (at / "done/a/experiment.yaml").write_text("name: a\n")
    (at / "mine").mkdir()
    (at / "mine/experiment.yaml").write_text("name: mine\n")
    (at / "results").mkdir()
    (at / "results/results.json").write_text("{}")
    (at / "notes.txt").write_text("mine")
    (at / "labels.csv").write_text("id,label\nt0,0\nt0,1\n")
    (at / "sources.csv").write_text("example_id,source\nt0,a\nt1,b\n")
    (at / "elsewhere.csv").write_text("example_id,source\nx0,a\nx1,b\n")
    (at / "gold.csv").write_text("id,label\nt0,0\n")
    (at / "cut.csv").write_text('id,label\nt0,"0')
    (at / "huge.csv").write_text(f"id,label\nt0,{'9' * 5000}\n")
    write_coordinates(at / "points.jsonl", datamap)
    read_coordinates(at / "points.jsonl").write(at / "unlabelled.parquet")
    (at / "words.csv").write_text("id,label\nt0,zero\n")
    (at / "demo/data").mkdir(parents=True)
    (at / "demo/data/train.csv").write_text("mine")
    (at / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(at / "pipe.yaml")
    return at


@pytest.fixture
def here(prepared, ftft, monkeypatch):
    """The command line in that folder, which all tests share because nothing may change it."""
    monkeypatch.chdir(prepared)
    return prepared


def case(line, *words):
    """A command line as in a shell, and what the message must hold."""
    return Case(line[:100], lambda at: None, words, line.split(" ") if line else [])


# A model that is there: outputs are checked after it.
MODEL = "run/given/seed-0/model"
USAGE = [
    case("bogus", "No such command 'bogus'", "Usage"),
    case("Run experiment.yaml", "No such command 'Run'", "Usage"),
    case("--bogus", "No such option", "Usage"),
    case("run", "Missing argument 'file'", "Usage"),
    case("run a.yaml b.yaml", "unexpected extra argument", "b.yaml"),
    case("run experiment.yaml --fraction 0.3", "No such option", "--fraction"),
    case("run experiment.yaml --set", "--set", "requires an argument"),
    case("run experiment.yaml --output", "--output", "requires an argument"),
    case("map", "Missing argument 'dynamics'", "Usage"),
    case("map dynamics --burn-in one", "--burn-in one", "or auto"),
    case("map dynamics --region-fraction third", "--region-fraction", "valid number"),
    case("map dynamics --ddof 1.5", "--ddof", "valid integer"),
    case("select", "Missing argument 'datamap'", "Usage"),
    case("select map.parquet --fraction half", "--fraction", "valid number"),
    case("select map.parquet --seed x", "--seed", "valid integer"),
    case("select map.parquet --num-clusters 1.5", "--num-clusters", "valid integer"),
    case("label-errors map.parquet --count many", "--count", "valid integer"),
    case("evaluate experiment.yaml", "Missing argument 'model'", "Usage"),
    case("evaluate experiment.yaml m --sets train", "'train' is not one of", "'dev', 'test'"),
    case("export map.parquet", "Missing argument 'output'", "Usage"),
    case("import", "Missing argument 'source'", "Usage"),
    case("init", "Missing argument 'data'", "Usage"),
    case("demo --failing=yes", "--failing", "value"),
    case("demo --task ner", "'ner' is not one of", "'classification', 'causal-lm'"),
]
FILES = [
    case("run nowhere.yaml", "nowhere.yaml", "ftft init"),
    case("run empty", "empty", "Give the experiment file"),
    case("run train.csv", "train.csv: a data file", "ftft init train.csv"),
    case("run map.parquet", "map.parquet: a data file", "a YAML file"),
    case("run loop.yaml", "loop.yaml", "cannot be read"),
    case("run pipe.yaml", "pipe.yaml", "it is not a file"),
    case("run /dev/zero", "/dev/zero", "it is not a file"),
    case(f"run {LONG}.yaml", "xxx", "cannot be read"),
    case("run notes.txt/experiment.yaml", "experiment.yaml", "cannot be read"),
    case("validate nowhere.yaml", "nowhere.yaml", "ftft init"),
    case("record nowhere.yaml", "nowhere.yaml", "ftft init"),
    case("train nowhere.yaml", "nowhere.yaml", "ftft init"),
    case("evaluate nowhere.yaml model", "nowhere.yaml", "ftft init"),
    case("train experiment.yaml --selection nowhere.parquet", "nowhere.parquet", "Give the file"),
    case("train experiment.yaml --selection map.parquet", "map.parquet", "not a selection"),
    case("train experiment.yaml --selection empty", "empty is a folder", "runs/NAME/selection/"),
    case(
        "train experiment.yaml --selection experiment.yaml", "not a selection", "such as runs/NAME."
    ),
    case("evaluate experiment.yaml nowhere", "nowhere does not exist", "Give the folder"),
    case("evaluate experiment.yaml empty", "no config.json", "given or erm in place of main"),
    case("evaluate experiment.yaml run", "run is not a model", "Give run/given/seed-0/model."),
    case("evaluate experiment.yaml train.csv", "train.csv", "no config.json"),
    case("map nowhere -o a.parquet", "nowhere does not exist", "Give the folder"),
    case("map empty -o a.parquet", "empty is not a dynamics folder", "Give the folder"),
    case("map map.parquet -o a.parquet", "map.parquet is a map", "Give the dynamics folder"),
    case("map map.parquet --burn-in 1", "map.parquet is a map", "Give the dynamics folder"),
    case("map selection.parquet", "selection.parquet", "not a map"),
    case("report map.parquet -o experiment.yaml", "experiment.yaml already exists", "--overwrite"),
    case("report selection.parquet -o a.html", "selection.parquet", "not a map"),
    case("report map.parquet results -o a.html", "runs or data maps", "one kind"),
    case("report map.parquet --format latex", "--format latex is for runs", "--plot"),
    case("report map.parquet --no-texts -o a.html", "--no-texts is for runs", "--rows"),
    case("report map.parquet --rows nowhere.yaml -o a.html", "nowhere.yaml", "ftft init"),
    case(f"map {LONG} -o a.parquet", "xxx", "cannot be read"),
    case("select nowhere -o a.parquet", "nowhere does not exist", "Give the file"),
    case("select empty -o a.parquet", "empty is a folder", "Give the file of a map,"),
    case(
        "select done/a -o a.parquet",
        "done/a is a folder",
        "Give done/a/map/seed-0/map.parquet or done/a/map/seed-1/map.parquet or done/a/dm-map/",
    ),
    case("label-errors done", "done is a folder", "Give done/a/map/seed-0/map.parquet or"),
    case(
        "select done/a/reference -o a.parquet",
        "done/a/reference holds",
        "from done/a/reference/seed-0/dynamics.",
    ),
    case(
        "select map.parquet --balance-by source --slices done/a/map/seed-0 -o a.parquet",
        "done/a/map/seed-0 is a folder, where a file was expected. Give a CSV",
        "Parquet file. A table of slices has a column example_id and source.",
    ),
    case("transfer map.parquet map.parquet --slices empty", "empty is a folder", "at least one"),
    case("preflight done/a/map/seed-0", "holds map.parquet and no training dynamics", "reference"),
    case("preflight train.csv", "train.csv is a file", "`ftft import`"),
    case("export done out", "done/a/map/seed-0/map.parquet", "done/a/reference/seed-0/dynamics."),
    case("export empty out.csv", "empty: a folder", "none is below it"),
    case("run done/a", "done/a: cannot be read", "such as done/a/experiment.yaml."),
    case(
        "push done/a ./there",
        "done/a: holds neither",
        "such as done/a/reference/seed-0/dynamics or done/a/map/seed-0/map.parquet.",
    ),
    case("pull ./train.csv pulled", "train.csv: this is a file", "give"),
    case("run experiment.yaml -o train.csv", "train.csv: the run folder", "a file has this name"),
    case(
        "validate experiment.yaml --set main.model=train.csv", "train.csv: this is a file", "give"
    ),
    case("report nowhere -o a.html", "nowhere does not exist", "folder of a finished run"),
    case("select train.csv -o a.parquet", "train.csv is not a map. Give", "such as runs/NAME."),
    case("select selection.parquet -o a.parquet", "selection.parquet", "not a map"),
    case("select map.parquet --dynamics nowhere -o a.parquet", "nowhere", "Give the folder"),
    case("label-errors map.parquet --burn-in 1", "--burn-in", "--by cleanlab"),
    case("label-errors map.parquet --rows nowhere.yaml", "nowhere.yaml", "ftft init"),
    case("label-errors dynamics --by cleanlab --count 0", "--count 0", "at least 1"),
    case("predict empty train.csv --text text", "empty is not a model folder", "none is below it"),
    case(
        "predict train.csv empty", "arguments seem to be swapped", "`ftft predict empty train.csv`"
    ),
    case(
        "evaluate empty experiment.yaml",
        "experiment.yaml is a file and empty is a folder",
        "`ftft evaluate experiment.yaml empty`",
    ),
    case("predict nowhere train.csv --text text", "nowhere does not exist", "Give the folder"),
    case(
        "label-errors nowhere", "nowhere does not exist", "a dynamics folder", "a run of one seed"
    ),
    case("label-errors selection.parquet", "selection.parquet", "not a map"),
    case("export nowhere a.csv", "nowhere does not exist", "Give the file"),
    case("export train.csv a.csv", "train.csv is not a map", "such as runs/NAME."),
    case("export empty out", "empty", "or a dynamics folder was expected"),
    case("export map.parquet a.csv --rows nowhere.yaml", "nowhere.yaml", "ftft init"),
    case("export dynamics out --rows experiment.yaml", "--rows", "leave it out"),
    case("export dynamics out --coordinates", "dynamics is a folder", "--coordinates"),
    case("export selection.parquet a.jsonl --coordinates", "selection.parquet", "not a map"),
    case("export map.parquet a.jsonl --coordinates --rows e.yaml", "--rows", "leave it out"),
    case("import nowhere", "nowhere", "no such file or folder"),
    case("import empty", "empty", "dynamics_epoch_0.jsonl"),
    case("import train.csv -o a.parquet", "train.csv", "JSON lines"),
    case("import nowhere.pt", "nowhere.pt", "no such file or folder"),
    case("import notes.txt -o a.parquet", "notes.txt", "JSON lines"),
    case("import theirs --labels nowhere.csv", "nowhere.csv", "columns id and label"),
    case("import theirs --labels train.csv", "train.csv, row 1", "'t0' and 'pos'", "Repair"),
    case("import theirs --labels words.csv", "words.csv", "class index from 0"),
    case("import theirs --labels labels.csv", "labels.csv, row 2", "give each id one label"),
    case("import theirs --labels gold.csv", "--labels gold.csv", "theirs holds the gold labels"),
    case("import theirs --labels cut.csv", "cut.csv", "never closed", "columns id and label"),
    case("import theirs --labels huge.csv", "huge.csv, row 1", "class index from 0"),
    case("import theirs --labels notes.txt", "notes.txt", "End it in .csv", "columns id and label"),
    case("transfer map.parquet map.parquet --slices cut.csv", "cut.csv", "never closed"),
    case("import theirs --epochs 3", "--epochs", "theirs holds its epochs"),
    case(
        "import points.jsonl --labels gold.csv -o a.parquet",
        "points.jsonl",
        "no gold label",
        "'t1'",
    ),
    case("import points.jsonl --class-name a", "--class-name", "add --labels"),
    case("import points.jsonl --epochs 1 -o a.parquet", "points.jsonl", "more than the 1 epochs"),
    case("select unlabelled.parquet --balance-labels -o a.parquet", "label '0'", "no effect"),
    case("transfer map.parquet map.parquet --slices slices.csv", "slices.csv", "none of its"),
    case("import theirs --class-name a --class-name a", "['a', 'a']", "different name"),
    case("import theirs --class-name a", "a", "class"),
    case("init nowhere.csv", "nowhere.csv", "does not exist"),
    case("init empty", "empty is a folder, where a file was expected", "Give a CSV"),
    case("init done/..", "is a folder", "such as done/../cut.csv or"),
    case("init notes.txt", "notes.txt", "at least two"),
    case(f"init {LONG}.csv", "xxx", "Name a data file"),
    case("init train.csv --label nothing", "no column 'nothing', which --label", "columns are"),
    case("init train.csv --text nothing", "no column 'nothing', which --text", "columns are"),
    case("init train.csv --text id --text text --text source", "text", "at most 2"),
    case("init train.csv --text text --label text", "'text'", "and as 'label'"),
    case("init train.csv --name ../up", "'../up' cannot name", "use at most 100"),
]
VALUES = [
    case("run experiment.yaml --set nonsense", "--set nonsense", "expected key=value"),
    case("run experiment.yaml --set =", "--set =", "expected key=value"),
    case("run experiment.yaml --set a.b=1", "a: unknown key", "known here"),
    case("run experiment.yaml --set name.x=1", "name is not a mapping", "--set"),
    case("run experiment.yaml --set data.train.path=no.csv", "no.csv", "does not exist in"),
    case("run experiment.yaml --set main.layers=9", "layers is 9", "has 2 layers"),
    case("run experiment.yaml --set main.max_length=999", "max_length is 999", "64 tokens"),
    case("run experiment.yaml --set reference.epochs=1", "reference.epochs", "at least 2"),
    case("run experiment.yaml --set map.burn_in=9", "map.burn_in is 9", "lower map.burn_in"),
    case("run experiment.yaml --set selection.fraction=0.001", "selects none", "raise it"),
    case("run experiment.yaml --set main.model=/nowhere", "main: model /nowhere", "no such folder"),
    case("run experiment.yaml --set main.model=package:../x", "package", "is not installed"),
    case("map dynamics --burn-in -1", "--burn-in -1", "or auto"),
    case("map dynamics --burn-in 3 -o a.parquet", "burn_in", "3"),
    case("map dynamics --ddof 2 -o a.parquet", "ddof", "2"),
    case("map dynamics --ddof -1 -o a.parquet", "ddof", "-1"),
    case("map dynamics --region-fraction 0 -o a.parquet", "region_fraction is 0.0", "0.33"),
    case("map dynamics --region-fraction inf -o a.parquet", "region_fraction is inf", "0.33"),
    case("map dynamics --region-fraction nan -o a.parquet", "region_fraction is nan", "0.33"),
    case("select map.parquet --fraction 0 -o a.parquet", "fraction is 0.0", "0.33"),
    case("select map.parquet --fraction 1.1", "fraction is 1.1", "0.33"),
    case("select map.parquet --fraction -1 -o a.parquet", "fraction is -1.0", "0.33"),
    case("select map.parquet --fraction nan -o a.parquet", "fraction is nan", "0.33"),
    case("select map.parquet --fraction 1e-9 -o a.parquet", "selects none", "Raise"),
    case("select map.parquet --strategy best -o a.parquet", "'best'", "Use one of"),
    case(
        "select map.parquet --strategy ambigous",
        "Did you mean 'ambiguous'?",
        "Use one of",
    ),
    case(
        "label-errors map.parquet --by confidnce -o labels.csv",
        "Did you mean 'confidence'?",
        "Use one of",
    ),
    case("select map.parquet -o a.parquet --balance-by source", "--balance-by", "--slices"),
    case("select map.parquet --slices labels.csv", "--balance-by", "--slices"),
    case(
        "select map.parquet -o a.parquet --slices sources.csv --balance-by colour",
        *("sources.csv: there is no column 'colour', which --balance-by names", "The columns are"),
    ),
    case(
        "select map.parquet -o a.parquet --slices elsewhere.csv --balance-by source",
        *("--balance-by source", "no value for any example"),
    ),
    case("select map.parquet -o a.parquet --strategy random --other-end 0.3", "other end", "Leave"),
    case(
        "validate experiment.yaml --set selection.balance_by=colour",
        *("selection.balance_by", "'colour' is not one of the slices"),
    ),
    case("select map.parquet --strategy loss-clusters -o a.parquet", "--dynamics", "folder"),
    case("select map.parquet --easy-share 2 --strategy ambiguous+easy", "2.0", "must"),
    case("select map.parquet --exclude-label-errors 1", "1.0", "must"),
    case("select map.parquet --exclude-label-errors -1 -o a.parquet", "-1.0", "must"),
    case(
        "select map.parquet --exclude-label-errors 0.9 -o a.parquet",
        "only 6 can be",
        "exclude fewer",
    ),
    case(
        "select map.parquet --keep-label-proportions --balance-labels -o a.parquet",
        *("label", "exclude each other"),
    ),
    case(
        "select map.parquet -o a.parquet --strategy loss-clusters --dynamics dynamics "
        "--num-clusters 0",
        *("num_clusters is 0", "above 0"),
    ),
    case("label-errors map.parquet --count 0", "0 label-error candidates", "from 1 to 64"),
    case("label-errors map.parquet --count -5", "-5 label-error candidates", "from 1 to 64"),
    case("label-errors map.parquet --by loss", "'loss'", "Use one of", "cleanlab"),
    case("label-errors map.parquet -o a.xls", "a.xls", "End the name in .csv"),
    case("export map.parquet a.xls", "a.xls", "End the name in .csv"),
    case("export dynamics out.csv", "out.csv", "name of a folder"),
]
OUTPUTS = [
    # What is wrong with the input comes before what is wrong with the output.
    case("report nowhere -o notes.txt", "nowhere does not exist", "folder of a finished run"),
    case("report train.csv -o notes.txt", "train.csv is not a map", "such as runs/NAME."),
    case("report experiment.yaml -o a.html", "experiment.yaml is not a map", "of a run"),
    case("select train.csv", "train.csv is not a map", "such as runs/NAME."),
    case("select selection.parquet", "selection.parquet", "not a map"),
    case("map train.csv", "train.csv is a file", "`ftft import`"),
    case("map nowhere", "nowhere does not exist", "Give the folder"),
    case("map done", "done is the folder of a run or a study", "give done/a/reference/seed-0"),
    case("label-errors dynamics --by word -o a.xls", "a.xls", "End the name in .csv"),
    case("label-errors nowhere -o train.csv", "nowhere does not exist", "Give the file"),
    case("preflight nowhere -o notes.txt", "nowhere does not exist", "Give the folder"),
    case("transfer map.parquet nowhere -o notes.txt", "nowhere does not exist", "Give the file"),
    case("predict nowhere train.csv -o train.csv", "nowhere does not exist", "Give the folder"),
    case("evaluate experiment.yaml nowhere -o notes.txt", "nowhere", "Give the folder"),
    case("map dynamics", "map.parquet already exists", "--overwrite"),
    case("map dynamics -o train.csv", "train.csv", "end the name in .parquet"),
    case("map dynamics -o train.csv --overwrite", "train.csv", "end the name in .parquet"),
    case("map dynamics -o map.parquet", "map.parquet already exists", "--overwrite"),
    case("map dynamics -o empty", "empty is a folder", "name of a file"),
    case("map dynamics -o empty --overwrite", "empty is a folder", "name of a file"),
    case("map dynamics -o loop.yaml", "loop.yaml", "end the name in .parquet"),
    case("map dynamics -o notes.txt/map.parquet", "notes.txt/map.parquet", "cannot be written"),
    case("map dynamics -o /proc/ftft/map.parquet", "/proc/ftft/map.parquet", "is writable"),
    case(f"map dynamics -o {LONG}", "xxx", "cannot be written"),
    case("select map.parquet", "selection.parquet already exists", "--overwrite"),
    case("select map.parquet -o map.parquet", "map.parquet already exists", "--overwrite"),
    case("select map.parquet -o notes.txt/s.parquet", "notes.txt/s.parquet", "cannot be written"),
    case("label-errors map.parquet -o train.csv", "train.csv already exists", "--overwrite"),
    case("label-errors map.parquet -o notes.txt/e.csv", "notes.txt/e.csv", "cannot be written"),
    case("export map.parquet train.csv", "train.csv already exists", "--overwrite"),
    case("export map.parquet mine", "mine", "is not empty"),
    case("export map.parquet mine --overwrite", "mine", "needs a new one"),
    case("export map.parquet empty", "empty already exists", "new folder"),
    case("export map.parquet notes.txt/a.csv", "notes.txt/a.csv", "cannot be written"),
    case("export map.parquet notes.txt/a.csv --coordinates", "notes.txt/a.csv", "is writable"),
    case("export dynamics theirs", "theirs", "is not empty"),
    case("export dynamics notes.txt/a", "notes.txt/a", "cannot be written"),
    case("import theirs", "dynamics is not empty", "new folder"),
    case("import theirs -o mine", "mine is not empty", "remove this one first"),
    case("import theirs -o notes.txt", "notes.txt", "cannot be written"),
    case("import theirs -o notes.txt/d", "notes.txt/d", "cannot be written"),
    case("init train.csv -o experiment.yaml", "experiment.yaml already exists", "--overwrite"),
    case("init train.csv -o empty", "empty is a folder", "name of a file"),
    case("init train.csv -o notes.txt/e.yaml", "notes.txt/e.yaml", "cannot be written"),
    case(f"evaluate experiment.yaml {MODEL} -o train.csv", "train.csv already", "--overwrite"),
    case(f"evaluate experiment.yaml {MODEL} -o empty", "empty is a folder", "name of a file"),
    case(f"evaluate experiment.yaml {MODEL} -o notes.txt/s.json", "notes.txt", "cannot be written"),
    case("demo", "demo/data/train.csv already exists", "--overwrite"),
    case("demo -o notes.txt/demo", "notes.txt/demo", "cannot be written"),
    *(
        case(f"{command} experiment.yaml -o {place}", *words)
        for command in ("run", "validate", "record", "train")
        for place, words in {
            ".": ("experiment.yaml already exists", "choose another run folder"),
            "mine": ("mine/experiment.yaml already exists", "choose another run folder"),
            "results": ("results/results.json already exists", "choose another run folder"),
            "notes.txt": ("notes.txt", "cannot be written"),
            "notes.txt/run": ("notes.txt/run", "cannot be written"),
            LONG: ("xxx", "cannot be written"),
        }.items()
    ),
]  # fmt: skip
CASES = [*USAGE, *FILES, *VALUES, *OUTPUTS]


@parametrised(CASES)
def test_is_refused(here, ftft, case):
    with untouched(here):
        check_command(ftft(*case.also), case.words)


def test_debug_shows_where_and_nothing_else_does(here, ftft):
    for line in ("run nowhere.yaml", "map empty -o a.parquet", "init notes.txt"):
        assert "Traceback (most recent call last)" in ftft(*line.split(), "--debug").err
        assert "Traceback" not in ftft(*line.split()).err


@pytest.mark.parametrize("count", ["2", "many", "", "0", "-1"])
def test_an_environment_of_several_processes(here, ftft, monkeypatch, count):
    monkeypatch.setenv("WORLD_SIZE", count)
    with untouched(here):
        check_command(ftft("run", "experiment.yaml"), (f"WORLD_SIZE is {count}", "unset"))


class TestOverwrite:
    """Given by name it replaces a file, and only then."""

    @pytest.fixture(autouse=True)
    def _copy(self, prepared, tmp_path, ftft):
        for name in ("map.parquet", "selection.parquet", "train.csv", "experiment.yaml"):
            shutil.copy(prepared / name, tmp_path)
        for name in ("dynamics", "demo"):
            shutil.copytree(prepared / name, tmp_path / name)

    @pytest.mark.parametrize(
        ("line", "written"),
        [
            ("map dynamics --burn-in 1", "map.parquet"),
            ("select map.parquet --fraction 0.1", "selection.parquet"),
            ("label-errors map.parquet -o train.csv", "train.csv"),
            ("export map.parquet train.csv", "train.csv"),
            ("export map.parquet train.csv --coordinates", "train.csv"),
            ("init train.csv -o experiment.yaml", "experiment.yaml"),
        ],
    )
    def test_replaces_one_file(self, ftft, tmp_path, line, written):
        before = snapshot(tmp_path)
        assert ftft(*line.split()).code == 2
        assert snapshot(tmp_path) == before
        outcome = ftft(*line.split(), "--overwrite")
        assert outcome.code == 0, outcome.err
        after = snapshot(tmp_path)
        assert after.keys() == before.keys()
        assert [name for name in before if after[name] != before[name]] == [written]

    def test_a_link_is_replaced_not_written_through(self, ftft, tmp_path):
        (tmp_path / "link.parquet").symlink_to("train.csv")
        before = (tmp_path / "train.csv").read_bytes()
        assert ftft("map", "dynamics", "-o", "link.parquet").code == 2
        assert ftft("map", "dynamics", "-o", "link.parquet", "--overwrite").code == 0
        assert (tmp_path / "train.csv").read_bytes() == before
        assert not (tmp_path / "link.parquet").is_symlink()

    def test_the_demo_keeps_what_was_changed(self, tmp_path):
        from ftft.demo.prepare import prepare_demo
        from ftft.errors import WorkspaceError

        prepare_demo(tmp_path / "new")
        (tmp_path / "new/demo.yaml").write_text("edited")
        before = snapshot(tmp_path / "new")
        with pytest.raises(WorkspaceError, match=r"demo\.yaml already exists"):
            prepare_demo(tmp_path / "new")
        assert snapshot(tmp_path / "new") == before
        prepare_demo(tmp_path / "new", overwrite=True)
        assert (tmp_path / "new/demo.yaml").read_text() != "edited"


def test_a_lock_that_is_a_link_is_not_written_through(here, ftft, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "run/.lock").symlink_to(tmp_path / "precious")
    with untouched(tmp_path):
        outcome = ftft("run", "experiment.yaml", "-o", tmp_path / "run")
        check_command(outcome, (".lock: the run folder cannot be locked", "choose a folder"))


def test_the_command_itself_in_a_process_of_its_own(prepared, preloaded):
    lines = (
        ["select", "train.csv", "-o", "a"],
        ["run", "run", "\udcff"],
    )
    for line in lines:
        process = subprocess.run(
            [preloaded, "-c", "from ftft.cli import main; main()", *line],
            cwd=prepared,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 2
        assert process.stdout == ""
        assert "Traceback" not in process.stderr


WORDS = st.sampled_from(
    [
        *("run", "map", "select", "init", "export", "import", "label-errors", "evaluate", "train"),
        *("validate", "dynamics", "map.parquet", "selection.parquet", "train.csv", "theirs"),
        *("experiment.yaml", "nowhere", "empty", "notes.txt", "-o", "--output", "--set", "--rows"),
        *("--fraction", "--burn-in", "--count", "--by", "--labels", "--text", "--label", "--name"),
        *(
            "0",
            "-1",
            "1e9",
            "nan",
            "",
            " ",
            "=",
            "a=b",
            "name=",
            "--",
            "-",
            "\x1b[2J",
            "é",
        ),
    ]
)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(WORDS, max_size=6))
def test_any_words_end_in_a_message(here, ftft, words):
    before = snapshot(here)
    outcome = ftft(*words)
    assert outcome.code in (0, 2), outcome.err
    assert "Traceback" not in outcome.err
    assert "\x1b" not in outcome.out + outcome.err
    after = snapshot(here)
    assert {name: after.get(name) for name in before} == before
    for name in sorted(after.keys() - before.keys(), reverse=True):
        place = here / name
        place.rmdir() if place.is_dir() else place.unlink()


def test_the_corpus_is_large():
    check_corpus("command lines", CASES)
