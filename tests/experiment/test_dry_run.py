"""What a run would do, said before it does it."""

import re
import shutil

import pytest
import torch

from ftft import load_experiment
from ftft import run as run_pipeline
from ftft.config.methods import BASELINES, METHODS
from ftft.experiment.dry_run import foresee
from ftft.experiment.validate import check, slice_notes
from ftft.tasks.classification import CLASSIFICATION

ASKED = ("baselines=[erm, erm_budget, random]",)


def files(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def foreseen(home, folder, *overrides, **ways):
    experiment, said = load_experiment(home / "experiment.yaml", (*ASKED, *overrides)), []
    found = foresee(experiment, check(experiment, str(folder)), str(folder), said.append, **ways)
    return found, said


def test_of_a_new_folder_all_is_to_do_and_nothing_is_made(finished, tmp_path):
    found, said = foreseen(finished, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert [one.name for one in found.trainings] == [
        *("reference/seed-0", "main/seed-0", "erm/seed-0", "erm_budget/seed-0", "random/seed-0")
    ]
    assert not any(one.reused for one in found.trainings)
    assert said == []
    steps = {one.name.partition("/")[0]: one.steps for one in found.trainings}
    assert steps["reference"] == steps["erm"] == 12
    assert steps["main"] == steps["random"] == 4
    assert all(one.flops > 0 for one in found.trainings)
    flops = {one.name.partition("/")[0]: one.flops for one in found.trainings}
    assert found.share_of_erm == (flops["reference"] + flops["main"]) / flops["erm"]
    alone, _ = foreseen(finished, tmp_path / "new", "baselines=[random]")
    assert alone.share_of_erm is None


def test_tokens_are_counted_and_not_made(finished, tmp_path, monkeypatch):
    asked = "baselines=[erm, erm_budget, random_budget]"
    expected, _ = foreseen(finished, tmp_path / "new", asked)

    def refused(*given):
        raise AssertionError("tokens were made")

    with monkeypatch.context() as patch:
        patch.setattr(CLASSIFICATION, "tokenize", refused)
        found, _ = foreseen(finished, tmp_path / "new", asked)
    assert found == expected
    # What counts the tokens says the same as what makes them.
    monkeypatch.delattr(type(CLASSIFICATION), "token_lengths")
    found, _ = foreseen(finished, tmp_path / "new", asked)
    assert found == expected


def test_every_baseline_is_foreseen_and_what_several_share_once(finished, tmp_path):
    asked = f"baselines=[{', '.join(BASELINES)}]"
    found, said = foreseen(finished, tmp_path / "new", asked)
    names = [one.name.partition("/")[0] for one in found.trainings]
    assert names == ["reference", "main", *(METHODS[key].stages["main"] for key in BASELINES)]
    # Of a finished run the trainings are reused that are in it, and each reason is given once.
    found, said = foreseen(finished, finished / "run", asked, "main.epochs=4")
    assert [one.name for one in found.trainings if one.reused] == ["reference/seed-0"]
    assert len(said) == len({*said})
    assert sum(line.startswith("erm/seed-0: again: ") for line in said) == 1
    by_name = {one.name.partition("/")[0]: one for one in found.trainings}
    spent = by_name["reference"].flops + by_name["main"].flops
    assert by_name["erm_budget"].flops == pytest.approx(spent, rel=0.1)
    assert by_name["random_budget"].steps == by_name["erm_budget"].steps


@pytest.mark.parametrize(
    "overrides",
    [(), ("main.budget=0.5",), ("selection.fraction=0.5", "seeds=[0]"), ("reference.epochs=4",)],
)
def test_what_it_says_is_what_then_happens(finished, tmp_path, overrides):
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    before = files(folder)
    found, said = foreseen(finished, folder, *overrides)
    assert files(folder) == before
    experiment, lines = load_experiment(finished / "experiment.yaml", (*ASKED, *overrides)), []
    run_pipeline(experiment, str(folder), lines.append)
    names = {one.name for one in found.trainings}
    trained = {name for name in names if any(f"{name}: training" in line for line in lines)}
    expected = {one.name for one in found.trainings if not one.reused}
    if not overrides:
        assert expected == set()
    assert trained <= expected, "nothing is run that was said to be reused"
    # What depends on a figure that is not known yet, such as a cost, may turn out to be as it was.
    assert expected - trained <= {"main/seed-0", "erm_budget/seed-0"}
    again = [line for line in lines if ": again: " in line]
    assert {line for line in said if ": again: " in line} <= {*again}


def test_texts_that_are_cut_are_counted(finished, tmp_path):
    found, _ = foreseen(finished, tmp_path / "new", "main.max_length=8")
    cut = list(found.cut.values())
    lines = (finished / "train.csv").read_text().splitlines()[1:]
    words = [len(line.split(",")[1].split()) for line in lines]
    assert cut == [0, sum(count + 2 > 8 for count in words)]


def test_the_time_of_several_at_a_time(ftft, finished, monkeypatch):
    changed = "main.learning_rate=1e-4"  # only the reference is reused
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    alone, _ = foreseen(finished, finished / "run", changed)
    beside, _ = foreseen(finished, finished / "run", changed, jobs=2)
    each = {one.name.partition("/")[0]: one.flops for one in beside.trainings if not one.reused}
    # ERM beside main model and ERM at its cost, then the random subset.
    chains = [each["erm"], each["main"] + each["erm_budget"], each["random"]]
    packed = min(max(sum(chains) - one, one) for one in chains)
    assert beside.seconds == pytest.approx(alone.seconds * packed / sum(chains))
    line = ["run", finished / "experiment.yaml", "-o", finished / "run", "--dry-run", "--jobs", "2"]
    asked = [*line, "--set", ASKED[0], "--set", changed]
    how = " 2 at a time, each with its share of the cores, the start of processes not counted, by "
    assert how in ftft(*asked).out
    # Nothing there was trained with as few threads, which says nothing of these.
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads() + 1))
    said = ftft(*asked).out
    assert "by the speed" not in said
    assert (
        "2 at a time, sharing the machine, is not known before a training has finished here" in said
    )
    assert "is not known" not in ftft(*line, "--set", ASKED[0]).out, "there is nothing to do"


def test_on_the_command_line(ftft, finished, tmp_path):
    line = (
        "run",
        finished / "experiment.yaml",
        "-o",
        finished / "run",
        "--set",
        ASKED[0],
        "--dry-run",
    )
    before = files(finished)
    said = ftft(*line, "--set", "main.budget=0.5")
    assert said.code == 0
    assert files(finished) == before
    assert "main/seed-0: again: main.budget in steps was 4, is 6" in said.err
    assert "texts cut for" in said.out
    # What ERM at FTFT's cost takes is known once FTFT is run; operations are an estimate.
    assert "to do: 3 trainings, about " in said.out
    assert re.search(r"FTFT takes about \d+% of ERM's FLOPs", said.out)
    assert re.search(r"erm_budget/seed-0 *\S *to do *\S *about \d+ ", said.out)
    assert (
        "to do: 2 trainings, at most "
        in ftft(*line, "--set", "baselines=[erm, random]", "--set", "main.budget=0.5").out
    )
    assert "nothing to train: all trainings are finished" in ftft(*line).out
    new = ftft(
        "run", finished / "experiment.yaml", "-o", tmp_path / "new", "--dry-run", "--replace"
    )
    assert new.code == 0
    assert "would be moved" not in new.err, "there is nothing to move"
    refused = ftft(*line, "--force-stage", "main")
    assert refused.code == 2
    assert "--dry-run runs nothing" in refused.err


def test_slices_that_test_sets_do_not_take_over_are_noted(experiment_file):
    overrides = ["data.train.slices=[source]"]
    (note,) = slice_notes(load_experiment(experiment_file, overrides))
    assert "so test is not scored by slice" in note  # the set ood names its own
    assert note.endswith("as in {test: {slices: [source]}}")
    overrides += ["data.test.test.slices=[source]"]
    assert list(slice_notes(load_experiment(experiment_file, overrides))) == []
    assert list(slice_notes(load_experiment(experiment_file))) == []
