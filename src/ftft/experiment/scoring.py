"""The stage that scores the test sets, once, when nothing is left to choose."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftft.evaluation.metrics import SetScores
from ftft.evaluation.training import Training
from ftft.experiment.stages import Stages
from ftft.training.scoring import score_sets
from ftft.workspace.stage import Stage


def score_tests(
    stages: Stages, method: str, trained: Stage[Training], seed: int
) -> dict[str, SetScores]:
    """Score a finished main model on every test set."""
    tests = {**stages.data.test, **stages.data.test_ood}
    settings = stages.experiment.main

    def build(folder: Path) -> dict[str, Any]:
        encoded = {
            name: stages.encodings.encoded(settings, dataset, stages.say)
            for name, dataset in tests.items()
        }
        scores = score_sets(trained.folder / "model", settings, encoded)
        return {name: asdict(score) for name, score in scores.items()}

    fingerprints = {name: dataset.fingerprint for name, dataset in tests.items()}
    inputs, name = {"model": trained.digest, "sets": fingerprints}, f"scores/{method}/seed-{seed}"
    ways: dict[str, Any] = {"collective": True, "upstream": (trained,)}
    return stages.run(name, inputs, build, _scores, **ways).result


def _scores(values: dict[str, Any]) -> dict[str, SetScores]:
    return {name: SetScores(**one) for name, one in values.items()}
