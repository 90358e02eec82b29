"""The demos: generated data with a known truth, and what the map's regions hold of it."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ftft.cartography.datamap import REGIONS, DataMap
from ftft.config.recipe import find_recipe
from ftft.demo.commands import ACTIONS, WORDS
from ftft.demo.decoder import write_decoder
from ftft.demo.generate import generate_demo, write_demo
from ftft.demo.generate_commands import RARE, generate_commands, write_commands
from ftft.errors import ConfigError, WorkspaceError
from ftft.selection.selection import Selection
from ftft.utils.atomic import atomic_path
from ftft.workspace.layout import check_writable
from ftft.workspace.own_files import check_output

# As large as minutes on two cores allow; of fewer commands or by fewer layers less is learnt.
COMMANDS = {"train": 6000, "dev": 200, "test": 500}
LAYERS, WIDTH = 6, 64

DemoTask = Literal["classification", "causal-lm"]


@dataclass(frozen=True)
class Demo:
    """One of the demos.

    Attributes:
        recipe: Its experiment.
        about: What its data are, a sentence for people.
        train: File of its training set.
        rare: Column that marks what few training examples show, and what it marks, for people.
        wrong: Column that marks what was made wrong on purpose, and what it marks.
    """

    recipe: str
    about: str
    train: str
    rare: tuple[str, str]
    wrong: tuple[str, str]

    @property
    def titles(self) -> tuple[str, str]:
        """Names of the two marks, for people."""
        return self.rare[1], self.wrong[1]


DEMOS: dict[DemoTask, Demo] = {
    "classification": Demo(
        "demo",
        "generated messages to a shop, to be sorted by topic: in distribution nearly every subject "
        "gives the topic away, out of distribution the subjects say nothing",
        "train.csv",
        ("counterexample", "wrong subjects"),
        ("flipped", "flipped labels"),
    ),
    "causal-lm": Demo(
        "demo-causal-lm",
        f"generated commands, to be turned into actions: in distribution few of them say {RARE!r}, "
        "which turns their order round, out of distribution all do",
        "train.jsonl",
        ("rare", "commands with 'after'"),
        ("corrupted", "wrong completions"),
    ),
}


@dataclass(frozen=True)
class RegionTruth:
    """What one region of the demo's data map holds.

    Attributes:
        region: Its name; also ``selected``, what FTFT's main model trained on, and ``all``.
        examples: Training examples in it, over all seeds.
        rare: Of these, those that show what few training examples show: messages with the
            subject of another topic, or commands with "after".
        wrong: Of these, those whose label or completion the generator made wrong on purpose.
    """

    region: str
    examples: int
    rare: int
    wrong: int


def prepare_demo(
    folder: Path,
    *,
    task: DemoTask = "classification",
    failing: bool = False,
    overwrite: bool = False,
    seed: int = 0,
) -> Path:
    """Write a demo's data, its model where it has one of its own, and its experiment file.

    Args:
        folder: Where ``data/`` and the experiment file go.
        task: ``classification`` of messages, or ``causal-lm``: commands and their actions.
        failing: Take the experiment whose reference is too weak.
        overwrite: Replace files of these names that hold something else; otherwise they
            are refused.
        seed: Of the generated data and of random weights.

    Returns:
        The experiment file.

    Raises:
        ConfigError: The task has no experiment whose reference is too weak.
        WorkspaceError: The folder cannot be written, or a file that is there would be lost.
    """
    if failing and task != "classification":
        raise ConfigError(
            f"--failing: task {task} has no experiment of its own that fails. Leave out --task "
            f"{task}, or cut its reference to one layer: --set reference.layers=1."
        )
    check_writable(folder)
    name = DEMOS[task].recipe + ("-failing" if failing else "")
    recipe = find_recipe(name)
    assert recipe is not None
    path = folder / f"{name}.yaml"
    with tempfile.TemporaryDirectory() as place:
        fresh = Path(place)
        _generate(fresh, task, seed)
        new = {folder / one.relative_to(fresh): one.read_bytes() for one in _files(fresh)}
    new[path] = recipe.text.encode()
    # All of them first: a refusal leaves nothing half-replaced.
    changed = {target: content for target, content in new.items() if not _holds(target, content)}
    for target in changed:
        check_output(target, overwrite=overwrite, error=WorkspaceError)
    for target, content in changed.items():
        with atomic_path(target, WorkspaceError) as temporary:
            temporary.write_bytes(content)
    return path


def _generate(folder: Path, task: DemoTask, seed: int) -> None:
    """Write all that the experiment reads."""
    if task == "classification":
        write_demo(folder / "data", generate_demo(seed=seed))
        return
    write_commands(folder / "data", generate_commands(seed=seed, **COMMANDS))
    words = [*WORDS, *ACTIONS]
    write_decoder(folder / "decoder", words, layers=LAYERS, width=WIDTH, seed=seed)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def region_truth(
    run: Path, data: Path, seeds: Sequence[int], task: DemoTask = "classification"
) -> list[RegionTruth]:
    """Count what is rare and what is wrong in the regions of a demo's maps and selections.

    Args:
        run: The demo's run folder.
        data: The folder of the demo's data.
        seeds: The seeds whose maps are counted, together.
        task: The demo's.

    Returns:
        A row a region, one for what was selected, and one for all examples, last.
    """
    demo = DEMOS[task]
    truth = {row["id"]: row for row in _rows(data / demo.train)}
    totals: Counter[str] = Counter()
    rare: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for seed in seeds:
        datamap = DataMap.read(run / "map" / f"seed-{seed}" / "map.parquet")
        chosen = Selection.read(run / "selection" / f"seed-{seed}" / "selection.parquet")
        selected = set(chosen.example_ids.to_pylist())
        regions = datamap.region.tolist()
        for example_id, region in zip(datamap.example_ids.to_pylist(), regions, strict=True):
            names = [region, "all"] + ["selected"] * (example_id in selected)
            for name in names:
                totals[name] += 1
                rare[name] += _is_marked(truth[example_id][demo.rare[0]])
                wrong[name] += _is_marked(truth[example_id][demo.wrong[0]])
    order = (*REGIONS, "selected", "all")
    return [
        RegionTruth(name, totals[name], rare[name], wrong[name]) for name in order if totals[name]
    ]


def _rows(file: Path) -> list[Mapping[str, Any]]:
    """The rows of a generated file."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines) if file.suffix == ".csv" else map(json.loads, lines))


def _is_marked(cell: bool | str) -> bool:
    """Whether a mark is set; it is a word in CSV files."""
    return cell is True or cell == "true"
