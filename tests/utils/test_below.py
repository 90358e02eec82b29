"""What lies below a folder, for messages."""

import os

from ftft.utils import below


def test_no_more_folders_are_looked_into_than_the_limit_says(tmp_path, monkeypatch):
    for number in range(30):
        (tmp_path / str(number % 6) / str(number)).mkdir(parents=True)
    looked_into = []
    scandir = os.scandir

    def counted(folder):
        looked_into.append(folder)
        return scandir(folder)

    monkeypatch.setattr(below, "_SEARCHED", 4)
    monkeypatch.setattr(below.os, "scandir", counted)
    assert below.files_below(tmp_path, "config.json") == []
    assert len(looked_into) == 4
