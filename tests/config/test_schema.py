"""The experiment as a Python object: frozen, strict, and with names that tables can show."""

import pytest
from pydantic import ValidationError

from ftft.config.schema import Experiment, FineTuning, Main, Reference, Selection
from ftft.data.load import load_data


def experiment(**changes):
    values = {
        "name": "small",
        "data": {"train": {"path": "a.csv", "text": "t", "label": "y"}},
        "reference": {"model": "owner/small"},
        "main": {"model": "owner/large"},
    }
    return Experiment.model_validate(values | changes)


def test_frozen_all_the_way_down():
    made = experiment()
    for part, name in ((made, "name"), (made.main, "budget"), (made.selection, "fraction")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, getattr(part, name))


def test_label_says_how_many_layers_were_kept():
    assert FineTuning(model="owner/small").label == "owner/small"
    assert FineTuning(model="owner/small", layers=3).label == "owner/small (3 layers)"


@pytest.mark.parametrize("model", ["", "  ", None, 7])
def test_a_model_has_a_name(model):
    with pytest.raises(ValidationError, match="model"):
        FineTuning(model=model)


def test_reference_and_main_have_keys_of_their_own():
    with pytest.raises(ValidationError, match="budget"):
        Reference(model="m", budget=0.5)
    with pytest.raises(ValidationError, match="recording"):
        Main(model="m", recording={})


def test_label_options_exclude_each_other():
    with pytest.raises(ValidationError, match="exclude each other"):
        Selection(keep_label_proportions=True, balance_labels=True)


def test_every_field_of_every_section_refuses_the_unknown():
    made = experiment()
    for name in ("reference", "main", "map", "selection", "dm"):
        with pytest.raises(ValidationError, match="Extra inputs"):
            type(getattr(made, name)).model_validate({"model": "m", "nonsense": 1})


def test_defaults_are_valid_themselves():
    made = experiment()
    again = Experiment.model_validate(made.model_dump())
    assert again == made


def test_resolving_twice_changes_nothing(tmp_path):
    once = experiment(main={"model": "./large"}).resolved(tmp_path)
    assert once.main.model == str(tmp_path / "large")
    assert once.resolved("/elsewhere") == once


def test_relative_paths_without_a_file_count_from_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("t,y\n" + "".join(f"text {i},{i % 2}\n" for i in range(20)))
    assert len(load_data(experiment().data).train) == 18


def test_a_model_name_that_no_file_can_have_is_left_as_it_is(tmp_path):
    settings = FineTuning(model="x" * 300, learning_rate=1e-3, epochs=1)
    assert settings.resolved(tmp_path).model == "x" * 300
