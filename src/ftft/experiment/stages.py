"""What the stages of an experiment share: the data, the run folder, and how a stage is run.

The stages themselves are functions: :mod:`~ftft.experiment.trainings`,
:mod:`~ftft.experiment.maps`, :mod:`~ftft.experiment.selections` and
:mod:`~ftft.experiment.scoring`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ftft.cartography.tables import SELECTION_NAME
from ftft.config.schema import Experiment, FineTuning, Main
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.data.encode import EncodedDataset
from ftft.data.lengths import Measured
from ftft.errors import WorkspaceError
from ftft.experiment.again_words import AGAIN, again_in_words
from ftft.experiment.overall import Follows
from ftft.experiment.plans import erm_plan
from ftft.selection.selection import Selection
from ftft.training.encodings import Encodings
from ftft.training.erm_cost import plan_cost
from ftft.training.finetune import DevSets
from ftft.utils import signals
from ftft.utils.environment import environment
from ftft.utils.signals import RESUMES, Stopped
from ftft.workspace.changes import Again
from ftft.workspace.stage import Stage
from ftft.workspace.stage_record import has_checkpoints, read_record
from ftft.workspace.workspace import Workspace

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Stages:
    """An experiment in a run folder.

    Attributes:
        experiment: What to do.
        data: The labelled data.
        workspace: The run folder.
        say: Receives a line for each step.
        encodings: The data as the models' tokenizers see them.
        stage_paths: Where a kind of stage is below the run folder, as far as it is not its name;
            for studies, which have many stages of a kind.
        ends_said: Whether a line says that a stage is done; a study says it of whole tasks.
        overall: The trainings of the run; None where a stage is run alone, and in a study, which
            counts its own tasks.
    """

    experiment: Experiment
    data: TaskData
    workspace: Workspace
    say: Say
    stage_paths: Mapping[str, str] = field(default_factory=dict)
    encodings: Encodings = field(default_factory=Encodings)
    ends_said: bool = True
    overall: Follows | None = None
    _finished: dict[str, None] = field(default_factory=dict)
    _erm_flops: dict[int, float] = field(default_factory=dict)

    def run(
        self,
        name: str,
        inputs: Mapping[str, Any],
        build: Callable[[Path], Mapping[str, Any]],
        read: Callable[[dict[str, Any]], T],
        *,
        upstream: Sequence[Stage[Any]] = (),
        collective: bool = False,
        selected: str = "",
        idle: Sequence[str] = (),
    ) -> Stage[T]:
        """Build a stage, unless it was finished before, and say what was done.

        Args:
            name: Its kind and ``seed-N``.
            inputs: As for :meth:`~ftft.workspace.workspace.Workspace.stage`; likewise ``build``,
                ``upstream``, ``collective`` and ``idle``.
            build: Builds it.
            read: Makes what it came to of the plain values that ``build`` gives.
            upstream: The stages whose files it reads.
            collective: Whether all processes build it together.
            selected: Name of the selection that it trains on, if it does.
            idle: Keys of ``inputs`` that change nothing here.
        """
        start = time.perf_counter()
        kind, _, seed = name.rpartition("/")
        name = f"{self.stage_paths.get(kind, kind)}/{seed}"

        def again(why: Again) -> None:
            self.say(f"{name}{AGAIN}{again_in_words(why, self.experiment, kind, selected)}")

        try:
            signals.check()
            ways: dict[str, Any] = {"collective": collective, "idle": idle, "again": again}
            stage = self.workspace.stage(name, inputs, build, environment(), upstream, **ways)
        except Stopped as stop:
            if self._runs(name):  # else it is only read, and nothing of it was under way
                self._tell(stop, name)
            raise
        self._finished.setdefault(name)
        if self.ends_said:
            how = "before" if stage.reused else f"in {time.perf_counter() - start:.0f} s"
            self.say(f"{name}: done {how}")
        return stage.read_as(read)

    @property
    def finished(self) -> tuple[str, ...]:
        """The stages that were run, or found finished, so far."""
        return tuple(self._finished)

    def _runs(self, name: str) -> bool:
        return self.workspace.builds is None or name in self.workspace.builds

    def _tell(self, stop: Stopped, name: str) -> None:
        """Note with a stop what is finished, and what of the stage under way is saved."""
        folder = self.workspace.folder / name
        with contextlib.suppress(WorkspaceError):
            if (read_record(folder, name) or {}).get("status") == "finished":
                self._finished.setdefault(name)
        stop.finished = self.finished
        if name not in stop.finished:
            saved = RESUMES if has_checkpoints(folder) else ""
            stop.stage, stop.saved = name, stop.saved or saved

    def train_set(self, settings: FineTuning, selection: Stage[Any] | None) -> EncodedDataset:
        """What a model trains on, encoded for it: a selection, or everything."""
        every = self.encodings.encoded(settings, self.data.train, self.say)
        if selection is None:
            return every
        selection.check()
        return every.take(Selection.read(selection.folder / SELECTION_NAME).example_ids)

    def dev(self, settings: FineTuning) -> DevSets:
        """The development sets of a model, encoded for it."""
        dev = self.dev_data(settings).items()
        sets = {name: self.encodings.encoded(settings, one, self.say) for name, one in dev}
        return DevSets(sets, self.watched(settings), self.experiment.metric)

    def lengths(self, settings: FineTuning) -> tuple[Measured, list[Measured]]:
        """The tokens of the training data and of the development sets, for a cost."""
        dev = self.dev_data(settings).values()
        train = self.encodings.lengths(settings, self.data.train)
        return train, [self.encodings.lengths(settings, one) for one in dev]

    def dev_data(self, settings: FineTuning) -> dict[str, LabelledDataset]:
        """The development sets that a model is scored on."""
        # The reference's scores are for information; out-of-distribution sets would only cost.
        ood = self.data.dev_ood if isinstance(settings, Main) else {}
        return {**self.data.dev, **ood}

    def watched(self, settings: FineTuning) -> tuple[str, ...]:
        """Names of the development sets that decide about stopping and kept weights."""
        ood = isinstance(settings, Main) and settings.watch == "ood"
        return tuple(self.data.dev_ood if ood else self.data.dev)

    def erm_flops(self, seed: int) -> float:
        """What ERM costs with this seed, computed from its plan, whether it is run or not."""
        if seed not in self._erm_flops:
            every = self.train_set(self.experiment.main, None)
            self._erm_flops[seed] = self.full_length_flops(every, seed)
        return self._erm_flops[seed]

    def full_length_flops(self, train: EncodedDataset, seed: int) -> float:
        """What the main model costs on some examples for ERM's full number of steps."""
        main = self.experiment.main
        plan = erm_plan(self.experiment, len(self.data.train), seed=seed)
        return plan_cost(main, plan, train, self.dev(main).sets.values()).total.flops
