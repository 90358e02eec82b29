"""Costs as ratios to ERM, and figures over seeds, by hand-made numbers."""

import json
import math

import pytest

from ftft.evaluation.metrics import SetScores
from ftft.evaluation.training import Amount, Training, TrainingCost
from ftft.results.record import ErmCost, MethodRun, collect, cost_record, run_record
from ftft.results.run import Cell
from ftft.utils.environment import environment
from ftft.workspace.workspace import Workspace


def tuned(training, evaluation, *, accuracy=0.5, steps=10):
    scores = {"dev_accuracy": accuracy, "dev_macro_f1": accuracy, "watched": accuracy}
    return Training(
        steps=steps,
        kept_step=steps,
        precision="fp32",
        cost=TrainingCost(Amount(*training), Amount(*evaluation), 0.5, 2.0, 1000),
        dev_scores={"dev": {"accuracy": accuracy, "macro_f1": accuracy}},
        history=[{"step": steps} | scores],
    )


def method_run(method="ftft", seed=0, *, main, reference=None):
    return MethodRun(
        cell=Cell("made-up", method, reference and "small", "large", "ambiguous", 0.33),
        seed=seed,
        environment={},
        main=main,
        reference=reference,
        selected=33,
    )


@pytest.fixture
def erm():
    cost = TrainingCost(Amount(100.0, 1000.0, 50.0), Amount(10.0, 100.0, 5.0), estimated=True)
    return ErmCost(steps=90, cost=cost)


class TestCost:
    def test_reference_main_and_evaluation_are_apart_and_all_counted(self, erm):
        main = tuned((30.0, 300.0, 15.0), (5.0, 50.0, 2.0))
        reference = tuned((20.0, 400.0, 8.0), (1.0, 20.0, 0.5))
        record = cost_record(method_run(main=main, reference=reference), erm)
        assert record["flops"] == {"reference": 20, "main": 30, "evaluation": 6, "total": 56}
        assert record["tokens"] == {"reference": 400, "main": 300, "evaluation": 70, "total": 770}
        assert record["seconds"] == {"reference": 8, "main": 15, "evaluation": 2.5, "total": 25.5}
        assert record["relative_to_erm"] == {"flops": 56 / 110, "seconds": 25.5 / 55}
        assert record["reference_alone"] == {"flops": 21 / 110, "seconds": 8.5 / 55}
        assert record["erm_estimated"] is True
        assert (record["peak_memory_bytes"], record["overhead_seconds"]) == (1000, 1.0)
        assert record["preparation_seconds"] == 4.0

    def test_without_a_reference(self, erm):
        main = tuned((30.0, 300.0, 15.0), (5.0, 50.0, 2.0))
        record = cost_record(method_run("random", main=main), erm)
        assert record["flops"] == {"reference": 0, "main": 30, "evaluation": 5, "total": 35}

    def test_cheaper_than_erm_is_below_one(self, erm):
        main = tuned((200.0, 1.0, 1.0), (0.0, 1.0, 1.0))
        ratios = cost_record(method_run(main=main), erm)["relative_to_erm"]
        assert ratios["flops"] > 1 > ratios["seconds"]


def test_a_run_as_it_stands_in_the_file(erm):
    main = tuned((30.0, 300.0, 15.0), (5.0, 50.0, 2.0), accuracy=0.75, steps=30)
    reference = tuned((20.0, 400.0, 8.0), (1.0, 20.0, 0.5), steps=60)
    scores = {
        "plain": SetScores({"accuracy": 0.5, "macro_f1": 0.4, "examples": 4.0}, {}),
        "sliced": SetScores(
            {"accuracy": 0.25, "macro_f1": 0.2, "examples": 4.0},
            {"source": {"web": {"accuracy": 0.25, "macro_f1": 0.2, "examples": 4.0}}},
        ),
    }
    run = method_run(seed=3, main=main, reference=reference)
    record = run_record(run, erm, scores)
    assert json.loads(json.dumps(record)) == record
    lengths = {"reference": 60, "main": 30, "kept": 30, "erm": 90}
    assert record["steps"] == {**lengths, "most": 30, "patience": None}
    assert record["scores"]["dev"] == {"dev": {"accuracy": 0.75, "macro_f1": 0.75}}
    assert record["scores"]["test"]["sliced"] == scores["sliced"].metrics
    assert record["slices"] == {"sliced": scores["sliced"].slices}
    assert (record["seed"], record["reference"], record["main"]) == (3, "small", "large")


class TestCollect:
    @pytest.fixture
    def collected(self, tmp_path, erm):
        """Two methods, two seeds and two sets of either kind, given in no order."""
        names = ("id_a", "id_b", "far_a", "far_b")
        data = {
            "train_examples": 100,
            "sets": {
                "dev": {"dev": 10},
                "dev_ood": {},
                "test": {"id_a": 7, "id_b": 7},
                "test_ood": {"far_a": 7, "far_b": 7},
            },
        }
        records = []
        for method, seed, score in (
            *(("ftft", 1, 0.8), ("erm", 0, 0.5)),
            *(("ftft", 0, 0.6), ("erm", 1, 0.7)),
        ):
            main = tuned((55.0, 1.0, 5.5), (0.0, 0.0, 0.0))
            offsets = dict(zip(names, (0.0, 0.1, -0.1, -0.3), strict=True))
            scores = {
                name: SetScores({"accuracy": 0.0, "macro_f1": score + offset, "examples": 7.0}, {})
                for name, offset in offsets.items()
            }
            records.append(run_record(method_run(method, seed, main=main), erm, scores))
        folder = Workspace(tmp_path / "run").folder
        return collect(folder, "made-up", "macro_f1", data, records)

    def test_erm_comes_first_and_seeds_in_order(self, collected):
        order = [(run["method"], run["seed"]) for run in collected.values["runs"]]
        assert order == [("erm", 0), ("erm", 1), ("ftft", 0), ("ftft", 1)]
        assert [row.cell.method for row in collected.rows] == ["erm", "ftft"]

    def test_scores_stay_with_their_run(self, collected):
        scores = [run["scores"]["test"]["id_a"]["macro_f1"] for run in collected.values["runs"]]
        assert scores == [0.5, 0.7, 0.6, 0.8]

    def test_the_metric_that_was_asked_for_over_sets_and_seeds(self, collected):
        erm, ftft = collected.rows
        assert erm.id_score.mean == pytest.approx(0.65)
        assert erm.id_score.deviation == pytest.approx(math.sqrt(0.02))
        assert ftft.ood_scores["far_a"].mean == pytest.approx(0.6)
        assert ftft.ood_scores["far_b"].mean == pytest.approx(0.4)
        assert ftft.ood_score.mean == pytest.approx(0.5)
        assert ftft.flops.mean == pytest.approx(0.5)
        assert ftft.seconds.mean == pytest.approx(0.1)
        assert ftft.estimated

    def test_the_file_holds_the_values(self, collected):
        assert json.loads(collected.path.read_text()) == collected.values
        assert collected.id_sets == ("id_a", "id_b")
        assert collected.values["data"]["sets"]["test_ood"] == {"far_a": 7, "far_b": 7}


def test_environment_is_plain_and_names_what_matters():
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {
        *("python", "platform", "processor", "cpu_count", "threads", "device", "processes", "jobs"),
        "packages",
    }
    assert found["processor"]
