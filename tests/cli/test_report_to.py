"""``report_to`` in a whole run: logs by stage, nothing trained again for them, clear refusals."""

from __future__ import annotations

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

REPORTED = [
    *("--set", "reference.training_arguments={report_to: tensorboard}"),
    *("--set", "main.training_arguments={report_to: [tensorboard], logging_steps: 1}"),
]


def tags(folder):
    return set(EventAccumulator(str(folder)).Reload().Tags()["scalars"])


def test_each_training_has_a_folder_of_logs_that_no_stage_depends_on(
    ftft, experiment_file, tmp_path
):
    first = ftft("run", experiment_file, "-o", "out", *REPORTED)
    assert first.code == 0, first.err
    logs = tmp_path / "out" / "logs"
    assert sorted(path.name for path in logs.iterdir()) == ["erm", "main", "reference"]
    reference, main, erm = (tags(logs / name / "seed-0") for name in ("reference", "main", "erm"))
    assert {"train/dynamics/confidence", "train/preflight/verdict"} <= reference & erm
    assert {"train/selection/label 0 neg", "train/selection/share", "train/loss"} <= main
    assert not any(tag.startswith("train/selection") for tag in reference | erm)
    for name, total in (("reference", None), ("main", None), ("erm", 1.0)):
        events = EventAccumulator(str(logs / name / "seed-0")).Reload()
        last = events.Scalars("train/cost/flops_over_erm")[-1].value
        assert 0 < last < 1 if total is None else last == pytest.approx(total, rel=1e-5)
    results = (tmp_path / "out" / "results.json").read_text()

    (logs / "main" / "seed-0" / "mine.txt").write_text("a note")
    again = ftft("run", experiment_file, "-o", "out")
    assert again.code == 0
    assert again.err.count("done before") == 7
    assert "done in" not in again.err
    assert (tmp_path / "out" / "results.json").read_text() == results


def test_the_cost_of_the_reference_is_counted_in(ftft, experiment_file, tmp_path):
    import json

    baselines = ("--set", "baselines=[erm, random_lengths]")
    assert ftft("run", experiment_file, "-o", "out", *REPORTED, *baselines).code == 0
    runs = json.loads((tmp_path / "out" / "results.json").read_text())["runs"]
    cost = {run["method"]: run["cost"]["relative_to_erm"]["flops"] for run in runs}
    for training, method in (("main", "ftft"), ("random_lengths", "random_lengths")):
        events = EventAccumulator(str(tmp_path / "out" / "logs" / training / "seed-0")).Reload()
        logged = events.Scalars("train/cost/flops_over_erm")[-1].value
        assert logged == pytest.approx(cost[method], rel=1e-5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("neptune", "run `pip install neptune`, or leave neptune out"),
        ("[tensorboard, tensorbord]", "names 'tensorbord', which transformers does not report to"),
        ("null", "does not report to"),
    ],
)
def test_a_service_that_is_not_there_is_said_before_anything_is_written(
    ftft, experiment_file, tmp_path, value, message
):
    setting = f"main.training_arguments={{report_to: {value}}}"
    outcome = ftft("run", experiment_file, "-o", "out", "--set", setting)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()
