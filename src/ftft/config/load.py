"""Reading an experiment file: YAML and ``key=value`` overrides to an :class:`Experiment`.

All problems of a file are collected and reported together, each with its key, what
was expected and, for a misspelt key, the nearest name there is.
"""

from __future__ import annotations

import difflib
import os
import shlex
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ftft.config.formats import format_by_name
from ftft.config.problems import Problem, describe_all, keys_at, refusal
from ftft.config.recipe import find_recipe, near_recipes
from ftft.config.schema import Experiment
from ftft.config.yaml_core import parse
from ftft.errors import ConfigError
from ftft.utils.below import one_of

MAX_BYTES = 1_000_000

# What messages about an experiment file say of one.
_KEYS = "name, data, reference and main"
_LONGEST_TEXT = 40
_HINT = "`ftft init DATA_FILE` writes one, `ftft recipes` lists those that come with ftft"

Check = Callable[[Mapping[str, Any]], Iterable[Problem]]
"""A further check of the raw mapping."""


def load_experiment(
    path: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    *,
    checks: Iterable[Check] = (),
) -> Experiment:
    """Read, override and validate an experiment file.

    Args:
        path: A YAML file, or the name of a recipe (see :mod:`ftft.config.recipe`) where there is
            no file of that name.
        overrides: Texts ``key.path=value``; the value is read as YAML.
        checks: Further checks of the raw mapping, whose problems are reported together
            with those of the schema.

    Returns:
        The experiment. Relative paths in ``data``, and models whose name starts with a dot,
        are resolved against the file's folder; those of a recipe against the current one.

    Raises:
        ConfigError: The file cannot be read or is not a valid experiment. The message
            lists every problem.
    """
    overrides = list(overrides)
    experiment, problems = checked_experiment(path, overrides, checks)
    if experiment is None:
        raise refusal(path, problems, overrides)
    return experiment


def checked_experiment(
    path: str | os.PathLike[str], overrides: Iterable[str], checks: Iterable[Check]
) -> tuple[Experiment | None, list[Problem]]:
    """As :func:`load_experiment`; the experiment, or None and what is wrong with it.

    Raises:
        ConfigError: The file cannot be read.
    """
    recipe = None if _is_there(path) else find_recipe(os.fspath(path))
    raw = read_yaml(path) if recipe is None else _mapping(path, recipe.text)
    if "grid" in raw and "data" not in raw:
        raise ConfigError(
            f"{path}: this is a study file, as its key grid says, where an experiment file was "
            f"expected; check it with `ftft study {shlex.quote(os.fspath(path))} --dry-run`, run "
            "it without --dry-run."
        )
    overrides = list(overrides)
    problems, offers = apply_overrides(raw, overrides)
    found = [problem for check in checks for problem in check(raw)]
    try:
        experiment = Experiment.model_validate(raw)
    except ValidationError as error:
        problems += describe_all(error, raw)
    if problems := [*problems, *found]:
        return None, [problem.offering(offers) for problem in problems]
    folder = Path(path).absolute().parent if recipe is None else Path.cwd()
    return experiment.resolved(folder), []


def _is_there(path: str | os.PathLike[str]) -> bool:
    """Whether there is something by this name that is no folder: ``demo`` often is one."""
    return os.path.lexists(path) and not os.path.isdir(path)


def read_yaml(
    path: str | os.PathLike[str],
    what: str = "experiment file",
    keys: str = _KEYS,
    hint: str = _HINT,
) -> dict[str, Any]:
    """Read one YAML mapping with the safe loader.

    Args:
        path: The file.
        what: What it should be, for messages.
        keys: Some of its keys, likewise.
        hint: Where to find a valid one, likewise.

    Raises:
        ConfigError: The file is missing, too large, not UTF-8, not YAML, or not a mapping.
    """
    file = Path(path)
    try:
        about = file.stat()
        size = about.st_size
        if not stat.S_ISREG(about.st_mode):  # a pipe or a device may never end
            raise ConfigError(
                f"{file}: cannot be read: it is not a file. Give the {what}, a YAML file that you "
                f"may read{_yaml_in(file)}."
            )
        if format_by_name(file) is not None:
            raise ConfigError(
                f"{file}: a data file, by its name, where the {what}, a YAML file, was expected; "
                f"`ftft init {shlex.quote(str(file))}` writes an experiment file for it."
            )
        if size > MAX_BYTES:
            raise ConfigError(
                f"{file}: the {what} has {size:,} bytes, more than the {MAX_BYTES:,} it can need; "
                "check that it is the right file."
            )
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = near_recipes(str(path))
        also = f" Recipes with names like it: {', '.join(near)}." if near else ""
        beside = [one.name for one in file.parent.glob("*.y*ml")]
        if alike := difflib.get_close_matches(file.name, beside, n=1):
            also += f" Did you mean {file.parent / alike[0]}?"
        raise ConfigError(
            f"{file}: there is no such {what}; check the path ({hint}).{also}"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: byte {error.start} is not UTF-8 text; the {what} is YAML saved as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror or error}. Give the {what}, a YAML file that "
            "you may read."
        ) from None
    return _mapping(file, text, keys, hint)


def _yaml_in(folder: Path) -> str:
    """Name the YAML files of a folder, if it is one."""
    found = sorted(folder.glob("*.y*ml")) if folder.is_dir() else []
    return f", such as {one_of(found)}" if found else ""


def _mapping(
    file: str | os.PathLike[str], text: str, keys: str = _KEYS, hint: str = _HINT
) -> dict[str, Any]:
    """The mapping that a YAML text holds.

    Raises:
        ConfigError: It is not YAML, or not a mapping.
    """
    try:
        raw = parse(text)
    except ValueError as error:
        raise ConfigError(f"{file}: not valid YAML: {error}. Correct it there ({hint}).") from None
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{file}: expected a mapping of keys such as {keys}, found "
            f"{'nothing' if raw is None else type(raw).__name__} ({hint})."
        )
    return raw


def apply_overrides(
    raw: dict[str, Any], overrides: Iterable[str]
) -> tuple[list[Problem], dict[str, str]]:
    """Set each ``key.path=value`` in the raw mapping, in place.

    Returns:
        What is wrong: a text without ``=``, a value that is not YAML, or a path through something
        that is not a mapping; and each key that was new where the mapping had one much like it,
        with that one: right or a slip.
    """
    problems: list[Problem] = []
    offers: dict[str, str] = {}
    for override in overrides:
        offers |= _much_like(raw, override.partition("=")[0].strip().split("."))
        if problem := _apply(raw, override):
            shown = override if len(override) <= 100 else override[:100] + "…"
            problems.append(Problem(problem, place=f"--set {shown}"))
    return problems, offers


def _much_like(raw: Mapping[str, Any], parts: Sequence[str]) -> dict[str, str]:
    node: Any = raw
    for depth, part in enumerate(parts):
        if not isinstance(node, Mapping):
            break
        if part not in node:
            above = parts[:depth]
            if part in keys_at(tuple(above[above[:1] == ["base"] :]), Experiment):
                break
            near = difflib.get_close_matches(part, map(str, node), n=1)
            return {".".join((*above, part)): ".".join((*above, one)) for one in near}
        node = node[part]
    return {}


def _apply(raw: dict[str, Any], override: str) -> str:
    """Set one, and say what is wrong with it; empty where nothing is."""
    key, sign, value = override.partition("=")
    parts = key.strip().split(".")
    if not sign or not all(parts):
        return (
            "expected key=value with dots between the levels, as in --set selection.fraction=0.25."
        )
    try:
        parsed = parse(value)
    except ValueError as error:
        return f"the value is not valid YAML: {error}.{_in_quotes(key, value)}"
    if value.strip() in ("|", ">"):  # signs of YAML for texts of several lines
        return f"YAML reads the value as an empty text.{_in_quotes(key, value)}"
    node = raw
    for depth, part in enumerate(parts[:-1]):
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            return (
                f"{'.'.join(parts[: depth + 1])} is not a mapping in the file, so nothing can be "
                "set below it."
            )
        node = child
    node[parts[-1]] = parsed
    return ""


def _in_quotes(key: str, value: str) -> str:
    """How to write a text for YAML and the shell; empty for what is probably something else."""
    text = value.strip()
    if len(text) > _LONGEST_TEXT or text[:1] in "[{" or any(sign in text for sign in "\"'\\\n"):
        return ""
    return f" Such a text needs quotes: --set '{key.strip()}=\"{text}\"'."
