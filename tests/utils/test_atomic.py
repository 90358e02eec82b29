"""Folders are there whole or not at all; files are in ``tests/workspace/test_workspace.py``."""

import os

import pytest

from ftft.errors import SharingError
from ftft.utils.atomic import atomic_path


def make(folder):
    (folder / "inside").mkdir(parents=True)
    (folder / "inside/file").write_text("whole")


def test_a_new_folder_is_there_at_the_end_and_nothing_beside_it(tmp_path):
    with atomic_path(tmp_path / "deep/new") as temporary:
        make(temporary)
        assert not (tmp_path / "deep/new").exists()
    assert (tmp_path / "deep/new/inside/file").read_text() == "whole"
    assert os.listdir(tmp_path / "deep") == ["new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x")])
def test_what_goes_wrong_leaves_nothing(tmp_path, error):
    def write():
        with atomic_path(tmp_path / "new") as temporary:
            make(temporary)
            raise error

    with pytest.raises(type(error)):
        write()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_holds_something_is_never_replaced(tmp_path):
    make(tmp_path / "old")
    with (
        pytest.raises(SharingError, match=r"old cannot be written: .*not empty"),
        atomic_path(tmp_path / "old", SharingError) as temporary,
    ):
        temporary.mkdir()
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old/inside/file").read_text() == "whole"


def test_every_file_of_a_folder_is_brought_to_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("ftft.utils.atomic.sync_file", lambda path: synced.append(path.name))
    with atomic_path(tmp_path / "new") as temporary:
        make(temporary)
    assert synced == ["file"]
