"""What is wrong with the data sets of an experiment is said at once, whichever is read first."""

import pickle

import pytest

from ftft.config.data import DataConfig
from ftft.data.completions import load_completions
from ftft.data.load import load_data
from ftft.data.load_choices import load_choices
from ftft.data.messages import require_columns
from ftft.data.tagged import load_tagged
from ftft.data.unlabelled import read_unlabelled
from ftft.errors import DataError

TASKS = {
    "classification": (load_data, {"text": "wrong", "label": "other"}),
    "causal-lm": (load_completions, {"prompt": "wrong", "completion": "other"}),
    "multiple-choice": (load_choices, {"text": "wrong", "choices": ["b", "c"], "label": "other"}),
    "token-classification": (load_tagged, {"text": "wrong", "label": "other"}),
}


@pytest.mark.parametrize("task", TASKS)
def test_sets_are_looked_at_where_the_training_data_fail(write, tmp_path, task):
    load, keys = TASKS[task]
    path = str(write("rows.jsonl", '{"a": "x", "b": "y", "c": "z"}\n'))
    sets = {"test": {"gone": "gone.jsonl"}, "test_ood": {"far": path}}
    config = DataConfig.model_validate({"train": {"path": path, **keys}, **sets})
    with pytest.raises(DataError) as caught:
        load(config.resolved(tmp_path))
    train, gone, far = caught.value.problems
    for problem, start in ((train, "training data"), (far, "test_ood set 'far'")):
        assert problem.startswith(f"{start}: {path}: there is no column 'wrong', which ")
        assert "Nor is there a column 'other', which " in problem
    assert gone.startswith("test set 'gone': ")
    assert "does not exist" in gone
    assert str(caught.value) == f"3 problems:\n  - {train}\n  - {gone}\n  - {far}"
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_all_columns_of_a_file_in_one_message():
    wanted = {"txt": "'text'", "lab": "'label'", "id": "'id'"}
    with pytest.raises(DataError) as caught:
        require_columns(wanted, ["text", "kind", "id", "id"], "a.csv")
    assert str(caught.value) == (
        "a.csv: there is no column 'txt', which 'text' names. Did you mean 'text'? Nor is there a "
        "column 'lab', which 'label' names. The columns are: 'text', 'kind', 'id', 'id'. Also: the "
        "header names 2 columns 'id'; rename one of them, because it is not clear which one is "
        "meant."
    )


@pytest.mark.parametrize("content", ["title,review\na,b\n", "review\ngood film\n"])
def test_rows_to_predict_say_what_names_their_columns(write, content):
    path = write("new.csv", content)
    with pytest.raises(DataError, match=r"'text', which the model's run names\..* with --text"):
        read_unlabelled(path, ["text"], None, ["neg", "pos"], as_in_run=True)
    with pytest.raises(DataError) as caught:
        read_unlabelled(path, ["text"], "key", ["neg", "pos"])
    for words in ("no column 'key', which --id names", "column 'text', which --text names"):
        assert words in str(caught.value)
