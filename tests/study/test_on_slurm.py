"""A study by ``srun``, for which a script stands in that runs on this machine what it is given."""

import os
import shutil
import stat
import sys

import pytest

from ftft.config.load_study import load_study
from ftft.config.study import Resources
from ftft.errors import ConfigError
from ftft.study.on_slurm import slurm, srun
from study_tools import content

CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"

STAND_IN = """\
#!/bin/sh
echo "$@" >> "$SRUN_LOG"
test -z "$SLURM_JOB_ID" || exit 9
while case "$1" in --*) true;; *) false;; esac; do shift; done
exec "$@"
"""

REFUSAL = """\
#!/bin/sh
echo "srun: error: Unable to allocate resources: Invalid partition name specified" >&2
exit 1
"""


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Puts a script by the name of srun where commands are looked for."""

    def install(script):
        place = tmp_path / "bin" / "srun"
        place.parent.mkdir(exist_ok=True)
        place.write_text(script)
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{place.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("SRUN_LOG", str(tmp_path / "srun.log"))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        return tmp_path / "srun.log"

    return install


def test_the_same_results(grid, again, install, monkeypatch, preloaded):
    log = install(STAND_IN)
    monkeypatch.setattr(sys, "executable", preloaded)
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # of the job that the study itself is
    shutil.rmtree(again.folder / "tiny" / CELL)
    needed = Resources(cpus=2, gpus=1, slurm={"partition": "gpu", "time": "4:00:00"})
    finished = again.run(engine=lambda opened, say: slurm(needed, 4, say))
    assert finished.failures == {}
    assert again.trained == []  # none of it here
    assert content(again.folder / "study.json") == content(grid[0].folder / "study.json")
    asked = log.read_text().splitlines()
    assert len(asked) == 1, "what is finished takes no place in the queue"
    assert asked[0].startswith(
        "--unbuffered --job-name=ftft --ntasks=1 --cpus-per-task=2 --gpus=1 --partition=gpu "
        f"--time=4:00:00 {sys.executable} -m ftft.study.worker"
    )


def test_what_slurm_refuses_is_said_of_the_cell(again, install):
    install(REFUSAL)
    shutil.rmtree(again.folder / "tiny" / CELL)
    finished = again.run(engine=lambda opened, say: slurm(Resources(), 4, say))
    assert {task.id: problem for task, problem in finished.failures.items()} == {
        f"tiny/{CELL}": "its process ended with status 1; its last words: srun: error: Unable to "
        "allocate resources: Invalid partition name specified"
    }


def test_without_srun(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no command srun on this machine"):
        slurm(Resources(), 4, print)


def test_parts_of_a_gpu():
    assert "--gpus=2" in srun(Resources(gpus=2))
    assert not any("gpus" in one for one in srun(Resources()))
    with pytest.raises(ConfigError, match=r"resources.gpus: 0.5: Slurm gives whole GPUs only"):
        srun(Resources(gpus=0.5))


@pytest.mark.parametrize("option", ["task-prolog", "ntasks", "--partition", "wrap"])
def test_options_that_run_something_are_refused(tmp_path, experiment_file, option):
    file = tmp_path / "study.yaml"
    file.write_text(
        f"name: far\nbase: experiment.yaml\nresources: {{slurm: {{{option}: x, mem: 32}}}}\n"
    )
    with pytest.raises(ConfigError, match=rf"'{option}' is no option that may stand here"):
        load_study(file)
    file.write_text("name: far\nbase: experiment.yaml\nresources: {slurm: {mem: 32}}\n")
    assert load_study(file).resources.slurm == {"mem": "32"}
