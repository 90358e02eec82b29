"""Versions and hardware that figures are made with."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ftft.utils.distributed import count

_PACKAGES = ("ftft", "torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")
JOBS = "FTFT_JOBS"
"""Tells a process how many may compute on this machine at a time, itself counted in.

ftft sets it for the processes that it starts; on machines that a cluster chose it is empty, since
what else runs there is not known.
"""
# Named where they are installed.
_OPTIONAL = ("peft", "bitsandbytes")


def environment() -> dict[str, Any]:
    """Versions and hardware that the figures were made with."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processes": count(),
        "jobs": _jobs(),
        "packages": {name: _version(name) for name in _PACKAGES}
        | {name: version for name in _OPTIONAL if (version := _version(name))},
    }


def _jobs() -> int | None:
    """How many may compute on this machine at a time; None where that is not known."""
    value = os.environ.get(JOBS, "1")
    return int(value) if re.fullmatch("[1-9][0-9]{0,5}", value) else None


@cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
