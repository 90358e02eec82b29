"""The installed command as a process of its own: what it imports, its exit status, its signals."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from ftft import DynamicsRecorder

HEAVY = {"torch", "transformers", "accelerate", "datasets", "tokenizers", "scipy"}

WATCH = """
import json, sys
from ftft.cli import main
sys.argv = ["ftft", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code or 0
top = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"code": code, "modules": top}), file=sys.stderr)
"""


@pytest.fixture
def imported(tmp_path):
    """Run a command and return the top-level modules that it imported."""

    def imported(*arguments):
        process = subprocess.run(
            [sys.executable, "-c", WATCH, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        outcome = json.loads(process.stderr.splitlines()[-1])
        assert outcome["code"] == 0, process.stderr
        return set(outcome["modules"])

    return imported


@pytest.fixture
def dynamics(tmp_path):
    ids = [f"e{i}" for i in range(9)]
    with DynamicsRecorder(
        tmp_path / "dynamics", example_ids=ids, labels=[i % 2 for i in range(9)], num_classes=2
    ) as recorder:
        for epoch in range(3):
            recorder.record(epoch, ids, [[0.0, epoch * x] for x in range(9)])
            recorder.finish_epoch(epoch)
    return tmp_path / "dynamics"


def test_help_imports_next_to_nothing(imported):
    for arguments in (("--help",), ("run", "--help"), ("--version",)):
        heavy = HEAVY | {"numpy", "pyarrow", "yaml"}
        assert sorted(imported(*arguments) & heavy) == []


def test_map_and_select_need_no_torch(imported, dynamics):
    assert sorted(imported("map", dynamics) & HEAVY) == []
    assert sorted(imported("select", "map.parquet", "--fraction", 0.34) & HEAVY) == []
    assert sorted(imported("label-errors", "map.parquet", "--count", 2) & HEAVY) == []
    assert (dynamics.parent / "selection.parquet").exists()


def command(*arguments):
    # Beside the interpreter, where pip puts it.
    return [os.path.join(os.path.dirname(sys.executable), "ftft"), *map(str, arguments)]


def test_bad_usage(tmp_path):
    """By the interpreter that pip wrote into it, which imports next to nothing for this."""
    process = subprocess.run(
        command("map", "nowhere"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("error: nowhere does not exist.")
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_input(experiment_file, preloaded):
    lines = (experiment_file.parent / "test.csv").read_text().splitlines()
    lines[1] = lines[1].replace(",pos,", ",neutral,").replace(",neg,", ",neutral,")
    (experiment_file.parent / "test.csv").write_text("\n".join(lines))
    before = sorted(experiment_file.parent.rglob("*"))
    process = subprocess.run(
        [preloaded, *command("run", "experiment.yaml")],
        cwd=experiment_file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith("error: test set 'test': ")
    assert "'neutral' (1 row)" in process.stderr
    assert "Traceback" not in process.stderr
    assert sorted(experiment_file.parent.rglob("*")) == before


def test_interrupted(experiment_file, preloaded):
    """Ctrl-C in the middle of a training that would take minutes."""
    folder = experiment_file.parent / "runs/tiny"
    started = folder / "main/seed-0/stage.json"
    endless = ("--set", "main.epochs=10000", "--set", "main.budget=1")
    with subprocess.Popen(
        [preloaded, *command("run", "experiment.yaml", *endless)],
        cwd=experiment_file.parent,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("selection/seed-0: done"):
                while process.poll() is None and not started.exists():
                    time.sleep(0.05)
                process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.returncode == 130
    assert "interrupted: nothing that was finished is lost" in said[-1]
    assert not any("Traceback" in line for line in said)

    for name, status in (("reference", "finished"), ("main", "running")):
        record = json.loads((folder / name / "seed-0/stage.json").read_text())
        assert record["status"] == status
    assert not (folder / "results.json").exists()
