"""A finished tiny run to share, and a stand-in for the hub to share it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftft import load_experiment
from ftft import run as run_pipeline
from hub_standin import TOKEN, HubStandIn


@pytest.fixture(scope="session")
def finished(tmp_path_factory, make_experiment) -> Path:
    """A folder with the experiment, its data and its run; nothing may change it."""
    folder = tmp_path_factory.mktemp("finished")
    file = make_experiment(folder)
    run_pipeline(load_experiment(file), str(folder / "run"), lambda line: None)
    return folder


@pytest.fixture
def run(finished) -> Path:
    return finished / "run"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub on this machine, with a user who is logged in."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    with HubStandIn() as standin:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, standin.url)
        monkeypatch.setattr(constants, "ENDPOINT", standin.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        # Its large files go to a service of their own, which is not stood in for.
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        _http.close_session()
        yield standin
        _http.close_session()
