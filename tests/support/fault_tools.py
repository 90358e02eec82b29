"""A small real run, the process that forks its commands, and what two runs must have in common."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft.dynamics.store import read_dynamics

# What differs between two runs of the same thing.
CLOCK = {"seconds", "overhead_seconds", "preparation_seconds", "peak_memory_bytes", "environment"}
# What depends on how often a training was interrupted: one file of dynamics or several.
PARTS = {"outputs", "sha256", "read"}

LONGEST = 200
"""Seconds that a command may take."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, or minus the signal that killed it."""

    status: int
    said: str
    seconds: float

    @property
    def killed(self) -> bool:
        return self.status == -9

    @property
    def changes(self) -> int:
        return int(self.said.rpartition("changes ")[2])


class Commands:
    """Runs commands one after another in forked children of one process."""

    def __init__(self, experiment: Path, python: str) -> None:
        self.home = experiment.parent
        self._log = self.home / "log"
        script = Path(__file__).with_name("forked.py")
        path = [str(script.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [python, str(script), str(experiment)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"

    def __call__(
        self,
        command: str,
        run: str,
        *more: str,
        after: float | None = None,
        until: str = "",
        signum: int = signal.SIGKILL,
        **faults: int,
    ) -> Ended:
        """Run ``ftft COMMAND experiment.yaml --output RUN MORE``; see ``forked.py`` for the faults.

        It is signalled after some seconds, or once a file of the run folder matches ``until``.
        """
        self._log.write_text("")
        job = {
            "arguments": [command, "experiment.yaml", "--output", run, *more],
            "folder": str(self.home),
            "log": str(self._log),
            "watched": str(self.home / run),
            **faults,
        }
        assert self._process.stdin is not None
        start = time.perf_counter()
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        pid = int(self._read())
        # What hangs ends the test, not the whole suite.
        last = threading.Timer(LONGEST, send, [pid, signal.SIGABRT])
        last.start()
        timer = None if after is None else threading.Timer(after, send, [pid, signum])
        if timer is not None:
            timer.start()
        if until:
            once = threading.Thread(target=send_once, args=[self.home / run, until, pid, signum])
            once.start()
        status = int(self._read())
        last.cancel()
        if timer is not None:
            timer.cancel()
        seconds = time.perf_counter() - start
        code = -(status & 127) if status & 127 else status >> 8
        return Ended(code, self._log.read_text(errors="replace"), seconds)

    def close(self) -> None:
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def send(pid: int, signum: int) -> None:
    """Signal a process and those that it started, if they are still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signum)


def send_once(run: Path, pattern: str, pid: int, signum: int) -> None:
    """Do so once a file is there."""
    with contextlib.suppress(ProcessLookupError):
        while not any(run.glob(pattern)):
            os.killpg(pid, 0)
            time.sleep(0.005)
        os.killpg(pid, signum)


def outcome(run: Path) -> dict[str, Any]:
    """All that a run came to, bit for bit, but for seconds, memory and versions."""
    found: dict[str, Any] = {}
    results = run / "results.json"
    if results.exists():
        found["results.json"] = timeless(json.loads(results.read_text()))
        # It shows seconds, so only that it is there whole.
        report = (run / "report.html").read_text(encoding="utf-8")
        found["report.html"] = report.endswith("</html>")
    for record in sorted(run.rglob("stage.json")):
        stage = record.parent.relative_to(run).as_posix()
        values = json.loads(record.read_text())
        assert values["status"] == "finished", stage
        found[stage] = timeless({key: values[key] for key in values.keys() - PARTS})
        for file in sorted(record.parent.rglob("*")):
            name = file.relative_to(run).as_posix()
            if file.is_dir() and file.name == "dynamics":
                dynamics = read_dynamics(file)
                found[name] = (dynamics.epochs, dynamics.incomplete, sha(dynamics.logits().data))
            elif file.is_file() and "/dynamics/epoch-" not in name and file != record:
                found[name] = sha(file.read_bytes())
    return found


def leftovers(run: Path) -> list[str]:
    """What only an unfinished run has."""
    names = (path.relative_to(run).as_posix() for path in run.rglob("*"))
    marks = ("/checkpoint", ".tmp", ".previous")
    return [name for name in names if any(mark in name for mark in marks)]


def timeless(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: timeless(value) for key, value in values.items() if key not in CLOCK}
    return [timeless(value) for value in values] if isinstance(values, list) else values


def sha(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()
