"""Tasks on a Slurm cluster, each in an ``srun`` of its own.

``srun`` passes standard input and output on, so that a task is watched, and stopped with a
checkpoint, as one on this machine. The study folder, the data and the models must be seen under the
same paths by all machines.
"""

from __future__ import annotations

import shutil

from ftft.config.study import Resources
from ftft.errors import ConfigError
from ftft.experiment.stages import Say
from ftft.study.executors import Processes

AT_A_TIME = 32
"""Tasks that are queued at a time, if nobody says how many: each has a waiting ``srun``."""


def slurm(resources: Resources, count: int, say: Say) -> Processes:
    """What does tasks on the cluster that this machine submits to.

    Args:
        resources: What one task needs.
        count: How many are queued at a time.
        say: Receives what they say.

    Raises:
        ConfigError: This machine has no ``srun``, or a task needs a part of a GPU.
    """
    if shutil.which("srun") is None:
        raise ConfigError(
            "--engine slurm: there is no command srun on this machine; start the study on a "
            "machine that submits jobs to Slurm, or leave --engine out to run here."
        )
    return Processes(count, say, command=srun(resources), threads=resources.cpus)


def srun(resources: Resources) -> list[str]:
    """The command that a task's own is put behind.

    Raises:
        ConfigError: A task needs a part of a GPU, which Slurm does not give.
    """
    if resources.gpus != int(resources.gpus):
        raise ConfigError(
            f"resources.gpus: {resources.gpus:g}: Slurm gives whole GPUs only; give a whole number."
        )
    given = {
        "job-name": "ftft",
        "ntasks": 1,
        "cpus-per-task": resources.cpus,
        **({"gpus": int(resources.gpus)} if resources.gpus else {}),
        **resources.slurm,
    }
    return ["srun", "--unbuffered", *(f"--{name}={value}" for name, value in given.items())]
