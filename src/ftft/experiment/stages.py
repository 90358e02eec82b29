"""The stages of an experiment, each run once for a seed and kept in the run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ftft.cartography.datamap import DataMap
from ftft.cartography.trajectories import loss_trajectories
from ftft.config.idle import idle_in_selection, idle_in_training
from ftft.config.schema import Experiment, FineTuning, Main, Recording
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.encode import EncodedDataset
from ftft.dynamics.store import read_dynamics
from ftft.evaluation.metrics import SetScores
from ftft.experiment.again_words import again_in_words
from ftft.experiment.like_lengths import write_like_lengths
from ftft.experiment.logged_metrics import tracked
from ftft.experiment.stage_words import dev_score, points_used, training_in_words, write_selection
from ftft.selection.selection import Selection
from ftft.selection.strategies import CLUSTERS, RANDOM, select
from ftft.training.arguments import Plan, decisive, equal_cost_plan, main_plan, reference_plan
from ftft.training.encodings import Encodings
from ftft.training.erm_cost import plan_cost
from ftft.training.finetune import DevSets, finetune
from ftft.training.logger_checks import is_tracked
from ftft.training.loggers import Tracked
from ftft.training.models import model_fingerprint
from ftft.training.scoring import score_sets
from ftft.transfer.early_stopping import Settling
from ftft.transfer.preflight import preflight
from ftft.transfer.preflight import signals as preflight_signals
from ftft.utils import signals
from ftft.utils.environment import environment
from ftft.utils.signals import Stopped
from ftft.workspace.changes import Again
from ftft.workspace.workspace import Stage, Workspace

Say = Callable[[str], None]

DEFAULT_PATIENCE = 2
"""Evaluations without improvement after which ERM with early stopping stops, as in the paper."""


@dataclass(frozen=True)
class Stages:
    """Everything that can be done in an experiment, as functions from stage to stage.

    Attributes:
        experiment: What to do.
        data: The labelled data.
        workspace: The run folder.
        say: Receives a line for each step.
        encodings: The data as the models' tokenizers see them.
        stage_paths: Where a kind of stage is below the run folder, as far as it is not its name;
            for studies, which have many stages of a kind.
    """

    experiment: Experiment
    data: TaskData
    workspace: Workspace
    say: Say
    stage_paths: Mapping[str, str] = field(default_factory=dict)
    encodings: Encodings = field(default_factory=Encodings)
    _finished: dict[str, None] = field(default_factory=dict)
    _erm_flops: dict[int, float] = field(default_factory=dict)

    def reference(self, seed: int) -> Stage:
        """Fine-tune the reference on the whole training set, recording its dynamics."""
        settings, drawn = self.experiment.reference, self.experiment.map
        plan = reference_plan(settings, len(self.data.train), seed=seed)
        until = None
        if settings.stop == "stable":
            until = Settling(settings.stable_share, **drawn.settling())
        return self._finetune(
            "reference", settings, plan, recording=settings.recording, until=until
        )

    def datamap(self, name: str, trained: Stage, seed: int) -> Stage:
        """Draw the data map from a training's dynamics."""
        settings = self.experiment.map

        def build(folder: Path) -> dict[str, Any]:
            dynamics = read_dynamics(trained.folder / "dynamics").measured_by(settings.measure)
            datamap = DataMap.from_dynamics(dynamics, **settings.drawing())
            datamap.write(folder / "map.parquet")
            found = preflight(
                preflight_signals(dynamics, settings.region_fraction, settings.burn_in),
                dev_score(trained.result, self.data.dev),
            )
            return {
                "examples": len(datamap),
                "points": len(dynamics.epochs),
                "drawn": points_used(datamap, dynamics.epochs),
                "preflight": asdict(found) | {"reasons": found.reasons, "advice": found.advice},
            }

        # Older maps do not say which points they used: they are drawn again, which is cheap.
        inputs = {"map": settings.inputs(), "dynamics": trained.digest, "says": 2}
        return self._stage(f"{name}/seed-{seed}", inputs, build, upstream=(trained,))

    def select(self, name: str, datamap: Stage, trained: Stage, seed: int) -> Stage:
        """Select the examples that the main model is trained on, from a map.

        ``trained`` is the training that it was drawn from, for what a map does not hold.
        """
        settings = self.experiment.selection.model_dump()
        if settings["strategy"] == RANDOM and not settings["exclude_label_errors"]:
            return self._select_at_random(name, settings, seed)

        def build(folder: Path) -> dict[str, Any]:
            datamap.check()
            drawn = DataMap.read(datamap.folder / "map.parquet")
            losses = None
            if settings["strategy"] == CLUSTERS:
                recorded = read_dynamics(trained.folder / "dynamics").take(drawn.example_ids)
                losses = loss_trajectories(recorded, drawn.epochs)
            groups = self.data.train.slice_values(settings["balance_by"], drawn.example_ids)
            selection = select(drawn, **settings, groups=groups, trajectories=losses, seed=seed)
            return write_selection(selection, folder)

        inputs = self._selected_from(settings, seed) | {"map": datamap.digest}
        upstream = (datamap, trained) if settings["strategy"] == CLUSTERS else (datamap,)
        idle = idle_in_selection(settings["strategy"])
        return self._stage(f"{name}/seed-{seed}", inputs, build, upstream=upstream, idle=idle)

    def select_at_random(self, name: str, seed: int) -> Stage:
        """Draw the baseline's random subset, of the size of a selection."""
        # Nothing of a map may enter it, since it is not charged for one.
        baseline = {"strategy": RANDOM, "exclude_label_errors": 0.0, "other_end": 0.0}
        return self._select_at_random(name, self.experiment.selection.model_dump() | baseline, seed)

    def select_like(self, name: str, datamap: Stage, like: Stage, seed: int) -> Stage:
        """Draw a random subset of a map that is as long as a selection from it."""
        build = partial(write_like_lengths, datamap, like, seed)
        inputs = {"like": like.result["content"], "map": datamap.digest, "seed": seed}
        return self._stage(f"{name}/seed-{seed}", inputs, build, upstream=(datamap, like))

    def _select_at_random(self, name: str, settings: dict[str, Any], seed: int) -> Stage:
        train = self.data.train

        def build(folder: Path) -> dict[str, Any]:
            ids = train.example_ids
            unmeasured = DataMap.unmeasured(ids, train.labels, train.class_names)
            groups = train.slice_values(settings["balance_by"], ids)
            selection = select(unmeasured, **settings, groups=groups, seed=seed)
            return write_selection(selection, folder)

        inputs, idle = self._selected_from(settings, seed), idle_in_selection(RANDOM)
        return self._stage(f"{name}/seed-{seed}", inputs, build, idle=idle)

    def _selected_from(self, settings: dict[str, Any], seed: int) -> dict[str, Any]:
        return {"selection": settings, "seed": seed, "data": self.data.train.fingerprint}

    def main(
        self, name: str, selection: Stage, seed: int, budget: float, patience: int | None
    ) -> Stage:
        """Fine-tune the main model on a selection, for at most the budget."""
        settings, examples = self.experiment.main, len(self.data.train)
        plan = main_plan(settings, examples, budget=budget, patience=patience, seed=seed)
        return self._finetune(name, settings, plan, selection=selection)

    def main_for(self, name: str, flops: float, seed: int, selection: Stage | None = None) -> Stage:
        """Fine-tune the main model for as many operations as something else cost.

        Its learning rate reaches zero at the end and nothing stops it before: what a person would
        do who has that much to spend.

        Args:
            name: Name of the stage.
            flops: What may be spent, the scoring of development sets counted in.
            seed: The seed.
            selection: What it trains on; None: everything.
        """
        settings, examples = self.experiment.main, len(self.data.train)
        train = self._train(settings, selection)
        # Batches of a selection can be smaller or longer than those of all the data.
        share = flops / self._full_length_flops(train, seed)
        plan = equal_cost_plan(settings, examples, share=share, seed=seed)
        return self._finetune(name, settings, plan, selection=selection)

    def main_on(self, selection: Selection, seed: int) -> Stage:
        """Fine-tune the main model on a selection from elsewhere."""
        self.data.train.take(selection.example_ids)  # refuses the ids of other data
        ids = selection.example_ids.to_pylist()
        build = partial(write_selection, selection)
        stage = self._stage(f"given-selection/seed-{seed}", {"ids": ids}, build)
        settings = self.experiment.main
        return self.main("given", stage, seed, settings.budget, settings.patience)

    def erm(self, seed: int, *, stop_early: bool = False) -> Stage:
        """Fine-tune the main model on everything, for its full length unless it stops early."""
        settings = self.experiment.main
        patience = (settings.patience or DEFAULT_PATIENCE) if stop_early else None
        plan = main_plan(settings, len(self.data.train), budget=1.0, patience=patience, seed=seed)
        # Recording is all but free, and the data-map baseline may be asked for later.
        recording = None if stop_early else Recording()
        name = "erm_es" if stop_early else "erm"
        return self._finetune(name, settings, plan, recording=recording)

    def score_tests(self, method: str, trained: Stage, seed: int) -> dict[str, SetScores]:
        """Score a finished main model on every test set."""
        tests = {**self.data.test, **self.data.test_ood}
        settings = self.experiment.main

        def build(folder: Path) -> dict[str, Any]:
            sets = tests.items()
            encoded = {name: self.encodings.encoded(settings, one, self.say) for name, one in sets}
            scores = score_sets(trained.folder / "model", settings, encoded)
            return {name: asdict(score) for name, score in scores.items()}

        fingerprints = {name: dataset.fingerprint for name, dataset in tests.items()}
        inputs = {"model": trained.digest, "sets": fingerprints}
        name = f"scores/{method}/seed-{seed}"
        stage = self._stage(name, inputs, build, collective=True, upstream=(trained,))
        return {name: SetScores(**values) for name, values in stage.result.items()}

    def dev(self, settings: FineTuning) -> DevSets:
        """The development sets of a model, encoded for it."""
        dev = self._dev(settings).items()
        sets = {name: self.encodings.encoded(settings, one, self.say) for name, one in dev}
        return DevSets(sets, self._watched(settings), self.experiment.metric)

    def _dev(self, settings: FineTuning) -> dict[str, LabelledDataset]:
        # The reference's scores are for information; out-of-distribution sets would only cost.
        ood = self.data.dev_ood if isinstance(settings, Main) else {}
        return {**self.data.dev, **ood}

    def _watched(self, settings: FineTuning) -> tuple[str, ...]:
        ood = isinstance(settings, Main) and settings.watch == "ood"
        return tuple(self.data.dev_ood if ood else self.data.dev)

    def _finetune(
        self,
        name: str,
        settings: FineTuning,
        plan: Plan,
        *,
        selection: Stage | None = None,
        recording: Recording | None = None,
        until: Settling | None = None,
    ) -> Stage:
        def build(folder: Path) -> dict[str, Any]:
            start = time.perf_counter()
            self.say(f"{name}/seed-{plan.seed}: training, at most {plan.steps:,} steps")
            train = self._train(settings, selection)
            dev = self.dev(settings)
            followed = self._tracked(name, plan.seed, train) if is_tracked(settings) else None
            prepared = time.perf_counter() - start
            tuned = finetune(
                settings,
                plan,
                train,
                dev,
                self.encodings.tokenizer(settings),
                folder,
                recording=recording,
                settled=None if until is None else until.is_reached,
                tracked=followed,
                say=self.say,
            )
            cost = replace(tuned.cost, preparation_seconds=prepared)
            ood = [name for name in dev.sets if name in self.data.dev_ood]  # for ftft preflight
            return replace(tuned, cost=cost).to_dict() | {"dev_ood": ood}

        dev = {name: dataset.fingerprint for name, dataset in self._dev(settings).items()}
        inputs = {
            # Only what fine-tuning reads, so that a changed budget leaves ERM alone.
            "settings": decisive(settings),
            "model": model_fingerprint(settings),
            "plan": asdict(plan),
            "train": self.data.train.fingerprint,
            # What is selected, not why: another map that selects the same changes nothing.
            "selection": None if selection is None else selection.result["content"],
            "dev": dev,
            "watched": self._watched(settings),
            "metric": self.experiment.metric,
            "recording": None if recording is None else recording.model_dump(),
            "until": None if until is None else until.to_dict(),
        }
        selected = "" if selection is None else selection.name
        idle = idle_in_training(settings, self.experiment.task)
        ways: dict[str, Any] = {"collective": True, "selected": selected, "idle": idle}
        stage = self._stage(f"{name}/seed-{plan.seed}", inputs, build, **ways)
        if not stage.reused:
            sets, metric = self._dev(settings), self.experiment.metric
            for line in training_in_words(stage.result, plan, sets, metric):
                self.say(line)
        return stage

    def erm_flops(self, seed: int) -> float:
        """What ERM costs with this seed, computed from its plan, whether it is run or not."""
        if seed not in self._erm_flops:
            every = self._train(self.experiment.main, None)
            self._erm_flops[seed] = self._full_length_flops(every, seed)
        return self._erm_flops[seed]

    def _full_length_flops(self, train: EncodedDataset, seed: int) -> float:
        """What the main model costs on some examples for ERM's full number of steps."""
        main = self.experiment.main
        plan = main_plan(main, len(self.data.train), budget=1.0, patience=None, seed=seed)
        return plan_cost(main, plan, train, self.dev(main)).total.flops

    def _train(self, settings: FineTuning, selection: Stage | None) -> EncodedDataset:
        """What a model trains on, encoded for it."""
        every = self.encodings.encoded(settings, self.data.train, self.say)
        if selection is None:
            return every
        selection.check()
        return every.take(Selection.read(selection.folder / "selection.parquet").example_ids)

    def _tracked(self, name: str, seed: int, train: EncodedDataset) -> Tracked:
        flops, folder, examples = self.erm_flops(seed), self.workspace.folder, len(self.data.train)
        return tracked(
            self.experiment, folder, name, seed, train.labelled, examples, flops, self.stage_paths
        )

    def _stage(
        self,
        name: str,
        inputs: Mapping[str, Any],
        build: Callable[[Path], Mapping[str, Any]],
        *,
        upstream: Sequence[Stage] = (),
        collective: bool = False,
        selected: str = "",
        idle: Sequence[str] = (),
    ) -> Stage:
        start = time.perf_counter()
        kind, _, seed = name.rpartition("/")
        name = f"{self.stage_paths.get(kind, kind)}/{seed}"

        def again(why: Again) -> None:
            self.say(f"{name}: again: {again_in_words(why, self.experiment, kind, selected)}")

        try:
            signals.check()
            ways: dict[str, Any] = {"collective": collective, "idle": idle, "again": again}
            stage = self.workspace.stage(name, inputs, build, environment(), upstream, **ways)
        except Stopped as stop:
            stop.stage, stop.finished = name, tuple(self._finished)
            raise
        self._finished.setdefault(name)
        seconds = time.perf_counter() - start
        self.say(f"{name}: " + ("done before" if stage.reused else f"done in {seconds:.0f} s"))
        return stage
