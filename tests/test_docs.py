"""The documentation names every key there is, and links to files that exist."""

import re
from pathlib import Path

import pytest

from ftft.config.data import DataConfig, DataSource, EvaluationSet
from ftft.config.schema import Experiment, Main, Map, Recording, Reference, Selection
from ftft.config.study import DataSet, Grid, Resources, StudyFile

ROOT = Path(__file__).parents[1]
SECTIONS = [
    Experiment,
    DataConfig,
    DataSource,
    EvaluationSet,
    Reference,
    Main,
    Recording,
    Map,
    Selection,
]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_the_experiment_file_is_documented(section):
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(?:\w+\.)*(\w+)`", text))
    assert set(section.model_fields) - {"recording", "dm"} <= documented


@pytest.mark.parametrize("section", [StudyFile, Grid, DataSet, Resources])
def test_every_key_of_a_study_file_is_documented(section):
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(?:\w+\.)*(\w+)`", text))
    assert set(section.model_fields) - {"grid", "resources"} <= documented


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_every_file_that_is_linked_to_is_there(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
