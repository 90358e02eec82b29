"""The same study on a Ray cluster of this machine."""

import importlib.util
import os
import shutil
import sys

import pytest

from ftft.config.study import Resources
from ftft.errors import ConfigError
from ftft.execution.on_ray import Ray
from study_tools import content

CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"


@pytest.fixture
def cluster(monkeypatch):
    """A cluster with two CPUs; skips where none can be started."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed")
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    import ray

    try:
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80_000_000)
    except Exception as error:
        pytest.skip(f"ray cannot start here: {error}")
    yield ray
    ray.shutdown()


def test_the_same_results(grid, again, cluster):
    shutil.rmtree(again.folder / "tiny" / CELL)
    finished = again.run(engine=lambda opened, say: Ray(opened.study.resources))
    assert finished.failures == {}
    assert again.trained == []  # none of it here
    assert content(again.folder / "study.json") == content(grid[0].folder / "study.json")
    assert cluster.is_initialized(), "a cluster that was there before is left alone"
    with pytest.raises(ConfigError, match=r"needs 64 CPUs and 0 GPUs.*2 CPUs, 0 GPUs"):
        Ray(Resources(cpus=64))


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'ftft\[ray\]'"):
        Ray(Resources())
