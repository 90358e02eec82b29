"""Which trainings of a run are finished, as far as it can be known before it gets there."""

from __future__ import annotations

from ftft.config.methods import REFERENCE, TRAINED_BY, training_names
from ftft.errors import WorkspaceError
from ftft.experiment.collect import StagedRun
from ftft.experiment.maps import draw_map
from ftft.experiment.methods import BASELINES, ftft
from ftft.experiment.stages import Stages
from ftft.experiment.trainings import train_reference
from ftft.utils import distributed
from ftft.workspace.preview import Preview
from ftft.workspace.workspace import NotFinishedError


def is_finished(stages: Stages, kind: str, seed: int) -> bool:
    """Whether a training would be reused.

    Args:
        stages: Of a :class:`~ftft.workspace.preview.Preview`, in which nothing is run.
        kind: The kind of stage, such as ``main``.
        seed: The seed.

    Raises:
        WorkspaceError: A stage is damaged.
    """

    def paid() -> StagedRun:
        reference = train_reference(stages, seed)
        return ftft(stages, seed, reference, draw_map(stages, "map", reference, seed))

    try:
        if kind == REFERENCE:
            train_reference(stages, seed)
        elif (method := TRAINED_BY[kind].key) in BASELINES:
            BASELINES[method](stages, seed, paid)
        else:
            paid()
    except NotFinishedError:
        return False
    return True


def finished_before(stages: Stages) -> frozenset[str] | None:
    """Names of the trainings of a run that it will find finished. Nothing is run or written.

    None where there are several processes: to look, all of them would have to encode the data
    together.
    """
    if distributed.count() > 1:
        return None
    experiment = stages.experiment
    # Encoding data and reading weights take long: each is done once for the look and the run.
    preview, encodings = Preview.of(stages.workspace), stages.encodings.silent()
    seen = Stages(experiment, stages.data, preview, _nothing, encodings=encodings)
    found = set()
    for name in training_names(experiment.baselines, experiment.seeds):
        kind, _, seed = name.rpartition("/seed-")
        try:
            if is_finished(seen, kind, int(seed)):
                found.add(name)
        except WorkspaceError:
            continue  # damaged, which the run says when it gets there
    return frozenset(found)


def _nothing(line: str) -> None:
    """The run says itself what it finds."""
