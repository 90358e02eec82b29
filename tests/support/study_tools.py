"""What two studies must have in common."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

# What differs between two runs of the same thing.
CLOCK = {
    *("seconds", "overhead_seconds", "preparation_seconds", "peak_memory_bytes", "environment"),
    "jobs",
}


def timeless(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: timeless(value) for key, value in values.items() if key not in CLOCK}
    if isinstance(values, str):
        # Verdicts say the seconds beside the FLOPs.
        return re.sub(r" \(\d+% of its seconds\)", "", values)
    return [timeless(value) for value in values] if isinstance(values, list) else values


def content(path: Path) -> Any:
    """A JSON file, without seconds, memory and versions."""
    return timeless(json.loads(path.read_text(encoding="utf-8")))
