"""From a study to its trainings, whatever is in the study and in whatever order."""

import random

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ftft.config.load_study import load_study
from ftft.config.methods import BASELINES, METHODS, REFERENCE
from ftft.config.schema import Experiment
from ftft.study.grid import Task, cell_of_task, experiment_of, tasks

BASE = {
    "data": {"train": {"path": "train.csv", "text": "text", "label": "label"}},
    "reference": {"model": "owner/small"},
    "main": {"model": "owner/large"},
}
NAMES = st.lists(
    st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,5}\Z"), min_size=1, max_size=3, unique=True
)
SHARES = st.lists(
    st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 1.0]), min_size=1, max_size=2, unique=True
)


@st.composite
def grids(draw):
    chosen = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "data": NAMES,
                "references": NAMES,
                "mains": NAMES,
                "strategies": st.lists(
                    st.sampled_from(["ambiguous", "ambiguous+easy", "random"]),
                    min_size=1,
                    max_size=2,
                    unique=True,
                ),
                "selections": NAMES,
                "fractions": SHARES,
                "budgets": SHARES,
                "seeds": st.lists(st.integers(0, 9), min_size=1, max_size=2, unique=True),
            },
        )
    )
    baselines = draw(st.lists(st.sampled_from(BASELINES), unique=True))
    return chosen, baselines


def study(folder, grid, baselines):
    named = ("data", "references", "mains", "selections")
    content = {
        key: {name: {} for name in values} if key in named else values
        for key, values in grid.items()
    }
    values = {"name": "s", "base": BASE, "grid": content, "baselines": baselines}
    (folder / "study.yaml").write_text(yaml.safe_dump(values))
    return load_study(folder / "study.yaml")


def size(grid, *names):
    product = 1
    for name in names:
        product *= len(grid.get(name, [0]))
    return product


@given(grids())
@settings(max_examples=60, deadline=None)
def test_every_combination_is_there_once(tmp_path_factory, drawn):
    grid, baselines = drawn
    found = tasks(study(tmp_path_factory.mktemp("grid"), grid, baselines))
    assert len({task.id for task in found}) == len(set(found)) == len(found)
    counts = {
        method: sum(task.method == method for task in found) for method in (REFERENCE, *METHODS)
    }
    per = size(grid, "data", "seeds")
    mains = per * size(grid, "mains")
    assert counts == {
        REFERENCE: per * size(grid, "references"),
        # ERM's training is the first half of DM.
        "erm": mains if {"erm", "dm"} & set(baselines) else 0,
        "erm_es": mains if "erm_es" in baselines else 0,
        "random": mains * size(grid, "fractions", "budgets") if "random" in baselines else 0,
        "dm": mains * size(grid, "selections", "strategies", "fractions")
        if "dm" in baselines
        else 0,
        "ftft": mains
        * size(grid, "references", "selections", "strategies", "fractions", "budgets"),
        "erm_budget": mains * size(grid, "references", "budgets")
        if "erm_budget" in baselines
        else 0,
        "random_budget": mains * size(grid, "references", "fractions", "budgets")
        if "random_budget" in baselines
        else 0,
        "random_lengths": mains
        * size(grid, "references", "selections", "strategies", "fractions", "budgets")
        if "random_lengths" in baselines
        else 0,
    }


@given(grids(), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_order_in_the_file_changes_no_training(tmp_path_factory, drawn, seed):
    grid, baselines = drawn
    one = study(tmp_path_factory.mktemp("grid"), grid, baselines)
    chance = random.Random(seed)
    shuffled = {key: chance.sample(values, len(values)) for key, values in grid.items()}
    keys = chance.sample(list(shuffled), len(shuffled))
    more = chance.sample(baselines, len(baselines))
    other = study(tmp_path_factory.mktemp("grid"), {key: shuffled[key] for key in keys}, more)
    assert {task.id for task in tasks(one)} == {task.id for task in tasks(other)}
    assert set(tasks(one)) == set(tasks(other))


@given(grids())
@settings(max_examples=40, deadline=None)
def test_each_comes_after_what_it_needs_and_no_two_make_the_same(tmp_path_factory, drawn):
    found = tasks(study(tmp_path_factory.mktemp("grid"), *drawn))
    seen = set()
    made = []
    for task in found:
        assert task.needs is None or task.needs in seen
        seen.add(task)
        made += [(task.data, stage) for stage in task.makes]
        assert task.training in task.makes
    assert len(set(made)) == len(made)


def test_what_a_cell_is(tmp_path):
    grid = {"references": ["a"], "strategies": ["hard-to-learn"], "fractions": [0.25]}
    one = study(tmp_path, grid | {"budgets": [0.5, 1 / 3], "seeds": [4]}, ["random"])
    cell = next(task for task in tasks(one) if task.method == "ftft")
    assert cell == Task("ftft", "s", 4, "a", "main", "hard-to-learn", 0.25, 0.5)
    assert cell.id == "s/main/main/a/hard-to-learn-0.25-0.5/seed-4"
    assert cell.makes == {
        "selection/main/a/hard-to-learn-0.25-0.5/seed-4",
        "main/main/a/hard-to-learn-0.25-0.5/seed-4",
        "scores/ftft/main/a/hard-to-learn-0.25-0.5/seed-4",
    }
    assert cell.needs == Task(REFERENCE, "s", 4, "a")
    experiment = experiment_of(one, cell)
    assert isinstance(experiment, Experiment)
    assert (experiment.selection.strategy, experiment.selection.fraction) == ("hard-to-learn", 0.25)
    assert (experiment.main.budget, experiment.seeds) == (0.5, (4,))
    assert cell_of_task(one, cell).variant == "budget 0.5"
    subset = next(task for task in tasks(one) if task.method == "random")
    assert subset.id == "s/random/main/0.25-0.5/seed-4"


def test_one_budget_is_no_variant(tmp_path):
    one = study(tmp_path, {"budgets": [0.5]}, [])
    found = [task for task in tasks(one) if task.method != REFERENCE]
    assert {cell_of_task(one, task).variant for task in found} == {""}


def test_selections_have_maps_of_their_own_and_share_the_reference(tmp_path):
    grid = {"selections": {"whole": {"map": {"burn_in": 0}}, "auto": {}}, "seeds": [0]}
    values = {"name": "s", "base": BASE, "grid": grid, "baselines": ["erm_budget", "random"]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    one = load_study(tmp_path / "study.yaml")
    found = tasks(one)
    cells = [task for task in found if task.method == "ftft"]
    assert [experiment_of(one, task).map.burn_in for task in cells] == [0, "auto"]
    assert [cell_of_task(one, task).variant for task in cells] == ["whole", "auto"]
    assert {task.needs for task in cells} == {Task(REFERENCE, "s", 0, "reference")}
    assert all(any(stage.startswith("map/") for stage in task.makes) for task in cells)
    # Neither the random subset nor ERM at equal cost depends on how the map is drawn.
    (equal,) = (task for task in found if task.method == "erm_budget")
    assert equal.needs in cells
    assert equal.stage_paths["main"] == equal.needs.stage_paths["main"]
    assert equal.makes == {
        "erm_budget/main/reference/0.333333/seed-0",
        "scores/erm_budget/main/reference/0.333333/seed-0",
    }
    assert sum(task.method == "random" for task in found) == 1
