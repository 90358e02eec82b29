"""What a run would do: which stages it would run, at what cost, and which it would reuse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ftft.config.methods import COST, METHODS, REFERENCE, TRAINED_BY, chosen
from ftft.config.schema import Experiment, FineTuning
from ftft.data.dataset import TaskData
from ftft.data.lengths import Measured, texts_of, whole_lengths
from ftft.experiment.chains import chains, makespan, threads_of
from ftft.experiment.finished import is_finished
from ftft.experiment.foreseen import Foreseen, recorded_speeds, share_of_erm
from ftft.experiment.plans import erm_plan, method_plan
from ftft.experiment.stages import Say, Stages
from ftft.tasks import TASKS
from ftft.tasks.classification import CLASSIFICATION
from ftft.training.arguments import Plan, reference_plan
from ftft.training.erm_cost import plan_cost, planned_counter
from ftft.training.flops import FlopCounter
from ftft.utils import distributed
from ftft.workspace.preview import Preview


@dataclass(frozen=True)
class Foresight:
    """What a run would do.

    Attributes:
        trainings: Those of all seeds, in the order of the pipeline.
        cut: Model to training examples of which it would not see the end.
        seconds: About what the trainings take that are to be done, by the speed of those in the
            run folder; None where none of this machine is there, with as many threads.
        jobs: How many trainings would run at a time.
    """

    trainings: tuple[Foreseen, ...]
    cut: dict[str, int]
    seconds: float | None = None
    jobs: int = 1

    @property
    def share_of_erm(self) -> float | None:
        """As :func:`ftft.experiment.foreseen.share_of_erm` has it."""
        return share_of_erm(self.trainings)


def foresee(
    experiment: Experiment, data: TaskData, folder: str, say: Say, *, jobs: int = 1
) -> Foresight:
    """Work out which trainings a run would do; nothing is run or written.

    Args:
        experiment: What to do, checked.
        data: Its data.
        folder: The run folder; it need not be there.
        say: Receives a line for each stage that is finished, or that is run again and why.
        jobs: How many trainings would run at a time.
    """
    said: set[str] = set()

    def say_once(line: str) -> None:
        """Methods share stages, and each method looks at all of its own."""
        if line not in said:
            said.add(line)
            say(line)

    stages = Stages(experiment, data, Preview(folder), say_once)
    dry = _DryRun(stages)
    models = (experiment.reference, experiment.main)
    trainings = tuple(one for seed in experiment.seeds for one in dry.trainings(seed))
    speeds = recorded_speeds(folder, [one.name for one in trainings], threads_of(jobs))
    waiting = [one for one in trainings if not one.reused]
    seconds = speeds.each(waiting)
    each = dict(zip((one.name for one in waiting), seconds, strict=True)) if seconds else {}
    groups = chains(experiment.baselines, experiment.seeds)
    return Foresight(
        trainings,
        {f"{one.label}, max_length {one.max_length}": texts_cut(stages, one) for one in models},
        makespan(each, groups, jobs) if each else None,
        jobs,
    )


def trainings_of(stages: Stages, reused: Collection[str]) -> dict[str, Foreseen]:
    """The trainings of a run by name, with their operations; nothing is run or written.

    Empty where there are several processes, as all of them would have to encode the data together.

    Args:
        stages: The run's.
        reused: Names of those that are finished.
    """
    if distributed.count() > 1:
        return {}
    dry = _DryRun(stages, reused)
    return {one.name: one for seed in stages.experiment.seeds for one in dry.trainings(seed)}


def texts_cut(stages: Stages, settings: FineTuning) -> int:
    """How many training examples have more tokens than a model keeps.

    Of tasks whose examples are more than one sequence those that have as many count, too.
    """
    train = stages.encodings.lengths(settings, stages.data.train)
    long = train.lengths >= settings.max_length
    if not long.any() or train.labelled.task != CLASSIFICATION.name:
        return int(long.sum())
    # Chunk by chunk: together they may be too long for one array of texts.
    texts = [column.filter(long) for column in texts_of(train.labelled.table)]
    whole = whole_lengths(texts, stages.encodings.tokenizer(settings))
    return int((whole > settings.max_length).sum())


@dataclass(frozen=True)
class _DryRun:
    """The pipeline's methods, with what cannot be known before a stage has run left open.

    Attributes:
        stages: Where ``reused`` is not given, of a folder in which nothing is run.
        reused: Names of the trainings that are finished, where that is known.
    """

    stages: Stages
    reused: Collection[str] | None = None
    _counters: dict[str, FlopCounter] = field(default_factory=dict)

    def trainings(self, seed: int) -> Iterator[Foreseen]:
        """The trainings of a seed, in the order in which they run; what several share is one."""
        known: dict[str, Foreseen] = {}
        for method in chosen(self.stages.experiment.baselines):
            for kind in (method.stages.get("reference"), method.stages["main"]):
                if kind is not None and kind not in known:
                    known[kind] = self._foreseen(kind, seed, known)
                    yield known[kind]

    def _foreseen(self, kind: str, seed: int, known: Mapping[str, Foreseen]) -> Foreseen:
        """A training, given those before it."""
        experiment, examples = self.stages.experiment, len(self.stages.data.train)
        settings: FineTuning = experiment.main
        if kind == REFERENCE:
            settings = experiment.reference
            plan = reference_plan(settings, examples, seed=seed)
        else:
            method, share = TRAINED_BY[kind], 1.0
            if method.trained_for == COST:
                paid = METHODS["ftft"].stages
                spent = known[paid["reference"]].flops + known[paid["main"]].flops
                share = spent / self._flops(settings, erm_plan(experiment, examples, seed=seed))
            plan = method_plan(experiment, method.key, examples, seed=seed, share=share)
        name, reused = f"{kind}/seed-{seed}", self.reused
        is_reused = is_finished(self.stages, kind, seed) if reused is None else name in reused
        # What a run does not do again is not encoded only to be counted.
        counts = reused is None or not is_reused or self._spends(seed)
        flops = self._flops(settings, plan) if counts else 0.0
        return Foreseen(name, is_reused, plan.steps, flops)

    def _spends(self, seed: int) -> bool:
        """Whether a training is to be done that may spend what others of the seed cost."""
        methods = chosen(self.stages.experiment.baselines)
        names = {one.stages["main"] for one in methods if one.trained_for == COST}
        return any(f"{name}/seed-{seed}" not in (self.reused or ()) for name in names)

    def _flops(self, settings: FineTuning, plan: Plan) -> float:
        data, model = self.stages.data, settings.model_dump_json()
        if model not in self._counters:
            task = TASKS[self.stages.experiment.task]
            self._counters[model] = planned_counter(settings, len(data.train.model_classes), task)
        counter = self._counters[model]
        return plan_cost(settings, plan, *self._lengths(settings), counter=counter).total.flops

    def _lengths(self, settings: FineTuning) -> tuple[Measured, list[Measured]]:
        if self.reused is None:
            return self.stages.lengths(settings)
        # A run is about to train on the tokens.
        train = self.stages.encodings.encoded(settings, self.stages.data.train)
        return train, [*self.stages.dev(settings).sets.values()]
