"""Which methods of a run can be trained side by side, and how long that takes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftft.config.methods import METHODS, REFERENCE, Method, chosen
from ftft.experiment.collect import StagedRun
from ftft.experiment.methods import BASELINES, whole_ftft
from ftft.experiment.stages import Stages
from ftft.utils.process_pool import share_of_cores


@dataclass(frozen=True)
class Chain:
    """Methods of a seed that share stages, or spend what another of them cost: one after the other.

    Attributes:
        seed: The seed.
        methods: Their keys, in the order in which they run.
    """

    seed: int
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as ``ftft-erm_budget-seed-0``."""
        return "-".join([*self.methods, f"seed-{self.seed}"])

    @property
    def stages(self) -> frozenset[str]:
        """The stages that it makes: all of its methods but the test scores."""
        kinds = {kind for key in self.methods for kind in METHODS[key].stages.values()}
        return frozenset(f"{kind}/seed-{self.seed}" for kind in kinds)


def chains(baselines: Sequence[str], seeds: Sequence[int]) -> list[Chain]:
    """The methods of a run, in as many chains as can be trained side by side.

    Args:
        baselines: The baselines that were asked for.
        seeds: The seeds.
    """
    groups: list[list[Method]] = []
    for method in chosen(baselines):
        linked = [group for group in groups if any(_linked(method, one) for one in group)]
        joined = [*(one for group in linked for one in group), method]
        groups = [group for group in groups if group not in linked] + [joined]
    order = [method.key for method in chosen(baselines)]
    keys = [tuple(sorted((one.key for one in group), key=order.index)) for group in groups]
    return [
        Chain(seed, one)
        for seed in seeds
        for one in sorted(keys, key=lambda of: order.index(of[0]))
    ]


def _linked(one: Method, other: Method) -> bool:
    shared = set(one.stages.values()) & set(other.stages.values())
    needed = {one.needs, other.needs} - {None, REFERENCE}
    return bool(shared) or one.key in needed or other.key in needed


def train_chain(stages: Stages, chain: Chain) -> None:
    """Train all methods of a chain, as an ordinary run does; no test set is looked at."""
    found = whole_ftft(stages, chain.seed) if "ftft" in chain.methods else None
    for key in chain.methods:
        if key == "ftft":
            continue

        def paid() -> StagedRun:
            assert found is not None, "what may spend FTFT's cost is in its chain"
            return found

        BASELINES[key](stages, chain.seed, paid)


def threads_of(jobs: int) -> int | None:
    """With how many threads each training of a run computes; None: with all that there are."""
    return share_of_cores(jobs) if jobs > 1 else None


def makespan(seconds: Mapping[str, float], groups: Sequence[Chain], jobs: int) -> float:
    """About how long trainings take, several chains at a time.

    Args:
        seconds: Of each training that is to be done, by its stage.
        groups: The chains.
        jobs: How many at a time.
    """
    lengths = (sum(seconds.get(name, 0.0) for name in group.stages) for group in groups)
    ends = [0.0] * jobs
    for length in sorted(lengths, reverse=True):  # the longest first, as they are begun
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)
