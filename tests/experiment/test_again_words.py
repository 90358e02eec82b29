"""Why a stage is run again, in the words of the experiment file."""

import pytest

from ftft.config.schema import Experiment
from ftft.experiment.again_words import again_in_words
from ftft.workspace.changes import Again

EXPERIMENT = Experiment.model_validate(
    {
        "name": "x",
        "data": {
            "train": [{"path": "a.csv", "text": "t", "label": "y"}],
            "dev": {"dev": {"path": "dev.csv"}},
            "test_ood": {"far": {"hub": "owner/far", "split": "test"}},
        },
        "reference": {"model": "owner/small"},
        "main": {"model": "owner/large"},
    }
)
HASH, OTHER = "0" * 64, "f" * 64


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("main", ("settings.precision", "fp16", "auto"), "main.precision was fp16, is auto"),
        ("erm", ("settings.layers", None, 2), "main.layers was not set, is 2"),
        ("reference", ("settings.epochs", 5, 4), "reference.epochs was 5, is 4"),
        ("reference", ("settings.epochs", 3.0, 2.5), "reference.epochs was 3, is 2.5"),
        (
            "main",
            ("settings.training_arguments.weight_decay", None, 0.1),
            "main.training_arguments.weight_decay was not set, is 0.1",
        ),
        ("main", ("plan.steps", 98, 49), "main.budget in steps was 98, is 49"),
        ("dm", ("plan.steps", 98, 49), "dm.budget in steps was 98, is 49"),
        ("dm", ("plan.patience", None, 2), "dm.patience was not set, is 2"),
        ("erm_budget", ("plan.steps", 98, 49), "the cost of FTFT in steps was 98, is 49"),
        ("main", ("plan.keep", "best", "last"), "main.keep was best, is last"),
        ("main", ("train", HASH, OTHER), "the training data (a.csv) changed"),
        ("selection", ("data", HASH[:32], OTHER[:32]), "the training data (a.csv) changed"),
        ("main", ("dev.dev", HASH, OTHER), "the data set dev (dev.csv) changed"),
        ("main", ("dev.id", HASH, None), "the data set id changed"),
        ("scores/ftft", ("sets.far", HASH, OTHER), "the data set far (owner/far / test) changed"),
        ("main", ("model.model.safetensors", HASH, OTHER), "main.model: model.safetensors changed"),
        ("reference", ("model.commit", HASH[:40], OTHER[:40]), "reference.model: commit changed"),
        ("main", ("selection", HASH, OTHER), "selection/seed-0 changed"),
        ("selection", ("selection.fraction", 0.33, 0.25), "selection.fraction was 0.33, is 0.25"),
        ("map", ("map.burn_in", "auto", 1), "map.burn_in was auto, is 1"),
        ("reference", ("until", None, {"share": 0.8}), "reference.stop changed"),
        ("reference", ("until.share", 0.8, 0.9), "reference.stable_share was 0.8, is 0.9"),
        ("reference", ("recording.mode", "a", "b"), "reference.recording.mode was a, is b"),
        ("main", ("watched", ["id"], ["far"]), "main.watch changed"),
        ("main", ("metric", "accuracy", "macro_f1"), "metric was accuracy, is macro_f1"),
    ],
)
def test_one_change(kind, change, words):
    why = Again(changes={change[0]: change[1:]})
    assert again_in_words(why, EXPERIMENT, kind, "selection/seed-0") == words


def test_forced():
    assert again_in_words(Again(forced=True), EXPERIMENT, "main") == "forced"


def test_a_stage_that_it_reads():
    why = Again(upstream=("reference/seed-0",))
    assert again_in_words(why, EXPERIMENT, "map") == "reference/seed-0 changed"


def test_what_follows_from_another_change_is_left_out():
    steps = {f"plan.{key}": (9, 5) for key in ("steps", "horizon", "evaluate_every")}
    changes = {"settings.batch_size": (8, 16), **steps, "plan.keep": (1, 2)}
    why = Again(changes=changes)
    words = "main.batch_size was 8, is 16; main.keep was 1, is 2"
    assert again_in_words(why, EXPERIMENT, "main") == words


def test_what_follows_from_the_steps_is_left_out():
    changes = {"plan.steps": (9, 5), "plan.horizon": (9, 5), "plan.patience": (1, 2)}
    said = again_in_words(Again(changes=changes), EXPERIMENT, "main")
    assert said == "main.budget in steps was 9, is 5; main.patience was 1, is 2"
