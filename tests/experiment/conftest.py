"""A finished run of the review task that several tests look at; who changes it takes a copy."""

import pytest

from ftft import load_experiment
from ftft import run as run_pipeline


@pytest.fixture(scope="package")
def finished(tmp_path_factory, make_experiment):
    """A folder with an experiment, and its run with three baselines in ``run``."""
    home = tmp_path_factory.mktemp("finished")
    make_experiment(home)
    asked = ("baselines=[erm, erm_budget, random]",)
    run_pipeline(load_experiment(home / "experiment.yaml", asked), str(home / "run"), print)
    return home
