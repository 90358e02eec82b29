"""Made-up runs for figures worked out by hand, and what two studies must have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftft.results.read import RunResult

# What differs between two runs of the same thing.
CLOCK = {"seconds", "overhead_seconds", "preparation_seconds", "peak_memory_bytes", "environment"}


def result(
    method: str = "ftft",
    seed: int = 0,
    *,
    ood: float | None = 0.7,
    score: float = 0.8,
    curve: tuple[tuple[int, float], ...] = ((10, 0.5),),
    final: float | None = 0.5,
    flops: tuple[float, float, float] = (0.0, 90.0, 10.0),
    steps: int = 10,
    erm_steps: int = 40,
    **more: Any,
) -> RunResult:
    """One run; ``flops`` are those of the reference, the main model and evaluation."""
    reference, main, evaluation = flops
    parts = {"reference": reference, "main": main, "evaluation": evaluation, "total": sum(flops)}
    values = {
        "experiment": "task",
        "folder": Path("runs/task"),
        "reference": "small" if method == "ftft" else None,
        "main": "large",
        "strategy": {"ftft": "ambiguous", "dm": "ambiguous", "random": "random"}.get(method),
        "fraction": 1.0 if method.startswith("erm") else 0.33,
        "selected": 33,
        "flops": sum(flops) / 100,
        "seconds": 0.5,
        "estimated": False,
    }
    return RunResult(
        method=method,
        seed=seed,
        id_score=score,
        ood_score=ood,
        ood_scores={} if ood is None else {"far": ood},
        record={"cost": {"flops": parts}, "steps": {"main": steps, "erm": erm_steps}},
        curve=curve,
        final=final,
        **(values | more),
    )


def timeless(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: timeless(value) for key, value in values.items() if key not in CLOCK}
    return [timeless(value) for value in values] if isinstance(values, list) else values


def content(path: Path) -> Any:
    """A JSON file, without seconds, memory and versions."""
    return timeless(json.loads(path.read_text(encoding="utf-8")))
