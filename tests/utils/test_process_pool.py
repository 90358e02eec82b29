"""Several processes at a time: the GPU and the threads that each sees."""

import os
import stat

import pytest

from ftft.utils.process_pool import ProcessPool, cores


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Gives what processes see, where they are shell scripts."""
    script = """#!/bin/sh
read work
printf '{"say": "%s gpu=%s threads=%s %s"}\\n' \
  "$work" "$CUDA_VISIBLE_DEVICES" "$OMP_NUM_THREADS" "jobs=$FTFT_JOBS"
echo '{"problem": null}'
# As long as any other starts.
left=400
while [ "$(ls "$0".* | wc -l)" -lt 3 ] && [ $left -gt 0 ]; do
  touch "$0.$work"; sleep 0.05; left=$((left - 1))
done
"""
    python = tmp_path / "python"
    python.write_text(script)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def of(**ways):
        said: list[str] = []
        pool: ProcessPool[str] = ProcessPool(3, "module", said.append, **ways)
        for work in "abc":
            pool.submit(work, work, lambda _, text: said.append(text))
        ended = []
        while len(ended) < 3:
            ended += pool.wait()
        pool.close(stopped=False)
        assert sorted(one.key for one in ended) == ["a", "b", "c"]
        assert {one.problem for one in ended} == {None}
        return sorted(line.partition(" ")[2] for line in said)

    return of


def test_each_has_a_gpu_to_itself(seen, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 7")
    # The third shares one.
    found = [line.partition(" ")[0] for line in seen()]
    assert found == ["gpu=4", "gpu=4", "gpu=7"]


@pytest.mark.parametrize("visible", ["", "5"])
def test_there_is_nothing_to_share_out(seen, monkeypatch, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert {line.partition(" ")[0] for line in seen()} == {f"gpu={visible}"}


def test_gpus_that_no_variable_names(seen, monkeypatch):
    import torch

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [line.partition(" ")[0] for line in seen()] == ["gpu=0", "gpu=0", "gpu=1"]


def test_the_cores_are_shared(seen):
    threads = {line.partition(" ")[2] for line in seen()}
    assert threads == {f"threads={max(1, cores() // 3)} jobs=3"}
    assert {line.partition(" ")[2] for line in seen(threads=5)} == {"threads=5 jobs=3"}


def test_another_machine_has_its_own_gpus(seen, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.setenv("FTFT_JOBS", "2")  # of this machine
    found = seen(command=["/usr/bin/env", "HERE=1"])
    assert {line.partition(" ")[0] for line in found} == {"gpu=4,7"}
    assert {line.rpartition(" ")[2] for line in found} == {"jobs="}, "how many is not known there"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"


def test_what_was_not_begun_is_not_waited_for(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 60\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("sys.executable", str(python))
    said: list[str] = []
    pool: ProcessPool[str] = ProcessPool(1, "module", said.append)
    for work in "ab":
        pool.submit(work, work, lambda _, text: None)
    pool.close(stopped=True)
    # Whichever had been started; it was stopped before it could say what it saved.
    assert {one.problem for one in pool.wait()} <= {"stopped; it starts over"}
    assert pool.wait() == []
    assert said == ["waiting for checkpoints; Ctrl-C stops at once"]
