"""A baseline is one entry of the table of methods and one function."""

import shutil
import sys
from dataclasses import replace

import pytest

from ftft import load_experiment
from ftft import run as run_pipeline
from ftft.config.methods import BASELINES, METHODS, TRAINED_BY
from ftft.errors import ConfigError
from ftft.experiment import methods
from ftft.experiment.collect import method_run
from ftft.experiment.dry_run import foresee
from ftft.experiment.selections import select_at_random
from ftft.experiment.trainings import train_main
from ftft.experiment.validate import check
from ftft.results.verdict import verdict

NEW = replace(
    METHODS["random"],
    key="another",
    title="another subset",
    stages={"selection": "another-selection", "main": "another"},
    rival="another random subset of the same size",
)


def another(stages, seed, _):
    """The one function: a random subset of a seed of its own."""
    selection = select_at_random(stages, "another-selection", seed)
    main = train_main(stages, "another", selection, seed)
    return method_run(stages, "another", seed, main, selection)


@pytest.fixture
def with_entry(monkeypatch):
    """The entry in the table, as all modules see it that were loaded before."""
    rest = {key: METHODS[key] for key in METHODS if key != "ftft"}
    last = replace(METHODS["ftft"], compared_to=(*METHODS["ftft"].compared_to, "another"))
    table = {**rest, "another": NEW, "ftft": last}
    monkeypatch.setitem(TRAINED_BY, "another", NEW)
    for name, module in list(sys.modules.items()):
        if name.startswith("ftft.") and vars(module).get("BASELINES") is BASELINES:
            monkeypatch.setattr(module, "BASELINES", (*BASELINES, "another"))
    monkeypatch.setitem(methods.BASELINES, "another", another)
    before = dict(METHODS)
    METHODS.clear()
    METHODS.update(table)
    yield
    # Not by monkeypatch, which would put them back in another order, and tables have this one.
    METHODS.clear()
    METHODS.update(before)


def test_it_is_checked_foreseen_run_compared_and_shown(finished, tmp_path, with_entry):
    home, asked = finished, "baselines=[erm, another]"
    folder = shutil.copytree(home / "run", tmp_path / "run")
    experiment = load_experiment(home / "experiment.yaml", (asked,))
    found = foresee(experiment, check(experiment, str(folder)), str(folder), print)
    assert [(one.name, one.reused) for one in found.trainings] == [
        *((f"{kind}/seed-0", True) for kind in ("reference", "main", "erm")),
        ("another/seed-0", False),
    ]
    results = run_pipeline(experiment, str(folder), print)
    assert [row.cell.method for row in results.rows] == ["erm", "another", "ftft"]
    assert "another subset" in results._repr_html_()
    assert "another subset" in (folder / "report.html").read_text()
    assert any(NEW.rival in remark for remark in verdict(results).remarks)


def test_without_the_entry_it_is_refused(finished):
    with pytest.raises(ConfigError, match="another"):
        load_experiment(finished / "experiment.yaml", ("baselines=[another]",))
