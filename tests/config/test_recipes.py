"""Every recipe is a valid experiment, on data and models of the same shape as the real ones."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

import standins
from completions import TIMES
from ftft.config.load import load_experiment
from ftft.config.recipe import FOLDER, find_recipe, recipes
from ftft.config.schema import Experiment
from ftft.data.dataset import TaskData
from ftft.data.load import load_data
from ftft.errors import ConfigError
from ftft.experiment.validate import check
from ftft.tasks import load_data as load_any
from ftft.training.arguments import check_training_arguments, full_steps, main_plan, reference_plan

ROOT = Path(__file__).parents[2]
RECIPES = recipes()
PAPER = [recipe for recipe in RECIPES if "/" in recipe.name]
BEYOND = ("cogs", "mathinstruct", "scan", "winogrande", "wnut17")
names = pytest.mark.parametrize("recipe", PAPER, ids=lambda recipe: recipe.name)

MODELS = 9
MAINS = {"deberta-v3-large", "electra-large", "bert-large", "roberta-large"}


@pytest.fixture(scope="module")
def place(tmp_path_factory, model_maker):
    """A folder with stand-ins for all that the recipes need."""
    folder = tmp_path_factory.mktemp("standins")
    standins.make_data(folder)
    standins.make_models(folder, model_maker)
    return folder


@pytest.fixture
def there(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("FTFT_DATA", str(place / "files"))
    return place


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FTFT_DATA", "/nowhere")
    return tmp_path


class TestNames:
    def test_every_pair_on_both_tasks(self):
        pairs = Counter(name.split("/")[0] for name in (recipe.name for recipe in PAPER))
        assert pairs == {"multinli": MODELS * len(MAINS), "cad": MODELS * len(MAINS)}
        assert {recipe.name.partition("-to-")[2] for recipe in PAPER} == MAINS
        assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)

    def test_every_file_of_the_folder_is_a_recipe_or_the_table_of_models(self):
        tasks = {recipe.name.partition("/")[0] for recipe in RECIPES}
        files = {path.stem for path in FOLDER.rglob("*") if path.is_file()}
        assert files == tasks | {"models"}

    def test_the_package_carries_them(self):
        """Setuptools takes along what the pattern matches, and no folder by itself."""
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        patterns = settings["tool"]["setuptools"]["package-data"]["ftft"]
        package = ROOT / "src" / "ftft"
        carried = {path for pattern in patterns for path in package.glob(pattern)}
        assert {path for path in (package / "config" / "recipes").rglob("*.yaml")} <= carried

    def test_no_place_is_left_open(self):
        for recipe in PAPER:
            assert "<reference" not in recipe.text
            assert "<main" not in recipe.text
            assert "angle" not in recipe.text

    def test_what_a_recipe_needs(self):
        nli = find_recipe("multinli/tinybert-to-roberta-large")
        assert nli.models == ("prajjwal1/bert-tiny", "roberta-large")
        assert nli.title == "MultiNLI to AdversarialNLI, WANLI and HANS"
        assert nli.files == ()
        assert nli.hub_data == (
            *("nyu-mll/multi_nli", "facebook/anli", "alisawuffles/WANLI", "jhu-cogsci/hans"),
        )
        cad = find_recipe("cad/tinybert-to-roberta-large")
        assert cad.hub_data == ()
        assert len(cad.files) == 3


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_is_an_experiment(recipe, somewhere):
    experiment = load_experiment(recipe.name, checks=[check_training_arguments])
    assert experiment == load_experiment(_written(somewhere, recipe.text))
    assert experiment.name.replace(".", "/", 1).startswith(recipe.name.partition("-run")[0])


def _written(folder: Path, text: str) -> Path:
    path = folder / "experiment.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@names
def test_the_protocol_of_the_paper(recipe, somewhere):
    experiment = load_experiment(recipe.name)
    reference, main = experiment.reference, experiment.main
    for settings in (reference, main):
        large = settings.model.endswith(("-large", "large-uncased", "large-discriminator"))
        assert settings.learning_rate == (1e-5 if large else 2e-5)
        assert (settings.batch_size, settings.max_length, settings.warmup) == (32, 300, 0.1)
        assert (settings.precision, settings.batching) == ("bf16", "shuffled")
        assert (settings.layers, settings.training_arguments) == (None, {})
    assert (main.patience, main.watch, main.horizon, main.budget) == (2, "ood", "erm", 1.0)
    assert (reference.stop, reference.recording.mode) == ("full", "training")
    assert experiment.selection.fraction == 0.33
    assert experiment.selection.strategy == "ambiguous"
    assert experiment.map.burn_in == 0
    assert (experiment.dm.budget, experiment.dm.patience) == (1.0, None)
    assert experiment.seeds == (0, 1, 2, 3)
    assert set(experiment.baselines) == {"erm", "erm_es", "random", "dm"}
    # 405 batches of CAD's training set in an epoch are what makes 1,620 steps.
    examples, steps, every = (
        (392_702, 49_088, 4_090) if recipe.name.startswith("multinli") else (12_950, 1_620, 180)
    )
    plan = main_plan(main, examples, budget=1.0, patience=main.patience, seed=0)
    assert (plan.steps, plan.horizon, plan.evaluate_every) == (steps, steps, every)
    assert reference_plan(reference, examples, seed=0).steps == steps


class TestData:
    def test_multinli(self, there):
        data = load_data(load_experiment("multinli/tinybert-to-bert-large").data)
        assert data.class_names == ("entailment", "neutral", "contradiction")
        assert len(data.train) == standins.ROWS - 1  # the row without a gold label is left out
        assert set(data.dev) == {"mnli_matched"}
        assert list(data.dev_ood) == [f"anli_r{n}_dev" for n in (1, 2, 3)]
        assert list(data.test_ood) == ["anli_r1", "anli_r2", "anli_r3", "wanli", "hans"]
        assert len({dataset.fingerprint for dataset in data.dev_ood.values()}) == 3
        hans = data.test_ood["hans"]
        assert hans.class_names == ("entailment", "non-entailment")
        assert hans.class_of_model_class == (0, 1, 1)
        assert hans.slices == ("heuristic",)
        assert np.bincount(data.test_ood["wanli"].labels).tolist() == [16, 16, 16]

    def test_cad(self, there):
        data = load_data(load_experiment("cad/tinybert-to-bert-large").data)
        assert data.class_names == ("non-toxic", "toxic")
        # Of six cells three name abuse, alone or beside something else.
        assert data.train.labels.tolist() == [0, 0, 1, 1, 1, 0] * (standins.ROWS // 6)
        assert data.train.example_ids.to_pylist()[0] == "cad_train_0"
        rounds = [f"r{n}_{level}" for n in (2, 3, 4) for level in ("orig", "pert")]
        assert list(data.test_ood) == rounds
        assert list(data.dev_ood) == [f"{name}_dev" for name in rounds]
        everything = {**data.test_ood, **data.dev_ood}
        ids = [i for dataset in everything.values() for i in dataset.example_ids.to_pylist()]
        assert len(ids) == len(set(ids))
        assert all(set(dataset.labels) == {0, 1} for dataset in everything.values())

    def test_a_set_can_be_taken_away(self, there):
        experiment = load_experiment("multinli/tinybert-to-bert-large", ["data.test_ood.hans=null"])
        assert "hans" not in experiment.data.test_ood

    def test_without_the_files_the_variable_is_named(self, somewhere, monkeypatch):
        monkeypatch.delenv("FTFT_DATA")
        with pytest.raises(ConfigError, match="FTFT_DATA"):
            load_experiment("cad/tinybert-to-bert-large")


@pytest.fixture
def each_data_once(monkeypatch):
    """The pairs of a task read the same data: once is enough."""
    monkeypatch.setattr("ftft.experiment.validate.load_data", _loaded_once)


_LOADED: dict[str, TaskData] = {}


def _loaded_once(experiment: Experiment) -> TaskData:
    config = experiment.data
    key = config.model_dump_json()
    if key not in _LOADED:
        _LOADED[key] = load_data(config)
    return _LOADED[key]


@names
def test_every_recipe_passes_all_checks_on_the_stand_ins(recipe, there, each_data_once):
    experiment = load_experiment(recipe.name)
    check(experiment, "runs/none")
    assert len(_LOADED) <= 2
    assert (experiment.reference.model, experiment.main.model) == tuple(
        str(there / model) for model in recipe.models
    )
    assert not Path("runs").exists()


class TestBeyondClassification:
    """One example is looked at of each, so that columns are known to mean what they should."""

    @pytest.mark.parametrize("name", BEYOND)
    def test_passes_all_checks_on_the_stand_ins(self, there, name):
        experiment = load_experiment(name)
        check(experiment, "runs/none")
        models = (experiment.reference.model, experiment.main.model)
        assert models == tuple(str(there / model) for model in find_recipe(name).models)

    def test_winogrande(self, there):
        data = load_task("winogrande")
        (held_out,) = data.dev.values()
        assert len(data.train) + len(held_out) == len(data.test["validation"]) == standins.ROWS
        one, other = (data.train.table.column(f"choice_{n}")[0].as_py() for n in range(2))
        assert standins.WORDS.index(other) == standins.WORDS.index(one) + 6

    def test_wnut17(self, there):
        data = load_task("wnut17")
        assert (list(data.dev), list(data.test_ood)) == (["dev"], ["emerging"])
        assert len(data.test_ood["emerging"]) == standins.ROWS

    def test_mathinstruct_is_grouped_by_source(self, there):
        sources = {f"data/CoT/{times}.json" for times in TIMES}
        assert sources == set(load_task("mathinstruct").class_names)

    def test_scan(self, there):
        assert list(load_task("scan").test_ood) == ["around_right"]

    def test_cogs_is_scored_by_kind(self, there):
        data = load_task("cogs")
        assert data.test_ood["generalization"].slices == ("kind",)
        assert (list(data.dev), list(data.test)) == (["dev"], ["same_kinds"])


def load_task(name: str) -> TaskData:
    return load_any(load_experiment(name))


def test_demo_recipes_pass_on_the_demo_s_data(somewhere):
    from ftft.demo.generate import generate_demo, write_demo

    write_demo(somewhere / "data", generate_demo(train=60, dev=20, test=20))
    for name in ("demo", "demo-failing"):
        assert len(load_data(load_experiment(name).data).train) == 60


def test_the_commands_recipe_passes_all_checks_on_a_small_demo(somewhere):
    from ftft.demo.commands import ACTIONS, WORDS
    from ftft.demo.decoder import write_decoder
    from ftft.demo.generate_commands import generate_commands, write_commands

    write_commands(somewhere / "data", generate_commands(train=60, dev=20, test=20))
    write_decoder(somewhere / "decoder", [*WORDS, *ACTIONS], layers=2, width=16, seed=0)
    data = check(load_experiment("demo-causal-lm"), "runs/none")
    assert len(data.train) == 60
    assert set(data.overlaps.values()) == {0}


class TestByName:
    def test_a_file_of_that_name_wins(self, somewhere):
        name = "cad/tinybert-to-bert-large"
        values = yaml.safe_load(find_recipe(name).text) | {"name": "mine"}
        Path("cad").mkdir()
        Path(name).write_text(yaml.safe_dump(values), encoding="utf-8")
        assert load_experiment(name).name == "mine"

    def test_a_folder_of_that_name_does_not(self, somewhere):
        Path("demo").mkdir()
        assert load_experiment("demo").name == "demo-run"

    def test_paths_count_from_the_current_folder(self, somewhere):
        assert load_experiment("demo").data.train[0].path == str(somewhere / "data/train.csv")

    def test_unknown(self, somewhere):
        with pytest.raises(ConfigError) as caught:
            load_experiment("cad/tinybert-to-bert-larg")
        assert "cad/tinybert-to-bert-large" in str(caught.value)
        assert "ftft recipes" in str(caught.value)

    def test_overrides(self, somewhere):
        experiment = load_experiment("cad/tinybert-to-bert-large", ["seeds=[7]"])
        assert experiment.seeds == (7,)


class TestCommand:
    def test_lists_all(self, ftft):
        outcome = ftft("recipes")
        assert outcome.code == 0
        for recipe in RECIPES:
            assert f" {recipe.name} " in outcome.out
        for text in ("nyu-mll/multi_nli", "cad_v1_1_train.tsv", "roberta-large", "data/train.csv"):
            assert text in outcome.out

    def test_prints_one_as_a_file(self, ftft, somewhere):
        outcome = ftft("recipes", "cad/tinybert-to-bert-large")
        assert outcome.code == 0
        path = _written(somewhere, outcome.out)
        assert load_experiment(path).name == "cad.tinybert-to-bert-large"

    def test_names_near_ones(self, ftft):
        outcome = ftft("recipes", "cad/tinybert-to-bert")
        assert outcome.code == 2
        assert "Did you mean cad/tinybert-to-bert-large" in outcome.err

    def test_validate(self, ftft, there, monkeypatch):
        monkeypatch.chdir(there)
        outcome = ftft_in(ftft, there, monkeypatch)(
            "validate", "cad/electra-small-to-electra-large"
        )
        assert outcome.code == 0, outcome.err
        assert "cad/electra-small-to-electra-large: valid" in outcome.out


def ftft_in(ftft, folder, monkeypatch):
    """The command line in a folder of its own choice (the fixture goes to an empty one)."""
    monkeypatch.chdir(folder)
    return ftft


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (
            "multinli/deberta-v3-small-to-deberta-v3-large",
            ["ID", "anli_r1", "anli_r2", "anli_r3", "wanli", "hans", "OOD mean"],
        ),
    ],
)
def test_a_run_ends_with_a_table_of_the_papers_shape(
    name, columns, ftft, there, monkeypatch, tmp_path
):
    call = ftft_in(ftft, there, monkeypatch)
    changes = [
        "main.evaluate_every=2",
        "seeds=[0]",
        "reference.max_length=32",
        "main.max_length=32",
    ]
    sets = [part for change in changes for part in ("--set", change)]
    outcome = call("run", name, *sets, "-o", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    headings = [line for line in outcome.out.splitlines() if "┃" in line]
    # A heading of two words may take two lines.
    for word in [word for column in [*columns, "FLOPs", "/ ERM"] for word in column.split(" ")]:
        assert any(word in line for line in headings), word
    for method in ("ERM ", "ERM, early stopping", "random subset ", "DM ", "FTFT "):
        assert f"│ {method}" in outcome.out
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    runs = {run["method"]: run for run in results["runs"]}
    assert runs["ftft"]["reference"].endswith(find_recipe(name).models[0])
    # The second training of DM runs to its end; those that stop early may.
    erm_steps = full_steps(load_experiment(name).main, results["data"]["train_examples"])
    assert runs["erm"]["steps"]["main"] == runs["dm"]["steps"]["main"] == erm_steps
    assert runs["ftft"]["precision"] == {"reference": "bf16", "main": "bf16"}
    watched = runs["ftft"]["history"][0]
    dev_ood = [name for name in results["data"]["sets"]["dev_ood"]]
    metric = results["metric"]
    mean = np.mean([watched[f"{dev}_{metric}"] for dev in dev_ood])
    assert watched["watched"] == pytest.approx(mean)
