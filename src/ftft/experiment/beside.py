"""Several chains of trainings at a time, each in a process of its own.

They train what the run would train by itself: the same stages in the same folder.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from ftft.config.methods import METHODS
from ftft.errors import FtftError, WorkspaceError
from ftft.evaluation.training import Training
from ftft.experiment.chain_worker import MODULE, request
from ftft.experiment.chains import Chain
from ftft.experiment.overall import Overall, UnderWay
from ftft.experiment.stages import Stages
from ftft.utils.line import Line, figures_of, prefixed
from ftft.utils.plural import duration
from ftft.utils.process import HowStopped
from ftft.utils.process_pool import ProcessPool
from ftft.utils.signals import Stopped
from ftft.workspace.stage_record import read_record


def train_beside(stages: Stages, overall: Overall, groups: Sequence[Chain], jobs: int) -> bool:
    """Train what is to be trained, several chains at a time; test sets are not scored.

    A single chain has a process of its own too: with all cores its training would not end the same,
    bit for bit, as it would have with its share.

    Args:
        stages: The run's.
        overall: Its trainings.
        groups: Its chains.
        jobs: How many at a time.

    Returns:
        Whether anything was to be trained.

    Raises:
        FtftError: A chain failed; the others have been stopped, with checkpoints.
        Stopped: The run was asked to stop, and so have they been.
    """
    waiting = [one for one in groups if overall.waiting(one.stages)]
    if not waiting:
        return False
    # The longest first, so that none is left to run alone at the end.
    waiting.sort(key=lambda one: -overall.flops(one.stages))
    if opening := overall.opening():
        stages.say(opening)
    pool: ProcessPool[Chain] = ProcessPool(jobs, MODULE, stages.say)
    _Beside(stages, overall, pool).train(waiting)
    return True


@dataclass
class _Beside:
    """Chains while they are trained."""

    stages: Stages
    overall: Overall
    pool: ProcessPool[Chain]
    ended: list[str] = field(default_factory=list)
    begun: dict[str, UnderWay] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def train(self, waiting: list[Chain]) -> None:
        try:
            for chain in waiting:
                work = request(self.stages.experiment, self.stages.workspace.folder, chain)
                self.pool.submit(chain, work, partial(self.hear, _Voice()))
            left = len(waiting)
            while left:
                for one in self.pool.wait():
                    left -= 1
                    if one.problem is not None:
                        problem = f"{_title(one.key, self.stages)}: {one.problem}"
                        if left:
                            self.stages.say(f"{problem}; the others are stopped")
                        raise FtftError(problem)
        except Stopped as stop:
            with contextlib.suppress(Stopped):  # a second Ctrl-C, which waits for nothing
                self.pool.close(stopped=True)
                stop.saved = self._saved()
            stop.finished = tuple(self.ended)  # some ended while the others wrote checkpoints
            raise
        except BaseException:
            self.pool.close(stopped=True)
            raise
        self.pool.close(stopped=False)

    def _saved(self) -> str:
        """Say what each chain that was at work has saved; empty where that is nothing."""
        saved = ""
        for one in self.pool.wait():
            if one.problem is not None:
                self.stages.say(f"{_title(one.key, self.stages)}: {one.problem}")
                over = isinstance(one.problem, HowStopped) and not one.problem.saved
                saved = saved or ("" if over else one.problem)
        return saved

    def hear(self, voice: _Voice, key: str, text: str) -> None:
        """Take what a process tells; several tell at the same time."""
        with self.lock:
            if key == "ended":
                self._note(text)
            else:
                self._say(voice, text)

    def _say(self, voice: _Voice, text: str) -> None:
        if text.startswith(" ") and voice.stage:
            text = prefixed(f"{voice.stage}: ", text)
        elif "/seed-" in (name := text.partition(": ")[0]):
            voice.stage = name
        elif text in self.said:
            return  # each process says it of the same data or model
        self.said.add(text)
        if under_way := UnderWay.of(figures_of(text)):
            self.begun[voice.stage] = under_way
        self.stages.say(text)

    def _note(self, name: str) -> None:
        """A training has ended: say how far all are."""
        folder = self.stages.workspace.folder / name
        record = read_record(folder, name)
        if record is None or record["status"] != "finished":
            raise WorkspaceError(f"{folder}: this stage is gone; give the same command again.")
        trained = Training.from_dict(record["result"])
        if not self.overall.waiting([name]):  # finished before, perhaps on another machine
            self.overall.ended(name, trained, record["environment"])
            return
        self.overall.note(name, trained)
        self.ended.append(name)
        done, total, seconds = self.overall.after(self.ended, self.begun)
        left = f"; about {duration(seconds)} of training left in all" if seconds else ""
        figures = {"training": done, "of": total, "seconds_left": seconds}
        self.stages.say(Line(f"{done} of {total} trainings done{left}", **figures))


@dataclass
class _Voice:
    """A process's, which names the stage of a line that belongs to the one before it.

    Attributes:
        stage: The stage that it spoke of last; empty at the beginning.
    """

    stage: str = ""


def _title(chain: Chain, stages: Stages) -> str:
    names = ", ".join(METHODS[key].title for key in chain.methods)
    return f"{names}, seed {chain.seed}" if len(stages.experiment.seeds) > 1 else names
