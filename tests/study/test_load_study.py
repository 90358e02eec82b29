"""What a study file comes to: overrides over overrides, paths, defaults of the base."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from ftft.config.load_study import load_study
from ftft.errors import ConfigError
from ftft.study.grid import tasks

ROOT = Path(__file__).parents[2]

EXPERIMENT = """\
name: nli
data:
  train: {path: data/train.csv, text: text, label: label}
  test_ood: {far: {path: data/far.csv}}
metric: macro_f1
reference: {model: owner/small, layers: 3, training_arguments: {weight_decay: 0.1}}
main: {model: ./models/large, epochs: 2}
baselines: [erm, dm]
seeds: [3, 4]
"""


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "experiments"
    (folder / "models/large").mkdir(parents=True)
    (folder / "nli.yaml").write_text(EXPERIMENT)
    other = EXPERIMENT.replace("data/train", "data/reviews").replace("macro_f1", "accuracy")
    (folder / "reviews.yaml").write_text(other.replace("owner/small", "owner/unused"))

    def write(text, *overrides):
        (tmp_path / "study.yaml").write_text(text)
        return load_study(tmp_path / "study.yaml", overrides)

    return write


def test_base_is_an_experiment_file(files, tmp_path):
    study = files("name: s\nbase: experiments/nli.yaml\n")
    assert (study.data, study.references, study.mains) == (("nli",), ("reference",), ("main",))
    assert study.seeds == (3, 4)
    one = study.experiment("nli")
    assert one.baselines == ("erm", "dm")
    # Paths count from the folder of the file they stand in.
    assert one.data.train[0].path == str(tmp_path / "experiments/data/train.csv")
    assert one.main.model == str(tmp_path / "experiments/models/large")
    assert one.reference.layers == 3


def test_base_stands_in_the_study_itself(files, tmp_path):
    base = yaml.safe_load(EXPERIMENT)
    study = files(yaml.safe_dump({"name": "s", "base": base}))
    assert study.experiment("nli").data.train[0].path == str(tmp_path / "data/train.csv")


WORDS = """\
name: names
task: token-classification
data: {train: {path: train.conll, text: 1, label: 2}, test_ood: {far: {path: far.conll}}}
reference: {model: owner/small}
main: {model: owner/large}
"""


def test_the_task_of_a_base_in_the_study_itself(files):
    base = yaml.safe_load(WORDS)
    one = files(yaml.safe_dump({"name": "s", "base": base})).experiment("names")
    assert (one.task, one.metric) == ("token-classification", "entity_f1")


def test_a_task_that_is_the_same_leaves_the_metric(files):
    base = {key: value for key, value in yaml.safe_load(EXPERIMENT).items() if key != "task"}
    data = {"nli": {}, "again": {"task": "classification"}}
    study = files(yaml.safe_dump({"name": "s", "base": base, "grid": {"data": data}}))
    assert [study.experiment(name).metric for name in data] == ["macro_f1", "macro_f1"]


@pytest.mark.parametrize("inline", [False, True], ids=["file", "inline"])
def test_a_data_set_brings_its_own_task(files, tmp_path, inline):
    (tmp_path / "words.yaml").write_text(WORDS)
    there = {key: yaml.safe_load(WORDS)[key] for key in ("task", "data")}
    data = {"nli": {}, "names": there if inline else "words.yaml"}
    study = files(
        yaml.safe_dump({"name": "s", "base": "experiments/nli.yaml", "grid": {"data": data}})
    )
    of_both = [study.experiment(name) for name in ("nli", "names")]
    assert [one.task for one in of_both] == ["classification", "token-classification"]
    assert [one.metric for one in of_both] == ["macro_f1", "entity_f1"]


def test_references_change_keys_of_the_bases(files):
    text = """\
name: s
base: {experiment: experiments/nli.yaml, main: {epochs: 4}}
grid:
  references:
    cut: {layers: 1, training_arguments: {warmup_ratio: 0.5}}
    whole: {layers: null}
    other: owner/other
    as-it-is:
"""
    study = files(text)
    settings = {name: study.experiment("nli", name).reference for name in study.references}
    assert {name: one.layers for name, one in settings.items()} == {
        "cut": 1,
        "whole": None,
        "other": 3,
        "as-it-is": 3,
    }
    assert settings["other"].model == "owner/other"
    assert settings["cut"].training_arguments == {"weight_decay": 0.1, "warmup_ratio": 0.5}
    assert study.experiment("nli").main.epochs == 4


def test_data_sets(files, tmp_path):
    text = """\
name: s
base: experiments/nli.yaml
grid:
  data:
    nli:
    reviews: experiments/reviews.yaml
    smaller: {data: {holdout: 0.3}, main: {max_length: 64}}
    own: {data: {train: {path: own.csv, text: a, label: b}}, metric: accuracy}
  mains: {long: {max_length: 128}, plain: {}}
"""
    study = files(text)
    assert study.data == ("nli", "reviews", "smaller", "own")
    reviews = study.experiment("reviews")
    assert reviews.name == "reviews"
    assert reviews.data.train[0].path.endswith("data/reviews.csv")
    assert reviews.metric == "accuracy"
    # Only data and metric are another experiment's.
    assert reviews.reference.model == "owner/small"
    smaller = study.experiment("smaller")
    assert (smaller.data.holdout, list(smaller.data.test_ood)) == (0.3, ["far"])
    # A main model's own key wins over that of the data set.
    assert smaller.main.max_length == 128
    assert study.experiment("smaller", main="plain").main.max_length == 64
    # New training data bring none of the base's sets along.
    own = study.experiment("own")
    assert own.data.train[0].path == str(tmp_path / "own.csv")
    assert own.data.test_ood == {}


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("base: {experiment: F, data: {train: R}}", {"nli": ("test_ood.far",)}),
        ("base: {experiment: F, data: {train: R, test_ood: null}}", {}),
        ("base: {experiment: F, data: {train: R, test_ood: {far: data/far.csv}}}", {}),
        ("base: {experiment: F, data: {holdout: 0.2}}", {}),
        # Named again by the grid, or not.
        (
            "base: {experiment: F, data: {train: R}}\n"
            "grid: {data: {a: {data: {test_ood: {far: data/far.csv}}}, b: {}}}",
            {"b": ("test_ood.far",)},
        ),
        ("base: F\ngrid: {data: {a: {data: {train: R}}, b: {}}}", {"a": ("test_ood.far",)}),
        # Another file's data, all of them.
        ("base: {experiment: F, data: {train: R}}\ngrid: {data: {c: {experiment: F}}}", {}),
    ],
)
def test_the_sets_that_are_not_taken_over(files, text, dropped):
    train = "{path: data/reviews.csv, text: text, label: label}"
    text = text.replace("train: R", f"train: {train}").replace("F", "experiments/nli.yaml")
    assert files(f"name: s\n{text}\n").dropped == dropped


@pytest.mark.parametrize("inline", [False, True])
def test_single_keys_of_the_training_data(files, tmp_path, inline):
    base = yaml.safe_load(EXPERIMENT) if inline else {"experiment": "experiments/nli.yaml"}
    grid = {"data": {"all": {}, "few": {"data": {"train": {"limit": 10}}}}}
    text = yaml.safe_dump({"name": "s", "base": base, "grid": grid})
    study = files(text, "base.data.train.label=gold")
    few = study.experiment("few").data
    assert (few.train[0].limit, study.experiment("all").data.train[0].limit) == (10, None)
    assert few.train[0].path == str(tmp_path / ("" if inline else "experiments") / "data/train.csv")
    # A set that names no label takes the new one, as it does for `ftft run --set`.
    assert [few.train[0].label, few.test_ood["far"].label] == ["gold", "gold"]
    assert study.dropped == {}


def test_single_keys_of_prompts_and_completions(files, tmp_path):
    sources = EXPERIMENT.replace("text: text, label: label", "prompt: ask, completion: answer")
    sources = sources.replace("metric: macro_f1", "task: causal-lm").replace(", dm", "")
    (tmp_path / "experiments/chat.yaml").write_text(sources)
    study = files("name: s\nbase: experiments/chat.yaml\n", "base.data.train.completion=reply")
    data = study.experiment("nli").data
    assert [data.train[0].label, data.test_ood["far"].completion] == ["reply", "reply"]
    assert (data.train[0].text, data.train[0].prompt) == (["ask"], "ask")


def test_single_keys_of_several_sources(files, tmp_path):
    two = EXPERIMENT.replace("train: {", "train: [{path: more.csv, text: a, label: b}, {")
    (tmp_path / "experiments/nli.yaml").write_text(two.replace("label: label}", "label: label}]"))
    with pytest.raises(ConfigError, match="the base has 2 sources, and single keys can be changed"):
        files("name: s\nbase: experiments/nli.yaml\n", "base.data.train.limit=1")


@pytest.mark.parametrize("key", ["data.train.lable", "data.test_ood.far.lable", "main.budgt"])
def test_a_misspelt_key_of_the_base_is_offered_in_full(files, key):
    with pytest.raises(ConfigError) as caught:
        files("name: s\nbase: experiments/nli.yaml\n", f"base.{key}=1", "nothing")
    first, wrong, misspelt = str(caught.value).splitlines()
    assert first.endswith("study.yaml: 2 problems:")
    assert wrong.startswith("  - --set nothing: expected key=value")
    whole = f"base.{key}".replace("lable", "label").replace("budgt", "budget")
    assert misspelt.endswith(f": {key}: unknown key; did you mean {whole}?")


REPLACED = [
    ("selections: {late: {selection: {strategy: late-learnt}}}", "strategies: [ambiguous]"),
    ("selections: {few: {selection: {fraction: 0.1}}}", "fractions: [0.25, 0.5]"),
    ("data: {own: {selection: {strategy: easy-to-learn}}}", "strategies: [ambiguous]"),
    ("data: {own: {main: {budget: 0.2}}}", "budgets: [0.5]"),
    ("mains: {short: {budget: 0.2}}", "budgets: [0.5]"),
]


@pytest.mark.parametrize(("named", "listed"), REPLACED)
def test_what_a_list_of_the_grid_would_replace_is_refused(files, named, listed):
    start = "name: s\nbase: experiments/nli.yaml\ngrid:\n"
    with pytest.raises(ConfigError) as error:
        files(f"{start}  {named}\n  {listed}\n")
    key = ".".join(["grid", *re.findall(r"(\w+):", named)])
    axis = f"grid.{listed.partition(':')[0]}"
    assert f"{key}: {axis} would replace it; leave one of the two out" in str(error.value)
    other = "fractions: [0.25]" if axis != "grid.fractions" else "strategies: [ambiguous]"
    assert files(f"{start}  {named}\n  {other}\n").experiments


def test_overrides(files):
    text = "name: s\nbase: experiments/nli.yaml\ngrid: {references: {a: owner/a}}\n"
    study = files(text, "grid.seeds=[7]", "base.main.epochs=1", "grid.references.a.layers=2")
    assert study.seeds == (7,)
    assert study.experiment("nli").main.epochs == 1
    assert study.experiment("nli").reference.layers == 2
    assert study.asked["base"] == {"experiment": "experiments/nli.yaml", "main": {"epochs": 1}}


def test_no_baselines_at_all(files):
    study = files("name: s\nbase: experiments/nli.yaml\nbaselines: []\n")
    assert study.experiment("nli").baselines == ()


def test_all_problems_together(files):
    text = """\
name: s
base: experiments/nli.yaml
grid:
  data: {one: {metric: accuracy}, two: {}}
  references: {bad: {layers: 0}, worse: {layrs: 2}}
  mains: {odd: {budget: 7}}
"""
    with pytest.raises(ConfigError) as caught:
        files(text)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("study.yaml: 3 problems:")
    assert lines[1].startswith("  - reference bad: reference.layers: must be at least 1")
    assert lines[2].startswith("  - main model odd: main.budget: must be at most 1")
    assert lines[3] == "  - reference worse: reference.layrs: unknown key; did you mean layers?"


def test_the_example(monkeypatch):
    monkeypatch.setenv("FTFT_DATA", "/data")
    study = load_study(ROOT / "examples/study.yaml")
    assert study.data == ("nli", "sentiment", "offensive")
    lengths = {data: study.experiment(data).main.max_length for data in study.data}
    assert lengths == {"nli": 128, "sentiment": 300, "offensive": 128}
    metrics = [study.experiment(data).metric for data in study.data]
    assert metrics == ["accuracy", "accuracy", "macro_f1"]
    assert study.experiment("nli", "six-layers").reference.layers is None
    # Three references, ERM, a random subset, DM and FTFT from each reference.
    assert len(tasks(study)) == 3 * 4 * (3 + 1 + 1 + 1 + 3)


def test_the_study_of_the_documentation(monkeypatch, tmp_path):
    monkeypatch.setenv("FTFT_DATA", "/data")
    for file in (ROOT / "examples").glob("*.yaml"):
        shutil.copy(file, tmp_path)
    page = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
    (tmp_path / "study.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.S).group(1))
    study = load_study(tmp_path / "study.yaml")
    assert study.references == ("one-layer", "three-layers", "electra")
    assert study.experiment("nli").main.model == "microsoft/deberta-v3-large"


def test_what_is_wrong_on_some_data_sets_only_is_of_those(files):
    base = "name: s\nbase: experiments/nli.yaml\n"
    with pytest.raises(ConfigError) as found:
        files(f"{base}grid: {{data: {{one: {{}}, two: {{main: {{epochs: 0}}}}}}}}\n")
    assert str(found.value).splitlines()[1].startswith("  - data set two: main.epochs")
    with pytest.raises(ConfigError) as found:
        files(base, "base.main.epochs=0")
    assert str(found.value).splitlines()[1].startswith("  - main model main: main.epochs")


def test_a_set_like_one_that_the_base_has_in_the_study_is_offered(files):
    text = yaml.safe_dump({"name": "s", "base": yaml.safe_load(EXPERIMENT)})
    with pytest.raises(ConfigError, match=r"no base\.data\.test_ood\.fr: did you mean .*\.far\?"):
        files(text, "base.data.test_ood.fr.limit=3")
