"""What a report shows of a run, read from its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from ftft.cartography.datamap import DataMap
from ftft.cartography.tables import MAP_NAME, SELECTION_NAME
from ftft.cartography.trajectories import confidence_by_epoch
from ftft.config.load import load_experiment
from ftft.config.methods import METHODS
from ftft.config.schema import Experiment
from ftft.config.tasks import GROUP_TITLES
from ftft.data.dataset import LabelledDataset, TaskData
from ftft.dynamics.store import read_dynamics
from ftft.dynamics.values import FIRST_MEASURE
from ftft.errors import FtftError
from ftft.results.read import Results
from ftft.selection.selection import Selection
from ftft.tasks import load_data
from ftft.tasks.classification import CLASSIFICATION
from ftft.workspace.layout import EXPERIMENT_NAME, STUDY_NAME


@dataclass(frozen=True, eq=False)
class Curves:
    """The probability of the gold label at each recording point.

    Attributes:
        probability: uint8 (E, N), 255 times the probability.
        points: Epochs of training done by the end of each of the E points.
    """

    probability: npt.NDArray[np.uint8]
    points: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class MapView:
    """A data map and what was selected from it.

    Attributes:
        method: ``ftft`` (the reference's map), ``dm`` (the main model's), or ``given`` (a map that
            is of no run).
        seed: The seed.
        datamap: The map of N examples.
        selected: Bool (N,).
        curves: None where the dynamics cannot be read any more.
    """

    method: str
    seed: int
    datamap: DataMap
    selected: npt.NDArray[np.bool_]
    curves: Curves | None


@dataclass(frozen=True, eq=False)
class RunView:
    """A run as a report shows it.

    Attributes:
        run: Its results.
        experiment: Its experiment file, as text; empty where it cannot be read.
        maps: Its data maps, by method and seed.
        train: The training data; None where they cannot be read any more.
        with_texts: Whether their texts are wanted.
        notes: What is missing from the report, and why; a sentence each.
    """

    run: Results
    experiment: str
    maps: tuple[MapView, ...]
    train: LabelledDataset | None
    with_texts: bool
    notes: tuple[str, ...]

    @property
    def grouped_by(self) -> str:
        """What the groups of the examples are called: of data that cannot be read, labels."""
        return GROUP_TITLES["classification" if self.train is None else self.train.task]


def read_view(run: Results, data: TaskData | None = None, *, texts: bool = True) -> RunView:
    """Read what a report shows of a run; what cannot be read is left out, with a note.

    Args:
        run: Its results.
        data: Its data, where they are at hand; else they are read as the experiment names them.
        texts: Whether to show the texts.
    """
    notes: list[str] = []
    maps = tuple(_maps(run, notes))
    study = run.values.get("study")
    train = None if data is None else data.train
    if data is None and study is None:
        train = _training_data(run, notes, texts=texts)
    file = run.folder / EXPERIMENT_NAME if study is None else Path(study) / STUDY_NAME
    try:
        experiment = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        experiment = ""
        notes.append(f"The experiment file of {run.name} cannot be read ({error}).")
    return RunView(run, experiment, maps, train, texts, tuple(notes))


def shows_slices(experiment: Experiment) -> bool:
    """Whether a page shows slices of the training data, or may: only classification has no own."""
    return experiment.task != CLASSIFICATION.name or any(
        source.slices for source in experiment.data.train
    )


def _maps(run: Results, notes: list[str]) -> Sequence[MapView]:
    def place(stage: str) -> Path:
        return run.folder / str(run.values.get("places", {}).get(stage, stage))

    found = []
    # FTFT, which the report is about, comes first.
    for method in (one for one in reversed(METHODS.values()) if one.records):
        stages = method.stages
        counted = {one.seed: one.selected for one in run.runs if one.method == method.key}
        for seed in sorted(counted):
            at = f"seed-{seed}"
            try:
                datamap = DataMap.read(place(stages["map"]) / at / MAP_NAME)
                chosen = Selection.read(place(stages["selection"]) / at / SELECTION_NAME)
            except FtftError as error:
                notes.append(f"The data map of {run.name}, seed {seed}, is left out: {error}")
                continue
            if len(chosen) != counted[seed]:
                notes.append(
                    f"The selection of {run.name}, seed {seed}, is not that of its scores: it "
                    f"holds {len(chosen):,} examples instead of {counted[seed]:,}. The run was "
                    "started again with other settings and has not finished; give the same ftft "
                    "run again."
                )
            curves = read_curves(place(stages["reference"]) / at / "dynamics", datamap, notes)
            selected = pc.is_in(datamap.example_ids, value_set=chosen.example_ids)
            marks = selected.to_numpy(zero_copy_only=False)
            found.append(MapView(method.key, seed, datamap, marks, curves))
    return found


def read_curves(folder: Path, datamap: DataMap, notes: list[str]) -> Curves | None:
    """The curves of a dynamics folder; None, with a note, where they are not those of the map."""
    try:
        dynamics = read_dynamics(folder).measured_by(datamap.measure or FIRST_MEASURE)
        if len(dynamics) != len(datamap) + datamap.left_out:
            notes.append(f"{folder}: not the dynamics of the map; the curves are left out.")
            return None
        shares = np.nan_to_num(confidence_by_epoch(dynamics.take(datamap.example_ids)))
    except FtftError as error:
        notes.append(f"The curves over the epochs are left out: {error}")
        return None
    return Curves(np.rint(shares * 255).astype(np.uint8), dynamics.points)


def _training_data(run: Results, notes: list[str], *, texts: bool) -> LabelledDataset | None:
    without = f"{run.name} is shown without {'texts' if texts else 'slices'}"
    try:
        experiment = load_experiment(run.folder / EXPERIMENT_NAME)
        if not texts and not shows_slices(experiment):
            return None
        data = load_data(experiment)
    except FtftError as error:
        notes.append(f"{without}, as its data cannot be read: {error}")
        return None
    if data.fingerprint != run.values["data"]["fingerprint"]:
        notes.append(f"{without}, as its data have changed since it was run.")
        return None
    return data.train
