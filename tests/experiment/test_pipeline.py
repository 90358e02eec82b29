"""The whole method on a tiny model: what it writes, reuses, resumes and must not depend on."""

import csv
import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ftft import load_experiment
from ftft import run as run_pipeline
from ftft.config.methods import BASELINES, METHODS, training_names
from ftft.errors import ConfigError, DataError, ModelError, WorkspaceError
from ftft.experiment.maps import draw_map
from ftft.experiment.methods import dm
from ftft.experiment.pipeline import check, opened
from ftft.experiment.selections import select_at_random, select_examples
from ftft.experiment.trainings import train_erm, train_reference
from ftft.report.html import write_report
from ftft.results.read import read_run
from ftft.training.trainer import FineTuner

SEEDS = (0, 1)
EVERYTHING = (f"baselines=[{', '.join(BASELINES)}]", "seeds=[0, 1]")


class Run:
    """One run of an experiment, and what it said."""

    def __init__(self, file, folder, *overrides, replacing=False):
        self.file, self.folder, self.said = file, Path(folder), []
        experiment = load_experiment(file, overrides)
        self.results = run_pipeline(experiment, str(folder), self.said.append, replacing=replacing)

    @property
    def values(self):
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))

    def one(self, method, seed=0):
        return next(
            run for run in self.values["runs"] if (run["method"], run["seed"]) == (method, seed)
        )

    @property
    def reused(self):
        return {line.partition(":")[0] for line in self.said if line.endswith("done before")}

    @property
    def done(self):
        return {line.partition(":")[0] for line in self.said if ": done in" in line}

    def digest(self, stage):
        return json.loads((self.folder / stage / "stage.json").read_text())["digest"]

    def weights(self, stage):
        content = (self.folder / stage / "model/model.safetensors").read_bytes()
        return hashlib.sha256(content).hexdigest()

    def selected(self, stage):
        table = pq.read_table(self.folder / stage / "selection.parquet")
        return table.sort_by("rank").column("example_id").to_pylist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, make_experiment):
    """FTFT and every baseline with two seeds."""
    folder = tmp_path_factory.mktemp("whole")
    return Run(make_experiment(folder), folder / "run", *EVERYTHING)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, make_experiment):
    """FTFT with one seed and no baseline, elsewhere."""
    folder = tmp_path_factory.mktemp("alone")
    return Run(make_experiment(folder), folder / "run", "baselines=[]")


@pytest.fixture(scope="module")
def swapped(tmp_path_factory, make_experiment):
    """The same experiment with other test sets."""
    folder = tmp_path_factory.mktemp("swapped")
    file = make_experiment(folder)
    rows = (folder / "train.csv").read_text().replace("t", "T", 1)
    (folder / "test.csv").write_text(rows.replace("Text", "text"))
    (folder / "ood.csv").write_text((folder / "dev.csv").read_text().replace("hated", "liked"))
    return Run(file, folder / "run", "baselines=[]")


@pytest.fixture
def copied(whole, tmp_path):
    """The finished run folder, somewhere else, to resume."""
    return shutil.copytree(whole.folder, tmp_path / "run")


def keys(values):
    return set(values) if isinstance(values, dict) else None


class TestResults:
    def test_top_level(self, whole):
        values = whole.values
        assert keys(values) == {"schema", "experiment", "metric", "data", "environment", "runs"}
        assert (values["schema"], values["experiment"]) == (1, "tiny")
        assert values["metric"] == "accuracy"
        assert keys(values["data"]) == {
            *("fingerprint", "train_examples", "classes", "sets", "floors", "holdout_seed")
        }
        assert keys(values["data"]["floors"]) == {"dev", "test", "ood"}
        assert all(0.5 <= floor < 1 for floor in values["data"]["floors"].values())
        assert values["data"]["train_examples"] == 64
        assert values["data"]["classes"] == ["neg", "pos"]
        assert values["data"]["sets"] == {
            "dev": {"dev": 24},
            "dev_ood": {},
            "test": {"test": 24},
            "test_ood": {"ood": 24},
        }
        assert len(values["data"]["fingerprint"]) == 32
        packages = values["environment"]["packages"]
        assert packages["torch"] == version("torch")
        assert packages["ftft"]

    def test_a_run_for_every_method_and_seed_in_order(self, whole):
        runs = [(run["method"], run["seed"]) for run in whole.values["runs"]]
        assert runs == [(method, seed) for method in METHODS for seed in SEEDS]

    @pytest.mark.parametrize("method", METHODS)
    def test_every_key_of_a_run(self, whole, method):
        run = whole.one(method)
        assert keys(run) == {
            *("method", "seed", "reference", "main", "strategy", "fraction", "selected"),
            *("steps", "cost", "scores", "slices", "history", "environment", "seeds"),
            *("precision", "parameters", "preflight", "budget", "selection", "map", "lengths"),
            "labels_left_out",
        }
        assert keys(run["steps"]) == {"reference", "main", "kept", "erm", "most", "patience"}
        stops = method in ("erm_es", "ftft", "random", "random_lengths")
        assert (run["steps"]["patience"] is not None) is stops
        assert run["steps"]["most"] >= run["steps"]["main"]
        cost = run["cost"]
        assert keys(cost) == {
            *("flops", "tokens", "seconds", "relative_to_erm"),
            *("erm_estimated", "peak_memory_bytes"),
            *("overhead_seconds", "preparation_seconds"),
            *(("reference_alone",) if cost["flops"]["reference"] else ()),
        }
        for unit in ("flops", "tokens", "seconds"):
            assert keys(cost[unit]) == {"reference", "main", "evaluation", "total"}
            parts = [cost[unit][part] for part in ("reference", "main", "evaluation")]
            assert cost[unit]["total"] == pytest.approx(sum(parts))
            assert cost[unit]["main"] > 0
            assert cost[unit]["evaluation"] > 0
        assert keys(cost["relative_to_erm"]) == {"flops", "seconds"}
        assert cost["erm_estimated"] is False
        assert cost["peak_memory_bytes"] > 0
        assert keys(run["scores"]) == {"dev", "reference_dev", "test"}
        assert keys(run["scores"]["dev"]) == {"dev"}
        assert keys(run["scores"]["dev"]["dev"]) == {"accuracy", "macro_f1"}
        assert keys(run["scores"]["test"]) == {"test", "ood"}
        for scores in run["scores"]["test"].values():
            assert keys(scores) == {"accuracy", "macro_f1", "examples"}
            assert scores["examples"] == 24
        assert keys(run["slices"]) == {"ood"}
        assert keys(run["slices"]["ood"]) == {"source"}
        assert keys(run["slices"]["ood"]["source"]) == {"web", "print"}
        for entry in run["history"]:
            assert keys(entry) == {"step", "dev_accuracy", "dev_macro_f1", "watched"}

    @pytest.mark.parametrize(
        ("method", "reference", "strategy", "fraction", "selected", "steps"),
        [
            ("erm", None, None, 1.0, 64, (0, 12)),
            ("erm_es", None, None, 1.0, 64, (0, 12)),
            # Of these steps those of ERM cost more than those on few examples.
            ("erm_budget", "reference", None, 1.0, 64, (0, 11)),
            ("random", None, "random", 0.33, 21, (0, 4)),
            ("random_budget", "reference", "random", 0.33, 21, (0, 14)),
            ("random_lengths", "reference", "ambiguous", 0.33, 21, (12, 4)),
            ("dm", "main", "ambiguous", 0.33, 21, (12, 12)),
            ("ftft", "reference", "ambiguous", 0.33, 21, (12, 4)),
        ],
    )
    def test_what_each_method_did(
        self, whole, tiny_model, method, reference, strategy, fraction, selected, steps
    ):
        names = {"main": str(tiny_model), "reference": f"{tiny_model} (1 layer)", None: None}
        for seed in SEEDS:
            run = whole.one(method, seed)
            assert run["reference"] == names[reference]
            assert run["main"] == str(tiny_model)
            assert (run["strategy"], run["fraction"]) == (strategy, fraction)
            assert run["selected"] == selected
            assert run["steps"]["reference"] == steps[0]
            assert 0 < run["steps"]["kept"] <= run["steps"]["main"] <= steps[1]
            assert run["steps"]["erm"] == 12

    def test_cost_is_relative_to_the_erm_of_the_same_seed(self, whole):
        for seed in SEEDS:
            erm = whole.one("erm", seed)["cost"]
            assert erm["relative_to_erm"] == {"flops": 1.0, "seconds": 1.0}
            assert erm["flops"]["reference"] == 0
            for method in METHODS:
                cost = whole.one(method, seed)["cost"]
                for unit, ratio in cost["relative_to_erm"].items():
                    assert ratio == pytest.approx(cost[unit]["total"] / erm[unit]["total"])

    def test_the_reference_of_dm_is_erm(self, whole):
        for unit in ("flops", "tokens", "seconds"):
            dm, erm = whole.one("dm")["cost"][unit], whole.one("erm")["cost"][unit]
            assert dm["reference"] == erm["main"]

    def test_it_said_which_training_of_how_many_and_the_time_left(self, whole):
        begun = [line for line in whole.said if ": training " in line]
        names = training_names(BASELINES, SEEDS)
        assert [line.partition(":")[0] for line in begun] == names
        for place, line in enumerate(begun, 1):
            assert f": training {place} of {len(names)}, at most " in line
        # Known once anything was trained; the last is the shortest wait.
        known = [line.figures.get("seconds_left") for line in begun]
        assert known[0] is None
        assert all("of training left in all" in line for line in begun[1:])
        assert 0 < known[-1] < known[2]

    def test_rows_say_the_same(self, whole):
        rows = whole.results.rows
        assert [row.cell.method for row in rows] == list(METHODS)
        for row in rows:
            runs = [whole.one(row.cell.method, seed) for seed in SEEDS]
            ood = [run["scores"]["test"]["ood"]["accuracy"] for run in runs]
            flops = [run["cost"]["relative_to_erm"]["flops"] for run in runs]
            assert (row.seeds, row.estimated) == (SEEDS, False)
            assert row.ood_scores["ood"].mean == pytest.approx(np.mean(ood))
            assert row.ood_scores["ood"].deviation == pytest.approx(np.std(ood, ddof=1))
            assert row.flops.mean == pytest.approx(np.mean(flops))
        assert whole.results.values == whole.values
        assert whole.results.id_sets == ("test",)

    @pytest.mark.parametrize("method", ["erm_budget", "random_budget"])
    def test_equal_cost_is_what_ftft_cost_with_its_reference(self, whole, method):
        for seed in SEEDS:
            run, ftft = whole.one(method, seed), whole.one("ftft", seed)
            ours, theirs = (one["cost"]["flops"] for one in (run, ftft))
            assert ours["reference"] == 0 < theirs["reference"]
            # A step more or less, of so few.
            step = theirs["main"] / ftft["steps"]["main"]
            assert abs(ours["total"] - theirs["total"]) < 2.5 * step
            assert run["reference"] == ftft["reference"]
            # It trains to its end; nothing stops it.
            assert run["history"][-1]["step"] == run["steps"]["main"]

    def test_the_points_of_the_map(self, whole):
        words = "drawn from recording points 1, 2, 3"
        assert whole.one("ftft")["map"] == {
            **{"points": [0, 1, 2], "left_out": [], "burn_in": 0},
            "in_words": words,
        }
        assert words in (whole.folder / "report.html").read_text()
        assert whole.one("erm")["map"] is None
        assert f"  {words}" in whole.said


class TestFolder:
    def test_is_laid_out_as_designed(self, whole):
        names = {path.name for path in whole.folder.iterdir()} - {".lock"}
        assert names == {
            *("experiment.yaml", "results.json", "reference", "map", "selection", "main"),
            *("erm", "erm_es", "random", "random-selection", "dm", "dm-map", "dm-selection"),
            *("erm_budget", "random_budget", "scores", "report.html"),
            *("like-lengths-selection", "random_lengths"),
        }
        for name in names - {"experiment.yaml", "results.json", "report.html", "scores"}:
            assert {path.name for path in (whole.folder / name).iterdir()} == {"seed-0", "seed-1"}
        assert {path.name for path in (whole.folder / "scores").iterdir()} == set(METHODS)

    def test_nothing_half_done_and_no_pickles(self, whole):
        files = [path for path in whole.folder.rglob("*") if path.is_file()]
        suffixes = {path.suffix for path in files if path.name != ".lock"}
        assert suffixes == {".json", ".yaml", ".parquet", ".safetensors", ".html"}
        assert not [path for path in files if path.name.startswith(".") and path.name != ".lock"]
        assert not list(whole.folder.rglob("checkpoint*"))
        records = [json.loads(path.read_text()) for path in whole.folder.rglob("stage.json")]
        assert {record["status"] for record in records} == {"finished"}

    def test_report(self, whole):
        """It has the run's own texts and curves, and comes out the same from the folder alone."""
        path = whole.folder / "report.html"
        assert whole.results.report == path
        text = path.read_text(encoding="utf-8")
        for block in ("d0-texts-0", "m0", "m3"):
            assert f'id="block-{block}"' in text
        assert '<ul class="notes">' not in text
        again = write_report([read_run(whole.folder)], whole.folder.parent / "again.html")
        assert again.read_text(encoding="utf-8") == text

    def test_a_report_that_fails_loses_nothing(self, whole, copied, monkeypatch):
        def full(*args, **kwargs):
            raise WorkspaceError("report.html cannot be written")

        monkeypatch.setattr("ftft.experiment.pipeline.write_report", full)
        before = whole.values
        (copied / "results.json").unlink()
        (copied / "report.html").unlink()
        with pytest.raises(WorkspaceError, match=r"report\.html"):
            Run(whole.file, copied, *EVERYTHING)
        found = json.loads((copied / "results.json").read_text())
        assert found["runs"] == before["runs"]
        monkeypatch.undo()
        again = Run(whole.file, copied, *EVERYTHING)
        assert not again.done
        assert (copied / "report.html").is_file()

    def test_dynamics_where_a_map_may_be_drawn(self, whole):
        recorded = {path.parent.parent.name for path in whole.folder.rglob("dynamics")}
        assert recorded == {"reference", "erm"}

    @pytest.mark.parametrize("name", ["map", "dm-map"])
    def test_map(self, whole, name):
        table = pq.read_table(whole.folder / name / "seed-0/map.parquet")
        assert table.column_names[:7] == [
            *("example_id", "label", "confidence", "variability", "correctness", "forgetting"),
            "region",
        ]
        assert set(table.column_names[7:]) == {"aum", "mean_loss", "el2n", "learnt", "length"}
        assert sorted(table["example_id"].to_pylist()) == sorted(f"t{i}" for i in range(64))
        assert set(table["label"].to_pylist()) == {"neg", "pos"}
        assert table["region"].to_pylist().count("ambiguous") == 21

    @pytest.mark.parametrize("name", ["selection", "random-selection", "dm-selection"])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_selection(self, whole, name, seed):
        table = pq.read_table(whole.folder / name / f"seed-{seed}/selection.parquet")
        assert table.column_names == ["example_id", "score", "rank"]
        assert table["rank"].to_pylist() == list(range(21))
        assert len(set(table["example_id"].to_pylist())) == 21

    def test_the_ambiguous_are_the_most_variable(self, whole):
        table = pq.read_table(whole.folder / "map/seed-0/map.parquet").to_pylist()
        table.sort(key=lambda row: (-row["variability"], row["example_id"]))
        ambiguous = {row["example_id"] for row in table[:21]}
        assert set(whole.selected("selection/seed-0")) == ambiguous

    def test_random_subsets_differ_between_seeds(self, whole):
        subsets = [set(whole.selected(f"random-selection/seed-{seed}")) for seed in SEEDS]
        assert subsets[0] != subsets[1]

    @pytest.mark.parametrize("method", ["main", "erm", "dm"])
    def test_models_are_ready_for_from_pretrained(self, whole, method):
        folder = whole.folder / method / "seed-0/model"
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        assert model.config.id2label == {0: "neg", 1: "pos"}
        assert model.config.label2id == {"neg": 0, "pos": 1}
        inputs = AutoTokenizer.from_pretrained(folder)("a good film", return_tensors="pt")
        assert model(**inputs).logits.shape == (1, 2)
        assert not (folder / "training_args.bin").exists()

    def test_the_reference_has_the_layers_that_were_asked_for(self, whole):
        names = load_file(whole.folder / "reference/seed-0/model/model.safetensors")
        assert any(".layer.0." in name for name in names)
        assert not any(".layer.1." in name for name in names)

    def test_the_experiment_beside_it_is_complete_and_runs_as_it_is(self, whole):
        text = (whole.folder / "experiment.yaml").read_text()
        assert f"torch {version('torch')}" in text
        assert whole.values["data"]["fingerprint"] in text
        resolved = load_experiment(whole.folder / "experiment.yaml")
        assert resolved == load_experiment(whole.file, EVERYTHING)


class TestReuse:
    def test_running_again_does_nothing_again(self, whole, copied):
        again = Run(whole.file, copied, *EVERYTHING)
        assert again.done == set()
        assert len(again.reused) >= 26
        assert again.values == whole.values

    def test_a_changed_fraction_leaves_the_trainings_on_everything(self, whole, copied):
        again = Run(whole.file, copied, *EVERYTHING, "seeds=[0]", "selection.fraction=0.25")
        assert again.done == {
            f"{name}/seed-0"
            for name in (
                *("selection", "main", "random-selection", "random", "dm-selection", "dm"),
                *("scores/ftft", "scores/random", "scores/dm"),
                # Their cost is that of a main model on another selection.
                *("erm_budget", "random_budget", "scores/erm_budget", "scores/random_budget"),
                *("like-lengths-selection", "random_lengths", "scores/random_lengths"),
            )
        }
        assert again.reused == {
            f"{name}/seed-0"
            for name in ("reference", "map", "erm", "erm_es", "dm-map", "scores/erm")
            # The random subset is drawn for the one random baseline, and read for the other.
        } | {"scores/erm_es/seed-0", "random-selection/seed-0"}
        why = dict(line.split(": again: ") for line in again.said if ": again: " in line)
        assert why["selection/seed-0"] == "selection.fraction was 0.33, is 0.25"
        assert why["main/seed-0"] == "selection/seed-0 changed"
        assert why["random_budget/seed-0"].startswith("the cost of FTFT in steps was ")
        assert why["random_budget/seed-0"].endswith("; random-selection/seed-0 changed")
        assert why["scores/ftft/seed-0"] == "main/seed-0 changed"
        assert why.keys() == again.done
        assert len(again.selected("selection/seed-0")) == 16
        assert again.one("ftft")["selected"] == 16
        # Of two random subsets with one seed the larger contains the smaller.
        subset = set(whole.selected("random-selection/seed-0"))
        assert set(again.selected("random-selection/seed-0")) <= subset

    def test_keys_that_nothing_reads_change_nothing(self, whole, copied):
        idle = ["selection.easy_share=0.5", "selection.num_clusters=7", "reference.revision=v2"]
        again = Run(whole.file, copied, *EVERYTHING, *idle, "main.revision=v3")
        assert again.done == set()
        assert again.values == whole.values

    def test_a_key_that_the_strategy_reads_selects_again(self, whole, copied):
        mixed = ["selection.strategy=ambiguous+easy", "selection.easy_share="]
        for share, done in ((0.3, True), (0.3, False), (0.6, True)):
            experiment = load_experiment(whole.file, [*EVERYTHING, mixed[0], f"{mixed[1]}{share}"])
            with opened(experiment, str(copied), lambda line: None) as stages:
                reference = train_reference(stages, 0)
                datamap = draw_map(stages, "map", reference, 0)
                selection = select_examples(stages, "selection", datamap, reference, 0)
                assert select_at_random(stages, "random-selection", 0).reused
            assert selection.reused is not done

    def test_a_changed_map_is_drawn_and_selected_from_again(self, whole, copied):
        experiment = load_experiment(whole.file, [*EVERYTHING, "map.burn_in=1"])
        with opened(experiment, str(copied), lambda line: None) as stages:
            reference = train_reference(stages, 0)
            datamap = draw_map(stages, "map", reference, 0)
            selection = select_examples(stages, "selection", datamap, reference, 0)
            chosen = select_at_random(stages, "random-selection", 0)
        assert reference.reused
        assert not datamap.reused
        assert not selection.reused
        # A random subset does not depend on the map.
        assert chosen.reused

    def test_a_changed_budget_or_patience_is_no_matter_to_erm(self, whole, copied):
        changes = ["main.budget=0.5", "main.patience=null", "dm.budget=0.5", "seeds=[0, 1, 2]"]
        experiment = load_experiment(whole.file, [*EVERYTHING, *changes])
        with opened(experiment, str(copied), lambda line: None) as stages:
            assert train_erm(stages, 0).reused
            assert train_erm(stages, 0, stop_early=True).reused

    def test_the_main_model_s_patience_is_no_matter_to_dm(self, whole, copied):
        changes = ["main.patience=1", "main.budget=0.5"]
        experiment = load_experiment(whole.file, [*EVERYTHING, *changes])
        with opened(experiment, str(copied), lambda line: None) as stages:
            assert dm(stages, 0, None).trained.reused
        experiment = load_experiment(whole.file, [*EVERYTHING, "dm.patience=1"])
        with opened(experiment, str(copied), lambda line: None) as stages:
            assert not dm(stages, 0, None).trained.reused

    def test_more_seeds_add_to_what_is_there(self, alone, tmp_path):
        folder = shutil.copytree(alone.folder, tmp_path / "run")
        again = Run(alone.file, folder, "baselines=[]", "seeds=[0, 7]")
        assert {stage.partition("/seed-")[2] for stage in again.done} == {"7"}
        assert again.one("ftft", 0)["scores"] == alone.one("ftft", 0)["scores"]
        assert again.one("ftft", 0)["cost"]["flops"] == alone.one("ftft", 0)["cost"]["flops"]

    def test_other_names_and_test_sets_are_no_reason_to_train(self, whole, copied, make_experiment):
        text = whole.file.read_text().replace("name: tiny", "name: renamed")
        text = text.replace("ood.csv, id: id, slices: [source]", "dev.csv, id: id")
        file = whole.file.with_name("other.yaml")
        file.write_text(text)
        again = Run(file, copied, *EVERYTHING, replacing=True)
        assert {stage.partition("/")[0] for stage in again.done} == {"scores"}


class TestErmNotRun:
    def test_its_cost_is_computed_and_marked(self, alone):
        cost = alone.one("ftft")["cost"]
        assert cost["erm_estimated"] is True
        assert [row.estimated for row in alone.results.rows] == [True]
        assert not (alone.folder / "erm").exists()

    def test_the_computed_operations_agree_with_the_measured(self, alone, whole):
        mine, theirs = alone.one("ftft")["cost"], whole.one("ftft")["cost"]
        assert mine["flops"] == theirs["flops"]
        ratio = mine["relative_to_erm"]["flops"] / theirs["relative_to_erm"]["flops"]
        assert ratio == pytest.approx(1, abs=0.02)

    def test_where_dm_ran_it_its_cost_is_measured(self, whole, copied):
        again = Run(whole.file, copied, "baselines=[dm]")
        assert again.done == set()
        for method in ("dm", "ftft"):
            assert again.one(method)["cost"] == whole.one(method)["cost"]


class TestNothingDependsOn:
    @pytest.mark.parametrize("stage", ["reference", "map", "selection", "main"])
    def test_the_test_sets(self, alone, swapped, stage):
        assert swapped.values["data"]["fingerprint"] != alone.values["data"]["fingerprint"]
        assert swapped.digest(f"{stage}/seed-0") == alone.digest(f"{stage}/seed-0")

    def test_the_test_sets_bit_for_bit(self, alone, swapped):
        for stage in ("reference/seed-0", "main/seed-0"):
            assert swapped.weights(stage) == alone.weights(stage)
        assert swapped.selected("selection/seed-0") == alone.selected("selection/seed-0")
        mine, theirs = swapped.one("ftft"), alone.one("ftft")
        assert mine["scores"]["dev"] == theirs["scores"]["dev"]
        assert mine["history"] == theirs["history"]
        assert mine["cost"]["flops"] == theirs["cost"]["flops"]

    def test_the_folder_or_what_ran_before(self, alone, whole):
        """The same seed in another place, between other trainings: the same, bit for bit."""
        for stage in ("reference/seed-0", "main/seed-0"):
            assert alone.weights(stage) == whole.weights(stage)
        assert alone.selected("selection/seed-0") == whole.selected("selection/seed-0")
        first, second = alone.one("ftft"), whole.one("ftft")
        for key in ("scores", "slices", "history", "steps"):
            assert first[key] == second[key]

    def test_but_the_seed_matters(self, whole):
        assert whole.weights("main/seed-0") != whole.weights("main/seed-1")


class Killed(BaseException):
    """Stands for the end of the process."""


class TestInterruption:
    @pytest.mark.parametrize("step", [7, 14])
    def test_goes_on_to_the_same_end(self, alone, tmp_path, monkeypatch, step):
        """Stopped in the reference's second epoch, and in the main model's training."""
        original = FineTuner.training_step
        steps = []

        def training_step(self, *args, **kwargs):
            steps.append(self.state.global_step)
            if len(steps) == step:
                raise Killed
            return original(self, *args, **kwargs)

        monkeypatch.setattr(FineTuner, "training_step", training_step)
        with pytest.raises(Killed):
            Run(alone.file, tmp_path / "run", "baselines=[]")
        assert not (tmp_path / "run/results.json").exists()
        stopped = len(steps)
        again = Run(alone.file, tmp_path / "run", "baselines=[]")
        # 12 steps of the reference and 4 of the main model, of which those since the last
        # checkpoint (every 4 steps) are taken twice.
        assert len(steps) - stopped == 16 - {7: 4, 14: 12}[step]
        for stage in ("reference/seed-0", "main/seed-0"):
            assert again.weights(stage) == alone.weights(stage)
        maps = [pq.read_table(run.folder / "map/seed-0/map.parquet") for run in (again, alone)]
        assert maps[0].equals(maps[1])
        assert again.selected("selection/seed-0") == alone.selected("selection/seed-0")
        first, second = again.one("ftft"), alone.one("ftft")
        for key in ("scores", "slices", "history", "steps", "selected"):
            assert first[key] == second[key]
        assert first["cost"]["flops"] == second["cost"]["flops"]
        assert first["cost"]["tokens"] == second["cost"]["tokens"]

    def test_between_stages(self, whole, copied, monkeypatch):
        shutil.rmtree(copied / "scores")
        (copied / "results.json").unlink()
        (copied / "selection/seed-0/stage.json").unlink()
        again = Run(whole.file, copied, *EVERYTHING)
        # The selection comes out the same, so what was made from it stands.
        assert {stage for stage in again.done if "scores" not in stage} == {"selection/seed-0"}
        assert [run["scores"] for run in again.values["runs"]] == [
            run["scores"] for run in whole.values["runs"]
        ]


class TestOtherProtocols:
    def test_without_test_sets_the_development_set_is_shown(self, alone, tmp_path):
        text = alone.file.read_text()
        lines = [line for line in text.splitlines() if not line.strip().startswith("test")]
        file = alone.file.with_name("no-test.yaml")
        file.write_text("\n".join(lines))
        folder = shutil.copytree(alone.folder, tmp_path / "run")
        again = Run(file, folder, "baselines=[]")
        assert again.done == {"scores/ftft/seed-0"}
        assert again.one("ftft")["scores"]["test"] == {}
        (row,) = again.results.rows
        assert again.results.id_sets == ("dev",)
        assert row.id_score.mean == again.one("ftft")["scores"]["dev"]["dev"]["accuracy"]
        assert (row.ood_scores, row.ood_score) == ({}, None)

    def test_watching_out_of_distribution_development_sets(self, alone, tmp_path):
        """The paper's protocol; the reference, which is not chosen by it, stands."""
        text = alone.file.read_text().replace(
            "test_ood: {ood:", "dev_ood: {far: {path: dev.csv, id: id}}\n  test_ood: {ood:"
        )
        file = alone.file.with_name("watch.yaml")
        file.write_text(text)
        folder = shutil.copytree(alone.folder, tmp_path / "run")
        again = Run(file, folder, "baselines=[]", "main.watch=ood", "metric=macro_f1")
        assert "main/seed-0" in again.done
        run = again.one("ftft")
        assert set(run["scores"]["dev"]) == {"dev", "far"}
        assert all(entry["watched"] == entry["far_macro_f1"] for entry in run["history"])

    def test_dynamics_from_passes_cost_more(self, alone, tmp_path):
        folder = shutil.copytree(alone.folder, tmp_path / "run")
        recording = (
            "reference.recording.mode=evaluation",
            "reference.recording.points_per_epoch=2",
        )
        again = Run(alone.file, folder, "baselines=[]", *recording)
        record = json.loads((folder / "map/seed-0/stage.json").read_text())
        assert record["result"]["points"] == 6
        mine, theirs = (run.one("ftft")["cost"]["flops"] for run in (again, alone))
        assert mine["evaluation"] > theirs["evaluation"]
        assert mine["reference"] == theirs["reference"]


class TestCostOfErmThatIsNotRun:
    @pytest.mark.parametrize("batching", ["like-length", "shuffled"])
    def test_it_is_that_of_erm_where_it_is_run(self, tmp_path, make_experiment, batching):
        file = make_experiment(tmp_path)
        given = f"main.batching={batching}"
        computed = Run(file, tmp_path / "run", "baselines=[]", given)
        measured = Run(file, tmp_path / "run", "baselines=[erm]", given)
        one = computed.one("ftft")["cost"]["relative_to_erm"]["flops"]
        two = measured.one("ftft")["cost"]["relative_to_erm"]["flops"]
        assert one == pytest.approx(two, rel=1e-9)


class TestRandomBaseline:
    def test_takes_nothing_from_the_map(self, whole, copied):
        changed = Run(whole.file, copied, *EVERYTHING, "selection.exclude_label_errors=0.2")
        assert "random-selection/seed-0" in changed.reused
        assert "selection/seed-0" not in changed.reused

    def test_a_map_that_selects_the_same_trains_nothing_again(self, whole, copied):
        changed = Run(whole.file, copied, *EVERYTHING, "map.region_fraction=0.5")
        assert "map/seed-0" not in changed.reused
        assert "main/seed-0" in changed.reused


class TestChecks:
    """Whatever can be checked is checked before anything is written, and all together."""

    def refused(self, kind, file, tmp_path, *overrides):
        experiment = load_experiment(file, overrides)
        with pytest.raises(kind) as caught:
            run_pipeline(experiment, str(tmp_path / "run"), lambda line: None)
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    def test_all_problems_together(self, experiment_file, tmp_path):
        (tmp_path / "dev.csv").unlink()
        message = self.refused(
            *(ConfigError, experiment_file, tmp_path),
            *("reference.model=/no/small", "main.model=/no/large"),
            "main.training_arguments={gradient_accumulation_steps: 3}",
        )
        assert "experiment tiny: 4 problems:" in message
        for part in ("/no/small", "/no/large", "dev.csv does not exist", "is not divisible by"):
            assert part in message

    def test_a_model_that_both_name_is_reported_once(self, experiment_file, tmp_path):
        names = ("reference.model=/no/model", "main.model=/no/model", "reference.layers=null")
        message = self.refused(ModelError, experiment_file, tmp_path, *names)
        assert message.count("/no/model") == 1

    @pytest.mark.parametrize(
        ("override", "kind", "expected"),
        [
            ("main.layers=99", ModelError, "layers is 99, but the network has 2 layers"),
            ("main.max_length=65", ModelError, "takes 64 tokens at most"),
            ("map.burn_in=2", ConfigError, "leaves 1 complete recording point,"),
            ("reference.epochs=1.5", ConfigError, "leaves 1 complete recording point,"),
            ("selection.fraction=0.001", ConfigError, "selects none"),
            ("main.training_arguments.optim=foo", ConfigError, "refused by"),
            ("main.training_arguments.lr_scheduler_type=foo", ConfigError, "foo is not a valid"),
            ("main.training_arguments.optim=lomo", ConfigError, "start with optim 'lomo': "),
            (
                "main.head=keep",
                ModelError,
                "the classes LABEL_0, LABEL_1, and the data's are neg, pos",
            ),
            ("reference.training_arguments.push_to_hub=1", ConfigError, "`ftft push`"),
            ("data.train.label=txt", DataError, "no column 'txt'"),
        ],
    )
    def test_each(self, experiment_file, tmp_path, override, kind, expected):
        assert expected in self.refused(kind, experiment_file, tmp_path, override)

    def test_trainer_arguments_are_checked_without_a_file_too(self, experiment_file, tmp_path):
        experiment = load_experiment(experiment_file)
        main = experiment.main.model_copy(update={"training_arguments": {"max_steps": 2}})
        with pytest.raises(ConfigError, match=r"main\.training_arguments\.max_steps"):
            check(experiment.model_copy(update={"main": main}), str(tmp_path / "run"))

    @pytest.mark.parametrize(
        ("processes", "words"), [("two", "whole number from 1"), ("2", "with torchrun")]
    )
    def test_several_processes_need_a_launcher(
        self, experiment_file, tmp_path, monkeypatch, processes, words
    ):
        monkeypatch.setenv("WORLD_SIZE", processes)
        with (
            pytest.raises(ConfigError, match=f"WORLD_SIZE is .*{words}"),
            opened(load_experiment(experiment_file), str(tmp_path / "run")),
        ):
            pass
        assert not (tmp_path / "run").exists()

    def test_a_class_of_few_examples_is_told(self, experiment_file, tmp_path):
        path = tmp_path / "train.csv"
        path.write_text(path.read_text().replace(",pos,", ",pso,", 1))
        override = ["data.classes=[neg, pos, pso]"]
        said = []
        with opened(load_experiment(experiment_file, override), str(tmp_path / "run"), said.append):
            pass
        assert any("few training examples: pso (1)" in line for line in said)

    def test_so_is_one_of_a_single_example_in_small_data(self, experiment_file, tmp_path):
        path = tmp_path / "train.csv"
        some = path.read_text().splitlines()[:31]
        path.write_text("\n".join([*some, "slip,a good film,psitive,web"]) + "\n")
        said = []
        with opened(load_experiment(experiment_file), str(tmp_path / "run"), said.append):
            pass
        assert any("few training examples: psitive (1)" in line for line in said)

    def test_a_model_that_learnt_nothing_is_told(self, experiment_file, tmp_path):
        still = ["main.learning_rate=1e-12", "baselines=[]", "main.budget=0.1"]
        run = Run(experiment_file, tmp_path / "run", *still)
        said = "\n".join(run.said)
        assert "of at most 1 step, weights of step 1, " in said
        assert "no better than always answering with the most frequent class" in said

    def test_a_folder_in_use(self, experiment_file, tmp_path):
        experiment = load_experiment(experiment_file)
        with opened(experiment, str(tmp_path / "run"), print):
            before = (tmp_path / "run/experiment.yaml").read_bytes()
            with pytest.raises(WorkspaceError, match="another run is using this folder"):
                run_pipeline(load_experiment(experiment_file, ["seeds=[3]"]), str(tmp_path / "run"))
            assert (tmp_path / "run/experiment.yaml").read_bytes() == before

    def test_checking_writes_nothing(self, experiment_file, tmp_path):
        before = sorted(tmp_path.rglob("*"))
        data = check(load_experiment(experiment_file), str(tmp_path / "run"))
        assert len(data.train) == 64
        assert sorted(tmp_path.rglob("*")) == before

    def test_texts_seen_in_training_are_told(self, experiment_file, tmp_path):
        shutil.copy(tmp_path / "train.csv", tmp_path / "ood.csv")
        said = []
        with opened(load_experiment(experiment_file), str(tmp_path / "run"), said.append):
            pass
        assert "note: 64 texts of the set ood are also in the training data" in said


def test_a_selection_balanced_over_a_slice(tmp_path, make_experiment):
    """Also the random baseline's; and a column that is not there is refused before training."""
    file = make_experiment(tmp_path)
    rows = list(csv.DictReader((tmp_path / "train.csv").open(newline="")))
    with (tmp_path / "train.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, [*rows[0], "origin"])
        writer.writeheader()
        writer.writerows(
            {**row, "origin": "few" if n < 8 else "many"} for n, row in enumerate(rows)
        )
    few = {row["id"] for row in rows[:8]}
    train = "data.train={path: train.csv, text: text, label: label, id: id, slices: [origin]}"
    balanced = ("selection.balance_by=origin", "selection.fraction=0.25", train)
    experiment = load_experiment(file, balanced)
    with opened(experiment, str(tmp_path / "run"), lambda _: None, ()) as stages:
        trained = train_reference(stages, 0)
        chosen = select_examples(
            stages, "selection", draw_map(stages, "map", trained, 0), trained, 0
        )
        drawn = select_at_random(stages, "random-selection", 0)
    for stage in (chosen, drawn):
        found = pq.read_table(stage.folder / "selection.parquet")["example_id"].to_pylist()
        assert len(found) == 16
        assert len(few & set(found)) == 8
