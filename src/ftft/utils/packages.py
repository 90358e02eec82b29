"""Folders inside installed Python packages, none of whose code is run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGE_PREFIX = "package:"


def home_of(package: str) -> Path | None:
    """Where an installed package lies; None where there is none of this name.

    Args:
        package: Its name, as it is imported or as it was installed.
    """
    name = module_name(package)
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def module_name(package: str) -> str:
    """What a package is imported by; people write the name that they installed it by."""
    return package.replace("-", "_")
