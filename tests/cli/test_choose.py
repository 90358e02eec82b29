"""``ftft choose``: from cheap to dear, until one is good."""

import json

import pytest

import ftft.experiment.choose
from ftft.experiment.choose import Judged, chosen
from ftft.transfer.preflight import BAD, DOUBTFUL, GOOD
from ftft.workspace.stage_record import write_record


@pytest.fixture
def judged(monkeypatch):
    """Verdicts by number of layers, given by hand; what is trained is noted."""
    verdicts, trained = {}, []
    real = ftft.experiment.choose.opened

    def opened(experiment, folder, say, **more):
        trained.append(experiment.reference.layers)
        return real(experiment, folder, say, **more)

    def tell_map(stages, datamap):
        layers = stages.experiment.reference.layers
        datamap.result.preflight["verdict"] = verdicts[layers]

    monkeypatch.setattr(ftft.experiment.choose, "opened", opened)
    monkeypatch.setattr(ftft.experiment.choose, "tell_map", tell_map)
    return verdicts, trained


CANDIDATES = ("-c", "layers=2", "-c", "layers=1")


def test_the_cheapest_that_is_good_is_taken_and_no_more_are_trained(
    ftft, judged, experiment_file, tmp_path
):
    verdicts, trained = judged
    verdicts.update({1: GOOD, 2: GOOD})
    other = tmp_path / "out/layers=1/reference/seed-0"  # of another experiment
    other.mkdir(parents=True)
    record = {"digest": "d", "status": "finished", "result": {}, "made_from": {"train": "x"}}
    write_record(other, record)
    refused = ftft("choose", experiment_file, *CANDIDATES, "-o", "out")
    assert refused.code == 2
    assert "this run folder holds another experiment" in refused.err
    assert "choose or demo --replace" in refused.err
    outcome = ftft("choose", experiment_file, *CANDIDATES, "-o", "out", "--replace")
    assert outcome.code == 0, outcome.err
    assert trained == [1]
    assert (tmp_path / "out/layers=1.replaced-1/reference/seed-0/stage.json").is_file()
    assert "chosen: layers=1" in outcome.out
    found = json.loads((tmp_path / "out/choice.json").read_text())
    assert found["chosen"] == "layers=1"
    cheap, dear = found["candidates"]
    assert (cheap["verdict"], dear["verdict"]) == ("good", None)
    assert 0 < cheap["reference_cost"] < dear["reference_cost"]
    assert cheap["total_cost"] > cheap["reference_cost"]


def test_what_is_not_good_makes_room_for_the_next(ftft, judged, experiment_file):
    verdicts, trained = judged
    verdicts.update({1: BAD, 2: DOUBTFUL})
    outcome = ftft("choose", experiment_file, *CANDIDATES, "-o", "out")
    assert trained == [1, 2]
    assert "none is judged good; the best is layers=2, doubtful" in outcome.out


def test_the_run_goes_on_with_the_chosen_reference(ftft, judged, experiment_file):
    verdicts, _ = judged
    verdicts.update({1: GOOD, 2: GOOD})
    outcome = ftft("choose", experiment_file, *CANDIDATES, "-o", "out")
    (line,) = (line for line in outcome.out.splitlines() if line.startswith("run it: ftft "))
    again = ftft(*line.removeprefix("run it: ftft ").split(), "--set", "baselines=[]")
    assert again.code == 0, again.err
    assert "reference/seed-0: done before" in again.err
    assert "map/seed-0: done before" in again.err


def test_all_are_trained_on_request(ftft, judged, experiment_file):
    verdicts, trained = judged
    verdicts.update({1: GOOD, 2: GOOD})
    outcome = ftft("choose", experiment_file, *CANDIDATES, "--all", "-o", "out")
    assert trained == [1, 2]
    assert "chosen: layers=1" in outcome.out


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        (["-c", "layers=1"], "give at least two different references to choose from, each by -c."),
        (["-c", "layers=1"] * 2, "by -c; -c layers=1 was given 2 times."),
        (
            ["-c", "layrs=1", "-c", "layers=x,nothing"],
            "error: ftft choose: 2 problems:\n"
            "  - -c layrs=1: reference.layrs: unknown key; did you mean layers?\n"
            "  - -c layers=x,nothing: expected KEY=VALUE, such as layers=1.\n",
        ),
        (["-c", "layers=1", "-c", "model=nowhere/at-all"], "nowhere/at-all"),
        (["-c", "layers=1", "-c", "layers=/1"], "layers"),
    ],
)
def test_what_is_no_choice_is_refused_before_anything_is_trained(
    ftft, experiment_file, tmp_path, candidates, expected
):
    outcome = ftft("choose", experiment_file, *candidates, "-o", "out")
    assert outcome.code == 2
    assert expected in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("verdicts", "learnt", "best"),
    [
        (("bad", "bad", "bad"), (0.37, 0.67, 0.60), 1),
        (("doubtful", "doubtful", "bad"), (0.37, 0.67, 0.9), 0),
        (("bad", "doubtful", "good"), (0.9, 0.8, 0.7), 2),
    ],
)
def test_the_cheapest_of_the_best_or_of_bad_ones_what_learnt_most(verdicts, learnt, best):
    judged = [
        Judged(None, 0.1 * at, 0.2 * at, verdict, (), {"train_accuracy": share})
        for at, (verdict, share) in enumerate(zip(verdicts, learnt, strict=True))
    ]
    assert chosen([*judged, Judged(None, 0.0, 0.0)]) is judged[best]
