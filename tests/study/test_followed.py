"""``report_to`` in a study: each cell has logs of its own, and its reference is counted in."""

import json
import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"


def test_a_cell_is_followed_in_its_place(again):
    shutil.rmtree(again.folder / "tiny" / CELL)
    finished = again.run("base.main.training_arguments={report_to: tensorboard}")
    assert (finished.failures, again.trained) == ({}, ["main, seed 1"])
    events = EventAccumulator(str(again.folder / "tiny/logs" / CELL)).Reload()
    logged = events.Scalars("train/cost/flops_over_erm")[-1].value
    runs = json.loads((again.folder / "tiny/results.json").read_text())["runs"]
    (cell,) = (
        run
        for run in runs
        if (run["method"], run["reference"], run["seed"]) == ("ftft", "two", 1)
        and (run["strategy"], run["fraction"]) == ("ambiguous", 0.25)
    )
    assert cell["cost"]["flops"]["reference"] > 0
    assert logged == pytest.approx(cell["cost"]["relative_to_erm"]["flops"], rel=1e-5)
