"""A run is not written into a folder that is known to be something else."""

import pytest

from ftft.errors import WorkspaceError
from ftft.workspace.layout import check_foreign


@pytest.mark.parametrize(
    ("name", "what"),
    [("header.json", "a folder of training dynamics"), ("stage.json", "the folder of a stage")],
)
def test_is_refused(tmp_path, name, what):
    (tmp_path / name).write_text("{}")
    with pytest.raises(WorkspaceError, match=f"is {what}, as its {name} says, and no run folder"):
        check_foreign(tmp_path)


def test_the_names_are_those_that_are_written():
    from ftft.dynamics.header import HEADER_NAME
    from ftft.workspace.stage_record import RECORD_NAME

    assert {HEADER_NAME, RECORD_NAME} == {"header.json", "stage.json"}
