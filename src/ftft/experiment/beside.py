"""Several chains of trainings at a time, each in a process of its own.

They train what the run would train by itself: the same stages in the same folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ftft.config.methods import METHODS
from ftft.errors import FtftError, WorkspaceError
from ftft.evaluation.training import Training
from ftft.experiment.chain_worker import MODULE, request
from ftft.experiment.chains import Chain, chains
from ftft.experiment.overall import Overall
from ftft.experiment.stages import Stages
from ftft.utils.line import Line, prefixed
from ftft.utils.plural import duration
from ftft.utils.process_pool import ProcessPool
from ftft.utils.signals import Stopped
from ftft.workspace.stage_record import read_record


def train_beside(stages: Stages, overall: Overall, jobs: int) -> bool:
    """Train what is to be trained, several chains at a time; test sets are not scored.

    Args:
        stages: The run's.
        overall: Its trainings.
        jobs: How many at a time.

    Returns:
        Whether all is trained; False where no two chains are to be done, and nothing was.

    Raises:
        FtftError: A chain failed; the others have been stopped, with checkpoints.
        Stopped: The run was asked to stop, and so have they been.
    """
    experiment = stages.experiment
    waiting = [
        one for one in chains(experiment.baselines, experiment.seeds) if overall.waiting(one.stages)
    ]
    if len(waiting) < 2:
        return False
    # The longest first, so that none is left to run alone at the end.
    waiting.sort(key=lambda one: -overall.flops(one.stages))
    stages.say(overall.opening())
    pool: ProcessPool[Chain] = ProcessPool(min(jobs, len(waiting)), MODULE, stages.say)
    _Beside(stages, overall, pool).train(waiting)
    return True


@dataclass
class _Beside:
    """Chains while they are trained."""

    stages: Stages
    overall: Overall
    pool: ProcessPool[Chain]
    ended: list[str] = field(default_factory=list)

    def train(self, waiting: list[Chain]) -> None:
        try:
            for chain in waiting:
                work = request(self.stages.experiment, self.stages.workspace.folder, chain)
                self.pool.submit(chain, work, _Voice(self).hear)
            left = len(waiting)
            while left:
                for one in self.pool.wait():
                    left -= 1
                    if one.problem is not None:
                        raise FtftError(f"{_title(one.key, self.stages)}: {one.problem}")
        except BaseException as error:
            self.pool.close(stopped=True)
            if isinstance(error, Stopped):
                self._say_saved()
                error.finished, error.saved = tuple(self.ended), "resumes"
            raise
        self.pool.close(stopped=False)

    def _say_saved(self) -> None:
        """What each chain that was at work says of what it has saved."""
        for one in self.pool.wait():
            if one.problem is not None:
                self.stages.say(f"{_title(one.key, self.stages)}: {one.problem}")

    def note(self, name: str) -> None:
        """A training has ended: say how far all are."""
        folder = self.stages.workspace.folder / name
        record = read_record(folder, name)
        if record is None or record["status"] != "finished":
            raise WorkspaceError(f"{folder}: this stage is gone; give the same command again.")
        self.overall.note(name, Training.from_dict(record["result"]))
        if name not in self.overall.waiting([name]):
            return
        self.ended.append(name)
        done, total, seconds = self.overall.after(self.ended)
        left = f"; about {duration(seconds)} of training left in all" if seconds else ""
        figures = {"training": done, "of": total, "seconds_left": seconds}
        self.stages.say(Line(f"{done} of {total} trainings done{left}", **figures))


@dataclass
class _Voice:
    """What one process says; a line that belongs to the one before it names the stage, too."""

    beside: _Beside
    stage: str = ""

    def hear(self, key: str, text: str) -> None:
        if key == "ended":
            self.beside.note(text)
        elif text.startswith(" ") and self.stage:
            self.beside.stages.say(prefixed(f"{self.stage}: ", text))
        else:
            name = text.partition(": ")[0]
            self.stage = name if "/seed-" in name else self.stage
            self.beside.stages.say(text)


def _title(chain: Chain, stages: Stages) -> str:
    names = ", ".join(METHODS[key].title for key in chain.methods)
    return f"{names}, seed {chain.seed}" if len(stages.experiment.seeds) > 1 else names
