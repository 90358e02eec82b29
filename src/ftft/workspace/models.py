"""Which model folder is meant by the folder of a training, of a run or of a study."""

from __future__ import annotations

from pathlib import Path

from ftft.errors import ModelError
from ftft.utils.below import CONFIG_NAME, models_below, models_instead
from ftft.utils.nearest import nearest_beside
from ftft.workspace.layout import STUDY_NAME, run_folder_of


def model_folder(given: Path) -> Path:
    """The model folder that is meant by a path.

    Args:
        given: It, the folder of its training, or a run or a study with one of FTFT's main models.

    Raises:
        ModelError: There is none, or several, or the path does not exist.
    """
    for inside in (given, given / "model"):
        if (inside / CONFIG_NAME).is_file():
            return inside
    if not given.exists():
        raise ModelError(
            f"{given} does not exist.{nearest_beside(given)} Give the folder of a "
            "run, of a training (runs/NAME/main/seed-0) or of a model (model in it)."
        )
    found = models_below(given)
    main = [one for one in found if _is_main(one, given)]
    if len(main) == 1:
        return main[0]
    raise ModelError(f"{given} {models_instead(main or found)}")


def _is_main(model: Path, given: Path) -> bool:
    """Whether a model is an FTFT main model of the very run or study that was given."""
    run = run_folder_of(model)
    if run is None or model.absolute().relative_to(run).parts[0] != "main":
        return False
    # A folder of several runs means none of them, though only one may have come that far.
    return given.absolute().is_relative_to(run) or (given / STUDY_NAME).is_file()
