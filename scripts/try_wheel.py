"""Use what an installed wheel brings along: run by ``make wheel``, away from the clone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import ftft


def run(*arguments: str) -> str:
    """The output of one command; fails where the command fails."""
    command = [sys.executable, "-P", "-m", "ftft", *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    """Generate the demo's data, list recipes, and write a report's page."""
    home = Path(ftft.__file__).parent
    assert home.parent.name == "tried", f"this is not the wheel: {home}"
    assert "multinli" in run("recipes").lower()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        from ftft.demo.prepare import prepare_demo

        assert prepare_demo(folder).is_file()
        assert "reference:" in run("init", str(folder / "data" / "train.csv"))
        generator = np.random.default_rng(0)
        recorder = ftft.DynamicsRecorder(
            folder / "dynamics",
            example_ids=[f"{i}" for i in range(20)],
            labels=[0, 1] * 10,
            num_classes=2,
        )
        for epoch in range(4):
            recorder.record(epoch, np.arange(20), generator.normal(size=(20, 2)).astype("float32"))
            recorder.finish_epoch(epoch)
        datamap = ftft.DataMap.from_dynamics(recorder.read())
        datamap.write(folder / "map.parquet")
        page = folder / "page.html"
        run("report", str(folder / "map.parquet"), "--output", str(page))
        assert page.stat().st_size > 100_000
    print(f"the wheel works: {home}")


if __name__ == "__main__":
    main()
