"""The documentation names every key there is, and links to files that exist."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from ftft.cli.app import app
from ftft.config.data import DataConfig, DataSource, EvaluationSet
from ftft.config.load import load_experiment
from ftft.config.schema import Experiment, Main, Map, Recording, Reference, Selection
from ftft.config.study import DataSet, Grid, Resources, StudyFile

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
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


def test_the_experiment_of_the_readme_is_one(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"A whole experiment:\n\n```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "experiment.yaml").write_text(block, encoding="utf-8")
    experiment = load_experiment(tmp_path / "experiment.yaml")
    assert experiment.data.test["same-site"].label == experiment.data.train[0].label


@pytest.mark.parametrize("task", ["multiple-choice", "named-entities", "prompt-completion"])
def test_the_guides_to_tasks_that_predict_refuses_say_so(task):
    text = (ROOT / f"docs/guides/{task}.md").read_text(encoding="utf-8")
    assert re.search(r"but `ftft predict`|`ftft predict` gives [^.]*, so it refuses", text)


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_linked_to_is_there(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def command_lines(page):
    """The calls of ``ftft`` in a page's shell blocks, as words."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, flags=re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    calls = [line[line.index("ftft") + 1 :] for line in words if "ftft" in line]
    return [call for call in calls if call and re.fullmatch(r"[a-z-]+", call[0])]


def test_the_pages_hold_command_lines():
    assert sum(len(command_lines(page)) for page in PAGES) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_of_a_page_exist(page):
    commands = get_command(app).commands
    for name, *arguments in command_lines(page):
        if name not in commands:
            assert name in ("install", "pip"), f"ftft {name}"
            continue
        known = {option for parameter in commands[name].params for option in parameter.opts}
        given = {word.partition("=")[0] for word in arguments if word.startswith("-")}
        assert given <= known | {"--help", "-h"}, f"ftft {name}"
