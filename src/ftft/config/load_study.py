"""Reading a study file: YAML and ``key=value`` overrides to a :class:`Study`.

As with an experiment file, all problems are reported together. The experiment of every
combination of data set, reference and main model is put together and validated here.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ftft.config.answers import without_doubles
from ftft.config.data import EVALUATION_ROLES, DataSource
from ftft.config.load import Check, apply_overrides, load_experiment, read_yaml
from ftft.config.problems import Problem, describe_all, refusal
from ftft.config.recipe import find_recipe
from ftft.config.schema import Experiment
from ftft.config.study import (
    MAX_CELLS,
    DataSet,
    Names,
    SelectionChanges,
    Study,
    StudyFile,
)
from ftft.config.values import expand
from ftft.errors import ConfigError, reason

# Of an experiment that does not say.
_TASK = Experiment.model_fields["task"].default
_SECTIONS = ("reference", "main", "map", "selection", "dm")

# Which name of the grid the key of an experiment belongs to.
_OWNER = {"reference": 1, "main": 2, "map": 3, "selection": 3}


_ORIGIN = "# From {}, from whose folder relative paths count.\n"


def load_study(
    path: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    *,
    checks: Iterable[Check] = (),
    folder: Path | None = None,
) -> Study:
    """Read, override and validate a study file, and with it every experiment of its grid.

    Args:
        path: A YAML file.
        overrides: Texts ``key.path=value``; the value is read as YAML.
        checks: Further checks of the raw mapping of an experiment, as of
            :func:`~ftft.config.load.load_experiment`.
        folder: What relative paths of the file count from; None: the folder that it is in.

    Returns:
        The study. Relative paths are taken from the folder of the file they stand in.

    Raises:
        ConfigError: The file cannot be read or is not a valid study. The message lists every
            problem.
    """
    raw = read_yaml(path, "study file", "name, base and grid", "docs/studies.md shows a study file")
    if "grid" not in raw and "base" not in raw and "data" in raw:
        raise ConfigError(
            f"{path}: this is an experiment file, where a study file was expected; run it with "
            "`ftft run`, or name it as base of a study file."
        )
    _spell_out(raw)
    overrides = list(overrides)
    problems, offers = apply_overrides(raw, overrides)
    _spell_out(raw)
    try:
        file = StudyFile.model_validate(raw)
    except ValidationError as error:
        found = [*problems, *describe_all(error, raw, StudyFile)]
        raise refusal(path, [one.offering(offers) for one in found], overrides) from None
    problems += [
        Problem(f"{listed} would replace it; leave one of the two out", key)
        for key, listed in file.grid.replaced().items()
    ]
    folder = Path(path).absolute().parent if folder is None else folder
    _check_size(path, file)
    try:
        merged, dropped = _merged(file, folder)
    except ConfigError as error:
        raise refusal(path, [*problems, *map(Problem, error.problems)], overrides) from None
    problems += [one.offering(offers) for one in _problems(merged, list(checks))]
    if problems:
        raise refusal(path, problems, overrides)
    experiments = {
        names_of: Experiment.model_validate(values).resolved(folder)
        for names_of, values in merged.items()
    }
    first = next(iter(experiments.values()))
    return Study(
        name=file.name,
        output=file.output,
        experiments=experiments,
        strategies=file.grid.strategies or (),
        fractions=file.grid.fractions or (),
        budgets=file.grid.budgets or (),
        seeds=first.seeds,
        resources=file.resources,
        path=Path(path).absolute(),
        asked=raw,
        dropped=dropped,
    )


def origin_line(study: Study) -> str:
    """The line of a study folder's own study file that says where the study came from."""
    return _ORIGIN.format(study.path)


def load_asked(file: Path) -> Study:
    """Read the study file that a study wrote into its folder.

    Raises:
        ConfigError: It cannot be read, or a file that it names is not there any more.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {reason(error)}.") from error
    before, after = _ORIGIN.rstrip("\n").split("{}")
    found = [
        one.removeprefix(before).removesuffix(after)
        for one in lines
        if one.startswith(before) and one.endswith(after)
    ]
    if not found:
        raise ConfigError(f"{file}: does not say where the study came from; give --rows.")
    return load_study(file, folder=Path(found[0]).parent)


def _spell_out(raw: dict[str, Any]) -> None:
    """Write short forms out, in place, so that ``--set`` finds the keys below them."""
    if isinstance(raw.get("base"), str):
        raw["base"] = {"experiment": raw["base"]}
    grid = raw.get("grid")
    if not isinstance(grid, dict):
        return
    for axis, key in (("data", "experiment"), ("references", "model"), ("mains", "model")):
        named = grid.get(axis)
        if not isinstance(named, dict):
            continue
        for name, value in named.items():
            named[name] = (
                {key: value} if isinstance(value, str) else ({} if value is None else value)
            )


def _check_size(path: str | os.PathLike[str], file: StudyFile) -> None:
    grid, cells = file.grid, 1
    axes = (grid.data, grid.references, grid.mains, grid.strategies, grid.fractions, grid.budgets)
    for axis in (*axes, grid.selections, grid.seeds or file.base.seeds):
        cells *= len(axis or (0,))
    if cells > MAX_CELLS:
        raise ConfigError(
            f"{path}: the grid has {cells:,} cells, more than the {MAX_CELLS:,} that one study "
            "may have; leave values out, or make several studies of it."
        )


def _merged(
    file: StudyFile, folder: Path
) -> tuple[dict[Names, dict[str, Any]], dict[str, tuple[str, ...]]]:
    """The raw experiment of every combination of names of the grid.

    And the sets that a data set has no more since training data of its own were named.
    """
    base: dict[str, Any] = {}
    if file.base.experiment is not None:
        base = _read(file.base.experiment, folder, "base.experiment")
    own_name = file.base.name or base.get("name") or file.name
    gone = _gone(base, file.base)
    base = _changed(base, file.base)
    for key, *places in (
        ("baselines", file.baselines, file.base.baselines),
        ("seeds", file.grid.seeds, file.base.seeds),
    ):
        given = next((place for place in places if place is not None), None)
        if given is not None:
            base[key] = list(given)
    merged, dropped = {}, {}
    for data, dataset in (file.grid.data or {own_name: DataSet()}).items():
        values = base
        if dataset.experiment is not None:
            place = f"grid.data.{data}.experiment"
            other = _read(dataset.experiment, folder, place)
            values = {**base, **{key: other[key] for key in ("task", "data", "metric")}}
        lost = ([] if dataset.experiment is not None else gone) + _gone(values, dataset)
        values = _changed(values, dataset)
        there = _sets(values)
        if left := [one for one in dict.fromkeys(lost) if one not in there]:
            dropped[data] = tuple(left)
        for reference, main, selection in itertools.product(
            (file.grid.references or {"reference": {}}).items(),
            (file.grid.mains or {"main": {}}).items(),
            (file.grid.selections or {"": SelectionChanges()}).items(),
        ):
            merged[data, reference[0], main[0], selection[0]] = {
                **values,
                "name": data,
                "output": None,
                "reference": _joined(values.get("reference", {}), reference[1]),
                "main": _joined(values.get("main", {}), main[1]),
                "map": _joined(values.get("map", {}), selection[1].map),
                "selection": _joined(values.get("selection", {}), selection[1].selection),
            }
    return merged, dropped


def _gone(values: Mapping[str, Any], changes: DataSet) -> list[str]:
    """The evaluation sets that are left behind where changes name other training data.

    Those of a role that the changes name, too, are replaced as was asked.
    """
    if not _has_own_training(changes.data):
        return []
    return [one for one in _sets(values) if one.partition(".")[0] not in changes.data]


def _sets(values: Mapping[str, Any]) -> list[str]:
    """The evaluation sets of a raw experiment, such as ``test_ood.chat``."""
    data = values.get("data")
    roles = {role: data.get(role) for role in EVALUATION_ROLES} if isinstance(data, dict) else {}
    named = {role: sets for role, sets in roles.items() if isinstance(sets, dict)}
    return [f"{role}.{name}" for role, sets in named.items() for name in sets]


def _read(name: str, folder: Path, place: str) -> dict[str, Any]:
    """A whole experiment file as plain values, its paths resolved."""
    try:
        file = folder / expand(name)
        # A recipe of that name, where there is no such file.
        known = not os.path.exists(file) and find_recipe(name) is not None
        experiment = load_experiment(name if known else file)
    except ConfigError as error:
        # Problems that are listed below the file's name do not name it themselves.
        of = f"{place}: " if error.problems == (str(error),) else f"{place}: {name}: "
        raise ConfigError.of([f"{of}{problem}" for problem in error.problems]) from None
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from None
    values = experiment.model_dump(mode="json")
    # What sets took over from the training data they take from changed training data again.
    for role in EVALUATION_ROLES:
        sets = getattr(experiment.data, role)
        values["data"][role] = {name: _as_given(one) for name, one in sets.items()}
    values["data"]["train"] = [_as_given(one) for one in experiment.data.train]
    return values


def _as_given(source: DataSource) -> dict[str, Any]:
    return without_doubles(source.model_dump(mode="json", exclude_unset=True))


def _changed(values: Mapping[str, Any], changes: DataSet) -> dict[str, Any]:
    """The sections of an experiment with changes."""
    new = dict(values)
    for name in _SECTIONS:
        if given := getattr(changes, name):
            new[name] = _joined(new.get(name, {}), given)
    if changes.data:
        # Sets of another task would be left over beside the new training data.
        before = {} if _has_own_training(changes.data) else new.get("data", {})
        before = _of_one_source(before) if "train" in changes.data else before
        new["data"] = _joined(before, changes.data)
    if changes.task is not None and changes.task != new.get("task", _TASK):
        # Another task's metrics are others.
        new.pop("metric", None)
        new["task"] = changes.task
    if changes.metric is not None:
        new["metric"] = changes.metric
    return new


def _has_own_training(data: Mapping[str, Any]) -> bool:
    """Whether changes of a data section name other training data, not keys of the base's only."""
    train = data.get("train")
    return "train" in data and not (isinstance(train, dict) and not {"path", "hub"} & train.keys())


def _of_one_source(data: Any) -> Any:
    """A data section whose training source, where it has one, is a mapping instead of a list."""
    train = data.get("train") if isinstance(data, dict) else None
    if not isinstance(train, list):
        return data
    if len(train) != 1:
        raise ConfigError(
            f"data.train: the base has {len(train)} sources, and single keys can be changed of one "
            "only; give the list of sources as it is to be."
        )
    return {**data, "train": train[0]}


def _joined(values: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with keys replaced; where both have a mapping, keys of that are."""
    new = dict(values) if isinstance(values, dict) else {}
    for key, value in changes.items():
        new[key] = _joined(new.get(key), value) if isinstance(value, dict) else value
    return new


def _problems(merged: Mapping[Names, Mapping[str, Any]], checks: list[Check]) -> list[Problem]:
    """What is wrong with the experiments of a grid; a name's problem stands for every cell.

    What is wrong with a reference, say, on some data sets only is of those data sets.
    """
    found: dict[tuple[Problem, int, str], set[str]] = {}
    every: dict[tuple[int, str], set[str]] = {}
    for names, values in merged.items():
        for owner, name in enumerate(names):
            every.setdefault((owner, name), set()).add(names[0])
        problems = [problem for check in checks for problem in check(values)]
        try:
            Experiment.model_validate(values)
        except ValidationError as error:
            problems += describe_all(error, values)
        for problem in problems:
            owner = _OWNER.get(problem.section, 0)
            owner = owner if names[owner] else 0
            found.setdefault((problem, owner, names[owner]), set()).add(names[0])
    placed: dict[Problem, None] = {}
    for (problem, owner, name), sets in found.items():
        whole = sets == every[owner, name]
        for one in (name,) if whole else sorted(sets):
            kind = ("data set", "reference", "main model", "selection")[owner if whole else 0]
            placed[replace(problem, place=f"{kind} {one}")] = None
    return list(placed)
