"""The experiments that come with the package, by name; as text, which a person can keep and edit.

A recipe is a YAML file in ``recipes/``. Those of the paper are one file a task: its models stand in
``paper/models.yaml``, and every pair of a reference and a main model fills in the places in angle
brackets, so that nothing is written down twice.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftft.config.data import EVALUATION_ROLES
from ftft.config.yaml_core import parse

FOLDER = Path(__file__).parent / "recipes"
_PAPER = FOLDER / "paper"
_MODELS = _PAPER / "models.yaml"


@dataclass(frozen=True)
class Recipe:
    """An experiment that comes with the package.

    Attributes:
        name: What it is called, such as ``cad/deberta-v3-small-to-deberta-v3-large``.
        text: The experiment file. Its first line is a comment that says what it is.
    """

    name: str
    text: str

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return self.text.partition("\n")[0].lstrip("# ")

    @property
    def models(self) -> tuple[str, str]:
        """Reference and main model."""
        values = self._values
        return values["reference"]["model"], values["main"]["model"]

    @property
    def hub_data(self) -> tuple[str, ...]:
        """The data sets of the hub that it reads, each once."""
        return tuple(dict.fromkeys(s["hub"] for s in self._sources if "hub" in s))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it reads, each once, as written."""
        return tuple(dict.fromkeys(s["path"] for s in self._sources if "path" in s))

    @property
    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = parse(self.text)
        return values

    @property
    def _sources(self) -> Iterator[Mapping[str, Any]]:
        data = self._values["data"]
        yield data["train"]
        for role in EVALUATION_ROLES:
            yield from data.get(role, {}).values()


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """All recipes, those of the paper last; within a task by main model, then reference."""
    plain = [Recipe(path.stem, _read(path)) for path in sorted(FOLDER.glob("*.yaml"))]
    tasks = [path for path in sorted(_PAPER.glob("*.yaml")) if path != _MODELS]
    return (*plain, *(recipe for task in tasks for recipe in _pairs(task)))


def find_recipe(name: str) -> Recipe | None:
    """The recipe of a name; None where there is none."""
    return next((recipe for recipe in recipes() if recipe.name == name), None)


def near_recipes(name: str) -> list[str]:
    """At most three names of recipes that are much like a name, the likest first."""
    return difflib.get_close_matches(name, [recipe.name for recipe in recipes()])


def _pairs(task: Path) -> Iterator[Recipe]:
    table = parse(_read(_MODELS))
    text = _read(task)
    for main in table["mains"]:
        for reference in table["references"]:
            places = _places("main", main, table) | _places("reference", reference, table)
            name = f"{task.stem}/{reference}-to-{main}"
            yield Recipe(name, _filled(text, places))


def _places(role: str, name: str, table: Mapping[str, Any]) -> dict[str, str]:
    entry = table["models"][name]
    return {
        f"<{role} name>": name,
        f"<{role} rate>": str(entry["learning_rate"]),
        f"<{role}>": entry["model"],
    }


def _filled(text: str, places: Mapping[str, str]) -> str:
    # The line about the places themselves would make no sense where they are filled.
    lines = [line for line in text.splitlines(keepends=True) if "<angle brackets>" not in line]
    filled = "".join(lines)
    for place, value in places.items():
        filled = filled.replace(place, value)
    return filled


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
