"""The methods that are compared, in one table: FTFT and its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FULL, EARLY, BUDGET, DM_BUDGET, COST = "full", "early", "budget", "dm_budget", "cost"
"""How long a method trains its main model: the values of :attr:`Method.trained_for`."""

REFERENCE = "reference"
"""Beside the methods, what a study trains: a reference, which several main models share."""


@dataclass(frozen=True)
class Method:
    """What is known of a method before it is run.

    Attributes:
        key: Its name in files and settings.
        title: Its name in tables and legends.
        card: What a model card says of how the model was trained.
        stages: Role to kind of stage, in the order in which they run: ``reference`` (the training
            that is recorded), ``map``, ``selection`` and ``main``.
        trained_for: How long its main model trains: ``full`` (ERM's length), ``early`` (the same,
            unless development scores stop it), ``budget`` (``main.budget``), ``dm_budget``
            (``dm.budget``) or ``cost`` (what FTFT costs, the reference counted in).
        varies: What distinguishes its cells of a study, beside data set, main model and seed.
        needs: The method whose stages it reads: ``reference``, or one of the table; None where it
            reads none.
        charged: Kind of stage of the reference that it pays for; None where it needs none, or may
            spend what FTFT cost instead.
        rival: What FTFT's verdict calls it; empty where the verdict has a sentence of its own.
        compared_to: The baselines whose scores its own are compared to, most important first.
        colour: Of its marks, from Okabe and Ito (2008).
        marker: Its mark in Matplotlib's notation.
        page: Colour variable and D3 symbol in the interactive charts.
    """

    key: str
    title: str
    card: str
    stages: Mapping[str, str]
    trained_for: str
    varies: tuple[str, ...]
    needs: str | None
    charged: str | None
    rival: str
    compared_to: tuple[str, ...]
    colour: str
    marker: str
    page: tuple[str, str]

    @property
    def selects(self) -> bool:
        """Whether its main model trains on a part of the data."""
        return "selection" in self.stages

    @property
    def records(self) -> bool:
        """Whether a map is drawn from a training of its own."""
        return "map" in self.stages


METHODS: dict[str, Method] = {
    method.key: method
    for method in (
        Method(
            key="erm",
            title="ERM",
            card="on all the data (ERM)",
            stages={"main": "erm"},
            trained_for=FULL,
            varies=(),
            needs=None,
            charged=None,
            rival="",
            compared_to=(),
            colour="#000000",
            marker="s",
            page=("--c6", "circle"),
        ),
        Method(
            key="erm_es",
            title="ERM, early stopping",
            card="on all the data (ERM, early stopping)",
            stages={"main": "erm_es"},
            trained_for=EARLY,
            varies=(),
            needs=None,
            charged=None,
            rival="",
            compared_to=("erm",),
            colour="#999999",
            marker="D",
            page=("--c2", "square"),
        ),
        Method(
            key="erm_budget",
            title="ERM at FTFT's cost",
            card="on all the data (ERM), for what FTFT costs with its reference",
            stages={"main": "erm_budget"},
            trained_for=COST,
            varies=("reference", "budget"),
            needs="ftft",
            charged=None,
            rival="ERM at the same cost, the reference counted in",
            compared_to=("erm",),
            colour="#D55E00",
            marker="X",
            page=("--c3", "wye"),
        ),
        Method(
            key="random",
            title="random subset",
            card="on a random subset",
            stages={"selection": "random-selection", "main": "random"},
            trained_for=BUDGET,
            varies=("fraction", "budget"),
            needs=None,
            charged=None,
            rival="a random subset of the same size and budget",
            compared_to=("erm",),
            colour="#E69F00",
            marker="^",
            page=("--c1", "triangle"),
        ),
        Method(
            key="random_budget",
            title="random subset at FTFT's cost",
            card="on a random subset, for what FTFT costs with its reference",
            stages={"selection": "random-selection", "main": "random_budget"},
            trained_for=COST,
            varies=("reference", "fraction", "budget"),
            needs="ftft",
            charged=None,
            rival="a random subset of the same size at the same cost",
            compared_to=("erm",),
            colour="#CC79A7",
            marker="P",
            page=("--c5", "cross"),
        ),
        Method(
            key="random_lengths",
            title="random subset of like lengths",
            card="on a random subset of the same lengths as FTFT's selection",
            stages={"selection": "like-lengths-selection", "main": "random_lengths"},
            trained_for=BUDGET,
            varies=("reference", "strategy", "fraction", "budget", "selection"),
            needs="ftft",
            charged=REFERENCE,
            rival="a random subset of like lengths, of the same size and budget",
            compared_to=("erm",),
            colour="#56B4E9",
            marker="h",
            page=("--c7", "diamond2"),
        ),
        Method(
            key="dm",
            title="DM",
            card="classic dataset cartography (the main model as its own reference)",
            stages={
                "reference": "erm",
                "map": "dm-map",
                "selection": "dm-selection",
                "main": "dm",
            },
            trained_for=DM_BUDGET,
            varies=("strategy", "fraction", "selection"),
            needs="erm",
            charged="erm",
            rival="",
            compared_to=("erm",),
            colour="#009E73",
            marker="v",
            page=("--c4", "diamond"),
        ),
        Method(
            key="ftft",
            title="FTFT",
            card="FTFT",
            stages={
                "reference": "reference",
                "map": "map",
                "selection": "selection",
                "main": "main",
            },
            trained_for=BUDGET,
            varies=("reference", "strategy", "fraction", "budget", "selection"),
            needs=REFERENCE,
            charged=REFERENCE,
            rival="",
            compared_to=("erm", "erm_budget", "random", "random_budget", "random_lengths", "dm"),
            colour="#0072B2",
            marker="o",
            page=("--c0", "star"),
        ),
    )
}
"""By key, in the order of tables: ERM first and FTFT last."""

TRAINED_BY = {method.stages["main"]: method for method in METHODS.values()}
"""Kind of stage, such as ``main``, to the method whose main model is trained in it."""

BASELINES = tuple(key for key in METHODS if key != "ftft")
"""What may stand under ``baselines``."""


def place_of(method: str) -> int:
    """Where a method stands in tables."""
    return list(METHODS).index(method)


def chosen(baselines: Sequence[str]) -> list[Method]:
    """FTFT and the baselines that are asked for, in the order in which they run."""
    return [METHODS["ftft"], *(METHODS[key] for key in BASELINES if key in baselines)]


def stage_names(baselines: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """The stages of an experiment, each with its seed, such as ``main/seed-0``."""
    methods = chosen(baselines)
    kinds = dict.fromkeys(kind for method in methods for kind in method.stages.values())
    kinds |= dict.fromkeys(f"scores/{method.key}" for method in methods)
    return [f"{kind}/seed-{seed}" for seed in seeds for kind in kinds]


def training_names(baselines: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """Those of the stages that train a model, in the order in which they run."""
    roles = [pair for method in chosen(baselines) for pair in method.stages.items()]
    kinds = dict.fromkeys(kind for role, kind in roles if role in ("reference", "main"))
    return [f"{kind}/seed-{seed}" for seed in seeds for kind in kinds]
