"""Work in a process of its own: what it says arrives with its figures."""

import pickle

from ftft.utils.line import Line, figures_of, prefixed
from ftft.utils.process import HowStopped, Launch, problem_of, saved_of

WORKER = """
import sys
from ftft.utils.line import Line
from ftft.utils.process import serve

def do(work, tell):
    print("a library's own words")
    print('{"loss": 0.1, "figures": 3}', file=sys.__stdout__, flush=True)
    tell(say=Line(f"half of {work.strip()}", step=3, seconds_left=1.5))
    tell(say="all of it")
    return "no room"

sys.exit(serve(do))
"""


def test_lines_with_figures(tmp_path, monkeypatch):
    (tmp_path / "their_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    heard = []
    problem = Launch("their_worker", 1).do("it", lambda key, text: heard.append((key, text)))
    assert problem == "no room"
    assert heard == [("say", "half of it"), ("say", "all of it")]
    assert [figures_of(text) for _, text in heard] == [{"step": 3, "seconds_left": 1.5}, {}]


STOPPED = """
import sys
from ftft.utils.process import serve
from ftft.utils.signals import Stopped

def do(work, tell):
    stop = Stopped(15)
    stop.stage, stop.saved = work.split()
    raise stop

sys.exit(serve(do))
"""


def test_what_a_stopped_process_has_saved_arrives_as_data(tmp_path, monkeypatch):
    (tmp_path / "stopped_worker.py").write_text(STOPPED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    problem = Launch("stopped_worker", 1).do("erm/seed-0 saved", lambda key, text: None)
    assert problem == "stopped; erm/seed-0 saved"
    for one in (problem, pickle.loads(pickle.dumps(problem))):
        assert saved_of("erm/seed-0", one) == "saved"
        assert saved_of("erm/seed-1", one) == ""
    assert saved_of("erm/seed-0", "stopped; erm/seed-0 saved") == "", "words say nothing"
    assert HowStopped() == "stopped; it starts over"


def test_something_before_a_line():
    assert prefixed("erm: ", "  done") == "erm: done"
    assert figures_of(prefixed("erm: ", Line(" step 3", step=3))) == {"step": 3}
    assert figures_of(None) == {}


def test_a_full_disk_is_called_one():
    def full():
        raise OSError(28, "No space left on device", "model.safetensors")

    assert problem_of(full).startswith("model.safetensors: cannot be written: No space left")

    def defect():
        raise ValueError("no number")

    assert problem_of(defect).startswith("unexpected ValueError: no number")
