"""A hub that cannot be reached is waited for once, not for every file of every model."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from huggingface_hub import constants

from ftft.config.data import DataSource
from ftft.config.schema import Main
from ftft.data.readers.hub import open_hub
from ftft.errors import DataError, ModelError
from ftft.training.models import load_config, load_tokenizer
from ftft.utils import hub_reach
from ftft.utils.hub_reach import asking_the_hub, unreachable


@pytest.fixture
def slept(monkeypatch):
    """A hub that refuses connections; the seconds that anybody waits for it, without waiting."""
    waits = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub_reach, "_answers", {})
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def test_two_models_and_a_data_set_wait_once(slept):
    for model in ("owner/small", "owner/large"):
        for load in (load_config, load_tokenizer):
            with pytest.raises(
                ModelError, match=f"model {model}: .* the hub http://127.0.0.1:9 ca"
            ):
                load(Main(model=model))
    source = DataSource(hub="owner/data", text=["text"], label="label")
    with pytest.raises(DataError, match=r"owner/data: .* cannot be reached: .*refused"):
        open_hub(source)
    assert 0 < sum(slept) <= 2
    assert constants.HF_HUB_OFFLINE is False  # what others do in this process is theirs


def test_a_folder_asks_nobody(slept, tiny_model):
    load_config(Main(model=str(tiny_model)))
    assert slept == []


def test_who_is_offline_asks_nobody(slept, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert unreachable("owner/small") == ""
    assert slept == []


def test_a_hub_that_answers_is_asked_once_whatever_it_answers(slept, monkeypatch):
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_response(503)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for model in ("owner/small", "owner/large"):
            with asking_the_hub(model):
                assert constants.HF_HUB_OFFLINE is False
        server.shutdown()
    assert len(asked) == 1
    assert slept == []


def test_the_answer_is_asked_for_again_after_a_minute(slept, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    asked = []
    monkeypatch.setattr(hub_reach, "_ask", lambda place: asked.append(place) or "away")
    for moment in (1000.0, 1030.0, 1061.0):
        now[0] = moment
        assert unreachable("owner/small") == "away"
    assert len(asked) == 2
