"""What a user may write in a study file: a base experiment and a grid of what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, field_validator

from ftft.config.methods import BASELINES
from ftft.config.schema import NAME_PATTERN, Experiment
from ftft.config.section import MOST, Fraction, PositiveInt, Section
from ftft.config.selecting import Strategy
from ftft.config.tasks import Metric, TaskName
from ftft.config.values import Baseline, as_text, expand

MAX_CELLS = 10_000
PLACES = ".6g"
"""How fractions and budgets are written in names; two of a grid must differ in it."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Changes = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
"""Keys of a section of an experiment, which replace those of the base."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]


Names: TypeAlias = tuple[str, str, str, str]
"""Of a data set, a reference, a main model and a selection."""


class DataSet(Section):
    """One data set of a study, and what else is different on it."""

    experiment: str | None = Field(
        None, description="An experiment file; its task, data and metric are taken, nothing else."
    )
    task: TaskName | None = None
    data: Changes = Field(
        {},
        description="Replaces the data section where it names other training data, by path or hub; "
        "changes keys of it otherwise.",
    )
    metric: Metric | None = None
    reference: Changes = Field({}, description="Changes every reference on this data set.")
    main: Changes = Field({}, description="Changes every main model on this data set.")
    map: Changes = Field({})
    selection: Changes = Field({})
    dm: Changes = Field({})


class Base(DataSet):
    """The experiment that a study varies."""

    experiment: str | None = Field(
        None, description="An experiment file, all of which is taken; the other keys change it."
    )
    name: Name | None = Field(None, description="Names the data set where the grid names none.")
    baselines: tuple[Baseline, ...] | None = None
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None


class SelectionChanges(Section):
    """One way to select: how the map is drawn, and what is selected from it."""

    map: Changes = Field({}, description="Changes the base's map section.")
    selection: Changes = Field({}, description="Changes the base's selection section.")


class Grid(Section):
    """What differs from cell to cell; every combination is run."""

    data: dict[Name, DataSet] = Field({}, description="Data sets by name; else the base's own.")
    references: dict[Name, Changes] = Field(
        {}, description="References by name: changes to the base's reference section."
    )
    mains: dict[Name, Changes] = Field(
        {}, description="Main models by name: changes to the base's main section."
    )
    selections: dict[Name, SelectionChanges] = Field(
        {},
        description="Ways to select by name, where they differ in more than strategy and fraction.",
    )
    strategies: tuple[Strategy, ...] | None = None
    fractions: tuple[Fraction, ...] | None = None
    budgets: tuple[Fraction, ...] | None = Field(None, description="Values of main.budget.")
    seeds: tuple[Seed, ...] | None = None

    @field_validator("strategies", "fractions", "budgets", "seeds")
    @classmethod
    def _no_repeats(cls, value: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if value == ():
            raise ValueError("is empty; give at least 1 value, or leave the key out")
        written = [f"{one:{PLACES}}" if isinstance(one, float) else str(one) for one in value or ()]
        repeated = sorted({one for one in written if written.count(one) > 1})
        if repeated:
            raise ValueError(f"names {', '.join(repeated)} more than once; each may stand once")
        return value

    def replaced(self) -> dict[str, str]:
        """Keys of a single name of the grid, each to the list of the grid that would replace it."""
        of_selection = (("strategy", "strategies"), ("fraction", "fractions"))
        of_main = (("budget", "budgets"),)
        named = [
            *((f"selections.{n}.selection", s.selection) for n, s in self.selections.items()),
            *((f"data.{name}.selection", one.selection) for name, one in self.data.items()),
        ]
        mains = [
            *((f"mains.{name}", one) for name, one in self.mains.items()),
            *((f"data.{name}.main", one.main) for name, one in self.data.items()),
        ]
        return {
            f"grid.{place}.{key}": f"grid.{axis}"
            for places, keys in ((named, of_selection), (mains, of_main))
            for place, changes in places
            for key, axis in keys
            if key in changes and getattr(self, axis) is not None
        }


SLURM_OPTIONS = (
    *("account", "constraint", "exclude", "gres", "licenses", "mem", "mem-per-cpu", "mem-per-gpu"),
    *("nice", "nodelist", "partition", "qos", "reservation", "time"),
)
"""Options of ``srun`` that ``resources.slurm`` may give."""


class Resources(Section):
    """What one cell gets on a cluster."""

    cpus: PositiveInt = 1
    gpus: Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)] = 0
    slurm: dict[str, str] = Field({}, description="Further options of srun.")

    @field_validator("slurm", mode="before")
    @classmethod
    def _as_texts(cls, value: object) -> object:
        return (
            {name: as_text(one) for name, one in value.items()}
            if isinstance(value, dict)
            else value
        )

    @field_validator("slurm")
    @classmethod
    def _known_options(cls, value: dict[str, str]) -> dict[str, str]:
        # Others run a program of their own, or change how many processes a cell has.
        unknown = [name for name in value if name not in SLURM_OPTIONS]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is no option that may stand here; those are "
                f"{', '.join(SLURM_OPTIONS)}"
            )
        for name, one in value.items():
            if not one.isprintable():
                raise ValueError(f"{name!r} holds a character that cannot be printed: {one!r}")
        return value

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, value: float) -> float:
        if value > 1 and value != int(value):
            raise ValueError("must be a part of one GPU or a whole number of them")
        return value


class StudyFile(Section):
    """A study, as its file describes it."""

    name: Name
    output: str | None = Field(None, description="Study folder; runs/NAME if left out.")
    base: Base
    grid: Grid = Grid()
    baselines: tuple[Baseline, ...] | None = Field(
        None, description=f"Of {', '.join(BASELINES)}; the base's if left out."
    )
    resources: Resources = Resources()

    @field_validator("baselines")
    @classmethod
    def _no_repeats(cls, value: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("names a baseline more than once; each may stand once")
        return value

    @field_validator("output")
    @classmethod
    def _expanded(cls, value: str | None) -> str | None:
        return None if value is None else expand(value)


@dataclass(frozen=True)
class Study:
    """A study whose every experiment is valid.

    Attributes:
        name: Its name.
        output: The study folder that the file names; None where it names none.
        experiments: (data set, reference, main model, selection), all by name, to the experiment
            with all seeds and baselines; paths are resolved. The selection's name is empty where
            the grid names none.
        strategies: Selection strategies; empty: each experiment's own.
        fractions: Shares selected, likewise.
        budgets: Budgets of the main model, likewise.
        seeds: Seeds.
        resources: What a cell gets on a cluster.
        path: The file.
        asked: The file as it was read, overrides applied.
        dropped: Data set to the base's evaluation sets that it does not have, since ``data`` names
            training data of its own and not these.
    """

    name: str
    output: str | None
    experiments: Mapping[Names, Experiment]
    strategies: tuple[Strategy, ...]
    fractions: tuple[float, ...]
    budgets: tuple[float, ...]
    seeds: tuple[int, ...]
    resources: Resources
    path: Path
    asked: Mapping[str, Any]
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the data sets, in the order of the file."""
        return tuple(dict.fromkeys(names[0] for names in self.experiments))

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the references, in the order of the file."""
        return tuple(dict.fromkeys(names[1] for names in self.experiments))

    @property
    def mains(self) -> tuple[str, ...]:
        """Names of the main models, in the order of the file."""
        return tuple(dict.fromkeys(names[2] for names in self.experiments))

    @property
    def selections(self) -> tuple[str, ...]:
        """Names of the selections, in the order of the file; empty where it names none."""
        return tuple(dict.fromkeys(names[3] for names in self.experiments if names[3]))

    def experiment(
        self,
        data: str,
        reference: str | None = None,
        main: str | None = None,
        selection: str | None = None,
    ) -> Experiment:
        """The experiment of a combination; where a name is None, of the first there is."""
        reference, main = reference or self.references[0], main or self.mains[0]
        selection = selection or next(iter(self.selections), "")
        return self.experiments[data, reference, main, selection]
