"""Runs ``ftft`` commands in forked children of a process that has imported everything.

Reads a job a line (JSON) from standard input. For each, prints the child's process id, which is
that of its process group too, waits, and prints what ``os.waitpid`` said. A job has:

- ``arguments`` and ``folder``: the command, and where it runs;
- ``log``: file for standard output and error;
- ``watched``: the run folder, whose changes are counted;
- ``kill_at``: the child kills itself with SIGKILL before its so-many-th change; 0: never;
- ``full_at``: its so-many-th change, and every later one, fails for want of space; 0: never;
- ``file_limit``: no file can grow beyond so many bytes; 0: no limit;
- ``processes``: how many run it together, with the environment that torchrun gives; the child
  ends as the first of them that fails;
- ``killed_rank``: which of them ``kill_at`` is for, if not for all; the others are not stopped
  then, and the child ends as the last that fails.

A change is a file opened for writing, synced, renamed or removed, a folder made or removed, or a
file of tensors, of which half is written before the kill.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers  # noqa: F401  # loaded once here, not in every fork

import ftft.cli.app
import ftft.cli.show
import ftft.experiment.pipeline  # noqa: F401  # as above
from ftft.cli import main
from ftft.config.load import load_experiment
from ftft.training.flops import flop_counter
from ftft.training.models import load_model
from ranks import run_ranks

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}


class Changes:
    """Counts the changes below a folder and ends the process, or the space, at one of them."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.folder = job["watched"]
        rank = int(os.environ.get("RANK", "0"))
        self.kill_at = job.get("kill_at", 0) if rank == job.get("killed_rank", rank) else 0
        self.full_at = job.get("full_at", 0)
        self.count = 0
        self.last = ""

    def watch(self) -> None:
        sys.addaudithook(self.audit)
        os.fsync = self.sync
        for module, name in ((torch, "save"), (safetensors.torch, "save_file")):
            setattr(module, name, self.torn(getattr(module, name)))
        # transformers has a name of its own for it.
        import transformers.modeling_utils as modeling

        modeling.safe_save_file = safetensors.torch.save_file

    def audit(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = details
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event in CHANGES:
            path = details[0]
        else:
            return
        if isinstance(path, str | os.PathLike):
            self.change(event, os.fspath(path))

    def change(self, event: str, path: str) -> bool:
        """Count; kill unless the caller does that itself; True where it is to be killed."""
        if not path.startswith(self.folder) or path.endswith(".lock"):
            return False
        self.count += 1
        self.last = f"{event} {path.removeprefix(self.folder)}"
        if self.full_at and self.count >= self.full_at and event not in ("os.remove", "os.rmdir"):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        if self.count == self.kill_at and event != "tensors":
            self.kill()
        return self.count == self.kill_at

    def kill(self) -> None:
        os.write(1, f"\nkilled before {self.last}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def sync(self, descriptor: int) -> None:
        # Counted and not done: what a kill leaves does not depend on it.
        self.change("os.fsync", os.readlink(f"/proc/self/fd/{descriptor}"))

    def torn(self, given: Any) -> Any:
        def called(values: Any, path: Any, *args: Any, **options: Any) -> Any:
            killed = self.change("tensors", os.fspath(path))
            result = given(values, path, *args, **options)
            if killed:
                os.truncate(path, Path(path).stat().st_size // 2)
                self.kill()
            return result

        return called


def child(job: dict[str, Any]) -> None:
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    os.chdir(job["folder"])
    if job.get("file_limit"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_limit"],) * 2)
    sys.argv = ["ftft", *job["arguments"]]
    changes = Changes(job)
    changes.watch()
    code = 70
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        os.write(1, f"changes {changes.count}\n".encode())
        os._exit(code)


def count_operations(experiment: str) -> None:
    """Count those of both models before the forks: it is most of a tiny run's time."""
    chosen = load_experiment(Path(experiment))
    for settings in (chosen.reference, chosen.main):
        flop_counter(load_model(settings, ("neg", "pos"), seed=0))


if __name__ == "__main__":
    torch.set_num_threads(1)
    count_operations(sys.argv[1])
    gc.collect()
    gc.freeze()  # every training collects garbage
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            job = json.loads(line)
            if job.get("processes", 1) > 1:
                stopping = "killed_rank" not in job
                os._exit(run_ranks(job["processes"], partial(child, job), stopping=stopping))
            child(job)
        os.setpgid(pid, pid)  # before anybody knows of it
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
