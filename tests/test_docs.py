"""The documentation names every key there is."""

from pathlib import Path

import pytest

from ftft.config.data import DataConfig, DataSource, EvaluationSet
from ftft.config.schema import Experiment, Main, Map, Recording, Reference, Selection

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "section",
    [Experiment, DataConfig, DataSource, EvaluationSet, Reference, Main, Recording, Map, Selection],
)
def test_every_key_of_the_experiment_file_is_documented(section):
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    missing = [
        key for key in section.model_fields if f"`{key}`" not in text and f".{key}`" not in text
    ]
    missing = [key for key in missing if f"`{key}" not in text]
    assert not missing


def test_every_file_the_readme_links_to_is_there():
    import re

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
