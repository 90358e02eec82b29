"""The demo: generated data with a known truth, and what the map's regions hold of it."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftft.cartography.datamap import REGIONS, DataMap
from ftft.config.recipe import find_recipe
from ftft.demo.generate import generate_demo, write_demo
from ftft.errors import WorkspaceError
from ftft.selection.selection import Selection
from ftft.utils.atomic import atomic_path, check_free
from ftft.workspace.layout import check_writable

# Enough training pairs for the method to have something to choose from, few enough for ERM to take
# minutes on two cores.
SIZES = {"train": 4000, "dev": 400, "test": 800}
SHORTCUT, FLIPPED = 0.96, 0.02


@dataclass(frozen=True)
class RegionTruth:
    """What one region of the demo's data map holds.

    Attributes:
        region: Its name; also ``selected``, what FTFT's main model trained on, and ``all``.
        examples: Training examples in it, over all seeds.
        counterexamples: Of these, those for which the word-overlap shortcut gives the wrong
            answer.
        flipped: Of these, those whose label the generator made wrong on purpose.
    """

    region: str
    examples: int
    counterexamples: int
    flipped: int


def prepare_demo(
    folder: Path, *, failing: bool = False, overwrite: bool = False, seed: int = 0
) -> Path:
    """Write the demo's data and experiment file.

    Args:
        folder: Where ``data/`` and the experiment file go.
        failing: Take the experiment whose reference is too weak.
        overwrite: Replace files of these names that hold something else; otherwise they
            are refused.
        seed: Of the generated data.

    Returns:
        The experiment file.

    Raises:
        WorkspaceError: The folder cannot be written, or a file that is there would be lost.
    """
    check_writable(folder)
    name = "demo-failing" if failing else "demo"
    recipe = find_recipe(name)
    assert recipe is not None
    text = recipe.text
    path = folder / f"{name}.yaml"
    data = generate_demo(seed=seed, **SIZES, shortcut_rate=SHORTCUT, flip_rate=FLIPPED)
    with tempfile.TemporaryDirectory() as place:
        fresh = write_demo(place, data)
        files = {folder / "data" / new.name: new.read_bytes() for new in fresh.values()}
    files[path] = text.encode()
    # All of them first: a refusal leaves nothing half-replaced.
    changed = {target: new for target, new in files.items() if not _holds(target, new)}
    for target in changed:
        check_free(target, overwrite=overwrite, error=WorkspaceError)
    for target, content in changed.items():
        with atomic_path(target, WorkspaceError) as temporary:
            temporary.write_bytes(content)
    return path


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def region_truth(run: Path, data: Path, seeds: Sequence[int]) -> list[RegionTruth]:
    """Count counter-examples and flipped labels in the regions of the demo's maps and selections.

    Args:
        run: The demo's run folder.
        data: The folder of the demo's data.
        seeds: The seeds whose maps are counted, together.

    Returns:
        A row a region, one for what was selected, and one for all examples, last.
    """
    with (data / "train.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["id"]: row for row in csv.DictReader(file)}
    totals: Counter[str] = Counter()
    counterexamples: Counter[str] = Counter()
    flipped: Counter[str] = Counter()
    for seed in seeds:
        datamap = DataMap.read(run / "map" / f"seed-{seed}" / "map.parquet")
        chosen = Selection.read(run / "selection" / f"seed-{seed}" / "selection.parquet")
        selected = set(chosen.example_ids.to_pylist())
        regions = datamap.region.tolist()
        for example_id, region in zip(datamap.example_ids.to_pylist(), regions, strict=True):
            names = [region, "all"] + ["selected"] * (example_id in selected)
            for name in names:
                totals[name] += 1
                counterexamples[name] += truth[example_id]["counterexample"] == "true"
                flipped[name] += truth[example_id]["flipped"] == "true"
    order = (*REGIONS, "selected", "all")
    return [
        RegionTruth(name, totals[name], counterexamples[name], flipped[name])
        for name in order
        if totals[name]
    ]
