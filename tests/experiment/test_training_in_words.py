"""What is said of a training that is over."""

import pytest

from ftft.evaluation.training import Amount, Training, TrainingCost
from ftft.experiment.trainings import training_in_words
from tiny_task import plan, reviews


@pytest.mark.parametrize(
    ("steps", "patience", "expected"),
    [
        (8, 2, "train it longer or"),
        (6, 2, "early stopping ended it (patience 2): set a larger patience, or null; or train"),
        (6, None, "early stopping ended it (stop: stable): set stop: full; or train it longer"),
    ],
)
def test_what_may_help_where_nothing_was_learnt(steps, patience, expected):
    scores = {"dev": {"accuracy": 0.0}}
    trained = Training(steps, steps, "fp32", TrainingCost(Amount(), Amount()), scores, [])
    dev = {"dev": reviews("dev", 4)}
    *_, note = training_in_words(trained, plan(8, 2, patience=patience), dev, "accuracy")
    assert f"); {expected}" in note
