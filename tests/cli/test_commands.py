"""Every command on a tiny model, from a data file to the table at the end."""

import csv
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from ftft.cartography.datamap import DataMap
from ftft.cartography.trajectories import loss_trajectories
from ftft.cli import main
from ftft.cli.app import app
from ftft.config.load import load_experiment
from ftft.data import load_data
from ftft.dynamics.container import TrainingDynamics
from ftft.dynamics.store import read_dynamics, write_dynamics
from ftft.errors import ModelError
from ftft.selection.selection import Selection
from ftft.selection.strategies import select
from ftft.workspace.stage_record import write_record

COMMANDS = [command.name for command in app.registered_commands]


class TestHelp:
    def test_of_the_whole(self, ftft):
        outcome = ftft("--help")
        assert outcome.code == 0
        assert "Start with `ftft demo`" in outcome.out
        for command in COMMANDS:
            assert f"\n  {command} " in outcome.out

    def test_all_the_commands_there_should_be(self):
        asked = {
            "predict",
            "init",
            "validate",
            "run",
            "record",
            "map",
            "select",
            "train",
            "evaluate",
            "demo",
        }
        assert asked <= set(COMMANDS)

    def test_without_a_command(self, ftft):
        outcome = ftft()
        assert outcome.code == 2
        assert "Commands:" in outcome.out + outcome.err

    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_of_each_command(self, ftft, command, flag):
        outcome = ftft(command, flag)
        assert outcome.code == 0
        assert outcome.out.startswith(f"Usage: ftft {command} ")
        assert outcome.err == ""

    def test_every_parameter_is_explained(self, monkeypatch):
        from typer.main import get_command

        for name, command in get_command(app).commands.items():
            assert command.help, name
            for parameter in command.params:
                assert getattr(parameter, "help", None), f"{name}: {parameter.name}"

    def test_version(self, ftft):
        import ftft as package

        assert ftft("--version").out == f"ftft {package.__version__}\n"


def test_from_a_data_file_to_a_finished_model(ftft, tmp_path, tiny_model, review_files):
    """What the README says: init, validate, run."""
    models = ("--reference", tiny_model, "--main", tiny_model)
    started = ftft("init", "train.csv", *models, "--name", "train")
    assert started.code == 0
    assert started.out.startswith("# An experiment for ftft.")
    (tmp_path / "experiment.yaml").write_text(started.out)
    changes = [
        *("--set", "data.test_ood={ood: {path: ood.csv}}", "--set", "reference.layers=1"),
        *("--set", "reference.max_length=16", "--set", "main.max_length=16"),
        *("--set", "main.learning_rate=5e-3", "--set", "main.epochs=2"),
        *("--set", "reference.epochs=3", "--set", "baselines=[]"),
    ]
    valid = ftft("validate", "experiment.yaml", *changes)
    assert valid.code == 0
    assert "experiment.yaml: valid" in valid.out
    assert not (tmp_path / "runs").exists()

    ran = ftft("run", "experiment.yaml", *changes)
    assert ran.code == 0
    assert "train: accuracy in %" in ran.out
    assert "Early stopping: FTFT: " in ran.out
    assert "Early stopping: FTFT: " in (tmp_path / "runs/train/report.html").read_text()
    header = next(line for line in ran.out.splitlines() if "method" in line)
    for title in ("ID", "OOD (ood)", "FLOPs / ERM", "seconds / ERM"):
        assert title in header
    assert "│ FTFT " in ran.out
    assert "ERM was not run" in ran.out
    assert "main models: runs/train/main/seed-*/model" in ran.out.splitlines()
    assert "results: runs/train/results.json" in ran.out.splitlines()
    assert str(tmp_path) not in ran.out + ran.err
    assert "reference/seed-0: done in" in ran.err
    assert "done" not in ran.out
    results = json.loads((tmp_path / "runs/train/results.json").read_text())
    assert [run["method"] for run in results["runs"]] == ["ftft"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_experiment):
    """A folder with an experiment that was run by the command line, ERM beside it."""
    folder = tmp_path_factory.mktemp("finished")
    make_experiment(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["ftft", "run", "experiment.yaml", "-o", "out"])
        with pytest.raises(SystemExit, match="0"):
            main()
    return folder


class TestPieces:
    """The stages as commands of their own, on what a run left."""

    @pytest.fixture(autouse=True)
    def _here(self, finished, tmp_path):
        for file in finished.glob("*.*"):
            shutil.copy(file, tmp_path)
        shutil.copytree(finished / "out", tmp_path / "out")

    def test_run_again(self, ftft, tmp_path):
        before = (tmp_path / "out/results.json").read_bytes()
        again = ftft("run", "experiment.yaml", "--output", "out")
        assert again.code == 0
        assert again.err.count("done before") == 7
        assert "done in" not in again.err
        assert "│ ERM " in again.out
        assert (tmp_path / "out/results.json").read_bytes() == before

    def test_the_runs_own_experiment_file_goes_on_in_its_folder(self, ftft):
        again = ftft("run", "out/experiment.yaml", "-o", "out")
        assert again.code == 0
        assert "done in" not in again.err

    def test_no_output_replaces_what_the_run_wrote(self, ftft):
        dynamics = "out/reference/seed-0/dynamics"
        writes = (
            ("report", "out", "-o", "out/experiment.yaml"),
            ("report", "out", "-o", "out/map/seed-0/stage.json"),
            ("init", "train.csv", "-o", "out/experiment.yaml"),
            ("evaluate", "experiment.yaml", "out", "-o", "out/results.json"),
            ("map", "out/reference/seed-0", "-o", "out/map/seed-0/map.parquet"),
            ("select", "out", "-o", "out/selection/seed-0/selection.parquet"),
            ("export", "out", "out/selection/seed-0/selection.parquet"),
            ("label-errors", "out", "-o", f"{dynamics}/examples.parquet"),
            ("preflight", "out/reference/seed-0", "-o", f"{dynamics}/header.json"),
            ("predict", "out", "train.csv", "-o", "out/map/seed-0/map.parquet"),
        )
        for command in writes:
            outcome = ftft(*command, "--overwrite")
            assert outcome.code == 2, command
            assert f"{command[-1]} is a file of the " in outcome.err
        assert ftft("report", "out", "-o", "out/report.html", "--overwrite").code == 0
        assert ftft("run", "experiment.yaml", "-o", "out").err.count("done before") == 7

    def test_record_map_select_train_evaluate(self, ftft, tmp_path):
        recorded = ftft("record", "experiment.yaml", "-o", "out")
        assert recorded.code == 0
        dynamics = recorded.out.strip()
        assert dynamics == "out/reference/seed-0/dynamics"

        drawn = ftft("map", dynamics, "-o", "maps/map.parquet", "--burn-in", 1)
        assert drawn.code == 0
        assert "data map of 64 examples" in drawn.out
        assert "ambiguous" in drawn.out
        assert pq.read_table("maps/map.parquet").num_rows == 64

        chosen = ftft("select", "maps/map.parquet", "--fraction", 0.25, "-o", "chosen.parquet")
        assert chosen.code == 0
        first, labels, lengths = chosen.out.splitlines()
        assert labels.startswith("by label: ")
        assert first == "16 of 64 examples (ambiguous), written to chosen.parquet"
        assert lengths.startswith("tokens an example: selected mean ")

        trained = ftft(
            *("train", "experiment.yaml", "--selection", "chosen.parquet", "-o", "out"),
            *("--set", "main.patience=null"),
        )
        assert trained.code == 0
        model = trained.out.strip()
        assert model == "out/given/seed-0/model"
        # The same as a list of ids, which trains nothing again.
        assert ftft("export", "chosen.parquet", "ids.csv").code == 0
        listed = ftft(
            *("train", "experiment.yaml", "--selection", "ids.csv", "-o", "out"),
            *("--set", "main.patience=null"),
        )
        assert listed.code == 0, listed.err
        assert listed.out.strip() == model
        assert "given/seed-0: done before" in listed.err
        assert "given/seed-0: 4 steps; dev accuracy 0." in trained.err

        other = ftft("train", "experiment.yaml", "--selection", "dev.csv", "-o", "out")
        assert other.code == 2
        assert "24 of 24 example ids are not in it" in other.err

        scored = ftft("evaluate", "experiment.yaml", model, "--output", "new/scores.json")
        assert scored.code == 0
        for part in ("test", "ood", "source = web", "source = print", "macro-F1"):
            assert part in scored.out
        scores = json.loads((tmp_path / "new/scores.json").read_text())
        assert set(scores) == {"test", "ood"}
        assert scores["ood"]["metrics"]["examples"] == 24

    def test_map_and_select_say_what_the_run_did(self, ftft):
        ftft("map", "out/reference/seed-0/dynamics", "-o", "map.parquet", "--burn-in", 0)
        ftft("select", "map.parquet", "-o", "selection.parquet")
        for name in ("map", "selection"):
            ours = pq.read_table(f"out/{name}/seed-0/{name}.parquet")
            assert pq.read_table(f"{name}.parquet").equals(ours)

    def test_evaluate_says_what_the_run_said(self, ftft, tmp_path):
        results = json.loads((tmp_path / "out/results.json").read_text())
        run = next(run for run in results["runs"] if run["method"] == "ftft")
        for sets in ("dev", "test"):
            arguments = ("experiment.yaml", "out/main/seed-0/model", "--sets", sets)
            assert ftft("evaluate", *arguments, "-o", f"{sets}.json").code == 0
            scores = json.loads((tmp_path / f"{sets}.json").read_text())
            for name, values in run["scores"][sets].items():
                for metric, value in values.items():
                    assert scores[name]["metrics"][metric] == pytest.approx(value, abs=1e-12)

    @pytest.mark.parametrize("given", ["out", "out/main/seed-0", "out/main/seed-0/model"])
    def test_predict_knows_the_runs_columns_and_agrees_with_its_scores(self, ftft, tmp_path, given):
        said = ftft("predict", given, "test.csv", "-o", "predicted.csv", "--id", "label")
        assert said.code == 0
        with (tmp_path / "predicted.csv").open() as file:
            rows = list(csv.DictReader(file))
        right = sum(row["label"] == row["prediction"] for row in rows) / len(rows)
        results = json.loads((tmp_path / "out/results.json").read_text())
        run = next(run for run in results["runs"] if run["method"] == "ftft")
        assert right == pytest.approx(run["scores"]["test"]["test"]["accuracy"])

    def test_predict_takes_over_the_runs_ids_where_the_rows_have_them(self, ftft, tmp_path):
        (tmp_path / "new.csv").write_text("text,id\ngood film,a\nbad film,b\n")
        said = ftft("predict", "out", "new.csv", "-o", "new.parquet")
        assert "note: the run's ids, 'id', are written too" in said.err
        assert pq.read_table(tmp_path / "new.parquet")["id"].to_pylist() == ["a", "b"]
        (tmp_path / "plain.csv").write_text("text\ngood film\nbad film\n")
        said = ftft("predict", "out", "plain.csv", "-o", "plain.parquet")
        assert said.code == 0
        assert "the run's ids" not in said.err
        (tmp_path / "other.csv").write_text("title,body\na,good film\nb,bad film\n")
        said = ftft("predict", "out", "other.csv")
        assert "'text', which the model's run names. " in said.err
        assert "Name the text column of this file with --text" in said.err

    def test_train_without_a_selection_is_erm(self, ftft):
        trained = ftft("train", "experiment.yaml", "-o", "out")
        assert trained.code == 0
        assert trained.out.strip() == "out/erm/seed-0/model"
        assert "erm/seed-0: done before" in trained.err

    @pytest.mark.parametrize("strategy", ["ambiguous", "hard-to-learn", "easy-to-learn", "random"])
    def test_strategies(self, ftft, strategy):
        arguments = ("--strategy", strategy, "--fraction", 0.5, "--keep-label-proportions")
        chosen = ftft("select", "out/map/seed-0/map.parquet", *arguments)
        assert chosen.code == 0
        assert pq.read_table("selection.parquet").num_rows == 32

    def test_label_errors_and_export(self, ftft, tmp_path):
        ranked = ftft("label-errors", "out/map/seed-0/map.parquet", "--count", 3, "-o", "e.csv")
        assert ranked.code == 0
        assert len((tmp_path / "e.csv").read_text().splitlines()) == 4
        exported = ftft(
            *("export", "out/selection/seed-0/selection.parquet", "rows.jsonl"),
            *("--rows", "experiment.yaml"),
        )
        assert exported.code == 0
        rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert len(rows) == 21
        assert {"example_id", "text"} <= set(rows[0])

    def test_folders_of_stages_are_taken(self, ftft, tmp_path):
        assert ftft("select", "out/map/seed-0", "-o", "a.parquet").code == 0
        for folder, name, what in (
            ("out/map/seed-0", "map.csv", "64 rows"),
            ("out/selection/seed-0", "selection.csv", "21 rows"),
            ("out/reference/seed-0", "cartography", "64 examples at 3 points"),
        ):
            exported = ftft("export", folder, tmp_path / name)
            assert exported.out.splitlines()[-1] == f"{what} written to {name}"
        assert ftft("label-errors", "out/reference/seed-0").code == 0
        assert ftft("map", "out/reference/seed-0", "-o", "b.parquet").code == 0
        trained = ftft("train", "experiment.yaml", "--selection", "out/selection/seed-0")
        assert trained.code == 0
        assert "given/seed-0/model" in trained.out
        # Damage is noticed as where the file is named.
        with (tmp_path / "out/map/seed-0/map.parquet").open("ab") as file:
            file.write(b"x")
        refused = ftft("select", "out/map/seed-0", "-o", "c.parquet")
        assert refused.code == 2
        assert "of the finished stage map/seed-0" in refused.err

    def test_a_run_of_one_seed_stands_for_its_map_and_selection(self, ftft, tmp_path):
        for run, stage, name in (("out", "out/map/seed-0", "a"), ("out/map", "", "b")):
            chosen = ftft("select", run, "-o", f"{name}.parquet")
            if not stage:
                assert chosen.code == 2, "a kind of stage is no run"
                continue
            assert chosen.code == 0, chosen.err
            assert f"out: its only map is taken, {stage}/map.parquet" in chosen.err
        assert ftft("export", "out", "chosen.csv").code == 0
        assert ftft("export", "out/selection/seed-0", "same.csv").code == 0
        assert (tmp_path / "chosen.csv").read_text() == (tmp_path / "same.csv").read_text()
        assert ftft("export", "out", "coordinates.jsonl", "--coordinates").code == 0
        shown = ftft("label-errors", "out", "--count", 1)
        assert "model prefers" in shown.out
        for kind in ("map", "selection"):
            shutil.copytree(tmp_path / "out" / kind / "seed-0", tmp_path / "out" / kind / "seed-1")
        for command in (("select", "out", "-o", "c.parquet"), ("export", "out", "d.csv")):
            refused = ftft(*command)
            assert refused.code == 2
            kind = "map" if command[0] == "select" else "selection"
            for seed in (0, 1):
                assert f"out/{kind}/seed-{seed}/{kind}.parquet" in refused.err

    def test_a_selection_says_what_was_drawn_and_of_which_labels(self, ftft):
        ways = ("--strategy", "late-learnt", "--fraction", 0.5, "--random-share", 0.25)
        chosen = ftft("select", "out/map/seed-0", *ways, "-o", "a.parquet")
        assert "of these 8 (25%) drawn at random from what the strategy leaves" in chosen.out
        drawn = DataMap.read("out/map/seed-0")
        labels = dict(zip(drawn.example_ids.to_pylist(), drawn.labels, strict=True))
        ids = Selection.read("a.parquet").example_ids.to_pylist()
        for code, name in enumerate(drawn.class_names):
            held = sum(labels[one] == code for one in ids)
            assert f"{name} {held} of {(drawn.labels == code).sum()}" in chosen.out
        balanced = ftft("select", "out/map/seed-0", *ways, "--balance-labels", "-o", "b.parquet")
        assert "of these about 8 (25%) drawn at random" in balanced.out

    def test_label_errors_are_written_with_their_texts(self, ftft, tmp_path):
        assert ftft("label-errors", "out/map/seed-0", "--count", 5, "-o", "e.csv").code == 0
        with (tmp_path / "train.csv").open() as file:
            texts = {row["id"]: row["text"] for row in csv.DictReader(file)}
        with (tmp_path / "e.csv").open() as file:
            found = list(csv.DictReader(file))
        assert [one["text"] for one in found] == [texts[one["example_id"]] for one in found]

    def test_a_model_that_learnt_nothing_says_so_with_its_predictions(self, ftft, tmp_path):
        line = ("predict", "out", "test.csv")
        record = json.loads((tmp_path / "out/main/seed-0/stage.json").read_text())
        (accuracy,) = (one["accuracy"] for one in record["result"]["dev_scores"].values())
        floor = record["result"]["dev_floors"]["dev"]
        warned = "note: on dev this model was no better than always answering" in ftft(*line).err
        assert warned == (accuracy <= floor)
        for known in (True, False):  # an older version left it to the results
            for moved in (-0.1, 0.0, 0.1):
                floors = {"dev_floors": {"dev": accuracy + moved}} if known else {}
                result = {k: v for k, v in record["result"].items() if k != "dev_floors"} | floors
                rest = {key: value for key, value in record.items() if key != "sha256"}
                write_record(tmp_path / "out/main/seed-0", rest | {"result": result})
                values = json.loads((tmp_path / "out/results.json").read_text())
                values["data"]["floors"] = {"dev": 1.0 if known else accuracy + moved}
                (tmp_path / "out/results.json").write_text(json.dumps(values))
                said = ftft(*line)
                assert said.code == 0, said.err
                assert ("no better than always" in said.err) == (moved >= 0)

    def test_label_errors_show_what_is_needed_to_judge_them(self, ftft, tmp_path):
        """The text, the given label and the one the model prefers; all columns in the file."""
        with (tmp_path / "train.csv").open() as file:
            rows = {row["id"]: row for row in csv.DictReader(file)}
        line = ("label-errors", "out/map/seed-0", "--count", 64, "-o", "e.csv")
        shown = ftft(*line, "--rows", "experiment.yaml")
        assert shown.code == 0
        with (tmp_path / "e.csv").open() as file:
            found = list(csv.DictReader(file))
        assert {*found[0]} == {
            *("example_id", "label", "preferred", "aum", "rank"),
            *("id", "text", "source"),
        }
        dynamics = read_dynamics(tmp_path / "out/reference/seed-0/dynamics")
        logits = np.stack([dynamics.epoch_logits(epoch) for epoch in dynamics.epochs])
        odds = np.exp(logits - logits.max(axis=2, keepdims=True))
        best = (odds / odds.sum(axis=2, keepdims=True)).mean(axis=0).argmax(axis=1)
        preferred = dict(zip(dynamics.example_ids.to_pylist(), best, strict=True))
        for one in found:
            row = rows[one["example_id"]]
            assert (one["text"], one["source"]) == (row["text"], row["source"])
            assert one["preferred"] == dynamics.class_names[preferred[one["example_id"]]]
        assert all(title in shown.out for title in ("model prefers", "text"))
        first = rows[found[0]["example_id"]]
        assert first["text"] in ftft("label-errors", "out/map/seed-0", "--count", 1).out

    @pytest.mark.parametrize(
        ("folder", "given"), [("seed-0", "."), ("seed-0", "map.parquet"), ("", "seed-0")]
    )
    def test_label_errors_of_a_map_by_a_short_path(
        self, ftft, tmp_path, monkeypatch, folder, given
    ):
        monkeypatch.chdir(tmp_path / "out/map" / folder)
        shown = ftft("label-errors", given, "--count", 1)
        assert shown.code == 0, shown.err
        assert "model prefers" in shown.out

    def test_dynamics_there_and_back(self, ftft):
        dynamics = "out/reference/seed-0/dynamics"
        assert ftft("export", dynamics, "cartography").code == 0
        assert ftft("import", "cartography", "-o", "back").code == 0
        for folder, name in ((dynamics, "a.parquet"), ("back", "b.parquet")):
            assert ftft("map", folder, "-o", name).code == 0
        columns = ["example_id", "variability", "correctness"]
        first, second = (
            pq.read_table(name, columns=columns) for name in ("a.parquet", "b.parquet")
        )
        assert first.sort_by("example_id").equals(second.sort_by("example_id"))

    def test_init_says_where_columns_were_found(self, ftft):
        text = ftft("init", "train.csv", "--label", "source", "--text", "text").out
        assert "label: source" in text
        assert "# Found in the file: " in text
        assert "web (" in text


def test_init_to_a_file_elsewhere_keeps_the_path_right(ftft, tmp_path, tiny_model, review_files):
    models = ("--reference", tiny_model, "--main", tiny_model)
    assert ftft("init", "train.csv", *models, "-o", "conf/x.yaml").code == 0
    short = ("--set", "reference.max_length=16", "--set", "main.max_length=16")
    assert ftft("validate", "conf/x.yaml", *short).code == 0
    again = ftft("init", "train.csv", *models, "-o", "conf/x.yaml")
    assert again.code == 2
    assert "already exists" in again.err


def test_an_exported_selection_has_texts_and_labels(ftft, tmp_path, experiment_file):
    assert ftft("record", "experiment.yaml", "--output", "run").code == 0
    assert ftft("map", "run/reference/seed-0/dynamics").code == 0
    assert ftft("select", "map.parquet").code == 0
    joined = ftft("export", "selection.parquet", "chosen.csv", "--rows", "experiment.yaml")
    assert joined.code == 0
    header, first, *_ = (tmp_path / "chosen.csv").read_text().splitlines()
    assert header.replace('"', "") == "example_id,score,rank,id,text,label,source"
    assert first.replace('"', "").split(",")[-2] in ("neg", "pos")
    refused = ftft("export", "run/reference/seed-0/dynamics", "out", "--rows", "experiment.yaml")
    assert refused.code == 2


@pytest.mark.parametrize(
    ("names", "sources", "called"),
    [
        (("premise", "hypothesis"), 1, ["premise", "hypothesis"]),
        (("premise", "score"), 1, ["premise", "original_score"]),
        (("premise", "label"), 1, ["premise", "label"]),
        (("premise", "hypothesis"), 2, ["text", "text_2"]),
    ],
)
def test_exported_texts_are_called_as_in_the_data(ftft, tmp_path, names, sources, called):
    for number, columns in enumerate([names, ("sentence1", "sentence2")][:sources]):
        lines = [f"p{i},h{i} {number},{'no' if i % 2 else 'yes'}" for i in range(20)]
        text = "\n".join([",".join([*columns, "gold"]), *lines])
        (tmp_path / f"{number}.csv").write_text(text, encoding="utf-8")
    data = [
        {"path": f"{number}.csv", "text": list(columns), "label": "gold"}
        for number, columns in enumerate([names, ("sentence1", "sentence2")][:sources])
    ]
    models = {"reference": {"model": "a/b"}, "main": {"model": "a/b"}}
    content = {"name": "x", "data": {"train": data, "holdout": 0.2}, **models}
    (tmp_path / "x.yaml").write_text(json.dumps(content), encoding="utf-8")
    train = load_data(load_experiment(tmp_path / "x.yaml").data).train
    unmeasured = DataMap.unmeasured(train.example_ids, train.labels, train.class_names)
    select(unmeasured, "random", 0.5).write(tmp_path / "s.parquet")
    outcome = ftft("export", "s.parquet", "s.jsonl", "--rows", "x.yaml")
    assert outcome.code == 0, outcome.err
    row = json.loads((tmp_path / "s.jsonl").read_text().splitlines()[0])
    assert list(row) == ["example_id", "score", "rank", *called, "gold"]
    assert row[called[0]].startswith("p")


@pytest.mark.parametrize(
    ("columns", "source", "of", "written"),
    [
        ("nr,comment,rating,site", {"slices": ["site"]}, "selection", "nr,comment,rating,site"),
        ("nr,comment,rating,site", {"slices": ["site"]}, "map", "nr,comment,rating,site"),
        ("example_id,text,label,rank", {}, "selection", "text,label,original_rank"),
        ("id,text,label,score", {}, "map", "id,text,score"),
        (
            *("nr,comment,rating,site", {"labels": {"no": "bad", "yes": "good"}}),
            *("selection", "label,nr,comment,rating,site"),
        ),
        (
            *("id,text,label,site", {"labels": {"no": "bad", "yes": "good"}}),
            *("selection", "id,text,label,original_label,site"),
        ),
        (
            *("id,text,label,site", {"labels": {"no": "bad", "yes": "good"}}),
            *("map", "id,text,original_label,site"),
        ),
        ("id,text,label,original_foo", {}, "selection", "id,text,label,original_foo"),
    ],
)
def test_exported_rows_keep_their_own_names(ftft, tmp_path, columns, source, of, written):
    """What a table has already, ids and classes, is not written twice under one name."""
    names = columns.split(",")
    own, row, cells = exported(ftft, tmp_path, columns, source, of)
    assert list(row) == [*own, *written.split(",")]
    for name, cell in zip(names, cells, strict=True):
        assert row.get(f"original_{name}", row[name]) == cell


@pytest.mark.parametrize(
    ("columns", "label", "of", "written"),
    [
        # Before and after the column that is mapped; the number is the cell's in the file.
        (
            *("id,text,original_label,label", 3, "selection"),
            {"original_label": 2, "label": None, "original_original_label": 3},
        ),
        (
            *("id,text,label,original_label", 2, "selection"),
            {"label": None, "original_original_label": 2, "original_label": 3},
        ),
        (
            *("id,text,original_label,label", 3, "map"),
            {"original_label": 2, "original_original_label": 3},
        ),
        # Ids are read from another column.
        (
            *("id,text,label,original_example_id,example_id", 2, "selection"),
            {"label": None, "original_label": 2}
            | {"original_example_id": 3, "original_original_example_id": 4},
        ),
    ],
)
def test_exported_rows_beside_a_column_that_is_called_original(
    ftft, tmp_path, columns, label, of, written
):
    names = columns.split(",")
    mapped = {"labels": {"no": "bad", "yes": "good"}, "label": names[label]}
    own, row, cells = exported(ftft, tmp_path, columns, mapped, of, label)
    assert list(row) == [*own, "id", "text", *written]
    for name, place in written.items():
        expected = mapped["labels"][cells[label]] if place is None else cells[place]
        assert row[name] == expected


def test_exported_rows_whose_ids_stand_beside_original_ones(ftft, tmp_path):
    own, row, cells = exported(
        ftft, tmp_path, "example_id,text,label,original_example_id", {}, "selection"
    )
    assert list(row) == [*own, "text", "label", "original_example_id"]
    assert row["original_example_id"] == cells[3]


def exported(ftft, tmp_path, columns, source, of, label=2):
    """Columns of a table, the first row of its export, and that row's cells in the file."""
    names = columns.split(",")
    rows = [[f"r{i}", f"text {i}", f"s{i}", f"t{i}"] for i in range(20)]
    for i, row in enumerate(rows):
        row.insert(label, "yes" if i % 2 else "no")
    rows = [row[: len(names)] for row in rows]
    lines = [columns, *(",".join(row) for row in rows)]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    train = {"path": "t.csv", "id": names[0], "text": names[1], "label": names[2], **source}
    models = {"reference": {"model": "a/b"}, "main": {"model": "a/b"}}
    content = {"name": "x", "data": {"train": train, "holdout": 0.2}, **models}
    (tmp_path / "x.yaml").write_text(json.dumps(content), encoding="utf-8")
    data = load_data(load_experiment(tmp_path / "x.yaml").data).train
    drawn = DataMap.unmeasured(data.example_ids, data.labels, data.class_names)
    table = select(drawn, "random", 0.5) if of == "selection" else drawn
    table.write(tmp_path / "t.parquet")
    outcome = ftft("export", "t.parquet", "t.jsonl", "--rows", "x.yaml")
    assert outcome.code == 0, outcome.err
    row = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])
    (cells,) = (one for one in rows if one[0] == row["example_id"])
    return list(table.to_table().column_names), row, cells


def test_importing_what_is_not_there(ftft):
    outcome = ftft("import", "nofile.jsonl")
    assert outcome.code == 2
    assert "nofile.jsonl: there is no such file or folder" in outcome.err


def test_importing_where_a_row_is_missing(ftft, tmp_path):
    import torch

    logits = torch.arange(1.0, 81).reshape(2, 20, 2)
    logits[1, 3] = 0
    torch.save({row: logits[:, row] for row in range(20)}, tmp_path / "uid_to_logits.pt")
    lines = [f"{row},{row % 2}\n" for row in range(20)]
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(lines))
    outcome = ftft("import", "uid_to_logits.pt", "--labels", "labels.csv")
    assert outcome.code == 0
    assert "dynamics of 19 examples, 2 epochs and 2 classes" in outcome.out
    assert (
        "left out: 1 example without a row in some epoch, such as '3', which has none in epoch 1"
        in outcome.out
    )


def test_clusters_are_of_the_points_that_the_map_was_drawn_from(ftft, tmp_path):
    logits = np.random.default_rng(0).normal(size=(4, 60, 2))
    dynamics = TrainingDynamics.from_arrays(logits, np.arange(60) % 2)
    write_dynamics(tmp_path / "dynamics", dynamics)
    datamap = DataMap.from_dynamics(dynamics, burn_in=2)
    datamap.write(tmp_path / "map.parquet")
    clustered = ("--strategy", "loss-clusters", "--num-clusters", 5)
    assert ftft("select", "map.parquet", *clustered, "--dynamics", "dynamics").code == 0
    losses = loss_trajectories(dynamics)
    right, wrong = (
        select(datamap, "loss-clusters", 0.33, num_clusters=5, trajectories=taken)
        for taken in (losses[:, 2:], losses)
    )
    found = Selection.read(tmp_path / "selection.parquet").example_ids
    assert found == right.example_ids
    assert found != wrong.example_ids


@pytest.mark.parametrize("trusted", [True, False])
def test_evaluate_trusts_code_as_the_experiment_says(
    ftft, experiment_file, tiny_model, monkeypatch, trusted
):
    asked = []

    def load(folder, *, task, trust_remote_code=False, base=None):
        asked.append(trust_remote_code)
        raise ModelError("enough is known")

    monkeypatch.setattr("ftft.experiment.evaluate.load_finetuned", load)
    trust = f"main.trust_remote_code={str(trusted).lower()}"
    assert ftft("evaluate", experiment_file, tiny_model, "--set", trust).code == 2
    assert asked == [trusted]


@pytest.mark.parametrize(
    ("model", "is_encoder"),
    [
        ("microsoft/deberta-v3-small", True),
        ("google-bert/bert-base-uncased", True),
        ("FOLDER", True),
        ("openai-community/gpt2", False),
        ("Qwen/Qwen3-0.6B", False),
        (None, False),
    ],
)
def test_init_says_that_an_encoder_writes_no_completions(ftft, tmp_path, model, is_encoder):
    pair = '{"prompt": "the film is", "completion": "good"}\n'
    (tmp_path / "pairs.jsonl").write_text(pair * 3, encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.json").write_text('{"model_type": "roberta"}', encoding="utf-8")
    name = "mine" if model == "FOLDER" else model
    outcome = ftft("init", "pairs.jsonl", *(() if name is None else ("--reference", name)))
    assert outcome.code == 0
    assert "task: causal-lm" in outcome.out
    note = f"note: --reference {name} is an encoder, and prompts with completions need a decoder"
    assert (note in outcome.err) is is_encoder
    assert ("EleutherAI/pythia-70m" in outcome.err) is is_encoder


def test_init_says_nothing_of_an_encoder_for_classes(ftft, review_files):
    assert "encoder" not in ftft("init", "train.csv", "--main", "google-bert/bert-base-cased").err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("validate demo", "loading PyTorch and transformers …\n"),
        ("report nowhere", "loading matplotlib …\n"),
        ("validate demo --quiet", ""),
        ("validate nowhere.yaml", ""),
        ("validate demo --set selection.strategy=ambigous", ""),
        ("validate --help", ""),
        ("select nowhere.parquet", ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_slow_commands_say_first_that_they_load(ftft, monkeypatch, line, said, is_terminal):
    import sys

    monkeypatch.setattr(type(sys.stderr), "isatty", lambda self: is_terminal, raising=False)
    monkeypatch.setattr("ftft.cli.loading._is_loaded", lambda library: False)
    err = ftft(*line.split()).err
    assert err.startswith(said)
    assert ("loading" in err) is bool(said)
