"""The services that a training can be reported to, as ``report_to`` names them."""

from __future__ import annotations

from collections.abc import Sequence

from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from ftft.config.schema import FineTuning
from ftft.errors import ConfigError

_PACKAGES = {"comet_ml": "comet-ml", "dagshub": "dagshub mlflow"}
# transformers does not list these though they are installed; the Trainer still looks for them.
_NOT_LISTED = {"flyte", "azure_ml"}


def is_tracked(settings: FineTuning) -> bool:
    """Whether trainings of this model are reported anywhere."""
    return settings.training_arguments.get("report_to") not in (None, "none", [], ["none"])


def check_services(names: Sequence[object], model: str) -> None:
    """Check that each service is known and its package is there.

    Args:
        names: As ``report_to`` names them.
        model: Whose training it is, for the message.

    Raises:
        ConfigError: One is not.
    """
    place = f"training_arguments of model {model}: report_to"
    for name in names:
        if not isinstance(name, str) or name not in INTEGRATION_TO_CALLBACK:
            raise ConfigError(
                f"{place} names {name!r}, which transformers does not report to; it knows "
                f"{', '.join(sorted(INTEGRATION_TO_CALLBACK))}, and none."
            )
        if name not in get_available_reporting_integrations() and name not in _NOT_LISTED:
            if name == "kubeflow":  # no package, but what starts a training
                raise ConfigError(
                    f"{place} names {name}, which is there only where Kubeflow Trainer started the "
                    f"training and set KUBEFLOW_TRAINER_SERVER_URL; leave {name} out elsewhere."
                )
            package = _PACKAGES.get(name, name)
            raise ConfigError(
                f"{place} names {name}, whose package is not installed: run `pip install "
                f"{package}`, or leave {name} out."
            )
