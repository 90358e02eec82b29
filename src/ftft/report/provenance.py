"""What a run was made with, and the commands that repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ftft.cartography.lengths import lengths_in_words
from ftft.data.remarks import left_out_in_words
from ftft.report.views import RunView
from ftft.results.aggregate import by_cell, cell_names


@dataclass(frozen=True)
class Provenance:
    """Where the figures of a run come from.

    Attributes:
        facts: Names and values: data, models, seeds, hardware.
        packages: Package and version.
        commands: What repeats the run and this page.
        experiment: The experiment file.
        others: What differs where stages were made in several environments.
    """

    facts: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    experiment: str
    others: tuple[str, ...]


def provenance(view: RunView) -> Provenance:
    """Put together what a run's results say of their making."""
    values = view.run.values
    environment, data = values["environment"], values["data"]
    ftft = next(one for one in view.run.runs if one.method == "ftft")
    precision = ftft.record["precision"]
    parameters = ftft.record.get("parameters") or {}

    def counts(role: str) -> str:
        found = parameters.get(role)
        # All of them is what anybody expects.
        if not found or found["trained"] == found["all"]:
            return ""
        return f"; {found['trained']:,} of {found['all']:,} parameters trained"

    seeds = sorted({one.seed for one in view.run.runs})
    folder = str(view.run.folder)
    facts = [
        ("reference", f"{ftft.reference} ({precision['reference']}{counts('reference')})"),
        ("main model", f"{ftft.main} ({precision['main']}{counts('main')})"),
        ("selection", f"{ftft.strategy}, {ftft.fraction:g} of the training examples"),
        *_lengths(view),
        *((("map", str(drawn["in_words"])),) if (drawn := ftft.record.get("map")) else ()),
        ("seeds", ", ".join(map(str, seeds))),
        ("training examples", f"{data['train_examples']:,}"),
        *((f"{role.replace('_', ' ')} sets", _sets(sets)) for role, sets in data["sets"].items()),
        *((("left out", _left_out(lost)),) if (lost := data.get("left_out")) else ()),
        ("data fingerprint", str(data["fingerprint"])),
        ("processor", f"{environment['processor']}, {environment['cpu_count']} cores"),
        ("device", f"{environment['device']}, {_processes(environment['processes'])}"),
        ("system", f"{environment['platform']}, Python {environment['python']}"),
    ]
    packages = tuple((name, version or "–") for name, version in environment["packages"].items())
    study = values.get("study")
    if study is not None:
        folder = study
    file = shlex.quote(f"{folder}/experiment.yaml")
    return Provenance(
        facts=tuple(facts),
        packages=packages,
        commands=(
            *(() if study else (f"ftft run {file} --output {shlex.quote(f'{folder}-again')}",)),
            f"ftft report {shlex.quote(folder)}",
        ),
        experiment=view.experiment,
        others=_others(view, environment),
    )


def _lengths(view: RunView) -> Iterator[tuple[str, str]]:
    """How long the selected examples of each cell are against all, of its first seed."""
    cells = by_cell(view.run.runs)
    for cell, name in cell_names(list(cells)).items():
        first = min(cells[cell], key=lambda run: run.seed)
        if found := first.record.get("lengths"):
            yield f"tokens an example, {name}", lengths_in_words(found)


def _left_out(lost: Mapping[str, Mapping[str, int] | int]) -> str:
    # Runs of earlier versions say how many had no room, and nothing of other rows.
    by_key = {name: {"without_room": n} if isinstance(n, int) else n for name, n in lost.items()}
    return "; ".join(f"{name}: {left_out_in_words(counts)}" for name, counts in by_key.items())


def _sets(sets: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({size:,})" for name, size in sets.items()) or "none"


def _others(view: RunView, now: Mapping[str, Any]) -> tuple[str, ...]:
    """Trainings that were made elsewhere or with other versions than the results."""
    lines = []
    for one in view.run.runs:
        made = one.record.get("environment", {})
        different = [
            f"{key} {made[key]}"
            for key in ("python", "processor", "device", "threads", "processes")
            if key in made and made[key] != now[key]
        ]
        different += [
            f"{name} {version}"
            for name, version in made.get("packages", {}).items()
            if version != now["packages"].get(name)
        ]
        if different:
            lines.append(f"{one.method}, seed {one.seed}: {', '.join(different)}")
    return tuple(lines)


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count:,} processes"
