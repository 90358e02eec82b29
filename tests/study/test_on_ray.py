"""The same study on a Ray cluster of this machine."""

import os
import shutil
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from ftft.config.study import Resources
from ftft.errors import ConfigError
from ftft.study import on_ray
from ftft.study.on_ray import Ray
from study_tools import content

CELL = "main/main/two/ambiguous-0.25-0.333333/seed-1"


RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
}


@pytest.fixture
def cluster(monkeypatch):
    """A cluster with two CPUs; skips where none can be started."""
    for name, value in RAY_ENVIRONMENT.items():
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


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of two nodes with one CPU each; skips where none can be started."""
    for name, value in RAY_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    from ray import cluster_utils

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    # That a node is lost is to be known after seconds, not half a minute.
    soon = {"health_check_period_ms": 1000, "health_check_failure_threshold": 5}
    try:
        head = {**node, "_system_config": soon}
        cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    except Exception as error:
        pytest.skip(f"ray cannot start here: {error}")
    try:
        other = cluster.add_node(**node)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        yield SimpleNamespace(lose=lambda: cluster.remove_node(other, allow_graceful=False))
    finally:
        cluster.shutdown()


def test_two_nodes_of_which_one_is_lost(grid, again, two_nodes):
    """Each has one of two trainings when one is lost; the other does both in the end."""
    import ray

    cells = [CELL.replace("seed-1", f"seed-{seed}") for seed in (0, 1)]
    for cell in cells:
        shutil.rmtree(again.folder / "tiny" / cell)
    places: list[str] = []

    def engine(opened, say):
        engine = Ray(opened.study.resources)
        places.extend(one["NodeID"] for one in ray.nodes() if one["Alive"])
        # Two CPUs there are, but on two machines.
        with pytest.raises(ConfigError, match=r"needs 2 CPUs"):
            on_ray._check_fits(ray, Resources(cpus=2))
        losing.start()
        return engine

    def lose() -> None:
        begun = [again.folder / "tiny" / cell / "stage.json" for cell in cells]
        last = time.monotonic() + 120
        while not all(record.exists() for record in begun) and time.monotonic() < last:
            time.sleep(0.05)
        two_nodes.lose()
        in_time.append(not all('"finished"' in record.read_text() for record in begun))

    in_time: list[bool] = []
    losing = threading.Thread(target=lose)
    finished = again.run(engine=engine)
    losing.join()
    assert len(places) == 2
    assert in_time == [True]
    assert finished.failures == {}
    assert again.trained == []
    assert content(again.folder / "study.json") == content(grid[0].folder / "study.json")


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'ftft\[ray\]'"):
        Ray(Resources())


class TestThatDoesNotStart:
    """A stand-in for Ray, which fails so only on a machine that is too busy."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch):
        monkeypatch.setattr(on_ray, "_START_SECONDS", 0.3)
        monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def start(self, monkeypatch, *, init=lambda **_: None, get=lambda *_, **__: None):
        task = SimpleNamespace(remote=lambda: "pending")
        ray = SimpleNamespace(
            init=init, get=get, remote=lambda **_: lambda _: task, is_initialized=lambda: False
        )
        monkeypatch.setattr(on_ray, "_ray", lambda: ray)
        before = time.monotonic()
        with pytest.raises(ConfigError) as caught:
            Ray(Resources())
        assert time.monotonic() - before < 20
        return str(caught.value)

    @pytest.mark.parametrize("kind", [Exception, RuntimeError, OSError, TypeError])
    def test_its_reason_is_given(self, monkeypatch, kind):
        def init(**_):
            raise kind("The current node timed out during\n startup.\n\nA long story.")

        said = self.start(monkeypatch, init=init)
        assert f"({kind.__name__}: The current node timed out during startup.)" in said
        assert "a cluster on this machine cannot be used" in said
        assert "`ray start --head`" in said

    def test_nor_fails(self, monkeypatch):
        never = threading.Event()
        said = self.start(monkeypatch, init=lambda **_: never.wait())
        never.set()
        assert "(it was not ready after 0.3 seconds)" in said

    def test_its_workers(self, monkeypatch):
        """Tasks are taken and never done."""

        def get(_, timeout):
            raise TimeoutError(f"Get timed out after {timeout} seconds")

        monkeypatch.setenv("RAY_ADDRESS", "there:6379")
        said = self.start(monkeypatch, get=get)
        assert "there:6379 cannot be used (TimeoutError: Get timed out after 0.3" in said
